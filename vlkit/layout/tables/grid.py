"""Grids: row and column boundaries with the cells between them, and words put into cells."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from vlkit.document import Box, Cell, Line, Table, Word, box_union


@dataclass(frozen=True)
class Slot:
    """The place of a cell: its first row and column, and how many of each it covers."""

    row: int
    column: int
    row_span: int = 1
    column_span: int = 1

    @property
    def places(self) -> list[tuple[int, int]]:
        return [
            (row, column)
            for row in range(self.row, self.row + self.row_span)
            for column in range(self.column, self.column + self.column_span)
        ]


@dataclass
class Grid:
    """Boundaries ``xs`` and ``ys`` (ascending) and the slots that tile the grid between them."""

    xs: list[float]
    ys: list[float]
    slots: list[Slot] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.ys) - 1

    @property
    def columns(self) -> int:
        return len(self.xs) - 1

    @property
    def box(self) -> Box:
        return (self.xs[0], self.ys[0], self.xs[-1], self.ys[-1])

    def slot_box(self, slot: Slot) -> Box:
        return (
            self.xs[slot.column],
            self.ys[slot.row],
            self.xs[slot.column + slot.column_span],
            self.ys[slot.row + slot.row_span],
        )

    def place(self, box: Box) -> tuple[int, int] | None:
        """Row and column of the box's centre, or None outside the grid."""
        x, y = centre(box)
        if not (self.xs[0] <= x < self.xs[-1] and self.ys[0] <= y < self.ys[-1]):
            return None
        return (bisect_right(self.ys, y) - 1, bisect_right(self.xs, x) - 1)


@dataclass(frozen=True)
class Token:
    """A word and the index of the line that it stands in.

    ``box`` is the word's box, but no higher than its letters: engines differ in how much white
    space above and below they count in.
    """

    word: Word
    line: int
    box: Box


LETTERS = 0.75
"""Height of capital letters and of those with stems, in font sizes."""


def tokens_of(lines: Sequence[Line]) -> list[Token]:
    """Every word of the lines that shows something."""
    words = [(w, index) for index, line in enumerate(lines) for w in line.words if w.text.strip()]
    unit = text_height([word for word, _ in words])
    return [Token(word, index, _tight(word.box, unit)) for word, index in words]


def text_height(words: Sequence[Word]) -> float:
    """Median height of the words' letters: by font size where it is known, else by the boxes."""
    heights = [
        min(LETTERS * word.font_size, word.box[3] - word.box[1])
        if word.font_size
        else word.box[3] - word.box[1]
        for word in words
    ]
    return median(heights) if heights else 1.0


def _tight(box: Box, unit: float) -> Box:
    """The middle of a box that is a little higher than the text; others as they are."""
    x0, y0, x1, y1 = box
    if not unit < y1 - y0 < 2 * unit:
        return box
    middle = (y0 + y1) / 2
    return (x0, middle - unit / 2, x1, middle + unit / 2)


def centre(box: Box) -> tuple[float, float]:
    return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def merge_places(
    rows: int, columns: int, joined: Iterable[tuple[tuple[int, int], tuple[int, int]]]
) -> list[Slot]:
    """Rectangular slots that tile a rows × columns grid, given pairs of places that belong
    together; groups that overlap once they are made rectangular are merged as well."""
    boxes: dict[tuple[int, int], tuple[int, int, int, int]] = {
        (r, c): (r, c, r + 1, c + 1) for r in range(rows) for c in range(columns)
    }
    for first, second in joined:
        _unite(boxes, first, second)
    ordered = sorted(set(boxes.values()))
    return [Slot(r0, c0, r1 - r0, c1 - c0) for r0, c0, r1, c1 in ordered]


def _unite(
    boxes: dict[tuple[int, int], tuple[int, int, int, int]],
    first: tuple[int, int],
    second: tuple[int, int],
) -> None:
    """Merge the rectangles of two places, growing until every place inside agrees."""
    todo = {boxes[first], boxes[second]}
    while len(todo) > 1:
        r0, c0 = min(b[0] for b in todo), min(b[1] for b in todo)
        r1, c1 = max(b[2] for b in todo), max(b[3] for b in todo)
        union = (r0, c0, r1, c1)
        inside = [(r, c) for r in range(r0, r1) for c in range(c0, c1)]
        todo = {boxes[place] for place in inside}
        for place in inside:
            boxes[place] = union
        todo = {b for b in todo if not _contains(union, b)} | {union}


def _contains(outer: tuple[int, int, int, int], inner: tuple[int, int, int, int]) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )


def build_table(
    grid: Grid, lines: Sequence[Line], tokens: Sequence[Token], *, ruled: bool, header_rows: int
) -> Table:
    """The table of a grid, with the tokens in their cells.

    Where most cells are written from right to left, the rightmost column is the first.
    """
    owner = {place: slot for slot in grid.slots for place in slot.places}
    held: dict[Slot, list[Token]] = {slot: [] for slot in grid.slots}
    for token in tokens:
        place = grid.place(token.box)
        if place is not None:
            held[owner[place]].append(token)
    cells = [
        Cell(
            row=slot.row,
            column=slot.column,
            row_span=slot.row_span,
            column_span=slot.column_span,
            header=slot.row < header_rows,
            lines=_cell_lines(held[slot], lines),
            box=grid.slot_box(slot),
        )
        for slot in grid.slots
    ]
    if _is_right_to_left(cells):
        for cell in cells:
            cell.column = grid.columns - cell.column - cell.column_span
        cells.sort(key=lambda cell: (cell.row, cell.column))
    box = box_union([grid.box, *(token.box for group in held.values() for token in group)])
    return Table(rows=grid.rows, columns=grid.columns, cells=cells, box=box, ruled=ruled)


def _is_right_to_left(cells: Sequence[Cell]) -> bool:
    """Whether most lines with letters are; figures run from left to right in any script."""
    lines = [
        line
        for cell in cells
        for line in cell.lines
        if any(letter.isalpha() for word in line.words for letter in word.text)
    ]
    return 2 * sum(line.direction == "rtl" for line in lines) > len(lines)


def _cell_lines(tokens: Sequence[Token], lines: Sequence[Line]) -> list[Line]:
    """The tokens of one cell as lines from top to bottom; a line that goes on in another
    cell is cut."""
    parts: dict[int, list[Word]] = {}
    for token in tokens:
        parts.setdefault(token.line, []).append(token.word)
    pieces = [part_of(lines[index], words) for index, words in parts.items()]
    return in_reading_order(pieces)


def part_of(line: Line, words: list[Word]) -> Line:
    """The line itself, or, where only some of its words are given, a shorter one of these."""
    if len(words) == len(line.words):
        return line
    return Line(
        words=words,
        box=box_union(word.box for word in words),
        direction=line.direction,
        script=line.script,
    )


def in_reading_order(lines: Sequence[Line]) -> list[Line]:
    """Top to bottom; side by side from left to right, or right to left where such text leads."""
    rightwards = sum(1 if line.direction != "rtl" else -1 for line in lines) >= 0
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda item: centre(item.box)[1]):
        middle = centre(line.box)[1]
        if rows and any(other.box[1] < middle < other.box[3] for other in rows[-1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    sign = 1 if rightwards else -1
    return [line for row in rows for line in sorted(row, key=lambda item: sign * item.box[0])]
