"""Links between a form's entities, counted by what they link."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from benchmarks.lilt_rows.forms import Form
from vlkit.document import Page, Relation
from vlkit.evaluation.entities import Counts, count

Link = tuple[str, str, str]
KINDS: dict[str, Callable[[str, str], bool]] = {
    "question to answer": lambda head, tail: (head, tail) == ("question", "answer"),
    "all links": lambda head, tail: True,
}


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
