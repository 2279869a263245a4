"""Columns by alignment: rows of words, the white corridors between them, what crosses these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from vlkit.document import Box, box_union
from vlkit.layout.tables.grid import Token

SPACE = 0.6
"""Words nearer to each other than this many text heights belong together."""
JUSTIFIED = 1.8
"""Words of a justified line are at most this many text heights apart."""
CORRIDOR = 0.75
"""Least width of the white corridor between columns, in text heights."""
CROSSED = 0.2
"""Share of rows that may run across a corridor: spanning headers, totals, notes."""


@dataclass(frozen=True)
class Chunk:
    """Words of one row with no more than a space between them."""

    tokens: tuple[Token, ...]
    box: Box

    @property
    def text(self) -> str:
        return " ".join(token.word.text for token in self.tokens)

    @property
    def width(self) -> float:
        return self.box[2] - self.box[0]


Row = list[Chunk]
"""The chunks of one visual row, from left to right."""


def visual_rows(tokens: Sequence[Token], unit: float) -> list[Row]:
    """Words that stand beside each other, from top to bottom; ``unit`` is the text height."""
    rows: list[list[Token]] = []
    extents: list[tuple[float, float]] = []
    for token in sorted(tokens, key=lambda t: t.box[1] + t.box[3]):
        top, bottom = token.box[1], token.box[3]
        if rows:
            above, below = extents[-1]
            shared = min(bottom, below) - max(top, above)
            if shared > 0.5 * min(bottom - top, below - above):
                rows[-1].append(token)
                continue
        rows.append([token])
        extents.append((top, bottom))
    return [chunks_of(row, unit) for row in rows]


def chunks_of(tokens: Sequence[Token], unit: float) -> Row:
    """The words of one row, joined where only a space lies between."""
    tokens = sorted(tokens, key=lambda t: t.box[0])
    justified = _justified_lines(tokens, unit)
    groups: list[list[Token]] = []
    reached = 0.0
    for token in tokens:
        if groups and token.box[0] - reached < _space(groups[-1][-1], token, justified, unit):
            groups[-1].append(token)
            reached = max(reached, token.box[2])
        else:
            groups.append([token])
            reached = token.box[2]
    return [Chunk(tuple(group), box_union(t.box for t in group)) for group in groups]


def _space(before: Token, after: Token, justified: set[int], unit: float) -> float:
    """The white below which two words of a row belong together; large letters have more."""
    if before.line == after.line and before.line in justified:
        return JUSTIFIED * unit
    height = min(token.word.box[3] - token.word.box[1] for token in (before, after))
    return SPACE * max(unit, 0.8 * height)


def _justified_lines(tokens: Sequence[Token], unit: float) -> set[int]:
    """Those of the lines that are running text with stretched spaces, all about alike."""
    lines: dict[int, list[Token]] = {}
    for token in tokens:
        lines.setdefault(token.line, []).append(token)
    return {line for line, words in lines.items() if _is_justified(words, unit)}


def _is_justified(words: Sequence[Token], unit: float) -> bool:
    gaps = [after.box[0] - before.box[2] for before, after in pairwise(words)]
    if len(gaps) < 3 or max(gaps) >= JUSTIFIED * unit:
        return False
    named = sum(any(letter.isalpha() for letter in token.word.text) for token in words)
    return max(gaps) < 2 * median(gaps) and named > 0.6 * len(words)


def row_box(row: Row) -> Box:
    return box_union(chunk.box for chunk in row)


def fit_columns(rows: Sequence[Row], unit: float) -> list[float]:
    """Boundaries of the columns that the rows share, outermost included; ``[]`` for none.

    A corridor is crossed by at most a fifth of the rows; at least two rows, and a quarter of
    them, have text in each column.
    """
    if not rows:
        return []
    left = min(row[0].box[0] for row in rows)
    right = max(chunk.box[2] for row in rows for chunk in row)
    inner = [(a + b) / 2 for a, b in _corridors(rows, unit)]
    return [left, *_without_empty([left, *inner, right], rows), right]


def _corridors(rows: Sequence[Row], unit: float) -> list[tuple[float, float]]:
    """Intervals of x that few rows cover, between the outermost text: of each the part that
    the fewest cover."""
    allowed = int(CROSSED * len(rows))
    edges = sorted(edge for row in rows for c in row for edge in ((c.box[0], 1), (c.box[2], -1)))
    found: list[tuple[float, float]] = []
    parts: list[tuple[int, float, float]] = []
    covered, seen = 0, False
    for (x, change), (following, _) in pairwise(edges):
        covered += change
        if covered <= allowed:
            parts.append((covered, x, following))
            continue
        if parts and seen and parts[-1][2] - parts[0][1] >= CORRIDOR * unit:
            _, start, end = min(parts, key=lambda part: (part[0], part[1] - part[2]))
            found.append((start, end))
        parts, seen = [], True
    return found


def _without_empty(edges: list[float], rows: Sequence[Row]) -> list[float]:
    """The inner edges, but for those beside columns that hardly a row has text in."""
    least = max(2, 0.25 * len(rows))
    kept = [edges[0]]
    for edge, following in pairwise(edges[1:]):
        here = _filled(rows, kept[-1], edge)
        after = _filled(rows, edge, following)
        if here >= least and after >= least:
            kept.append(edge)
    return kept[1:]


def _filled(rows: Sequence[Row], left: float, right: float) -> int:
    """Number of rows with a chunk whose centre lies between left and right."""
    return sum(1 for row in rows if any(left <= (c.box[0] + c.box[2]) / 2 < right for c in row))


def column_of(chunk: Chunk, xs: Sequence[float], unit: float) -> tuple[int, int]:
    """First and last column that the chunk covers."""
    slack = 0.3 * unit
    covered = [
        index
        for index, (left, right) in enumerate(pairwise(xs))
        if min(chunk.box[2], right) - max(chunk.box[0], left) > min(slack, 0.5 * chunk.width)
    ]
    return (covered[0], covered[-1]) if covered else (0, 0)


def cut_at(rows: Sequence[Row], xs: Sequence[float], unit: float) -> list[Row]:
    """The rows with chunks cut at boundaries that run between two of their words with at
    least a wide space: cells that stand close are not one."""
    return [[part for chunk in row for part in _cut_chunk(chunk, xs, unit)] for row in rows]


def _cut_chunk(chunk: Chunk, xs: Sequence[float], unit: float) -> list[Chunk]:
    groups: list[list[Token]] = [[chunk.tokens[0]]]
    for before, after in pairwise(chunk.tokens):
        between = any(before.box[2] <= x <= after.box[0] for x in xs)
        if between and after.box[0] - before.box[2] >= 0.45 * unit:
            groups.append([after])
        else:
            groups[-1].append(after)
    return [Chunk(tuple(g), box_union(t.box for t in g)) for g in groups]
