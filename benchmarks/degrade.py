"""What scanners and senders do to a page: the five degradations that reading is measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from vlkit.document import IDENTITY, Affine
from vlkit.images import Pixels

LETTER_INCHES = 11.0
"""Height of the paper that FUNSD's forms were printed on."""
LEAN = 5.0
"""Degrees clockwise."""


@dataclass(frozen=True)
class Degradation:
    """A change of a page's pixels, and where its points go: page → changed page, in pixels."""

    name: str
    apply: Callable[[Pixels], Pixels]
    affine: Callable[[Pixels], Affine] = lambda pixels: IDENTITY


def _noise(pixels: Pixels) -> Pixels:
    drawn = np.random.default_rng(0).normal(0, 20, pixels.shape)
    return np.clip(pixels + drawn, 0, 255).astype(np.uint8)


def _jpeg(pixels: Pixels) -> Pixels:
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 30])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.astype(np.uint8, copy=False)


def _shrinking(pixels: Pixels) -> Affine:
    height, width = pixels.shape[:2]
    factor = 72 * LETTER_INCHES / height
    return (round(width * factor) / width, 0.0, 0.0, round(height * factor) / height, 0.0, 0.0)


def _shrunk(pixels: Pixels) -> Pixels:
    across, _, _, down, _, _ = _shrinking(pixels)
    small = cv2.resize(pixels, None, fx=across, fy=down, interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8, copy=False)


def _turning(pixels: Pixels) -> Affine:
    """About the corner, moved so that the whole page stays in the picture."""
    cos, sin = np.cos(np.radians(LEAN)), np.sin(np.radians(LEAN))
    return (float(cos), float(sin), float(-sin), float(cos), float(sin * pixels.shape[0]), 0.0)


def _turned(pixels: Pixels) -> Pixels:
    a, b, c, d, e, f = _turning(pixels)
    height, width = pixels.shape[:2]
    matrix = np.array([[a, c, e + (a + c - 1) / 2], [b, d, f + (b + d - 1) / 2]])
    size = (round(a * width - c * height), round(b * width + d * height))
    turned = cv2.warpAffine(
        pixels, matrix, size, flags=cv2.INTER_CUBIC, borderValue=(255, 255, 255)
    )
    return turned.astype(np.uint8, copy=False)


CLEAN = Degradation("clean", lambda pixels: pixels)
DEGRADATIONS = (
    Degradation(
        "blur", lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 1.0).astype(np.uint8, copy=False)
    ),
    Degradation("noise", _noise),
    Degradation("JPEG 30", _jpeg),
    Degradation("72 dpi", _shrunk, _shrinking),
    Degradation("5 degrees", _turned, _turning),
)
