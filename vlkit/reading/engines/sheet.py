"""Lines for engines that read only pages: cut out and put one below another on a white sheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlkit.document import Line, Word, apply_affine, box_quad, box_union, compose, quad_box
from vlkit.geometry import Affine, Quad
from vlkit.images import PageImage, Pixels
from vlkit.reading.engines.regions import Region, Strip, cut
from vlkit.reading.engines.strips import STRAIGHT, TALL
from vlkit.reading.stages import Engine

STRIP_HEIGHT = 48
"""Pixels: letters of about 25, which engines for pages read well."""
MARGIN = 0.04
PAPER = 90
"""Percentile of a strip's brightness that is made white, so that the strip has no edges."""
TEXT_ROWS = (0.25, 0.75)
"""Share of a strip in which a line's middle lies; what stands elsewhere is its neighbours'."""


def read_on_sheet(
    engine: Engine, image: PageImage, regions: Sequence[Region], languages: Sequence[str]
) -> list[Line | None]:
    """What the engine reads in each region; None where it reads nothing, or text stands upright.

    Raises:
        EngineError, MissingDependency: As of the engine.
    """
    level = [i for i, region in enumerate(regions) if region.height <= TALL * region.width]
    strips = [cut(image.pixels, regions[i], STRIP_HEIGHT, MARGIN) for i in level]
    lines: list[Line | None] = [None] * len(regions)
    if not strips:
        return lines
    sheet = _sheet(strips)
    height, width = sheet.shape[:2]
    found: list[list[Word]] = [[] for _ in strips]
    page = PageImage(image.number, width, height, lambda: sheet)
    for line in engine.recognise(page, languages):
        number, row = divmod((line.box[1] + line.box[3]) / 2, 2 * STRIP_HEIGHT)
        # A strip stands in the middle of its two heights of the sheet.
        if TEXT_ROWS[0] <= row / STRIP_HEIGHT - 0.5 <= TEXT_ROWS[1]:
            found[int(number)] += line.words
    for number, (i, strip) in enumerate(zip(level, strips, strict=True)):
        corner: Affine = (1, 0, 0, 1, -STRIP_HEIGHT, -STRIP_HEIGHT * (2 * number + 0.5))
        unit = 1 / image.scale
        to_page = compose(compose(corner, strip.to_picture), (unit, 0, 0, unit, 0, 0))
        lines[i] = _line(found[number], to_page)
    return lines


def _sheet(strips: Sequence[Strip]) -> Pixels:
    """The strips on white, each with half its height above and below, one height at the left."""
    widest = max(strip.pixels.shape[1] for strip in strips)
    shape = (2 * STRIP_HEIGHT * len(strips), widest + 2 * STRIP_HEIGHT, 3)
    sheet = np.full(shape, 255, np.uint8)
    for number, strip in enumerate(strips):
        paper = max(float(np.percentile(strip.pixels, PAPER)), 1.0)
        top = 2 * STRIP_HEIGHT * number + STRIP_HEIGHT // 2
        place = sheet[top : top + STRIP_HEIGHT, STRIP_HEIGHT:]
        place[:, : strip.pixels.shape[1]] = np.minimum(strip.pixels * (255 / paper), 255)
    return sheet


def _line(words: list[Word], to_page: Affine) -> Line | None:
    if not words:
        return None
    placed = []
    for word in sorted(words, key=lambda word: word.box[0]):
        quad = _quad(word, to_page)
        level = abs(np.degrees(np.arctan2(to_page[1], to_page[0]))) <= STRAIGHT
        changes = {"box": quad_box(quad), "quad": None if level else quad}
        placed.append(word.model_copy(update=changes))
    return Line(words=placed, box=box_union(word.box for word in placed))


def _quad(word: Word, to_page: Affine) -> Quad:
    a, b, c, d = (apply_affine(to_page, corner) for corner in box_quad(word.box))
    return (a, b, c, d)
