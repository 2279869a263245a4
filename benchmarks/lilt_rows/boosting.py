"""Gradient boosting on words and geometry: what labels a form without any language model.

Each word has a row of figures: its letters, which of the commonest words it and its neighbours
are, where it and its line stand, and what stands left, right, above and below. Trees say its tag.
A second set of trees also sees what the first says of its neighbours, told by trees that did not
learn from that form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from vlkit.document import Box, Line, Page

COMMONEST = 200
PARTS = 3
AROUND = (-2, -1, 1, 2)
FAR = 50.0
SIDES = 4
Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Trees:
    """How large the ensembles are; of the second set too."""

    rounds: int = 120
    rate: float = 0.1
    leaves: int = 31


class Boosting:
    """Tags of words by two sets of trees.

    Args:
        pages: To learn from.
        tags: Of their words.
    """

    def __init__(self, pages: Sequence[Page], tags: Sequence[Sequence[str]], trees: Trees) -> None:
        words = Counter(_key(word.text) for page in pages for word in page.words)
        self.known = {word: at for at, (word, _) in enumerate(words.most_common(COMMONEST), 1)}
        self.labels = sorted({tag for each in tags for tag in each})
        numbers = {label: number for number, label in enumerate(self.labels)}
        rows = [self.rows(page) for page in pages]
        targets = [np.array([numbers[tag] for tag in each]) for each in tags]
        first: list[Rows] = [np.zeros((0, 0))] * len(pages)
        for part in range(PARTS):
            taught = [at for at in range(len(pages)) if at % PARTS != part]
            model = self._fit([rows[at] for at in taught], [targets[at] for at in taught], trees)
            for at in range(part, len(pages), PARTS):
                first[at] = self._said(model, rows[at])
        self.first = self._fit(rows, targets, trees)
        both = [
            self._with_neighbours(page, row, said)
            for page, row, said in zip(pages, rows, first, strict=True)
        ]
        self.second = self._fit(both, targets, trees)

    def tags(self, page: Page) -> list[str]:
        """The most probable tag of each word."""
        rows = self.rows(page)
        both = self._with_neighbours(page, rows, self._said(self.first, rows))
        return [self.labels[number] for number in self._said(self.second, both).argmax(axis=1)]

    def _fit(
        self, rows: Sequence[Rows], targets: Sequence[NDArray[np.int64]], trees: Trees
    ) -> HistGradientBoostingClassifier:
        model = HistGradientBoostingClassifier(
            learning_rate=trees.rate,
            max_iter=trees.rounds,
            max_leaf_nodes=trees.leaves,
            categorical_features=list(range(len(AROUND) + 1 + SIDES)),
            early_stopping=False,
            random_state=0,
        )
        return model.fit(np.concatenate(rows), np.concatenate(targets))

    def _said(self, model: HistGradientBoostingClassifier, rows: Rows) -> Rows:
        found = np.zeros((len(rows), len(self.labels)))
        if len(rows):
            found[:, model.classes_] = model.predict_proba(rows)
        return found

    def rows(self, page: Page) -> Rows:
        """[words, figures]; which common words it and those around it are come first."""
        words = page.words
        homes, places = _homes(page)
        ids = np.array([self.known.get(_key(word.text), 0) for word in words])
        ends = [self.known.get(_key(line.words[-1].text), 0) for line in page.lines]
        beside, gaps = _neighbours(page)
        common = [ids, *(_shifted(ids, by) for by in AROUND)]
        common += [np.array([ends[at] if at >= 0 else 0 for at in side])[homes] for side in beside]
        own = np.array([_letters(word.text) for word in words]).reshape(len(words), -1)
        shapes = [own, *(_shifted(own, by) for by in (-1, 1))]
        lines = np.array([_line(page, line) for line in page.lines]).reshape(len(page.lines), -1)
        near = [_taken(lines[:, -5:], side) for side in beside]
        per_line = np.concatenate([lines, gaps, *near], axis=1)[homes]
        boxes = np.array([_on_page(word.box, page) for word in words]).reshape(-1, 4)
        return np.concatenate([np.stack(common, axis=1), *shapes, per_line, places, boxes], axis=1)

    def _with_neighbours(self, page: Page, rows: Rows, said: Rows) -> Rows:
        """Also what was said of the word, of those around it, and of the lines on each side."""
        homes, _ = _homes(page)
        starts = np.searchsorted(homes, np.arange(len(page.lines)))
        beside, _ = _neighbours(page)
        sides = [_taken(said[starts], side)[homes] for side in beside]
        return np.concatenate([rows, said, *(_shifted(said, by) for by in AROUND), *sides], axis=1)


# What is known of a word


def _key(text: str) -> str:
    return "".join("0" if letter.isdigit() else letter for letter in text.casefold())


def _letters(text: str) -> list[float]:
    count = max(len(text), 1)
    return [
        len(text),
        sum(map(str.isdigit, text)) / count,
        sum(map(str.isupper, text)) / count,
        sum(map(str.isalpha, text)) / count,
        text.endswith(":"),
        text.endswith((".", ",")),
        text[:1].isupper(),
        text.startswith("("),
        any(sign in text for sign in "/-"),
        any(sign in text for sign in "$%#"),
        ":" in text,
        text == "<unk>",
    ]


def _homes(page: Page) -> tuple[NDArray[np.int64], Rows]:
    """Of each word its line's number; [words, 3]: its place from the start, from the end, share."""
    homes, places = [], []
    for number, line in enumerate(page.lines):
        for at in range(len(line.words)):
            homes.append(number)
            places.append([at, len(line.words) - 1 - at, at / len(line.words)])
    return np.array(homes, np.int64), np.array(places, np.float64).reshape(-1, 3)


def _line(page: Page, line: Line) -> list[float]:
    """Where a line stands and, last, five figures of what it says."""
    box = _on_page(line.box, page)
    heights = [each.box[3] - each.box[1] for each in page.lines]
    lefts = [abs(each.box[0] - line.box[0]) < 0.01 * page.width for each in page.lines]
    rows = [min(e.box[3], line.box[3]) > max(e.box[1], line.box[1]) for e in page.lines]
    text = "".join(word.text for word in line.words)
    count = max(len(text), 1)
    return [
        *box,
        abs((box[0] + box[2]) / 2 - 0.5),
        (line.box[3] - line.box[1]) / float(np.median(heights)),
        sum(lefts),
        sum(rows),
        len(line.words),
        text.endswith(":"),
        ":" in text,
        sum(map(str.isdigit, text)) / count,
        sum(map(str.isupper, text)) / count,
    ]


def _on_page(box: Box, page: Page) -> list[float]:
    return [
        box[0] / page.width,
        box[1] / page.height,
        box[2] / page.width,
        box[3] / page.height,
    ]


def _neighbours(page: Page) -> tuple[list[NDArray[np.int64]], Rows]:
    """The nearest line left, right, above and below of each, -1 where there is none, and how far
    it is [lines, 4] in the page's usual line heights."""
    boxes = np.array([line.box for line in page.lines], np.float64).reshape(-1, 4)
    x0, y0, x1, y1 = boxes.T
    unit = float(np.median(y1 - y0)) if len(boxes) else 1.0
    row = np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0) > 0.3 * np.minimum.outer(
        y1 - y0, y1 - y0
    )
    column = np.minimum.outer(x1, x1) > np.maximum.outer(x0, x0)
    right = x0[None, :] - x1[:, None]
    below = y0[None, :] - y1[:, None]
    found, far = [], []
    for gaps, along in ((right.T, row), (right, row), (below.T, column), (below, column)):
        sizes = np.where(along & (gaps > -0.5 * unit), gaps / unit, np.inf)
        np.fill_diagonal(sizes, np.inf)
        nearest = sizes.argmin(axis=1)
        best = sizes[np.arange(len(boxes)), nearest]
        found.append(np.where(np.isfinite(best), nearest, -1))
        far.append(np.minimum(best, FAR))
    return found, np.stack(far, axis=1)


def _shifted(values: NDArray[np.generic], by: int) -> NDArray[np.generic]:
    """Of each word the value of the one so many places on, 0 beyond the ends."""
    moved = np.zeros_like(values)
    if by > 0:
        moved[:-by] = values[by:]
    else:
        moved[-by:] = values[:by]
    return moved


def _taken(values: Rows, at: NDArray[np.int64]) -> Rows:
    """The rows at these places, zeros for -1."""
    return np.where(at[:, None] >= 0, values[at], 0.0)


def tags_of(page: Page) -> list[str]:
    """``O``, ``B-label`` or ``I-label`` of each word of the truth."""
    return list(_tags(page))


def _tags(page: Page) -> Iterator[str]:
    begins = {entity.words[0]: entity.label for entity in page.entities}
    inside = {index: entity.label for entity in page.entities for index in entity.words}
    for index in range(len(page.words)):
        if index in begins:
            yield f"B-{begins[index]}"
        else:
            yield f"I-{inside[index]}" if index in inside else "O"
