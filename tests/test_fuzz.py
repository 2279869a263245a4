"""Mutated files end in pages or in one typed error; in full: ``python -m benchmarks.fuzz``."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("reportlab")
if sys.platform != "linux":
    pytest.skip("memory is measured through /proc", allow_module_level=True)

from benchmarks.fuzz import intact_files, mutated_files, run


def test_mutations_are_the_same_for_the_same_seed() -> None:
    first, second = (list(mutated_files(30, seed=4)) for _ in range(2))
    assert first == second
    assert first != list(mutated_files(30, seed=5))


def test_mutated_files_give_pages_or_typed_errors(tmp_path: Path) -> None:
    # The times are left to the benchmark: tests must not depend on how busy the machine is.
    report = run(12 * len(intact_files()), seed=1, keep=tmp_path)
    broken = [o for o in report.outcomes if report.problem(o) not in ("", "slow")]
    assert not broken
    assert any(outcome.pages for outcome in report.outcomes)
    assert any(outcome.error for outcome in report.outcomes)


@pytest.mark.slow
@pytest.mark.parametrize(("whole", "count"), [(False, 2000), (True, 230)])
def test_many_mutated_files(whole: bool, count: int, tmp_path: Path) -> None:
    """Opened; and read from end to end, OCR included."""
    report = run(count, seed=3, whole=whole, keep=tmp_path)
    broken = [o for o in report.outcomes if report.problem(o) not in ("", "slow")]
    assert not broken
