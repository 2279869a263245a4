"""Pictures of pages: decoding them right, and turning them upright and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.document import IDENTITY, Affine, compose, invert

Pixels = NDArray[np.uint8]
"""[H, W, 3], RGB."""


@dataclass(eq=False)
class PageImage:
    """One page as the stages see it; pixels are rendered or decoded when first asked for.

    Attributes:
        number: 1-based.
        width, height, unit: The page's own measure, as in ``vlkit.document.Page``.
        render: Gives the pixels, [H, W, 3] RGB uint8, H = height · scale.
        scale: Pixels per page unit.
        dpi: Pixels per inch of those pixels, where known.
        to_source: Page coordinates → the file's own.
        to_given: This picture's page coordinates → those of the page as given; the identity
            until the page is turned upright.
        text_layer: The text that a PDF page carries, if it carries any.
    """

    number: int
    width: float
    height: float
    render: Callable[[], Pixels]
    unit: Literal["pixel", "point"] = "pixel"
    scale: float = 1.0
    dpi: float | None = None
    to_source: Affine = IDENTITY
    to_given: Affine = IDENTITY
    text_layer: object | None = field(default=None, repr=False)

    @cached_property
    def pixels(self) -> Pixels:
        return self.render()

    def turned(self, rotation: int, skew: float) -> PageImage:
        """The page with text standing ``rotation + skew`` degrees clockwise set upright.

        Quarter turns move pixels without loss; skew resamples on a white canvas that holds
        the whole page. Coordinates of the result map back through ``to_given``.
        """
        if rotation % 360 == 0 and skew == 0:
            return self
        angle = math.radians(rotation % 360 + skew)
        cos, sin = math.cos(angle), math.sin(angle)
        # Upright coordinates are the given ones turned counter-clockwise by the angle, then
        # moved so that the page's corners are not negative.
        corners = [(0.0, 0.0), (self.width, 0.0), (self.width, self.height), (0.0, self.height)]
        xs = [cos * x + sin * y for x, y in corners]
        ys = [-sin * x + cos * y for x, y in corners]
        to_upright: Affine = (cos, -sin, sin, cos, -min(xs), -min(ys))
        width, height = max(xs) - min(xs), max(ys) - min(ys)

        def render() -> Pixels:
            quarters = rotation % 360 // 90
            if skew == 0:
                return np.ascontiguousarray(np.rot90(self.pixels, quarters))
            a, b, c, d, e, f = to_upright
            matrix = np.array([[a, c, e * self.scale], [b, d, f * self.scale]])
            size = (round(width * self.scale), round(height * self.scale))
            turned = cv2.warpAffine(
                self.pixels, matrix, size, flags=cv2.INTER_CUBIC, borderValue=(255, 255, 255)
            )
            return turned.astype(np.uint8, copy=False)

        return replace(
            self,
            width=width,
            height=height,
            render=render,
            to_given=compose(invert(to_upright), self.to_given),
        )
