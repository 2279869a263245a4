"""A document as pieces of lines: what stands together, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vlkit.document import Box, Document, Page, Place, Table, Word, box_union
from vlkit.values import Conventions, Value, conventions_of, scan

_WIDE = 1.5
"""Line heights of white between two words that belong to different columns."""
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")


@dataclass(frozen=True)
class Segment:
    """Words of a line without a wide gap between them.

    Attributes:
        page: Index in the document's pages.
        words: Indices in the page's words.
        homes: For each character of the text the place in ``words`` of its word.
        home: Number of the block or cell that it is in; a cell's and a block's differ.
        number: Its index in the sheet.
    """

    page: int
    words: tuple[int, ...]
    text: str
    homes: tuple[int, ...]
    box: Box
    home: int
    number: int

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @cached_property
    def tokens(self) -> list[tuple[int, int]]:
        """Start and stop of each run of letters or digits and of each mark."""
        return [match.span() for match in _TOKEN.finditer(self.text)]


class Sheet:
    """All segments of a document, their boxes, and the values in them as they are asked for."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.words = [page.words for page in document.pages]
        self.segments = list(_segments(document.pages, self.words))
        self.boxes: NDArray[np.float64] = np.array(
            [each.box for each in self.segments], np.float64
        ).reshape(-1, 4)
        self.pages = np.array([each.page for each in self.segments], np.int64)
        self.conventions: Conventions = conventions_of(document.text)
        self._values: dict[tuple[str, int], list[Value]] = {}

    def values(self, kind: str, segment: Segment) -> list[Value]:
        key = (kind, segment.number)
        if key not in self._values:
            self._values[key] = scan(kind, segment.text, self.conventions)
        return self._values[key]

    def span(self, segment: Segment, start: int, stop: int) -> tuple[int, ...]:
        """The page's words that characters of a segment belong to."""
        homes = sorted(set(segment.homes[start:stop]))
        return tuple(segment.words[home] for home in homes)

    def box(self, page: int, words: Sequence[int]) -> Box:
        return box_union(self.words[page][word].box for word in words)

    def places(self, spans: Sequence[tuple[int, tuple[int, ...]]]) -> list[Place]:
        """A place for each page's words, by the pages' numbers."""
        return [
            Place(page=self.document.pages[page].number, box=self.box(page, words))
            for page, words in spans
            if words
        ]

    def right_of(self, segment: Segment) -> list[Segment]:
        """Segments of the same row, nearest first."""
        x0, y0, _, y1 = self.boxes.T
        _, top, right, bottom = segment.box
        shared = np.minimum(y1, bottom) - np.maximum(y0, top)
        beside = shared >= 0.4 * np.minimum(y1 - y0, bottom - top)
        found = beside & (x0 >= right - 0.5 * segment.height) & (self.pages == segment.page)
        found[segment.number] = False
        return [self.segments[each] for each in np.flatnonzero(found)[np.argsort(x0[found])]]

    def below(self, segment: Segment, box: Box) -> list[Segment]:
        """Segments under a box of a segment that share some of its width, nearest first."""
        x0, y0, x1, _ = self.boxes.T
        left, _, right, bottom = box
        height = segment.height
        near = (np.minimum(x1, right) - np.maximum(x0, left) > 0) | (abs(x0 - left) < 1.5 * height)
        under = (y0 > bottom - 0.4 * height) & (y0 < bottom + 8 * height)
        found = near & under & (self.pages == segment.page)
        found[segment.number] = False
        return [self.segments[each] for each in np.flatnonzero(found)[np.argsort(y0[found])]]


def _segments(pages: Sequence[Page], words: Sequence[Sequence[Word]]) -> Iterator[Segment]:
    number = home = 0
    for index, page in enumerate(pages):
        at = 0
        for lines in _homes(page):
            home += 1
            for line in lines:
                indices = range(at, at + len(line))
                at += len(line)
                for run in _runs([words[index][each] for each in indices], indices):
                    found = _segment(index, run, words[index], home, number)
                    if found.text.strip():
                        yield found
                        number += 1


def _homes(page: Page) -> Iterator[list[list[Word]]]:
    """Lines of each block, figure and cell, as words, in the order of the page's words."""
    for item in page.items:
        if isinstance(item, Table):
            yield from (_upright([line.words for line in cell.lines]) for cell in item.cells)
        else:
            yield _upright([line.words for line in item.lines])


def _upright(lines: list[list[Word]]) -> list[list[Word]]:
    """Lines of one letter each, as Korean forms write down the side, are one line."""
    single = len(lines) > 1 and all(sum(len(w.text) for w in line) == 1 for line in lines)
    return [[word for line in lines for word in line]] if single else lines


def _runs(words: Sequence[Word], indices: Sequence[int]) -> Iterator[list[int]]:
    run: list[int] = []
    end = 0.0
    for word, index in zip(words, indices, strict=True):
        x0, y0, x1, y1 = word.box
        down = bool(run) and y0 > words[indices.index(run[-1])].box[3] - 0.2 * (y1 - y0)
        if run and not down and x0 - end > _WIDE * (y1 - y0):
            yield run
            run = []
        run.append(index)
        end = x1
    if run:
        yield run


def _segment(
    page: int, run: Sequence[int], words: Sequence[Word], home: int, number: int
) -> Segment:
    text, homes = "", []
    for place, index in enumerate(run):
        word = words[index]
        piece = word.text + (" " if word.space_after and place + 1 < len(run) else "")
        text += piece
        homes += [place] * len(piece)
    box = box_union(words[index].box for index in run)
    return Segment(page, tuple(run), text, tuple(homes), box, home, number)
