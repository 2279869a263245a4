"""Layout: classes of DocBank's words from gold tokens, regions of PubLayNet from pixels."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

from benchmarks.table import Row, show
from vlkit.document import Block, Document, Line, Page, Word, box_union
from vlkit.evaluation.layout import (
    ClassCounts,
    LabelledPage,
    count_labels,
    count_regions,
    docbank_labels,
    publaynet_regions,
    read_docbank,
    read_publaynet,
    total,
)
from vlkit.images import PageImage
from vlkit.layout.finish import finish
from vlkit.layout.stages import analyse
from vlkit.reading.read import read
from vlkit.sources import open_source


def rows(data: Path | None, quick: bool) -> list[Row]:
    """Nothing without the data."""
    if data is None:
        return []
    pages = read_docbank(data / "docbank")
    regions = read_publaynet(data / "publaynet")
    return [
        _docbank(pages[:5] if quick else pages),
        _publaynet(data / "publaynet", 3 if quick else len(regions)),
    ]


def _docbank(pages: list[LabelledPage]) -> Row:
    counts = total(_score_tokens(page) for page in pages)
    plain = total(count_labels(["paragraph"] * len(page.labels), page.labels) for page in pages)
    return _row("DocBank, gold tokens", "macro F1 of words", counts, plain, len(pages))


def _score_tokens(truth: LabelledPage) -> ClassCounts:
    with open_source(truth.picture) as source:
        image = next(iter(source))
        assert isinstance(image, PageImage)
        page = finish(Document(pages=[analyse(_bare_page(truth, image), image)])).pages[0]
    return count_labels(docbank_labels(page, truth.tokens), truth.labels)


def _bare_page(truth: LabelledPage, image: PageImage) -> Page:
    """The tokens as an engine gives them that knows nothing of columns: one line a row."""
    words = []
    for text, (x0, y0, x1, y1) in truth.tokens:
        if not text.startswith("##LT") and x0 < x1 and y0 < y1:
            box = (x0 * image.width, y0 * image.height, x1 * image.width, y1 * image.height)
            words.append(Word(text=text, box=box))
    words.sort(key=lambda word: word.box[1] + word.box[3])
    groups: list[list[Word]] = []
    for before, word in pairwise([None, *words]):
        assert word is not None
        height = word.box[3] - word.box[1]
        if before is None or word.box[1] + word.box[3] - before.box[1] - before.box[3] > height / 2:
            groups.append([])
        groups[-1].append(word)
    lines = [
        Line(words=sorted(group, key=lambda w: w.box[0]), box=box_union(w.box for w in group))
        for group in groups
    ]
    blocks = [Block(lines=[line], box=line.box) for line in lines]
    return Page(number=1, width=image.width, height=image.height, items=[*blocks])


def _publaynet(folder: Path, count: int) -> Row:
    parts = []
    for truth in read_publaynet(folder)[:count]:
        page = read(truth.picture).pages[0]
        parts.append(count_regions(publaynet_regions(page), truth.regions))
    return _row("PubLayNet, from pixels", "macro F1 of regions", total(parts), None, count)


def _row(on: str, figure: str, counts: ClassCounts, plain: ClassCounts | None, pages: int) -> Row:
    metrics = counts.metrics()
    return Row(
        on=on,
        figure=figure,
        ours=metrics["macro_f1"],
        alternatives={"all paragraph": plain.metrics()["macro_f1"]} if plain else {},
        detail={"pages": pages, **metrics},
    )


if __name__ == "__main__":
    place = os.environ.get("VLKIT_DATA")
    found = rows(Path(place) if place else None, quick=False)
    show(found)
    for row in found:
        print(row.detail)
