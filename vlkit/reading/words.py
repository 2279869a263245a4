"""From the characters of a line to words with boxes of their own.

A line recogniser knows roughly where each character stands and now and then forgets a space.
The ink knows exactly where the white is. Words part where the recogniser read a space, and
where the white between two characters is wide for the line's height; their edges are the edges
of that white.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

SPACE_GAP = 0.3
"""White that is a space for recognisers that now and then forget one."""
EDGE = 0.04
"""White that a word's box holds on either side of its ink, in strip heights: annotators and
other engines draw boxes that do not touch the letters."""
MOSTLY = 0.55
"""Share of dark pixels from which they are the ground and not the ink: text in bold covers nearly
half of a tight strip."""
BREAK_AFTER = "/-"
"""Between letters, words part behind these, as lines may (Unicode Annex 14); dates, numbers and
codes stay whole."""


@dataclass(frozen=True)
class Glyph:
    """One character that was read: its text, its centre in pixels of the strip, its probability."""

    text: str
    x: float
    probability: float


@dataclass(frozen=True)
class WordSpan:
    """A word's characters and where it begins and ends in the strip, in pixels.

    ``space_after`` is False where the next word follows without white space.
    """

    glyphs: tuple[Glyph, ...]
    start: float
    end: float
    space_after: bool = True

    @property
    def text(self) -> str:
        return "".join(glyph.text for glyph in self.glyphs)


def is_light_on_dark(gray: NDArray[np.uint8]) -> bool:
    """Whether a strip [H, W] is dark for the most part, by Otsu's level."""
    return bool(_dark(gray).mean() > MOSTLY)


def _dark(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    _, dark = cv2.threshold(gray, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    return dark.astype(np.uint8, copy=False)


def ink_of(gray: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels of a strip [H, W] are ink; rules along and across the strip are not.

    Ink is the rarer side of Otsu's threshold, so light text on a dark ground is found too.
    """
    height, width = gray.shape
    dark = _dark(gray)
    ink = 1 - dark if is_light_on_dark(gray) else dark
    rules = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((height - 4, 1), np.uint8))
    if width > 1.5 * height:
        along = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, height * 3 // 2), np.uint8))
        rules = cv2.bitwise_or(rules, along)
    inside: NDArray[np.bool_] = (ink > rules).astype(bool)
    # What touches the strip's upper and lower edge belongs to the neighbours.
    inside[: height // 12] = False
    inside[height - height // 12 :] = False
    return inside


def split_words(
    glyphs: Sequence[Glyph], ink: NDArray[np.bool_], space_gap: float = SPACE_GAP
) -> list[WordSpan]:
    """Words of a line, left to right.

    Args:
        glyphs: Characters in reading order; spaces among them are where words may part.
        ink: [H, W], from ``ink_of`` on the strip that the characters were read from.
        space_gap: White between two characters that is a space although none was read, in strip
            heights.

    Returns:
        Spans within [0, W] that do not overlap; their texts, with a space after each that has
        one, are the line's text without spaces at its ends.
    """
    height, width = ink.shape
    columns = ink.sum(axis=0)
    letters, spaced = _letters(glyphs)
    if not letters:
        return []
    first = 0
    start = float(_first_ink(columns, 0, _clip(letters[0].x, width)))
    spans: list[WordSpan] = []
    for i in range(1, len(letters)):
        left, right = letters[i - 1], letters[i]
        gap = _widest_gap(columns, _clip(left.x, width), _clip(right.x, width))
        white = spaced[i] or gap[1] - gap[0] > space_gap * height
        if white or _breaks(letters, i):
            end = max(start, float(gap[0]))
            spans.append(WordSpan(tuple(letters[first:i]), start, end, white))
            first, start = i, max(end, float(gap[1]))
    end = float(_last_ink(columns, _clip(letters[-1].x, width), width))
    spans.append(WordSpan(tuple(letters[first:]), start, max(start, end)))
    return _with_edges(spans, EDGE * height, width)


def _breaks(letters: Sequence[Glyph], i: int) -> bool:
    """Whether words part before letter ``i`` without white."""
    return (
        i >= 2
        and letters[i - 1].text in BREAK_AFTER
        and letters[i - 2].text.isalpha()
        and letters[i].text.isalpha()
    )


def _with_edges(spans: list[WordSpan], edge: float, width: int) -> list[WordSpan]:
    """Spans grown by ``edge`` into the white, at most to its middle or the strip's end."""
    limits = [0.0, *((a.end + b.start) / 2 for a, b in pairwise(spans)), float(width)]
    return [
        replace(span, start=max(span.start - edge, low), end=min(span.end + edge, high))
        for span, (low, high) in zip(spans, pairwise(limits), strict=True)
    ]


def _letters(glyphs: Sequence[Glyph]) -> tuple[list[Glyph], list[bool]]:
    """The characters that are not spaces, and whether a space was read before each."""
    letters: list[Glyph] = []
    spaced: list[bool] = []
    pending = False
    for glyph in glyphs:
        if glyph.text.isspace():
            pending = True
            continue
        letters.append(glyph)
        spaced.append(pending)
        pending = False
    return letters, spaced


def _clip(x: float, width: int) -> int:
    return min(max(int(x), 0), width)


def _widest_gap(columns: NDArray[np.int_], low: int, high: int) -> tuple[int, int]:
    """The widest run of columns without ink; where letters touch, the thinnest column."""
    part = columns[low : max(high, low)]
    if not part.size:
        return low, low
    edges = np.diff(np.concatenate([[0], (part == 0).astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not starts.size:
        thinnest = low + int(np.argmin(part))
        return thinnest, thinnest
    widest = int(np.argmax(ends - starts))
    return low + int(starts[widest]), low + int(ends[widest])


def _first_ink(columns: NDArray[np.int_], low: int, high: int) -> int:
    inked = np.flatnonzero(columns[low:high])
    return low + int(inked[0]) if inked.size else high


def _last_ink(columns: NDArray[np.int_], low: int, high: int) -> int:
    inked = np.flatnonzero(columns[low:high])
    return low + int(inked[-1]) + 1 if inked.size else low
