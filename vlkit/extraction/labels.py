"""Where the labels of fields are printed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from vlkit.document import Box
from vlkit.extraction.concepts import SECTION, concepts, letters_of
from vlkit.extraction.schema import Wanted
from vlkit.extraction.sheet import Segment, Sheet

ALIKE = 0.8
"""Share of a label's letters that have to be right."""
_SHORTEST_MENDED = 5
_MOST_TOKENS = 8
_MOST_LETTERS = 32
_COLON = (":", "：", "=")


@dataclass(frozen=True)
class Label:
    """A printed label.

    Attributes:
        owners: Names of concepts, and numbers of the fields, that it is a label of.
        start, stop: Characters of the segment.
        alike: 1 where it is printed letter by letter, else the share of letters that are.
        first: Whether nothing is printed before it, or only what a colon ends.
        closed: Whether a colon, a figure or nothing at all follows it.
    """

    owners: frozenset[str | int]
    segment: Segment
    start: int
    stop: int
    alike: float
    first: bool
    closed: bool

    def box(self, sheet: Sheet) -> Box:
        words = sheet.span(self.segment, self.start, self.stop)
        return sheet.box(self.segment.page, words)


def find_labels(sheet: Sheet, fields: Sequence[Wanted]) -> list[Label]:
    """The labels of these fields, and of everything else that documents often say.

    Of labels that overlap the longest counts: "Sub total" is no "Total".
    """
    owners = _owners(fields)
    windows = [(segment, *window) for segment in sheet.segments for window in _windows(segment)]
    matched = _matched(
        [letters for *_, letters, _ in windows], [first for *_, first in windows], owners
    )
    by_segment: dict[int, list[Label]] = defaultdict(list)
    for (segment, start, stop, _, _), (label, alike) in zip(windows, matched, strict=True):
        if label:
            found = Label(
                frozenset(owners[label]),
                segment,
                start,
                stop,
                alike,
                *_around(segment, start, stop),
            )
            by_segment[segment.number].append(found)
    return [label for labels in by_segment.values() for label in _longest(labels)]


def _owners(fields: Sequence[Wanted]) -> dict[str, set[str | int]]:
    owners: dict[str, set[str | int]] = defaultdict(set)
    for concept in concepts().values():
        for label in concept.labels:
            owners[letters_of(label) or label].add(concept.name)
    for number, field in enumerate(fields):
        for label in field.labels:
            owners[letters_of(label) or label].add(number)
    return owners


def _windows(segment: Segment) -> Iterator[tuple[int, int, str, bool]]:
    """Runs of tokens that may be a label: start, stop, letters, whether it is at the start."""
    tokens = segment.tokens
    for first, (start, _) in enumerate(tokens):
        if not (segment.text[start].isalpha() or segment.text[start] == "#"):
            continue
        for last in range(first, min(first + _MOST_TOKENS, len(tokens))):
            stop = tokens[last][1]
            printed = segment.text[start:stop]
            if any(colon in printed for colon in _COLON):
                break
            letters = letters_of(printed) or printed
            if len(letters) > _MOST_LETTERS:
                break
            if printed[-1].isalnum() or printed in ("#", "No."):
                yield start, stop, letters, first == 0


def _matched(
    windows: Sequence[str], at_start: Sequence[bool], owners: dict[str, set[str | int]]
) -> list[tuple[str, float]]:
    """For each window the label that it says, and how alike they are; none is an empty text."""
    matched = [(window, 1.0) if window in owners else ("", 0.0) for window in windows]
    tried = [
        number
        for number, window in enumerate(windows)
        if at_start[number] and not matched[number][0] and len(window) >= _SHORTEST_MENDED
    ]
    known = [label for label in owners if len(label) >= _SHORTEST_MENDED]
    if not tried or not known:
        return matched
    scores = process.cdist(
        [windows[number] for number in tried],
        known,
        scorer=Levenshtein.normalized_similarity,
        score_cutoff=ALIKE,
        dtype=np.float32,
    )
    for row, number in enumerate(tried):
        best = int(scores[row].argmax())
        if scores[row, best] >= ALIKE:
            matched[number] = (known[best], float(scores[row, best]))
    return matched


def _around(segment: Segment, start: int, stop: int) -> tuple[bool, bool]:
    before = segment.text[:start].rstrip(" .-*(")
    after = segment.text[stop:].lstrip(" .)")
    first = not before or before[-1] in (*_COLON, "/", "|")
    closed = not after or after[0] in _COLON or not after[0].isalpha()
    return first, closed


def _longest(labels: Sequence[Label]) -> Iterator[Label]:
    exact = [label for label in labels if label.alike == 1]
    kept: list[Label] = []
    for label in sorted(labels, key=lambda each: (each.start - each.stop, -each.alike)):
        # "Invoice No. AB" is the label itself with the value's first letters, not one misread.
        grown = label.alike < 1 and any(
            label.owners == other.owners and _overlap(label, other) for other in exact
        )
        if not grown and not any(_overlap(label, other) for other in kept):
            kept.append(label)
            yield label


def _overlap(one: Label, other: Label) -> bool:
    return one.start < other.stop and other.start < one.stop


SECTIONS = frozenset(name for name, concept in concepts().items() if concept.kind == SECTION)
