"""Comma-separated values (RFC 4180), a text for every table.

Cells are written as they were read. Spreadsheet programs take what begins with ``=``, ``+``,
``-`` or ``@`` for a formula and may run it: whoever opens tables of strangers' documents there
should import them as text. The apostrophe that is put before such cells elsewhere would be read
as part of the text by every other program; ``formulas`` tells which cells they are.
"""

from __future__ import annotations

import csv
import re
from io import StringIO

from vlkit.document import Document
from vlkit.export.flow import Grid, flow


def to_csv(document: Document) -> list[str]:
    """A text for every table; one that goes on over pages is one table.

    A cell that spans rows or columns has its text in its first place, the others are empty.
    """
    return [_table(node) for node in flow(document) if isinstance(node, Grid)]


_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]\s*\S")  # the wide forms count in East Asian locales
_HARMLESS = re.compile(r"\s*[+\-＋－]?[\d\s.,:/%()$€£¥₩\-]*")
"""A number, an amount, a date, a dash."""


def formulas(document: Document) -> list[str]:
    """The table cells that a spreadsheet program could run as formulas."""
    cells = (c.text for node in flow(document) if isinstance(node, Grid) for c in node.cells)
    return [text for text in cells if _FORMULA.match(text) and not _HARMLESS.fullmatch(text)]


def _table(grid: Grid) -> str:
    rows = [[""] * grid.columns for _ in range(grid.rows)]
    for cell in grid.cells:
        rows[cell.row][cell.column] = cell.text
    stream = StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue()
