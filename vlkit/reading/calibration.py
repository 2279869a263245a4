"""From an engine's scores to probabilities: isotonic regression, fitted per engine.

The curve is the non-decreasing function nearest to the outcomes in least squares, found by
pooling adjacent violators (Ayer et al., "An empirical distribution function for sampling with
incomplete information", 1955; Zadrozny and Elkan, "Transforming classifier scores into accurate
multiclass probability estimates", KDD 2002).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

KNOTS = 24
"""Points kept of a fitted curve; more would remember single words."""


@dataclass(frozen=True)
class Calibration:
    """A non-decreasing map from score to probability, straight between its knots."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Probabilities of the same shape; scores beyond the ends get the end's probability."""
        mapped = np.interp(np.asarray(scores, np.float64), self.scores, self.probabilities)
        return np.asarray(mapped, np.float64)


def fit(scores: ArrayLike, correct: ArrayLike) -> Calibration:
    """The calibration of scores [N] whose words were right or not, [N].

    Words are pooled to ``KNOTS`` groups of equal mass first, so that each knot rests on many.
    """
    order = np.argsort(np.asarray(scores, np.float64), kind="stable")
    groups = [group for group in np.array_split(order, min(KNOTS, len(order))) if group.size]
    values, outcomes = np.asarray(scores, np.float64), np.asarray(correct, np.float64)
    centres = np.array([values[group].mean() for group in groups])
    means = np.array([outcomes[group].mean() for group in groups])
    curve = pool_adjacent_violators(means, np.array([len(group) for group in groups]))
    centres = centres.round(6)
    kept = np.concatenate([[True], np.diff(centres) > 0])
    return Calibration(tuple(centres[kept].tolist()), tuple(curve[kept].round(6).tolist()))


def pool_adjacent_violators(values: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """The non-decreasing sequence [N] nearest to ``values`` in weighted least squares."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(
        np.asarray(values, np.float64), np.asarray(weights, np.float64), strict=True
    ):
        block = (float(value), float(weight), 1)
        while blocks and blocks[-1][0] >= block[0]:
            mean, mass, count = blocks.pop()
            total = mass + block[1]
            block = ((mean * mass + block[0] * block[1]) / total, total, count + block[2])
        blocks.append(block)
    return np.concatenate([np.zeros(0), *(np.full(count, mean) for mean, _, count in blocks)])


@cache
def calibration_of(engine: str) -> Calibration:
    """The calibration stored for an engine; raises KeyError where none was fitted."""
    text = files("vlkit.reading").joinpath("calibration.json").read_text(encoding="utf-8")
    curve = json.loads(text)[engine]
    return Calibration(tuple(curve["scores"]), tuple(curve["probabilities"]))
