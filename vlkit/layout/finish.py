"""What only the whole document shows: headings, running headers, and what goes on overleaf."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from vlkit.document import Block, Document, Page
from vlkit.layout.captions import nearest_target
from vlkit.layout.furniture import in_reading_order, mark_running
from vlkit.layout.headings import mark_headings
from vlkit.layout.lists import mark_contents
from vlkit.layout.measure import block_size, is_bold, usual_height
from vlkit.layout.tables import continue_tables

_SENTENCE_ENDS = (".", "!", "?", ":", "。", "…", ".”", '."', ".’", ".)", "؟", "۔")


def finish(document: Document) -> Document:
    """Complete a document whose pages went through layout and order, one by one.

    Sets title, headings and levels; running headers and footers; ids (``p1.b3``, ``p2.t1``,
    ``p1.f1``); captions of figures and tables; ``continues`` of paragraphs and tables. Running it
    again changes nothing.
    """
    pages = [page for page in document.pages if page.items]
    mark_running(document)
    for page in pages:
        mark_contents(page)
    mark_headings(document)
    for page in pages:
        page.items = in_reading_order(page.items)
        _name_items(page)
        _link_captions(page)
    _continue_paragraphs(document)
    continue_tables(document)
    return document


def _name_items(page: Page) -> None:
    counts: Counter[str] = Counter()
    for item in page.items:
        letter = item.kind[0]
        counts[letter] += 1
        item.id = f"p{page.number}.{letter}{counts[letter]}"


def _link_captions(page: Page) -> None:
    unit = usual_height(page.lines)
    for item in page.items:
        if not isinstance(item, Block):
            item.caption = None
    for block in page.blocks:
        if block.role == "caption":
            target = nearest_target(block, page.items, unit)
            if target is not None:
                target.caption = block.id


def _continue_paragraphs(document: Document) -> None:
    """Link a paragraph that breaks off with the next one in another column or on the next page."""
    for block in _running(document):
        block.continues = None
    for (page, before), (next_page, after) in pairwise(_placed(document)):
        if "heading" in (before.role, after.role) or after.role != "paragraph":
            continue
        elsewhere = next_page > page or after.box[1] < before.box[1]
        if elsewhere and next_page <= page + 1 and _breaks_off(before, after):
            after.continues = before.id


def _running(document: Document) -> Iterator[Block]:
    return (block for _, block in _placed(document))


def _placed(document: Document) -> Iterator[tuple[int, Block]]:
    """The document's running text, with the number of its page."""
    for page in document.pages:
        for block in page.blocks:
            if block.role in ("paragraph", "list_item", "heading", "title"):
                yield page.number, block


def _breaks_off(before: Block, after: Block) -> bool:
    """Whether a paragraph has no end and the other no beginning, in the same type."""
    text, rest = before.text.rstrip(), after.text.lstrip()
    if not text or not rest or text.endswith(_SENTENCE_ENDS):
        return False
    ratio = block_size(before) / block_size(after)
    if not 0.85 < ratio < 1.18 or is_bold(list(before.words)) != is_bold(list(after.words)):
        return False
    # A last line that is short ends a paragraph even without a full stop.
    lines = before.lines
    full = len(lines) < 2 or lines[-1].box[2] > before.box[0] + 0.7 * (
        before.box[2] - before.box[0]
    )
    hyphen = text.endswith(("-", "\u00ad", "‐"))
    starts = rest[0].islower() or rest[0].isdigit() or not (rest[0].isupper() or rest[0].islower())
    long_enough = len(lines) >= 2 or len(after.lines) >= 2
    return hyphen or (full and long_enough and (starts or len(lines) >= 2))
