"""Entities of FUNSD's forms, five folds, ours beside what is trained alike and beside trees.

The labels are EC-FUNSD's; boxes are those that ``models/lilt-forms/recipe.toml`` names, of words
for trees beside those of segments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple

from benchmarks.lilt_rows.arms import ARMS
from benchmarks.lilt_rows.folds import BOOSTING, of_arm, of_boosting
from benchmarks.lilt_rows.forms import LABELS, Scores, f1, gain
from benchmarks.lilt_rows.kept import of_folds
from benchmarks.lilt_rows.run import Run
from benchmarks.lilt_rows.scoring import ENTITIES
from benchmarks.table import Row

OURS = ("ours, adapter", "ours, full")


def entity_rows(run: Run) -> Iterator[Row]:
    measured = {BOOSTING: of_boosting(run)} | {name: of_arm(run, name) for name in ARMS}
    found = {name: of_folds(folds, ENTITIES) for name, folds in measured.items() if folds}
    others = {name: each for name, each in found.items() if name not in OURS}
    whole = len(others) == len(measured) - len(OURS)
    for name in OURS:
        if name in found:
            yield _row(run, name, found[name], others, whole)
    if not found.keys() & set(OURS):
        alone = {name: float(f1(each)) for name, each in others.items()}
        yield Row(_on(run), "entity F1", float("nan"), alone, detail={"labels": LABELS})


def _row(run: Run, name: str, ours: Scores, others: Mapping[str, Scores], whole: bool) -> Row:
    over = {other: astuple(gain(ours, theirs)) for other, theirs in others.items()}
    above = all(difference > 0 for difference, _, _ in over.values())
    return Row(
        _on(run),
        f"entity F1, {name}",
        float(f1(ours)),
        {other: float(f1(theirs)) for other, theirs in others.items()},
        "above all four",
        above if whole else None,
        {"forms": len(ours), "over": over, "labels": LABELS},
    )


def _on(run: Run) -> str:
    return f"FUNSD, {len(run.folds)} of 5 folds"
