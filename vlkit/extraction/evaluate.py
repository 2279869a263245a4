"""Measuring extracted fields: `vlkit eval fields MODEL --data FOLDER`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlkit.data.labelled import LabelledDocument
from vlkit.document import Document, Page
from vlkit.errors import InputError
from vlkit.evaluation.fields import Answer, answers, summarise
from vlkit.evaluation.result import EvalResult, installed_versions
from vlkit.extraction.extract import fill
from vlkit.extraction.schema import WantedSet, read_schema
from vlkit.reading.evaluate_entities import (
    RULES,
    Boxes,
    Job,
    Marker,
    command_of,
    kinds_of_boxes,
    labelled,
    marker,
    over_parts,
    parted,
)

SCHEMA = "schema.json"


@dataclass
class _Fields:
    """How a document's fields are found."""

    job: Job
    boxes: Boxes
    wanted: WantedSet

    def answers(self, document: LabelledDocument) -> list[Answer]:
        if self.boxes == "pixels":
            words = self.job.read(document.pictures)
        else:
            words = Document(pages=[_bare(page) for page in document.pages])
        # Every value is wanted, however unsure: coverage is told from the probabilities.
        found = fill(self.job.mark(words), self.wanted, threshold=0.0).document
        return answers(found, document.document)


def evaluate_fields(
    model: str,
    data: Path,
    *,
    split: str | None = None,
    lang: str = "eng",
    boxes: str | None = None,
    folds: int | None = None,
    group: str | None = None,
    on_total: Callable[[str, int], None] = lambda name, total: None,
    on_item: Callable[[str], None] = lambda name: None,
) -> EvalResult:
    """Score the values that `vlkit extract` finds: see ``vlkit.evaluation.fields``.

    Args:
        model: ``rules``, for `vlkit extract` by itself, or a model whose entities it also takes.
        data: Laid out as SROIE, CORD or another set of ``read_labelled`` with fields. A
            ``schema.json`` in it says what is asked for; else texts by the fields' names are.
        boxes: ``pixels`` to read the pictures, the default where there are any, or ``words``.
        split, lang, folds, group: As of ``evaluate_entities``.

    Raises:
        UnknownName: No such model or kind of boxes.
        InputError: The data can't be read, or have no fields.
        SchemaError: The schema can't be understood.
    """
    found = labelled(data, split)
    kinds = [kind for kind in kinds_of_boxes(boxes, found, data) if kind != "segments"]
    if not kinds:
        raise InputError("fields have no boxes of segments", remedy="Give words or pixels")
    mark: Marker = _as_it_is if model == RULES else marker(model)
    ways = _Fields(Job(mark, lang), kinds[-1], _wanted(data, found.documents))
    parts = parted(found.documents, folds, group)
    on_total("fields", len(found.documents))
    by_part: list[list[Answer]] = [[] for _ in set(parts)]
    for document, part in zip(found.documents, parts, strict=True):
        by_part[part] += ways.answers(document)
        on_item("fields")
    options = {"split": split, "boxes": boxes, "folds": folds, "group": group}
    asked = sum(answer.asked for part in by_part for answer in part)
    counts = {"documents": len(found.documents), "skipped": len(found.skipped), "fields": asked}
    return EvalResult(
        task="fields",
        model=model,
        data=data.name,
        split=split,
        counts=counts,
        metrics=over_parts([summarise(part) for part in by_part]),
        command=command_of("fields", model, data, options, lang),
        versions=installed_versions(),
        note=f"Words are {'read from the pictures' if kinds[-1] == 'pixels' else 'the gold ones'}.",
    )


def _bare(page: Page) -> Page:
    return page.model_copy(update={"entities": [], "relations": []})


def _as_it_is(document: Document) -> Document:
    return document


def _wanted(data: Path, documents: Sequence[LabelledDocument]) -> WantedSet:
    if (data / SCHEMA).is_file():
        return read_schema(data / SCHEMA)
    names = sorted({field.name for each in documents for field in each.fields if field.row is None})
    if not names:
        raise InputError("the documents have no fields", remedy="Give receipts", file=data)
    return read_schema({"type": "object", "properties": {n: {"type": "string"} for n in names}})
