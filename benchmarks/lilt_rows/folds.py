"""What each arm scores on the folds, measured once and kept."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.lilt_rows import forms
from benchmarks.lilt_rows.arms import ARMS, QUICK, RECIPE, Arm, plan_of, speller, trained
from benchmarks.lilt_rows.boosting import Boosting, Trees, tags_of
from benchmarks.lilt_rows.forms import Form, scores
from benchmarks.lilt_rows.kept import Measured, kept, key_of
from benchmarks.lilt_rows.run import OUT, Run
from benchmarks.lilt_rows.scoring import ENTITIES, measure
from vlkit.errors import VlkitError
from vlkit.evaluation.entities import count_tags

BOOSTING = "gradient boosting"


def left_out(run: Run, fold: int) -> list[Form]:
    """The forms that a fold is measured on."""
    found = [form for form in forms.read(run.data) if form.fold == fold]
    return found[:4] if run.quick else found


def of_arm(run: Run, name: str) -> list[Measured]:
    """An arm's scores on each fold; nothing where it can't be trained here, and why is told."""
    arm = ARMS[name]
    if run.quick:  # nothing is pre-trained for that
        arm = replace(arm, start=False, settings=(*arm.settings, *QUICK))
    key = key_of({"recipe": RECIPE.read_text(encoding="utf-8"), "arm": name, **arm.settled})
    try:
        return [
            kept(_file(run), key, name, fold, lambda fold=fold: _trained(run, arm, fold, key))
            for fold in run.folds
        ]
    except VlkitError as error:
        print(f"{name}: left out, {error}", file=sys.stderr)
        return []


def of_boosting(run: Run) -> list[Measured]:
    """Trees that learnt from the other folds, on the forms of each."""
    trees = Trees(rounds=2) if run.quick else Trees()
    key = key_of(asdict(trees))
    return [
        kept(_file(run), key, BOOSTING, fold, lambda fold=fold: _boosted(run, fold, trees))
        for fold in run.folds
    ]


def _trained(run: Run, arm: Arm, fold: int, key: str) -> Measured:
    plan = plan_of(arm, fold, OUT / "runs" / f"{key}-{fold}")
    model = trained(plan, arm)
    return measure(model, left_out(run, fold), speller(plan, model))


def _boosted(run: Run, fold: int, trees: Trees) -> Measured:
    known = forms.read(run.data)
    learnt = [form.page for form in known if form.fold != fold][: 6 if run.quick else None]
    model = Boosting(learnt, [tags_of(page) for page in learnt], trees)
    measured = left_out(run, fold)
    counts = [count_tags([model.tags(form.page)], [tags_of(form.page)]) for form in measured]
    names = [form.name for form in measured]
    return {ENTITIES: dict(zip(names, scores(counts).tolist(), strict=True))}


def _file(run: Run) -> Path:
    return OUT / ("folds_quick.jsonl" if run.quick else "folds.jsonl")
