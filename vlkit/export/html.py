"""HTML: one self-contained page, a section for every page of the document.

Every word is a ``span`` with ``data-box="x0 y0 x1 y1"`` in the page's unit and, where known,
``data-confidence`` and ``data-quad``. A hyphen that only breaks a word at a line's end is left
out of the text and kept in ``data-text``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from vlkit.document import Block, Cell, Document, Figure, Line, Page, Table, Word
from vlkit.export.code import code_rows
from vlkit.export.flow import vocabulary
from vlkit.export.languages import direction_of, language_of
from vlkit.export.lists import BULLETS, Nested, nest, ordinal
from vlkit.export.prose import seam
from vlkit.export.xml import most_common, number, printable

_STYLE = """
body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif;
  color: #1b1f24; background: #fff; }
section + section { border-top: 1px solid #d0d7de; margin-top: 2rem; padding-top: 1rem; }
header, footer, .page-number { color: #57606a; font-size: .85em; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border: 1px solid #d0d7de; padding: .25rem .6rem; vertical-align: top; text-align: start; }
th { background: #f6f8fa; }
caption, figcaption { color: #57606a; font-size: .9em; text-align: start; }
pre { padding: .5rem 1rem; background: #f6f8fa; overflow-x: auto; }
figure { margin: 1rem 0; padding: .5rem 1rem; border-left: 4px solid #d0d7de; }
.footnote { font-size: .85em; }
.error { color: #b42318; }
""".strip()


_TAGS = {
    "title": "h1",
    "caption": "p",
    "header": "header",
    "footer": "footer",
    "page_number": "div",
    "code": "pre",
}
_CLASSES = {"caption": "caption", "footnote": "footnote", "page_number": "page-number"}


def to_html(document: Document) -> str:
    return "\n".join(_Writer(document).lines()) + "\n"


class _Writer:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.titles = [b for p in document.pages for b in p.blocks if b.role == "title"]
        self.hyphenated = vocabulary(document)

    def lines(self) -> Iterator[str]:
        lines = [line for page in self.document.pages for line in page.lines]
        language = most_common(language_of(line) for line in lines)
        title = self.titles[0].text if self.titles else self.document.name
        yield "<!DOCTYPE html>"
        yield f"<html{_attributes(lang=language, dir=direction_of(lines))}>"
        yield '<head>\n<meta charset="utf-8">'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        yield f"<title>{_text(' '.join(title.split()) or 'Document')}</title>"
        yield f"<style>\n{_STYLE}\n</style>\n</head>\n<body>"
        for page in self.document.pages:
            yield from self._page(page)
        yield "</body>\n</html>"

    def _page(self, page: Page) -> Iterator[str]:
        measures = {"width": number(page.width), "height": number(page.height), "unit": page.unit}
        yield f"<section{_data(page=str(page.number), **measures)}>"
        if page.error:
            problem = _text(f"This page could not be read: {page.error.problem}")
            yield f'<p class="error">{problem}</p>'
        wanted = {item.caption for item in page.items if not isinstance(item, Block)}
        captions = {block.id: block for block in page.blocks if block.id and block.id in wanted}
        items: list[Block] = []
        for item in page.items:
            if isinstance(item, Block) and item.role == "list_item":
                items.append(item)
                continue
            yield from self._list(nest(items))
            items = []
            if not isinstance(item, Block):
                yield self._framed(item, captions.get(item.caption or ""))
            elif item.id not in captions:
                yield self._block(item)
        yield from self._list(nest(items))
        yield "</section>"

    def _block(self, block: Block) -> str:
        tag = _TAGS.get(block.role, "p")
        if block.role == "heading":
            tag = f"h{min(max(block.level or 1, 1) + bool(self.titles), 6)}"
        attributes = _attributes(
            **{"class": _CLASSES.get(block.role)},
            id=block.id,
            dir=direction_of(block.lines),
        )
        links = _data(box=_box(block.box), continues=block.continues)
        inside = _code(block.lines) if block.role == "code" else self._inline(block.lines)
        return f"<{tag}{attributes}{links}>{inside}</{tag}>"

    def _list(self, items: Sequence[Nested]) -> Iterator[str]:
        if not items:
            return
        start = ordinal(items[0].block.marker)
        tag = "ul" if start is None else "ol"
        yield f"<{tag}{_attributes(start=None if start in (None, 1) else str(start))}>"
        for item in items:
            block = item.block
            value = ordinal(block.marker)
            # A marker that HTML has no word for, such as "(a)", stays in the text.
            said = block.marker if value is not None or block.marker in BULLETS else None
            attributes = _attributes(
                id=block.id,
                value=None if value is None or tag == "ul" else str(value),
                dir=direction_of(block.lines),
            )
            links = _data(box=_box(block.box), continues=block.continues)
            yield f"<li{attributes}{links}>{self._inline(block.lines, said)}"
            yield from self._list(item.children)
            yield "</li>"
        yield f"</{tag}>"

    def _framed(self, item: Table | Figure, caption: Block | None) -> str:
        if isinstance(item, Table):
            return self._table(item, caption)
        text = f"<p>{self._inline(item.lines)}</p>" if item.lines else ""
        note = ""
        if caption:
            links = _data(box=_box(caption.box))
            note = f"<figcaption{links}>{self._inline(caption.lines)}</figcaption>"
        head = f"<figure{_attributes(id=item.id)}{_data(box=_box(item.box))}>"
        return f"{head}{text}{note}</figure>"

    def _table(self, table: Table, caption: Block | None) -> str:
        links = _data(box=_box(table.box), continues=table.continues)
        lines = [f"<table{_attributes(id=table.id)}{links}>"]
        if caption:
            data = _data(box=_box(caption.box))
            lines.append(f"<caption{data}>{self._inline(caption.lines)}</caption>")
        rows = max([table.rows, *(cell.row + cell.row_span for cell in table.cells)])
        for row in range(rows):
            cells = sorted((c for c in table.cells if c.row == row), key=lambda cell: cell.column)
            lines.append(f"<tr>{''.join(self._cell(cell) for cell in cells)}</tr>")
        return "\n".join([*lines, "</table>"])

    def _cell(self, cell: Cell) -> str:
        tag = "th" if cell.header else "td"
        spans = _attributes(
            rowspan=str(cell.row_span) if cell.row_span > 1 else None,
            colspan=str(cell.column_span) if cell.column_span > 1 else None,
            dir=direction_of(cell.lines),
        )
        return f"<{tag}{spans}{_data(box=_box(cell.box))}>{self._inline(cell.lines)}</{tag}>"

    def _inline(self, lines: Sequence[Line], marker: str | None = None) -> str:
        """The words of lines, joined as running text; a list item's marker is left to the list."""
        lines = [line for line in lines if line.text.strip()]
        pieces: list[str] = []
        for index, line in enumerate(lines):
            following = lines[index + 1].text.strip() if index + 1 < len(lines) else ""
            drop, space = (False, "")
            if following:
                drop, space = seam(line.text.strip(), following, self.hyphenated)
            last = line.words[-1]
            for word in line.words:
                shown = word.text
                if index == 0 and marker and word is line.words[0]:
                    shown = shown.removeprefix(marker)
                if drop and word is last:
                    shown = shown.rstrip()[:-1]
                pieces.append(_word(word, shown))
                if word is not last and word.space_after:
                    pieces.append(" ")
            pieces.append(space)
        return "".join(pieces)


def _code(lines: Sequence[Line]) -> str:
    rows = [
        "".join(" " * spaces + _word(word, word.text) for spaces, word in row)
        for row in code_rows(lines)
    ]
    return "<code>{}</code>".format("\n".join(rows))


def _word(word: Word, shown: str) -> str:
    links = _data(
        box=_box(word.box),
        quad=_points(word),
        confidence=None if word.confidence is None else f"{word.confidence:.4g}",
        text=None if shown == word.text else word.text,
    )
    text = _text(shown)
    if word.italic:
        text = f"<i>{text}</i>"
    if word.bold:
        text = f"<b>{text}</b>"
    return f"<span{links}>{text}</span>"


def _points(word: Word) -> str | None:
    if word.quad is None:
        return None
    return " ".join(f"{number(x)},{number(y)}" for x, y in word.quad)


def _box(box: Sequence[float]) -> str:
    return " ".join(number(value) for value in box)


def _text(text: str) -> str:
    return escape(printable(text), quote=False)


def _attributes(**values: str | None) -> str:
    """The attributes that have a value, ready to follow the tag's name."""
    return "".join(f' {key}="{escape(printable(v))}"' for key, v in values.items() if v)


def _data(**values: str | None) -> str:
    return _attributes(**{f"data-{key}": value for key, value in values.items()})
