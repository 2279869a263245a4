"""Words and lines of scans, cut out by their gold boxes: FUNSD and SROIE.

A reader that was trained on such crops is measured on documents that it has not seen: there is
one for each fold, trained on the other folds. FUNSD's folds are of documents, SROIE's of
companies, whose receipts look alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import cv2
import numpy as np

from vlkit.data.rendered import normalise
from vlkit.document import Box, Word, box_union
from vlkit.evaluation.reading import ReadingExample, read_examples
from vlkit.onnx import Gray

FOLDS = 5
MARGIN = 0.1
"""Paper left around a gold box, in its heights."""


@dataclass(frozen=True)
class Crop:
    """A part of a scan and what it says.

    Attributes:
        document: Whose part.
        fold: 0 … FOLDS - 1, the same for all of a document.
    """

    pixels: Gray
    text: str
    document: str
    fold: int


def funsd_words(data: Path) -> Iterator[Crop]:
    """Every word by itself."""
    for fold, example in _forms(data):
        gray = _gray(example)
        for word in example.page.words:
            yield from _crop(gray, [word], example, fold)


def funsd_lines(data: Path) -> Iterator[Crop]:
    """Words of a segment that stand on one line."""
    for fold, example in _forms(data):
        gray = _gray(example)
        for segment in example.page.lines:
            for line in on_one_line(segment.words):
                yield from _crop(gray, line, example, fold)


def sroie_lines(data: Path) -> Iterator[Crop]:
    """Lines of receipts; their annotators wrote capitals whatever was printed."""
    receipts = read_examples(data / "sroie")
    folds = company_folds([_company(data, receipt) for receipt in receipts])
    for receipt, fold in zip(receipts, folds, strict=True):
        gray = _gray(receipt)
        for line in receipt.page.lines:
            yield from _crop(gray, line.words, receipt, fold)


def drawn(crops: Iterator[Crop], count: int) -> list[Crop]:
    """A sample that is the same in every run, in the set's order."""
    every = list(crops)
    chosen = sorted(Random(0).sample(range(len(every)), min(count, len(every))))
    return [every[index] for index in chosen]


def on_one_line(words: Sequence[Word]) -> list[list[Word]]:
    """A segment's words by lines: a line goes on to the right, at about the same height."""
    lines: list[list[Word]] = []
    for word in words:
        if lines and _goes_on(lines[-1][-1].box, word.box):
            lines[-1].append(word)
        else:
            lines.append([word])
    return lines


def _goes_on(before: Box, box: Box) -> bool:
    shared = min(before[3], box[3]) - max(before[1], box[1])
    lower = min(before[3] - before[1], box[3] - box[1])
    return box[0] > before[0] and shared > lower / 2


def company_folds(companies: Sequence[str]) -> list[int]:
    """A fold for each receipt, the same for all of a company."""
    known = {company: i % FOLDS for i, company in enumerate(sorted(set(companies)))}
    return [known[company] for company in companies]


def _company(data: Path, receipt: ReadingExample) -> str:
    key = json.loads((data / "sroie" / "key" / f"{receipt.name}.json").read_text("utf-8"))
    return "".join(filter(str.isalnum, key.get("company", receipt.name).casefold()))


def _forms(data: Path) -> Iterator[tuple[int, ReadingExample]]:
    for index, example in enumerate(read_examples(data / "funsd")):
        yield index % FOLDS, example


def _gray(example: ReadingExample) -> Gray:
    picture = cv2.imread(str(example.image), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def _crop(gray: Gray, words: Sequence[Word], example: ReadingExample, fold: int) -> Iterator[Crop]:
    """The words' crop; none where nothing is left of the box on the page."""
    x0, y0, x1, y1 = box_union(word.box for word in words)
    around = MARGIN * (y1 - y0)
    top, bottom = round(max(0, y0 - around)), round(y1 + around)
    left, right = round(max(0, x0 - around)), round(x1 + around)
    pixels = np.ascontiguousarray(gray[top:bottom, left:right])
    text = normalise(" ".join(word.text for word in words))
    if min(pixels.shape) > 1 and text:
        yield Crop(pixels, text, example.name, fold)
