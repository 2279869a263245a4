"""hOCR 1.2: http://kba.github.io/hocr-spec/1.2/

Boxes are in whole pixels (300 dpi for pages measured in points). Lines carry a baseline, or a
``textangle`` where they are turned by more than a skew; words their probability as ``x_wconf``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from vlkit.document import Block, Cell, Document, Figure, Line, Page, Table, Word
from vlkit.export.languages import direction_of, language_of
from vlkit.export.xml import (
    angle,
    baseline,
    most_common,
    number,
    points_of,
    printable,
    raster,
    software,
)
from vlkit.geometry import Box

# Above this, in degrees, a line is turned, below it is skewed.
_SKEW = 20.0
# Tag and class of a heading by its level.
_HEADINGS = (
    ("h2", "ocr_section"),
    ("h3", "ocr_subsection"),
    ("h4", "ocr_subsubsection"),
)
_CLASSES = {
    "header": "ocr_header",
    "footer": "ocr_footer",
    "page_number": "ocr_pageno",
    "caption": "ocr_caption",
    "title": "ocr_title",
}
_CAPABILITIES = (
    "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocr_header ocr_footer ocr_pageno "
    "ocr_caption ocr_title ocr_section ocr_subsection ocr_subsubsection ocr_table ocr_image "
    "ocrp_wconf ocrp_font ocrp_dir ocrp_lang"
)


def to_hocr(document: Document) -> str:
    lines = [line for page in document.pages for line in page.lines]
    language = most_common(language_of(line) for line in lines) or "und"
    pieces = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"'
        ' "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">',
        f'<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="{language}" lang="{language}">',
        "<head>",
        f"<title>{_text(document.name)}</title>",
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />',
        f'<meta name="ocr-system" content="{software()}" />',
        f'<meta name="ocr-capabilities" content="{_CAPABILITIES}" />',
        f'<meta name="ocr-langs" content="{language}" />',
        f'<meta name="ocr-number-of-pages" content="{len(document.pages)}" />',
        "</head>",
        "<body>",
    ]
    for page in document.pages:
        pieces += _Page(document, page).lines()
    return "\n".join([*pieces, "</body>", "</html>"]) + "\n"


class _Page:
    def __init__(self, document: Document, page: Page) -> None:
        self.document = document
        self.page = page
        self.scale, self.dpi = raster(page)
        self.counts: dict[str, int] = {}

    def lines(self) -> Iterator[str]:
        name = printable(self.document.name).replace('"', "'") or "page"
        properties = [
            f'image "{name}"',
            self.bbox((0, 0, self.page.width, self.page.height)),
            f"ppageno {self.page.number - 1}",
        ]
        if self.dpi:
            properties.append(f"scan_res {number(self.dpi)} {number(self.dpi)}")
        yield self.open("div", "ocr_page", properties)
        if self.page.error:
            yield f"<!-- {_comment(self.page.error.problem)} -->"
        for item in self.page.items:
            yield from self.item(item)
        yield "</div>"

    def item(self, item: Block | Table | Figure) -> Iterator[str]:
        if isinstance(item, Table):
            yield from self.table(item)
        elif isinstance(item, Figure):
            yield self.open("div", "ocr_image", [self.bbox(item.box)])
            yield from map(self.line, item.lines)
            yield "</div>"
        else:
            yield self.open("div", "ocr_carea", [self.bbox(item.box)])
            tag, kind = _tag_and_class(item)
            yield self.open(tag, kind, [self.bbox(item.box)], item.lines)
            yield from map(self.line, item.lines)
            yield f"</{tag}>\n</div>"

    def table(self, table: Table) -> Iterator[str]:
        yield self.open("table", "ocr_table", [self.bbox(table.box)])
        rows = sorted({cell.row for cell in table.cells})
        for row in rows:
            yield "<tr>"
            cells = [cell for cell in table.cells if cell.row == row]
            for cell in sorted(cells, key=lambda cell: cell.column):
                yield from self.cell(cell)
            yield "</tr>"
        if not rows:
            yield "<tr><td></td></tr>"
        yield "</table>"

    def cell(self, cell: Cell) -> Iterator[str]:
        tag = "th" if cell.header else "td"
        yield f'<{tag} rowspan="{cell.row_span}" colspan="{cell.column_span}">'
        if cell.lines:
            yield self.open("p", "ocr_par", [self.bbox(cell.box)], cell.lines)
            yield from map(self.line, cell.lines)
            yield "</p>"
        yield f"</{tag}>"

    def line(self, line: Line) -> str:
        properties = [self.bbox(line.box), *self.placement(line)]
        words = "".join(
            self.word(word) + (" " if word.space_after and word is not line.words[-1] else "")
            for word in line.words
        )
        return f"{self.open('span', 'ocr_line', properties, [line])}{words}</span>"

    def placement(self, line: Line) -> list[str]:
        """The baseline of an upright line, or the angle of a turned one."""
        if abs(angle(line)) > _SKEW:
            # hOCR counts counter-clockwise.
            return [f"textangle {number(-angle(line) % 360)}"]
        (x0, y0), (x1, y1) = baseline(line)
        slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
        # The offset is that of the baseline at the box's left edge from its lower edge.
        offset = y0 + slope * (line.box[0] - x0) - line.box[3]
        return [f"baseline {slope:.4g} {number(offset * self.scale)}"]

    def word(self, word: Word) -> str:
        properties = [self.bbox(word.box)]
        if word.confidence is not None:
            properties.append(f"x_wconf {round(100 * word.confidence)}")
        if word.font:
            properties.append(f'x_font "{printable(word.font).replace(chr(34), chr(39))}"')
        if size := points_of(word.font_size, self.page):
            properties.append(f"x_fsize {round(size)}")
        text = _text(word.text)
        if word.italic:
            text = f"<em>{text}</em>"
        if word.bold:
            text = f"<strong>{text}</strong>"
        return f"{self.open('span', 'ocrx_word', properties)}{text}</span>"

    def open(
        self, tag: str, kind: str, properties: Sequence[str], lines: Sequence[Line] = ()
    ) -> str:
        """An opening tag with class, id and properties, and the direction of its lines."""
        short = kind.split("_")[1]
        self.counts[short] = self.counts.get(short, 0) + 1
        name = f"{short}_{self.page.number}_{self.counts[short]}"
        direction = f' dir="{d}"' if (d := direction_of(lines)) else ""
        title = escape("; ".join(properties))
        return f'<{tag} class="{kind}" id="{name}" title="{title}"{direction}>'

    def bbox(self, box: Box) -> str:
        """Whole pixels on the page; hOCR knows no negative ones."""
        x0, y0, x1, y1 = (max(0, round(value * self.scale)) for value in box)
        return f"bbox {x0} {y0} {x1} {y1}"


def _tag_and_class(block: Block) -> tuple[str, str]:
    if block.role == "heading":
        return _HEADINGS[min(max(block.level or 1, 1), len(_HEADINGS)) - 1]
    return "h1" if block.role == "title" else "p", _CLASSES.get(block.role, "ocr_par")


def _text(text: str) -> str:
    return escape(printable(text), quote=False)


def _comment(text: str) -> str:
    return printable(text).replace("--", "- -").removesuffix("-")
