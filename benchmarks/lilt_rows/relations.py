"""Which entities belong together, found from the truth's entities.

Links from question to answer, as the published relation extraction scores them, and all links
that are annotated, those from headers among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import nan

from benchmarks.lilt_rows import forms
from benchmarks.lilt_rows.forms import LABELS, Form, f1, scores
from benchmarks.lilt_rows.run import Run
from benchmarks.table import Row
from vlkit.document import Page, Relation
from vlkit.evaluation.entities import Counts, count
from vlkit.evaluation.form_rules import nearest_links

NEAREST = "nearest right or below"
Link = tuple[str, str, str]
KINDS: dict[str, Callable[[str, str], bool]] = {
    "question to answer": lambda head, tail: (head, tail) == ("question", "answer"),
    "all links": lambda head, tail: True,
}


def relation_rows(run: Run) -> Iterator[Row]:
    known = forms.read(run.data)
    for kind in KINDS:
        found = scores(count_links(form, nearest_links(form.page.entities), kind) for form in known)
        right, predicted, true = found.sum(axis=0).tolist()
        yield Row(
            f"FUNSD's {len(known)} forms, {kind}, from gold entities",
            "relation F1",
            nan,
            {NEAREST: float(f1(found))},
            detail={"right": right, "predicted": predicted, "true": true, "labels": LABELS},
        )


def count_links(form: Form, found: Iterable[Relation], kind: str) -> Counts:
    """Links of a kind that are right, predicted and true."""
    return count(of_kind(form.page, found, kind), of_kind(form.page, form.page.relations, kind))


def of_kind(page: Page, relations: Iterable[Relation], kind: str) -> list[Link]:
    labels = {entity.id: entity.label for entity in page.entities}
    wanted = KINDS[kind]
    return [
        (each.label, each.head, each.tail)
        for each in relations
        if wanted(labels[each.head], labels[each.tail])
    ]
