"""Where text stands: from a detector's probability map to rectangles, and to strips of pixels.

The map is that of differentiable binarization (Liao et al., "Real-time Scene Text Detection
with Differentiable Binarization", AAAI 2020): it marks the kernels of text lines, shrunk by a
distance that grows with their area, so the rectangle around a kernel is grown back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, radians, sin

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from vlkit.document import Affine
from vlkit.images import Pixels

THRESHOLD = 0.3
"""Probability from which a pixel belongs to a kernel."""
REGION_THRESHOLD = 0.5
"""Mean probability from which a kernel is text."""
UNCLIP_RATIO = 1.6
MIN_SIDE = 3
"""Pixels of the map; smaller kernels are specks."""


@dataclass(frozen=True)
class Region:
    """A rectangle of text, turned by ``angle`` degrees clockwise about its centre.

    ``width`` runs along the line as read. Units are those of the picture it was cut from.
    """

    x: float
    y: float
    width: float
    height: float
    angle: float

    def scaled(self, factor: float) -> Region:
        return replace(
            self,
            x=self.x * factor,
            y=self.y * factor,
            width=self.width * factor,
            height=self.height * factor,
        )

    def turned(self, quarters: int) -> Region:
        """The same rectangle for text that reads ``quarters`` · 90° further clockwise."""
        swapped = quarters % 2 == 1
        return replace(
            self,
            width=self.height if swapped else self.width,
            height=self.width if swapped else self.height,
            angle=self.angle + 90 * quarters,
        )


@dataclass(frozen=True)
class Strip:
    """The pixels of a region, [height, width, 3] RGB, and the way back to the picture."""

    pixels: Pixels
    to_picture: Affine


def find_regions(probability: NDArray[np.float32]) -> list[Region]:
    """Rectangles of text in a map [H, W], in its pixels, grown back from their kernels."""
    kernels = cv2.dilate((probability > THRESHOLD).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(kernels, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    regions = []
    for contour in contours:
        (x, y), (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < MIN_SIDE:
            continue
        if _mean_inside(probability, contour, ((x, y), (width, height), angle)) < REGION_THRESHOLD:
            continue
        # OpenCV's versions give angles from (0, 90] or [-90, 0): the side nearer to level is
        # the line's width.
        if abs(angle) > 45:
            width, height, angle = height, width, angle - 90 * (1 if angle > 0 else -1)
        # Grown by area · ratio / perimeter on each side, the inverse of the training shrink.
        grown = width * height * UNCLIP_RATIO / (width + height)
        regions.append(Region(x, y, width + grown, height + grown, angle))
    return regions


def cut(pixels: Pixels, region: Region, height: int, margin: float) -> Strip:
    """The region and ``margin`` (share of its height) around it, ``height`` pixels high.

    Straightened and resized in one bilinear step: sharper kernels ring on scanned letters,
    and measured worse.
    """
    pad = 2 * margin * region.height
    scale = max(region.height + pad, 1.0) / height
    width = max(round((region.width + pad) / scale), 8)
    across = np.array([cos(radians(region.angle)), sin(radians(region.angle))]) * scale
    down = np.array([-across[1], across[0]])
    corner = np.array([region.x, region.y]) - across * width / 2 - down * height / 2
    # warpAffine counts from pixel centres, boxes count from pixel corners.
    first = corner + (across + down) / 2 - 0.5
    matrix = np.column_stack([across, down, first])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(
        pixels, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    (a, b), (c, d), (e, f) = across, down, corner
    to_picture = (float(a), float(b), float(c), float(d), float(e), float(f))
    return Strip(warped.astype(np.uint8, copy=False), to_picture)


def _mean_inside(
    probability: NDArray[np.float32],
    contour: MatLike,
    rectangle: tuple[tuple[float, float], tuple[float, float], float],
) -> float:
    x, y, width, height = cv2.boundingRect(contour)
    corners = cv2.boxPoints(rectangle) - np.array([x, y], np.float32)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [corners.astype(np.int32)], (1,))
    return float(cv2.mean(probability[y : y + height, x : x + width], mask)[0])
