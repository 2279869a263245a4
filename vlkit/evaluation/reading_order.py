"""Reading order as relations: which piece of text follows which."""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from vlkit.document import Box, Line, Word

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


def read_funsd(annotation: Path) -> OrderedPage:
    """A FUNSD form (EC-FUNSD/ROOR revision): segments, and ``ro_linkings`` between their ids."""
    form = json.loads(annotation.read_text())
    segments = form["document"]
    index = {segment["id"]: number for number, segment in enumerate(segments)}
    relations = [(index[a], index[b]) for a, b in form["ro_linkings"]]
    return OrderedPage(annotation.stem, [_funsd_line(s) for s in segments], relations)


def _funsd_line(segment: dict[str, Any]) -> Line:
    words = [Word(text=word["text"], box=word["box"]) for word in segment["words"]]
    return Line(words=words, box=segment["box"])
