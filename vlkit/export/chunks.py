"""Passages for retrieval: whole paragraphs, list items and table rows under one heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from vlkit.document import Chunk, Document, Place
from vlkit.errors import VlkitError
from vlkit.export.flow import Grid, GridCell, Node, Passage, flow
from vlkit.export.footnotes import find_footnotes
from vlkit.export.markdown import fenced, node_markdown
from vlkit.geometry import box_union

# Ends of sentences, and the full stops of Chinese and Japanese, which no space follows.
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])")
# Enough below "- " and "1. " alike.
_INDENT = "   "


@dataclass
class _Part:
    """Text that is not cut any more."""

    text: str
    places: list[Place]
    list_item: bool = False


def chunks(document: Document, max_characters: int = 1500) -> list[Chunk]:
    """See ``Document.chunks``.

    Raises:
        VlkitError: ``max_characters`` is not positive.
    """
    if max_characters < 1:
        raise VlkitError("max_characters must be at least 1", remedy="The default is 1500")
    return list(_Chunker(document, max_characters).chunks())


class _Chunker:
    def __init__(self, document: Document, limit: int) -> None:
        self.limit = limit
        self.nodes = flow(document)
        self.notes = find_footnotes(self.nodes)
        self.first_title = next(
            (n for n in self.nodes if isinstance(n, Passage) and n.role == "title"), None
        )
        self.title = self.first_title.text if self.first_title else document.name
        self.headings: list[tuple[int, str]] = []
        self.bare: Passage | None = None
        """The last heading, as long as nothing follows it."""

    def chunks(self) -> Iterator[Chunk]:
        waiting: list[_Part] = []
        for node in self.nodes:
            if isinstance(node, Passage) and node.role in ("title", "heading"):
                yield from self._flush(waiting)
                waiting = []
                yield from self._enter(node)
                continue
            for part in self._parts(node):
                self.bare = None
                if waiting and len(_join([*waiting, part])) > self.limit:
                    yield from self._flush(waiting)
                    waiting = []
                waiting.append(part)
        yield from self._flush(waiting)
        yield from self._flush_bare()

    def _enter(self, node: Passage) -> Iterator[Chunk]:
        """Leave the headings of the same and deeper levels for a new one."""
        level = node.level if node.role == "heading" else 0
        if self.bare and self.bare.role == "heading" and level <= self.bare.level:
            yield from self._flush_bare()
        self.headings = [(above, text) for above, text in self.headings if above < level]
        if node is not self.first_title:
            self.headings.append((level, node.text))
        self.bare = node

    def _flush_bare(self) -> Iterator[Chunk]:
        """A heading that nothing follows is a passage itself, so that it can be found."""
        if self.bare and self.bare.text:
            self.headings = self.headings[:-1]
            yield from self._flush([_Part(node_markdown(self.bare), self.bare.places)])

    def _flush(self, parts: list[_Part]) -> Iterator[Chunk]:
        if parts:
            yield Chunk(
                text=_join(parts),
                title=self.title,
                headings=[text for _, text in self.headings],
                places=_merge([place for part in parts for place in part.places]),
            )

    def _parts(self, node: Node) -> Iterator[_Part]:
        text = node_markdown(node, self.notes)
        if not text:
            return
        if len(text) <= self.limit:
            item = isinstance(node, Passage) and node.role == "list_item"
            indent = _INDENT * (node.level - 1) if isinstance(node, Passage) and item else ""
            yield _Part(indent + text, node.places, item)
        elif isinstance(node, Grid):
            yield from self._table_parts(node)
        elif isinstance(node, Passage) and node.role == "code":
            yield from (_Part(piece, node.places) for piece in self._code_pieces(node.text))
        else:
            # Sentences of a long paragraph can't be told apart by place; each keeps all of them.
            yield from (_Part(piece, node.places) for piece in self._sentences(text))

    def _sentences(self, text: str) -> Iterator[str]:
        held = ""
        for sentence in _SENTENCE.split(text):
            if held and len(held) + 1 + len(sentence) > self.limit:
                yield held
                held = ""
            held = f"{held} {sentence}" if held else sentence
        if held:
            yield held

    def _code_pieces(self, code: str) -> Iterator[str]:
        """Lines in groups that fit, each between fences of its own."""
        held: list[str] = []
        for line in code.splitlines():
            if held and len(fenced("\n".join([*held, line]))) > self.limit:
                yield fenced("\n".join(held))
                held = []
            held.append(line)
        yield fenced("\n".join(held))

    def _table_parts(self, grid: Grid) -> Iterator[_Part]:
        """Rows in groups that fit, each under the table's caption and header."""
        header = range(grid.header_rows)
        held: list[int] = []
        for rows in _row_groups(grid):
            text = node_markdown(_rows_of(grid, [*header, *held, *rows]))
            if held and len(text) > self.limit:
                yield self._rows_part(grid, [*header, *held])
                held = []
            held += rows
        yield self._rows_part(grid, [*header, *held])

    def _rows_part(self, grid: Grid, rows: list[int]) -> _Part:
        part = _rows_of(grid, rows)
        places = [Place(page=cell.page, box=cell.cell.box) for cell in part.cells] or grid.places
        return _Part(node_markdown(part), _merge(places))


def _row_groups(grid: Grid) -> Iterator[list[int]]:
    """Body rows, those that a spanning cell holds together in one group."""
    group: list[int] = []
    end = 0
    for row in range(grid.header_rows, grid.rows):
        if group and row >= end:
            yield group
            group = []
        group.append(row)
        end = max([end, row + 1, *(c.row + c.row_span for c in grid.row_cells(row))])
    if group:
        yield group


def _rows_of(grid: Grid, rows: list[int]) -> Grid:
    """The table with these rows only."""
    index = {row: position for position, row in enumerate(rows)}
    cells: list[GridCell] = [
        replace(
            cell,
            row=index[cell.row],
            row_span=sum(cell.row <= row < cell.row + cell.row_span for row in rows),
        )
        for cell in grid.cells
        if cell.row in index
    ]
    return replace(grid, rows=len(rows), cells=cells)


def _join(parts: list[_Part]) -> str:
    text = ""
    for before, part in zip([None, *parts], parts, strict=False):
        if before is not None:
            text += "\n" if before.list_item and part.list_item else "\n\n"
        text += part.text
    return text


def _merge(places: list[Place]) -> list[Place]:
    """One place for every page: the box around all."""
    boxes: dict[int, list[Place]] = {}
    for place in places:
        boxes.setdefault(place.page, []).append(place)
    return [
        Place(page=page, box=box_union(place.box for place in found))
        for page, found in sorted(boxes.items())
    ]
