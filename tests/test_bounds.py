"""Headers that claim more than their bytes hold are found; no legal file is, however blank."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vlkit.errors import DamagedInput, VlkitError
from vlkit.images import PageImage
from vlkit.reading.pipeline import blank_page
from vlkit.sources import open_source

BLANK = (3000, 4000)
FORMATS: dict[str, tuple[str, str, dict[str, object]]] = {
    "jpeg": ("RGB", "JPEG", {}),
    "jpeg, grey": ("L", "JPEG", {"optimize": True}),
    "jpeg, full colour": ("RGB", "JPEG", {"optimize": True, "subsampling": 0}),
    "jpeg, quality 1": ("RGB", "JPEG", {"optimize": True, "quality": 1}),
    "jpeg, progressive": ("RGB", "JPEG", {"progressive": True, "optimize": True}),
    "jpeg, progressive grey": ("L", "JPEG", {"progressive": True, "optimize": True}),
    "jpeg, CMYK": ("CMYK", "JPEG", {"progressive": True}),
    "png": ("RGB", "PNG", {"compress_level": 9}),
    "png, grey": ("L", "PNG", {"compress_level": 9}),
    "png, 1 bit": ("1", "PNG", {"compress_level": 9}),
    "png, palette": ("P", "PNG", {"compress_level": 9}),
    "png, alpha": ("RGBA", "PNG", {"compress_level": 9}),
    "webp": ("RGB", "WEBP", {"quality": 1}),
    "webp, lossless": ("RGB", "WEBP", {"lossless": True}),
    "gif": ("L", "GIF", {}),
    "bmp": ("1", "BMP", {}),
    "tiff, group 3": ("1", "TIFF", {"compression": "group3"}),
    "tiff, group 4": ("1", "TIFF", {"compression": "group4"}),
    "tiff, group 4, one strip": ("1", "TIFF", {"compression": "group4", "strip_size": 1 << 30}),
    "tiff, lzw": ("L", "TIFF", {"compression": "tiff_lzw"}),
    "tiff, deflate": ("RGB", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "tiff, packbits": ("L", "TIFF", {"compression": "packbits"}),
    "tiff, jpeg": ("RGB", "TIFF", {"compression": "jpeg"}),
}


def encode(picture: Image.Image, form: str) -> bytes:
    mode, name, options = FORMATS[form]
    buffer = io.BytesIO()
    picture.convert(mode).save(buffer, name, **options)
    return buffer.getvalue()


def page(data: bytes) -> PageImage:
    with open_source(data) as source:
        return source[1]


def scrap(width: int = 160, height: int = 120) -> Image.Image:
    rng = np.random.default_rng(width)
    return Image.fromarray((rng.random((height, width)) > 0.1).astype(np.uint8) * 255)


@pytest.mark.parametrize("level", [255, 0])
@pytest.mark.parametrize("form", FORMATS)
def test_blank_pages_are_read(form: str, level: int) -> None:
    read = page(encode(Image.new("L", BLANK, level), form))
    assert (read.width, read.height) == BLANK
    assert abs(int(read.pixels[-1, -1, 0]) - level) <= 2
    assert read.warnings == []


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(FORMATS)),
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from([0, 90, 255]),
)
def test_blank_pictures_of_any_size_are_read(
    form: str, width: int, height: int, level: int
) -> None:
    assert page(encode(Image.new("L", (width, height), level), form)).warnings == []


def taller_jpeg(data: bytes, height: int) -> bytes:
    place = 2
    while data[place + 1] not in (0xC0, 0xC2):
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return data[: place + 5] + height.to_bytes(2, "big") + data[place + 7 :]


def taller_png(data: bytes, height: int) -> bytes:
    head = data[12:20] + struct.pack(">I", height) + data[24:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:]


def taller_tiff(data: bytes, height: int) -> bytes:
    """The height, and the rows of its one strip."""
    changed = bytearray(data)
    (place,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, place)
    for entry in range(place + 2, place + 2 + 12 * count, 12):
        if struct.unpack_from("<H", data, entry)[0] in (257, 278):
            struct.pack_into("<HII", changed, entry + 2, 4, 1, height)
    return bytes(changed)


@pytest.mark.parametrize("form", [form for form in FORMATS if form.startswith("jpeg")])
def test_jpeg_that_claims_too_much_is_damaged(form: str) -> None:
    data = encode(scrap(), form)
    with pytest.raises(DamagedInput, match=r"claims 160 × 65,000 pixels"):
        page(taller_jpeg(data[:2000] + b"\xff\xd9", 65_000))


@pytest.mark.parametrize("form", [form for form in FORMATS if form.startswith("png")])
def test_png_that_claims_too_much_is_damaged(form: str) -> None:
    data = encode(Image.new("L", (1000, 10), 255), form)
    with pytest.raises(DamagedInput, match=r"claims 1,000 × 100,000 pixels"):
        page(taller_png(data, 100_000))


@pytest.mark.parametrize(
    ("form", "height"),
    [("tiff, group 3", 90_000), ("tiff, group 4", 90_000), ("tiff, jpeg", 900_000)],
)
def test_tiff_that_claims_too_much_is_damaged(form: str, height: int) -> None:
    with pytest.raises(VlkitError, match="claims"):
        page(taller_tiff(encode(scrap(), form), height))


@pytest.mark.parametrize(
    ("form", "taller"),
    [
        ("jpeg", taller_jpeg),
        ("jpeg, progressive grey", taller_jpeg),
        ("png", taller_png),
        ("png, 1 bit", taller_png),
        ("png, palette", taller_png),
        ("png, alpha", taller_png),
    ],
)
def test_half_a_picture_is_read_with_a_warning(form: str, taller: object) -> None:
    read = page(taller(encode(scrap(), form), 240))  # type: ignore[operator]
    assert read.pixels.shape == (240, 160, 3)
    assert np.abs(read.pixels[:112].astype(int) - np.asarray(scrap())[:112, :, None]).mean() < 20
    (warning,) = read.warnings
    assert 40 <= int(warning.partition("%")[0]) <= 50
    assert blank_page(read.turned(90, 0)).warnings == [warning]


def test_user_s_picture_is_read_whether_its_file_is_open_or_not(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.tiff"):
        scrap().save(tmp_path / name)
        picture = Image.open(tmp_path / name)
        with open_source(picture) as source:
            assert source[1].warnings == []
        with open_source(picture) as source:  # decoded by now
            assert source[1].warnings == []
