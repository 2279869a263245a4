"""Pictures come out as meant: colours, depth, orientation, size, and the way back to the file."""

import io
import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vlkit.document import apply_affine, invert
from vlkit.errors import InputError, TooLarge
from vlkit.images import Limits, PageImage, page_from_array, page_from_picture

RNG = np.random.default_rng(3)
COLOURS = RNG.integers(0, 256, (37, 53, 3), dtype=np.uint8)
GREYS = COLOURS[..., 0]


def reopened(picture: Image.Image, form: str, **options: object) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return Image.open(buffer)


def mean_difference(first: np.ndarray, second: np.ndarray) -> float:
    assert first.shape == second.shape
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


# --- Colours and depth ---------------------------------------------------------------------------


def smooth_picture() -> Image.Image:
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    return Image.merge(
        "RGB",
        [Image.fromarray(plane) for plane in (np.tile(ramp, (64, 1)), np.tile(ramp[:, None], 64))]
        + [Image.new("L", (64, 64), 90)],
    )


def test_transparent_pixels_are_white_and_half_transparent_ones_between() -> None:
    alpha = np.zeros((4, 4, 4), np.uint8)
    alpha[0] = (200, 100, 0, 255)
    alpha[1] = (200, 100, 0, 128)
    page = page_from_picture(Image.fromarray(alpha))
    assert tuple(page.pixels[0, 0]) == (200, 100, 0)
    assert tuple(page.pixels[3, 3]) == (255, 255, 255)
    assert np.abs(page.pixels[1, 1].astype(int) - (227, 177, 127)).max() <= 1
    assert np.array_equal(page_from_array(alpha).pixels, page.pixels)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_png_transparency_chunk_is_laid_on_white(mode: str) -> None:
    picture = Image.new("L", (4, 4), 0).convert(mode)
    picture.putpixel((0, 0), 0)
    transparent = {"L": 0, "RGB": (0, 0, 0), "P": picture.getpixel((0, 0))}[mode]
    page = page_from_picture(reopened(picture, "PNG", transparency=transparent))
    assert page.pixels.min() == 255


def test_palette_and_one_bit_pictures_agree_with_an_independent_decoder() -> None:
    for picture in (Image.fromarray(COLOURS).quantize(32), Image.fromarray(GREYS).convert("1")):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        expected = cv2.imdecode(np.frombuffer(buffer.getvalue(), np.uint8), cv2.IMREAD_COLOR_RGB)
        assert np.array_equal(page_from_picture(Image.open(buffer)).pixels, expected)


def one_bit_tiff(photometric: int) -> bytes:
    """A 16 × 2 TIFF written by hand: a row of ones and a row of zeros."""
    tags = [
        *((256, 3, 1, 16), (257, 3, 1, 2), (258, 3, 1, 1), (259, 3, 1, 1)),
        *((262, 3, 1, photometric), (273, 4, 1, 8), (278, 3, 1, 2), (279, 4, 1, 4)),
    ]
    data = b"II*\0" + (12).to_bytes(4, "little") + b"\xff\xff\0\0"
    data += len(tags).to_bytes(2, "little")
    for tag, kind, count, value in tags:
        data += tag.to_bytes(2, "little") + kind.to_bytes(2, "little")
        data += count.to_bytes(4, "little") + value.to_bytes(4, "little")
    return data + bytes(4)


@pytest.mark.parametrize(("photometric", "ones_are"), [(0, 0), (1, 255)])
def test_one_bit_tiff_of_either_photometric(photometric: int, ones_are: int) -> None:
    page = page_from_picture(Image.open(io.BytesIO(one_bit_tiff(photometric))))
    assert (page.pixels[0] == ones_are).all()
    assert (page.pixels[1] == 255 - ones_are).all()


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_deep_greys_are_scaled_by_the_bits_in_use(bits: int) -> None:
    white = 2**bits - 1
    ramp = np.linspace(0, white, 256).round().astype(np.uint16)[None].repeat(3, 0)
    expected = np.round(ramp / white * 255).astype(np.uint8)
    for page in (
        page_from_array(ramp),
        page_from_picture(Image.fromarray(ramp)),
        page_from_picture(reopened(Image.fromarray(ramp), "PNG")),
        page_from_picture(reopened(Image.fromarray(ramp), "TIFF")),
        page_from_picture(reopened(Image.fromarray(ramp.astype(np.int32)), "TIFF")),
        page_from_picture(reopened(Image.fromarray(ramp.astype(np.float32)), "TIFF")),
    ):
        assert np.abs(page.pixels[..., 1].astype(int) - expected).max() <= 1


def test_sixteen_bit_tiff_with_white_as_zero_is_inverted() -> None:
    picture = Image.fromarray(np.array([[0, 65535]], np.uint16))
    page = page_from_picture(reopened(picture, "TIFF", tiffinfo={262: 0}))
    assert page.pixels[0, :, 0].tolist() == [255, 0]


def test_cmyk_jpeg_in_adobe_s_inverted_form() -> None:
    picture = smooth_picture()
    page = page_from_picture(reopened(picture.convert("CMYK"), "JPEG", quality=98))
    assert mean_difference(page.pixels, np.asarray(picture)) < 4


@pytest.mark.parametrize("mode", ["LAB", "YCbCr", "CMYK"])
def test_tiff_in_other_colour_spaces(mode: str) -> None:
    picture = smooth_picture()
    if mode == "LAB":
        lab = cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2LAB)
        planes = [Image.fromarray(lab[..., channel]) for channel in range(3)]
        converted = Image.merge("LAB", planes)
    else:
        converted = picture.convert(mode)
    page = page_from_picture(reopened(converted, "TIFF"))
    assert mean_difference(page.pixels, np.asarray(picture)) < 4


# --- Orientation, resolution, size ---------------------------------------------------------------


def naive_turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """EXIF's words: where the stored rows and columns begin, as a person would see them."""
    rows_columns = {
        1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
        5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
    }  # fmt: skip
    row0, column0 = rows_columns[orientation]
    seen = pixels if row0 in ("top", "bottom") else np.swapaxes(pixels, 0, 1)
    if "bottom" in (row0, column0):
        seen = seen[::-1]
    if "right" in (row0, column0):
        seen = seen[:, ::-1]
    return seen


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_tags(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "WEBP" else {}
    picture = reopened(Image.fromarray(COLOURS), form, exif=exif, **options)
    page = page_from_picture(picture)
    assert np.array_equal(page.pixels, naive_turn(COLOURS, orientation))
    assert (page.width, page.height) == page.pixels.shape[1::-1]
    # A pixel's centre maps to the centre of the stored pixel of that colour.
    for x, y in [(0, 0), (5, 9), (30, 20)]:
        column, row = apply_affine(page.to_source, (x + 0.5, y + 0.5))
        assert np.array_equal(COLOURS[int(row), int(column)], page.pixels[y, x])


@given(
    orientation=st.integers(1, 8),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_to_source_stays_within_the_file_and_inverts(
    orientation: int, size: tuple[int, int], x: float, y: float
) -> None:
    picture = Image.new("L", size)
    picture.getexif()[0x0112] = orientation
    page = page_from_picture(picture)
    point = (x * page.width, y * page.height)
    there = apply_affine(page.to_source, point)
    assert -1e-6 <= there[0] <= size[0] + 1e-6
    assert -1e-6 <= there[1] <= size[1] + 1e-6
    assert apply_affine(invert(page.to_source), there) == pytest.approx(point, abs=1e-6)


def test_fax_page_is_stretched_to_square_pixels() -> None:
    page = page_from_picture(reopened(Image.new("1", (200, 100), 1), "TIFF", dpi=(204, 98)))
    assert page.pixels.shape == (round(100 * 204 / 98), 200, 3)
    assert page.dpi == pytest.approx(204)
    corner = apply_affine(page.to_source, (page.width, page.height))
    assert corner == pytest.approx((200, 100))


@pytest.mark.parametrize(
    ("size", "written", "known"),
    [((600, 800), 300, 300), ((2480, 3508), 72, None), ((595, 842), 72, 72), ((60, 80), 0, None)],
)
def test_resolution_is_believed_where_plausible(
    size: tuple[int, int], written: int, known: int | None
) -> None:
    page = page_from_picture(reopened(Image.new("L", size), "PNG", dpi=(written, written)))
    assert page.dpi == (known and pytest.approx(known, rel=0.01))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_large_picture_is_reduced_and_keeps_its_coordinates(form: str) -> None:
    picture = Image.new("RGB", (1000, 800), "white")
    picture.paste("black", (500, 400, 1000, 800))
    page = page_from_picture(reopened(picture, form), limits=Limits(page_pixels=50_000))
    assert (page.width, page.height) == (1000, 800)
    assert math.prod(page.pixels.shape[:2]) == pytest.approx(50_000, rel=0.01)
    assert page.pixels.shape[1] == round(page.width * page.scale)
    column, row = int(500 * page.scale), int(400 * page.scale)
    assert page.pixels[row - 3, column - 3].min() > 250
    assert page.pixels[row + 3, column + 3].max() < 5


def test_bands_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlkit.images._BAND_PIXELS", 100)
    assert np.array_equal(page_from_picture(Image.fromarray(COLOURS)).pixels, COLOURS)


def test_too_many_pixels_are_refused_before_decoding() -> None:
    with pytest.raises(TooLarge, match="megapixels"):
        page_from_picture(Image.new("1", (2000, 1000)), limits=Limits(pixels=1_000_000))
    with pytest.raises(TooLarge, match="megapixels"):
        page_from_array(np.zeros((2000, 1000), bool), limits=Limits(pixels=1_000_000))


# --- Arrays --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array",
    [GREYS, GREYS[..., None], GREYS / 255, (GREYS / 255).astype(np.float16), GREYS[:, ::1]],
    ids=["uint8", "one channel", "float64", "float16", "view"],
)
def test_grey_arrays(array: np.ndarray) -> None:
    assert mean_difference(page_from_array(array).pixels, np.stack([GREYS] * 3, -1)) < 0.5


def test_colour_and_bool_arrays() -> None:
    assert np.array_equal(page_from_array(COLOURS).pixels, COLOURS)
    assert np.array_equal(page_from_array(GREYS > 99).pixels[..., 2], (GREYS > 99) * 255)


def test_page_does_not_change_with_the_user_s_array() -> None:
    array = COLOURS.copy()
    page = page_from_array(array)
    array[:] = 0
    assert np.array_equal(page.pixels, COLOURS)


@pytest.mark.parametrize(
    ("array", "remedy"),
    [
        (np.zeros((3, 20, 30), np.uint8), "channels last"),
        (np.zeros((20, 0), np.uint8), "H, W"),
        (np.zeros(5, np.uint8), "H, W"),
        (np.zeros((20, 30), np.int64), "astype"),
        (np.full((20, 30), 255.0), "0 is black"),
        (np.full((20, 30), np.nan), "0 is black"),
        (np.zeros((20, 30), np.complex64), "astype"),
    ],
)
def test_arrays_that_are_no_pictures(array: np.ndarray, remedy: str) -> None:
    with pytest.raises(InputError, match=remedy):
        page_from_array(array)


# --- Turning -------------------------------------------------------------------------------------


@given(
    rotation=st.sampled_from([0, 90, 180, 270]),
    skew=st.floats(-15, 15).filter(lambda angle: angle == 0 or abs(angle) > 0.01),
)
@settings(max_examples=30, deadline=None)
def test_turned_page_maps_back_to_the_given_one(rotation: int, skew: float) -> None:
    canvas = np.full((90, 140, 3), 255, np.uint8)
    canvas[40:46, 60:66] = 0
    page = PageImage(1, 140, 90, lambda: canvas)
    turned = page.turned(rotation, skew)
    ink = 255.0 - turned.pixels[..., 0]
    rows, columns = np.indices(ink.shape) + 0.5
    centre = ((columns * ink).sum() / ink.sum(), (rows * ink).sum() / ink.sum())
    assert apply_affine(turned.to_given, centre) == pytest.approx((63, 43), abs=0.2)
    assert turned.pixels.shape[1] == round(turned.width * turned.scale)


def test_quarter_turns_lose_nothing() -> None:
    page = page_from_array(COLOURS)
    for rotation in (90, 180, 270):
        turned = page.turned(rotation, 0)
        assert np.array_equal(np.rot90(COLOURS, rotation // 90), turned.pixels)
        back = turned.turned(360 - rotation, 0)
        assert np.array_equal(back.pixels, COLOURS)
        assert back.to_given == pytest.approx((1, 0, 0, 1, 0, 0), abs=1e-9)
