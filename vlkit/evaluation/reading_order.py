"""Reading order as relations: which piece of text follows which."""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from vlkit.document import Box, Line, Page, Word, box_union
from vlkit.errors import InputError
from vlkit.layout.blocks import line_order
from vlkit.layout.measure import shared_area

T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True)
class OrderCounts:
    """Relations of some pages, to be added up."""

    found: int = 0
    predicted: int = 0
    true: int = 0

    def __add__(self, other: OrderCounts) -> OrderCounts:
        return OrderCounts(
            self.found + other.found,
            self.predicted + other.predicted,
            self.true + other.true,
        )

    @property
    def relation_f1(self) -> float:
        """2 · found ÷ (predicted + true); 1 where there is nothing to find."""
        total = self.predicted + self.true
        return 2 * self.found / total if total else 1.0


def count_relations(predicted: Iterable[tuple[T, T]], true: Iterable[tuple[T, T]]) -> OrderCounts:
    """Compare two sets of (piece, successor) pairs."""
    ours, theirs = set(predicted), set(true)
    return OrderCounts(len(ours & theirs), len(ours), len(theirs))


def successors(order: Sequence[T], among: Collection[T] | None = None) -> list[tuple[T, T]]:
    """The pairs of neighbours of a sequence, once what is not ``among`` is left out."""
    kept = [piece for piece in order if among is None or piece in among]
    return list(pairwise(kept))


def naive_order(boxes: Sequence[Box]) -> list[int]:
    """Top to bottom by the upper edge, then left to right: what to compare with."""
    return sorted(range(len(boxes)), key=lambda i: (boxes[i][1], boxes[i][0]))


@dataclass(frozen=True)
class OrderedPage:
    """A page's pieces of text and the true relations between their indices."""

    name: str
    lines: list[Line]
    relations: list[tuple[int, int]]


def read_folder(folder: Path, names: Sequence[str] | None = None) -> list[OrderedPage]:
    """FUNSD's forms (``annotations/*.json``) or DocBank's pages (``*.txt``), by name.

    Raises:
        InputError: The folder holds neither.
    """
    readers = (("annotations/*.json", read_funsd), ("*.txt", read_docbank_page))
    for pattern, reader in readers:
        files = [f for f in sorted(folder.glob(pattern)) if names is None or f.stem in names]
        if files:
            return [reader(file) for file in files]
    raise InputError(
        "there is no reading order", remedy="Give a folder as FUNSD or DocBank has it", file=folder
    )


def score_page(page: OrderedPage) -> OrderCounts:
    """vlkit's order of the page's lines against the true relations."""
    return count_relations(successors(line_order(page.lines)), page.relations)


def score_naive(page: OrderedPage) -> OrderCounts:
    """The same for ``naive_order``."""
    order = naive_order([line.box for line in page.lines])
    return count_relations(successors(order), page.relations)


def read_funsd(annotation: Path) -> OrderedPage:
    """A FUNSD form (EC-FUNSD/ROOR revision): segments, and ``ro_linkings`` between their ids."""
    form = json.loads(annotation.read_text(encoding="utf-8"))
    segments = form["document"]
    index = {segment["id"]: number for number, segment in enumerate(segments)}
    relations = [(index[a], index[b]) for a, b in form["ro_linkings"]]
    return OrderedPage(annotation.stem, [_funsd_line(s) for s in segments], relations)


def _funsd_line(segment: dict[str, Any]) -> Line:
    words = [Word(text=word["text"], box=word["box"]) for word in segment["words"]]
    return Line(words=words, box=segment["box"])


# --- DocBank: tokens stand in raster order; the true order is derived by column ------------------

_TEXT = frozenset(
    ("abstract", "author", "date", "footer", "list", "paragraph", "reference", "section", "title")
)
"""Tables, figures, captions and equations float or have no order of their own."""
_MIDDLE = (400, 600)
"""A gutter between two columns is looked for here, of 1000."""
_SPACE = 9
"""A row whose words stand nearer than this, of 1000, over the gutter runs over both columns."""


def read_docbank_page(tokens: Path) -> OrderedPage:
    """A DocBank page: its lines of text, and their order by column.

    The page has two columns if some x in its middle is crossed by less than one row in four and
    one in eight stands on either side. Then rows that run over it divide the page, and between
    two of them the left column comes before the right one. Lines of tables, figures, captions
    and equations are left out.

    Drawn and looked at on 20 pages taken at random, after the parameters were set: all 5 of two
    columns are divided rightly; 1 of the 15 others, formulas with little text, is divided though
    it should not be. On about 6 pages indices or symbols of formulas are lines of their own, out
    of their sentence, and page numbers above a column are read with it.
    """
    words = _docbank_words(tokens)
    rows = _rows(words)
    gutter = _gutter(rows)
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for row in rows:
        parts = _parts(row, gutter)
        if len(parts) == 1 and gutter is not None and _runs_over(parts[0], gutter):
            ordered += [*left, *right, parts[0]]
            left, right = [], []
            continue
        for part in parts:
            side = left if gutter is None or part.box[0] < gutter else right
            side.append(part)
    ordered += [*left, *right]
    return _ordered_page(tokens.stem, ordered)


def _docbank_words(tokens: Path) -> list[Word]:
    words, figures = [], []
    for row in tokens.read_text(encoding="utf-8").splitlines():
        text, x0, y0, x1, y1, *_, label = row.split("\t")
        word = Word(text=text, box=(float(x0), float(y0), float(x1), float(y1)))
        if text == "##LTFigure##":
            figures.append(word.box)
        elif text.strip() and not text.startswith("##LT") and label in _TEXT:
            words.append(word)
    return [
        word
        for word in words
        if word.box[0] < word.box[2]
        and word.box[1] < word.box[3]
        and not any(shared_area(word.box, box) > 0 for box in figures)
    ]


def _rows(words: Sequence[Word]) -> list[list[Word]]:
    """Words whose middles are at one height, left to right; rows top to bottom."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.box[1] + word.box[3]):
        box = rows[-1][0].box if rows else word.box
        shared = min(box[3], word.box[3]) - max(box[1], word.box[1])
        if rows and shared > 0.5 * min(box[3] - box[1], word.box[3] - word.box[1]):
            rows[-1].append(word)
        else:
            rows.append([word])
    return [sorted(row, key=lambda word: word.box[0]) for row in rows]


def _gutter(rows: Sequence[Sequence[Word]]) -> float | None:
    """The x in the page's middle that the fewest rows cross, if it parts two columns."""
    lines = [_line(row) for row in rows]
    places = range(*_MIDDLE, 2)
    crossing = {x: sum(1 for line in lines if _runs_over(line, x)) for x in places}
    least = min(crossing.values())
    best = median(x for x in places if crossing[x] == least)
    left = sum(1 for line in lines if line.box[0] < best)
    right = sum(1 for line in lines if line.box[2] > best)
    parted = least < 0.25 * len(lines) and min(left, right) > 0.12 * len(lines)
    return best if parted else None


def _runs_over(line: Line, x: float) -> bool:
    """Whether no white space wider than a word space lies around x."""
    before = max((word.box[2] for word in line.words if word.box[0] < x), default=None)
    after = min((word.box[0] for word in line.words if word.box[0] >= x), default=None)
    if before is not None and before > x:
        return True
    return before is not None and after is not None and after - before < _SPACE


def _parts(row: list[Word], gutter: float | None) -> list[Line]:
    line = _line(row)
    if gutter is None or _runs_over(line, gutter):
        return [line]
    sides = ([w for w in row if w.box[0] < gutter], [w for w in row if w.box[0] >= gutter])
    return [_line(side) for side in sides if side]


def _line(words: Sequence[Word]) -> Line:
    return Line(words=list(words), box=box_union(word.box for word in words))


def read_generated(page: Page) -> OrderedPage:
    """A page whose items are known to be in reading order: lines, each followed by the next."""
    return _ordered_page(str(page.number), page.lines)


def _ordered_page(name: str, ordered: Sequence[Line]) -> OrderedPage:
    """Lines handed out top to bottom, so that nobody gains by leaving them as they come."""
    raster = naive_order([line.box for line in ordered])
    place = {index: number for number, index in enumerate(raster)}
    relations = [(place[a], place[b]) for a, b in pairwise(range(len(ordered)))]
    return OrderedPage(name, [ordered[index] for index in raster], relations)
