"""Pictures and drawings that words with rules round them are part of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.document import Box
from vlkit.images import PageImage
from vlkit.layout.tables.rules import Rules

_EDGE = 40
"""Grey levels (of 255) by which neighbouring pixels of a stroke differ."""


def texture(image: PageImage, box: Box, words: Sequence[Box], rules: Rules, unit: float) -> float:
    """Share of the pixels beside words and rules that are edges: of curves, photographs, maps.

    Tables have next to none, whatever their colours; handwriting and noise make a few.

    Args:
        box: What to look at, in page units like the following.
        words: Boxes of all words of the page.
        rules: All rules of the page.
        unit: Text height; a quarter of it round words and rules does not count.
    """
    height, width = image.pixels.shape[:2]
    x0, y0, x1, y1 = _pixels(box, image.scale, width, height)
    part = image.pixels[y0:y1, x0:x1]
    if part.size == 0:
        return 0.0
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    edges = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > _EDGE
    free: NDArray[np.bool_] = np.ones(edges.shape, np.bool_)
    for left, top, right, bottom in _known(words, rules):
        grown = (left - unit / 4, top - unit / 4, right + unit / 4, bottom + unit / 4)
        a, b, c, d = _pixels(grown, image.scale, width, height)
        free[max(0, b - y0) : max(0, d - y0), max(0, a - x0) : max(0, c - x0)] = False
    beside = int(np.count_nonzero(free))
    return int(np.count_nonzero(edges & free)) / max(1, beside)


def _known(words: Sequence[Box], rules: Rules) -> Iterable[Box]:
    yield from words
    for rule in rules.horizontal:
        yield (rule.start, rule.at, rule.end, rule.at)
    for rule in rules.vertical:
        yield (rule.at, rule.start, rule.at, rule.end)


def _pixels(box: Box, scale: float, width: int, height: int) -> tuple[int, int, int, int]:
    """The box in whole pixels, inside the picture."""
    x0, y0, x1, y1 = (round(value * scale) for value in box)
    return (
        min(max(x0, 0), width),
        min(max(y0, 0), height),
        min(max(x1, 0), width),
        min(max(y1, 0), height),
    )
