"""Where the characters of a line stand in its ink, once it has been read.

Tesseract's boxes of single characters are rough. But how wide a character is, and how much white
it brings with it, is alike in all typefaces: a typeface at hand tells it, and the line's text is
laid over its columns of ink so that widths and whites fit best (dynamic programming over tokens
and columns).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Floats = NDArray[np.float64]

FACE = "fonts/VlkitSansKR-Regular.ttf"
DRAWN = 200
"""Pixels per em at which the typeface is measured."""
UNITS = 24
"""Columns per pitch in which a line is fitted; finer ones are pooled."""
WIDTH_SPREAD = 0.08
"""How much a syllable's width differs between typefaces, in pitches (standard deviation)."""
LOOSE_SPREAD = ((0.1, 0.12), (0.15, 0.3))
"""The same for other text that was read with some certainty, or not: so many pitches, and so much
of its width."""
SURE = 0.6
MOST_WHITE = 0.07
"""Typefaces differ most in the white beside signs; no more than this is expected."""
BREAK = 0.3
"""White from which other text seldom goes on, in pitches."""
BREAK_COST = 3.0
GAP_SPREAD = 0.07
"""How much the white between two characters differs."""
SPACE_FROM = 0.15
"""A space adds at least this much white."""
SPACE_COST = 0.5
CUT_COST = 1.5
"""Cost of a border that no white marks."""
WIDEST_GAP = 3.0
STRAY_INK = 40.0
"""Cost of a pitch full of ink that no character accounts for."""
FEW = 3
SLACK = 3.0
"""Standard deviations to which a width may go."""


@dataclass(frozen=True)
class Token:
    """A Hangul syllable, or a run of other characters that stand together.

    Attributes:
        text: Its characters, at least one.
        confidence: 0 to 1.
    """

    text: str
    confidence: float

    @property
    def syllable(self) -> bool:
        return has_hangul(self.text)

    @property
    def sure(self) -> bool:
        """Whether the characters are known, and not only about how many they are."""
        return self.confidence >= SURE


def has_hangul(text: str) -> bool:
    return any("가" <= character <= "힣" for character in text)


@cache
def _face() -> tuple[ImageFont.FreeTypeFont, float]:
    data = files("vlkit.data").joinpath(FACE).read_bytes()
    face = ImageFont.truetype(BytesIO(data), DRAWN)
    return face, face.getlength("한")


@cache
def side_whites(character: str) -> tuple[float, float, float]:
    """White on the left, ink, white on the right of a character, in pitches of Hangul."""
    face, pitch = _face()
    picture = Image.new("L", (3 * DRAWN, 2 * DRAWN))
    ImageDraw.Draw(picture).text((DRAWN, 0), character, font=face, fill=255)
    x0, _, x1, _ = picture.getbbox() or (DRAWN, 0, DRAWN + 1, 0)
    x0, x1 = x0 - DRAWN, x1 - DRAWN
    return x0 / pitch, (x1 - x0) / pitch, (face.getlength(character) - x1) / pitch


def expected(tokens: Sequence[Token]) -> tuple[Floats, Floats]:
    """Width of each token, and white before each one (0 before the first), in pitches."""
    widths, gaps = [], []
    before = 0.0
    for token in tokens:
        sides = [side_whites(character) for character in token.text]
        left, right = sides[0][0], sides[-1][2]
        widths.append(sum(sum(side) for side in sides) - left - right)
        gaps.append(before + _white_of(token.text[0], left))
        before = _white_of(token.text[-1], right)
    gaps[0] = 0.0
    return np.array(widths), np.array(gaps)


def _white_of(character: str, white: float) -> float:
    return white if character.isalnum() else min(white, MOST_WHITE)


def fit(columns: NDArray[np.intp], tokens: Sequence[Token], pitch: float) -> tuple[Floats, float]:
    """Lay tokens over a line's columns.

    Args:
        columns: The line's columns with ink, ascending, at least one.
        tokens: What was read, left to right; at least one.
        pitch: Columns from one Hangul syllable to the next.

    Returns:
        [N, 2] where each token's ink starts and ends, in columns; and what it costs: 0 where all
        widths and whites are as expected, about 1 per token that is off by a standard deviation.
    """
    pool = max(1, round(pitch / UNITS))
    length = int(columns[-1]) + 1
    pooled = np.unique(columns // pool)
    dark = np.zeros(-(-length // pool), bool)
    dark[pooled] = True
    unit = pitch / pool
    widths, gaps = (each * unit for each in expected(tokens))
    total = np.concatenate([[0.0], np.cumsum(dark) * STRAY_INK / unit])
    breaks = _breaks(pooled, len(total), BREAK * unit) * BREAK_COST
    # ends[e]: cost so far with a token's ink ending before column e.
    ends = total.copy()
    steps = []
    for number, token in enumerate(tokens):
        if number:
            starts, gap_of = _after_gap(ends, total, gaps[number], unit)
        else:
            starts, gap_of = total.copy(), np.zeros(len(total), np.intp)
        starts[:-1][~dark] = np.inf
        starts[-1] = np.inf
        if token.syllable:
            spread = WIDTH_SPREAD * unit
            ends, width_of = _after_width(starts, widths[number], spread)
        else:
            fixed, share = LOOSE_SPREAD[0 if token.sure else 1]
            spread = fixed * unit + share * widths[number]
            ends, width_of = _after_width(starts - breaks, widths[number], spread)
            ends += breaks
        ends[1:][~dark] = np.inf
        steps.append((gap_of, width_of))
    cost = ends + (total[-1] - total)
    end = int(cost.argmin())
    least = float(cost[end])
    spans = np.zeros((len(tokens), 2))
    if not np.isfinite(least):
        return _spread_evenly(widths + gaps, length), least
    for number in range(len(tokens) - 1, -1, -1):
        gap_of, width_of = steps[number]
        start = end - int(width_of[end])
        spans[number] = start * pool, min(end * pool, length)
        end = start - int(gap_of[start])
    return spans, least


def _breaks(columns: NDArray[np.intp], length: int, wide: float) -> Floats:
    """How many stretches of white that are this wide lie before each column, given those with
    ink.
    """
    count = np.zeros(length)
    count[columns[1:][np.diff(columns) > wide]] = 1
    return np.cumsum(count)


def _after_gap(
    ends: Floats, total: Floats, gap: float, unit: float
) -> tuple[Floats, NDArray[np.intp]]:
    """Least cost of a token that starts at each column, and the white before it."""
    white = np.arange(int(WIDEST_GAP * unit) + 1)
    excess = (white - gap) / unit
    plain = (excess / GAP_SPREAD) ** 2
    space = SPACE_COST + (np.minimum(excess - SPACE_FROM, 0) / GAP_SPREAD) ** 2
    price = np.minimum(plain, space)
    price[0] += CUT_COST
    before = np.concatenate([np.full(len(white) - 1, np.inf), ends - total])
    windows = np.lib.stride_tricks.sliding_window_view(before, len(white))[:, ::-1]
    cost = windows + price
    best = cost.argmin(axis=1)
    return cost[np.arange(len(best)), best] + total, best


def _after_width(starts: Floats, width: float, spread: float) -> tuple[Floats, NDArray[np.intp]]:
    """Least cost of a token that ends before each column, and its width."""
    low = max(1, int(width - SLACK * spread))
    high = max(low, int(np.ceil(width + SLACK * spread)))
    wide = np.arange(low, high + 1)
    price = ((wide - width) / spread) ** 2
    before = np.concatenate([np.full(high, np.inf), starts])
    windows = np.lib.stride_tricks.sliding_window_view(before, high + 1)[:, ::-1][:, low:]
    cost = windows + price
    best = cost.argmin(axis=1)
    return cost[np.arange(len(best)), best], best + low


def _spread_evenly(widths: Floats, length: int) -> Floats:
    ends = np.cumsum(widths) / widths.sum() * length
    return np.stack([np.concatenate([[0.0], ends[:-1]]), ends], axis=1)


def white_before(
    tokens: Sequence[Token], spans: Floats, widths: Floats, gaps: Floats, number: int, pitch: float
) -> float:
    """White before a token beyond what is expected, in pitches.

    Between syllables the middles count, since a typeface may draw all of them wider or narrower.
    """
    before = number - 1
    if tokens[before].syllable and tokens[number].syllable:
        apart = (spans[number].mean() - spans[before].mean()) / pitch
        return float(apart - (widths[before] + widths[number]) / 2 - gaps[number])
    return float((spans[number, 0] - spans[before, 1]) / pitch - gaps[number])


def measured(
    tokens: Sequence[Token],
    spans: Floats,
    widths: Floats,
    gaps: Floats,
    pitch: float,
    space: float,
) -> float:
    """The pitch as neighbouring syllables without a space have it; few are not trusted."""
    ratios = []
    for number in range(1, len(tokens)):
        syllables = tokens[number - 1].syllable and tokens[number].syllable
        if syllables and white_before(tokens, spans, widths, gaps, number, pitch) < space:
            apart = spans[number].mean() - spans[number - 1].mean()
            ratios.append(apart / ((widths[number - 1] + widths[number]) / 2 + gaps[number]))
    return float(np.median(ratios)) if len(ratios) >= FEW else pitch
