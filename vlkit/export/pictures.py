"""The pages' pictures, and putting them into a PDF."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO

import numpy as np
from PIL import Image

from vlkit.document import Document, Page
from vlkit.errors import InputError, VlkitError
from vlkit.export.pdf_writer import PdfWriter
from vlkit.images import PageImage, Pixels
from vlkit.sources import open_source

# A lossless picture is kept unless it is this many times as large as a good JPEG.
_WORTH = 2.0
_QUALITY = 88


def page_images(document: Document) -> Iterator[tuple[Page, PageImage | None]]:
    """Every page with its picture, or None for one that can't be decoded.

    Raises:
        InputError: The document does not know its source, or the source is gone.
    """
    if document.source is None:
        raise InputError(
            "the document does not know where its pictures are",
            remedy="Say so first: document.with_source('scan.pdf')",
            file=document.name or None,
        )
    # Whoever read it, or named it, allowed its address.
    with open_source(document.source, password=document.password, allow_remote=True) as source:
        for page in document.pages:
            try:
                image = source[page.number]
            except VlkitError:
                if page.error is None:
                    raise
                yield page, None
                continue
            yield page, image


def add_picture(writer: PdfWriter, image: PageImage) -> int:
    """Write a page's picture; gives its object's number.

    A JPEG goes in as it is. Black and white becomes fax group 4, anything else the smaller of
    Flate and, where that is far smaller, JPEG.
    """
    if image.encoded is not None:
        return _add_jpeg(writer, image.encoded)
    pixels = image.pixels
    grey = bool((pixels[..., :2] == pixels[..., 1:]).all())
    if grey and bool(((pixels[..., 0] == 0) | (pixels[..., 0] == 255)).all()):
        return _add_fax(writer, pixels)
    picture = Image.fromarray(np.ascontiguousarray(pixels[..., 0]) if grey else pixels)
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    lossless = _png_stream(picture)
    if len(lossless) > _WORTH * stream.tell():
        return _add_jpeg(writer, stream.getvalue())
    colours = 1 if grey else 3
    parameters = (
        f"/Filter /FlateDecode /DecodeParms << /Predictor 15 /Colors {colours}"
        f" /BitsPerComponent 8 /Columns {picture.width} >>"
    )
    return writer.add_stream(lossless, f"{_entries(picture.size, grey)} {parameters}")


def _add_jpeg(writer: PdfWriter, data: bytes) -> int:
    with Image.open(BytesIO(data)) as picture:
        size, grey = picture.size, picture.mode == "L"
    return writer.add_stream(data, f"{_entries(size, grey)} /Filter /DCTDecode")


def _add_fax(writer: PdfWriter, pixels: Pixels) -> int:
    picture = Image.fromarray(pixels[..., 0]).convert("1", dither=Image.Dither.NONE)
    stream = BytesIO()
    # One strip, so that its bytes are the whole picture.
    picture.save(stream, "TIFF", compression="group4", tiffinfo={278: picture.height})
    with Image.open(stream) as tiff:
        tags = tiff.tag_v2  # type: ignore[attr-defined]
        (offset,), (count,) = tags[273], tags[279]
        black_is_one = tags[262] == 0
    data = stream.getvalue()[offset : offset + count]
    parameters = (
        f"/Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns {picture.width}"
        f" /Rows {picture.height} /BlackIs1 {'false' if black_is_one else 'true'} >>"
    )
    return writer.add_stream(data, f"{_entries(picture.size, True, 1)} {parameters}")


def _png_stream(picture: Image.Image) -> bytes:
    """A picture deflated with PNG's predictors, which PDF shares."""
    stream = BytesIO()
    picture.save(stream, "PNG")
    data, position, pieces = stream.getvalue(), 8, []
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"IDAT":
            pieces.append(data[position + 8 : position + 8 + length])
        position += length + 12
    return b"".join(pieces)


def _entries(size: tuple[int, int], grey: bool, bits: int = 8) -> str:
    return (
        f"/Type /XObject /Subtype /Image /Width {size[0]} /Height {size[1]}"
        f" /ColorSpace /Device{'Gray' if grey else 'RGB'} /BitsPerComponent {bits}"
    )
