"""A document as it reads: paragraphs and tables made whole again across columns and pages.

Markdown, CSV, chunks and docling are written from this; formats that describe pages are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from vlkit.document import (
    Block,
    Cell,
    Document,
    Figure,
    Place,
    Role,
    Table,
    Word,
    join_words,
)
from vlkit.export.code import code_text
from vlkit.export.prose import HANGUL, join_lines

# The dots between an entry of a table of contents and its page number.
_LEADER = re.compile(r"(?:\s*[.·]){4,}\s*(?=[\w-]{1,7}$)|\s*…{2,}\s*(?=\d)")
RUNNING: frozenset[Role] = frozenset({"header", "footer", "page_number"})
"""What stands on pages but is no part of what they say."""


@dataclass
class Passage:
    """A paragraph, heading, list item, … with all its blocks."""

    role: Role
    level: int
    marker: str | None
    parts: list[tuple[int, Block]]
    """Page number and block."""
    hyphenated: frozenset[str] = frozenset()
    depth: int = 1
    """Of a heading, where a title counts as the first level."""

    @property
    def text(self) -> str:
        """One line: hyphens at line ends undone, a list item's marker left out. Code keeps its
        lines."""
        if self.role == "code":
            return "\n".join(code_text(block.lines) for _, block in self.parts)
        lines = [line.text for _, block in self.parts for line in block.lines]
        return self._joined(lines)

    @property
    def words(self) -> Iterator[Word]:
        for _, block in self.parts:
            yield from block.words

    def text_of(self, write: Callable[[Word], str]) -> str:
        """The text with every word written as told."""
        lines = [
            join_words(word.model_copy(update={"text": write(word)}) for word in line.words)
            for _, block in self.parts
            for line in block.lines
        ]
        return self._joined(lines)

    def _joined(self, lines: list[str]) -> str:
        text = join_lines(lines, self.hyphenated)
        if self.role == "list_item":
            text = _LEADER.sub(" ", text)
        return text.removeprefix(self.marker).lstrip() if self.marker else text

    @property
    def places(self) -> list[Place]:
        return [Place(page=page, box=block.box) for page, block in self.parts]


@dataclass
class GridCell:
    """A cell of a whole table; rows are counted over all its pages."""

    row: int
    column: int
    row_span: int
    column_span: int
    header: bool
    text: str
    page: int
    cell: Cell


@dataclass
class Grid:
    """A table with the parts that continue it."""

    rows: int
    columns: int
    cells: list[GridCell]
    parts: list[tuple[int, Table]]
    caption: Passage | None = None

    @property
    def places(self) -> list[Place]:
        return [Place(page=page, box=table.box) for page, table in self.parts]

    @property
    def header_rows(self) -> int:
        """How many rows at the top hold nothing but header cells."""
        count = 0
        while count < self.rows and self._is_header(count):
            count += 1
        return count

    def row_cells(self, row: int) -> list[GridCell]:
        """The cells that begin in a row, left to right."""
        return sorted((c for c in self.cells if c.row == row), key=lambda cell: cell.column)

    def _is_header(self, row: int) -> bool:
        covering = [c for c in self.cells if c.row <= row < c.row + c.row_span and c.text]
        return bool(covering) and all(cell.header for cell in covering)


@dataclass
class Picture:
    """A figure with its caption."""

    page: int
    figure: Figure
    caption: Passage | None = None
    hyphenated: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """The text inside the figure."""
        return join_lines([line.text for line in self.figure.lines], self.hyphenated)

    @property
    def places(self) -> list[Place]:
        return [Place(page=self.page, box=self.figure.box)]


Node = Passage | Grid | Picture


def flow(document: Document) -> list[Node]:
    """What the document says, in reading order, without running headers and footers.

    A block or table that ``continues`` an earlier one is joined to it; the header that a
    continued table repeats is dropped; captions stand with their table or figure.
    """
    return _Flow(document).nodes


@dataclass
class _Flow:
    document: Document
    nodes: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hyphenated = vocabulary(self.document)
        self.titled = any(b.role == "title" for p in self.document.pages for b in p.blocks)
        self.owners: dict[str, Passage | list[tuple[int, Table]]] = {}
        self.tables: list[tuple[Grid, list[tuple[int, Table]]]] = []
        captions = self._captions()
        for page in self.document.pages:
            for item in page.items:
                self._add(page.number, item, captions)
        for grid, parts in self.tables:
            merge_tables(grid, parts, self.hyphenated)

    def _captions(self) -> dict[str, Passage]:
        """Block id → caption, for the blocks that a table or figure calls its caption."""
        wanted = {
            item.caption
            for page in self.document.pages
            for item in page.items
            if not isinstance(item, Block) and item.caption
        }
        return {
            block.id: self._passage(page.number, block)
            for page in self.document.pages
            for block in page.blocks
            if block.id in wanted
        }

    def _add(self, page: int, item: Block | Table | Figure, captions: dict[str, Passage]) -> None:
        if isinstance(item, Block):
            if item.role not in RUNNING and item.id not in captions:
                self._add_block(page, item)
            return
        caption = captions.get(item.caption or "")
        if isinstance(item, Table):
            self._add_table(page, item, caption)
        else:
            self.nodes.append(Picture(page, item, caption, self.hyphenated))

    def _add_block(self, page: int, block: Block) -> None:
        head = self.owners.get(block.continues or "")
        if isinstance(head, Passage):
            head.parts.append((page, block))
        else:
            head = self._passage(page, block)
            self.nodes.append(head)
        if block.id:
            self.owners[block.id] = head

    def _add_table(self, page: int, table: Table, caption: Passage | None) -> None:
        parts = self.owners.get(table.continues or "")
        if isinstance(parts, list):
            parts.append((page, table))
        else:
            parts = [(page, table)]
            grid = Grid(0, 0, [], parts, caption)
            self.tables.append((grid, parts))
            self.nodes.append(grid)
        if table.id:
            self.owners[table.id] = parts

    def _passage(self, page: int, block: Block) -> Passage:
        level = max(block.level or 1, 1)
        return Passage(
            role=block.role,
            level=level,
            marker=block.marker,
            parts=[(page, block)],
            hyphenated=self.hyphenated,
            depth=level + self.titled,
        )


def merge_tables(grid: Grid, parts: list[tuple[int, Table]], hyphenated: frozenset[str]) -> None:
    """Fill a grid with the cells of its parts, the later ones' repeated headers left out."""
    first = parts[0][1]
    for page, table in parts:
        skip = 0 if table is first else _repeated(first, table)
        for cell in table.cells:
            if cell.row < skip:
                continue
            text = join_lines([line.text for line in cell.lines], hyphenated)
            grid.cells.append(
                GridCell(
                    row=grid.rows + cell.row - skip,
                    column=cell.column,
                    row_span=cell.row_span,
                    column_span=cell.column_span,
                    header=cell.header,
                    text=text,
                    page=page,
                    cell=cell,
                )
            )
        # A table may say less than its cells cover; what is written must be a whole grid.
        rows_covered = max((cell.row + cell.row_span for cell in table.cells), default=0)
        columns_covered = max((cell.column + cell.column_span for cell in table.cells), default=0)
        grid.rows += max(table.rows, rows_covered) - skip
        grid.columns = max(grid.columns, table.columns, columns_covered)


def _row_texts(table: Table) -> list[list[str]]:
    """Rows of normalised cell texts, to compare."""
    rows: list[list[str]] = [[] for _ in range(max(table.rows, 1))]
    for cell in sorted(table.cells, key=lambda cell: (cell.row, cell.column)):
        while len(rows) <= cell.row:
            rows.append([])
        rows[cell.row].append("".join(cell.text.split()).casefold())
    return rows


def _repeated(head: Table, here: Table) -> int:
    """How many rows at the top of a continued table repeat the first part's header.

    They are equal in text; a reading error is forgiven where every cell is marked as a header.
    Of a table without marked headers, the first row is the one that may be repeated.
    """
    limit = _marked_rows(head) or 1
    marked = _marked_rows(here)
    count = 0
    for first, again in zip(_row_texts(head)[:limit], _row_texts(here), strict=False):
        if not any(again) or (first != again and count >= marked):
            break
        count += 1
    return count


def _marked_rows(table: Table) -> int:
    """How many rows at the top consist of header cells."""
    body = [cell.row for cell in table.cells if not cell.header]
    header = [cell.row for cell in table.cells if cell.header]
    return min(body, default=max(header, default=-1) + 1) if header else 0


def vocabulary(document: Document) -> frozenset[str]:
    """Words that stand inside lines and tell how a word goes on over a line's end: those with a
    hyphen, in lower case, and Korean ones, which lines break between any two syllables."""
    return frozenset(_telling(document))


def _telling(document: Document) -> Iterator[str]:
    for page in document.pages:
        for line in page.lines:
            for place, word in enumerate(line.words):
                text = word.text.strip(".,;:!?()\"'“”").casefold()
                inside = 0 < place < len(line.words) - 1
                if "-" in text[1:-1] or (inside and text[:1] >= "가" and HANGUL.fullmatch(text)):
                    yield text
