"""Tables whose cells are drawn: rules that meet, and the grid that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from vlkit.document import Box
from vlkit.layout.tables.bands import joined, wrapped
from vlkit.layout.tables.columns import visual_rows
from vlkit.layout.tables.grid import Grid, Slot, Token, merge_places
from vlkit.layout.tables.rules import Rule, Rules


def crossing_groups(rules: Rules, tolerance: float) -> list[Rules]:
    """Rules that touch, directly or through others, as groups with both directions."""
    horizontal, vertical = rules.horizontal, rules.vertical
    parent = list(range(len(horizontal) + len(vertical)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for i, h in enumerate(horizontal):
        for j, v in enumerate(vertical):
            if _touch(h, v, tolerance):
                parent[root(i)] = root(len(horizontal) + j)
    groups: dict[int, Rules] = {}
    for index in range(len(parent)):
        group = groups.setdefault(root(index), Rules([], []))
        if index < len(horizontal):
            group.horizontal.append(horizontal[index])
        else:
            group.vertical.append(vertical[index - len(horizontal)])
    return [group for group in groups.values() if group.horizontal and group.vertical]


def rules_box(rules: Rules) -> Box:
    """The box around a group of rules."""
    xs = [r.at for r in rules.vertical] + [x for r in rules.horizontal for x in (r.start, r.end)]
    ys = [r.at for r in rules.horizontal] + [y for r in rules.vertical for y in (r.start, r.end)]
    return (min(xs), min(ys), max(xs), max(ys))


def grid_of(rules: Rules, tolerance: float) -> Grid | None:
    """The grid that a group of rules draws, or None if it has a single cell.

    Rules nearer to each other than ``tolerance`` are one. Two neighbouring places belong to
    one cell where less than three quarters of the edge between them are drawn; the outermost
    edges need no rule, the ends of the others show where they are.
    """
    x0, y0, x1, y1 = rules_box(rules)
    xs = cluster([x0, x1, *(r.at for r in rules.vertical)], tolerance)
    ys = cluster([y0, y1, *(r.at for r in rules.horizontal)], tolerance)
    rows, columns = len(ys) - 1, len(xs) - 1
    if rows < 1 or columns < 1 or rows * columns < 2 or rows * columns > 10_000:
        return None
    joined = []
    for row, (top, bottom) in enumerate(pairwise(ys)):
        for column, (left, right) in enumerate(pairwise(xs)):
            if column + 1 < columns and not _drawn(rules.vertical, right, top, bottom, tolerance):
                joined.append(((row, column), (row, column + 1)))
            if row + 1 < rows and not _drawn(rules.horizontal, bottom, left, right, tolerance):
                joined.append(((row, column), (row + 1, column)))
    return without_unused(Grid(xs, ys, merge_places(rows, columns, joined)))


def without_unused(grid: Grid) -> Grid:
    """The grid without the boundaries at which no cell begins or ends."""
    used_rows = sorted({r for s in grid.slots for r in (s.row, s.row + s.row_span)})
    used_columns = sorted({c for s in grid.slots for c in (s.column, s.column + s.column_span)})
    row_of = {old: new for new, old in enumerate(used_rows)}
    column_of = {old: new for new, old in enumerate(used_columns)}
    slots = []
    for slot in grid.slots:
        row, column = row_of[slot.row], column_of[slot.column]
        row_span = row_of[slot.row + slot.row_span] - row
        column_span = column_of[slot.column + slot.column_span] - column
        slots.append(Slot(row, column, row_span, column_span))
    return Grid([grid.xs[c] for c in used_columns], [grid.ys[r] for r in used_rows], slots)


def cluster(values: Sequence[float], tolerance: float) -> list[float]:
    """Means of the groups of values that lie within ``tolerance`` of the group's first."""
    groups: list[list[float]] = []
    for value in sorted(values):
        if groups and value - groups[-1][0] <= tolerance:
            groups[-1].append(value)
        else:
            groups.append([value])
    return [sum(group) / len(group) for group in groups]


def _touch(h: Rule, v: Rule, tolerance: float) -> bool:
    return (
        h.start - tolerance <= v.at <= h.end + tolerance
        and v.start - tolerance <= h.at <= v.end + tolerance
    )


def _drawn(rules: Sequence[Rule], at: float, start: float, end: float, tolerance: float) -> bool:
    """Whether rules near ``at`` cover three quarters of the stretch from start to end."""
    covered, reached = 0.0, start
    for rule in sorted(rules, key=lambda r: r.start):
        if abs(rule.at - at) > tolerance:
            continue
        left, right = max(rule.start, reached), min(rule.end, end)
        if right > left:
            covered += right - left
            reached = right
    return covered >= 0.75 * (end - start)


def split_rows(grid: Grid, tokens: Sequence[Token], unit: float) -> Grid:
    """Rows of a ruled grid that hold several rows of text split where nothing is drawn.

    That is so where the columns with more than one line are at least half, have as many lines
    each, and in most of them, and in two at least, none reads on from the one above. A cell
    with one line that stands beside none of these covers all of them.
    """
    for row in reversed(range(grid.rows)):
        cuts, single = _row_cuts(grid, row, tokens, unit)
        if cuts:
            grid = _with_cuts(grid, row, cuts, single)
    return grid


def _row_cuts(
    grid: Grid, row: int, tokens: Sequence[Token], unit: float
) -> tuple[list[float], set[int]]:
    """Where to cut a row, and the columns of the cells that stay whole."""
    slots = [slot for slot in grid.slots if slot.row == row]
    if any(slot.row_span > 1 for slot in slots):
        return [], set()
    held = {slot: [t for t in tokens if grid.place(t.box) in set(slot.places)] for slot in slots}
    lines = {
        slot: [joined(chunks) for chunks in visual_rows(inside, unit)]
        for slot, inside in held.items()
    }
    several = [found for found in lines.values() if len(found) > 1]
    if len(several) < 2 or len({len(found) for found in several}) > 1:
        return [], set()
    if 2 * len(several) < sum(1 for found in lines.values() if found):
        return [], set()
    read_on = sum(
        any(
            wrapped(above, below, max(line.width for line in found), unit)
            for above, below in pairwise(found)
        )
        for found in several
    )
    if len(several) - read_on < max(2, read_on):
        return [], set()
    rows = [[found[index] for found in several] for index in range(len(several[0]))]
    extents = [(min(c.box[1] for c in r), max(c.box[3] for c in r)) for r in rows]
    if any(above[1] > below[0] for above, below in pairwise(extents)):
        return [], set()
    cuts = [(above[1] + below[0]) / 2 for above, below in pairwise(extents)]
    whole = {
        slot.column
        for slot, found in lines.items()
        if len(found) == 1 and any(found[0].box[1] < cut < found[0].box[3] for cut in cuts)
    }
    return cuts, whole


def _with_cuts(grid: Grid, row: int, cuts: Sequence[float], whole: set[int]) -> Grid:
    """The grid with more boundaries inside a row; cells at the columns ``whole`` span them."""
    ys = [*grid.ys[: row + 1], *cuts, *grid.ys[row + 1 :]]
    more = len(cuts)
    slots = []
    for slot in grid.slots:
        if slot.row > row:
            slots.append(replace(slot, row=slot.row + more))
        elif slot.row + slot.row_span <= row:
            slots.append(slot)
        elif slot.row < row or slot.column in whole:
            slots.append(replace(slot, row_span=slot.row_span + more))
        else:
            slots += [replace(slot, row=row + index) for index in range(more + 1)]
    return Grid(grid.xs, ys, slots)
