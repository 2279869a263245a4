"""Opening PDF files and rendering their pages.

pdfium keeps one state for all threads: every call into it is made under ``LOCK``. Pages, text
pages and bitmaps are closed as soon as they were used, so memory does not grow with the pages.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from vlkit.document import Affine, Box, Line
from vlkit.errors import DamagedInput, EncryptedInput, InputError
from vlkit.images import Limits, PageImage, Pixels
from vlkit.pdf.glyphs import read_glyphs
from vlkit.pdf.objects import PageObjects, centre, contains, scan_objects
from vlkit.pdf.symbols import name_bullets
from vlkit.pdf.words import assemble
from vlkit.text_layer import TextContent, TextLayer

LOCK = threading.RLock()

RENDER_DPI = 200.0
"""For pages that are not scans: 10 point text gets 28 pixels per em."""
SCAN_DPI = (72.0, 400.0)
"""Scans are rendered at their own resolution within these bounds."""
_SHOWN_ANNOTATIONS = (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP)


class PdfFile:
    """A PDF file, open until ``close``; also a context manager.

    Args:
        source: The path, or the file's bytes.
        password: Opens an encrypted file.
        name: What errors call the file; the path by default.
        max_pixels: A page with more is rendered smaller.

    Raises:
        EncryptedInput: It needs a password, or another one.
        DamagedInput: It is empty, no PDF, damaged beyond repair, or has no page.
        InputError: There is no such file.
    """

    def __init__(
        self,
        source: Path | str | bytes,
        *,
        password: str | None = None,
        name: str | None = None,
        max_pixels: int = Limits.page_pixels,
    ) -> None:
        self.name = name or (None if isinstance(source, bytes) else str(source))
        self.max_pixels = max_pixels
        with LOCK:
            self._pdf = _open(source, password, self.name)
            try:
                self._pdf.init_forms()
                self._count = len(self._pdf)
            except pdfium.PdfiumError as error:
                self._pdf.close()
                raise self._damaged() from error
        if self._count == 0:
            self.close()
            raise DamagedInput("the PDF has no page", file=self.name)

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> PdfFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Pages that were not rendered yet can't be any more."""
        with LOCK:
            self._pdf.close()

    def metadata(self) -> dict[str, str]:
        """Title, author and what else the file says of itself; no empty entries."""
        with LOCK:
            found: dict[str, str] = self._pdf.get_metadata_dict(skip_empty=True)
        return found

    def pages(self, numbers: Sequence[int] | None = None) -> Iterator[PageImage]:
        """The pages of those numbers (1-based), all by default.

        Raises:
            DamagedInput: A page can't be loaded.
        """
        for number in numbers or range(1, self._count + 1):
            yield self.page(number)

    def page(self, number: int) -> PageImage:
        """One page, by its 1-based number; nothing is rendered yet.

        Raises:
            InputError: There is no such page.
            DamagedInput: It can't be loaded.
        """
        if not 1 <= number <= self._count:
            raise InputError(
                f"there is no page {number}", remedy=f"Pages go from 1 to {self._count}"
            ).at(file=self.name)
        with self._loaded(number) as page:
            width, height = page.get_size()
            to_display = _to_display(page)
            if not (width > 0 and height > 0 and math.isfinite(width * height)):
                raise self._damaged(number)
            objects = scan_objects(page, to_display)
        dpi = _dpi(objects, width, height, self.max_pixels)
        return PageImage(
            number=number,
            width=width,
            height=height,
            unit="point",
            render=lambda: self._render(number, dpi / 72),
            scale=dpi / 72,
            dpi=dpi,
            to_source=_invert_quarter(to_display),
            text_layer=TextLayer(lambda: self._read(number)),
        )

    def _render(self, number: int, scale: float) -> Pixels:
        with self._loaded(number) as page:
            try:
                bitmap = page.render(scale=scale, rev_byteorder=True, limit_image_cache=True)
            except (pdfium.PdfiumError, MemoryError, ValueError) as error:
                raise self._damaged(number) from error
            try:
                pixels = np.array(bitmap.to_numpy()[..., :3], dtype=np.uint8, order="C")
            finally:
                bitmap.close()
        return pixels

    def _read(self, number: int) -> TextContent:
        with self._loaded(number) as page:
            to_display = _to_display(page)
            objects = scan_objects(page, to_display)
            try:
                textpage = page.get_textpage()
            except pdfium.PdfiumError:
                return TextContent(pictures=objects.pictures, drawings=objects.drawings)
            try:
                read = read_glyphs(textpage, to_display, page.get_size(), objects)
            finally:
                textpage.close()
        lines = assemble([glyph for glyph in read.glyphs if not glyph.hidden])
        hidden = assemble([glyph for glyph in read.glyphs if glyph.hidden])
        name_bullets(lines)
        return TextContent(
            lines=lines,
            hidden=_legible(hidden, lines, objects.pictures),
            pictures=objects.pictures,
            drawings=objects.drawings,
            unmapped=read.unmapped,
        )

    @contextmanager
    def _loaded(self, number: int) -> Iterator[pdfium.PdfPage]:
        """The page as it is shown: form fields and annotations are part of its content."""
        with LOCK:
            page = self._load(number)
            try:
                if self._pdf.formenv and _has_shown_annotations(page):
                    page.flatten()
                    page.close()
                    page = self._load(number)
                yield page
            except pdfium.PdfiumError as error:
                raise self._damaged(number) from error
            finally:
                page.close()

    def _load(self, number: int) -> pdfium.PdfPage:
        try:
            return self._pdf.get_page(number - 1)
        except pdfium.PdfiumError as error:
            raise self._damaged(number) from error

    def _damaged(self, number: int | None = None) -> DamagedInput:
        what = "the PDF" if number is None else "this page of the PDF"
        return DamagedInput(
            f"{what} is damaged", remedy="Get the file again", file=self.name, page=number
        )


def _open(source: Path | str | bytes, password: str | None, name: str | None) -> pdfium.PdfDocument:
    if isinstance(source, bytes):
        size = len(source)
    else:
        source = Path(source)
        if not source.is_file():
            raise InputError("there is no such file", file=name)
        size = source.stat().st_size
    if size == 0:
        raise DamagedInput("the PDF is empty", remedy="Get the file again", file=name)
    try:
        return pdfium.PdfDocument(source, password=password)
    except pdfium.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            problem = "the password is wrong" if password else "the PDF is encrypted"
            remedy = "Give its password (--password, or password=...)"
            raise EncryptedInput(problem, remedy=remedy, file=name) from error
        raise DamagedInput(
            "the PDF is damaged, or none at all", remedy="Get the file again", file=name
        ) from error


def _legible(hidden: list[Line], lines: list[Line], pictures: list[Box]) -> list[Line]:
    """Hidden lines that say what a picture shows, and not once more what text says."""
    return [
        line
        for line in hidden
        if any(contains(picture, centre(line.box)) for picture in pictures)
        and not any(contains(shown.box, centre(line.box)) for shown in lines)
    ]


def _has_shown_annotations(page: pdfium.PdfPage) -> bool:
    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        raw.FPDFPage_CloseAnnot(annotation)
        if kind not in _SHOWN_ANNOTATIONS:
            return True
    return False


def _to_display(page: pdfium.PdfPage) -> Affine:
    """PDF user space → the page as shown, origin top-left, y down."""
    left, bottom, right, top = page.get_bbox()
    match page.get_rotation():
        case 90:
            return (0.0, 1.0, 1.0, 0.0, -bottom, -left)
        case 180:
            return (-1.0, 0.0, 0.0, 1.0, right, -bottom)
        case 270:
            return (0.0, -1.0, -1.0, 0.0, top, right)
    return (1.0, 0.0, 0.0, -1.0, -left, top)


def _invert_quarter(matrix: Affine) -> Affine:
    """The inverse of a map that turns by quarters and mirrors, without rounding."""
    a, b, c, d, e, f = matrix
    return (a, c, b, d, -(a * e + b * f), -(c * e + d * f))


def _dpi(objects: PageObjects, width: float, height: float, max_pixels: int) -> float:
    """A scan's own resolution; else one at which text is big enough to be read."""
    dpi = RENDER_DPI
    own = objects.scan_dpi((0, 0, width, height))
    if own:
        low, high = SCAN_DPI
        dpi = max(own, low)
        # A whole fraction keeps the sampling even.
        dpi /= math.ceil(dpi / high)
    return min(dpi, 72 * math.sqrt(max_pixels / (width * height)))
