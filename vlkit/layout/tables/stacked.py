"""Tables with rules between rows only: stacks of equally long horizontal rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from vlkit.document import Box
from vlkit.layout.tables.borderless import is_heading, is_prose, stands_apart
from vlkit.layout.tables.columns import Chunk, Row, column_of, fit_columns, row_box, visual_rows
from vlkit.layout.tables.grid import Token, centre
from vlkit.layout.tables.ruled import cluster
from vlkit.layout.tables.rules import Rule, Rules
from vlkit.layout.tables.texts import has_leader


@dataclass(frozen=True)
class RuleStack:
    """Rules above, between and below the rows of a table."""

    box: Box
    heights: list[float]


def rule_stacks(rules: Rules, tokens: Sequence[Token], unit: float) -> list[RuleStack]:
    """Stacks of horizontal rules with the same ends and columns of text between them."""
    todo = sorted((r for r in rules.horizontal if r.length > 8 * unit), key=lambda r: r.at)
    stacks: list[RuleStack] = []
    while todo:
        first, *todo = todo
        same = [r for r in todo if _same_ends(first, r, unit)]
        run = _linked([first, *same], tokens, unit)
        if len(run) > 1:
            stacks.append(_grown(_stack(run, tokens, unit), tokens, unit))
            box = stacks[-1].box
            todo = [r for r in todo if not (box[1] <= r.at <= box[3] and _overlap(r, box))]
    return [stack for stack in stacks if len(_rows_in(stack.box, tokens, unit)) > 1]


def _overlap(rule: Rule, box: Box) -> bool:
    return rule.start < box[2] and rule.end > box[0]


def _same_ends(a: Rule, b: Rule, unit: float) -> bool:
    return abs(a.start - b.start) < unit and abs(a.end - b.end) < unit


def _linked(same: Sequence[Rule], tokens: Sequence[Token], unit: float) -> list[Rule]:
    """The rules from the first on for as long as text in columns lies between each two."""
    run = [same[0]]
    for above, below in pairwise(same):
        box = (above.start, above.at, above.end, below.at)
        rows = _rows_in(box, tokens, unit)
        lone = len(rows) == 1 and _width(rows[0]) < 0.5 * above.length
        if rows and not (lone and len(run) > 1) and not _in_columns(rows, unit):
            break
        run.append(below)
    return run


def _width(row: Row) -> float:
    left, _, right, _ = row_box(row)
    return right - left


def _rows_in(box: Box, tokens: Sequence[Token], unit: float) -> list[Row]:
    x0, y0, x1, y1 = box
    inside = []
    for token in tokens:
        x, y = centre(token.box)
        if x0 - unit <= x <= x1 + unit and y0 <= y <= y1:
            inside.append(token)
    return visual_rows(inside, unit)


def _in_columns(rows: Sequence[Row], unit: float) -> bool:
    """Whether the rows between two rules are part of a table."""
    if len(rows) < 5:
        return any(len(row) > 1 for row in rows)
    xs = fit_columns(rows, unit)
    if len(xs) < 3 or sum(has_leader(c.text) for row in rows for c in row) > 0.3 * len(rows):
        return False
    columns = [
        [c for row in rows for c in row if column_of(c, xs, unit) == (index, index)]
        for index in range(len(xs) - 1)
    ]
    if any(stands_apart(index, columns, unit) for index in range(len(columns))):
        return False
    return sum(is_prose(lines, unit) for lines in columns) < min(2, len(columns) - 1)


def _stack(run: Sequence[Rule], tokens: Sequence[Token], unit: float) -> RuleStack:
    box = (run[0].start - unit, run[0].at, run[0].end + unit, run[-1].at)
    # A thick rule shows as two edges.
    return RuleStack(box, cluster([rule.at for rule in run], unit))


def _grown(stack: RuleStack, tokens: Sequence[Token], unit: float) -> RuleStack:
    """The stack with the rows above and below it that fit its columns: where every other row
    is shaded, the first and the last may stand outside all edges."""
    x0, y0, x1, y1 = stack.box
    xs = fit_columns(_rows_in(stack.box, tokens, unit), unit)
    above = _rows_in((x0, -inf, x1, y0), tokens, unit)
    below = _rows_in((x0, y1, x1, inf), tokens, unit)
    upwards = _fitting(above[::-1], y0, xs, unit)
    for row in above[::-1][len(upwards) :]:
        held = [*upwards[::-1], *_rows_in(stack.box, tokens, unit)]
        if len(row) > 1 or not is_heading(row, held, xs, unit):
            break
        upwards.append(row)
    for row in upwards:
        y0 = min(y0, row_box(row)[1])
    for row in _fitting(below, y1, xs, unit):
        y1 = max(y1, row_box(row)[3])
    return RuleStack((x0, y0, x1, y1), stack.heights)


def _fitting(rows: Sequence[Row], start: float, xs: Sequence[float], unit: float) -> list[Row]:
    """The rows, from the one nearest to ``start`` on, that follow closely and fit the columns;
    one or two with text in one column only count where such a row follows."""
    found: list[Row] = []
    waiting: list[Row] = []
    edge = start
    for row in rows:
        _, top, _, bottom = row_box(row)
        if max(top - edge, edge - bottom) > 1.5 * unit:
            break
        edge = bottom if top >= start else top
        if _fits(row, xs, unit):
            found += [*waiting, row]
            waiting = []
        elif len(waiting) < 2 and len(row) == 1 and _is_in_one(row[0], xs, unit):
            waiting.append(row)
        else:
            break
    return found


def _is_in_one(chunk: Chunk, xs: Sequence[float], unit: float) -> bool:
    first, last = column_of(chunk, xs, unit)
    return len(xs) > 2 and first == last


def _fits(row: Row, xs: Sequence[float], unit: float) -> bool:
    """Whether a row has text in several columns and across none of their boundaries."""
    return len(row) > 1 and all(_is_in_one(chunk, xs, unit) for chunk in row)
