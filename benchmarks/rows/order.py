"""Reading order: FUNSD's relations, DocBank's columns, generated pages; against top to bottom."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from pathlib import Path

from benchmarks.table import Row, show
from vlkit.data.random_pages import random_document
from vlkit.document import Block, Document, Page
from vlkit.evaluation.reading_order import (
    OrderCounts,
    OrderedPage,
    count_relations,
    read_folder,
    read_generated,
    score_naive,
    score_page,
    successors,
)
from vlkit.images import PageImage, Pixels
from vlkit.layout.finish import finish
from vlkit.layout.stages import analyse

DPI = 100.0
SEED = 1_000
"""Generated pages of these seeds were not looked at in development."""


def rows(data: Path | None, quick: bool) -> list[Row]:
    """FUNSD and DocBank where the data is there; generated pages always."""
    found = [_generated(columns, 4 if quick else 25) for columns in (1, 2, 3)]
    if data:
        for name in ("funsd", "docbank"):
            pages = read_folder(data / name)
            found.append(_gold_words(name, pages[:10] if quick else pages))
    return found


def _generated(columns: int, count: int) -> Row:
    ours, naive = OrderCounts(), OrderCounts()
    pages = 0
    for seed in range(count):
        made = random_document(SEED + seed, columns=columns)
        for index, page in enumerate(made.truth.pages):
            ours += _score_analysed(page, made.to_image(index, DPI))
            naive += score_naive(read_generated(page))
            pages += 1
    return Row(
        on=f"generated pages, {columns} column{'s' if columns > 1 else ''}",
        figure="relation F1 of lines",
        ours=ours.relation_f1,
        alternatives={"top to bottom": naive.relation_f1},
        wanted="≥ .95",
        reached=ours.relation_f1 >= 0.95,
        detail={"pages": pages, "relations": ours.true},
    )


def _score_analysed(truth: Page, pixels: Pixels) -> OrderCounts:
    """Bare lines through tables, layout and order; then which true line follows which."""
    ordered = read_generated(truth)
    blocks = [Block(lines=[line], box=line.box) for line in ordered.lines]
    bare = Page(number=truth.number, width=truth.width, height=truth.height, items=[*blocks])
    scale = DPI / 72
    image = PageImage(truth.number, truth.width, truth.height, lambda: pixels, "point", scale, DPI)
    page = finish(Document(pages=[analyse(bare, image)])).pages[0]
    of_word = {
        (word.text, word.box): index
        for index, line in enumerate(ordered.lines)
        for word in line.words
    }
    order = list(dict.fromkeys(of_word[word.text, word.box] for word in page.words))
    return count_relations(successors(order), ordered.relations)


def _gold_words(name: str, pages: Sequence[OrderedPage]) -> Row:
    ours, naive = _sum(map(score_page, pages)), _sum(map(score_naive, pages))
    return Row(
        on=f"{name}, from gold words",
        figure="relation F1 of lines",
        ours=ours.relation_f1,
        alternatives={"top to bottom": naive.relation_f1},
        wanted="above top to bottom",
        reached=ours.relation_f1 > naive.relation_f1,
        detail={"pages": len(pages), "relations": ours.true},
    )


def _sum(counts: Iterable[OrderCounts]) -> OrderCounts:
    return reduce(add, counts, OrderCounts())


if __name__ == "__main__":
    folder = os.environ.get("VLKIT_DATA")
    show(rows(Path(folder) if folder else None, quick=False))
