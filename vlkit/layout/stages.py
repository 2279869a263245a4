"""Layout as stages of reading: tables, then blocks and figures, then their order."""

from __future__ import annotations

from vlkit.document import Block, Box, Item, Line, Page, box_union
from vlkit.images import PageImage
from vlkit.layout.blocks import build_blocks
from vlkit.layout.captions import is_caption, nearest_target
from vlkit.layout.code import find_code
from vlkit.layout.figures import find_figures, take_lines
from vlkit.layout.furniture import in_reading_order, mark_page
from vlkit.layout.headings import body_size
from vlkit.layout.lines import tidy_lines
from vlkit.layout.lists import mark_lists
from vlkit.layout.measure import usual_height
from vlkit.layout.order import facing_pages, reading_order
from vlkit.layout.tables import find_tables


class Tables:
    """Takes the lines that form tables out of the page's blocks.

    Goes before ``layout``, which would take a table's columns for columns of text.
    """

    name = "tables"
    version = "1"

    def __call__(self, image: PageImage | None, page: Page) -> Page:
        # Code is often aligned in columns.
        code, lines = find_code(page)
        tables, lines = find_tables(lines, image, page.width, page.height)
        page.items = [*_line_blocks(lines), *code, *tables, *page.tables, *page.figures]
        return page


class Layout:
    """Lines → paragraphs, list items, captions and figures."""

    name = "layout"
    version = "1"

    def __call__(self, image: PageImage | None, page: Page) -> Page:
        code = [block for block in page.blocks if block.role == "code"]
        others = [block for block in page.blocks if block.role != "code"]
        lines = [line for block in others for line in block.lines if line.words]
        unit = usual_height(lines)
        written = [*lines, *(line for block in code for line in block.lines)]
        figures = find_figures(written, page.tables, image, unit)
        blocks = build_blocks(tidy_lines(take_lines(figures, lines, unit)))
        page.items = [*blocks, *code, *page.tables, *page.figures, *figures]
        mark_page(page, body_size([page]))
        for block in blocks:
            if block.role == "paragraph" and is_caption(block, page.items, unit):
                block.role = "caption"
        return page


class Order:
    """Puts a page's items in reading order, and counts the levels of lists."""

    name = "order"
    version = "1"

    def __call__(self, image: PageImage | None, page: Page) -> Page:
        page.items = order_items(page)
        mark_lists(page.blocks, usual_height(page.lines))
        return page


def order_items(page: Page) -> list[Item]:
    """The page's items as they are read; captions stay with their figure or table."""
    unit = usual_height(page.lines)
    rtl = sum(1 if line.direction == "rtl" else -1 for line in page.lines) > 0
    groups = _groups(page, unit)
    boxes = [box_union(item.box for item in group) for group in groups]
    firsts = [_first_line(group[0]) for group in groups]
    sides = facing_pages(boxes, (page.width, page.height), unit)
    order = [
        side[index]
        for side in (reversed(sides) if rtl else sides)
        for index in reading_order(
            [boxes[i] for i in side],
            line_height=unit,
            first_lines=[firsts[i] for i in side],
            direction="rtl" if rtl else "ltr",
        )
    ]
    return in_reading_order([item for index in order for item in groups[index]])


def _first_line(item: Item) -> Box:
    return item.lines[0].box if isinstance(item, Block) and item.lines else item.box


def _groups(page: Page, unit: float) -> list[list[Item]]:
    """Items that are read together: a figure or table with its caption, others alone."""
    partner: dict[int, Item] = {}
    for block in page.blocks:
        target = nearest_target(block, page.items, unit) if block.role == "caption" else None
        if target is not None and id(target) not in partner:
            partner[id(target)] = block
    joined = {id(item) for item in partner.values()}
    groups = []
    for item in page.items:
        if id(item) not in joined:
            group = [item, *([partner[id(item)]] if id(item) in partner else [])]
            groups.append(sorted(group, key=lambda part: part.box[1]))
    return groups


def _line_blocks(lines: list[Line]) -> list[Block]:
    return [Block(lines=[line], box=line.box) for line in lines]


def analyse(page: Page, image: PageImage | None) -> Page:
    """All of it over an upright page of one block per line; ``finish`` does the rest."""
    for stage in (Tables(), Layout(), Order()):
        page = stage(image, page)
    return page
