"""CSV of tables: read back equal, and the cells that a spreadsheet could run are told."""

import csv
import io

import pytest

from tests.export_samples import line
from vlkit.document import Cell, Document, Page, Table
from vlkit.export.csv import formulas


def table(texts: list[str]) -> Document:
    cells = [
        Cell(row=row, column=0, lines=[line(text, 0, 30 * row)], box=(0, 30 * row, 900, 30 * row))
        for row, text in enumerate(texts)
    ]
    whole = Table(rows=len(texts), columns=1, cells=cells, box=(0, 0, 900, 900))
    return Document(pages=[Page(number=1, width=900, height=900, items=[whole])])


AWKWARD = ['a "quoted", cell', "=cmd|' /C calc'!A1", "-1,234.50", "'tis", "1;2", "끝"]


def test_cells_are_written_as_they_were_read() -> None:
    (text,) = table(AWKWARD).to_csv()
    assert [row for (row,) in csv.reader(io.StringIO(text, newline=""))] == AWKWARD


@pytest.mark.parametrize(
    "text", ["=1+1", "=cmd|' /C calc'!A1", "@SUM(A1)", "+A1", "-A1+2", "- none", "＝HYPERLINK(1)"]
)
def test_what_a_spreadsheet_would_run_is_told(text: str) -> None:
    assert formulas(table(["plain", text])) == [text]


@pytest.mark.parametrize(
    "text", ["-1,234.50", "+3 %", "-", "--", "- 5", "-$12", "a=b", "e@mail.org", "1-2", "", "="]
)
def test_numbers_and_dashes_are_no_formulas(text: str) -> None:
    assert formulas(table(["plain", text])) == []
