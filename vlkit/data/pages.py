"""Typeset pages with their truth: elements and a style in, pictures and PDFs and a Document out.

    typeset([Title("Annual note"), Paragraph("…")], Style(columns=2)) → Typeset

Coordinates of pages and truth are points, origin top-left. Reading order of the truth, page by
page: header; the bands of the page from top to bottom, columns of a band one after the other;
a full-width float where it stands (page top: first, page bottom: last); sidebars of the margin
column; footnotes; footer; page number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from vlkit.data.elements import (
    A4,
    LETTER,
    CheckBoxes,
    Drawing,
    Element,
    Form,
    Heading,
    ListItem,
    PageBreak,
    Paragraph,
    Sidebar,
    Style,
    TableCell,
    TableSpec,
    Title,
    simple_table,
)
from vlkit.data.flow import Placed, Sheet, flow, running_lines
from vlkit.data.lines import Text, moved_box, moved_line
from vlkit.data.pdf_writer import PdfPage, TextLayer, render, write_pdf
from vlkit.data.strips import Fill, Op, Owner, Picture, Rule
from vlkit.document import (
    Block,
    Box,
    Cell,
    Document,
    Figure,
    Item,
    Page,
    Table,
    box_union,
)

__all__ = [
    "A4",
    "LETTER",
    "CheckBoxes",
    "Drawing",
    "DrawnPage",
    "Element",
    "Fill",
    "Form",
    "Heading",
    "ListItem",
    "PageBreak",
    "Paragraph",
    "Picture",
    "Rule",
    "Sidebar",
    "Style",
    "TableCell",
    "TableSpec",
    "Text",
    "TextLayer",
    "Title",
    "Typeset",
    "simple_table",
    "to_image",
    "to_pdf",
    "typeset",
]


@dataclass(frozen=True)
class DrawnPage:
    """What is drawn on a page, in order; points, origin top-left."""

    width: float
    height: float
    ops: tuple[Op, ...]

    @property
    def texts(self) -> list[Text]:
        """What is written, without rules, grounds and pictures."""
        return [op for op in self.ops if isinstance(op, Text)]


@dataclass
class Typeset:
    """Pages and what is on them.

    Attributes:
        pages: What is drawn.
        truth: The document in points. Words' boxes are the bounds of their ink; a table's
            and a cell's box is its grid place.
        sources: Block id → the text as it was before line breaking, for the first block of
            each text; blocks that go on with it (``continues``) have none.
    """

    pages: list[DrawnPage]
    truth: Document
    sources: dict[str, str] = field(default_factory=dict)

    def to_image(
        self, page: int = 0, dpi: float = 200.0, *, grey: bool = False
    ) -> NDArray[np.uint8]:
        """Picture of the 0-based page, [H, W, 3] RGB, or [H, W] grey."""
        return to_image(self.pages[page], dpi, grey=grey)

    def to_pdf(self, text: TextLayer = "good", *, dpi: float = 200.0) -> bytes:
        """All pages with the same kind of text layer."""
        return to_pdf(self.pages, text, dpi=dpi)

    def truth_in_pixels(self, dpi: float) -> Document:
        """The truth for pictures of that resolution."""
        return scaled(self.truth, dpi)


def to_image(page: DrawnPage, dpi: float = 200.0, *, grey: bool = False) -> NDArray[np.uint8]:
    """Picture of a page, [H, W, 3] RGB uint8, or [H, W] grey; size rounded to whole pixels."""
    return render(write_pdf([PdfPage(page.width, page.height, page.ops)]), dpi, grey=grey)


def to_pdf(
    pages: Sequence[DrawnPage],
    text: TextLayer | Sequence[TextLayer] = "good",
    *,
    dpi: float = 200.0,
    quality: int = 85,
    other: Sequence[DrawnPage] = (),
) -> bytes:
    """A PDF of the pages, the same bytes for the same pages.

    Args:
        text: One for all, or one per page:
            ``good``: born digital, every glyph has its Unicode.
            ``unmapped``: born digital without ToUnicode: readers find no text or rubbish.
            ``garbled``, ``shifted``, ``private``: born digital with a wrong ToUnicode: readers
            find other letters of the text, letters 29 code points off, private use characters.
            ``none``: a picture of the page, no text.
            ``hidden``: a picture with the right text, invisible, over it.
            ``stale``: a picture with invisible text of another page over it: of the same
            page of ``other``, or else of the next page, or else the page's own words in
            reversed order of letters.
        dpi, quality: Of those pictures (JPEG).
        other: Pages whose text ``stale`` takes.
    """
    kinds = [text] * len(pages) if isinstance(text, str) else list(text)
    sheets = []
    for index, (page, kind) in enumerate(zip(pages, kinds, strict=True)):
        if kind == "none" or kind == "hidden" or kind == "stale":
            area = (0.0, 0.0, page.width, page.height)
            ops: list[Op] = [Picture(area, to_image(page, dpi), quality)]
            if kind == "hidden":
                ops += page.texts
            elif kind == "stale":
                ops += _stale(pages, index, other)
            sheets.append(PdfPage(page.width, page.height, tuple(ops), "hidden"))
        else:
            sheets.append(PdfPage(page.width, page.height, page.ops, kind))
    return write_pdf(sheets)


def _stale(pages: Sequence[DrawnPage], index: int, other: Sequence[DrawnPage]) -> list[Text]:
    if other:
        return other[index % len(other)].texts
    if len(pages) > 1:
        return pages[(index + 1) % len(pages)].texts
    return [replace(op, text=op.text[::-1], unicode=op.unicode[::-1]) for op in pages[index].texts]


def typeset(elements: Sequence[Element], style: Style | None = None, name: str = "") -> Typeset:
    """Set the elements in their order on as many pages as they need.

    Raises:
        InputError: A character that no font has, or a style that leaves no room.
    """
    style = style or Style()
    sheets = flow(elements, style)
    made = _Truth()
    pages = []
    for number, sheet in enumerate(sheets, start=1):
        running = running_lines(sheet, number, len(sheets), style)
        header = [each for each in running if each.strip.owner.role == "header"]
        rest = [each for each in running if each.strip.owner.role != "header"]
        placed = [*header, *sheet.body, *_floats(sheet), *sheet.margin, *_notes(sheet), *rest]
        pages.append(_draw(style, sheet, placed))
        made.add_page(style, number, placed)
    document = Document(name=name, pages=made.pages)
    made.link_captions()
    return Typeset(pages, document, made.sources)


def _floats(sheet: Sheet) -> list[Placed]:
    return [each for each in sheet.foot if each.strip.owner.role != "footnote"]


def _notes(sheet: Sheet) -> list[Placed]:
    return [each for each in sheet.foot if each.strip.owner.role == "footnote"]


def _draw(style: Style, sheet: Sheet, placed: list[Placed]) -> DrawnPage:
    ops: list[Op] = [op.moved(each.x, each.y) for each in placed for op in each.strip.ops]
    ops += sheet.rules
    for part in _parts(placed):
        ops += _frame(part)
    # Grounds lie under everything.
    ops.sort(key=lambda op: not isinstance(op, Fill | Picture))
    return DrawnPage(*style.size, tuple(ops))


def _parts(placed: list[Placed]) -> list[list[Placed]]:
    """Strips of the same owner in the same column of a page: one item of the truth each."""
    return [
        list(group)
        for _, group in groupby(placed, key=lambda each: (id(each.strip.owner), each.column))
    ]


def _area(part: list[Placed]) -> Box:
    return box_union(moved_box(each.strip.area, each.x, each.y) for each in part if each.strip.area)


def _frame(part: list[Placed]) -> list[Rule]:
    owner = part[0].strip.owner
    if owner.kind != "table" or owner.frame == "none":
        return []
    x0, y0, x1, y1 = _area(part)
    width = owner.rule_width * (1.6 if owner.frame == "ends" else 1.0)
    ends = [Rule(x0, y0, x1, y0, width), Rule(x0, y1, x1, y1, width)]
    if owner.frame == "ends":
        return ends
    return [*ends, Rule(x0, y0, x0, y1, width), Rule(x1, y0, x1, y1, width)]


class _Truth:
    """Collects the document while pages are drawn."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.sources: dict[str, str] = {}
        self.last: dict[int, str] = {}
        self.captioned: list[tuple[Table | Figure, Owner]] = []
        self.count = 0

    def add_page(self, style: Style, number: int, placed: list[Placed]) -> None:
        items = [self.item(part) for part in _parts(placed)]
        width, height = style.size
        self.pages.append(
            Page(number=number, width=width, height=height, unit="point", dpi=72.0, items=items)
        )

    def item(self, part: list[Placed]) -> Item:
        owner = part[0].strip.owner
        self.count += 1
        name = f"{owner.kind}-{self.count}"
        before = self.last.get(id(owner))
        self.last[id(owner)] = name
        if owner.kind == "block":
            if before is None:
                self.sources[name] = owner.source
            return _block(part, name, before)
        item = _table(part, name, before) if owner.kind == "table" else _figure(part, name)
        if owner.caption:
            self.captioned.append((item, owner.caption))
        return item

    def link_captions(self) -> None:
        for item, caption in self.captioned:
            item.caption = self.last.get(id(caption))


def _block(part: list[Placed], name: str, before: str | None) -> Block:
    owner = part[0].strip.owner
    lines = [moved_line(line, each.x, each.y) for each in part for line in each.strip.lines]
    return Block(
        id=name,
        role=owner.role,
        level=owner.level,
        marker=owner.marker if before is None else None,
        lines=lines,
        box=box_union(line.box for line in lines),
        continues=before,
    )


def _table(part: list[Placed], name: str, before: str | None) -> Table:
    cells: list[Cell] = []
    rows = 0
    for each in part:
        for cell in each.strip.cells:
            lines = [moved_line(line, each.x, each.y) for line in cell.lines]
            box = moved_box(cell.box, each.x, each.y)
            cells.append(
                cell.model_copy(update={"row": cell.row + rows, "lines": lines, "box": box})
            )
        rows += each.strip.rows
    owner = part[0].strip.owner
    return Table(
        id=name,
        rows=rows,
        columns=owner.columns,
        cells=cells,
        box=_area(part),
        ruled=owner.ruled,
        continues=before,
    )


def _figure(part: list[Placed], name: str) -> Figure:
    lines = [moved_line(line, each.x, each.y) for each in part for line in each.strip.lines]
    return Figure(id=name, box=_area(part), lines=lines)


def scaled(document: Document, dpi: float) -> Document:
    """A document in points as one in pixels of that resolution."""
    factor = dpi / 72.0

    def walk(value: object) -> object:
        if isinstance(value, dict):
            return {
                key: _times(entry, factor) if key in ("box", "quad", "font_size") else walk(entry)
                for key, entry in value.items()
            }
        return [walk(entry) for entry in value] if isinstance(value, list) else value

    data = document.model_dump()
    data["pages"] = walk(data["pages"])
    for page in data["pages"]:
        page["width"], page["height"] = page["width"] * factor, page["height"] * factor
        page["unit"], page["dpi"] = "pixel", dpi
    return Document.model_validate(data)


def _times(value: object, factor: float) -> object:
    if isinstance(value, float | int):
        return value * factor
    return tuple(_times(entry, factor) for entry in value) if isinstance(value, tuple) else value
