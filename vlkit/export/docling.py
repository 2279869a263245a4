"""docling's document type, for the tools built on it (extra ``docling``)."""

from __future__ import annotations

from collections.abc import Sequence

from vlkit.document import Block, Document, Place
from vlkit.errors import MissingDependency
from vlkit.export.flow import RUNNING, Grid, Node, Passage, Picture, flow
from vlkit.export.lists import depth_below, ordinal
from vlkit.export.prose import join_lines
from vlkit.geometry import Box

try:
    from docling_core.types.doc import (
        BoundingBox,
        ContentLayer,
        DocItem,
        DocItemLabel,
        DoclingDocument,
        ListGroup,
        ProvenanceItem,
        Size,
        TableCell,
        TableData,
        TextItem,
    )
except ImportError as error:
    raise MissingDependency(
        "docling-core is not installed", remedy="Install it: pip install 'vlkit[docling]'"
    ) from error

_LABELS = {
    "paragraph": DocItemLabel.TEXT,
    "caption": DocItemLabel.CAPTION,
    "footnote": DocItemLabel.FOOTNOTE,
    "header": DocItemLabel.PAGE_HEADER,
    "footer": DocItemLabel.PAGE_FOOTER,
    "page_number": DocItemLabel.PAGE_FOOTER,
}


def to_docling(document: Document) -> DoclingDocument:
    """The document with provenance: what continues on another page has a place on each.

    Running headers and footers go to docling's layer for furniture.
    """
    return _Writer(document).result


class _Writer:
    def __init__(self, document: Document) -> None:
        self.result = DoclingDocument(name=document.name or "document")
        for page in document.pages:
            size = Size(width=page.width, height=page.height)
            self.result.add_page(page_no=page.number, size=size)
        self.lists: list[ListGroup] = []
        self.levels: list[int] = []
        for node in flow(document):
            self.node(node)
        for page in document.pages:
            for block in page.blocks:
                if block.role in RUNNING:
                    self.running(page.number, block)

    def node(self, node: Node) -> None:
        if isinstance(node, Passage) and node.role == "list_item":
            self.list_item(node)
            return
        self.lists, self.levels = [], []
        if isinstance(node, Grid):
            self.table(node)
        elif isinstance(node, Picture):
            self.picture(node)
        else:
            self.passage(node)

    def passage(self, node: Passage) -> TextItem:
        text, place = node.text, _provenance(node.places[0], node.text)
        if node.role == "title":
            item: TextItem = self.result.add_title(text, prov=place)
        elif node.role == "code":
            item = self.result.add_code(text, prov=place)
        elif node.role == "heading":
            item = self.result.add_heading(text, level=min(node.level, 100), prov=place)
        else:
            item = self.result.add_text(_LABELS[node.role], text, prov=place)
        _add_places(item, node.places, text)
        return item

    def list_item(self, node: Passage) -> None:
        """A nested list is a group inside the group of its parent's list."""
        depth = depth_below(self.levels, node.level)
        del self.lists[depth:]
        if len(self.lists) < depth:
            parent = self.lists[-1] if self.lists else None
            self.lists.append(self.result.add_list_group(parent=parent))
        item = self.result.add_list_item(
            node.text,
            enumerated=ordinal(node.marker) is not None,
            marker=node.marker,
            prov=_provenance(node.places[0], node.text),
            parent=self.lists[-1],
        )
        _add_places(item, node.places, node.text)

    def table(self, grid: Grid) -> None:
        cells = [
            TableCell(
                text=cell.text,
                row_span=cell.row_span,
                col_span=cell.column_span,
                start_row_offset_idx=cell.row,
                end_row_offset_idx=cell.row + cell.row_span,
                start_col_offset_idx=cell.column,
                end_col_offset_idx=cell.column + cell.column_span,
                column_header=cell.header,
                bbox=_bounding_box(cell.cell.box),
            )
            for cell in grid.cells
        ]
        data = TableData(table_cells=cells, num_rows=grid.rows, num_cols=grid.columns)
        caption = self.passage(grid.caption) if grid.caption else None
        item = self.result.add_table(data, caption=caption, prov=_provenance(grid.places[0], ""))
        _add_places(item, grid.places, "")

    def picture(self, node: Picture) -> None:
        """Text inside a picture belongs to it."""
        caption = self.passage(node.caption) if node.caption else None
        item = self.result.add_picture(caption=caption, prov=_provenance(node.places[0], ""))
        if node.text:
            place = _provenance(node.places[0], node.text)
            self.result.add_text(DocItemLabel.TEXT, node.text, prov=place, parent=item)

    def running(self, page: int, block: Block) -> None:
        text = join_lines([line.text for line in block.lines])
        self.result.add_text(
            _LABELS[block.role],
            text,
            prov=_provenance(Place(page=page, box=block.box), text),
            content_layer=ContentLayer.FURNITURE,
        )


def _add_places(item: DocItem, places: Sequence[Place], text: str) -> None:
    item.prov.extend(_provenance(place, text) for place in places[1:])


def _provenance(place: Place, text: str) -> ProvenanceItem:
    return ProvenanceItem(
        page_no=place.page, bbox=_bounding_box(place.box), charspan=(0, len(text))
    )


def _bounding_box(box: Box) -> BoundingBox:
    return BoundingBox(l=box[0], t=box[1], r=box[2], b=box[3])
