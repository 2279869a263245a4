"""How many of a table's first rows are headers."""

from __future__ import annotations

from collections.abc import Sequence

from vlkit.layout.tables.grid import Grid, Slot, Token
from vlkit.layout.tables.texts import is_figure


def header_rows(grid: Grid, tokens: Sequence[Token]) -> int:
    """Rows at the top that hold names and not values.

    The first row is a header where it is bold and the next rows are not, or where it has no
    figure above a column of figures. Rows that a cell of it reaches into, or whose cells
    split one of it, belong to it.
    """
    if grid.rows < 2:
        return 0
    owner = {place: slot for slot in grid.slots for place in slot.places}
    held: dict[Slot, list[Token]] = {}
    for token in tokens:
        place = grid.place(token.box)
        if place is not None:
            held.setdefault(owner[place], []).append(token)
    depth = _depth(grid, held)
    if depth >= grid.rows:
        return 0
    top = [slot for slot in held if slot.row < depth]
    body = [slot for slot in held if slot.row >= depth]
    if not top or not body:
        return 0
    bold_top, bold_body = _bold_share(top, held), _bold_share(body, held)
    named = sum(not _is_figure(held[slot]) for slot in top) >= 0.75 * len(top)
    if bold_top > 0.8 and bold_body < 0.5:
        return depth
    return depth if named and _figures_below(grid, body, held) else 0


def _depth(grid: Grid, held: dict[Slot, list[Token]]) -> int:
    """Rows that the first row and what it spans take."""
    depth = max((slot.row_span for slot in grid.slots if slot.row == 0), default=1)
    splits = any(s.row == 0 and s.column_span > 1 and s.column_span < grid.columns for s in held)
    return max(depth, 2) if splits and grid.rows > 2 else depth


def _is_figure(tokens: Sequence[Token]) -> bool:
    return is_figure(" ".join(token.word.text for token in tokens))


def _bold_share(slots: Sequence[Slot], held: dict[Slot, list[Token]]) -> float:
    words = [token.word for slot in slots for token in held[slot]]
    return sum(bool(word.bold) for word in words) / len(words)


def _figures_below(grid: Grid, body: Sequence[Slot], held: dict[Slot, list[Token]]) -> bool:
    """Whether some column of the body holds figures."""
    for column in range(grid.columns):
        cells = [slot for slot in body if slot.column == column]
        if cells and sum(_is_figure(held[slot]) for slot in cells) > 0.6 * len(cells):
            return True
    return False
