"""Strips into columns and pages: bands of columns between full-width elements, footnotes,
floats, margin column, running lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vlkit.data.compose import element_strips
from vlkit.data.elements import Align, Drawing, Element, PageBreak, Sidebar, Style, Title
from vlkit.data.strips import Rule, Strip, footnote_strips, running_line
from vlkit.errors import InputError

FOOT, MARGIN, RUNNING = -1, -2, -3
"""Numbers of what is no column: foot of the page, margin column, running lines."""


@dataclass(frozen=True)
class Placed:
    """A strip with its place on the page; ``column`` numbers the columns of a page in the
    order in which they are read."""

    strip: Strip
    x: float
    y: float
    column: int


@dataclass
class Sheet:
    """A page while it is filled; ``top`` and ``bottom`` bound the room that is left."""

    top: float
    bottom: float
    body: list[Placed] = field(default_factory=list)
    foot: list[Placed] = field(default_factory=list)
    margin: list[Placed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    columns: int = 0
    margin_top: float = 0.0


Column = list[tuple[Strip, float]]
"""Strips with their y below the column's top."""


def flow(elements: Sequence[Element], style: Style) -> list[Sheet]:
    """The filled pages, running lines not yet on them."""
    return _Flow(style).run(elements)


class _Flow:
    def __init__(self, style: Style) -> None:
        left, top, right, bottom = style.margins
        self.style = style
        self.left, self.right = left, style.size[0] - right
        self.margin_x = left
        if style.margin_column:
            taken = style.margin_column_width + style.gutter
            if style.margin_column == "left":
                self.left += taken
            else:
                self.right -= taken
                self.margin_x = self.right + style.gutter
        self.width = self.right - self.left
        self.column = (self.width - style.gutter * (style.columns - 1)) / style.columns
        self.page_top, self.page_bottom = top, style.size[1] - bottom
        if self.column < 5 * style.font_size or self.page_bottom - top < 5 * style.font_size:
            raise InputError("the page style leaves no room for text", remedy="Narrow its margins")
        self.sheets: list[Sheet] = []
        self.floats: list[list[Strip]] = []
        self.new_page()

    @property
    def sheet(self) -> Sheet:
        return self.sheets[-1]

    def new_page(self) -> None:
        self.sheets.append(Sheet(self.page_top, self.page_bottom, margin_top=self.page_top))
        while self.floats:
            self.place_full(self.floats.pop(0), fresh=True)

    def run(self, elements: Sequence[Element]) -> list[Sheet]:
        segments = _segments(elements)
        for number, (full, segment) in enumerate(segments):
            balanced = number + 1 < len(segments)
            if full and isinstance(segment[0], PageBreak):
                self.new_page()
            elif full:
                self.place_full(self.strips(segment, self.width))
            else:
                self.place_columns(self.strips(segment, self.column), balanced=balanced)
        while self.floats:
            self.new_page()
        for sheet in self.sheets:
            self.set_footnotes(sheet)
        return self.sheets

    def strips(self, elements: Sequence[Element], width: float) -> list[Strip]:
        """In-flow strips; floats and margin boxes are put aside."""
        found: list[Strip] = []
        for element in elements:
            if isinstance(element, Drawing) and element.float_to != "here":
                self.place_float(element)
            elif isinstance(element, Sidebar) and element.place == "margin":
                self.place_margin(element)
            else:
                found += element_strips(element, width, self.style)
        return found

    def place_float(self, element: Drawing) -> None:
        """A full-width float: at this page's top if nothing stands there yet, at its bottom if
        there is room, else on the next page's top."""
        strips = element_strips(element, self.width, self.style)
        column, height = _stack(strips)
        gap = strips[-1].after
        sheet = self.sheet
        if element.float_to == "top" and not sheet.body:
            self.place_full(strips, fresh=True)
        elif element.float_to == "bottom" and height + gap < 0.45 * (sheet.bottom - sheet.top):
            sheet.bottom -= height + gap
            sheet.foot += [
                Placed(strip, self.left, sheet.bottom + gap + y, FOOT) for strip, y in column
            ]
        else:
            self.floats.append(strips)

    def place_margin(self, element: Sidebar) -> None:
        if not self.style.margin_column:
            raise InputError(
                "a margin sidebar on pages without a margin column",
                remedy="Set the style's margin_column",
            )
        sheet, small = self.sheet, replace(self.style, font_size=self.style.font_size * 0.85)
        column, height = _stack(element_strips(element, self.style.margin_column_width, small))
        y0 = sheet.margin_top
        sheet.margin += [Placed(strip, self.margin_x, y0 + y, MARGIN) for strip, y in column]
        sheet.margin_top += height + self.style.gutter

    def place_full(self, strips: list[Strip], *, fresh: bool = False) -> None:
        """Over all columns; ``fresh`` strips stand at the page's top whatever their height."""
        while strips:
            columns, rest = self.fill(strips, 1, force=fresh)
            self.commit(columns, [self.left])
            strips = rest
            if strips:
                self.new_page()

    def place_columns(self, strips: list[Strip], *, balanced: bool) -> None:
        count = self.style.columns
        xs = [self.left + number * (self.column + self.style.gutter) for number in range(count)]
        if self.style.direction == "rtl":
            xs.reverse()
        while strips:
            columns, rest = self.fill(strips, count)
            if not rest and balanced and count > 1:
                columns = self.balance(strips, count) or columns
            self.commit(columns, xs)
            strips = rest
            if strips:
                self.new_page()

    def fill(
        self, strips: list[Strip], count: int, *, force: bool = False
    ) -> tuple[list[Column], list[Strip]]:
        """Fill columns down to the page's bottom, above the footnotes that they bring."""
        sheet = self.sheet
        held = self.notes_height(sheet.notes)
        first = sheet.top == self.page_top
        while True:
            room = sheet.bottom - sheet.top - held - (0.0 if first else strips[0].before)
            if count == 1 and strips[-1].keep_next:
                # A heading over the columns wants some lines of them below it.
                room -= 4 * self.style.font_size * self.style.leading
            columns, rest = _fill(strips, count, room, force=first or force)
            brought = [
                strip.footnote for column in columns for strip, _ in column if strip.footnote
            ]
            need = self.notes_height([*sheet.notes, *brought])
            if need <= held:
                return columns, rest
            held = need

    def balance(self, strips: list[Strip], count: int) -> list[Column] | None:
        """The least height at which everything fits, to within a point."""
        total = _stack(strips)[1]
        low, high = total / count * 0.8, total
        best: list[Column] | None = None
        while high - low > 1.0:
            middle = (low + high) / 2
            columns, rest = _fill(strips, count, middle, force=False)
            if rest or not any(columns):
                low = middle
            else:
                best, high = columns, middle
        room = self.sheet.bottom - self.sheet.top - self.notes_height(self.sheet.notes)
        return best if high <= room else None

    def commit(self, columns: list[Column], xs: list[float]) -> None:
        sheet = self.sheet
        start = sheet.top
        # Space that a band's first strips want above themselves, but at the page's top.
        wanted = [column[0][0].before for column in columns if column]
        gap = max(wanted, default=0.0) if start > self.page_top else 0.0
        for column, x in zip(columns, xs, strict=False):
            if not column:
                continue
            for strip, y in column:
                sheet.body.append(Placed(strip, x, start + gap + y, sheet.columns))
                if strip.footnote:
                    sheet.notes.append(strip.footnote)
            end, y = column[-1]
            sheet.top = max(sheet.top, start + gap + y + end.height + end.after)
            sheet.columns += 1

    def notes_height(self, notes: Sequence[str]) -> float:
        if not notes:
            return 0.0
        strips = [
            strip for note in notes for strip in footnote_strips(note, self.width, self.style)
        ]
        return sum(strip.height for strip in strips) + 1.6 * self.style.font_size

    def set_footnotes(self, sheet: Sheet) -> None:
        """At the bottom of the page, under a short rule."""
        if not sheet.notes:
            return
        height = self.notes_height(sheet.notes)
        sheet.foot = [replace(each, y=each.y - height) for each in sheet.foot]
        y = self.page_bottom - height + self.style.font_size
        sheet.rules.append(Rule(self.left, y, self.left + 0.3 * self.width, y, 0.5))
        y += 0.6 * self.style.font_size
        for note in sheet.notes:
            for strip in footnote_strips(note, self.width, self.style):
                sheet.foot.append(Placed(strip, self.left, y, FOOT))
                y += strip.height


def _segments(elements: Sequence[Element]) -> list[tuple[bool, list[Element]]]:
    """Runs of elements in columns; every full-width one is a run of its own."""
    found: list[tuple[bool, list[Element]]] = []
    for element in elements:
        floats = isinstance(element, Drawing) and element.float_to != "here"
        full = (isinstance(element, Title) or element.full_width) and not floats
        if full or not found or found[-1][0]:
            found.append((full, []))
        found[-1][1].append(element)
    return found


def _fill(
    strips: list[Strip], count: int, room: float, *, force: bool
) -> tuple[list[Column], list[Strip]]:
    """Fill ``count`` columns of height ``room`` one after the other; also what did not fit.

    A chain that is kept together is broken only where an empty column is too short for it and
    ``force`` is set."""
    columns: list[Column] = [[] for _ in range(count)]
    rest = list(strips)
    for column in columns:
        y, previous = 0.0, None
        while rest:
            chain = _chain(rest)
            if not column:
                chain = [*_repeated(strips, rest), *chain]
            placed, end = _stack_below(chain, y, previous)
            if end > room:
                if not (force and not column):
                    break
                placed = [(s, at) for s, at in placed if at + s.height <= room] or placed[:1]
                end = placed[-1][1] + placed[-1][0].height
            column += placed
            kept = {id(strip) for strip, _ in placed}
            rest = [strip for strip in rest if id(strip) not in kept]
            y, previous = end, placed[-1][0]
    return columns, rest


def _chain(strips: list[Strip]) -> list[Strip]:
    end = next((i for i, strip in enumerate(strips) if not strip.keep_next), len(strips) - 1)
    return strips[: end + 1]


def _repeated(strips: list[Strip], rest: list[Strip]) -> list[Strip]:
    """The header that a table repeats where ``rest`` goes on with it."""
    owner = rest[0].owner
    if owner.kind != "table" or rest[0] in owner.header:
        return []
    return [replace(strip) for strip in owner.header]


def _stack_below(strips: list[Strip], y: float, previous: Strip | None) -> tuple[Column, float]:
    column: Column = []
    for strip in strips:
        if previous is not None:
            y += max(previous.after, strip.before)
        column.append((strip, y))
        y += strip.height
        previous = strip
    return column, y


def _stack(strips: list[Strip]) -> tuple[Column, float]:
    return _stack_below(strips, 0.0, None)


def running_lines(sheet: Sheet, number: int, total: int, style: Style) -> list[Placed]:
    """Header first, then footer and page number."""
    width, height = style.size
    left, _, right, _ = style.margins
    found: list[Strip] = []
    if style.header:
        found.append(running_line(style.header, "header", 36.0, "start", style))
        sheet.rules.append(Rule(left, 42.0, width - right, 42.0, 0.4))
    if style.footer:
        found.append(running_line(style.footer, "footer", height - 32.0, "start", style))
    if style.page_number:
        text = style.page_number.format(page=number, pages=total)
        align: Align = "end" if style.footer else "centre"
        found.append(running_line(text, "page_number", height - 32.0, align, style))
    return [Placed(strip, 0.0, 0.0, RUNNING) for strip in found]
