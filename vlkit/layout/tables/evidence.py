"""What speaks against a table that rules or alignment suggest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from vlkit.layout.tables.columns import Chunk, visual_rows
from vlkit.layout.tables.grid import Grid, Slot, Token, merge_places

_CUT = 0.1
"""Share of a table's lines of text that may go on outside its border."""
_FILLED = 0.2
"""Least share of the cells that hold text: forms to fill in and drawings have many empty ones."""


def is_plausible(grid: Grid, tokens: Sequence[Token], unit: float, *, ruled: bool) -> bool:
    """Whether a grid has at least two rows and columns, enough of them with text, and cuts no
    lines of text at its border.

    One row is enough where all its cells are drawn and hold a few words.

    Args:
        tokens: All words of the page that are in no other table.
        unit: Text height.
        ruled: The cells are drawn, empty ones too.
    """
    filled = {place for token in tokens if (place := grid.place(token.box)) is not None}
    owner = {place: slot for slot in grid.slots for place in slot.places}
    slots = {owner[place] for place in filled}
    rows, columns = {slot.row for slot in slots}, {slot.column for slot in slots}
    if ruled and len(rows) == 1 < len(columns) and len(slots) == len(grid.slots):
        inside = sum(grid.place(token.box) is not None for token in tokens)
        return inside >= 3 * len(slots)
    if len(rows) < 2 or len(columns) < 2 or cuts_lines(grid, tokens, unit):
        return False
    least = max(3, _FILLED * len(grid.slots))
    return not ruled or (len(slots) >= least and 2 * len(columns) >= grid.columns)


def cuts_lines(grid: Grid, tokens: Sequence[Token], unit: float) -> bool:
    """Whether lines of text begin in the table and go on beside it, or the other way round."""
    x0, y0, x1, y1 = grid.box
    beside = [t for t in tokens if y0 < (t.box[1] + t.box[3]) / 2 < y1]
    rows = visual_rows(beside, unit)
    cut = inside = 0
    for row in rows:
        held = [chunk for chunk in row if chunk.box[0] < x1 and chunk.box[2] > x0]
        inside += bool(held)
        cut += any(c.box[0] < x0 - 1.5 * unit or c.box[2] > x1 + 1.5 * unit for c in held)
    return cut > max(1, _CUT * inside)


def without_slivers(grid: Grid, tokens: Sequence[Token], unit: float) -> Grid:
    """The grid without columns and rows that are too narrow for text and hold none: doubled
    and skewed rules."""
    places = [place for token in tokens if (place := grid.place(token.box)) is not None]
    rows = _wide(grid.ys, {row for row, _ in places}, 0.8 * unit)
    columns = _wide(grid.xs, {column for _, column in places}, 0.8 * unit)
    row_of, column_of = _numbers(rows, grid.rows), _numbers(columns, grid.columns)
    slots = []
    for slot in grid.slots:
        row, column = row_of[slot.row], column_of[slot.column]
        row_span = row_of[slot.row + slot.row_span] - row
        column_span = column_of[slot.column + slot.column_span] - column
        if row_span and column_span:
            slots.append(Slot(row, column, row_span, column_span))
    return Grid([grid.xs[i] for i in columns], [grid.ys[i] for i in rows], slots)


def _wide(edges: Sequence[float], used: set[int], least: float) -> list[int]:
    """The edges to keep: of a sliver the first, but the outermost always."""
    kept = [0]
    for index in range(1, len(edges) - 1):
        if index - 1 in used or edges[index] - edges[kept[-1]] >= least:
            kept.append(index)
    last = len(edges) - 1
    if len(kept) > 1 and last - 1 not in used and edges[last] - edges[kept[-1]] < least:
        kept.pop()
    return [*kept, last]


def _numbers(kept: Sequence[int], count: int) -> list[int]:
    """For each edge the number of the kept edge that takes its place."""
    return [sum(1 for k in kept if k <= index) - 1 for index in range(count)] + [len(kept) - 1]


def with_typed_over(grid: Grid, tokens: Sequence[Token], unit: float) -> Grid:
    """The grid with cells joined where one line of text is written over the rule between them.

    That is so where the rule runs through a word, in a line of three words or more, or between
    words too close for a border, in one of five or more.
    """
    inside = [t for t in tokens if grid.place(t.box) is not None]
    joined = [(slot.places[0], place) for slot in grid.slots for place in slot.places[1:]]
    before = len(joined)
    for chunk in (chunk for row in visual_rows(inside, unit) for chunk in row):
        if _runs_over(chunk, grid.xs[1:-1], unit):
            found = [place for t in chunk.tokens if (place := grid.place(t.box)) is not None]
            joined += [(found[0], place) for place in found[1:] if place[0] == found[0][0]]
    if len(joined) == before:
        return grid
    return replace(grid, slots=merge_places(grid.rows, grid.columns, joined))


def _runs_over(chunk: Chunk, xs: Sequence[float], unit: float) -> bool:
    """Whether a line of text is written over one of the rules at ``xs``."""
    tokens, margin = chunk.tokens, 0.6 * unit
    if any(t.box[0] + margin < x < t.box[2] - margin for t in tokens for x in xs):
        return len(tokens) > 2
    named = sum(any(letter.isalpha() for letter in token.word.text) for token in tokens)
    return named > 4 and any(
        before.box[2] <= x <= after.box[0] < before.box[2] + 0.45 * unit
        for before, after in pairwise(tokens)
        for x in xs
    )
