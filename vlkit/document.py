"""What a document is: the types that every stage, model, export and door passes on.

``Document → Page → (Block → Line → Word | Table → Cell → Line | Figure)``, in reading order.

Coordinates are in the page's own unit (pixels or points), origin top-left, y down, on the page
as given, that is as a viewer shows it (EXIF orientation and PDF ``/Rotate`` applied).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as pydantic_field

SCHEMA_VERSION = 1

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1) with x0 ≤ x1 and y0 ≤ y1."""
Quad = tuple[Point, Point, Point, Point]
"""Corners of rotated text: top-left, top-right, bottom-right, bottom-left *as read*."""
Affine = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): (x, y) → (a·x + c·y + e, b·x + d·y + f), PDF's matrix order."""

IDENTITY: Affine = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)

Direction = Literal["ltr", "rtl", "ttb"]
Role = Literal[
    "paragraph",
    "title",
    "heading",
    "list_item",
    "caption",
    "footnote",
    "header",
    "footer",
    "page_number",
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Source(_Model):
    """Which engine, stage or model wrote something."""

    name: str
    version: str


class Word(_Model):
    """One word. ``confidence`` is the calibrated probability that ``text`` is exactly right."""

    text: str
    box: Box
    quad: Quad | None = None
    confidence: float | None = pydantic_field(default=None, ge=0, le=1)
    font: str | None = None
    font_size: float | None = None
    """In the page's unit."""
    bold: bool | None = None
    italic: bool | None = None
    direction: Direction = "ltr"
    script: str | None = None
    """ISO 15924, e.g. ``Latn``, ``Hang``, ``Arab``."""
    space_after: bool = True
    """False where the next word of the line follows without white space."""
    source: Source | None = None


class Line(_Model):
    """Words in reading order (logical order for right-to-left text)."""

    words: list[Word]
    box: Box
    quad: Quad | None = None
    direction: Direction = "ltr"
    script: str | None = None

    @property
    def text(self) -> str:
        return join_words(self.words)


class Block(_Model):
    """A paragraph, heading, list item, …"""

    kind: Literal["block"] = "block"
    id: str = ""
    role: Role = "paragraph"
    level: int | None = None
    """1 for the highest heading; 1 for the outermost list."""
    marker: str | None = None
    """A list item's bullet or number; these words also stand in the first line."""
    lines: list[Line]
    box: Box
    continues: str | None = None
    """Id of the block on an earlier column or page whose sentence goes on here."""

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def words(self) -> Iterator[Word]:
        for line in self.lines:
            yield from line.words


class Cell(_Model):
    """A table cell; ``row`` and ``column`` are 0-based, of its first row and column."""

    row: int = pydantic_field(ge=0)
    column: int = pydantic_field(ge=0)
    row_span: int = pydantic_field(default=1, ge=1)
    column_span: int = pydantic_field(default=1, ge=1)
    header: bool = False
    lines: list[Line] = []
    box: Box

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def words(self) -> Iterator[Word]:
        for line in self.lines:
            yield from line.words


class Table(_Model):
    """A grid of cells; every grid place is covered by at most one cell."""

    kind: Literal["table"] = "table"
    id: str = ""
    rows: int
    columns: int
    cells: list[Cell]
    box: Box
    ruled: bool = False
    caption: str | None = None
    """Id of the caption's block."""
    continues: str | None = None
    """Id of the table on an earlier page that goes on here. A header row that is repeated on
    this page stays in this table's cells."""

    @property
    def words(self) -> Iterator[Word]:
        for cell in self.cells:
            yield from cell.words


class Figure(_Model):
    """A picture or drawing, with the lines of text found inside it."""

    kind: Literal["figure"] = "figure"
    id: str = ""
    box: Box
    lines: list[Line] = []
    caption: str | None = None

    @property
    def words(self) -> Iterator[Word]:
        for line in self.lines:
            yield from line.words


Item = Annotated[Block | Table | Figure, pydantic_field(discriminator="kind")]


class Entity(_Model):
    """A labelled span: ``words`` are indices into ``page.words``."""

    id: str
    label: str
    text: str
    words: list[int]
    box: Box
    confidence: float | None = pydantic_field(default=None, ge=0, le=1)
    source: Source | None = None


class Relation(_Model):
    """A link between two entities, by id."""

    head: str
    tail: str
    label: str
    confidence: float | None = pydantic_field(default=None, ge=0, le=1)
    source: Source | None = None


class Place(_Model):
    """Somewhere on a page."""

    page: int
    box: Box


class Field(_Model):
    """A typed value taken out of the document for one key of the user's schema."""

    name: str
    value: Any = None
    text: str = ""
    places: list[Place] = []
    confidence: float | None = pydantic_field(default=None, ge=0, le=1)
    needs_review: bool = False
    source: Source | None = None


class PageError(_Model):
    """Why a page could not be read."""

    problem: str
    remedy: str = ""


class Page(_Model):
    """One page; ``items`` are in reading order.

    Before layout analysis a page holds one paragraph block per recognised line.
    """

    number: int = pydantic_field(ge=1)
    width: float
    height: float
    unit: Literal["pixel", "point"] = "pixel"
    dpi: float | None = None
    """Pixels per inch of the picture that was read, where known."""
    rotation: Literal[0, 90, 180, 270] = 0
    """Degrees clockwise by which the text stands turned on the page as given."""
    skew: float = 0.0
    """Degrees clockwise, on top of ``rotation``."""
    to_source: Affine = IDENTITY
    """Page coordinates → the file's own: pixels before EXIF orientation, or PDF user space."""
    items: list[Item] = []
    entities: list[Entity] = []
    relations: list[Relation] = []
    stages: list[Source] = []
    """What was run on this page, in order."""
    error: PageError | None = None

    @property
    def words(self) -> list[Word]:
        """All words in reading order."""
        return [word for item in self.items for word in item.words]

    @property
    def lines(self) -> list[Line]:
        """All lines in reading order."""
        return [line for item in self.items for line in item_lines(item)]

    @property
    def blocks(self) -> list[Block]:
        return [item for item in self.items if isinstance(item, Block)]

    @property
    def tables(self) -> list[Table]:
        return [item for item in self.items if isinstance(item, Table)]

    @property
    def figures(self) -> list[Figure]:
        return [item for item in self.items if isinstance(item, Figure)]

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)


class Document(_Model):
    """A file that was read."""

    schema_version: int = SCHEMA_VERSION
    name: str = ""
    """File name, without its folder."""
    pages: list[Page]
    fields: list[Field] = []
    relations: list[Relation] = []
    """Links between entities of different pages."""
    metadata: dict[str, str] = {}

    @property
    def words(self) -> list[Word]:
        """All words in reading order."""
        return [word for page in self.pages for word in page.words]

    @property
    def text(self) -> str:
        return "\n\n".join(page.text for page in self.pages)


def item_lines(item: Block | Table | Figure) -> list[Line]:
    """The lines of a block or figure, or of a table's cells, in reading order."""
    if isinstance(item, Table):
        return [line for cell in item.cells for line in cell.lines]
    return item.lines


def join_words(words: Iterable[Word]) -> str:
    """The words' text with the white space that stood between them."""
    pieces: list[str] = []
    for word in words:
        pieces += [word.text, " " if word.space_after else ""]
    return "".join(pieces).rstrip(" ")


def box_union(boxes: Iterable[Box]) -> Box:
    """The smallest box around all; raises ValueError on none."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return (min(x0), min(y0), max(x1), max(y1))


def quad_box(quad: Quad) -> Box:
    """The axis-aligned box around a quad."""
    xs, ys = zip(*quad, strict=True)
    return (min(xs), min(ys), max(xs), max(ys))


def box_quad(box: Box) -> Quad:
    x0, y0, x1, y1 = box
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def apply_affine(matrix: Affine, point: Point) -> Point:
    a, b, c, d, e, f = matrix
    x, y = point
    return (a * x + c * y + e, b * x + d * y + f)


def compose(first: Affine, then: Affine) -> Affine:
    """The map that applies ``first`` and ``then`` in this order."""
    a1, b1, c1, d1, e1, f1 = first
    a2, b2, c2, d2, e2, f2 = then
    return (
        a2 * a1 + c2 * b1,
        b2 * a1 + d2 * b1,
        a2 * c1 + c2 * d1,
        b2 * c1 + d2 * d1,
        a2 * e1 + c2 * f1 + e2,
        b2 * e1 + d2 * f1 + f2,
    )


def invert(matrix: Affine) -> Affine:
    """The inverse map; raises ZeroDivisionError on a degenerate one."""
    a, b, c, d, e, f = matrix
    det = a * d - b * c
    return (
        d / det,
        -b / det,
        -c / det,
        a / det,
        (c * f - d * e) / det,
        (b * e - a * f) / det,
    )
