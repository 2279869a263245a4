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
TALL = 2.2
"""A box higher than this many lines is a paragraph."""
WIDE = 9.0
"""A paragraph is at least this many line heights wide."""

_X, _Y = 0, 1


def reading_order(
    boxes: Sequence[Box], *, line_height: float | None = None, direction: Direction = "ltr"
) -> list[int]:
    """Indices of the boxes in the order in which they are read.

    Args:
        boxes: Of lines, blocks, tables and figures of one page.
        line_height: The page's usual one; by default the median height of the boxes.
        direction: With ``rtl`` columns and rows start on the right.
    """
    if not boxes:
        return []
    if direction == "rtl":
        boxes = [(-x1, y0, -x0, y1) for x0, y0, x1, y1 in boxes]
    unit = line_height or median(y1 - y0 for _, y0, _, y1 in boxes) or 1.0
    return _Cutter(boxes, unit).arrange(list(range(len(boxes))))


class _Cutter:
    def __init__(self, boxes: Sequence[Box], unit: float) -> None:
        self.boxes = boxes
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
                return [i for column in columns for i in self.arrange(column)]
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
            if last > first and self._are_columns(rows[first : last + 1], columns):
                done += [i for column in columns for i in self.arrange(column)]
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
            together += rows[index]
            if len(self._cut(together, _X, GUTTER, 0.0)) > 1:
                parted, last = True, index
            elif parted or self._crosses(rows[first]):
                break
        return last

    def _crosses(self, row: list[int]) -> bool:
        return len(row) > 1

    def _are_columns(self, rows: list[list[int]], columns: list[list[int]]) -> bool:
        """Whether to read column by column: most columns hold text, or rows do not match."""
        texts = sum(1 for column in columns if any(map(self._is_text, column)))
        if texts >= 2:
            return True
        side = {i: number for number, column in enumerate(columns) for i in column}
        matched = unmatched = 0
        for row in rows:
            sides = [side[i] for i in row]
            if len(set(sides)) < 2:
                continue
            if len(sides) == len(set(sides)):
                matched += 1
            else:
                unmatched += 1
        return unmatched > matched

    def _is_text(self, i: int) -> bool:
        x0, y0, x1, y1 = self.boxes[i]
        return y1 - y0 >= TALL * self.unit and x1 - x0 >= WIDE * self.unit

    def _middle(self, i: int) -> float:
        return (self.boxes[i][1] + self.boxes[i][3]) / 2
