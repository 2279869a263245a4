"""GitHub's Markdown: the document as it reads, without boxes.

Tables without spans are pipe tables, others HTML. Footnotes whose reference stands raised in the
text become ``[^1]`` footnotes, the others paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape as escape_html

from vlkit.document import Document
from vlkit.export.entities import key_values
from vlkit.export.flow import Grid, GridCell, Node, Passage, Picture, flow
from vlkit.export.footnotes import Footnotes, find_footnotes
from vlkit.export.lists import BULLETS, CHECKED, UNCHECKED, depth_below, ordinal
from vlkit.export.xml import printable

_ALWAYS = re.compile(r"[\\`*]")
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_LINK = re.compile(r"\[(?=[^\[\]]*\](?:\(|\[|:|$))|\[(?=\^)|!(?=\[)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_TILDE = re.compile(r"~")
_LINE_START = re.compile(r"^(?:#{1,6}(?=\s|$)|[+-](?=\s|$)|>|={1,}\s*$|-{2,}\s*$|~{3}|\|)")
_NUMBER_START = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")


def to_markdown(document: Document) -> str:
    """The document as it reads; under a title, headings begin at the second level.

    Entities that were found follow below a line, as a list of keys and values.
    """
    nodes = flow(document)
    pieces = [piece for piece in _pieces(nodes, find_footnotes(nodes)) if piece]
    if known := key_values(document):
        pieces += ["---", "\n".join(_key_value(key, value) for key, value in known)]
    return "\n\n".join(pieces) + "\n" if pieces else ""


def _key_value(key: str, value: str) -> str:
    """An item of a list; a key that ends in a colon has it already."""
    return f"- **{escape_inline(key).rstrip(' :')}:** {escape_inline(value)}"


def node_markdown(node: Node, notes: Footnotes | None = None) -> str:
    """One paragraph, heading, table or figure as Markdown."""
    notes = notes or Footnotes({}, {})
    if isinstance(node, Grid):
        return "\n\n".join(part for part in (_caption(node.caption), _table(node)) if part)
    if isinstance(node, Picture):
        return "\n\n".join(part for part in (_caption(node.caption), _figure(node)) if part)
    return _passage(node, notes)


def escape(text: str) -> str:
    """Text that a Markdown reader shows as it is, wherever it stands and whatever it contains."""
    text = escape_inline(text)
    text = _LINE_START.sub(lambda match: "\\" + match.group(), text)
    return _NUMBER_START.sub(r"\1\\\2", text)


def escape_inline(text: str) -> str:
    """As ``escape``, for text that does not begin a line."""
    text = printable(" ".join(text.split()))
    text = _ALWAYS.sub(r"\\\g<0>", text)
    for pattern in (_UNDERSCORE, _LINK, _TAG, _ENTITY, _TILDE):
        text = pattern.sub(lambda match: "\\" + match.group(), text)
    return text


def _pieces(nodes: list[Node], notes: Footnotes) -> Iterator[str]:
    items: list[Passage] = []
    for node in nodes:
        if isinstance(node, Passage) and node.role == "list_item":
            items.append(node)
            continue
        yield _list(items, notes)
        items = []
        yield node_markdown(node, notes)
    yield _list(items, notes)


def _passage(node: Passage, notes: Footnotes) -> str:
    if node.role == "list_item":
        return _list([node], notes)
    if node.role == "code":
        return fenced(node.text)
    if label := notes.labels.get(id(node)):
        return f"[^{label}]: {escape(notes.body(node))}"
    text = notes.mark(node, escape)
    if not text:
        return ""
    if node.role == "title":
        return f"# {_heading(text)}"
    if node.role == "heading":
        return f"{'#' * min(node.depth, 6)} {_heading(text)}"
    return text if node.role != "caption" else f"*{text}*"


def fenced(code: str) -> str:
    """Lines of code as they are, between fences longer than any run of backticks in them."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence, *map(printable, code.splitlines()), fence]) if code.strip() else ""


def _heading(text: str) -> str:
    """A heading's trailing hashes would be taken for a closing sequence."""
    return re.sub(r"#+$", lambda match: "\\" + match.group(), text)


def _list(items: list[Passage], notes: Footnotes) -> str:
    """Consecutive list items, children indented to their parent's text."""
    lines: list[str] = []
    levels: list[int] = []
    indents: list[int] = []  # of the text at every open level
    for item in items:
        indents = indents[: depth_below(levels, item.level) - 1]
        marker, text = _marker(item.marker, notes.mark(item, escape))
        indent = indents[-1] if indents else 0
        lines.append(f"{' ' * indent}{marker} {text}".rstrip())
        indents.append(indent + len(marker) + 1)
    return "\n".join(lines)


def _marker(marker: str | None, text: str) -> tuple[str, str]:
    """Markdown's marker for a list item, and its text with what that could not say."""
    marker = (marker or "").strip()
    if (value := ordinal(marker)) is not None:
        return f"{value}.", text
    if marker in CHECKED or marker in UNCHECKED:
        return "-", f"[{'x' if marker in CHECKED else ' '}] {text}"
    if not marker or marker in BULLETS:
        return "-", text
    return "-", f"{escape(marker)} {text}"


def _caption(caption: Passage | None) -> str:
    return f"*{escape(caption.text)}*" if caption and caption.text else ""


def _figure(node: Picture) -> str:
    """The text inside a picture, quoted; Markdown has no place for the picture itself."""
    return f"> {escape(node.text)}" if node.text else ""


def _table(grid: Grid) -> str:
    if not grid.rows or not grid.columns:
        return ""
    spans = any(cell.row_span > 1 or cell.column_span > 1 for cell in grid.cells)
    return html_table(grid) if spans or grid.header_rows > 1 else pipe_table(grid)


def pipe_table(grid: Grid) -> str:
    """A table without spans; its first row is the header, as the syntax wants one."""
    rows = [[""] * grid.columns for _ in range(grid.rows)]
    for cell in grid.cells:
        rows[cell.row][cell.column] = escape_inline(cell.text).replace("|", "\\|")
    rows.insert(1, ["---"] * grid.columns)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def html_table(grid: Grid) -> str:
    """A table with spans, in HTML without blank lines so that Markdown lets it be."""
    head = grid.header_rows
    lines = ["<table>"]
    for row in range(grid.rows):
        if row == 0 and head:
            lines.append("<thead>")
        if row == head:
            lines += ["</thead>", "<tbody>"] if head else ["<tbody>"]
        cells = "".join(_html_cell(cell) for cell in grid.row_cells(row))
        lines.append(f"<tr>{cells}</tr>")
    lines.append("</tbody>" if head < grid.rows else "</thead>")
    return "\n".join([*lines, "</table>"])


def _html_cell(cell: GridCell) -> str:
    tag = "th" if cell.header else "td"
    rows = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
    columns = f' colspan="{cell.column_span}"' if cell.column_span > 1 else ""
    return f"<{tag}{rows}{columns}>{escape_html(printable(cell.text), quote=False)}</{tag}>"
