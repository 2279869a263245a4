"""Where words stand in columns without rules: finding such stretches, refusing prose."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from vlkit.layout.tables.bands import joined, wrapped
from vlkit.layout.tables.columns import (
    Chunk,
    Row,
    column_of,
    cut_at,
    fit_columns,
    row_box,
    visual_rows,
)
from vlkit.layout.tables.grid import Token
from vlkit.layout.tables.texts import has_leader, is_figure, is_marker, is_page_number

_FILLED = 0.6
"""Least share of the places in rows of several columns that hold text."""
_FAR = 3.0
"""White space of this many text heights between two rows ends a table."""


def tabular_stretches(tokens: Sequence[Token], unit: float) -> list[list[Token]]:
    """Groups of words that look like borderless tables.

    Columns of prose side by side are searched one by one: a table may stand in one of them.
    """
    found: list[list[Token]] = []
    for window in _windows(visual_rows(tokens, unit), unit):
        rows, xs = _trimmed(window, unit)
        if len(xs) < 3:
            continue
        columns = _columns(rows, xs, unit)
        prose = [is_prose(lines, unit) for lines in columns]
        texts = [is_prose(lines, unit) or is_long_text(lines, unit) for lines in columns]
        apart = [text and _stands_apart(i, columns, unit) for i, text in enumerate(texts)]
        if sum(texts) > 1 or any(apart):
            prose = texts
        if sum(prose) > 1 or any(apart) or (any(prose) and _widest_share(xs, prose) > 0.35):
            for left, right in _separate(xs, prose):
                inside = [t for row in window for t in _within(row, left, right)]
                found += tabular_stretches(inside, unit)
        elif is_table(rows, xs, unit):
            found.append([token for row in rows for chunk in row for token in chunk.tokens])
    return found


def is_table(rows: Sequence[Row], xs: Sequence[float], unit: float) -> bool:
    """Whether rows in columns are a table and not a list, a form, contents or chance."""
    rows = cut_at(rows, xs, unit)
    columns = _columns(rows, xs, unit)
    several = [row for row in rows if len(row) > 1]
    texts = [chunk.text for row in rows for chunk in row]
    if len(several) < 3 or len(xs) < 3 or sum(map(has_leader, texts)) > 0.3 * len(rows):
        return False
    if not in_table_columns(rows, xs, unit):
        return False
    if sum(map(len, columns)) < _FILLED * len(several) * len(columns):
        return False
    if len(columns) > 2:
        return True
    return (
        len(several) >= 4
        and _is_column_of_figures(columns[1])
        and not any(is_prose(lines, unit) for lines in columns)
    )


def in_table_columns(rows: Sequence[Row], xs: Sequence[float], unit: float) -> bool:
    """Whether text in columns is aligned in each, and no list, no contents and no form."""
    columns = _columns(rows, xs, unit)
    if len(columns) < 2 or _is_list(columns) or _is_contents(columns) or _is_form(rows):
        return False
    alone = sum(len(row) == 1 and column_of(row[0], xs, unit)[0] == 0 for row in rows)
    if alone > 0.5 * len(rows):  # headings, entries of a form, running text beside something
        return False
    return min(_alignment(lines, unit) for lines in columns) >= 0.5


def is_prose(lines: Sequence[Chunk], unit: float) -> bool:
    """Whether a column's lines are long and run on from one to the next."""
    long = [line for line in lines if line.width > 10 * unit]
    if len(lines) < 4 or len(long) < 0.6 * len(lines):
        return False
    width = max(line.width for line in lines)
    runs_on = sum(1 for a, b in pairwise(lines) if wrapped(a, b, width, unit))
    return runs_on > 0.6 * (len(lines) - 1)


def is_long_text(lines: Sequence[Chunk], unit: float) -> bool:
    """Whether a column has many lines that are long, though they need not run on."""
    return len(lines) >= 8 and median(line.width for line in lines) > 15 * unit


def _windows(rows: Sequence[Row], unit: float) -> list[list[Row]]:
    """Runs of rows that are near each other and of which none is a line of running text."""
    if not rows:
        return []
    right = max(chunk.box[2] for row in rows for chunk in row)
    left = min(row[0].box[0] for row in rows)
    windows: list[list[Row]] = [[]]
    bottom = rows[0][0].box[1]
    for row in rows:
        _, top, _, lower = row_box(row)
        full = len(row) == 1 and row[0].width > 0.6 * (right - left) and len(row[0].tokens) > 3
        if full or top - bottom > _FAR * unit:
            windows.append([])
        if not full:
            windows[-1].append(row)
        bottom = lower
    return [window for window in windows if len(window) > 1]


def _trimmed(window: Sequence[Row], unit: float) -> tuple[list[Row], list[float]]:
    """The window without single lines at its ends that are no part of the columns."""
    start = next((i for i, row in enumerate(window) if len(row) > 1), len(window))
    rows, before = list(window[start:]), list(window[:start])
    while rows:
        xs = fit_columns(rows, unit)
        last = rows[-1]
        inside = len(xs) > 2 and column_of(last[0], xs, unit) not in ((0, 0), (0, len(xs) - 2))
        if len(last) > 1 or inside:
            while before and _is_heading(before[-1], rows, xs, unit):
                rows = [before.pop(), *rows]
            return rows, xs
        rows = rows[:-1]
    return [], []


def _is_heading(row: Row, rows: Sequence[Row], xs: Sequence[float], unit: float) -> bool:
    """Whether a single chunk above a table is a cell of its header: centred over several
    columns, or set between the first rows as a cell of two rows is."""
    if len(xs) < 3:
        return False
    left, _, right, bottom = row[0].box
    gap = row_box(rows[0])[1] - bottom
    usual = median(row_box(b)[1] - row_box(a)[3] for a, b in pairwise(rows))
    if gap > 1.3 * usual + 0.3 * unit:
        return False
    centred = any(
        abs((xs[a] + xs[b]) / 2 - (left + right) / 2) < max(unit, 0.1 * (xs[b] - xs[a]))
        for a in range(1, len(xs) - 2)
        for b in range(a + 2, len(xs))
    )
    return centred or (gap < 0.6 * usual and right < xs[1])


def _columns(rows: Sequence[Row], xs: Sequence[float], unit: float) -> list[list[Chunk]]:
    """Lines that lie in one column, by column."""
    columns: list[list[Chunk]] = [[] for _ in xs[1:]]
    for row in rows:
        parts: dict[int, list[Chunk]] = {}
        for chunk in row:
            first, last = column_of(chunk, xs, unit)
            if first == last:
                parts.setdefault(first, []).append(chunk)
        for column, chunks in parts.items():
            columns[column].append(joined(chunks))
    return columns


def _stands_apart(index: int, columns: Sequence[Sequence[Chunk]], unit: float) -> bool:
    """Whether the lines of a column stand at other heights than most lines beside them."""
    middles = [(line.box[1] + line.box[3]) / 2 for line in columns[index]]
    others = [
        (line.box[1] + line.box[3]) / 2
        for other, lines in enumerate(columns)
        for line in lines
        if other != index and middles[0] - unit < line.box[3] and line.box[1] < middles[-1] + unit
    ]
    level = sum(min(abs(middle - y) for y in middles) < 0.2 * unit for middle in others)
    return level < 0.4 * len(others)


def _widest_share(xs: Sequence[float], prose: Sequence[bool]) -> float:
    """Width of the widest column of prose as a share of all."""
    widths = [b - a for (a, b), text in zip(pairwise(xs), prose, strict=True) if text]
    return max(widths) / (xs[-1] - xs[0])


def _separate(xs: Sequence[float], prose: Sequence[bool]) -> list[tuple[float, float]]:
    """Intervals of x: each column of prose alone, the columns between two of them together."""
    found: list[tuple[float, float]] = []
    joins = False
    for (left, right), text in zip(pairwise(xs), prose, strict=True):
        if joins and not text:
            found[-1] = (found[-1][0], right)
        else:
            found.append((left, right))
        joins = not text
    return found


def _within(row: Row, left: float, right: float) -> list[Token]:
    return [
        token
        for chunk in row
        for token in chunk.tokens
        if left <= (token.box[0] + token.box[2]) / 2 <= right
    ]


def _is_list(columns: Sequence[Sequence[Chunk]]) -> bool:
    """Two columns of which the first holds bullets or numbers."""
    first = columns[0]
    return len(columns) == 2 and sum(is_marker(c.text) for c in first) > 0.6 * len(first)


def _is_contents(columns: Sequence[Sequence[Chunk]]) -> bool:
    """Text at the left, page numbers that never fall at the right."""
    last = [line.text for line in columns[-1]]
    if len(columns) > 3 or not all(map(is_page_number, last)):
        return False
    numbers = [int(text) for text in last if text.isdecimal()]
    return len(numbers) >= 3 and all(a <= b for a, b in pairwise(numbers))


def _is_form(rows: Sequence[Row]) -> bool:
    """Labels that end in a colon, with their values beside them."""
    labels = sum(1 for row in rows if any(chunk.text.endswith((":", "：")) for chunk in row))
    return labels > 0.4 * len(rows)


def _is_column_of_figures(lines: Sequence[Chunk]) -> bool:
    return sum(is_figure(line.text) for line in lines) >= 0.6 * len(lines)


def _alignment(lines: Sequence[Chunk], unit: float) -> float:
    """Share of lines that agree on their left edge, right edge or middle."""
    if not lines:
        return 0.0
    best = 0.0
    for measure in (
        [line.box[0] for line in lines],
        [line.box[2] for line in lines],
        [(line.box[0] + line.box[2]) / 2 for line in lines],
    ):
        common = median(measure)
        best = max(best, sum(abs(value - common) < 0.6 * unit for value in measure) / len(lines))
    return best
