"""What can stand on a typeset page, and how pages look. Lengths are in points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vlkit.data.typefaces import Family
from vlkit.document import Direction

A4 = (595.28, 841.89)
LETTER = (612.0, 792.0)

Colour = tuple[float, float, float]
"""Red, green, blue in 0…1."""
BLACK: Colour = (0.0, 0.0, 0.0)

Rules = Literal["all", "horizontal", "outer", "none"]
Align = Literal["start", "centre", "end"]
"""``start`` is the left in left-to-right text, the right in right-to-left text."""


@dataclass(frozen=True)
class Style:
    """How pages look.

    Attributes:
        size: Width and height of the page.
        margins: Left, top, right, bottom.
        columns, gutter: Number of text columns and the space between them.
        font_size: Of running text; headings scale with it.
        leading: Distance of base lines in font sizes.
        justify: Set paragraphs flush on both sides (but for their last line).
        families: Looked up in this order for each character, before the bundled faces.
        direction: ``rtl`` aligns to the right and fills columns from the right.
        indent: First-line indent of paragraphs.
        paragraph_space: Space between paragraphs, in font sizes.
        header, footer: Running lines; ``""`` for none.
        page_number: A pattern such as ``"Page {page} of {pages}"``; ``""`` for none.
        ligatures: Draw fi and fl as one glyph (U+FB01, U+FB02); the truth says two letters.
        hyphenate: Break long words at line ends with a hyphen; the truth's words keep it,
            ``Typeset.sources`` has the whole word.
        soft_hyphens: Such a hyphen is U+00AD in a PDF's text layer instead of ``-``.
        margin_column: Side on which ``Sidebar(place="margin")`` stands; takes room from the
            text on every page.
    """

    size: tuple[float, float] = A4
    margins: tuple[float, float, float, float] = (62.0, 68.0, 62.0, 68.0)
    columns: int = 1
    gutter: float = 20.0
    font_size: float = 10.0
    leading: float = 1.3
    justify: bool = False
    families: tuple[Family, ...] = ()
    direction: Direction = "ltr"
    indent: float = 0.0
    paragraph_space: float = 0.6
    header: str = ""
    footer: str = ""
    page_number: str = ""
    ligatures: bool = False
    hyphenate: bool = False
    soft_hyphens: bool = False
    margin_column: Literal["left", "right"] | None = None
    margin_column_width: float = 120.0


@dataclass(frozen=True)
class Title:
    """The document's title; stands over all columns."""

    text: str
    full_width: bool = True


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 1
    full_width: bool = False


@dataclass(frozen=True)
class Paragraph:
    """Running text. ``footnote`` is set at the bottom of the page where the paragraph ends;
    the caller writes its mark into both texts."""

    text: str
    footnote: str = ""
    full_width: bool = False
    bold: bool = False
    align: Align = "start"
    direction: Direction | None = None


@dataclass(frozen=True)
class ListItem:
    text: str
    marker: str = "•"
    level: int = 1
    full_width: bool = False


@dataclass(frozen=True)
class TableCell:
    """``text`` may hold line breaks; ``row`` and ``column`` are 0-based."""

    text: str
    row: int
    column: int
    row_span: int = 1
    column_span: int = 1
    header: bool = False
    align: Align = "start"


@dataclass(frozen=True)
class TableSpec:
    """A table; cells may leave grid places empty (these become empty cells in the truth).

    Attributes:
        rules: All lines, horizontal ones only (under the header, top, bottom), a frame, none.
        header_rows: Repeated on every page or column where the table goes on.
        rule_width: 0.3 hairline … 1.5 heavy.
        shading: Every second body row is grey.
        header_fill: The header rows are grey.
        padding: Space between a cell's text and its edge, horizontal and vertical.
        font_scale: Of its text against running text.
        stretch: Fill the column's width; else as wide as the text needs.
    """

    cells: tuple[TableCell, ...]
    caption: str = ""
    rules: Rules = "all"
    header_rows: int = 1
    rule_width: float = 0.5
    shading: bool = False
    header_fill: bool = False
    padding: tuple[float, float] = (5.0, 3.0)
    font_scale: float = 0.9
    stretch: bool = True
    full_width: bool = False

    @property
    def rows(self) -> int:
        return max(cell.row + cell.row_span for cell in self.cells)

    @property
    def columns(self) -> int:
        return max(cell.column + cell.column_span for cell in self.cells)


def simple_table(rows: list[list[str]], *, header_rows: int = 1) -> tuple[TableCell, ...]:
    """Cells of a table without spans, from its rows of texts."""
    return tuple(
        TableCell(text, row, column, header=row < header_rows)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
    )


@dataclass(frozen=True)
class Drawing:
    """A figure: a drawn picture with an optional caption below.

    Attributes:
        kind: ``bars``, ``lines`` and ``boxes`` are vector drawings (with few words in them
            where ``labels`` are given), ``photo`` is a picture of pixels.
        float_to: ``top`` and ``bottom`` move it to the next page edge that has room.
    """

    kind: Literal["bars", "lines", "boxes", "photo"] = "bars"
    caption: str = ""
    height: float = 120.0
    seed: int = 0
    labels: tuple[str, ...] = ()
    float_to: Literal["here", "top", "bottom"] = "here"
    full_width: bool = False


@dataclass(frozen=True)
class Form:
    """Label and value pairs, ``per_row`` on a line; values stand on a rule or in a box.

    In the truth every pair is a paragraph block ``label value``.
    """

    fields: tuple[tuple[str, str], ...]
    per_row: int = 1
    boxed: bool = False
    full_width: bool = False


@dataclass(frozen=True)
class CheckBoxes:
    """Choices with a box before each, ☐ or ☒; in the truth each is a list item."""

    choices: tuple[tuple[str, bool], ...]
    full_width: bool = False


@dataclass(frozen=True)
class Sidebar:
    """A shaded box of its own text, kept together.

    ``here`` stands in the column where it comes and is read there; ``margin`` stands in the
    style's margin column, and is read after the page's main text, before its footnotes.
    """

    elements: tuple[Title | Heading | Paragraph | ListItem, ...]
    place: Literal["here", "margin"] = "here"
    full_width: bool = False


@dataclass(frozen=True)
class PageBreak:
    """What follows starts on a new page."""

    full_width: bool = field(default=True, init=False)


Element = (
    Title
    | Heading
    | Paragraph
    | ListItem
    | TableSpec
    | Drawing
    | Form
    | CheckBoxes
    | Sidebar
    | PageBreak
)
