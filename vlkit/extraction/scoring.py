"""How probable a candidate is: a logistic map for each group of fields, and a curve behind it.

The numbers in ``scores.json`` are fitted by ``python -m benchmarks.extract --fit``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vlkit.extraction.candidates import FEATURES, Candidate
from vlkit.extraction.schema import Wanted

Array = NDArray[np.float64]

_GROUPS = {
    **dict.fromkeys(("money", "number", "percent"), "money"),
    **dict.fromkeys(("date", "time", "date-time"), "date"),
    **dict.fromkeys(("company", "address", "text"), ""),
}
GROUPS = ("total", "money", "date", "company", "address", "text", "code", "party")
"""Totals, other amounts, dates, names, addresses, other texts, everything with a pattern of its
own, and texts and numbers of a party that has a section to itself, such as the buyer's."""


@dataclass(frozen=True)
class Scorer:
    """A group's map.

    Attributes:
        weights: Of ``FEATURES``.
        scores, probabilities: The curve from logistic probability to calibrated one.
    """

    bias: float
    weights: tuple[float, ...]
    scores: tuple[float, ...] = (0.0, 1.0)
    probabilities: tuple[float, ...] = (0.0, 1.0)

    def raw(self, features: ArrayLike) -> Array:
        """Probabilities [N] of features [N, F], before calibration."""
        values = np.asarray(features, np.float64).reshape(-1, len(FEATURES))
        return _sigmoid(values @ np.asarray(self.weights) + self.bias)

    def calibrated(self, raw: ArrayLike) -> Array:
        """Below the lowest score that the curve knows, probability falls straight to none."""
        scores, probabilities = (0.0, *self.scores), (0.0, *self.probabilities)
        return np.asarray(np.interp(np.asarray(raw, np.float64), scores, probabilities))


def group_of(field: Wanted) -> str:
    if field.concept == "total":
        return "total"
    found = _GROUPS.get(field.sought, "code") or field.sought
    if found == "date" and field.concept not in ("date", "time"):
        return "code"  # A date that no label explains is the document's own, no other.
    if found == "code" and field.concept == "registration number":
        found = "text"  # Each party has one, and what tells them apart was fitted on texts.
    return "party" if field.sections and found in ("company", "address", "text", "code") else found


def score(field: Wanted, candidates: Sequence[Candidate]) -> list[tuple[float, float]]:
    """For each candidate the probability to be the field's value, and the score behind it.

    The curve has steps: of candidates that are as probable the one with the better score counts.
    """
    if not candidates:
        return []
    scorer = scorers()[group_of(field)]
    raw = scorer.raw([each.features for each in candidates])
    return list(zip(scorer.calibrated(raw).tolist(), raw.tolist(), strict=True))


def row_probability(how: str, group: str) -> float:
    """The share of a table's values that are right, by how the table was found."""
    return float(_stored()["rows"][how].get(group, 0.5))


@cache
def scorers() -> dict[str, Scorer]:
    """The stored maps, by group."""
    return {
        group: Scorer(
            bias=table["bias"],
            weights=tuple(table["weights"].get(name, 0.0) for name in FEATURES),
            scores=tuple(table["curve"]["scores"]),
            probabilities=tuple(table["curve"]["probabilities"]),
        )
        for group, table in _stored()["groups"].items()
    }


@cache
def _stored() -> dict[str, Any]:
    text = files("vlkit.extraction").joinpath("scores.json").read_text(encoding="utf-8")
    stored: dict[str, Any] = json.loads(text)
    return stored


def fit_logistic(
    features: ArrayLike, right: ArrayLike, weight: ArrayLike, *, decay: float = 1.0
) -> tuple[float, Array]:
    """Bias and weights [F] of the logistic regression of outcomes [N] on features [N, F].

    Newton's method on the weighted log-likelihood with a quadratic penalty on the weights.
    """
    x = np.asarray(features, np.float64)
    x = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    y, mass = np.asarray(right, np.float64), np.asarray(weight, np.float64)
    penalty = np.diag([1e-3, *[decay] * (x.shape[1] - 1)])
    theta = np.zeros(x.shape[1])
    for _ in range(60):
        p = _sigmoid(x @ theta)
        slope = x.T @ (mass * (p - y)) + penalty @ theta
        curvature = (x * (mass * p * (1 - p))[:, None]).T @ x + penalty
        step = np.linalg.solve(curvature, slope)
        step *= min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        theta = theta - step
        if float(np.abs(step).max()) < 1e-6:
            break
    return float(theta[0]), theta[1:]


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -40, 40))))
