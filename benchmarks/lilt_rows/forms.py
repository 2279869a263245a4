"""The forms of FUNSD in EC-FUNSD's revision, and how scores on them are compared form by form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlkit.data.labelled import LabelledDocument, folds, read_labelled
from vlkit.document import Page
from vlkit.evaluation.entities import Counts

SAMPLES = 2000
LABELS = "EC-FUNSD's labels: not comparable with figures published for FUNSD"
Scores = NDArray[np.int64]
"""[forms, 3]: spans or links that are right, predicted, true."""


@dataclass(frozen=True)
class Form:
    """A form, and the fold that it is measured in."""

    name: str
    page: Page
    fold: int


@cache
def read(data: Path) -> tuple[Form, ...]:
    """All forms, in the order of their names; folds as those of ``vlkit train``."""
    documents: Sequence[LabelledDocument] = read_labelled(data / "funsd").documents
    return tuple(
        Form(document.name, document.pages[0], fold)
        for document, fold in zip(documents, folds(documents), strict=True)
    )


def scores(counts: Iterable[Counts]) -> Scores:
    """One row a form."""
    rows = [(c.right.total(), c.predicted.total(), c.true.total()) for c in counts]
    return np.array(rows, np.int64).reshape(-1, 3)


def f1(found: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """[..., forms, 3] to [...]: of all forms together."""
    right, predicted, true = np.moveaxis(found.sum(axis=-2), -1, 0)
    return np.asarray(2 * right / np.maximum(predicted + true, 1), np.float64)


@dataclass(frozen=True)
class Gain:
    """A difference in F1 and its 95 % interval."""

    difference: float
    low: float
    high: float


def gain(ours: Scores, theirs: Scores) -> Gain:
    """Ours - theirs on the same forms, which are resampled together."""
    drawn = np.random.default_rng(0).integers(0, len(ours), (SAMPLES, len(ours)))
    low, high = np.percentile(f1(ours[drawn]) - f1(theirs[drawn]), [2.5, 97.5])
    return Gain(float(f1(ours) - f1(theirs)), float(low), float(high))
