"""Isotonic regression against a naive solver; calibrated scores are calibrated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlkit.evaluation.reading import expected_calibration_error
from vlkit.reading.calibration import calibration_of, fit, pool_adjacent_violators


def by_min_max(values: list[float], weights: list[float]) -> list[float]:
    """y_i = max over a ≤ i of min over b ≥ i of the weighted mean of a..b."""
    v, w = np.array(values), np.array(weights)

    def mean(a: int, b: int) -> float:
        return float(np.average(v[a : b + 1], weights=w[a : b + 1]))

    n = len(values)
    return [max(min(mean(a, b) for b in range(i, n)) for a in range(i + 1)) for i in range(n)]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 5)), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_pooling_is_the_isotonic_solution(pairs: list[tuple[float, float]]) -> None:
    values, weights = [p[0] for p in pairs], [p[1] for p in pairs]
    np.testing.assert_allclose(
        pool_adjacent_violators(values, weights), by_min_max(values, weights), atol=1e-9
    )


def test_overconfident_scores_become_probabilities() -> None:
    random = np.random.default_rng(0)
    scores = random.random(8000)
    correct = random.random(8000) < scores**3
    calibration = fit(scores[:4000], correct[:4000])
    assert expected_calibration_error(scores[4000:], correct[4000:]) > 0.15
    assert expected_calibration_error(calibration(scores[4000:]), correct[4000:]) < 0.03


def test_the_stored_curve_is_monotone() -> None:
    calibration = calibration_of("rapidocr")
    assert all(np.diff(calibration.scores) > 0)
    assert all(np.diff(calibration.probabilities) >= 0)
    assert 0 <= calibration.probabilities[0] < calibration.probabilities[-1] <= 1
    with pytest.raises(KeyError):
        calibration_of("nobody")
