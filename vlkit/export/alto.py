"""ALTO 4.3: https://www.loc.gov/standards/alto/

Measured in pixels, or in 1/1200 inch where a page is measured in points. Roles, heading levels
and the places of table cells are tags; a table is a composed block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from lxml import etree

from vlkit.document import Block, Cell, Document, Figure, Line, Page, Table, Word
from vlkit.export.flow import vocabulary
from vlkit.export.languages import language_of
from vlkit.export.prose import seam
from vlkit.export.xml import (
    angle,
    baseline,
    element,
    number,
    points_of,
    printable,
    software,
    to_text,
)
from vlkit.geometry import Box, Point

_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = f"{_NAMESPACE} http://www.loc.gov/standards/alto/v4/alto-4-3.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_INCH1200_PER_POINT = 1200 / 72
# Where a page in pixels does not say its resolution but must be put in inches.
_USUAL_DPI = 300.0


def to_alto(document: Document) -> str:
    """All pages in one file, in reading order."""
    return to_text(_Writer(document).root())


@dataclass
class _Writer:
    document: Document
    styles: dict[tuple[str, ...], str] = field(default_factory=dict)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.in_pixels = all(page.unit == "pixel" for page in self.document.pages)
        self.hyphenated = vocabulary(self.document)

    def root(self) -> etree._Element:
        root = etree.Element("alto", nsmap={None: _NAMESPACE, "xsi": _XSI})
        root.set(f"{{{_XSI}}}schemaLocation", _SCHEMA)
        root.set("SCHEMAVERSION", "4.3")
        description = element(root, "Description")
        unit = "pixel" if self.in_pixels else "inch1200"
        element(description, "MeasurementUnit").text = unit
        if self.document.name:
            source = element(description, "sourceImageInformation")
            element(source, "fileName").text = printable(self.document.name)
        processing = element(description, "Processing", {"ID": "processing"})
        made = element(processing, "processingSoftware")
        name, _, version = software().partition(" ")
        element(made, "softwareName").text = name
        element(made, "softwareVersion").text = version
        layout = etree.Element("Layout")
        for page in self.document.pages or [Page(number=1, width=0, height=0)]:
            layout.append(_Page(self, page).element())
        self._add_styles(root)
        self._add_tags(root)
        self._add_order(root, layout)
        root.append(layout)
        return root

    def style(self, word: Word, page: Page) -> str | None:
        """The id of the word's font, size and cut among the styles."""
        size = points_of(word.font_size, page)
        cut = " ".join(
            name for name, set_ in (("bold", word.bold), ("italics", word.italic)) if set_
        )
        key = (word.font or "", number(size) if size else "", cut)
        return self.styles.setdefault(key, f"style_{len(self.styles)}") if any(key) else None

    def tag(self, kind: str, label: str) -> str:
        """The id of a tag, e.g. ``role``, ``heading``."""
        return self.tags.setdefault((kind, label), f"{kind}_{len(self.tags)}")

    def _add_styles(self, root: etree._Element) -> None:
        if self.styles:
            styles = element(root, "Styles")
            for (family, size, cut), name in self.styles.items():
                attributes = {"FONTFAMILY": family, "FONTSIZE": size, "FONTSTYLE": cut}
                given = {key: value for key, value in attributes.items() if value}
                element(styles, "TextStyle", {"ID": name, **given})

    def _add_tags(self, root: etree._Element) -> None:
        if self.tags:
            tags = element(root, "Tags")
            for (kind, label), name in self.tags.items():
                tag = "RoleTag" if kind == "role" else "StructureTag"
                element(tags, tag, {"ID": name, "TYPE": kind, "LABEL": label})

    def _add_order(self, root: etree._Element, layout: etree._Element) -> None:
        """One ordered group for the document, its blocks in reading order."""
        blocks = [block for space in layout.iter("PrintSpace") for block in space]
        if blocks:
            group = element(element(root, "ReadingOrder"), "OrderedGroup", {"ID": "order"})
            for index, block in enumerate(blocks):
                name = block.get("ID")
                element(group, "ElementRef", {"ID": f"order_{index}", "REF": name})


class _Page:
    def __init__(self, writer: _Writer, page: Page) -> None:
        self.writer = writer
        self.page = page
        if writer.in_pixels:
            self.factor = 1.0
        elif page.unit == "point":
            self.factor = _INCH1200_PER_POINT
        else:
            self.factor = 1200 / (page.dpi or _USUAL_DPI)

    def element(self) -> etree._Element:
        page, name = self.page, f"page_{self.page.number}"
        size = {"WIDTH": self.measure(page.width), "HEIGHT": self.measure(page.height)}
        attributes = {"ID": name, "PHYSICAL_IMG_NR": str(page.number), **size}
        if page.error:
            attributes["QUALITY_DETAIL"] = page.error.problem
        root = element(None, "Page", attributes)
        space = element(
            root, "PrintSpace", {"ID": f"{name}_space", "HPOS": "0", "VPOS": "0", **size}
        )
        for index, item in enumerate(page.items, 1):
            self.item(space, item, f"{name}_{index}")
        return root

    def item(self, parent: etree._Element, item: Block | Table | Figure, name: str) -> None:
        if isinstance(item, Table):
            self.table(parent, item, name)
        elif isinstance(item, Block):
            tags = [self.writer.tag("role", item.role)]
            if item.level is not None:
                tags.append(self.writer.tag("level", str(item.level)))
            self.text(parent, name, item.box, item.lines, tags)
        else:
            parent = self.composed(parent, "figure", name, item.box) if item.lines else parent
            element(parent, "Illustration", {"ID": f"{name}_i", **self.place(item.box)})
            if item.lines:
                self.text(parent, f"{name}_t", item.box, item.lines, [])

    def table(self, parent: etree._Element, table: Table, name: str) -> None:
        composed = self.composed(parent, "table", name, table.box)
        for index, cell in enumerate(table.cells, 1):
            tags = [self.writer.tag("cell", _cell_label(cell))]
            self.text(composed, f"{name}_{index}", cell.box, cell.lines, tags)

    def composed(self, parent: etree._Element, kind: str, name: str, box: Box) -> etree._Element:
        return element(parent, "ComposedBlock", {"ID": name, **self.place(box), "TYPE": kind})

    def text(
        self,
        parent: etree._Element,
        name: str,
        box: Box,
        lines: Sequence[Line],
        tags: Sequence[str],
    ) -> None:
        lines = [line for line in lines if line.words]
        # ALTO counts counter-clockwise.
        turn = -angle(lines[0]) if lines and lines[0].quad else 0.0
        attributes = {
            "ID": name,
            "TAGREFS": " ".join(tags) or None,
            **self.place(box),
            "ROTATION": number(turn) if abs(turn) > 0.05 else None,
        }
        block = element(parent, "TextBlock", attributes)
        for index, line in enumerate(lines, 1):
            following = lines[index].text.strip() if index < len(lines) else ""
            self.line(block, f"{name}_l{index}", line, following)

    def line(self, parent: etree._Element, name: str, line: Line, following: str) -> None:
        attributes = {
            "ID": name,
            **self.place(line.box),
            "BASELINE": self.points(baseline(line)),
            "LANG": language_of(line),
            "BASEDIRECTION": line.direction,
        }
        root = element(parent, "TextLine", attributes)
        self.shape(root, line)
        broken = bool(
            line.text.strip()
            and following
            and seam(line.text.strip(), following, self.writer.hyphenated)[0]
        )
        for word, after in zip_longest(line.words, line.words[1:]):
            self.word(root, word, broken and after is None)
            if after and word.space_after:
                self.space(root, word, after)
        if broken:
            element(root, "HYP", {"CONTENT": line.text.strip()[-1]})

    def word(self, parent: etree._Element, word: Word, broken: bool) -> None:
        confidence = None if word.confidence is None else f"{word.confidence:.4g}"
        content = {
            "CONTENT": word.text.rstrip()[:-1] if broken else word.text,
            "SUBS_TYPE": "HypPart1" if broken else None,
            "WC": confidence,
        }
        style = {"STYLEREFS": self.writer.style(word, self.page)}
        self.shape(element(parent, "String", {**style, **self.place(word.box), **content}), word)

    def space(self, parent: etree._Element, word: Word, after: Word) -> None:
        """The gap between two words, whichever way the line runs."""
        edges = sorted([word.box[0], word.box[2], after.box[0], after.box[2]])[1:3]
        place = {"HPOS": self.measure(edges[0]), "VPOS": self.measure(word.box[1])}
        element(parent, "SP", {**place, "WIDTH": self.measure(edges[1] - edges[0])})

    def shape(self, parent: etree._Element, item: Word | Line) -> None:
        if item.quad:
            shape = element(parent, "Shape")
            element(shape, "Polygon", {"POINTS": self.points(item.quad)})

    def place(self, box: Box) -> dict[str, str]:
        return {
            "HPOS": self.measure(box[0]),
            "VPOS": self.measure(box[1]),
            "WIDTH": self.measure(box[2] - box[0]),
            "HEIGHT": self.measure(box[3] - box[1]),
        }

    def points(self, points: Sequence[Point]) -> str:
        return " ".join(f"{self.measure(x)},{self.measure(y)}" for x, y in points)

    def measure(self, value: float) -> str:
        return number(value * self.factor)


def _cell_label(cell: Cell) -> str:
    """``row 0 column 1``, with spans and the header where there are any."""
    parts = [f"row {cell.row} column {cell.column}"]
    if cell.row_span > 1 or cell.column_span > 1:
        parts.append(f"rowspan {cell.row_span} colspan {cell.column_span}")
    return " ".join([*parts, "header"] if cell.header else parts)
