"""Grids from alignment, with or without rules between the rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vlkit.layout.tables.bands import Stack, line_pitch, logical_rows, whole_row
from vlkit.layout.tables.columns import (
    Chunk,
    Row,
    column_of,
    cut_at,
    fit_columns,
    row_box,
    visual_rows,
)
from vlkit.layout.tables.grid import Grid, Token, merge_places
from vlkit.layout.tables.texts import is_figure


def aligned_grid(tokens: Sequence[Token], unit: float, rules: Sequence[float] = ()) -> Grid | None:
    """The grid of words that stand in columns, or None where these are no two columns.

    Args:
        tokens: All words of the table.
        unit: Text height.
        rules: Heights at which rules run all across: rows end there for sure.
    """
    rows = visual_rows(tokens, unit)
    xs = fit_columns(rows, unit)
    if len(xs) < 3:
        return None
    rows = cut_at(rows, xs, unit)
    rules = [y for y in rules if not _cuts_text(y, rows, unit)]
    pitch = line_pitch(rows, xs, unit)
    bands = _bands(rows, rules)
    ruled_rows = len(bands) > 2 and 2 * sum(len(band) == 1 for band in bands) >= len(bands)
    parts = [
        ([], whole_row(band, xs, unit))
        if ruled_rows and _is_one_row(band, xs, unit)
        else logical_rows(band, xs, unit, pitch)
        for band in bands
    ]
    ys, stacks = [row_box(rows[0])[1]], []
    for band, (cuts, held) in zip(bands, parts, strict=True):
        start = max(row_box(row)[3] for row in band)
        first = len(ys) - 1
        ys += [*cuts, start]
        for stack in held:
            stack.first_row += first
            stack.last_row += first
        stacks += held
    _between_bands(ys, bands, rules)
    _reach_from_middle(stacks, len(ys) - 1)
    return _spanned(xs, ys, stacks, unit)


def _bands(rows: Sequence[Row], rules: Sequence[float]) -> list[list[Row]]:
    """The visual rows between each two rules."""
    bands: dict[int, list[Row]] = {}
    for row in rows:
        _, top, _, bottom = row_box(row)
        bands.setdefault(sum(1 for y in rules if y < (top + bottom) / 2), []).append(row)
    return [bands[index] for index in sorted(bands)]


def _is_one_row(band: Sequence[Row], xs: Sequence[float], unit: float) -> bool:
    """Whether the text between two rules is one row: one line in the first column, at the top,
    beside wrapped text without figures."""
    firsts = [any(column_of(chunk, xs, unit) == (0, 0) for chunk in row) for row in band]
    if not firsts[0] or any(firsts[1:]):
        return False
    return not any(is_figure(chunk.text) for row in band[1:] for chunk in row)


def _between_bands(ys: list[float], bands: Sequence[list[Row]], rules: Sequence[float]) -> None:
    """Move the ends of bands from the text's lower edge to the rule below it."""
    for above, below in pairwise(bands):
        end = max(row_box(row)[3] for row in above)
        start = min(row_box(row)[1] for row in below)
        rule = next((y for y in rules if end - (end - start) <= y <= start), (end + start) / 2)
        ys[ys.index(end)] = rule


def _cuts_text(y: float, rows: Sequence[Row], unit: float) -> bool:
    """Whether a rule (the edge of a shaded row) runs through the middle of a line."""
    return any(c.box[1] + 0.2 * unit < y < c.box[3] - 0.2 * unit for row in rows for c in row)


def _reach_from_middle(stacks: Sequence[Stack], rows: int) -> None:
    """Cells of the first column that stand in the middle row of the three or more they span.

    Text in the first column that hangs between two rows tells that cells are centred. Then
    each cell reaches as many empty rows up as down, and all of that must add up.
    """
    firsts = sorted((s for s in stacks if s.column == 0), key=lambda s: s.first_row)
    if not any(s.last_row > s.first_row and len(s.lines) == 1 for s in firsts):
        return
    reaches: list[int] = []
    free_from, owed = 0, 0
    for stack in firsts:
        empty = stack.first_row - free_from - owed
        if empty < 0 or (empty > 0 and stack.last_row > stack.first_row):
            return
        reaches.append(empty)
        free_from, owed = stack.last_row + 1, empty
    if rows - free_from != owed:
        return
    for stack, reach in zip(firsts, reaches, strict=True):
        stack.first_row -= reach
        stack.last_row += reach


def _spanned(xs: list[float], ys: list[float], stacks: Sequence[Stack], unit: float) -> Grid:
    """The grid with the spans of its cells."""
    joined = []
    filled = {(r, c) for s in stacks for r, c in _places(s)}
    for stack in stacks:
        places = _places(stack)
        if stack.first_row == 0 or _is_over_subheads(stack, stacks):
            places += [
                (row, column)
                for column in _centred_reach(stack, xs, filled, unit)
                for row in range(stack.first_row, stack.last_row + 1)
            ]
        joined += [(places[0], place) for place in places[1:]]
    return Grid(xs, ys, merge_places(len(ys) - 1, len(xs) - 1, joined))


def _places(stack: Stack) -> list[tuple[int, int]]:
    return [
        (row, column)
        for row in range(stack.first_row, stack.last_row + 1)
        for column in range(stack.column, stack.column + stack.column_span)
    ]


def _is_over_subheads(stack: Stack, stacks: Sequence[Stack]) -> bool:
    """Whether nothing but first rows of headers lies above."""
    return all(other.first_row >= stack.first_row for other in stacks)


def _centred_reach(
    stack: Stack, xs: Sequence[float], filled: set[tuple[int, int]], unit: float
) -> list[int]:
    """Empty columns beside a heading over whose middle, with its own, it stands centred, and
    that have text in the row below."""
    row, below = stack.first_row, stack.last_row + 1
    first, last = stack.column, stack.column + stack.column_span - 1

    def free(column: int) -> bool:
        return (row, column) not in filled and (below, column) in filled

    start, end = first, last
    while start > 0 and free(start - 1):
        start -= 1
    while end < len(xs) - 2 and free(end + 1):
        end += 1
    left, right = _extent(stack.lines)
    best: list[int] = []
    for a in range(start, first + 1):
        for b in range(last, end + 1):
            offset = abs((xs[a] + xs[b + 1]) / 2 - (left + right) / 2)
            if (
                offset < max(unit, 0.1 * (xs[b + 1] - xs[a]))
                and b - a > len(best)
                and (below, first) in filled
            ):
                best = [c for c in range(a, b + 1) if not first <= c <= last]
    return best


def _extent(lines: Sequence[Chunk]) -> tuple[float, float]:
    return min(line.box[0] for line in lines), max(line.box[2] for line in lines)
