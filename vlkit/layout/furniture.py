"""Headers, footers, page numbers and footnotes: what is not part of the running text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

from vlkit.document import Block, Document, Item, Page
from vlkit.layout.measure import block_size, height, middle, overlap_x, same_row, usual_height

MARGIN = 0.13
"""Running headers and footers stand within this part of the page's height, above or below."""
GAP = 0.8
"""They keep at least this many line heights from the text."""
NEAR = 1.2
"""Text that stands only once in a margin, and not beside a page number, is part of the text where
it is nearer to it than this many line heights."""
SMALLER = 0.93
"""Footnotes are at most this part of the text's size."""

_PAGE_NUMBER = re.compile(
    r"(?:(?:page|seite|p\.?|pg\.?)\s*)?[-–—|(\[]?\s*"
    r"(?:\d{1,4}|\d{1,3}[-–]\d{1,3}|[A-Z]-\d{1,3}|[ivxl]{1,7})\s*[-–—|)\]]?"
    r"(?:\s*(?:of|/|von|\|)\s*\d{1,4})?(?:\s*(?:페이지|쪽))?",
    re.IGNORECASE,
)
_FOOTNOTE = re.compile(r"(?:\d{1,2}|[*∗†‡§¶]{1,3}|[a-e¹²³⁰-⁹])[)\].]?\s*\S")
_DIGITS = re.compile(r"\d+")


def mark_page(page: Page, body: float) -> None:
    """Set the roles that one page alone gives away: page numbers and footnotes.

    Args:
        body: Size of the running text (see ``block_size``).
    """
    blocks = [block for block in page.blocks if block.role == "paragraph"]
    for block in blocks:
        if _is_page_number(block, page):
            block.role = "page_number"
    body_blocks = [b for b in blocks if b.role == "paragraph"]
    for block in sorted(body_blocks, key=lambda b: -b.box[1]):
        if _is_footnote(block, page, body):
            for part in (block, *_small_print_below(block, page)):
                part.role = "footnote"


def mark_running(document: Document) -> None:
    """Set ``header`` and ``footer`` on what repeats in the margins from page to page."""
    seen: Counter[tuple[str, bool]] = Counter()
    candidates: list[tuple[Block, tuple[str, bool]]] = []
    for page in document.pages:
        found = {(_shape(block), at_top): (block, at_top) for block, at_top in _margins(page)}
        seen.update(found.keys())
        candidates += [(block, key) for key, (block, _) in found.items()]
    for block, key in candidates:
        if seen[key] >= 2 and block.role in ("paragraph", "heading", "title", "footnote"):
            block.role = "header" if key[1] else "footer"
            block.level = None
    for page in document.pages:
        _mark_lone(page)


def _mark_lone(page: Page) -> None:
    """Small text far up or down a page of running text, though it stands there only once."""
    unit = usual_height(page.lines)
    texts = [b for b in page.blocks if b.role == "paragraph" and len(b.lines) >= 3]
    running = sum(len(block.lines) for block in texts) >= 12
    body = median([block_size(block) for block in texts] or [unit])
    numbers = [block for block in page.blocks if block.role == "page_number"]
    for block, at_top in _margins(page):
        far = block.box[3] < 0.1 * page.height if at_top else block.box[1] > 0.9 * page.height
        numbered = any(same_row(block.box, number.box) for number in numbers)
        edge = (running and far) or numbered
        if not _is_small(block, body) or _touches(block, page, (GAP if numbered else NEAR) * unit):
            continue
        if block.role == "paragraph" and edge and not _is_beside_text(block, page, body):
            block.role = "header" if at_top else "footer"


def _is_small(block: Block, body: float) -> bool:
    return len(block.lines) == 1 and block_size(block) < 1.1 * body


def _is_beside_text(block: Block, page: Page, body: float) -> bool:
    """Whether text or a heading stands in its row: the heading of a sidebar, no header."""
    return any(
        same_row(other.box, block.box) and not _is_small(other, body)
        for other in page.blocks
        if other is not block and other.role != "page_number"
    )


def _touches(block: Block, page: Page, gap: float) -> bool:
    """Whether text follows nearer than that."""
    near = [
        other
        for other in page.items
        if other is not block
        and overlap_x(block.box, other.box) > 0
        and -height(block.box) < max(other.box[1] - block.box[3], block.box[1] - other.box[3]) < gap
    ]
    return any(not isinstance(item, Block) or item.role == "paragraph" for item in near)


def in_reading_order(items: Sequence[Item]) -> list[Item]:
    """Headers first, then text, footnotes, footers and page numbers; else as given."""
    rank = {"header": 0, "footnote": 2, "footer": 3}

    def key(item: Item) -> int:
        if not isinstance(item, Block):
            return 1
        if item.role == "page_number":
            return 0 if _is_first(item, items) else 3
        return rank.get(item.role, 1)

    return sorted(items, key=key)


def _is_first(block: Block, items: Sequence[Item]) -> bool:
    return middle(block.box) < median(middle(item.box) for item in items)


def _margins(page: Page) -> list[tuple[Block, bool]]:
    """Blocks of one or two lines in the page's upper (True) and lower margin."""
    found = []
    for block in page.blocks:
        if len(block.lines) > 2 or block.role == "page_number":
            continue
        if block.box[3] < MARGIN * page.height:
            found.append((block, True))
        elif block.box[1] > (1 - MARGIN) * page.height:
            found.append((block, False))
    return found


def _shape(block: Block) -> str:
    return _DIGITS.sub("#", block.text.casefold())


def _is_page_number(block: Block, page: Page) -> bool:
    if len(block.lines) > 1 or not _PAGE_NUMBER.fullmatch(block.text.strip()):
        return False
    if MARGIN * page.height < middle(block.box) < (1 - MARGIN) * page.height:
        return False
    # Nothing but other furniture stands farther out.
    others = [item.box for item in page.items if item is not block]
    unit = height(block.box)
    above = all(box[1] > block.box[1] - 2 * unit for box in others)
    below = all(box[3] < block.box[3] + 2 * unit for box in others)
    return above or below


def _is_footnote(block: Block, page: Page, body: float) -> bool:
    """Small print with a mark, at the foot of its column."""
    if middle(block.box) < 0.5 * page.height or not _FOOTNOTE.match(block.text):
        return False
    if block_size(block) > SMALLER * body:
        return False
    under = [
        item
        for item in page.items
        if item is not block
        and item.box[1] > middle(block.box)
        and overlap_x(item.box, block.box) > 0
    ]
    furniture = ("footnote", "page_number", "footer")
    rest = _small_print_below(block, page)
    return all(
        isinstance(item, Block)
        and (
            item.role in furniture
            or _is_low_print(item, page, body)
            or any(item is part for part in rest)
        )
        for item in under
    )


def _is_low_print(block: Block, page: Page, body: float) -> bool:
    """Whether it stands so low that it is a footer, though it was not told from text."""
    edge = MARGIN if block_size(block) <= SMALLER * body else MARGIN / 2
    return block.box[1] > (1 - edge) * page.height


def _small_print_below(block: Block, page: Page) -> list[Block]:
    """Paragraphs of a footnote's size right under it, one under the other: its own."""
    found, last = [], block
    for other in sorted(page.blocks, key=lambda other: other.box[1]):
        unit = height(last.lines[-1].box)
        if (
            other.role == "paragraph"
            and other is not block
            and -0.5 * unit < other.box[1] - last.box[3] < GAP * unit
            and overlap_x(other.box, last.box) > 0
            and abs(block_size(other) - block_size(block)) < 0.03 * block_size(block)
        ):
            found.append(other)
            last = other
    return found
