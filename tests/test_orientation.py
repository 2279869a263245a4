"""Which way up pages are, on pages drawn, turned and leant here, and on real ones."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from vlkit.document import Page, apply_affine
from vlkit.images import PageImage
from vlkit.reading.lines import Gray
from vlkit.reading.orientation import Deskew, Orient, find_rotation, find_skew, to_gray

FONT = files("vlkit.data").joinpath("fonts/VlkitSans-Regular.ttf")
TEXT = """The committee met on Tuesday to discuss
the budget for the coming year. Every
member had received the papers two weeks
before, and most had read them. It was
agreed that the library should stay open
on Saturdays, and that the heating of the
old hall could no longer be put off."""


@pytest.fixture(scope="module")
def page() -> Gray:
    picture = Image.new("L", (760, 620), 255)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.truetype(str(FONT), 30)
    for i, line in enumerate(TEXT.splitlines()):
        pen.text((70, 80 + 56 * i), line, font=font, fill=0)
    return np.asarray(picture)


def page_image(gray: Gray) -> PageImage:
    height, width = gray.shape
    return PageImage(1, width, height, lambda: np.repeat(gray[:, :, None], 3, axis=2))


def lean(gray: Gray, degrees: float) -> Gray:
    """The page turned clockwise about its middle, on white, cut to its size."""
    height, width = gray.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    leant = cv2.warpAffine(gray, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=(255,))
    return leant.astype(np.uint8)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("degrees", [0, -12, 9])
def test_turned_pages_are_recognised(page: Gray, rotation: int, degrees: int) -> None:
    turned = np.ascontiguousarray(np.rot90(lean(page, degrees), -rotation // 90))
    assert find_rotation(turned) == rotation


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_setting_upright_gives_the_page_back(page: Gray, rotation: int) -> None:
    turned = page_image(np.ascontiguousarray(np.rot90(page, -rotation // 90)))
    stage = Orient()(turned, Page(number=1, width=turned.width, height=turned.height))
    assert stage.rotation == rotation
    assert np.array_equal(to_gray(turned.turned(stage.rotation, 0).pixels), page)


@settings(max_examples=15, deadline=None)
@given(degrees=st.floats(-14.5, 14.5))
def test_skew_is_found_to_a_fifth_of_a_degree(page: Gray, degrees: float) -> None:
    skew = find_skew(lean(page, degrees))
    assert abs(skew - degrees) < 0.2 or (skew == 0 and abs(degrees) < 0.45)


def test_level_page_is_not_resampled(page: Gray) -> None:
    assert find_skew(page) == 0


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_page_without_text_stays(shade: int) -> None:
    blank = np.full((400, 300), shade, np.uint8)
    assert find_rotation(blank) == 0
    assert find_skew(blank) == 0


def test_noise_and_photographs_are_not_turned() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (500, 400)).astype(np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 12)
    for picture in (noise, np.asarray(cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX))):
        assert find_rotation(picture.astype(np.uint8)) == 0


def test_page_with_a_text_layer_is_left_alone(page: Gray) -> None:
    turned = page_image(np.ascontiguousarray(np.rot90(page, 1)))
    turned.text_layer = object()
    for stage in (Orient(), Deskew()):
        result = stage(turned, Page(number=1, width=turned.width, height=turned.height))
        assert (result.rotation, result.skew) == (0, 0)


@settings(max_examples=50, deadline=None)
@given(
    rotation=st.sampled_from([0, 90, 180, 270]),
    skew=st.floats(-15, 15),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
)
def test_points_of_the_upright_page_map_back(
    rotation: int, skew: float, x: float, y: float
) -> None:
    given_page = PageImage(1, 400, 300, lambda: np.zeros((300, 400, 3), np.uint8))
    upright = given_page.turned(rotation, skew)
    # Turning the upright page by the opposite angle is another way back, up to a shift.
    back = upright.turned(-rotation, -skew)
    corner = apply_affine(back.to_given, (0.0, 0.0))
    point = apply_affine(back.to_given, (400 * x, 300 * y))
    assert point[0] - corner[0] == pytest.approx(400 * x, abs=1e-6)
    assert point[1] - corner[1] == pytest.approx(300 * y, abs=1e-6)


@pytest.mark.skipif("VLKIT_DATA" not in os.environ, reason="needs VLKIT_DATA")
@pytest.mark.parametrize(
    ("name", "rotation"),
    [
        ("phototest.tif", 0),
        ("phototest-rotated-180.png", 180),
        ("phototest-rotated-L.png", 270),
        ("phototest-rotated-R.png", 90),
        ("eurotext.tif", 0),
    ],
)
def test_real_pages(name: str, rotation: int) -> None:
    path = Path(os.environ["VLKIT_DATA"]) / "tesseract_test" / name
    assert find_rotation(np.asarray(Image.open(path).convert("L"))) == rotation
