"""Degraded pictures: what is lost, and where things went."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vlkit.data import degrade
from vlkit.data.random_pages import random_business_page
from vlkit.document import Affine, apply_affine
from vlkit.images import PageImage


def dot(x: int, y: int) -> NDArray[np.uint8]:
    """A white page of 120 × 80 pixels with a black square of 5 around (x, y)."""
    page = np.full((80, 120, 3), 255, np.uint8)
    page[y - 2 : y + 3, x - 2 : x + 3] = 0
    return page


def centre(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Centre of the ink, in coordinates of pixel corners."""
    weight = 255.0 - pixels[..., 0]
    rows, columns = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]]
    total = weight.sum()
    return ((columns + 0.5) * weight).sum() / total, ((rows + 0.5) * weight).sum() / total


@given(
    st.integers(10, 109), st.integers(10, 69), st.sampled_from([-90, 0, 90, 180, 270, 3.7, -12.5])
)
def test_rotation_moves_ink_where_its_map_says(x: int, y: int, degrees: float) -> None:
    turned, matrix = degrade.rotate(dot(x, y), degrees)
    assert centre(turned) == pytest.approx(apply_affine(matrix, (x + 0.5, y + 0.5)), abs=0.1)


def test_rotation_is_clockwise_and_undone_by_turning_upright() -> None:
    turned, matrix = degrade.rotate(dot(100, 40), 10)
    assert centre(turned)[1] > turned.shape[0] / 2
    image = PageImage(1, turned.shape[1], turned.shape[0], lambda: turned)
    upright = image.turned(0, 10)
    back = apply_affine(upright.to_given, centre(upright.pixels))
    assert back == pytest.approx(apply_affine(matrix, (100.5, 40.5)), abs=0.3)


@pytest.mark.parametrize("factor", [0.36, 0.5, 2.0])
def test_resampling_moves_ink_where_its_map_says(factor: float) -> None:
    small, matrix = degrade.resample(dot(70, 30), factor)
    assert small.shape[:2] == (round(80 * factor), round(120 * factor))
    assert centre(small) == pytest.approx(apply_affine(matrix, (70.5, 30.5)), abs=0.2)


@pytest.mark.parametrize("grey", [False, True])
def test_everything_keeps_shape_and_repeats_by_seed(grey: bool) -> None:
    page = random_business_page(1).to_image(0, 50, grey=grey)

    def all_of(seed: int) -> list[NDArray[np.uint8]]:
        return [
            degrade.blur(page, 1.0),
            degrade.noise(page, 10, seed),
            degrade.jpeg(page, 30),
            degrade.uneven_light(page, 0.3, seed),
            degrade.speckle(page, 0.01, seed),
        ]

    first, again, other = all_of(1), all_of(1), all_of(2)
    for one, same in zip(first, again, strict=True):
        assert one.shape == page.shape
        assert one.dtype == np.uint8
        assert (one == same).all()
        assert (one != page).any()
    assert (first[1] != other[1]).any()
    assert (first[4] != other[4]).mean() < 0.05


def test_jpeg_keeps_colours_in_their_places() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 220
    assert np.abs(degrade.jpeg(red, 90).astype(int) - red).max() < 12


def test_noise_has_the_strength_asked_for() -> None:
    grey = np.full((300, 300), 128, np.uint8)
    assert degrade.noise(grey, 12, 0).std() == pytest.approx(12, rel=0.05)


def test_moved_truth_still_frames_the_ink() -> None:
    made = random_business_page(5)
    page = made.to_image(0, 100)
    scanned, matrix = degrade.rotate(page, 4.0)
    truth = degrade.moved(made.truth_in_pixels(100), matrix, (scanned.shape[1], scanned.shape[0]))
    assert truth.pages[0].width == scanned.shape[1]
    for word in truth.words:
        assert word.quad is not None
        (x0, y0), (x1, y1) = word.quad[:2]
        assert math.degrees(math.atan2(y1 - y0, x1 - x0)) == pytest.approx(4.0, abs=1e-6)
        a, b, c, d = word.box
        dark = scanned[int(b) : int(d) + 1, int(a) : int(c) + 1].min()
        assert dark < 140 or not word.text.isalnum()


def test_scan_gives_back_the_map_of_its_skew() -> None:
    page = random_business_page(6).to_image(0, 60)
    matrix: Affine
    for seed in range(5):
        scanned, matrix = degrade.scan(page, seed, strength=2)
        assert abs(math.degrees(math.atan2(matrix[1], matrix[0]))) <= 3.0
        assert scanned.shape[0] >= page.shape[0]
