"""Straight rules and edges of fills, found in a page's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.document import Word
from vlkit.images import PageImage

_CONTRAST = 22
"""Grey levels (of 255) by which a rule differs from what lies beside it; #ddd on white is 34."""
_ENOUGH = 24
"""Pixels for the height of text; pictures of more are made smaller."""
_MAX_RULES = 1500
"""Photographs and halftones give thousands of edges; only the longest are kept."""


@dataclass(frozen=True)
class Rule:
    """A horizontal rule at height ``at`` from x = ``start`` to ``end``, or a vertical one
    at x = ``at`` from y = ``start`` to ``end``; page units."""

    at: float
    start: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Rules:
    """All rules of a page."""

    horizontal: list[Rule]
    vertical: list[Rule]


def find_rules(image: PageImage, words: Sequence[Word], text_height: float) -> Rules:
    """Dark and light lines and the edges of filled areas, longer than text is high.

    Args:
        image: The upright page.
        words: Its words; strokes inside them are not rules.
        text_height: Median height of the words, in page units; the measure of every length.
    """
    grey = np.asarray(cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    smaller = min(1.0, _ENOUGH / (text_height * image.scale))
    if smaller < 1:
        size = (round(grey.shape[1] * smaller), round(grey.shape[0] * smaller))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    scale = image.scale * smaller
    unit = text_height * scale
    boxes = np.array([word.box for word in words], np.float64).reshape(-1, 4) * scale
    horizontal = _horizontal(grey, boxes, unit, 1.5 * unit)
    flipped = np.ascontiguousarray(grey.T)
    vertical = _horizontal(flipped, boxes[:, [1, 0, 3, 2]], unit, 1.2 * unit)
    return Rules(
        [Rule(r.at / scale, r.start / scale, r.end / scale) for r in horizontal],
        [Rule(r.at / scale, r.start / scale, r.end / scale) for r in vertical],
    )


def join_rules(rules: Sequence[Rule], tolerance: float, gap: float) -> list[Rule]:
    """Rules on one line, at most ``gap`` apart, become one; ``tolerance`` is across the line."""
    joined: list[Rule] = []
    for rule in sorted(rules, key=lambda r: (r.start, r.at)):
        for index, other in enumerate(joined):
            if abs(other.at - rule.at) <= tolerance and rule.start - other.end <= gap:
                longer = other if other.length >= rule.length else rule
                joined[index] = Rule(longer.at, other.start, max(other.end, rule.end))
                break
        else:
            joined.append(rule)
    return joined


def _horizontal(
    grey: NDArray[np.uint8], words: NDArray[np.float64], unit: float, shortest: float
) -> list[Rule]:
    """Horizontal rules in pixels.

    Args:
        grey: [H, W].
        words: [N, 4], the boxes of words.
        unit: Height of text.
        shortest: Least length of a rule.
    """
    across = np.ones((max(3, round(0.5 * unit)), 1), np.uint8)
    dark = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, across) > _CONTRAST
    light = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, across) > _CONTRAST
    found = [
        *_runs(dark, unit, bridge=0.2 * unit, least=unit),
        # Light strips also lie between rows of text, broken by the letters' ascenders.
        *_runs(light, unit, bridge=1, least=3 * unit),
        *_runs(_steps(grey), unit, bridge=1, least=3 * unit),
    ]
    found = _without_strokes(found, words, unit)
    found = join_rules(found, 0.2 * unit, unit)
    found = [rule for rule in found if rule.length >= shortest]
    return sorted(found, key=lambda r: -r.length)[:_MAX_RULES]


def _steps(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mask [H, W] of pixels where brightness changes downwards, as at the edge of a fill."""
    reach = 2
    change = np.zeros_like(grey)
    change[reach:-reach] = cv2.absdiff(grey[: -2 * reach], grey[2 * reach :])
    return change > _CONTRAST // 2


def _runs(mask: NDArray[np.bool_], unit: float, *, bridge: float, least: float) -> list[Rule]:
    """Flat components of the mask: runs longer than ``least``, gaps up to ``bridge`` closed."""
    dots = mask.view(np.uint8)
    closed = cv2.morphologyEx(dots, cv2.MORPH_CLOSE, _row(bridge)) if bridge > 1 else dots
    runs = cv2.morphologyEx(closed, cv2.MORPH_OPEN, _row(least))
    # Labelling is slow, and most rows of pixels are empty: of these one is kept between others.
    used = np.asarray(runs).max(axis=1) > 0
    used[1:] |= used[:-1].copy()
    rows = np.flatnonzero(used)
    if not rows.size:
        return []
    count, _, stats, centres = cv2.connectedComponentsWithStats(runs[rows], connectivity=8)
    found = []
    for index in range(1, count):
        x, y, width, height = (int(v) for v in stats[index, :4])
        # Higher ones are blobs; but a long rule may climb a little.
        if height <= 0.6 * unit or height <= 0.02 * width:
            at = rows[y] + centres[index, 1] - y + 0.5
            found.append(Rule(float(at), float(x), float(x + width)))
    return found


def _row(length: float) -> NDArray[np.uint8]:
    return np.ones((1, max(1, round(length))), np.uint8)


def _without_strokes(rules: Sequence[Rule], words: NDArray[np.float64], unit: float) -> list[Rule]:
    """The rules but for those that run mostly inside words: bars of letters, rows of serifs."""
    slack = max(1.5, 0.05 * unit)
    kept = []
    for rule in rules:
        at_height = words[(words[:, 1] - slack < rule.at) & (rule.at < words[:, 3] + slack)]
        left = np.maximum(at_height[:, 0] - slack, rule.start)
        right = np.minimum(at_height[:, 2] + slack, rule.end)
        if np.maximum(right - left, 0).sum() < 0.8 * rule.length:
            kept.append(rule)
    return kept
