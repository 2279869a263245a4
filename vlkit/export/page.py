"""PAGE XML 2019-07-15: https://github.com/PRImA-Research-Lab/PAGE-XML

Coordinates are whole pixels on the page (300 dpi for pages measured in points), cut off at its
edges. A PAGE file holds one page, so a document gives a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from lxml import etree

from vlkit.document import Block, Cell, Document, Figure, Line, Page, Role, Table, Word
from vlkit.export.xml import (
    angle,
    baseline,
    element,
    number,
    points_of,
    printable,
    quad_of,
    raster,
    software,
    to_text,
)
from vlkit.geometry import Point, box_quad

_NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
_SCHEMA = f"{_NAMESPACE} {_NAMESPACE}/pagecontent.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_TYPES: dict[Role, str] = {
    "paragraph": "paragraph",
    "title": "heading",
    "heading": "heading",
    "list_item": "paragraph",
    "caption": "caption",
    "code": "other",
    "footnote": "footnote",
    "header": "header",
    "footer": "footer",
    "page_number": "page-number",
}
_DIRECTIONS = {"ltr": "left-to-right", "rtl": "right-to-left", "ttb": "top-to-bottom"}


def to_page(document: Document) -> list[str]:
    """An XML document for every page."""
    return [to_text(_Writer(document, page).root()) for page in document.pages]


class _Writer:
    def __init__(self, document: Document, page: Page) -> None:
        self.document = document
        self.page = page
        self.scale, self.dpi = raster(page)
        # The schema wants a picture that has pixels.
        self.width = max(1, round(page.width * self.scale))
        self.height = max(1, round(page.height * self.scale))

    def root(self) -> etree._Element:
        root = etree.Element("PcGts", nsmap={None: _NAMESPACE, "xsi": _XSI})
        root.set(f"{{{_XSI}}}schemaLocation", _SCHEMA)
        metadata = element(root, "Metadata")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        element(metadata, "Creator").text = software()
        element(metadata, "Created").text = now
        element(metadata, "LastChange").text = now
        if self.page.error:
            problem = f"The page could not be read: {self.page.error.problem}"
            element(metadata, "Comments").text = printable(problem)
        dpi = number(self.dpi) if self.dpi else None
        page = element(
            root,
            "Page",
            {
                "imageFilename": self.document.name or f"page-{self.page.number}",
                "imageWidth": str(self.width),
                "imageHeight": str(self.height),
                "imageXResolution": dpi,
                "imageYResolution": dpi,
                "imageResolutionUnit": "PPI" if dpi else None,
                "custom": f"page {{number:{self.page.number};}}",
            },
        )
        self.order(page)
        for index, item in enumerate(self.page.items, 1):
            self.item(page, item, f"r{index}")
        return root

    def order(self, page: etree._Element) -> None:
        if self.page.items:
            group = element(element(page, "ReadingOrder"), "OrderedGroup", {"id": "order"})
            for index in range(len(self.page.items)):
                reference = {"index": str(index), "regionRef": f"r{index + 1}"}
                element(group, "RegionRefIndexed", reference)

    def item(self, parent: etree._Element, item: Block | Table | Figure, name: str) -> None:
        if isinstance(item, Table):
            self.table(parent, item, name)
        elif isinstance(item, Figure):
            attributes = {"id": name, "embText": "true" if item.lines else None}
            region = element(parent, "ImageRegion", attributes)
            self.coords(region, box_quad(item.box))
            if item.lines:
                inner = element(region, "TextRegion", {"id": f"{name}t", "type": "other"})
                self.coords(inner, box_quad(item.box))
                self.lines(inner, item.lines, f"{name}t")
        else:
            region = element(parent, "TextRegion", self.region_attributes(item, name))
            self.coords(region, box_quad(item.box))
            self.lines(region, item.lines, name)

    def region_attributes(self, block: Block, name: str) -> dict[str, str | None]:
        structure = f"structure {{type:{block.role};}}"
        if block.level is not None:
            structure = f"structure {{type:{block.role};level:{block.level};}}"
        turn = angle(block.lines[0]) if block.lines and block.lines[0].quad else 0.0
        return {
            "id": name,
            "type": _TYPES[block.role],
            "orientation": number(turn) if abs(turn) > 0.05 else None,
            "readingDirection": _DIRECTIONS[block.lines[0].direction] if block.lines else None,
            "continuation": "true" if block.continues else None,
            "custom": structure,
        }

    def table(self, parent: etree._Element, table: Table, name: str) -> None:
        attributes = {
            "id": name,
            "rows": str(table.rows),
            "columns": str(table.columns),
            "lineSeparators": "true" if table.ruled else "false",
            "embText": "true",
            "continuation": "true" if table.continues else None,
        }
        region = element(parent, "TableRegion", attributes)
        self.coords(region, box_quad(table.box))
        for index, cell in enumerate(table.cells, 1):
            self.cell(region, cell, f"{name}c{index}")

    def cell(self, parent: etree._Element, cell: Cell, name: str) -> None:
        region = element(parent, "TextRegion", {"id": name, "type": "other"})
        self.coords(region, box_quad(cell.box))
        role = {
            "rowIndex": str(cell.row),
            "columnIndex": str(cell.column),
            "rowSpan": str(cell.row_span),
            "colSpan": str(cell.column_span),
            "header": "true" if cell.header else "false",
        }
        element(element(region, "Roles"), "TableCellRole", role)
        self.lines(region, cell.lines, name)

    def lines(self, region: etree._Element, lines: Sequence[Line], name: str) -> None:
        for index, line in enumerate(lines, 1):
            self.line(region, line, f"{name}l{index}")
        if lines:
            self.text(region, "\n".join(line.text for line in lines), None)

    def line(self, parent: etree._Element, line: Line, name: str) -> None:
        direction = _DIRECTIONS[line.direction]
        root = element(parent, "TextLine", {"id": name, "readingDirection": direction})
        self.coords(root, quad_of(line))
        element(root, "Baseline", {"points": self.points(baseline(line))})
        for index, word in enumerate(line.words, 1):
            self.word(root, word, f"{name}w{index}")
        self.text(root, line.text, None)

    def word(self, parent: etree._Element, word: Word, name: str) -> None:
        root = element(parent, "Word", {"id": name})
        self.coords(root, quad_of(word))
        self.text(root, word.text, word.confidence)
        size = points_of(word.font_size, self.page)
        style = {
            "fontFamily": word.font,
            "fontSize": number(size) if size else None,
            "bold": None if word.bold is None else str(word.bold).lower(),
            "italic": None if word.italic is None else str(word.italic).lower(),
        }
        if any(style.values()):
            element(root, "TextStyle", style)

    def text(self, parent: etree._Element, text: str, confidence: float | None) -> None:
        conf = None if confidence is None else f"{confidence:.4g}"
        equivalent = element(parent, "TextEquiv", {"conf": conf})
        element(equivalent, "Unicode").text = printable(text)

    def coords(self, parent: etree._Element, points: Sequence[Point]) -> None:
        element(parent, "Coords", {"points": self.points(points)})

    def points(self, points: Sequence[Point]) -> str:
        return " ".join(
            f"{min(max(round(x * self.scale), 0), self.width)},"
            f"{min(max(round(y * self.scale), 0), self.height)}"
            for x, y in points
        )
