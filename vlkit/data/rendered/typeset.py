"""A line of type, glyph by glyph, with the place of each character."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlkit.data.rendered.characters import LIGATURES
from vlkit.data.rendered.fonts import Typeface, open_typeface

Pixels = NDArray[np.uint8]

_LIGATURE = re.compile("|".join(LIGATURES))

ABOVE, BELOW, BESIDE = 1.7, 1.2, 0.9
"""Room left on the canvas above and below the base line and beside the text, in ems."""


@dataclass
class Type:
    """Ink on a canvas.

    Attributes:
        ink: [H, W], 255 where the ink covers all of a pixel.
        em: Size of the type in pixels, as of a face whose letters fill the em as usual.
        baseline: Row of the base line.
        edges: [characters, 2], left and right of each in columns.
        top, bottom: Rows that the face gives a line.
    """

    ink: Pixels
    em: float
    baseline: float
    edges: NDArray[np.float32]
    top: float
    bottom: float


@dataclass(frozen=True)
class Glyph:
    """A character's ink, where it lies from the pen on the base line, and how far the pen goes."""

    ink: Pixels
    left: int
    top: int
    advance: float


@lru_cache(maxsize=1 << 15)
def glyph(path: Path, index: int, size: int, char: str) -> Glyph:
    font = open_typeface(path, index, size)
    mask, (left, top) = font.getmask2(char, mode="L", anchor="ls")
    width, height = mask.size
    ink = np.frombuffer(bytes(mask), np.uint8).reshape(height, width)
    return Glyph(ink, int(left), int(top), float(font.getlength(char)))


@lru_cache(maxsize=4096)
def stature(face: Typeface) -> float:
    """How large the face writes for its size: 1, or less where letters fill less of the em."""
    char, usual = ("한", 0.85) if face.korean else ("H", 0.7)
    return min(1.0, len(glyph(face.path, face.index, 64, char).ink) / (64 * usual))


def typeset(
    text: str,
    faces: Sequence[Typeface],
    em: float,
    spread: Sequence[float],
    *,
    ligatures: bool = False,
) -> Type:
    """``text`` in a line, each character in the first of the faces that has it.

    Args:
        em: Size of the type in pixels; faces that write small are set larger.
        spread: What is added after each character, in ems.
        ligatures: Write fi and its like as one glyph where the face has it; each letter's edges
            are then its even share.
    """
    used = [next(face for face in faces if char in face.characters) for char in text]
    size = round(em / min(stature(face) for face in set(used)))
    glyphs = [
        glyph(face.path, face.index, size, char) for face, char in zip(used, text, strict=True)
    ]
    if ligatures:
        _join(text, used, glyphs, size)
    widths = np.array([drawn.advance for drawn in glyphs])
    added = np.array(spread) * em
    room = round(BESIDE * size)
    starts = room + np.cumsum(widths + added) - widths - added
    blank = np.array([char == " " for char in text])
    edges = np.stack([starts, starts + widths + blank * added], axis=1).astype(np.float32)
    baseline = round(ABOVE * size)
    width = math.ceil(float(edges[-1, 1])) + room
    canvas = np.zeros((baseline + round(BELOW * size), width), np.uint8)
    for drawn, start in zip(glyphs, starts, strict=True):
        _stamp(canvas, drawn.ink, round(float(start)) + drawn.left, baseline + drawn.top)
    heights = [open_typeface(face.path, face.index, size).getmetrics() for face in set(used)]
    top = baseline - min(max(ascent for ascent, _ in heights), 1.1 * size)
    bottom = baseline + min(max(descent for _, descent in heights), 0.4 * size)
    return Type(canvas, float(em), float(baseline), edges, top, bottom)


def _join(text: str, used: Sequence[Typeface], glyphs: list[Glyph], size: int) -> None:
    """Put ligatures' glyphs in the place of their first letters', and none in the others'."""
    for found in _LIGATURE.finditer(text):
        start, end = found.span()
        face, char = used[start], LIGATURES[found[0]]
        if char in face.characters and all(other is face for other in used[start:end]):
            joined = glyph(face.path, face.index, size, char)
            share = joined.advance / (end - start)
            glyphs[start] = replace(joined, advance=share)
            none = Glyph(joined.ink[:0], 0, 0, share)
            glyphs[start + 1 : end] = [none] * (end - start - 1)


def _stamp(canvas: Pixels, ink: Pixels, x: int, y: int) -> None:
    """Lay ink on the canvas, what sticks out cut off."""
    height, width = canvas.shape
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + ink.shape[1], width), min(y + ink.shape[0], height)
    if x0 < x1 and y0 < y1:
        place = canvas[y0:y1, x0:x1]
        np.maximum(place, ink[y0 - y : y1 - y, x0 - x : x1 - x], out=place)
