"""How well a page was read: words found, words right, characters wrong, confidence believed.

Definitions. A predicted word *locates* a true word where their boxes overlap with an
intersection over union of at least .5; pairs are one-to-one, the best overlaps first. It is
*right* where the text is the same, character by character. Words that the annotators could not
read (``<unk>``) and predictions on them are left out. Where a set only gives the text of whole
lines (SROIE), a predicted word belongs to the line that its centre lies in and is right where
that line holds the word; its annotators wrote capitals whatever was printed, so case does not
count there. Where a set only gives text, the words are aligned as a sequence.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rapidfuzz.distance import LCSseq, Levenshtein

from vlkit.document import Block, Box, Document, Line, Page, Word, box_union
from vlkit.errors import DamagedInput, InputError

UNREADABLE = "<unk>"
MATCH_IOU = 0.5
ECE_BINS = 15

Truth = Literal["words", "lines", "text"]


@dataclass(frozen=True)
class ReadingExample:
    """A page picture and what is written on it.

    Attributes:
        name: The item's name in split files: the picture's name without suffix.
        image: The picture.
        page: The truth, boxes in the picture's pixels. Of ``lines``, each line is one block
            whose words all carry the line's box; of ``text``, all boxes are empty.
        truth: What the set knows: boxes of words, boxes of lines, or text alone.
        unreadable: Boxes of words that nobody could read.
    """

    name: str
    image: Path
    page: Page
    truth: Truth
    unreadable: tuple[Box, ...] = ()

    @property
    def document(self) -> Document:
        return Document(name=self.image.name, pages=[self.page])


@dataclass(frozen=True)
class PageScore:
    """Counts of one page, to be added up; ``summarise`` turns them into figures.

    Attributes:
        words, predicted: True and predicted words that count.
        located: Pairs by overlap alone; None where the truth has no word boxes.
        right: Pairs with equal text as well.
        edits, characters: Edit distance of the text, and the true text's length.
        word_edits: Edit distance in words.
        confidence, correct: Of each predicted word that has a confidence.
    """

    words: int
    predicted: int
    located: int | None
    right: int
    edits: int
    characters: int
    word_edits: int
    confidence: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    correct: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))


# ---------------------------------------------------------------------------------------------
# Scoring


def score_page(example: ReadingExample, predicted: Sequence[Word]) -> PageScore:
    """Compare predicted words, boxes in the picture's pixels, with the truth of one page."""
    if example.truth == "words":
        return _score_words(example.page.words, predicted, example.unreadable)
    if example.truth == "lines":
        capitals = [word.model_copy(update={"text": word.text.upper()}) for word in predicted]
        return _score_lines(example.page.lines, _rejoined(capitals))
    return _score_text(example.page.text, _rejoined(predicted))


def pairwise_iou(first: Sequence[Box], second: Sequence[Box]) -> NDArray[np.float64]:
    """Intersection over union of every pair of boxes, [len(first), len(second)]."""
    overlap, area_a, area_b = _overlaps(first, second)
    union = area_a[:, None] + area_b[None, :] - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def match_boxes(
    truth: Sequence[Box], predicted: Sequence[Box], threshold: float = MATCH_IOU
) -> list[tuple[int, int]]:
    """One-to-one pairs (truth, predicted) with IoU ≥ threshold, best overlaps first."""
    iou = pairwise_iou(truth, predicted)
    rows, columns = np.nonzero(iou >= threshold)
    order = np.argsort(-iou[rows, columns], kind="stable")
    used_rows: set[int] = set()
    used_columns: set[int] = set()
    pairs = []
    for i in order:
        row, column = int(rows[i]), int(columns[i])
        if row not in used_rows and column not in used_columns:
            used_rows.add(row)
            used_columns.add(column)
            pairs.append((row, column))
    return pairs


def _overlaps(
    first: Sequence[Box], second: Sequence[Box]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Areas of every pair's intersection, and of every box of either side."""
    a = np.asarray(first, np.float64).reshape(-1, 4)
    b = np.asarray(second, np.float64).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.prod(np.clip(high - low, 0, None), axis=2)
    return overlap, np.prod(a[:, 2:] - a[:, :2], axis=1), np.prod(b[:, 2:] - b[:, :2], axis=1)


def _score_words(
    truth: Sequence[Word], predicted: Sequence[Word], unreadable: Sequence[Box]
) -> PageScore:
    pairs = match_boxes([word.box for word in truth], [word.box for word in predicted])
    taken = {column for _, column in pairs}
    overlap, _, areas = _overlaps(unreadable, [word.box for word in predicted])
    hidden = overlap.sum(axis=0) >= MATCH_IOU * np.maximum(areas, 1e-9)
    counted = [i for i in range(len(predicted)) if i in taken or not hidden[i]]
    partner = {column: truth[row].text for row, column in pairs}
    right = {i for i, text in partner.items() if predicted[i].text == text}
    missed = set(range(len(truth))) - {row for row, _ in pairs}
    edits = sum(Levenshtein.distance(predicted[i].text, partner.get(i, "")) for i in counted) + sum(
        len(truth[i].text) for i in missed
    )
    confidence, correct = _believed(predicted, counted, right)
    return PageScore(
        words=len(truth),
        predicted=len(counted),
        located=len(pairs),
        right=len(right),
        edits=edits,
        characters=sum(len(word.text) for word in truth),
        word_edits=len(missed) + len(counted) - len(right),
        confidence=confidence,
        correct=correct,
    )


def _score_lines(truth: Sequence[Line], predicted: Sequence[Word]) -> PageScore:
    homes: list[list[int]] = [[] for _ in truth]
    strays: list[int] = []
    for i, word in enumerate(predicted):
        place = _line_at(truth, word.box)
        (strays if place is None else homes[place]).append(i)
    right: set[int] = set()
    edits = sum(len(predicted[i].text) for i in strays)
    word_edits = len(strays)
    for line, home in zip(truth, homes, strict=True):
        home.sort(key=lambda i: predicted[i].box[0])
        wanted = Counter(word.text for word in line.words)
        for i in home:
            if wanted[predicted[i].text] > 0:
                wanted[predicted[i].text] -= 1
                right.add(i)
        edits += Levenshtein.distance(" ".join(predicted[i].text for i in home), line.text)
        word_edits += Levenshtein.distance(
            [predicted[i].text for i in home], [word.text for word in line.words]
        )
    confidence, correct = _believed(predicted, range(len(predicted)), right)
    return PageScore(
        words=sum(len(line.words) for line in truth),
        predicted=len(predicted),
        located=None,
        right=len(right),
        edits=edits,
        characters=sum(len(line.text) for line in truth),
        word_edits=word_edits,
        confidence=confidence,
        correct=correct,
    )


def _rejoined(words: Sequence[Word]) -> list[Word]:
    """Words as white space parts them, for truth that knows no other parts."""
    joined: list[Word] = []
    for word in words:
        if not joined or joined[-1].space_after:
            joined.append(word)
            continue
        last = joined[-1]
        known = last.confidence is not None and word.confidence is not None
        joined[-1] = word.model_copy(
            update={
                "text": last.text + word.text,
                "box": box_union([last.box, word.box]),
                "confidence": (last.confidence or 0) * (word.confidence or 0) if known else None,
            }
        )
    return joined


def _line_at(lines: Sequence[Line], box: Box) -> int | None:
    """The line that the box's centre lies in; of several, the one centred nearest in height."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    inside = [
        (abs(y - (line.box[1] + line.box[3]) / 2), i)
        for i, line in enumerate(lines)
        if line.box[0] <= x <= line.box[2] and line.box[1] <= y <= line.box[3]
    ]
    return min(inside)[1] if inside else None


def _score_text(truth: str, predicted: Sequence[Word]) -> PageScore:
    """White space counts as one space wherever it stands; words in the order given."""
    wanted, got = truth.split(), [word.text for word in predicted]
    blocks = LCSseq.editops(got, wanted).as_matching_blocks()
    right = {i for block in blocks for i in range(block.a, block.a + block.size)}
    confidence, correct = _believed(predicted, range(len(predicted)), right)
    return PageScore(
        words=len(wanted),
        predicted=len(got),
        located=None,
        right=len(right),
        edits=Levenshtein.distance(" ".join(got), " ".join(wanted)),
        characters=len(" ".join(wanted)),
        word_edits=Levenshtein.distance(got, wanted),
        confidence=confidence,
        correct=correct,
    )


def _believed(
    predicted: Sequence[Word], counted: Iterable[int], right: set[int]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    pairs = [(predicted[i].confidence, i in right) for i in counted]
    kept = [(confidence, correct) for confidence, correct in pairs if confidence is not None]
    return np.array([c for c, _ in kept], np.float64), np.array([r for _, r in kept], bool)


# ---------------------------------------------------------------------------------------------
# Figures


def summarise(scores: Sequence[PageScore]) -> dict[str, float]:
    """Figures over all pages, words weighing alike; only those that the truth allows.

    ``word_recall``, ``word_precision``, ``detection_recall``, ``detection_precision``, ``cer``
    and ``wer`` (edits per true character and word: may pass 1), ``ece``.
    """
    words = sum(score.words for score in scores)
    predicted = sum(score.predicted for score in scores)
    right = sum(score.right for score in scores)
    figures = {"word_recall": _share(right, words), "word_precision": _share(right, predicted)}
    located = [score.located for score in scores if score.located is not None]
    if located and len(located) == len(scores):
        figures["detection_recall"] = _share(sum(located), words)
        figures["detection_precision"] = _share(sum(located), predicted)
    figures["cer"] = _share(
        sum(score.edits for score in scores), sum(score.characters for score in scores)
    )
    figures["wer"] = _share(sum(score.word_edits for score in scores), words)
    confidence = np.concatenate([np.zeros(0), *(score.confidence for score in scores)])
    correct = np.concatenate([np.zeros(0, bool), *(score.correct for score in scores)])
    if confidence.size:
        figures["ece"] = expected_calibration_error(confidence, correct)
    return figures


def expected_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = ECE_BINS
) -> float:
    """Mean gap between confidence and accuracy over ``bins`` bins of equal mass.

    Σ_b n_b / n · |mean confidence in b − share correct in b|, words sorted by confidence.
    Equal confidences are not told apart: they are given their common accuracy, so that the
    figure does not hang on the words' order.
    """
    order = np.argsort(confidence, kind="stable")
    sorted_confidence = confidence[order]
    _, group, count = np.unique(sorted_confidence, return_inverse=True, return_counts=True)
    accuracy = (np.bincount(group, weights=correct[order]) / count)[group]
    gaps = [
        abs(float(part.sum()))
        for part in np.array_split(sorted_confidence - accuracy, bins)
        if part.size
    ]
    return sum(gaps) / max(len(confidence), 1)


def risk_coverage(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(coverage, risk), each [N]: the share kept, surest first, and its share that is wrong."""
    order = np.argsort(-confidence, kind="stable")
    kept = np.arange(1, len(order) + 1)
    return kept / len(order), np.cumsum(~correct[order]) / kept


@dataclass(frozen=True)
class Interval:
    """A difference and its 95 % interval."""

    difference: float
    low: float
    high: float


def paired_bootstrap(
    ours: Sequence[PageScore],
    theirs: Sequence[PageScore],
    figure: Literal["word_recall", "word_precision"],
    samples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Ours − theirs on the same pages, and its percentile interval over resampled pages."""

    def counts(scores: Sequence[PageScore]) -> NDArray[np.float64]:
        bottom = [s.words if figure == "word_recall" else s.predicted for s in scores]
        return np.array([[s.right for s in scores], bottom], np.float64)

    a, b = counts(ours), counts(theirs)
    drawn = np.random.default_rng(seed).integers(0, len(ours), (samples, len(ours)))
    (top_a, bottom_a), (top_b, bottom_b) = a[:, drawn].sum(axis=2), b[:, drawn].sum(axis=2)
    differences = top_a / np.maximum(bottom_a, 1) - top_b / np.maximum(bottom_b, 1)
    low, high = np.percentile(differences, [2.5, 97.5])
    (right_a, all_a), (right_b, all_b) = a.sum(axis=1), b.sum(axis=1)
    point = right_a / max(all_a, 1) - right_b / max(all_b, 1)
    return Interval(float(point), float(low), float(high))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


# ---------------------------------------------------------------------------------------------
# Data


def read_examples(folder: Path, names: Iterable[str] | None = None) -> list[ReadingExample]:
    """The pages of a folder laid out as FUNSD, SROIE or Tesseract's test set, sorted by name.

    Args:
        folder: FUNSD: ``images/*.png`` and ``annotations/*.json``. SROIE: ``img/*.jpg`` and
            ``box/*.csv``. Otherwise pictures beside ``NAME.txt`` or ``NAME.gold.txt``.
        names: Only these items (``--split``); all by default.

    Raises:
        InputError: The folder is none of these, or lacks an item that was named.
        DamagedInput: An annotation can't be parsed.
    """
    if (folder / "annotations").is_dir():
        found = {path.stem: path for path in (folder / "annotations").glob("*.json")}
        read = _read_funsd
    elif (folder / "box").is_dir():
        found = {path.stem: path for path in (folder / "box").glob("*.csv")}
        read = _read_sroie
    else:
        found = {path.name.split(".txt")[0].removesuffix(".gold"): path for path in _texts(folder)}
        read = _read_plain
    wanted = sorted(found) if names is None else list(names)
    if not wanted:
        raise InputError(
            "no examples of a reading test here",
            remedy="Give a folder laid out as FUNSD, SROIE, or pictures beside .txt files",
            file=folder,
        )
    if missing := [name for name in wanted if name not in found]:
        raise InputError(f"no annotation named '{missing[0]}'", file=folder)
    examples = []
    for name in wanted:
        try:
            examples.append(read(folder, name, found[name]))
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedInput(f"not a readable annotation ({error})", file=found[name]) from error
    return examples


def _read_funsd(folder: Path, name: str, path: Path) -> ReadingExample:
    content = json.loads(path.read_text(encoding="utf-8"))
    segments = content["document"] if "document" in content else content["form"]
    blocks: list[Block] = []
    unreadable: list[Box] = []
    for segment in segments:
        words = []
        for word in segment["words"]:
            x0, y0, x1, y1 = map(float, word["box"])
            box = (x0, y0, x1, y1)
            if word["text"] == UNREADABLE:
                unreadable.append(box)
            elif word["text"].strip():
                words.append(Word(text=word["text"].strip(), box=box))
        if words:
            blocks.append(_block(words))
    image = _picture(folder / "images", name, path)
    return ReadingExample(name, image, _page(image, blocks), "words", tuple(unreadable))


def _read_sroie(folder: Path, name: str, path: Path) -> ReadingExample:
    blocks = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file, quoting=csv.QUOTE_NONE):
            if len(row) < 9:
                continue
            xs, ys = [float(x) for x in row[0:8:2]], [float(y) for y in row[1:8:2]]
            box = (min(xs), min(ys), max(xs), max(ys))
            words = [Word(text=text, box=box) for text in ",".join(row[8:]).split()]
            if words:
                blocks.append(_block(words))
    image = _picture(folder / "img", name, path)
    return ReadingExample(name, image, _page(image, blocks), "lines")


def _read_plain(folder: Path, name: str, path: Path) -> ReadingExample:
    nowhere: Box = (0.0, 0.0, 0.0, 0.0)
    rows = [row.split() for row in path.read_text(encoding="utf-8").splitlines()]
    blocks = [_block([Word(text=text, box=nowhere) for text in row]) for row in rows if row]
    image = _picture(folder, name, path)
    return ReadingExample(name, image, _page(image, blocks), "text")


def _texts(folder: Path) -> list[Path]:
    """Texts that stand beside a picture; a corrected ``.gold.txt`` goes before a ``.txt``."""
    texts = [path for path in folder.glob("*.txt") if _beside(folder, path.name.split(".txt")[0])]
    return sorted(texts) + sorted(
        path
        for path in folder.glob("*.gold.txt")
        if _beside(folder, path.name.removesuffix(".gold.txt"))
    )


def _beside(folder: Path, name: str) -> Path | None:
    """The picture of that name, whatever its suffix."""
    suffixes = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif")
    return next((path for end in suffixes if (path := folder / f"{name}{end}").is_file()), None)


def _picture(folder: Path, name: str, annotation: Path) -> Path:
    picture = _beside(folder, name)
    if picture is None:
        raise InputError("the annotation has no picture beside it", file=annotation)
    return picture


def _block(words: list[Word]) -> Block:
    box = box_union(word.box for word in words)
    return Block(lines=[Line(words=words, box=box)], box=box)


def _page(image: Path, blocks: list[Block]) -> Page:
    with Image.open(image) as picture:
        width, height = picture.size
    return Page(number=1, width=width, height=height, items=list(blocks))
