"""Finding the tables of a page."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from vlkit.document import Line, Table
from vlkit.images import PageImage
from vlkit.layout.tables.grid import Token, build_table, part_of, tokens_of
from vlkit.layout.tables.ruled import crossing_groups, grid_of
from vlkit.layout.tables.rules import Rules, find_rules


def find_tables(
    lines: list[Line], image: PageImage | None, width: float, height: float
) -> tuple[list[Table], list[Line]]:
    """Tables with their cells, and the lines that belong to none.

    Args:
        lines: The page's text, upright. Lines that run through several cells are cut
            between words.
        image: The page's picture, for the rules; without it tables are found by alignment.
        width, height: The page's size, in the units of the lines' boxes.

    Returns:
        The tables from top to bottom, and the remaining lines in the order given; a line
        that is partly in a table remains with its other words.
    """
    tokens = tokens_of(lines)
    if not tokens:
        return [], lines
    unit = text_height(tokens)
    rules = find_rules(image, [t.word for t in tokens], unit) if image else Rules([], [])
    tables = []
    for group in crossing_groups(rules, 0.3 * unit):
        grid = grid_of(group, 0.5 * unit)
        if grid is None or len(grid.slots) < 2:
            continue
        table = build_table(grid, lines, tokens, ruled=True, header_rows=0)
        if sum(1 for cell in table.cells if cell.lines) < 2:
            continue
        tables.append(table)
    return tables, remaining_lines(lines, tables)


def text_height(tokens: Sequence[Token]) -> float:
    """Median height of the words' boxes."""
    return median(token.box[3] - token.box[1] for token in tokens)


def remaining_lines(lines: Sequence[Line], tables: Sequence[Table]) -> list[Line]:
    """The lines without the words that stand in a table."""
    taken = {id(word) for table in tables for word in table.words}
    left = []
    for line in lines:
        words = [word for word in line.words if id(word) not in taken]
        if words:
            left.append(part_of(line, words))
    return left
