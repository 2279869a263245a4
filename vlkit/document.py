"""What a document is: the types that every stage, model, export and door passes on.

``Document → Page → (Block → Line → Word | Table → Cell → Line | Figure)``, in reading order.

Coordinates are in the page's own unit (pixels or points), origin top-left, y down, on the page
as given, that is as a viewer shows it (EXIF orientation and PDF ``/Rotate`` applied).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError
from pydantic import Field as pydantic_field

from vlkit.errors import InputError
from vlkit.files import write_together
from vlkit.formats import Exported, entry_point, format_of, to_files
from vlkit.formats import export_formats as export_formats
from vlkit.geometry import IDENTITY as IDENTITY
from vlkit.geometry import Affine as Affine
from vlkit.geometry import Box as Box
from vlkit.geometry import Point as Point
from vlkit.geometry import Quad as Quad
from vlkit.geometry import apply_affine as apply_affine
from vlkit.geometry import box_quad as box_quad
from vlkit.geometry import box_union as box_union
from vlkit.geometry import compose as compose
from vlkit.geometry import invert as invert
from vlkit.geometry import quad_box as quad_box
from vlkit.schema import SCHEMA_VERSION, parse_json

if TYPE_CHECKING:
    from docling_core.types.doc.document import DoclingDocument
    from PIL.Image import Image

Direction = Literal["ltr", "rtl", "ttb"]
Role = Literal[
    "paragraph",
    "title",
    "heading",
    "list_item",
    "caption",
    "code",
    "footnote",
    "header",
    "footer",
    "page_number",
]


class _Model(BaseModel):
    # A number that JSON has no word for would not load back.
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


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
    reason: str = ""  # why it needs review, or what was mended
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
    warnings: list[str] = []
    """What a reader of the result should know: why it may be worse than it looks."""
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


class Chunk(_Model):
    """A passage for retrieval: whole paragraphs, list items and table rows under one heading."""

    text: str
    """Markdown, without the headings above it."""
    title: str = ""
    """The document's title, or else its name."""
    headings: list[str] = []
    """From the highest heading down to the one that the passage stands under."""
    places: list[Place] = []

    @property
    def pages(self) -> list[int]:
        return sorted({place.page for place in self.places})


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
    _source: Any = PrivateAttr(default=None)
    _password: str | None = PrivateAttr(default=None)

    def __eq__(self, other: object) -> bool:
        """Equal content; where it came from does not matter."""
        return isinstance(other, Document) and self.__dict__ == other.__dict__

    @property
    def words(self) -> list[Word]:
        """All words in reading order."""
        return [word for page in self.pages for word in page.words]

    @property
    def text(self) -> str:
        return "\n\n".join(page.text for page in self.pages)

    @property
    def source(self) -> Any:
        """What was read (a path, bytes, a picture, …), or None; no export writes it."""
        return self._source

    @property
    def password(self) -> str | None:
        """The password that opened the source."""
        return self._password

    def with_source(self, source: object, password: str | None = None) -> Self:
        """Say where the pages' pictures are, for ``overlay`` and PDF; returns the document."""
        self._source, self._password = source, password
        return self

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Load what ``to_json`` wrote, by this version of vlkit or an older one.

        Raises:
            InputError: It is no document, or one of a newer schema version.
        """
        data = parse_json(text)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"the JSON is not a vlkit document: {where}: {first['msg']}",
                remedy="Give a file that Document.save wrote as .json",
            ) from error

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load a ``.json`` file that ``save`` wrote.

        Raises:
            InputError: The file can't be read; else as ``from_json``.
        """
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise InputError(
                f"the file can't be read: {error.strerror or error}",
                remedy="Check the path and its permissions",
                file=path,
            ) from error
        try:
            return cls.from_json(text)
        except InputError as error:
            raise error.at(file=path) from error.__cause__

    def export(self, format: str) -> Exported:  # noqa: A002 the word that everyone looks for
        """The document in a format of the entry points ``vlkit.exports``.

        Raises:
            UnknownName: No such format; the known ones are listed.
        """
        content: Exported = entry_point("vlkit.exports", "format", format)(self)
        return content

    def save(self, path: str | Path) -> list[Path]:
        """Write the document in the format of the suffix, whole or not at all.

        Suffixes are the formats' names: ``.md .html .json .csv .hocr .alto .page .pdf``;
        ``.alto.xml``, ``.page.xml``, ``.hocr.html`` and ``.overlay.png`` are understood too.

        Returns:
            The files written: ``path``, or, where one file of the format holds less than the
            document, numbered ones: ``scan.page.xml`` → ``scan-1.page.xml``, ``scan-2.page.xml``.
            None where there is nothing of the kind, such as tables for a ``.csv``.

        Raises:
            UnknownName: No format goes by that suffix.
            OutputError: The file can't be written; what was there before still is.
        """
        name, suffix = format_of(Path(path))
        files = to_files(self.export(name), Path(path), suffix)
        write_together(files)
        return list(files)

    def to_markdown(self) -> str:
        """GitHub's Markdown, in reading order, without running headers and footers."""
        return self._export_text("md")

    def to_html(self) -> str:
        """One self-contained page; words carry their boxes in ``data-`` attributes."""
        return self._export_text("html")

    def to_json(self) -> str:
        """Everything; ``from_json`` gives an equal document."""
        return self._export_text("json")

    def to_hocr(self) -> str:
        return self._export_text("hocr")

    def to_alto(self) -> str:
        return self._export_text("alto")

    def to_csv(self) -> list[str]:
        """A text of comma-separated values for every table, with its cells as they were read.

        Spreadsheet programs take cells that begin with ``=``, ``+``, ``-`` or ``@`` for formulas:
        import tables of documents that you don't trust as text.
        """
        return [str(table) for table in self.export("csv")]

    def to_page(self) -> list[str]:
        """A PAGE XML document for every page."""
        return [str(page) for page in self.export("page")]

    def to_pdf(self) -> bytes:
        """The pages' pictures with an invisible text layer; needs the source.

        Raises:
            InputError: The source is not known, or gone.
        """
        content = self.export("pdf")
        assert isinstance(content, bytes)
        return content

    def overlay(self) -> list[Image]:
        """A picture of every page with what was found drawn on it; needs the source.

        Raises:
            InputError: The source is not known, or gone.
        """
        pictures: list[Image] = entry_point("vlkit.views", "view", "overlay")(self)
        return pictures

    def chunks(self, max_characters: int = 1500) -> list[Chunk]:
        """Passages for retrieval, each under its headings; a table row is never cut.

        Args:
            max_characters: What a passage may hold; only a single sentence or table row that
                is longer goes beyond it.
        """
        passages: list[Chunk] = entry_point("vlkit.views", "view", "chunks")(self, max_characters)
        return passages

    def to_docling(self) -> DoclingDocument:
        """As docling's own type, for the tools built on it.

        Raises:
            MissingDependency: The extra ``docling`` is not installed.
        """
        document: DoclingDocument = entry_point("vlkit.views", "view", "docling")(self)
        return document

    def _export_text(self, name: str) -> str:
        content = self.export(name)
        assert isinstance(content, str)
        return content


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
