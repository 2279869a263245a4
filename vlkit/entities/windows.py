"""Pages longer than a model's table of positions: overlapping windows, which are runs of words.

Each word is read in every window that holds it and taken from the one where it stands farthest
from an edge. Without torch, for the runtime that has none as for the model itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlkit.entities.boxes import LARGEST, Thousandths

AT_A_TIME = 8  # windows of a batch
START_BOX, END_BOX = (0, 0, 0, 0), (LARGEST,) * 4  # as in pre-training


class Window(NamedTuple):
    """Words from ``start`` up to ``stop``, which is not among them."""

    start: int
    stop: int


class Special(NamedTuple):
    """Ids of a vocabulary's tokens for a text's start and end, and for what it can't spell."""

    start: int
    end: int
    unknown: int


def windows(lengths: Sequence[int], room: int, overlap: int) -> list[Window]:
    """Runs of words that together hold all.

    Args:
        lengths: Tokens of each word, none above ``room``.
        room: Tokens of a window.
        overlap: Tokens that a window shares with the one before it, at the most.
    """
    found = []
    start, count = 0, len(lengths)
    while start < count:
        stop, used = start, 0
        while stop < count and used + lengths[stop] <= room:
            used += lengths[stop]
            stop += 1
        found.append(Window(start, stop))
        if stop == count:
            break
        # Back by the overlap, but never so far that the next word has no room.
        shared, left = 0, min(overlap, room - lengths[stop])
        start = stop
        while shared + lengths[start - 1] <= left and start - 1 > found[-1].start:
            start -= 1
            shared += lengths[start]
    return found


def owners(found: Sequence[Window], lengths: Sequence[int]) -> list[int]:
    """For each word the window where it has most tokens on its poorer side.

    The page's own edge is no poverty: nothing is cut off there.
    """
    ends = [0]
    for length in lengths:
        ends.append(ends[-1] + length)
    best = [(-1.0, 0)] * len(lengths)
    for number, window in enumerate(found):
        for word in range(window.start, window.stop):
            left = ends[word] - ends[window.start] if window.start else math.inf
            at_end = window.stop == len(lengths)
            right = math.inf if at_end else ends[window.stop] - ends[word + 1]
            best[word] = max(best[word], (min(left, right), -number))
    return [-number for _, number in best]


def first_tokens(lengths: Sequence[int], window: Window) -> NDArray[np.int64]:
    """Where each word of a window begins in its row, after the token for the start."""
    return np.cumsum([1, *lengths[window.start : window.stop - 1]], dtype=np.int64)


def batch(
    pieces: Sequence[Sequence[int]],
    boxes: Sequence[Thousandths],
    some: Sequence[Window],
    special: Special,
    pad_id: int,
) -> dict[str, NDArray[Any]]:
    """Windows as rows: ``ids`` [B, N], ``boxes`` [B, N, 4] and ``mask`` [B, N]."""
    rows = [
        [special.start, *(piece for word in range(*window) for piece in pieces[word]), special.end]
        for window in some
    ]
    shape = (len(rows), max(map(len, rows)))
    ids, mask = np.full(shape, pad_id, np.int64), np.zeros(shape, bool)
    places = np.zeros((*shape, 4), np.int64)
    for row, (window, tokens) in enumerate(zip(some, rows, strict=True)):
        spread = [boxes[word] for word in range(*window) for _ in pieces[word]]
        ids[row, : len(tokens)] = tokens
        places[row, : len(tokens)] = [START_BOX, *spread, END_BOX]
        mask[row, : len(tokens)] = True
    return {"ids": ids, "boxes": places, "mask": mask}
