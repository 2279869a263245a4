"""Reading order of boxes: cuts between rows and between columns, whichever the page is made of.

A recursive XY-cut (Nagy and Seth 1984) with one change: a region is not cut at every empty row.
Neighbouring rows that share a gutter stay together, and are read column by column if they look
like columns of text, row by row if they look like a form or a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from vlkit.document import Box, Direction

GUTTER = 0.7
"""Least width of white space between columns, in line heights."""
SQUEEZE = (0.12, 0.3, 0.5)
"""Boxes are taken smaller by these parts of a line's height, one after the other, until a cut is
found: recognised boxes overlap, and so do neighbouring lines."""
TALL = 3.2
"""A box higher than this many line heights is a paragraph, or a figure."""
LEAST = 1.8
"""A box higher than this many line heights has more than one line."""
FLOWING = 3
"""A column of so many paragraphs may go on in a last column of two lines; no less stands on either
of two facing pages."""
WIDE = 9.0
"""A paragraph is at least this many line heights wide."""
ROW = 0.8
"""Middles of first lines nearer than this many line heights are in one row."""
MATCHED = 0.5
"""Columns are read row by row if this part of the shorter ones' boxes is in another's row."""
WIDE_SHEET = 1.2
"""A double page is wider than this many times its height."""
FOLD = 4.0
"""Least gutter between facing pages, in line heights."""
TALL_SIDE = 0.5
"""Either page is filled over at least this part of its height."""
LEVEL = 0.8
"""Columns whose upper edges differ by less than this many line heights begin together."""
CLEAR = 1.0
"""Least white space above and below a heading over all columns, in line heights."""
SHORT = 0.8
"""What takes more of a column's width than this is a line of its text, no heading."""
NOTE_WIDTH = 0.85
NOTE_HEIGHT = 0.5
"""A note in the margin takes at most these parts of the width and height of the text's column."""

_X, _Y = 0, 1


def reading_order(
    boxes: Sequence[Box],
    *,
    line_height: float | None = None,
    first_lines: Sequence[Box] | None = None,
    direction: Direction = "ltr",
) -> list[int]:
    """Indices of the boxes in the order in which they are read.

    Args:
        boxes: Of lines, blocks, tables and figures of one page.
        line_height: The page's usual one; by default the median height of the boxes.
        first_lines: The first line of each, by which rows of a form are matched; by default
            the boxes themselves.
        direction: With ``rtl`` columns and rows start on the right.
    """
    if not boxes:
        return []
    unit = line_height or median(y1 - y0 for _, y0, _, y1 in boxes) or 1.0
    firsts = first_lines or boxes
    if direction == "rtl":
        boxes, firsts = [_mirrored(box) for box in boxes], [_mirrored(box) for box in firsts]
    # Stamps and notes written up the margin belong to no row.
    upright = [i for i, box in enumerate(boxes) if not _is_vertical(box, unit)]
    vertical = [i for i, box in enumerate(boxes) if _is_vertical(box, unit)]
    cutter = _Cutter(boxes, firsts, unit)
    return cutter.arrange(upright) + cutter.arrange(vertical)


def facing_pages(boxes: Sequence[Box], size: tuple[float, float], unit: float) -> list[list[int]]:
    """Indices of what stands on the left and on the right page of a double page, else all as one.

    A wide sheet is a double page if a gutter of ``FOLD`` line heights runs through its middle from
    top to bottom, with much to read on both sides.

    Args:
        size: Width and height of the sheet.
    """
    everything = list(range(len(boxes)))
    width, height = size
    sides = [
        [i for i in everything if (boxes[i][0] + boxes[i][2] > width) == right]
        for right in (False, True)
    ]
    if width < WIDE_SHEET * height or not all(len(side) >= FLOWING for side in sides):
        return [everything]
    left, right = ([boxes[i] for i in side] for side in sides)
    fold = min(width / 2 - max(b[2] for b in left), min(b[0] for b in right) - width / 2)
    tall = all(
        max(b[3] for b in side) - min(b[1] for b in side) > TALL_SIDE * height
        for side in (left, right)
    )
    return sides if tall and 2 * fold >= FOLD * unit else [everything]


def _is_vertical(box: Box, unit: float) -> bool:
    width, height = box[2] - box[0], box[3] - box[1]
    return height > 3 * max(unit, width) and width < 2 * unit


def _mirrored(box: Box) -> Box:
    return (-box[2], box[1], -box[0], box[3])


class _Cutter:
    def __init__(self, boxes: Sequence[Box], firsts: Sequence[Box], unit: float) -> None:
        self.boxes = boxes
        self.firsts = firsts
        self.unit = unit

    def arrange(self, ids: list[int]) -> list[int]:
        if len(ids) < 2:
            return ids
        for squeeze in SQUEEZE:
            rows = self._cut(ids, _Y, 0.0, squeeze)
            if len(rows) > 1:
                return self._arrange_rows(rows)
            columns = self._cut(ids, _X, GUTTER if squeeze == SQUEEZE[0] else 0.0, squeeze)
            if len(columns) > 1:
                return self._arrange_columns(columns)
        return sorted(ids, key=lambda i: (self._middle(i), self.boxes[i][0]))

    def _cut(self, ids: list[int], axis: int, gap: float, squeeze: float) -> list[list[int]]:
        """Groups that white space of ``gap`` line heights separates along the axis."""
        trim = squeeze * self.unit
        groups: list[list[int]] = []
        end = 0.0
        for i in sorted(ids, key=lambda i: self.boxes[i][axis]):
            start, stop = self.boxes[i][axis], self.boxes[i][axis + 2]
            trimmed = min(trim, (stop - start) / 3)
            if groups and start + trimmed < end + gap * self.unit:
                groups[-1].append(i)
                end = max(end, stop - trimmed)
            else:
                groups.append([i])
                end = stop - trimmed
        return groups

    def _arrange_rows(self, rows: list[list[int]]) -> list[int]:
        done: list[int] = []
        first = 0
        while first < len(rows):
            last = self._shared_gutter(rows, first)
            together = [i for row in rows[first : last + 1] for i in row]
            columns = self._cut(together, _X, GUTTER, 0.0)
            # A heading over the right column only is not part of these columns.
            in_first = bool(set(rows[first]) & set(columns[0]))
            if last > first and in_first and not self._are_rows(columns):
                done += [i for column in self._notes_last(columns) for i in self.arrange(column)]
                first = last + 1
            else:
                done += self.arrange(rows[first])
                first += 1
        return done

    def _shared_gutter(self, rows: list[list[int]], first: int) -> int:
        """The last row so that a gutter runs from the first row through to it."""
        last, together = first, list(rows[first])
        parted = False
        for index in range(first + 1, len(rows)):
            if parted and self._opens_columns(rows, index, together):
                break
            together += rows[index]
            if len(self._cut(together, _X, GUTTER, 0.0)) > 1:
                parted, last = True, index
            elif parted or len(rows[first]) > 1:
                break
        return last

    def _opens_columns(self, rows: list[list[int]], index: int, above: list[int]) -> bool:
        """Whether a row is a heading over all columns, though it is as short as one of them.

        It stands alone in the first column with clear space around, the other columns are empty
        beside it, and below it two or more begin at one level.
        """
        if index + 1 == len(rows) or len(rows[index]) > 1:
            return False
        heading, below = rows[index][0], rows[index + 1]
        _, top, _, bottom = self.boxes[heading]
        over = top - max(self.boxes[i][3] for i in above)
        under = min(self.boxes[i][1] for i in below) - bottom
        if bottom - top > TALL * self.unit or min(over, under) < CLEAR * self.unit:
            return False
        columns = self._cut([*above, heading, *below], _X, GUTTER, 0.0)
        parts = [[i for i in column if i in below] for column in columns]
        starts = [min(self.boxes[i][1] for i in part) for part in parts if part]
        level = len(starts) > 1 and max(starts) - min(starts) < LEVEL * self.unit
        short = self._length([heading], _X) < SHORT * self._length(columns[0], _X)
        return level and short and heading in columns[0] and self._texts(columns) > 1

    def _texts(self, columns: list[list[int]]) -> int:
        """How many columns hold running text; in the last one two lines are enough."""
        found = [[i for i in column if self._is_text(i)] for column in columns]
        count = sum(map(bool, found))
        before = max(found[:-1], key=len, default=[])
        # It is short because the text ends there: it has the width of the columns before it.
        if count and not found[-1] and len(before) >= FLOWING:
            width = SHORT * self._length(before, _X)
            count += any(
                self._length([i], _X) >= width and self._length([i], _Y) >= LEAST * self.unit
                for i in columns[-1]
            )
        return count

    def _arrange_columns(self, columns: list[list[int]]) -> list[int]:
        """Side by side without an empty row: columns, or a form's rows that a tall box joins."""
        if self._are_rows(columns):
            rows = self._cut_first_lines([i for column in columns for i in column])
            if len(rows) > 1:
                return [i for row in rows for i in self.arrange(row)]
        return [i for column in self._notes_last(columns) for i in self.arrange(column)]

    def _notes_last(self, columns: list[list[int]]) -> list[list[int]]:
        """A note in the left margin is read after the text that it stands beside."""
        note, *others = columns
        texts = [column for column in others if any(map(self._is_text, column))]
        if not texts or not any(map(self._is_text, note)):
            return columns
        main = max(texts, key=lambda column: self._length(column, _Y))
        # What is written counts: a footer may stand far below the note.
        low = self._filled(note) < NOTE_HEIGHT * self._filled(main)
        narrow = self._length(note, _X) < NOTE_WIDTH * self._length(main, _X)
        return [*others, note] if low and narrow else columns

    def _filled(self, ids: list[int]) -> float:
        """Height of the boxes without the white space between them."""
        return sum(self._length(column, _Y) for column in self._cut(ids, _Y, 0.0, 0.0))

    def _length(self, ids: list[int], axis: int) -> float:
        return max(self.boxes[i][axis + 2] for i in ids) - min(self.boxes[i][axis] for i in ids)

    def _cut_first_lines(self, ids: list[int]) -> list[list[int]]:
        """Rows by the middles of first lines."""
        rows: list[list[int]] = []
        for i in sorted(ids, key=self._first_middle):
            if rows and self._first_middle(i) - self._first_middle(rows[-1][0]) < ROW * self.unit:
                rows[-1].append(i)
            else:
                rows.append([i])
        return rows

    def _are_rows(self, columns: list[list[int]]) -> bool:
        """Whether to read row by row: columns are no running text, and match line by line."""
        if self._texts(columns) > 1:
            return False
        largest = max(columns, key=len)
        matched = total = 0
        for column in columns:
            others = [i for other in columns if other is not column for i in other]
            if column is largest and len(columns) > 1:
                continue
            total += len(column)
            matched += sum(1 for i in column if any(self._match(i, j) for j in others))
        return matched >= MATCHED * total

    def _match(self, i: int, j: int) -> bool:
        return abs(self._first_middle(i) - self._first_middle(j)) < ROW * self.unit

    def _is_text(self, i: int) -> bool:
        x0, y0, x1, y1 = self.boxes[i]
        return y1 - y0 >= TALL * self.unit and x1 - x0 >= WIDE * self.unit

    def _middle(self, i: int) -> float:
        return (self.boxes[i][1] + self.boxes[i][3]) / 2

    def _first_middle(self, i: int) -> float:
        return (self.firsts[i][1] + self.firsts[i][3]) / 2
