"""Finding the tables of a page."""

from __future__ import annotations

from collections.abc import Sequence

from vlkit.document import Box, Line, Table
from vlkit.images import PageImage
from vlkit.layout.tables.aligned import aligned_grid
from vlkit.layout.tables.borderless import in_table_columns, is_table, tabular_stretches
from vlkit.layout.tables.columns import cut_at, fit_columns, visual_rows
from vlkit.layout.tables.evidence import is_plausible, with_typed_over, without_slivers
from vlkit.layout.tables.grid import (
    Grid,
    Slot,
    Token,
    build_table,
    centre,
    part_of,
    text_height,
    tokens_of,
)
from vlkit.layout.tables.headers import header_rows
from vlkit.layout.tables.mirror import (
    is_right_to_left,
    mirrored_grid,
    mirrored_rules,
    mirrored_tokens,
)
from vlkit.layout.tables.ruled import (
    crossing_groups,
    grid_of,
    rules_box,
    split_rows,
    without_unused,
)
from vlkit.layout.tables.rules import Rules, find_rules
from vlkit.layout.tables.stacked import RuleStack, rule_stacks
from vlkit.layout.tables.texture import texture

_DRAWN = 0.03
"""Share of edges beside words from which on words are labels of a drawing."""
_DRAWN_INSIDE_RULES = 0.06
"""The same in a ruled grid: forms hold handwriting, stamps and ticks too."""


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
    unit = text_height([token.word for token in tokens])
    rules = find_rules(image, [t.word for t in tokens], unit) if image else Rules([], [])
    tables = [
        build_table(grid, lines, tokens, ruled=ruled, header_rows=header_rows(grid, tokens))
        for grid, ruled in _directed_grids(tokens, rules, unit)
        if image is None or not _is_drawing(grid, ruled, image, tokens, rules, unit)
    ]
    tables.sort(key=lambda table: table.box[1])
    return tables, remaining_lines(lines, tables)


def _directed_grids(tokens: Sequence[Token], rules: Rules, unit: float) -> list[tuple[Grid, bool]]:
    """The grids of a page; where its text runs from right to left, found in the mirror, since
    names of rows and headings stand at the right."""
    if not is_right_to_left(tokens):
        return _grids(tokens, rules, unit)
    found = _grids(mirrored_tokens(tokens), mirrored_rules(rules), unit)
    return [(mirrored_grid(grid), ruled) for grid, ruled in found]


def _grids(tokens: Sequence[Token], rules: Rules, unit: float) -> list[tuple[Grid, bool]]:
    """The grids of a page, and whether each is drawn: those of rules that meet, then of rules
    between rows, then of words in columns."""
    grids: list[tuple[Grid, bool]] = []
    free = tokens
    for group in crossing_groups(rules, 0.3 * unit):
        grid = _ruled_grid(group, free, unit)
        if grid is not None and is_plausible(grid, free, unit, ruled=True):
            grids.append((grid, True))
            free = _outside(free, grid.box)
    for stack in rule_stacks(rules, free, unit):
        grid = _stacked_grid(stack, _inside(free, stack.box), unit)
        if grid is not None and is_plausible(grid, free, unit, ruled=False):
            grids.append((grid, False))
            free = _outside(free, stack.box)
    for stretch in tabular_stretches(free, unit):
        grid = aligned_grid(stretch, unit)
        if grid is not None and is_plausible(grid, stretch, unit, ruled=False):
            grids.append((grid, False))
    return [(without_unused(grid), drawn) for grid, drawn in grids]


def _is_drawing(
    grid: Grid,
    ruled: bool,
    image: PageImage,
    tokens: Sequence[Token],
    rules: Rules,
    unit: float,
) -> bool:
    """Whether there is more in the cells than words: a chart, a diagram, photographs."""
    words = [token.word.box for token in tokens]
    share = texture(image, grid.box, words, rules, unit)
    return share > (_DRAWN_INSIDE_RULES if ruled else _DRAWN)


def _ruled_grid(group: Rules, tokens: Sequence[Token], unit: float) -> Grid | None:
    """The grid that rules draw; by alignment where they draw no more than a frame and rows."""
    box = rules_box(group)
    inside = _inside(tokens, box)
    grid = grid_of(group, 0.5 * unit)
    if grid is None or not inside:
        return None
    if grid.columns == 1:
        rows = visual_rows(inside, unit)
        if not is_table(rows, fit_columns(rows, unit), unit):
            return None
        return aligned_grid(inside, unit, grid.ys)
    if _is_framed_text(grid, inside, unit):
        return None
    grid = with_typed_over(without_slivers(grid, inside, unit), inside, unit)
    return split_rows(grid, inside, unit)


def _stacked_grid(stack: RuleStack, inside: Sequence[Token], unit: float) -> Grid | None:
    """The grid of a table with rules between rows only.

    Rules above and below also enclose listings and notes: text between two rules must look
    like a table by itself, three rules and more need aligned columns only.
    """
    rows = visual_rows(inside, unit)
    xs = fit_columns(rows, unit)
    if len(stack.heights) < 3:
        found = is_table(rows, xs, unit)
    else:
        found = len(xs) > 2 and in_table_columns(cut_at(rows, xs, unit), xs, unit)
    return aligned_grid(inside, unit, stack.heights) if found else None


def _is_framed_text(grid: Grid, inside: Sequence[Token], unit: float) -> bool:
    """Whether few cells hold long text: a drawing, a frame with a heading, a designed page."""
    owner = {place: slot for slot in grid.slots for place in slot.places}
    held: dict[Slot, list[Token]] = {}
    for token in inside:
        if (place := grid.place(token.box)) is not None:
            held.setdefault(owner[place], []).append(token)
    longest = max((len(visual_rows(tokens, unit)) for tokens in held.values()), default=0)
    return len(held) < 5 and longest >= 8


def remaining_lines(lines: Sequence[Line], tables: Sequence[Table]) -> list[Line]:
    """The lines without the words that stand in a table."""
    taken = {id(word) for table in tables for word in table.words}
    left = []
    for line in lines:
        words = [word for word in line.words if id(word) not in taken]
        if words:
            left.append(part_of(line, words))
    return left


def _is_inside(token: Token, box: Box) -> bool:
    x, y = centre(token.box)
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _inside(tokens: Sequence[Token], box: Box) -> list[Token]:
    return [token for token in tokens if _is_inside(token, box)]


def _outside(tokens: Sequence[Token], box: Box) -> list[Token]:
    return [token for token in tokens if not _is_inside(token, box)]
