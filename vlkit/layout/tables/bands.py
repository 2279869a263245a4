"""Rows by text: which lines of a band between rules, or of a whole table, are one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from vlkit.document import box_union
from vlkit.layout.tables.columns import Chunk, Row, column_of
from vlkit.layout.tables.texts import is_figure

_LOOSE = 1.12
"""Lines of one cell are at most this much further apart than the closest lines of the table."""
_LEADING = 1.85
"""Lines of one cell are at most this many text heights apart (1.4 font sizes)."""
_BESIDE = 0.8
"""Lines nearer than this many pitches stand beside each other, not below."""
_OVERHANG = 2.0
"""A first line this much wider than all others of its column heads several columns."""


@dataclass
class Stack:
    """Lines of one column, or of several that they cover, that make up one cell."""

    lines: list[Chunk]
    column: int
    column_span: int = 1
    first_row: int = 0
    last_row: int = 0

    @property
    def top(self) -> float:
        return self.lines[0].box[1]

    @property
    def bottom(self) -> float:
        return self.lines[-1].box[3]


def wrapped(above: Chunk, below: Chunk, width: float, unit: float) -> bool:
    """Whether the line below may go on with the one above: its first word did not fit there.

    Args:
        width: Of the column's text.
    """
    if is_figure(above.text) and is_figure(below.text):
        # "13 November" and "2026" are one date, "585 visits" and "170 claims" are not.
        whole = any(letter.isalpha() for letter in above.text)
        if not (whole and below.text.isdecimal() and is_figure(f"{above.text} {below.text}")):
            return False
    first = below.tokens[0].box
    return above.width + 0.3 * unit + (first[2] - first[0]) > width


def logical_rows(
    rows: Sequence[Row], xs: Sequence[float], unit: float, pitch: float
) -> tuple[list[float], list[Stack]]:
    """The rows of a table, or of a band of it.

    Args:
        rows: Visual rows from top to bottom.
        xs: Boundaries of the columns.
        unit: Text height.
        pitch: Distance of the closest lines of the table, see ``line_pitch``.

    Returns:
        The boundaries between the rows, and the cells with text, their rows set.
    """
    stacks = _stacks(rows, xs, unit, pitch)
    others = [stack for stack in stacks if stack.column > 0]
    firsts = [stack for stack in stacks if stack.column == 0]
    extents = _merged_extents(others)
    gaps = [below[0] - above[1] for above, below in pairwise(extents)]
    near = max(pitch, 1.1 * median(gaps)) if gaps else pitch
    floating = []
    for stack in firsts:
        if _overlapped(stack, extents):
            continue
        if _hangs_between(stack, extents, firsts, near, 0.3 * pitch):
            floating.append(stack)
        else:
            extents.append((stack.top, stack.bottom))
    extents = _disjoint(sorted(extents))
    for stack in stacks:
        if stack not in floating:
            hit = _overlapped(stack, extents)
            stack.first_row, stack.last_row = hit[0], hit[-1]
    for stack in floating:
        above = sum(1 for _, bottom in extents if bottom <= (stack.top + stack.bottom) / 2)
        stack.first_row, stack.last_row = max(0, above - 1), min(above, len(extents) - 1)
    cuts = [(above[1] + below[0]) / 2 for above, below in pairwise(extents)]
    return cuts, stacks


def whole_row(rows: Sequence[Row], xs: Sequence[float], unit: float) -> list[Stack]:
    """Visual rows that are one row of the table: a cell for each column."""
    return [
        Stack(lines, column, span) for (column, span), lines in _by_column(rows, xs, unit).items()
    ]


def line_pitch(rows: Sequence[Row], xs: Sequence[float], unit: float) -> float:
    """Distance of the closest lines of a column: that within cells, where any has two lines.

    The median of those that are hardly farther apart than the closest, which may be so by the
    engine's boxes alone.
    """
    columns = _by_column(rows, xs, unit)
    distances = [
        _middle(below) - _middle(above)
        for (_, span), lines in columns.items()
        if span == 1
        for above, below in pairwise(lines)
    ]
    apart = [distance for distance in distances if distance > 0.8 * unit]
    return median(d for d in apart if d <= _LOOSE * min(apart)) if apart else 2 * unit


def _by_column(
    rows: Sequence[Row], xs: Sequence[float], unit: float
) -> dict[tuple[int, int], list[Chunk]]:
    """(column, columns covered) → its lines from top to bottom; those of one visual row in
    the same column are one."""
    found: dict[tuple[int, int], list[Chunk]] = {}
    for row in rows:
        parts: dict[tuple[int, int], list[Chunk]] = {}
        for chunk in row:
            first, last = column_of(chunk, xs, unit)
            parts.setdefault((first, last - first + 1), []).append(chunk)
        for key, chunks in parts.items():
            found.setdefault(key, []).append(joined(chunks))
    return found


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """One chunk of several of the same row."""
    tokens = tuple(token for chunk in chunks for token in chunk.tokens)
    return Chunk(tokens, box_union(chunk.box for chunk in chunks))


def _stacks(rows: Sequence[Row], xs: Sequence[float], unit: float, pitch: float) -> list[Stack]:
    """Cells by column: lines that are near each other and read on."""
    starts = _starting_heights(rows, xs, unit, pitch)
    stacks: list[Stack] = []
    for (column, span), lines in _by_column(rows, xs, unit).items():
        width = max(line.width for line in lines)
        stacks.append(Stack([lines[0]], column, span))
        for above, below in pairwise(lines):
            near = _middle(below) - _middle(above) <= min(_LOOSE * pitch, _LEADING * unit)
            starting = any(below.box[1] < height < below.box[3] for height in starts)
            heading = above is lines[0] and _overhangs(lines)
            if near and not (starting or heading) and wrapped(above, below, width, unit):
                stacks[-1].lines.append(below)
            else:
                stacks.append(Stack([below], column, span))
    return stacks


def _overhangs(lines: Sequence[Chunk]) -> bool:
    """Whether the first of a column's lines is wider than all others by far; two tell nothing."""
    return len(lines) > 2 and lines[0].width > _OVERHANG * max(line.width for line in lines[1:])


def _starting_heights(
    rows: Sequence[Row], xs: Sequence[float], unit: float, pitch: float
) -> list[float]:
    """Middles of the visual rows that begin a row of the table for sure.

    These hold text in at least half the columns, and figures below figures in two of them, or
    in one of a few; where all rows are equally far apart, text in half the columns is enough.
    Text in all columns below a line without some is enough where no cell is centred: the lines
    of a cell follow each other.
    None is nearer to the visual row above than lines ever are: then one of the two is a cell
    of one line, centred beside cells of two.
    """
    middles = [_row_middle(row) for row in rows]
    steps = [below - above for above, below in pairwise(middles)]
    uniform = len(steps) > 1 and max(steps) <= _LOOSE * min(steps)
    columns = len(xs) - 1
    centred_cells = any(step < _BESIDE * pitch for step in steps)
    figures: set[int] = set()
    before = columns
    found = []
    for index, (row, middle) in enumerate(zip(rows, middles, strict=True)):
        centred = index > 0 and steps[index - 1] < _BESIDE * pitch
        filled = {column_of(chunk, xs, unit)[0] for chunk in row}
        here = {column_of(chunk, xs, unit)[0] for chunk in row if is_figure(chunk.text)}
        repeated = len(here & figures) >= (2 if columns > 3 else 1)
        several = 2 * len(filled) >= columns and len(filled) > 1
        complete = columns > 2 and before < len(filled) == columns and not centred_cells
        if several and (uniform or complete or (repeated and not centred)):
            found.append(middle)
        before = len(filled)
        figures |= here
    return found


def _row_middle(row: Row) -> float:
    return sum(_middle(chunk) for chunk in row) / len(row)


def _merged_extents(stacks: Sequence[Stack]) -> list[tuple[float, float]]:
    """Vertical extents of the stacks, those that share much of their height made one."""
    extents: list[tuple[float, float]] = []
    for stack in sorted(stacks, key=lambda s: s.top):
        if extents:
            top, bottom = extents[-1]
            shared = min(bottom, stack.bottom) - max(top, stack.top)
            if shared > 0.3 * min(bottom - top, stack.bottom - stack.top):
                extents[-1] = (top, max(bottom, stack.bottom))
                continue
        extents.append((stack.top, stack.bottom))
    return extents


def _disjoint(extents: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Sorted extents that overlap a little, cut in the middle of what they share."""
    found: list[tuple[float, float]] = []
    for top, bottom in extents:
        if found and top < found[-1][1]:
            cut = (top + min(bottom, found[-1][1])) / 2
            found[-1] = (found[-1][0], cut)
            found.append((cut, max(bottom, cut)))
        else:
            found.append((top, bottom))
    return found


def _overlapped(stack: Stack, extents: Sequence[tuple[float, float]]) -> list[int]:
    """Rows of which the stack shares a third of the height, or of its own."""
    found = []
    for index, (top, bottom) in enumerate(extents):
        shared = min(bottom, stack.bottom) - max(top, stack.top)
        if shared > 0.34 * min(bottom - top, stack.bottom - stack.top):
            found.append(index)
    return found


def _hangs_between(
    stack: Stack,
    extents: Sequence[tuple[float, float]],
    firsts: Sequence[Stack],
    gap: float,
    tolerance: float,
) -> bool:
    """Whether the stack stands in the middle of two neighbouring rows, less than ``gap`` apart,
    that have no other cell in its column: a cell of both."""
    middle = (stack.top + stack.bottom) / 2
    above = [e for e in extents if e[1] <= middle]
    below = [e for e in extents if e[0] >= middle]
    if not above or not below:
        return False
    upper, lower = above[-1], below[0]
    offset = (upper[0] + lower[1]) / 2 - middle
    near = lower[0] - upper[1] < gap and abs(offset) < tolerance
    return near and not any(
        other is not stack and other.bottom > upper[0] and other.top < lower[1] for other in firsts
    )


def _middle(chunk: Chunk) -> float:
    return (chunk.box[1] + chunk.box[3]) / 2
