"""Rates over a run."""

import pytest

from vlkit.training.optimizer import Schedule


def test_the_schedule_warms_up_and_falls_as_a_cosine() -> None:
    schedule = Schedule(warmup=10, final=0.1)
    assert [schedule.factor(step, 110) for step in (0, 4, 9, 10)] == [0.1, 0.5, 1.0, 1.0]
    assert schedule.factor(60, 110) == pytest.approx(0.55)
    assert schedule.factor(110, 110) == pytest.approx(0.1)


def test_the_schedule_warms_up_over_a_part_and_falls_in_a_line() -> None:
    schedule = Schedule(warmup=0.1, final=0.2, decay="linear")
    assert [schedule.factor(step, 100) for step in (0, 4, 9, 10)] == [0.1, 0.5, 1.0, 1.0]
    assert schedule.factor(55, 100) == pytest.approx(0.6)
    assert schedule.factor(100, 100) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="neither whole steps nor a part"):
        Schedule(warmup=2.5)
