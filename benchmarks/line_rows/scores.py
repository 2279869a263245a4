"""How much of lines was read right, and whether one reader's share is above another's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from benchmarks.table import Row

Counts = NDArray[np.int64]
"""[lines, 2]: edits, and what the truth has of characters or words."""
Count = Callable[[str, str], tuple[int, int]]
SAMPLES = 2000
OURS = "ours"


def characters(truth: str, read: str) -> tuple[int, int]:
    return Levenshtein.distance(truth, read), len(truth)


def bare_characters(truth: str, read: str) -> tuple[int, int]:
    """Those without white space, which Tesseract strews among Hangul."""
    return characters(truth.replace(" ", ""), read.replace(" ", ""))


def words(truth: str, read: str) -> tuple[int, int]:
    return Levenshtein.distance(truth.split(), read.split()), len(truth.split())


def counts(count: Count, truth: Sequence[str], read: Sequence[str]) -> Counts:
    return np.array([count(*pair) for pair in zip(truth, read, strict=True)], np.int64)


def accuracy(found: Counts) -> float:
    """1 - error rate; below 0 where more was made up than there is."""
    edits, length = found.sum(axis=0)
    return float(1 - edits / length)


@dataclass(frozen=True)
class Gain:
    """A difference in accuracy and its 95 % interval."""

    difference: float
    low: float
    high: float


def gain(ours: Counts, theirs: Counts, groups: Sequence[str] | None = None) -> Gain:
    """Ours - theirs on the same lines, resampled line by line, or by groups such as pages."""
    labels = np.arange(len(ours)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sums = np.zeros((int(labels.max()) + 1, 3))
    np.add.at(sums, labels, np.column_stack([ours[:, 0], theirs[:, 0], ours[:, 1]]))
    drawn = np.random.default_rng(0).integers(0, len(sums), (SAMPLES, len(sums)))
    mine, other, length = sums[drawn].sum(axis=1).T
    low, high = np.percentile((other - mine) / np.maximum(length, 1), [2.5, 97.5])
    return Gain(accuracy(ours) - accuracy(theirs), float(low), float(high))


@dataclass(frozen=True)
class Goal:
    """What a figure must reach.

    Attributes:
        margins: Alternative → by how much ours may be below it.
        least: What ours must be in any case.
    """

    margins: Mapping[str, float]
    least: float = 0.0

    def reached(self, figure: float, alternatives: Mapping[str, float]) -> bool:
        beaten = (figure > alternatives[name] - margin for name, margin in self.margins.items())
        return figure >= self.least and all(beaten)

    def __str__(self) -> str:
        parts = [f"≥ {self.least}"] if self.least else []
        for name, margin in self.margins.items():
            parts.append(f"> {name} - {margin}" if margin else f"> {name}")
        return ", ".join(parts)


def compare(
    on: str,
    figure: str,
    count: Count,
    truth: Sequence[str],
    read: Mapping[str, Sequence[str]],
    goal: Goal,
    groups: Sequence[str] | None = None,
) -> Row:
    """A row of our reader beside the others, on the same lines.

    Args:
        read: Reader → its texts; ours under ``OURS``, where there is a model.
        groups: Of each line, where lines of a group are alike.
    """
    found = {name: counts(count, truth, texts) for name, texts in read.items()}
    detail: dict[str, object] = {
        "lines": len(truth),
        "units": int(counts(count, truth, truth)[:, 1].sum()),
    }
    ours = found.pop(OURS, None)
    shares = {name: accuracy(each) for name, each in found.items()}
    if ours is None:
        return Row(on, figure, math.nan, shares, str(goal), None, detail | {"left out": "no model"})
    best = max(goal.margins, key=lambda name: shares[name])
    over = gain(ours, found[best], groups)
    detail[f"over {best}"] = [round(value, 4) for value in astuple(over)]
    mine = accuracy(ours)
    return Row(on, figure, mine, shares, str(goal), goal.reached(mine, shares), detail)
