"""Opening whatever a user points at: files, folders, addresses, bytes, pictures and arrays."""

from __future__ import annotations

import io
import os
import re
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, runtime_checkable
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from vlkit.download import download
from vlkit.errors import DamagedInput, InputError, TooLarge, VlkitError
from vlkit.images import Limits, PageImage, decoding, page_from_array, page_from_picture
from vlkit.paths import ADDRESS, STDIN_NAME, check_address, check_file, expand, unreadable
from vlkit.pdf import PdfFile
from vlkit.sniffing import HEAD, READABLE_SUFFIXES, sniff

__all__ = ["Limits", "Readable", "Source", "expand", "open_source", "page_spans"]


@runtime_checkable
class BinaryFile(Protocol):
    """Anything with ``read``; it is read from its start if it can seek."""

    def read(self, size: int = -1, /) -> bytes: ...


Readable = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryFile
    | Image.Image
    | NDArray[Any]
)
"""A path, an http(s) address, bytes, a binary file, a Pillow picture, or an array
([H, W], [H, W, 3] RGB or [H, W, 4] RGBA)."""


class Pages(Protocol):
    """The pages of one kind of input, by number from 1."""

    def __len__(self) -> int: ...

    def page(self, number: int) -> PageImage: ...

    def close(self) -> None: ...


class Source:
    """An opened input: iterate for its pages in order, or take one by its number.

    Pictures are decoded as they are reached, one at a time; a page of a PDF is rendered when
    its pixels are first asked for, which must happen before the source is closed.

    Attributes:
        name: The file's name, without its folder; empty for pictures, arrays and bytes.
        page_count: Pages in the whole input.
        numbers: Those that were asked for, from 1, ascending.
    """

    def __init__(self, name: str, place: str | None, pages: Pages, numbers: list[int]) -> None:
        self.name = name
        self.numbers = numbers
        self.page_count = len(pages)
        self._place = place
        self._pages = pages

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[PageImage | VlkitError]:
        """Each page asked for, or the error of one that can't be decoded."""
        for number in self.numbers:
            try:
                yield self[number]
            except VlkitError as error:
                yield error

    def __getitem__(self, number: int) -> PageImage:
        """The page of that number, from 1.

        Raises:
            InputError: There is no such page.
            DamagedInput, TooLarge: It can't be decoded.
        """
        try:
            if not 1 <= number <= self.page_count:
                raise InputError(
                    "there is no such page", remedy=f"Pages go from 1 to {self.page_count}"
                )
            return self._pages.page(number)
        except VlkitError as error:
            raise error.at(file=self._place, page=number) from error.__cause__

    def close(self) -> None:
        self._pages.close()


def open_source(
    source: Readable,
    *,
    password: str | None = None,
    pages: str | None = None,
    allow_remote: bool = False,
    limits: Limits | None = None,
) -> Source:
    """Open an input of any kind; what it is, its content says and not its suffix.

    PNG, JPEG, WebP, BMP and GIF are one page: of an animation the first frame, of a phone's
    JPEG with depth maps or previews the main picture. Every page of a TIFF is one.

    Args:
        source: See ``Readable``. For folders and patterns see ``expand``.
        password: Opens an encrypted PDF.
        pages: Pages to give, from 1: ``"1-4,7,9-"``; None gives all.
        allow_remote: Whether http and https addresses are fetched.
        limits: What is refused and what is reduced.

    Raises:
        InputError: There is no such input, it can't be read, it is of no kind that is read, or
            it has none of the pages.
        DamagedInput: Not even one page of it can be reached.
        EncryptedInput: The PDF needs a password, or another one.
        TooLarge: It has more bytes or pages than the limits allow.
    """
    limits = limits or Limits()
    name, place = name_of(source)
    try:
        opened = _open(source, password, allow_remote, limits)
        try:
            numbers = _select(pages, len(opened), limits)
        except VlkitError:
            opened.close()
            raise
    except VlkitError as error:
        raise error.at(file=place) from error.__cause__
    return Source(name, place, opened, numbers)


# --- Kinds of input ------------------------------------------------------------------------------

_PLUGINS: dict[str, type[ImageFile.ImageFile]] = {
    # The classes themselves, and not Image.open: that would try other formats and apply a limit
    # of its own.
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}
_MOST_TIFF_PAGES = 100_000
_MOST_TIFF_TAGS = 4_000
"""In one directory; a hundred are many."""


class _Ready:
    """A page that is there already."""

    def __init__(self, page: PageImage) -> None:
        self._page = page

    def __len__(self) -> int:
        return 1

    def page(self, number: int) -> PageImage:
        return self._page

    def close(self) -> None:
        """Nothing is held open."""


class _PictureFile:
    """A picture file of one page, or a TIFF of several."""

    def __init__(self, file: IO[bytes], kind: str, limits: Limits) -> None:
        self._file, self._kind, self._limits = file, kind, limits
        with decoding(kind):
            self._count, self._last_is_broken = _tiff_pages(file) if kind == "TIFF" else (1, False)
            if self._last_is_broken and self._count <= 1:
                raise _cut_off()
            self._picture = self._reopen()
        self._decoded: set[int] = set()

    def _reopen(self) -> ImageFile.ImageFile:
        self._file.seek(0)
        self._decoded = set()
        return _PLUGINS[self._kind](self._file)

    def __len__(self) -> int:
        return self._count

    def page(self, number: int) -> PageImage:
        if self._last_is_broken and number == self._count:
            raise _cut_off()
        with decoding(self._kind):
            if number in self._decoded:  # what Pillow has decoded lacks its orientation tag
                self._picture = self._reopen()
            if self._kind == "TIFF":
                self._picture.seek(number - 1)
            self._decoded.add(number)
            encoded = self._file_bytes() if self._kind == "JPEG" else None
        return page_from_picture(self._picture, number, limits=self._limits, encoded=encoded)

    def _file_bytes(self) -> bytes:
        place = self._file.tell()
        self._file.seek(0)
        content = self._file.read()
        self._file.seek(place)
        return content

    def close(self) -> None:
        self._picture.close()
        self._file.close()


def _cut_off() -> DamagedInput:
    return DamagedInput(
        "the TIFF is cut off or damaged here",
        remedy="Get the file again; there may have been more pages",
    )


class _Pdf:
    """The pages of a PDF."""

    def __init__(self, pdf: PdfFile) -> None:
        self._pdf = pdf

    def __len__(self) -> int:
        return len(self._pdf)

    def page(self, number: int) -> PageImage:
        return self._pdf.page(number)

    def close(self) -> None:
        self._pdf.close()


def _open(source: Readable, password: str | None, allow_remote: bool, limits: Limits) -> Pages:
    match source:
        case str() if ADDRESS.match(source):
            check_address(source, allow_remote)
            content = download(source, limits.bytes)
        case str() | os.PathLike():
            return _open_path(Path(source), password, limits)
        case bytes() | bytearray() | memoryview():
            content = bytes(source)
        case Image.Image():
            return _Ready(page_from_picture(source, limits=limits))
        case np.ndarray():
            return _Ready(page_from_array(source, limits=limits))
        case BinaryFile():
            content = _read_all(source, limits)
        case _:
            raise InputError(
                f"an object of type {type(source).__name__} can't be read",
                remedy="Give a path, bytes, a binary file, a Pillow picture or a NumPy array",
            )
    _check_bytes(len(content), limits)
    kind = sniff(content[:HEAD])
    if kind == "PDF":
        return _Pdf(PdfFile(content, password=password, max_pixels=limits.page_pixels))
    return _PictureFile(io.BytesIO(content), kind, limits)


def _open_path(path: Path, password: str | None, limits: Limits) -> Pages:
    check_file(path)
    with ExitStack() as undo:
        try:
            file = undo.enter_context(path.open("rb"))
            kind = sniff(file.read(HEAD))
        except OSError as error:
            raise unreadable(error) from error
        except InputError as error:
            if path.suffix.lower() in READABLE_SUFFIXES and not isinstance(error, DamagedInput):
                error.problem = f"it is called {path.suffix} but {error.problem}"
            raise
        if kind == "PDF":
            return _Pdf(PdfFile(path, password=password, max_pixels=limits.page_pixels))
        opened = _PictureFile(file, kind, limits)
        undo.pop_all()
    return opened


def lasting(source: Readable, limits: Limits) -> Readable:
    """What can be opened again and again: the source, or the bytes of a stream that can't."""
    if isinstance(source, BinaryFile) and not isinstance(source, Image.Image):
        try:
            source.seek(0)  # type: ignore[attr-defined]
        except (AttributeError, OSError):
            return _read_all(source, limits)
        except ValueError:  # it is closed, as whoever opens it says better
            return source
    return source


def standard_input(limits: Limits) -> bytes:
    """All that is piped into this process.

    Raises:
        InputError: Nothing is: it is a terminal, or closed.
        TooLarge: It has more bytes than the limits allow.
    """
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        raise InputError(
            "there is nothing on the standard input",
            remedy="Pipe a document into it: cat scan.pdf | vlkit read -",
        )
    return _read_all(sys.stdin.buffer, limits)


def _read_all(file: BinaryFile, limits: Limits) -> bytes:
    try:
        with suppress(AttributeError, OSError):  # a stream is read from where it stands
            file.seek(0)  # type: ignore[attr-defined]
        pieces: list[bytes] = []
        size = 0
        while piece := file.read(1 << 20):
            pieces.append(piece)
            size += len(piece)
            _check_bytes(size, limits)
        return b"".join(pieces)
    except (TypeError, UnicodeError) as error:
        raise InputError(
            "the file object gives text", remedy="Open the file in binary mode ('rb')"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"the file object can't be read ({error})", remedy="Give one that is open"
        ) from error


def _check_bytes(size: int, limits: Limits) -> None:
    if size > limits.bytes:
        raise TooLarge(
            f"it has more than {limits.bytes / 1e6:,.0f} MB",
            remedy="Save it to a file and give its path: files are not held in memory",
        )


def name_of(source: Readable) -> tuple[str, str | None]:
    """The name for the document, and what errors call the input."""
    match source:
        case str() if ADDRESS.match(source):
            path = PurePosixPath(unquote(re.split("[?#]", source, maxsplit=1)[0]))
            return path.name.rpartition("@")[2], source
        case str() | os.PathLike():
            return Path(source).name, str(source)
        case io.BufferedReader(raw=io.FileIO(name="<stdin>")):
            return STDIN_NAME, "standard input"
        case io.BufferedReader(raw=io.FileIO(name=str() as path)):
            return Path(path).name, path
        case ImageFile.ImageFile() if isinstance(source.filename, str) and source.filename:
            return Path(source.filename).name, source.filename
    return "", None


def _tiff_pages(file: IO[bytes]) -> tuple[int, bool]:
    """Length of the chain of directories, and whether its last one is cut off or rubbish.

    Raises:
        struct.error: There is not even a header.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    header = file.read(16)
    order = "<" if header.startswith(b"II") else ">"
    big = b"+" in header[2:4]
    count, entry_size, pointer = ("Q", 20, "Q") if big else ("H", 12, "I")
    count_size = struct.calcsize(order + count)
    (offset,) = struct.unpack_from(order + pointer, header, 8 if big else 4)
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) < _MOST_TIFF_PAGES:
        seen.add(offset)
        if offset + count_size > size:
            return len(seen), True
        file.seek(offset)
        (entries,) = struct.unpack(order + count, file.read(count_size))
        end = offset + count_size + entries * entry_size
        if not 0 < entries <= _MOST_TIFF_TAGS or end > size:
            return len(seen), True
        file.seek(end)
        following = file.read(struct.calcsize(order + pointer))
        # Some writers leave the last pointer out.
        offset = int.from_bytes(following, "little" if order == "<" else "big")
    return len(seen), False


# --- Which pages ---------------------------------------------------------------------------------

_SPAN = re.compile(r"(\d{1,9})(?:(-)(\d{1,9})?)?")


def page_spans(pages: str) -> list[tuple[int, int | None]]:
    """Parse ``"1-4,7,9-"`` to [(1, 4), (7, 7), (9, None)].

    Raises:
        InputError: It is spelled in another way, or a span runs backwards or from page 0.
    """
    spans: list[tuple[int, int | None]] = []
    for part in pages.replace(" ", "").split(","):
        found = _SPAN.fullmatch(part)
        if not found:
            raise _bad_pages(pages, f"'{part}' is no page or span of pages")
        first = int(found[1])
        last = int(found[3]) if found[3] else None if found[2] else first
        if first == 0:
            raise _bad_pages(pages, "the first page is 1")
        if last is not None and last < first:
            raise _bad_pages(pages, f"'{part}' runs backwards")
        spans.append((first, last))
    return spans


def _bad_pages(pages: str, why: str) -> InputError:
    return InputError(
        f"the choice of pages '{pages}' can't be understood: {why}",
        remedy="Write it like 1-4,7,9-",
    )


def _select(pages: str | None, count: int, limits: Limits) -> list[int]:
    """Numbers of the pages asked for: spans end where the pages do, a page alone must exist."""
    chosen: set[int] = set()
    for first, last in page_spans(pages) if pages is not None else [(1, None)]:
        if first > count:
            raise InputError(
                f"there is no page {first}",
                remedy=f"It has {count} page{'s' if count != 1 else ''}",
            )
        chosen.update(range(first, min(last or count, count) + 1))
    if len(chosen) > limits.pages:
        raise TooLarge(
            f"{len(chosen):,} pages are more than the {limits.pages:,} that are read at once",
            remedy="Read some of them at a time (--pages 1-1000, or pages='1-1000')",
        )
    return sorted(chosen)
