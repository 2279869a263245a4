"""Tables that go on over pages."""

from __future__ import annotations

from itertools import pairwise

from vlkit.document import Block, Document, Page, Table

_EDGE_ROLES = {"header", "footer", "page_number", "footnote"}
_TOLERANCE = 0.02
"""Of the page's width: how well the edges of a continued table agree."""


def continue_tables(document: Document) -> Document:
    """Set ``continues`` on tables that go on from the page before.

    The last thing on a page (footers and footnotes aside) and the first on the next must both
    be tables, with the same columns at the same places across the page, or with the same
    header row.
    """
    for before, after in pairwise(document.pages):
        last, first = _last_table(before), _first_table(after)
        if last is not None and first is not None and _agree(last, before, first, after):
            first.continues = last.id
    return document


def header_text(table: Table) -> tuple[str, ...]:
    """The text of the first row's cells."""
    return tuple(" ".join(cell.text.split()) for cell in table.cells if cell.row == 0)


def _last_table(page: Page) -> Table | None:
    return _edge_table(page, -1)


def _first_table(page: Page) -> Table | None:
    return _edge_table(page, 0)


def _edge_table(page: Page, index: int) -> Table | None:
    """The first (0) or last (-1) item of the page's body, if it is a table."""
    body = [
        item for item in page.items if not (isinstance(item, Block) and item.role in _EDGE_ROLES)
    ]
    item = body[index] if body else None
    return item if isinstance(item, Table) else None


def _agree(last: Table, before: Page, first: Table, after: Page) -> bool:
    if last.columns != first.columns:
        return False
    header = header_text(first)
    if header == header_text(last) and any(header):
        return True
    ours, theirs = _edges(last, before), _edges(first, after)
    return all(abs(a - b) <= _TOLERANCE for a, b in zip(ours, theirs, strict=True))


def _edges(table: Table, page: Page) -> list[float]:
    """Left edges of the columns and the right edge of the last, as fractions of the width."""
    left = [table.box[0]] * table.columns + [table.box[2]]
    for cell in table.cells:
        if cell.column_span == 1:
            left[cell.column] = cell.box[0]
    return [x / page.width for x in left]
