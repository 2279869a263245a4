"""Entities of FUNSD's forms, five folds: gradient boosting on words and geometry.

The labels are EC-FUNSD's, the boxes those of its segments, beside those of words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from math import nan

from benchmarks.lilt_rows import forms
from benchmarks.lilt_rows.boosting import Boosting, Trees, tags_of
from benchmarks.lilt_rows.forms import LABELS, f1, scores
from benchmarks.lilt_rows.kept import Measured, kept, key_of, of_folds
from benchmarks.lilt_rows.run import OUT, Run
from benchmarks.table import Row
from vlkit.evaluation.entities import count_tags

ENTITIES = "entities"
BOOSTING = "gradient boosting"


def entity_rows(run: Run) -> Iterator[Row]:
    trees = Trees(rounds=2) if run.quick else Trees()
    key = key_of(asdict(trees))
    file = OUT / "entities.jsonl"
    folds = [
        kept(file, key, BOOSTING, fold, lambda fold=fold: boosted(run, fold, trees))
        for fold in run.folds
    ]
    found = of_folds(folds, ENTITIES)
    yield Row(
        f"FUNSD's forms, {len(folds)} of 5 folds",
        "entity F1",
        nan,
        {BOOSTING: float(f1(found))},
        detail={"forms": len(found), "labels": LABELS},
    )


def boosted(run: Run, fold: int, trees: Trees) -> Measured:
    """Trees that learnt from the other folds, on the forms of one."""
    known = forms.read(run.data)
    learnt = [form.page for form in known if form.fold != fold]
    if run.quick:
        learnt = learnt[:6]
    model = Boosting(learnt, [tags_of(page) for page in learnt], trees)
    measured = [form for form in known if form.fold == fold]
    counts = [count_tags([model.tags(form.page)], [tags_of(form.page)]) for form in measured]
    names = [form.name for form in measured]
    return {ENTITIES: dict(zip(names, scores(counts).tolist(), strict=True))}
