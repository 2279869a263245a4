"""Upright characters one below another, as in the narrow cells of forms: laid side by side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.document import compose
from vlkit.images import Pixels
from vlkit.reading.engines.regions import Strip
from vlkit.reading.words import is_light_on_dark

PART_GAP = 0.15
"""White between the parts of one character, at most, in widths of the widest character."""
TALLEST = 1.15
"""Height of a character, in the same."""
MARGIN = 0.15
"""White around and between the characters where they are laid, in the same."""


def laid_level(strip: Strip) -> Strip | None:
    """The strip's characters from left to right; None where they are not two at least.

    On its way back to the picture what is right becomes down: exactly at both ends, and between
    them as if all characters stood equally far apart.
    """
    gray = cv2.cvtColor(strip.pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    _, dark = cv2.threshold(gray, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    ink = (1 - dark if is_light_on_dark(gray) else dark).astype(bool)
    columns = np.flatnonzero(ink.any(axis=0))
    if not columns.size:
        return None
    left, width = int(columns[0]), int(columns[-1] + 1 - columns[0])
    cells = _cells(np.flatnonzero(ink.any(axis=1)), width)
    if len(cells) < 2:
        return None
    laid = _laid(strip.pixels, ink, cells)
    top, bottom = cells[0][0], cells[-1][1]
    down = (bottom - top) / laid.shape[1]
    # (x, y) of what is laid → (y, x) of the strip.
    across = (0.0, down, width / laid.shape[0], 0.0, float(left), float(top))
    return Strip(laid, compose(across, strip.to_picture))


def _cells(rows: NDArray[np.intp], width: int) -> list[tuple[int, int]]:
    """First row and the one after the last of each character, from the rows with ink."""
    breaks = np.flatnonzero(np.diff(rows) > 1) + 1
    cells: list[tuple[int, int]] = []
    for run in np.split(rows, breaks):
        start, end = int(run[0]), int(run[-1]) + 1
        if cells:
            before = cells[-1]
            part = start - before[1] <= PART_GAP * width
            if part and end - before[0] <= TALLEST * width:
                cells[-1] = (before[0], end)
                continue
        cells.append((start, end))
    return cells


def _laid(pixels: Pixels, ink: NDArray[np.bool_], cells: list[tuple[int, int]]) -> Pixels:
    """The characters side by side, each in the middle of the line's height."""
    columns = [np.flatnonzero(ink[start:end].any(axis=0)) for start, end in cells]
    widest = max(int(each[-1] + 1 - each[0]) for each in columns)
    margin = max(round(MARGIN * widest), 1)
    height = max(widest, *(end - start for start, end in cells)) + 2 * margin
    paper = np.median(pixels[~ink], axis=0).astype(np.uint8)
    gap = np.tile(paper, (height, margin, 1))
    parts = [gap]
    for (start, end), inked in zip(cells, columns, strict=True):
        character = pixels[start:end, inked[0] : inked[-1] + 1]
        above = (height - len(character)) // 2
        part = np.tile(paper, (height, character.shape[1], 1))
        part[above : above + len(character)] = character
        parts += [part, gap]
    return np.concatenate(parts, axis=1)
