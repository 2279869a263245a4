"""Program text: lines as they stand, with the white space that their positions show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from vlkit.document import Line, Word

# Spaces in a row.
_MOST = 100
# Of the line's height.
_BLANK = 1.0


def code_text(lines: Sequence[Line]) -> str:
    """The lines, one under the other, indented as on the page."""
    return "\n".join(
        "".join(" " * spaces + word.text for spaces, word in row) for row in code_rows(lines)
    )


def code_rows(lines: Sequence[Line]) -> list[list[tuple[int, Word]]]:
    """For every line its words, each with the number of spaces that stand before it.

    A gap that is as high as a line is an empty one.
    """
    lines = [line for line in lines if line.words]
    advance = _advance(lines)
    left = min((line.box[0] for line in lines), default=0.0)
    rows: list[list[tuple[int, Word]]] = []
    above: Line | None = None
    for line in lines:
        if above and line.box[1] - above.box[3] > _BLANK * (above.box[3] - above.box[1]):
            rows.append([])
        above = line
        first = line.words[0]
        row = [(_spaces(first.box[0] - left, advance), first)]
        for before, word in pairwise(line.words):
            gap = _spaces(word.box[0] - before.box[2], advance)
            row.append((max(1, gap) if before.space_after else 0, word))
        rows.append(row)
    return rows


def _advance(lines: Sequence[Line]) -> float:
    """How wide a character is, all of them alike."""
    widths = [
        (word.box[2] - word.box[0]) / len(word.text)
        for line in lines
        for word in line.words
        if word.text
    ]
    return median(widths) if widths else 0.0


def _spaces(gap: float, advance: float) -> int:
    if gap <= 0 or advance <= 0:
        return 0
    return round(min(gap / advance, _MOST))
