"""Searchable PDF: what the pages look like, with an invisible text layer over it.

Of a PDF the pages stay what they are; those that were read by OCR get a text layer, and lose an
invisible one that they had. Where OCR read what the page also holds as visible text, the page
becomes a picture, or every word would be found twice. Pictures become pages of their own size.
"""

from __future__ import annotations

import io
import os
from collections.abc import Set
from contextlib import closing
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from vlkit.document import Document, Page
from vlkit.export.pdf_text import TextLayer
from vlkit.export.pdf_writer import PdfWriter, real, text_string
from vlkit.export.pictures import add_picture, page_images
from vlkit.export.xml import software
from vlkit.geometry import Affine, compose
from vlkit.images import PageImage
from vlkit.pdf.file import LOCK
from vlkit.sources import open_source

# The long side of A4 in points: the size of a page whose picture has no resolution.
_A4 = 842.0

_TEXT_ENGINE = "pdf-text"
# Visible text of at least this share of the characters read is what was read; less is a stamp.
_SAME_TEXT = 0.1


def to_pdf(document: Document) -> bytes:
    """The pages with their text to search and to copy.

    Raises:
        InputError: The document's source is not known, or gone.
    """
    original = _original_pdf(document)
    return _from_pictures(document) if original is None else _stamped(document, original)


def _from_pictures(document: Document) -> bytes:
    sheets = _Sheets(document.name)
    for page, image in page_images(document):
        sheets.add(page, image)
    return sheets.finish()


class _Sheets:
    """A PDF that grows by pages."""

    def __init__(self, title: str) -> None:
        self.writer = PdfWriter()
        self.layer = TextLayer()
        self.title = title
        self.tree = self.writer.reserve()
        self.font = self.writer.reserve()
        self.pages: list[int] = []

    def add(self, page: Page, image: PageImage | None) -> None:
        """A page of the picture's size with the picture; a blank A4 page where there is none."""
        width, height = (image.width, image.height) if image else (_A4 / 2**0.5, _A4)
        scale = _points_per_unit(page, image)
        size = (width * scale, height * scale)
        # The text was placed on the page as it was read; a copy of its picture may be larger.
        x = size[0] / page.width if page.width else 1.0
        y = size[1] / page.height if page.height else 1.0
        to_user: Affine = (x, 0.0, 0.0, -y, 0.0, size[1])
        picture = add_picture(self.writer, image) if image else None
        self.add_sheet(size, self.layer.content(page, to_user), picture)

    def add_sheet(
        self,
        size: tuple[float, float],
        text: bytes,
        picture: int | None = None,
        place: Affine | None = None,
    ) -> None:
        """A page of that size in points, with a content stream of text over a picture.

        Args:
            place: Takes the unit square, y up, to where the picture lies; the whole page if None.
        """
        width, height = real(size[0]), real(size[1])
        content = text
        pictures = ""
        if picture:
            matrix = " ".join(map(real, place or (size[0], 0.0, 0.0, size[1], 0.0, 0.0)))
            content = f"q {matrix} cm /I Do Q\n".encode("ascii") + text
            pictures = f" /XObject << /I {picture} 0 R >>"
        stream = self.writer.add_deflated(content)
        self.pages.append(
            self.writer.add(
                f"<< /Type /Page /Parent {self.tree} 0 R /MediaBox [0 0 {width} {height}]"
                f" /Contents {stream} 0 R"
                f" /Resources << /Font << /F {self.font} 0 R >>{pictures} >> >>"
            )
        )

    def finish(self) -> bytes:
        self.layer.write_font(self.writer, self.font)
        kids = " ".join(f"{number} 0 R" for number in self.pages)
        self.writer.set(self.tree, f"<< /Type /Pages /Count {len(self.pages)} /Kids [{kids}] >>")
        root = self.writer.add(f"<< /Type /Catalog /Pages {self.tree} 0 R >>")
        info = self.writer.add(
            f"<< /Title {text_string(self.title)} /Producer {text_string(software())} >>"
        )
        return self.writer.finish(root, info)


def _points_per_unit(page: Page, image: PageImage | None) -> float:
    """Of a page measured in pixels: from its resolution, or so that it fits A4."""
    if image is None:
        return 1.0
    if image.dpi:
        # The resolution is that of the picture as decoded, which may be reduced.
        return 72 * image.scale / image.dpi
    return _A4 / max(image.width, image.height)


def _original_pdf(document: Document) -> bytes | None:
    """The source's bytes, if it is a PDF."""
    source = document.source
    data = b""
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        data = path.read_bytes() if path.is_file() else b""
    elif isinstance(source, io.IOBase) and source.seekable():
        source.seek(0)
        data = source.read()
    return data if b"%PDF-" in data[:1024] else None


def _stamped(document: Document, original: bytes) -> bytes:
    """The original's pages of the document, with text on those that were read by OCR."""
    read = [page for page in document.pages if _was_recognised(page)]
    sheets = _Sheets(document.name)
    with LOCK, closing(pdfium.PdfDocument(original, password=document.password)) as pdf:
        others = set(range(len(pdf))) - {page.number - 1 for page in document.pages}
        if not read and not others:
            return original
        doubled = {page.number for page in read if _shows_its_text(pdf[page.number - 1], page)}
        pictures = _add_pictures(sheets.writer, document, doubled)
        for page in read:
            left, bottom, right, top = pdf[page.number - 1].get_mediabox()
            to_sheet = compose(page.to_source, (1.0, 0.0, 0.0, 1.0, -left, -bottom))
            text = sheets.layer.content(page, to_sheet)
            place = compose((page.width, 0.0, 0.0, -page.height, 0.0, page.height), to_sheet)
            sheets.add_sheet((right - left, top - bottom), text, pictures.get(page.number), place)
        if read:
            with closing(pdfium.PdfDocument(sheets.finish())) as layers:
                for index, page in enumerate(read):
                    _lay_over(pdf, pdf[page.number - 1], layers, index, page.number in doubled)
        for index in sorted(others, reverse=True):
            pdf.del_page(index)
        stream = io.BytesIO()
        pdf.save(stream)
    return stream.getvalue()


def _was_recognised(page: Page) -> bool:
    return any(word.source and word.source.name != _TEXT_ENGINE for word in page.words)


def _add_pictures(writer: PdfWriter, document: Document, numbers: Set[int]) -> dict[int, int]:
    """Write pictures of these pages; page number → the picture's object."""
    if not numbers:
        return {}
    with open_source(document.source, password=document.password) as source:
        return {number: add_picture(writer, source[number]) for number in sorted(numbers)}


def _shows_its_text(sheet: pdfium.PdfPage, page: Page) -> bool:
    """Whether the PDF's page holds as visible text what OCR read on it."""
    text = sheet.get_textpage()
    shown = sum(
        # In bytes of UTF-16, with a null at the end.
        pdfium_c.FPDFTextObj_GetText(item.raw, text.raw, None, 0) // 2 - 1
        for item in sheet.get_objects()
        if item.type == pdfium_c.FPDF_PAGEOBJ_TEXT and not _is_invisible(item.raw)
    )
    return bool(shown > _SAME_TEXT * sum(len(word.text) for word in page.words))


def _lay_over(
    pdf: pdfium.PdfDocument,
    page: pdfium.PdfPage,
    layers: pdfium.PdfDocument,
    index: int,
    instead: bool,
) -> None:
    """Put a page of ``layers`` over a page, in place of invisible text, or all, that is there."""
    for item in list(page.get_objects(max_depth=1)):
        if instead or _is_invisible(item.raw):
            page.remove_obj(item)
            item.close()
    layer = layers.page_as_xobject(index, pdf)
    form = layer.as_pageobject()
    # Its origin is the lower left corner of the page, which need not be that of user space.
    left, bottom, _, _ = page.get_mediabox()
    form.transform(pdfium.PdfMatrix().translate(left, bottom))
    page.insert_obj(form)
    page.gen_content()
    layer.close()


def _is_invisible(item: Any) -> bool:
    """Whether a pdfium page object is invisible text, or a form of nothing else."""
    kind = pdfium_c.FPDFPageObj_GetType(item)
    if kind == pdfium_c.FPDF_PAGEOBJ_TEXT:
        mode = pdfium_c.FPDFTextObj_GetTextRenderMode(item)
        return bool(mode == pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE)
    if kind != pdfium_c.FPDF_PAGEOBJ_FORM:
        return False
    parts = range(pdfium_c.FPDFFormObj_CountObjects(item))
    return bool(parts) and all(
        _is_invisible(pdfium_c.FPDFFormObj_GetObject(item, index)) for index in parts
    )
