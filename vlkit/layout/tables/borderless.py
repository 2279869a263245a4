"""Where words stand in columns without rules: finding such stretches, refusing prose."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from vlkit.layout.tables.bands import joined, wrapped
from vlkit.layout.tables.columns import (
    CORRIDOR,
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
        parts = _columns_of_text(rows, xs, unit)
        if not parts and len(xs) > 2 and is_table(rows, xs, unit):
            found.append([token for row in rows for chunk in row for token in chunk.tokens])
            continue
        for left, right in parts or _beside_gutter(window, unit):
            inside = [t for row in window for t in _within(row, left, right)]
            found += tabular_stretches(inside, unit)
    return found


def _columns_of_text(
    rows: Sequence[Row], xs: Sequence[float], unit: float
) -> list[tuple[float, float]]:
    """Intervals of x to be searched alone, where columns are running text; else none."""
    if len(xs) < 3:
        return []
    columns = _columns(rows, xs, unit)
    prose = [is_prose(lines, unit) for lines in columns]
    apart = [stands_apart(index, columns, unit) for index in range(len(columns))]
    texts = [
        is_prose(lines, unit) or is_long_text(lines, unit) or alone
        for lines, alone in zip(columns, apart, strict=True)
    ]
    if sum(texts) > 1 or any(apart):
        prose = texts
    elif sum(prose) == 1 and _is_of_names(prose.index(True), columns, unit):
        return []
    if sum(prose) > 1 or any(apart) or (any(prose) and _widest_share(xs, prose) > 0.35):
        return _separate(xs, prose)
    return []


def _beside_gutter(window: Sequence[Row], unit: float) -> list[tuple[float, float]]:
    """Both sides of the widest white corridor that no row crosses, where running text stands
    beside it: a table in one column of a page whose other columns are nearly empty."""
    chunks = sorted((chunk for row in window for chunk in row), key=lambda c: c.box[0])
    left, reached = chunks[0].box[0], chunks[0].box[2]
    gaps: list[tuple[float, float]] = []
    for chunk in chunks:
        if chunk.box[0] - reached >= CORRIDOR * unit:
            gaps.append((chunk.box[0] - reached, (chunk.box[0] + reached) / 2))
        reached = max(reached, chunk.box[2])
    if not gaps:
        return []
    middle = max(gaps)[1]
    sides = [(left, middle), (middle, reached)]
    return sides if any(_has_text(window, side) for side in sides) else []


def _has_text(window: Sequence[Row], side: tuple[float, float]) -> bool:
    """Whether three lines or more fill a column."""
    left, right = side
    full = [
        chunk
        for row in window
        for chunk in row
        if left <= chunk.box[0] <= right and _is_full(chunk, right - left)
    ]
    return len(full) > 2


def _is_full(chunk: Chunk, width: float) -> bool:
    return chunk.width > 0.6 * width and len(chunk.tokens) > 3


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
        full = len(row) == 1 and _is_full(row[0], right - left)
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
            while before and is_heading(before[-1], rows, xs, unit):
                rows = [before.pop(), *rows]
            return rows, xs
        rows = rows[:-1]
    return [], []


def is_heading(row: Row, rows: Sequence[Row], xs: Sequence[float], unit: float) -> bool:
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
    beside = right < xs[1] or (left > xs[1] and len(xs) > 3)
    return centred or (gap < max(0.6 * usual, 0.3 * unit) and beside)


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


def _is_of_names(index: int, columns: Sequence[Sequence[Chunk]], unit: float) -> bool:
    """Whether each line of a column is a few words with others level beside it, and nearly no
    line stands beside none: names of a table's rows that are long."""
    if median(len(line.tokens) for line in columns[index]) > 5:
        return False
    others = [line for i, lines in enumerate(columns) for line in lines if i != index]
    ours = _level_share(columns[index], others, unit)
    return min(ours, _level_share(others, columns[index], unit)) > 0.9


def _level_share(lines: Sequence[Chunk], others: Sequence[Chunk], unit: float) -> float:
    """Share of the lines that have one of the others at their height."""
    heights = [(other.box[1] + other.box[3]) / 2 for other in others]
    level = [
        any(abs((line.box[1] + line.box[3]) / 2 - height) < 0.2 * unit for height in heights)
        for line in lines
    ]
    return sum(level) / max(1, len(level))


def stands_apart(index: int, columns: Sequence[Sequence[Chunk]], unit: float) -> bool:
    """Whether a column is text whose lines stand at other heights than most beside them."""
    text = columns[index]
    if len(text) < 4:
        return False
    narrow = median(len(line.tokens) for line in text) > 2 and is_prose(text, 0.6 * unit)
    if not (narrow or is_prose(text, unit) or is_long_text(text, unit)):
        return False
    top, bottom = text[0].box[1], text[-1].box[3]
    beside = [
        line
        for other, lines in enumerate(columns)
        for line in lines
        if other != index and top - unit < line.box[3] and line.box[1] < bottom + unit
    ]
    return bool(beside) and _level_share(beside, text, unit) < 0.4


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
