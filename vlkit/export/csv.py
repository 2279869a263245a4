"""Comma-separated values (RFC 4180), a text for every table."""

from __future__ import annotations

import csv
from io import StringIO

from vlkit.document import Document
from vlkit.export.flow import Grid, flow


def to_csv(document: Document) -> list[str]:
    """A text for every table; one that goes on over pages is one table.

    A cell that spans rows or columns has its text in its first place, the others are empty.
    """
    return [_table(node) for node in flow(document) if isinstance(node, Grid)]


def _table(grid: Grid) -> str:
    rows = [[""] * grid.columns for _ in range(grid.rows)]
    for cell in grid.cells:
        rows[cell.row][cell.column] = cell.text
    stream = StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue()
