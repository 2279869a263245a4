"""Two readings of a line made into one, word by word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vlkit.document import Line, Word, box_union

MARGIN = 0.2
"""Probability by which the second reading must be the surer one to be taken. Each engine's words
are calibrated over all that it reads; among those that another reads otherwise, the engine that is
right less often is wrong more often than it thinks."""
SHARED = 0.3
"""Of the narrower of two words' widths: what they share at the least to stand in one place."""

Readings = tuple[list[Word], list[Word]]
"""What stands in a place by the one reading and by the other."""


def fused(line: Line, other: Line) -> Line:
    """A level line, with the other reading's words where that is surer of them.

    Where the readings part words otherwise, such as ``DATE OF`` and ``DATEOF``, all that the one
    has in that place stands against all that the other has. What only the other reading sees is
    a stain more often than a word, and left out.
    """
    words: list[Word] = []
    for one, two in places(line.words, other.words):
        changed = [word.text for word in one] != [word.text for word in two]
        better = one and two and changed and _sure(two) > _sure(one) + MARGIN
        words += two if better else one
    words[-1:] = [words[-1].model_copy(update={"space_after": line.words[-1].space_after})]
    return line.model_copy(update={"words": words, "box": box_union(word.box for word in words)})


def places(first: Sequence[Word], second: Sequence[Word]) -> Iterator[Readings]:
    """The words of two readings of a level line that stand in the same places, left to right."""
    found: list[Readings] = []
    end = -float("inf")
    width = 0.0
    every = [(word, 0) for word in first] + [(word, 1) for word in second]
    for word, side in sorted(every, key=lambda each: each[0].box[0]):
        x0, _, x1, _ = word.box
        if not found or end - x0 <= SHARED * min(width, x1 - x0):
            found.append(([], []))
            end = -float("inf")
        found[-1][side].append(word)
        if x1 > end:
            end, width = x1, x1 - x0
    yield from found


def _sure(words: Sequence[Word]) -> float:
    """Mean over the characters of the probability that their word is right."""
    length = sum(len(word.text) for word in words)
    return sum((word.confidence or 0.0) * len(word.text) for word in words) / length
