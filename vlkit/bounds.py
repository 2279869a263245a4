"""Whether a picture's bytes can hold what its header claims.

Decoders of JPEG, PNG and fax fill up what is missing with grey or black, and say nothing. The
bounds are those of the formats: a blank page, which compresses best of all, keeps them.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from vlkit.errors import DamagedInput

_DEFLATE_RATIO = 1032
"""A match of 258 bytes takes two bits at least: one for its length, one for its distance."""
_HUFFMAN_FRAMES = {0xC0: 2, 0xC1: 2, 0xC2: 1}
"""Bits that a block takes at least, by the frame's marker: one for its DC coefficient and, but in
progressive scans, one that ends it. Arithmetic coding has no such bound."""
_FAX = {"group3", "group4", "tiff_ccitt"}
_COMPRESSION_TAG, _COUNT_TAGS = 259, (279, 325)
_JPEG_IN_TIFF = 7
_MISSING = (128, 128, 128)
"""What libjpeg puts where data is missing: blocks of nothing but zeros."""
_BLOCK = 8
_PIECE = 1 << 20


def check_claim(picture: Image.Image) -> None:
    """Refuse a picture whose header claims more pixels than its bytes can hold.

    Args:
        picture: Not decoded yet; others are not looked at.

    Raises:
        DamagedInput: It does.
    """
    file = open_file(picture)
    if file is None:
        return
    place = file.tell()
    size = file.seek(0, io.SEEK_END)
    try:
        least, held = _least_bytes(picture, file, size)
    finally:
        file.seek(place)
    if least > held:
        width, height = picture.size
        raise DamagedInput(
            f"its header claims {width:,} × {height:,} pixels, but {held:,} bytes can't hold them",
            remedy="It is cut off, or its header is damaged: get the file again",
        )


def open_file(picture: Image.Image) -> IO[bytes] | None:
    """The file that a picture is still to be decoded from."""
    if not isinstance(picture, ImageFile.ImageFile) or picture.fp is None:
        return None
    return picture.fp if not picture.fp.closed and picture.fp.seekable() else None


def missing_share(picture: Image.Image, file: IO[bytes] | None, pixels: NDArray[np.uint8]) -> float:
    """The share of rows that the decoder made up, for want of data.

    Args:
        file: What ``open_file`` gave before it was decoded.
        pixels: [H, W, 3] as decoded.
    """
    height = len(pixels)
    if isinstance(picture, JpegImagePlugin.JpegImageFile) and picture.mode in ("L", "RGB"):
        rows = _equal_rows(pixels, _MISSING)
        return rows / height if rows >= _BLOCK else 0.0
    if isinstance(picture, PngImagePlugin.PngImageFile) and file and not file.closed:
        if picture.info.get("interlace") or not _may_be_missing(pixels[-1], picture.mode):
            return 0.0
        row = 1 + math.ceil(picture.size[0] * _png_depth(file) / 8)
        found = _inflated(file, height * row) // row
        return 1 - found / height
    return 0.0


def _may_be_missing(row: NDArray[np.uint8], mode: str) -> bool:
    """Whether all its samples may be zero: black, but with a palette or alpha any colour."""
    return not row.any() or (mode in ("P", "LA", "RGBA") and bool((row == row[0]).all()))


def _equal_rows(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    """How many rows at the bottom have that colour and no other."""
    rows = 0
    for row in pixels[::-1]:
        if not (row == colour).all():
            break
        rows += 1
    return rows


def _least_bytes(picture: Image.Image, file: IO[bytes], size: int) -> tuple[int, int]:
    """The fewest bytes for the picture, and the bytes that may be its."""
    width, height = picture.size
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        return _jpeg_bytes(file), size
    if isinstance(picture, PngImagePlugin.PngImageFile):
        return width * height * _png_depth(file) // 8 // _DEFLATE_RATIO, size
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        counts = next((picture.tag_v2[tag] for tag in _COUNT_TAGS if tag in picture.tag_v2), ())
        held = min(sum(counts) or size, size)
        if picture.info.get("compression") in _FAX:
            return height // 8, held
        if picture.tag_v2.get(_COMPRESSION_TAG) == _JPEG_IN_TIFF:
            return width * height // _BLOCK**2 // 8, held
    return 0, size


def _jpeg_bytes(file: IO[bytes]) -> int:
    """By the frame's header: of each component's blocks, the fewest bits."""
    file.seek(2)
    while len(head := file.read(4)) == 4 and head[0] == 0xFF:
        marker, length = head[1], int.from_bytes(head[2:], "big")
        if marker == 0xFF:  # a byte that fills up
            file.seek(-3, io.SEEK_CUR)
        elif marker in _HUFFMAN_FRAMES:
            return _block_count(file.read(length - 2)) * _HUFFMAN_FRAMES[marker] // 8
        elif marker == 0xDA or length < 2:
            break
        else:
            file.seek(length - 2, io.SEEK_CUR)
    return 0


def _block_count(frame: bytes) -> int:
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5]:
        return 0
    height, width = struct.unpack_from(">HH", frame, 1)
    factors = [(part >> 4, part & 15) for part in frame[7 : 6 + 3 * frame[5] : 3]]
    across, down = (max(side) for side in zip(*factors, strict=True))
    if not (across and down):
        return 0
    return sum(
        math.ceil(width * h / across / _BLOCK) * math.ceil(height * v / down / _BLOCK)
        for h, v in factors
    )


def _png_depth(file: IO[bytes]) -> int:
    """Bits per pixel."""
    file.seek(24)
    depth, colour = file.read(2)
    return depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)


def _inflated(file: IO[bytes], most: int) -> int:
    """Bytes that a PNG's data unpacks to, counted up to ``most``."""
    unpacker = zlib.decompressobj()
    count = 0
    for packed in _png_data(file):
        while packed and count < most and not unpacker.eof:
            try:
                count += len(unpacker.decompress(packed, _PIECE))
            except zlib.error:
                return count
            packed = unpacker.unconsumed_tail
    return min(count, most)


def _png_data(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"IDAT":
            yield file.read(length)
            file.seek(4, io.SEEK_CUR)
        elif kind == b"IEND":
            return
        else:
            file.seek(length + 4, io.SEEK_CUR)
