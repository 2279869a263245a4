"""Rows of goods: tables, or lines under a row of headings, as lists of objects."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vlkit.document import Table
from vlkit.extraction.candidates import Span
from vlkit.extraction.concepts import concepts, letters_of
from vlkit.extraction.labels import Label, find_labels
from vlkit.extraction.readings import Reading, all_values, read_text
from vlkit.extraction.schema import Wanted
from vlkit.extraction.sheet import Segment, Sheet

_FARTHEST = 4.0
"""Line heights between a figure and the heading that it stands under."""
_GAP = 5.0
"""Line heights without a row after which the goods are over."""
_SUMS = ("total", "net", "tax", "cash", "change", "discount", "rounding", "quantities")


@dataclass(frozen=True)
class Piece:
    """What stands in a cell: a text and its words."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Cell:
    """A value in a list's object."""

    column: Wanted
    reading: Reading
    piece: Piece


@dataclass(frozen=True)
class Rows:
    """A list's objects.

    Attributes:
        how: ``grid`` out of a table, ``lines`` out of lines under headings.
    """

    how: str
    rows: tuple[tuple[Cell, ...], ...]


def find_rows(sheet: Sheet, field: Wanted) -> Rows:
    """The objects of a list: out of tables whose headings name its properties, else lines."""
    found: list[tuple[Cell, ...]] = []
    for page in range(len(sheet.document.pages)):
        for table, at in _tables(sheet, page):
            found += _read(sheet, field, _grid(table, at, field, page))
    if found:
        return Rows("grid", tuple(found))
    return Rows("lines", tuple(_read(sheet, field, _lines(sheet, field))))


# Out of tables


def _tables(sheet: Sheet, page: int) -> Iterator[tuple[Table, int]]:
    """Each table, and the index of its first word."""
    at = 0
    for item in sheet.document.pages[page].items:
        if isinstance(item, Table):
            yield item, at
        at += sum(1 for _ in item.words)


def _grid(table: Table, at: int, field: Wanted, page: int) -> Iterator[dict[int, Piece]]:
    """For every row under the headings what stands in each property's column."""
    cells: dict[int, dict[int, Piece]] = defaultdict(dict)
    for cell in table.cells:
        count = sum(1 for _ in cell.words)
        words = tuple(range(at, at + count))
        at += count
        cells[cell.row][cell.column] = Piece(" ".join(cell.text.split()), ((page, words),))
    for row in sorted(cells)[:4]:
        columns = _named(cells[row], field)
        if len(columns) >= min(2, len(field.columns)):
            for below in sorted(cells):
                if below > row:
                    yield {
                        number: cells[below][column]
                        for number, column in columns.items()
                        if column in cells[below]
                    }
            return


def _named(cells: dict[int, Piece], field: Wanted) -> dict[int, int]:
    """Number of a property → the column whose heading names it; the schema's own words first."""
    said = {column: letters_of(piece.text) for column, piece in cells.items()}
    named: dict[int, int] = {}
    for own in (True, False):
        for number, wanted in enumerate(field.columns):
            labels = wanted.labels[: wanted.own_labels] if own else wanted.labels
            letters = [letters_of(label) or label for label in labels]
            free = (each for each in said if each not in named.values())
            match = next((each for each in free if said[each] and said[each] in letters), None)
            if number not in named and match is not None:
                named[number] = match
    return named


# Out of lines


def _lines(sheet: Sheet, field: Wanted) -> Iterator[dict[int, Piece]]:
    """For every line under the headings what stands under each property's heading."""
    labels = find_labels(sheet, field.columns)
    heads = _headings(labels, len(field.columns))
    if not heads:
        return
    page, bottom = heads[0][1].segment.page, max(label.segment.box[3] for _, label in heads)
    boxes = [(number, label.box(sheet)) for number, label in heads]
    sums = {label.segment.number for label in labels if label.first and label.owners & set(_SUMS)}
    height = heads[0][1].segment.height
    below = [
        each for each in sheet.segments if each.page == page and each.box[1] > bottom - height / 3
    ]
    end = bottom
    for row in _rows(below):
        top = min(segment.box[1] for segment in row)
        if top - end > _GAP * height or any(segment.number in sums for segment in row):
            return
        end = max(segment.box[3] for segment in row)
        placed: dict[int, list[Segment]] = defaultdict(list)
        for segment in row:
            number, away = min(
                ((n, _apart(segment.box, box)) for n, box in boxes), key=lambda each: each[1]
            )
            if away < _FARTHEST * height:
                placed[number].append(segment)
        yield {
            number: Piece(
                " ".join(segment.text.strip() for segment in segments),
                ((page, tuple(word for segment in segments for word in segment.words)),),
            )
            for number, segments in placed.items()
            if number >= 0
        }


def _headings(labels: Sequence[Label], count: int) -> list[tuple[int, Label]]:
    """The row of labels that names the most properties, each with its number; -1 for others."""
    best: list[tuple[int, Label]] = []
    most = min(2, count) - 1
    for first in labels:
        top, bottom = first.segment.box[1], first.segment.box[3]
        row: list[tuple[int, Label]] = []
        for label in labels:
            middle = (label.segment.box[1] + label.segment.box[3]) / 2
            if label.segment.page == first.segment.page and top < middle < bottom:
                numbers = [owner for owner in label.owners if isinstance(owner, int)]
                taken = {number for number, _ in row}
                row.append((min((n for n in numbers if n not in taken), default=-1), label))
        named = sum(number >= 0 for number, _ in row)
        if named > most:
            best, most = row, named
    return best


def _rows(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    row: list[Segment] = []
    for segment in sorted(segments, key=lambda each: each.box[1] + each.box[3]):
        middle = (segment.box[1] + segment.box[3]) / 2
        if row and middle > row[0].box[3]:
            yield sorted(row, key=lambda each: each.box[0])
            row = []
        row.append(segment)
    if row:
        yield sorted(row, key=lambda each: each.box[0])


def _apart(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """How far a box's left edge, right edge or middle is from another's, whichever is nearest."""
    edges = abs(one[0] - other[0]), abs(one[2] - other[2])
    return min(*edges, abs(one[0] + one[2] - other[0] - other[2]) / 2)


# As values


def _read(
    sheet: Sheet, field: Wanted, rows: Iterator[dict[int, Piece]]
) -> Iterator[tuple[Cell, ...]]:
    """Each row's values; rows of sums are none, and a lone text goes on from the row before."""
    for row in rows:
        if any(_is_sum(piece.text) for piece in row.values()):
            continue
        cells = []
        for number, piece in sorted(row.items()):
            column = field.columns[number]
            reading = _value(sheet, column, piece.text)
            if reading is not None:
                cells.append(Cell(column, reading, piece))
        typed = sum(cell.column.kind not in ("text", "choice") for cell in cells)
        wanted = sum(column.kind not in ("text", "choice") for column in field.columns)
        if cells and (typed or not wanted):
            yield tuple(cells)


def _value(sheet: Sheet, column: Wanted, text: str) -> Reading | None:
    if column.kind in ("text", "choice", "boolean"):
        return read_text(column, text, 0)
    found = list(all_values(column, text, sheet.conventions))
    return max(found, key=lambda each: each.stop - each.start, default=None)


def _is_sum(text: str) -> bool:
    said = letters_of(re.sub(r"\d.*", "", text))
    known = (letters_of(label) for name in _SUMS for label in concepts()[name].labels)
    return bool(said) and said in set(known)
