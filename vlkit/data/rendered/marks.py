"""What happens to ink: how a printer lays it, and what else is printed around it.

Every function takes the type on its canvas, a severity from 0 to 1 and the chance it uses, and
changes the type's ink.
"""

from __future__ import annotations

from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.data.rendered.typeset import Pixels, Type


def chance(rng: Random) -> np.random.Generator:
    """A generator for whole arrays."""
    return np.random.Generator(np.random.SFC64(rng.getrandbits(63)))


def clouds(rng: Random, shape: tuple[int, int], cell: float) -> NDArray[np.float32]:
    """Smooth random values around 0.5, [H, W], in blots about ``cell`` pixels wide."""
    rows, columns = (max(2, round(length / cell) + 1) for length in shape)
    coarse = chance(rng).random((rows, columns), dtype=np.float32)
    return np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def strokes(line: Type, severity: float, rng: Random) -> None:
    """Heavier or thinner ink, by up to a twentieth of an em; what would vanish stays."""
    width = 2 * max(1, round(line.em / 24)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    bold = rng.random() < 0.6
    changed = (cv2.dilate if bold else cv2.erode)(line.ink, kernel)
    share = severity * (0.9 if bold else 0.8)
    mixed = cv2.addWeighted(line.ink, 1 - share, changed, share, 0)
    if bold or mixed.mean() > 0.6 * line.ink.mean():
        line.ink = np.asarray(mixed, np.uint8)


def broken(line: Type, severity: float, rng: Random) -> None:
    """Ink that did not take everywhere: pale blots, and pinholes."""
    shape = (line.ink.shape[0], line.ink.shape[1])
    blots = clouds(rng, shape, line.em * rng.uniform(0.1, 0.5))
    lost = np.clip((blots - (1.0 - 0.4 * severity)) * 4, 0, 0.5 + 0.35 * severity)
    holes = chance(rng).random(shape, dtype=np.float32) < 0.25 * severity * rng.random()
    np.maximum(lost, holes * np.float32(0.8), out=lost)
    line.ink = (line.ink * (1 - lost)).astype(np.uint8)


def photocopy(line: Type, severity: float, rng: Random) -> None:
    """Copied and copied again, or scanned in one bit: no greys, ragged edges, strokes run together
    or worn away, dirt."""
    shape = (line.ink.shape[0], line.ink.shape[1])
    soft = cv2.GaussianBlur(line.ink, (0, 0), line.em * (0.015 + 0.02 * severity))
    level = 255 * (0.5 + rng.uniform(-0.3, 0.15) * severity)
    rough = 255 * severity * rng.uniform(0.1, 0.5)
    grain = clouds(rng, shape, max(1.0, line.em * rng.uniform(0.03, 0.08))) - 0.5
    found = (soft + np.float32(rough) * grain > level).astype(np.uint8) * np.uint8(255)
    if rng.random() < 0.4:
        dirt = chance(rng).random(shape, dtype=np.float32) < 0.004 * severity
        found[cv2.dilate(dirt.astype(np.uint8), np.ones((2, 2), np.uint8)) > 0] = 255
    if found.mean() > 0.5 * line.ink.mean():
        line.ink = found


def typewriter(line: Type, severity: float, rng: Random) -> None:
    """Types that hit too high, too low, and harder or softer than their neighbours."""
    height = line.em * (0.02 + 0.06 * severity)
    for left, right in np.rint(line.edges).astype(int):
        place = line.ink[:, left:right]
        moved = np.roll(place, round(rng.gauss(0, height / 2)), axis=0)
        place[:] = (moved * np.float32(1 - 0.5 * severity * rng.random())).astype(np.uint8)


def dot_matrix(line: Type, severity: float, rng: Random) -> None:
    """Needles' dots, or the square ones of a receipt printer: about as many to the em as a head
    of 24 or 16 has."""
    dots = rng.uniform(26 - 10 * severity, 26)
    pitch = line.em / dots
    rows, columns = (round(length / pitch) for length in line.ink.shape)
    coarse = cv2.resize(line.ink, (columns, rows), interpolation=cv2.INTER_AREA)
    hit = (coarse > 90).astype(np.float32)
    hit *= 1 - 0.5 * severity * chance(rng).random(hit.shape, dtype=np.float32)
    radius = 0.75 if rng.random() < 0.5 else 0.62 - 0.14 * severity
    large = np.kron(hit, _dot(5, radius))
    size = (line.ink.shape[1], line.ink.shape[0])
    line.ink = np.asarray(cv2.resize(large * 255, size, interpolation=cv2.INTER_AREA), np.uint8)


def _dot(cell: int, radius: float) -> NDArray[np.float32]:
    """A round dot in a square of ``cell`` pixels, its radius in parts of the square's side."""
    steps = (np.arange(cell) + 0.5) / cell - 0.5
    away = np.hypot(steps[:, None], steps)
    return np.clip((radius - away) * cell + 0.5, 0, 1).astype(np.float32)


def thermal(line: Type, severity: float, rng: Random) -> None:
    """A worn thermal head on fading paper: soft ink in stripes, with rows that did not burn."""
    rows, columns = line.ink.shape
    ink = cv2.GaussianBlur(line.ink, (0, 0), line.em * (0.01 + 0.02 * severity))
    stripes = np.repeat(1 - severity * 0.35 * chance(rng).random((rows, 1)), columns, axis=1)
    if rng.random() < 0.5:  # dead elements leave lines along the paper's way
        period = max(3, round(line.em / rng.randrange(4, 10)))
        stripes[rng.randrange(period) :: period] *= 1 - 0.7 * severity
    fading = 1 - severity * 0.5 * clouds(rng, (rows, columns), line.em * 4)
    line.ink = np.clip(ink * stripes * fading, 0, 255).astype(np.uint8)


def underline(line: Type, severity: float, rng: Random) -> None:
    """A rule, two, or dots under the text, as near as below the base line."""
    thick = max(1, round(line.em * rng.uniform(0.02, 0.03 + 0.06 * severity)))
    row = round(line.baseline + line.em * rng.uniform(0.08, 0.25))
    ink = rng.randrange(140, 256)
    start, end = _stretch(line, rng)
    for at in (row, row + 3 * thick) if rng.random() < 0.15 else (row,):
        _rule(line.ink, at, thick, start, end, ink, dotted=rng.random() < 0.2)


def _stretch(line: Type, rng: Random) -> tuple[int, int]:
    """All of the line and more, or some characters in a row."""
    if rng.random() < 0.6:
        return 0, line.ink.shape[1]
    first = rng.randrange(len(line.edges))
    last = rng.randrange(first, len(line.edges))
    return round(float(line.edges[first, 0])), round(float(line.edges[last, 1]))


def _rule(
    ink: Pixels, row: int, thick: int, start: int, end: int, shade: int, *, dotted: bool
) -> None:
    place = ink[max(0, row) : row + thick, start:end]
    if dotted:
        period = 4 * thick
        for offset in range(0, 2 * thick):
            place[:, offset::period] = np.maximum(place[:, offset::period], shade)
    else:
        np.maximum(place, shade, out=place)


def rules(line: Type, severity: float, rng: Random) -> None:
    """A form's or table's lines: over and under the text, beside it, and at the hard end through
    it, thin ones."""
    thick = max(1, round(line.em * rng.uniform(0.02, 0.06)))
    shade = rng.randrange(120, 256)
    columns = line.ink.shape[1]
    if rng.random() < 0.7:
        row = round(line.baseline + line.em * rng.uniform(0.05 if severity > 0.6 else 0.22, 0.45))
        _rule(line.ink, row, thick, 0, columns, shade, dotted=rng.random() < 0.15)
    if rng.random() < 0.5:
        row = round(line.baseline - line.em * rng.uniform(0.85, 1.15))
        _rule(line.ink, row, thick, 0, columns, shade, dotted=False)
    sides = (line.edges[0, 0] - line.em * rng.uniform(0.2, 0.7), line.edges[-1, 1])
    for side in (sides[0], sides[1] + line.em * rng.uniform(0.2, 0.7)):
        if rng.random() < 0.4:
            line.ink[:, max(0, round(float(side))) :][:, :thick] = shade
    if rng.random() < 0.35 * severity:
        row = round(line.baseline - line.em * rng.uniform(0.1, 0.7))
        _rule(
            line.ink, row, max(1, round(line.em * 0.025)), *_stretch(line, rng), shade, dotted=False
        )


def neighbours(line: Type, severity: float, rng: Random) -> None:
    """Ink of the lines above and below, as near as cuts have it."""
    lead = line.em * rng.uniform(1.25 - 0.3 * severity, 1.5)
    columns = line.ink.shape[1]
    text = line.ink.copy()
    for step in (-lead, lead):
        if rng.random() < 0.7:
            other = np.roll(text, rng.randrange(columns), axis=1)
            shift = round(step)
            if shift < 0:
                np.maximum(line.ink[:shift], other[-shift:], out=line.ink[:shift])
            else:
                np.maximum(line.ink[shift:], other[:-shift], out=line.ink[shift:])
