"""Tables into strips: column widths, rows, rules."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from vlkit.data.elements import Rules, Style, TableCell, TableSpec
from vlkit.data.lines import SetLine, Setting, set_lines, shifted
from vlkit.data.strips import Fill, Frame, Op, Owner, Rule, Strip, caption_strips, spaced
from vlkit.document import Cell

LEADING = 1.22
SHADE = (0.94, 0.94, 0.94)
FRAMES: dict[Rules, Frame] = {
    "all": "box",
    "outer": "box",
    "horizontal": "ends",
    "none": "none",
}
HEADER_SHADE = (0.86, 0.88, 0.9)


@dataclass
class _Grid:
    """A table with its measures: cells complete, columns' edges, each cell's lines."""

    spec: TableSpec
    setting: Setting
    bold: Setting
    cells: list[TableCell]
    edges: list[float]
    left: float
    mirrored: bool
    """Column 0 is the rightmost."""

    @property
    def ends(self) -> tuple[float, float]:
        return self.left, self.left + self.edges[-1]

    def span(self, cell: TableCell) -> tuple[float, float]:
        """x of the cell's left and right edge."""
        near, far = self.edges[cell.column], self.edges[cell.column + cell.column_span]
        if self.mirrored:
            near, far = self.edges[-1] - far, self.edges[-1] - near
        return self.left + near, self.left + far

    def lines(self, cell: TableCell) -> list[SetLine]:
        x0, x1 = self.span(cell)
        width = x1 - x0 - 2 * self.spec.padding[0]
        setting = self.bold if cell.header else self.setting
        return set_lines(cell.text, width, setting, align=cell.align) if cell.text else []

    def height(self, cell: TableCell) -> float:
        pitch = self.setting.size * LEADING
        return max(1, len(self.lines(cell))) * pitch + 2 * self.spec.padding[1]


def table_strips(spec: TableSpec, width: float, style: Style) -> list[Strip]:
    """Caption above, then a strip per group of rows that row spans hold together."""
    setting = Setting.of(style, spec.font_scale)
    bold = Setting.of(style, spec.font_scale, bold=True)
    cells = _complete(spec)
    edges = _edges(spec, cells, bold, width)
    rtl = style.direction == "rtl"
    grid = _Grid(spec, setting, bold, cells, edges, width - edges[-1] if rtl else 0.0, rtl)
    owner = Owner(
        "table",
        columns=spec.columns,
        ruled=spec.rules != "none",
        frame=FRAMES[spec.rules],
        rule_width=spec.rule_width,
    )
    heights = _row_heights(grid)
    strips = [_row_strip(grid, owner, rows, heights) for rows in _groups(spec, cells)]
    done = 0
    for strip in strips:
        if done < spec.header_rows:
            owner.header.append(strip)
            strip.keep_next = True
        done += strip.rows
    strips[-1].keep_next = False
    found = spaced(strips, 0.9 * style.font_size, 0.9 * style.font_size)
    if spec.caption:
        caption = spaced(caption_strips(spec.caption, width, style), 0.9 * style.font_size, 4.0)
        caption[-1].keep_next = True
        owner.caption = caption[0].owner
        strips[0].before = 4.0
        found = [*caption, *strips]
    return found


def _complete(spec: TableSpec) -> list[TableCell]:
    """The cells in raster order, with empty ones where the grid has none."""
    taken = {
        (row, column)
        for cell in spec.cells
        for row in range(cell.row, cell.row + cell.row_span)
        for column in range(cell.column, cell.column + cell.column_span)
    }
    empty = [
        TableCell("", row, column, header=row < spec.header_rows)
        for row in range(spec.rows)
        for column in range(spec.columns)
        if (row, column) not in taken
    ]
    return sorted([*spec.cells, *empty], key=lambda cell: (cell.row, cell.column))


def _edges(spec: TableSpec, cells: list[TableCell], setting: Setting, width: float) -> list[float]:
    """x of the columns' edges: as wide as their text where there is room, never narrower than
    the longest word where that can be."""
    pad = 2 * spec.padding[0] + 0.5
    natural, least = [pad + 8.0] * spec.columns, [pad + 8.0] * spec.columns
    for cell in sorted(cells, key=lambda cell: cell.column_span):
        if not cell.text:
            continue
        span = range(cell.column, cell.column + cell.column_span)
        full = max(setting.width(line) for line in cell.text.split("\n")) + pad
        word = max(setting.width(word) for word in cell.text.split()) + pad
        for widths, need in ((natural, full), (least, word)):
            short = need - sum(widths[column] for column in span)
            if short > 0:
                for column in span:
                    widths[column] += short / len(span)
    total, floor = sum(natural), sum(least)
    if total <= width:
        widths = [each * width / total for each in natural] if spec.stretch else natural
    elif floor < width:
        share = (width - floor) / (total - floor)
        widths = [low + share * (high - low) for low, high in zip(least, natural, strict=True)]
    else:
        widths = [each * width / floor for each in least]
    edges = [0.0]
    for each in widths:
        edges.append(edges[-1] + each)
    return edges


def _row_heights(grid: _Grid) -> list[float]:
    heights = [0.0] * grid.spec.rows
    for cell in sorted(grid.cells, key=lambda cell: cell.row_span):
        rows = range(cell.row, cell.row + cell.row_span)
        short = grid.height(cell) - sum(heights[row] for row in rows)
        if short > 0:
            for row in rows:
                heights[row] += short / len(rows)
    return heights


def _groups(spec: TableSpec, cells: list[TableCell]) -> list[range]:
    """Ranges of rows that no row span crosses the ends of."""
    cuts = set(range(spec.rows + 1))
    for cell in cells:
        cuts -= set(range(cell.row + 1, cell.row + cell.row_span))
    ordered = sorted(cuts)
    return [range(a, b) for a, b in itertools.pairwise(ordered)]


def _row_strip(grid: _Grid, owner: Owner, rows: range, heights: list[float]) -> Strip:
    tops = [0.0]
    for row in rows:
        tops.append(tops[-1] + heights[row])
    strip = Strip(owner, tops[-1], rows=len(rows))
    left, right = grid.ends
    strip.area = (left, 0.0, right, tops[-1])
    for row in rows:
        if fill := _shade(grid.spec, row):
            y = tops[row - rows.start]
            strip.ops.append(Fill((left, y, right, y + heights[row]), fill))
    for cell in grid.cells:
        if cell.row in rows:
            first = cell.row - rows.start
            _place(grid, strip, cell, first, tops[first], tops[first + cell.row_span])
    if grid.spec.rules == "horizontal" and rows.stop == grid.spec.header_rows:
        strip.ops.append(Rule(left, tops[-1], right, tops[-1], grid.spec.rule_width))
    return strip


def _shade(spec: TableSpec, row: int) -> tuple[float, float, float] | None:
    if row < spec.header_rows:
        return HEADER_SHADE if spec.header_fill else None
    return SHADE if spec.shading and (row - spec.header_rows) % 2 else None


def _place(grid: _Grid, strip: Strip, cell: TableCell, row: int, top: float, bottom: float) -> None:
    """Put a cell's text, rules and truth into its strip; ``row`` counts within the strip."""
    x0, x1 = grid.span(cell)
    lines = grid.lines(cell)
    size = grid.setting.size
    pitch = size * LEADING
    y = (top + bottom - pitch * len(lines)) / 2
    placed = [
        shifted(line, x0 + grid.spec.padding[0], y + pitch * (number + 0.5) + 0.36 * size)
        for number, line in enumerate(lines)
    ]
    strip.ops += [text for line in placed for text in line.texts]
    if grid.spec.rules == "all":
        strip.ops += _box_rules(x0, top, x1, bottom, grid.spec.rule_width)
    strip.cells.append(
        Cell(
            row=row,
            column=cell.column,
            row_span=cell.row_span,
            column_span=cell.column_span,
            header=cell.header,
            lines=[line.line for line in placed],
            box=(x0, top, x1, bottom),
        )
    )


def _box_rules(x0: float, y0: float, x1: float, y1: float, width: float) -> list[Op]:
    return [
        Rule(x0, y0, x1, y0, width),
        Rule(x0, y1, x1, y1, width),
        Rule(x0, y0, x0, y1, width),
        Rule(x1, y0, x1, y1, width),
    ]
