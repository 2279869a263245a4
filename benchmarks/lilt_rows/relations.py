"""Which entities belong together, found from the truth's entities.

Links from question to answer, as the published relation extraction scores them, and all links
that are annotated, those from headers among them. The published decoder judges each pair by
itself; it and ours, one parent at the most, read the same models' logits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple
from math import nan

from benchmarks.lilt_rows import forms
from benchmarks.lilt_rows.folds import left_out, of_arm
from benchmarks.lilt_rows.forms import LABELS, Form, Scores, f1, gain, scores
from benchmarks.lilt_rows.kept import of_folds
from benchmarks.lilt_rows.links import KINDS, count_links
from benchmarks.lilt_rows.run import Run
from benchmarks.lilt_rows.scoring import OURS as ONE_PARENT
from benchmarks.lilt_rows.scoring import PUBLISHED, figure_of
from benchmarks.table import Row
from vlkit.evaluation.form_rules import nearest_links

NEAREST = "nearest right or below"
ARMS = ("ours, adapter", "ours, full")


def relation_rows(run: Run) -> Iterator[Row]:
    yield from _nearest_rows(run)
    for arm in ARMS:
        if folds := of_arm(run, arm):
            for kind in KINDS:
                yield _row(
                    run,
                    arm,
                    kind,
                    {
                        name: of_folds(folds, figure_of(kind, name))
                        for name in (ONE_PARENT, PUBLISHED)
                    },
                )


def _nearest_rows(run: Run) -> Iterator[Row]:
    """What needs no model, on all forms."""
    known = forms.read(run.data)
    for kind in KINDS:
        found = _nearest(known, kind)
        yield Row(
            f"FUNSD's {len(known)} forms, {kind}, from gold entities",
            "relation F1",
            nan,
            {NEAREST: float(f1(found))},
            detail=_detail(found),
        )


def _row(run: Run, arm: str, kind: str, found: dict[str, Scores]) -> Row:
    ours = found.pop(ONE_PARENT)
    measured = [form for fold in run.folds for form in left_out(run, fold)]
    found[NEAREST] = _nearest(sorted(measured, key=lambda form: form.name), kind)
    over = {name: astuple(gain(ours, theirs)) for name, theirs in found.items()}
    return Row(
        f"FUNSD, {len(run.folds)} of 5 folds, {kind}, from gold entities",
        f"relation F1, {arm}, one parent",
        float(f1(ours)),
        {name: float(f1(theirs)) for name, theirs in found.items()},
        "above both",
        all(difference > 0 for difference, _, _ in over.values()),
        _detail(ours) | {"over": over},
    )


def _nearest(measured: Iterable[Form], kind: str) -> Scores:
    return scores(count_links(form, nearest_links(form.page.entities), kind) for form in measured)


def _detail(found: Scores) -> dict[str, object]:
    totals = dict(zip(("right", "predicted", "true"), found.sum(axis=0).tolist(), strict=True))
    return {**totals, "labels": LABELS}
