"""Bullets and numbers that begin list items."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from vlkit.document import Block, Box, Page
from vlkit.layout.measure import overlap_x, usual_height

LEADER = re.compile(
    r"(?:\s*[.·]){4,}\s*(?=(?:[A-Z]-?)?(?:\d{1,4}|[ivxlc]{1,7})\s*$)|…{2,}\s*(?=\d)"
)
"""The dots between an entry and its page number."""
_UNSURE = "–—*·o-+"
"""These also begin other lines: they need a second item."""
BULLETS = "•◦▪▫‣⁃∙●○■□◆◇►▶➢➤✓✔☐☑☒" + _UNSURE
_UNNAMED = "\N{REPLACEMENT CHARACTER}"
_GLYPHS = {
    **dict.fromkeys("\uf06f\uf070\uf071\uf072\uf0a8", "☐"),
    **dict.fromkeys("\uf052\uf0fe", "☑"),
    **dict.fromkeys("\uf054\uf078\uf0fd", "☒"),
    **dict.fromkeys("\uf050\uf0fc", "✓"),
}
"""What Wingdings shows, whose characters files write as private ones."""
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_HANGUL = "가나다라마바사아자차카타파하"
_STEP = 0.8
"""A deeper level is indented by at least this many line heights."""
_NUMBER = re.compile(
    r"""[(\[]?(?:
        \d{1,3}
        | [a-zA-Z]
        | [ivxlc]{1,6} | [IVXLC]{1,6}
        | [가-힣]
        )[.)\]]
        | [①-⑳⑴-⒇]
    """,
    re.VERBOSE,
)


_SECTION = re.compile(r"\d{1,2}(?:\.\d{1,2}){0,4}|[A-Z](?:\.\d{1,2}){1,4}")


def list_marker(text: str) -> str | None:
    """The bullet or number that a line begins with, if text follows it."""
    first, _, rest = text.partition(" ")
    if not rest.strip():
        return None
    if _is_bullet(first):
        return first
    return first if _NUMBER.fullmatch(first) else None


def is_marker(text: str) -> bool:
    """Whether the text is a bullet or number and nothing else."""
    return _is_bullet(text) or bool(_NUMBER.fullmatch(text) or _SECTION.fullmatch(text))


def _is_bullet(text: str) -> bool:
    if len(text) != 1 or text in BULLETS:
        return len(text) == 1 or text == 2 * _UNNAMED
    # © and ® begin other lines.
    return _is_glyph(text) or (unicodedata.category(text) == "So" and text > "\u2190")


def _is_glyph(text: str) -> bool:
    """Whether a symbol font drew it, and no character says what."""
    return all(char == _UNNAMED or unicodedata.category(char) in ("Co", "Cc") for char in text)


def mark_lists(blocks: Sequence[Block], line_height: float) -> None:
    """Set role, marker and level of list items.

    Args:
        blocks: One page's, in reading order.
        line_height: The measure of indents.

    A bullet is enough; a number or letter must have a neighbour that counts on or back.
    """
    markers = [list_marker(block.text) if block.role == "paragraph" else None for block in blocks]
    numbers = [marker for marker in markers if marker and not _is_bullet(marker)]
    levels = _Levels(_STEP * line_height)
    for block, marker in zip(blocks, markers, strict=True):
        if marker and (_is_sure(marker) or _has_sibling(marker, markers, numbers)):
            block.role, block.marker = "list_item", _named(block, marker)
            block.level = levels.of_item(block, marker)
        else:
            levels.pass_by(block)


def _named(block: Block, marker: str) -> str:
    """The marker; a symbol font's glyph becomes the bullet or box that it looks like."""
    if not _is_glyph(marker):
        return marker
    name = _GLYPHS.get(marker, "•")
    first = block.lines[0].words[0]
    first.text = name + first.text.removeprefix(marker)
    return name


class _Levels:
    """Counts the levels of a list's items by their indents."""

    def __init__(self, step: float) -> None:
        self.step = step
        self.indents: list[float] = []
        """Where the items of each open level start."""
        self.shapes: dict[str, int] = {}
        """Level of the items that carry a marker like this."""
        self.last: Box | None = None

    def of_item(self, block: Block, marker: str) -> int:
        start, shape = _start(block), _shape(marker)
        if self.last is not None and _elsewhere(self.last, block.box):
            # The list goes on at the top of another column: there its indents start anew.
            level = self.shapes.get(shape, 1)
            shift = start - self.indents[min(level, len(self.indents)) - 1] if self.indents else 0.0
            self.indents = [indent + shift for indent in self.indents]
        while self.indents and start < self.indents[-1] - self.step:
            self.indents.pop()
        if not self.indents or start > self.indents[-1] + self.step:
            self.indents.append(start)
        self.last, self.shapes[shape] = block.box, len(self.indents)
        return len(self.indents)

    def pass_by(self, block: Block) -> None:
        """Text that is not indented as far as an item's own ends the list."""
        if self.last is None:
            return
        if _elsewhere(self.last, block.box) or _start(block) < self.indents[0] + self.step:
            self.indents, self.shapes, self.last = [], {}, None


def _elsewhere(above: Box, box: Box) -> bool:
    """Whether a box that is read next stands in another column."""
    return box[1] < above[1] or overlap_x(above, box) <= 0


def mark_contents(page: Page) -> None:
    """Make a table of contents' entries, lines with leaders before a page number, list items."""
    entries = [
        block
        for block in page.blocks
        if block.role == "paragraph" and len(block.lines) <= 2 and LEADER.search(block.text)
    ]
    if len(entries) < 2:
        return
    unit = usual_height(line for block in entries for line in block.lines)
    levels = _Levels(_STEP * unit)
    for block in entries:
        block.role, block.level = "list_item", levels.of_item(block, "")


def _is_sure(marker: str) -> bool:
    return _is_bullet(marker) and marker not in _UNSURE


def _start(block: Block) -> float:
    return -block.box[2] if block.lines[0].direction == "rtl" else block.box[0]


def _has_sibling(marker: str, markers: Sequence[str | None], numbers: Sequence[str]) -> bool:
    """Whether an equal bullet, or the number before or after, also begins a block."""
    if _is_bullet(marker):
        return markers.count(marker) > 1
    value, shape = _count(marker)
    return any((value - 1, shape) == _count(m) or (value + 1, shape) == _count(m) for m in numbers)


def _shape(marker: str) -> str:
    return marker if not marker or _is_bullet(marker) else _count(marker)[1]


def _count(marker: str) -> tuple[int, str]:
    """A marker's value and what it looks like: ``3.`` → (3, ``#.``), ``(c)`` → (3, ``(a)``)."""
    core = marker.strip("()[].")
    if core.isdecimal():
        return int(core), marker.replace(core, "#")
    if core.lower() in _ROMAN:
        return _ROMAN.index(core.lower()) + 1, marker.replace(core, "i")
    if core in _HANGUL:
        return _HANGUL.index(core) + 1, marker.replace(core, "가")
    return ord(core[:1] or marker[0]), marker.replace(core, "a") if core else marker
