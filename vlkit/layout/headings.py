"""Title, headings and their levels, over the whole document.

Evidence, in this order: section numbers (1, 1.1, 1.1.1) give the level itself; size, weight and
capitals make styles, which are ranked; a style's level follows from numbered headings of that
style, or from its rank.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from vlkit.document import Block, Document, Page
from vlkit.layout.measure import block_size, font_size, height, is_bold, is_italic, overlap_x, width

LARGER = 1.08
"""A heading's font is at least this much larger than running text, where fonts are known."""
LARGER_SEEN = 1.25
"""The same for heights of recognised lines, which vary with the letters they hold."""
LONGEST = 160
"""A heading has at most this many characters, and three lines."""
DEEPEST = 6
TITLE_HEIGHT = 0.55
"""The title stands in this upper part of the first page."""

_NUMBER = re.compile(
    r"(?:(?:chapter|section|part|appendix|kapitel|제)\s*)?"
    r"(?P<number>\d{1,2}(?:\.\d{1,2}){0,4}|[A-Z](?:\.\d{1,2}){1,3}|[IVX]{1,5}(?=\.)|[A-Z](?=\.))"
    r"(?:[.)장절]\s*|\s+)(?=\S*[^\W\d_])",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:abstract|contents|table of contents|(?:executive )?summary|introduction|background|"
    r"methods?|materials and methods|results(?: and discussion)?|discussion|conclusions?|"
    r"acknowledge?ments?|references|bibliography|appendix|목차|초록|요약|서론|결론|참고\s?문헌)\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Style:
    """What headings of one level share."""

    size: float
    bold: bool
    italic: bool
    capitals: bool


def mark_headings(document: Document) -> None:
    """Set the roles ``title`` and ``heading`` with their levels."""
    body = body_size(document.pages)
    found = [
        block
        for page in document.pages
        for block in page.blocks
        if block.role in ("paragraph", "list_item") and _is_heading(block, page, body)
    ]
    title = _title(document, found, body)
    headings = [block for block in found if block is not title]
    for block in headings:
        block.role, block.marker = "heading", None
    if title:
        title.role, title.level, title.marker = "title", None, None
    _set_levels(headings)


def body_size(pages: Sequence[Page]) -> float:
    """Size of running text: the median over characters."""
    sizes = sorted((block_size(block), len(block.text)) for page in pages for block in page.blocks)
    total, passed = sum(count for _, count in sizes), 0
    for size, count in sizes:
        passed += count
        if 2 * passed >= total:
            return size
    return 1.0


def section_depth(text: str) -> int | None:
    """Depth of a section number: 1 for ``2`` or ``II.``, 3 for ``2.1.4``; None without one."""
    match = _NUMBER.match(text)
    if not match:
        return None
    return match["number"].count(".") + 1


def _is_heading(block: Block, page: Page, body: float) -> bool:
    text = block.text.strip()
    if block.role == "list_item" and not (
        (block.marker or "").lstrip("([")[:1].isalnum() and _has_text_below(block, page, 1)
    ):
        return False
    # A syllable or ideograph says as much as two letters.
    letters = sum(1 + unicodedata.category(char).endswith("o") for char in text if char.isalpha())
    if len(block.lines) > 3 or len(text) > LONGEST or letters < max(3, 0.4 * len(text)):
        return False
    if _has_neighbour(block, page) or text.endswith((",", ";", "-")) or _is_upended(block):
        return False
    known = font_size(block.words) is not None
    larger = block_size(block) >= (LARGER if known else LARGER_SEEN) * body
    sentence = text.endswith((".", "!", "?", ":")) and not _NAMED.fullmatch(text)
    words = list(block.words)
    bold = is_bold(words)
    numbered = section_depth(text) is not None and text[:1].isalnum()
    if larger:
        return not (sentence and len(text) > 60)
    if sentence and not (bold and len(text) < 60):
        return False
    if block_size(block) < 0.85 * body:
        return False
    if bold:
        return not _among_bold(block, page)
    capitals = _is_capitals(text) and letters >= 4
    if not _has_text_below(block, page):
        return False
    return (
        bool(_NAMED.fullmatch(text))
        or (is_italic(words) and len(block.lines) == 1)
        or (capitals and len(block.lines) == 1)
        or (numbered and block.role != "list_item" and len(block.lines) <= 2)
    )


def _is_upended(block: Block) -> bool:
    """Whether the text is written up or down the page, as beside axes."""
    return any(len(line.text) > 2 and height(line.box) > width(line.box) for line in block.lines)


def _has_neighbour(block: Block, page: Page) -> bool:
    """Whether something of another part of a form or table stands close beside it."""
    unit = height(block.lines[0].box)
    for other in page.blocks:
        if other is block or len(other.lines) > 2:
            continue
        beside = min(block.box[3], other.box[3]) - max(block.box[1], other.box[1])
        distance = -overlap_x(block.box, other.box)
        if beside > 0.5 * unit and -unit < distance < 8 * unit:
            return True
    return False


def _among_bold(block: Block, page: Page) -> bool:
    """Whether all text around it is bold too, so that weight says nothing."""
    others = [word for other in page.blocks if other is not block for word in other.words]
    return bool(others) and is_bold(others)


def _has_text_below(block: Block, page: Page, least: int = 2) -> bool:
    """Whether a paragraph of so many lines stands right below."""
    unit = height(block.lines[0].box)
    for other in page.blocks:
        gap = other.box[1] - block.box[3]
        if other is block or overlap_x(block.box, other.box) <= 0 or not -unit < gap < 3 * unit:
            continue
        if other.role == "list_item" and least == 1:
            continue
        if len(other.lines) >= least and width(other.box) > 10 * unit:
            return True
    return False


def _is_capitals(text: str) -> bool:
    return text.upper() == text and text.lower() != text


def _title(document: Document, found: Sequence[Block], body: float) -> Block | None:
    """The largest heading in the upper part of the first page that has text, if it stands out."""
    first = next((page for page in document.pages if page.blocks), None)
    if first is None:
        return None
    on_page = {id(block) for block in first.blocks}
    candidates = [
        block
        for block in found
        if id(block) in on_page
        and not _is_low(block, first)
        and section_depth(block.text) is None
        and not _NAMED.fullmatch(block.text.strip())
    ]
    if not candidates:
        return None
    title = max(candidates, key=lambda block: (block_size(block), -block.box[1]))
    others = [block_size(block) for block in found if not _is_no_rival(block, title, first)]
    stands_out = block_size(title) >= 1.15 * max(others, default=body)
    alone = block_size(title) >= 1.15 * body and not any(
        block_size(title) < 1.04 * size for size in others
    )
    if stands_out or alone:
        return title
    opening = next(block for block in first.blocks if block.role not in ("header", "page_number"))
    named = any(block is opening for block in candidates)
    return opening if named and _is_like_no_other(opening, found) else None


def _is_like_no_other(block: Block, found: Sequence[Block]) -> bool:
    """Whether several headings follow, all of them in other styles: a title may be smaller."""
    styles = _styles(found)
    own = next(style for style, other in zip(styles, found, strict=True) if other is block)
    return len(found) > 2 and styles.count(own) == 1


def _is_no_rival(block: Block, title: Block, first: Page) -> bool:
    """Whether it is the title itself, or a larger name or logo at the foot of the cover."""
    at_foot = any(block is other for other in first.blocks if _is_low(other, first))
    return block is title or (at_foot and block_size(block) > 1.15 * block_size(title))


def _is_low(block: Block, page: Page) -> bool:
    return block.box[1] >= TITLE_HEIGHT * page.height


def _set_levels(headings: Sequence[Block]) -> None:
    """Section numbers count levels themselves; other styles are placed between those."""
    styles = _styles(headings)
    depths = [section_depth(block.text) for block in headings]
    anchors: dict[Style, int] = {}
    for style in set(styles):
        own = Counter(
            d for d, other in zip(depths, styles, strict=True) if d is not None and other == style
        )
        if own:
            anchors[style] = own.most_common(1)[0][0]
    levels = _style_levels(sorted(set(styles), key=_rank), anchors)
    for block, style, depth in zip(headings, styles, depths, strict=True):
        block.level = min(max(depth or levels[style], 1), DEEPEST)


def _style_levels(ranked: Sequence[Style], anchors: dict[Style, int]) -> dict[Style, int]:
    """Level of each style; those above all numbered ones may come out as 0 or less.

    Args:
        ranked: From the most prominent style down.
        anchors: Levels of the styles that carry section numbers.
    """
    levels: dict[Style, int] = {}
    first = next((i for i, style in enumerate(ranked) if style in anchors), None)
    if first is None:
        return {style: level for level, style in enumerate(ranked, 1)}
    for index in range(first, len(ranked)):
        style = ranked[index]
        above = levels.get(ranked[index - 1], 0)
        levels[style] = anchors.get(style, above + 1)
        # Equal in size to a numbered style: "References" beside "1 Introduction".
        twin = _twin(style, anchors)
        if style not in anchors and twin is not None:
            levels[style] = anchors[twin]
    for index in range(first - 1, -1, -1):
        style, below = ranked[index], ranked[index + 1]
        levels[style] = levels[below] - (0 if _twin(style, {below: 0}) else 1)
    return levels


def _twin(style: Style, others: Iterable[Style]) -> Style | None:
    """The style that differs in nothing but capitals."""
    return next(
        (
            other
            for other in others
            if (other.size, other.bold, other.italic) == (style.size, style.bold, style.italic)
        ),
        None,
    )


def _rank(style: Style) -> tuple[float, bool, bool, bool]:
    return (-style.size, not style.bold, not style.capitals, style.italic)


def _styles(headings: Sequence[Block]) -> list[Style]:
    """Each heading's style; sizes that differ by no more than engines err are one."""
    known = all(font_size(block.words) is not None for block in headings)
    tolerance = 1.05 if known else 1.18
    steps: list[list[float]] = []
    for size in sorted(map(block_size, headings)):
        if steps and size <= tolerance * median(steps[-1]):
            steps[-1].append(size)
        else:
            steps.append([size])
    rounded = {size: median(step) for step in steps for size in step}
    return [
        Style(
            rounded[block_size(block)],
            is_bold(list(block.words)),
            is_italic(list(block.words)),
            _is_capitals(block.text),
        )
        for block in headings
    ]
