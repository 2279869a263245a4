"""What engines share that read strips cut from a page: which way up, and strips to lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vlkit.document import (
    Affine,
    Line,
    Quad,
    Source,
    Word,
    apply_affine,
    box_union,
    compose,
    quad_box,
)
from vlkit.errors import EngineError, VlkitError
from vlkit.reading.calibration import Calibration
from vlkit.reading.engines.regions import Region, Strip
from vlkit.reading.words import SPACE_GAP, Glyph, WordSpan, ink_of, split_words

TEXT_SHARE = 0.7
"""Share of a strip's height, in its middle, that its letters take from descender to ascender."""
TALL = 1.5
"""Height over width from which a region may hold text turned by a quarter, or one letter."""
NOISE = 0.65
"""Mean probability of its characters under which a word is ink that is no text, or past reading.
A mean, so that a line of Chinese, which is one word, is not judged by its length."""
STRAIGHT = 2.0
"""Degrees up to which text counts as level; beyond, words carry a quad."""


@dataclass(frozen=True)
class Reading:
    """A strip and the characters read from it, in its pixels."""

    strip: Strip
    glyphs: list[Glyph]

    @property
    def probability(self) -> float:
        return float(np.mean([glyph.probability for glyph in self.glyphs] or [0.0]))


def turns(region: Region) -> list[Region]:
    """The ways in which a region's text may run: level, and in tall ones along both quarter
    turns."""
    tall = region.height > TALL * region.width
    return [region.turned(quarters) for quarters in ((0, 1, 3) if tall else (0,))]


def read_regions(
    regions: Sequence[Region],
    strips_of: Callable[[Region], list[Strip]],
    read: Callable[[list[Strip]], list[list[Glyph]]],
) -> list[Reading]:
    """A reading of each region: of its strips the one whose characters are most probable."""
    ways = [strips_of(region) for region in regions]
    glyphs = iter(read([strip for strips in ways for strip in strips]))
    readings = ([Reading(strip, next(glyphs)) for strip in strips] for strips in ways)
    return [max(some, key=lambda reading: reading.probability) for some in readings]


def line_of(
    reading: Reading,
    unit: float,
    calibration: Calibration,
    source: Source,
    space_gap: float = SPACE_GAP,
) -> Line | None:
    """The line that a reading is on its page, with calibrated words; None where it has no text.

    Args:
        unit: Page units per pixel of the picture that the strip was cut from.
        space_gap: As of ``split_words``.
    """
    if not reading.glyphs:
        return None
    gray = cv2.cvtColor(reading.strip.pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    spans = without_noise(split_words(reading.glyphs, ink_of(gray), space_gap))
    if not spans:
        return None
    to_page = compose(reading.strip.to_picture, (unit, 0.0, 0.0, unit, 0.0, 0.0))
    height = len(gray)
    words = [_word(span, height, to_page, calibration, source) for span in spans]
    box = box_union(word.box for word in words)
    quad = _quad(spans[0].start, spans[-1].end, height, to_page)
    return Line(words=words, box=box, quad=quad if words[0].quad else None)


def without_noise(spans: Sequence[WordSpan]) -> list[WordSpan]:
    """Words worth keeping; where the next one is dropped, white follows."""
    clear = [np.mean([glyph.probability for glyph in s.glyphs]) >= NOISE for s in spans]
    return [
        span if stays else replace(span, space_after=True)
        for span, keep, stays in zip(spans, clear, [*clear, False][1:], strict=True)
        if keep
    ]


def _word(
    span: WordSpan, height: int, to_page: Affine, calibration: Calibration, source: Source
) -> Word:
    quad = _quad(span.start, max(span.end, span.start + 1), height, to_page)
    level = abs(np.degrees(np.arctan2(to_page[1], to_page[0]))) <= STRAIGHT
    score = word_score([glyph.probability for glyph in span.glyphs])
    return Word(
        text=span.text,
        box=quad_box(quad),
        quad=None if level else quad,
        confidence=float(calibration(score)),
        space_after=span.space_after,
        source=source,
    )


def word_score(probabilities: Sequence[float]) -> float:
    """What the calibration is fitted on: the probability that every character is right."""
    return float(np.prod(probabilities))


def _quad(start: float, end: float, height: int, to_page: Affine) -> Quad:
    """Columns of a strip so many pixels high → the corners on the page."""
    top, bottom = height * (1 - TEXT_SHARE) / 2, height * (1 + TEXT_SHARE) / 2
    return (
        apply_affine(to_page, (start, top)),
        apply_affine(to_page, (end, top)),
        apply_affine(to_page, (end, bottom)),
        apply_affine(to_page, (start, bottom)),
    )


def top_to_bottom(lines: Sequence[Line | None]) -> list[Line]:
    """The lines that there are, in the order in which engines give them."""
    return sorted((line for line in lines if line is not None), key=lambda line: line.box[1::-1])


@contextmanager
def failing_as(engine: str, page: int) -> Iterator[None]:
    """Whatever fails inside is an ``EngineError`` of that page: ONNX Runtime's exceptions have no
    base of their own."""
    try:
        yield
    except VlkitError:
        raise
    except Exception as error:
        raise EngineError(
            f"{engine} failed ({error})", remedy="Try --engine tesseract", page=page
        ) from error
