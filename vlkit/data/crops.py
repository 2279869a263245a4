"""Words and lines of scans, cut out by their gold boxes: FUNSD and SROIE.

A reader that was trained on such crops is measured on documents that it has not seen: there is
one for each fold, trained on the other folds. FUNSD's folds are of documents, SROIE's of
companies, whose receipts look alike.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

import cv2
import numpy as np

from vlkit.data.rendered import normalise, scan, wear
from vlkit.document import Box, Page, Word, box_union
from vlkit.errors import DamagedInput, InputError
from vlkit.evaluation.reading import ReadingExample, read_examples
from vlkit.onnx import FRAME, HEIGHT, LEAST_HEIGHT, Alphabet, Gray, to_height

FOLDS = 5
MARGIN = 0.1
"""Paper left around a gold box, in its heights."""

_SURE_GAP = 0.25
"""Of a line's height: paper between two words as wide as this is a space."""
_SEVERITY = 0.3
"""Of the wear that is added: scans have their own."""
_LEAST_ROWS = 12
"""Pixels that a scan is not made lower than."""


@dataclass(frozen=True)
class CropSettings:
    """Which crops a reader is trained on.

    Attributes:
        data: Folder with the folders ``funsd`` and ``sroie``.
        share: Of the lines that are trained on; the others are drawn.
        without_fold: The fold that is left out, to be measured on; none by default.
    """

    data: Path
    sets: tuple[Literal["funsd", "sroie"], ...] = ("funsd", "sroie")
    share: float = 0.5
    without_fold: int | None = None

    def __post_init__(self) -> None:
        if not self.sets or len(set(self.sets)) != len(self.sets):
            raise ValueError("sets must name funsd or sroie or both, each once")
        if not 0 < self.share <= 1:
            raise ValueError(f"share is {self.share}, but must be above 0 and at most 1")
        if self.without_fold is not None and not 0 <= self.without_fold < FOLDS:
            raise ValueError(
                f"without_fold is {self.without_fold}, but must be from 0 to {FOLDS - 1}"
            )


@dataclass(frozen=True)
class Crop:
    """A part of a scan and what it says.

    Attributes:
        page: The whole scan.
        box: Of the part, in the scan's pixels.
        document: Whose part.
        fold: 0 … FOLDS - 1, the same for all of a document.
        cased: Whether the text tells capitals from small letters.
    """

    page: Gray
    box: Box
    text: str
    document: str
    fold: int
    cased: bool

    @property
    def pixels(self) -> Gray:
        return self.cut(MARGIN, MARGIN, MARGIN, MARGIN)

    def cut(self, left: float, top: float, right: float, bottom: float) -> Gray:
        """The part with so much of the scan around its box, in the box's heights."""
        x0, y0, x1, y1 = self.box
        height = y1 - y0
        rows = slice(round(max(0, y0 - top * height)), round(y1 + bottom * height))
        columns = slice(round(max(0, x0 - left * height)), round(x1 + right * height))
        return np.ascontiguousarray(self.page[rows, columns])


@dataclass(frozen=True)
class CutLine:
    """A crop as a reader is trained on it.

    Attributes:
        pixels: [32, W].
        text: In capitals where it is not ``cased``.
    """

    pixels: Gray
    text: str
    cased: bool


@dataclass(frozen=True)
class Crops:
    """Those that a reader is trained on and those it is measured on.

    Attributes:
        learnt: Of the other folds than the one that is left out.
        measured: Of that one; none where all is learnt from.
        skipped: Names of those that nothing could be learnt from, and why.
    """

    learnt: tuple[Crop, ...] = ()
    measured: tuple[Crop, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


def choose_crops(settings: CropSettings, alphabet: Alphabet) -> Crops:
    """The crops that a recipe asks for.

    Raises:
        InputError: The folder has no such sets, or nothing is left of them.
        DamagedInput: An annotation or a picture can't be read.
    """
    learnt, measured, skipped = [], [], []
    for crop in training_crops(settings):
        if reason := unfit(crop, alphabet):
            skipped.append((f"{crop.document}: {crop.text!r}", reason))
        elif crop.fold == settings.without_fold:
            measured.append(crop)
        else:
            learnt.append(crop)
    if not learnt:
        raise InputError("no crops are left to train on", file=settings.data)
    return Crops(tuple(learnt), tuple(measured), tuple(skipped))


# The sets


def funsd_words(data: Path) -> Iterator[Crop]:
    """Every word by itself."""
    for form in _forms(data):
        yield from form.words()


def funsd_lines(data: Path) -> Iterator[Crop]:
    """Words of a segment that stand on one line."""
    for form in _forms(data):
        yield from form.lines()


def sroie_lines(data: Path) -> Iterator[Crop]:
    """Lines of receipts; their annotators wrote capitals whatever was printed."""
    receipts = read_examples(data / "sroie")
    folds = company_folds([_company(data, receipt) for receipt in receipts])
    for receipt, fold in zip(receipts, folds, strict=True):
        page = _Scanned(_gray(receipt), receipt.page, receipt.name, fold, cased=False)
        for line in receipt.page.lines:
            yield from page.crop(line.words)


def training_crops(settings: CropSettings) -> Iterator[Crop]:
    """All that a reader may learn from, of every fold.

    Of FUNSD's lines those of several words, since the others are among the words, and only where
    each space of the text is sure to be printed.
    """
    if "funsd" in settings.sets:
        for form in _forms(settings.data):
            yield from form.words()
            yield from form.lines(sure=True)
    if "sroie" in settings.sets:
        yield from sroie_lines(settings.data)


def sample(crops: Iterable[Crop], count: int) -> list[Crop]:
    """Some that are the same in every run, in the set's order."""
    every = list(crops)
    chosen = sorted(Random(0).sample(range(len(every)), min(count, len(every))))
    return [every[index] for index in chosen]


def company_folds(companies: Sequence[str], count: int = FOLDS) -> list[int]:
    """A fold for each receipt, of so many, the same for all of a company."""
    known = {company: i % count for i, company in enumerate(sorted(set(companies)))}
    return [known[company] for company in companies]


def _company(data: Path, receipt: ReadingExample) -> str:
    file = data / "sroie" / "key" / f"{receipt.name}.json"
    try:
        company = json.loads(file.read_text("utf-8")).get("company", receipt.name)
    except (OSError, ValueError) as error:
        raise DamagedInput(f"the receipt's company can't be read ({error})", file=file) from error
    return company_key(company)


def company_key(company: str) -> str:
    """A company's name as it tells receipts apart: without case, spaces and marks."""
    return "".join(filter(str.isalnum, company.casefold()))


def _forms(data: Path) -> Iterator[_Scanned]:
    for index, form in enumerate(read_examples(data / "funsd")):
        yield _Scanned(_gray(form), form.page, form.name, index % FOLDS, cased=True)


def _gray(example: ReadingExample) -> Gray:
    picture = cv2.imread(str(example.image), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise DamagedInput("not a readable picture", file=example.image)
    return np.asarray(picture, np.uint8)


@dataclass(frozen=True)
class _Scanned:
    """A page to cut from."""

    gray: Gray
    page: Page
    document: str
    fold: int
    cased: bool

    def words(self) -> Iterator[Crop]:
        for word in self.page.words:
            yield from self.crop([word])

    def lines(self, *, sure: bool = False) -> Iterator[Crop]:
        """Words by lines; if ``sure``, those alone of several words with spaces between them."""
        for segment in self.page.lines:
            for line in on_one_line(segment.words):
                if not sure or (len(line) > 1 and spaces_are_sure(line)):
                    yield from self.crop(line)

    def crop(self, words: Sequence[Word]) -> Iterator[Crop]:
        """The words' crop; none where nothing is left of the box on the page."""
        box, text = box_union(word.box for word in words), " ".join(word.text for word in words)
        found = Crop(self.gray, box, normalise(text), self.document, self.fold, self.cased)
        if min(found.pixels.shape) > 1 and found.text:
            yield found


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


def spaces_are_sure(words: Sequence[Word]) -> bool:
    """Whether a space is printed between all neighbours.

    FUNSD's annotators cut numbers and compounds at their punctuation, too: "6.|382", "CAT-|A". A
    reader that learnt these as spaces would put spaces where none are. Boxes are too loose to
    tell by their distance, unless it is wide; but two words of letters are never one.
    """
    return all(
        (first.text[-1].isalpha() and second.text[0].isalpha())
        or second.box[0] - first.box[2] >= _SURE_GAP * (first.box[3] - first.box[1])
        for first, second in itertools.pairwise(words)
    )


# For training


def unfit(crop: Crop, alphabet: Alphabet) -> str | None:
    """Why nothing can be learnt from a crop, if so."""
    rows, columns = crop.pixels.shape
    if min(rows, columns) < LEAST_HEIGHT:
        return "too few pixels"
    if columns * HEIGHT / rows < FRAME * len(crop.text):
        return "too narrow for its text, as where that runs upwards"
    try:
        alphabet.encode(crop.text)
    except KeyError as error:
        return f"the model's characters lack {error.args[0]!r}"
    return None


def varied(crop: Crop, rng: Random) -> CutLine:
    """The crop as another detector would have cut it out of another scan."""
    # Not so wide that the next word begins.
    across, above = (0.0, 0.2), (0.0, 0.25)
    cut = crop.cut(*(rng.uniform(*ends) for ends in (across, above, across, above)))
    if min(cut.shape) < LEAST_HEIGHT:  # of a full stop
        cut = crop.pixels
    page = _rescanned(cut, crop.box[3] - crop.box[1], rng)
    for kind, spoil in _SPOILING.items():
        if rng.random() < wear.CHANCES[kind] / 2:
            spoil(page, rng.uniform(0, _SEVERITY), rng)
    pixels = np.clip(page.picture * 255, 0, 255).astype(np.uint8)
    text = crop.text if crop.cased else crop.text.upper()
    return CutLine(to_height(pixels), text, crop.cased)


_SPOILING = {
    "light": scan.light,
    "blur": scan.blur,
    "halo": scan.halo,
    "noise": scan.noise,
    "jpeg": scan.jpeg,
}


def _rescanned(cut: Gray, text_rows: float, rng: Random) -> scan.Scan:
    """At the scan's own resolution or, a third of them, at a lower one; a little stretched."""
    rows, columns = cut.shape
    scale = rng.uniform(0.6, 1) if rng.random() < 1 / 3 else 1.0
    scale = min(1.0, max(scale, _LEAST_ROWS / rows))
    size = (max(1, round(columns * scale * rng.uniform(0.92, 1.08))), round(rows * scale))
    picture = np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), np.float32)
    picture /= 255
    return scan.Scan(picture, scale * text_rows, float(np.ptp(picture)))
