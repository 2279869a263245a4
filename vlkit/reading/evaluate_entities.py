"""Measuring entities and their relations: `vlkit eval entities|relations MODEL --data FOLDER`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean, stdev
from typing import Literal, get_args

from vlkit.data.labelled import LabelledDocument, LabelledSet, read_labelled
from vlkit.document import Document, Line, Page, Table
from vlkit.entities.model import EntityModel, folder_of
from vlkit.errors import InputError, UnknownName
from vlkit.evaluation import form_rules
from vlkit.evaluation.entities import Counts, compare, compare_read
from vlkit.evaluation.result import EvalResult, installed_versions, typed
from vlkit.layout.finish import finish
from vlkit.onnx import usual_threads
from vlkit.reading.evaluate import split_names
from vlkit.reading.options import read_options
from vlkit.reading.read import Reader
from vlkit.sources import open_source

Boxes = Literal["words", "segments", "pixels"]
BOXES: tuple[Boxes, ...] = get_args(Boxes)
TASKS = ("entities", "relations")
RULES = "rules"
NOTE = (
    "Scores hold for these annotations alone. Those of EC-FUNSD's labels do not compare with "
    "figures published for FUNSD, nor those of segments' boxes with those of words' boxes."
)

Marker = Callable[[Document], Document]
"""Gives a document of words and boxes its entities and relations; the words stay as they are."""


@dataclass
class Job:
    """What to measure with.

    Attributes:
        mark: The model.
        lang: Of words that are read from pixels.
    """

    mark: Marker
    lang: str

    @cached_property
    def reader(self) -> Reader:
        return Reader(read_options(lang=self.lang))

    def counts(self, document: LabelledDocument, boxes: Boxes) -> dict[str, Counts]:
        """What was found and what there is, in one document."""
        true = document.document
        if boxes == "pixels":
            found = compare_read(self.mark(self.read(document.pictures)), true)
        else:
            pages = [bare(page, boxes) for page in document.pages]
            found = compare(self.mark(Document(name=document.name, pages=pages)), true)
        return dict(zip(TASKS, found, strict=True))

    def read(self, pictures: Sequence[Path]) -> Document:
        pages = []
        for number, picture in enumerate(pictures, start=1):
            with open_source(picture, pages="1") as source:
                pages += [
                    page.model_copy(update={"number": number}) for page in self.reader.pages(source)
                ]
        return finish(Document(pages=pages))


def evaluate_entities(
    task: str,
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
    """Score entities, or the relations between those that were found.

    Args:
        task: One of ``TASKS``.
        model: A model's folder or name on a shelf, or ``rules``, which know colons and distances.
        data: Laid out as FUNSD, EC-FUNSD or XFUND, or another set of ``read_labelled``.
        split: ``NAME`` of ``data/NAME.txt``, with one document a line.
        boxes: Gold words with their own boxes (``words``), gold words of which those of a segment
            share its box (``segments``), or words read from the pictures (``pixels``); by default
            all that the data allow.
        folds: Into how many parts the documents fall: figures are then means over them, and
            ``NAME.deviation`` stands beside each.
        group: The field whose values keep documents in one part; by default documents that the
            set itself says are alike stay together.

    Raises:
        UnknownName: No such model or kind of boxes.
        CheckpointError: The model can't be used.
        InputError: The data can't be read, or have no pictures or not enough documents for what
            was asked for.
    """
    found = labelled(data, split)
    kinds = kinds_of_boxes(boxes, found, data)
    parts = parted(found.documents, folds, group)
    job = Job(marker(model), lang)
    on_total(task, len(found.documents) * len(kinds))
    by_part = [{kind: Counts() for kind in kinds} for _ in set(parts)]
    for document, part in zip(found.documents, parts, strict=True):
        for kind in kinds:
            by_part[part][kind] += job.counts(document, kind)[task]
            on_item(task)
    total = sum((part[kinds[0]] for part in by_part), Counts())
    options = {"split": split, "boxes": boxes, "folds": folds, "group": group}
    return EvalResult(
        task=task,
        model=model,
        data=data.name,
        split=split,
        counts={
            "documents": len(found.documents),
            "skipped": len(found.skipped),
            task: total.true.total(),
        },
        metrics=over_parts([_figures(part) for part in by_part]),
        command=command_of(task, model, data, options, lang),
        versions=installed_versions(),
        note=NOTE,
    )


def command_of(task: str, model: str, data: Path, options: Mapping[str, object], lang: str) -> str:
    """What to type to measure that again."""
    words: list[str | Path] = ["vlkit", "eval", task, model, "--data", data]
    for name, value in {**options, "lang": None if lang == "eng" else lang}.items():
        words += [f"--{name}", str(value)] if value is not None else []
    return typed(*words)


def marker(model: str) -> Marker:
    """The model in that folder or of that name.

    Raises:
        UnknownName: There is none.
        CheckpointError: It is damaged, was not written as ONNX, or is no model for entities.
    """
    if model == RULES:
        return form_rules.mark
    return EntityModel.open(folder_of(model), threads=usual_threads()).mark


# What there is to measure on


def labelled(data: Path, split: str | None) -> LabelledSet:
    """The documents of a folder, or of its split.

    Raises:
        InputError: The folder or the split is not there, or can't be read.
    """
    if not data.is_dir():
        raise InputError("there is no such folder", remedy="Check --data", file=data)
    return read_labelled(data, split_names(data, split))


def kinds_of_boxes(boxes: str | None, found: LabelledSet, data: Path) -> list[Boxes]:
    """What was asked for, or all that the data allow.

    Raises:
        UnknownName: There is no such kind.
        InputError: Pixels are asked for, and a document has no pictures.
    """
    if boxes is not None and boxes not in BOXES:
        raise UnknownName("kind of boxes", boxes, BOXES)
    lacking = [each.name for each in found.documents if len(each.pictures) < len(each.pages)]
    if boxes == "pixels" and lacking:
        raise InputError(
            f"'{lacking[0]}' has no picture of each page",
            remedy="Put the pictures beside the annotations, or give --boxes words",
            file=data,
        )
    allowed = [kind for kind in BOXES if kind != "pixels" or not lacking]
    return [kind for kind in allowed if boxes in (None, kind)]


def parted(
    documents: Sequence[LabelledDocument], folds: int | None, group: str | None
) -> list[int]:
    """A part for each document, from 0, the same for all of a group.

    Raises:
        InputError: No document has that field, or there are fewer groups than parts.
    """
    if folds is None:
        if group is not None:
            raise InputError("--group parts nothing by itself", remedy="Give --folds too")
        return [0] * len(documents)
    keys = [_key(document, group) for document in documents]
    if group is not None and not any(field.name == group for d in documents for field in d.fields):
        known = sorted({field.name for document in documents for field in document.fields})
        raise UnknownName("field", group, known)
    order = sorted(set(keys))
    if not 2 <= folds <= len(order):
        raise InputError(
            f"{len(order)} documents or groups don't fall into {folds} parts",
            remedy="Give --folds a number from 2 up to theirs",
        )
    places = {key: place % folds for place, key in enumerate(order)}
    return [places[key] for key in keys]


def _key(document: LabelledDocument, group: str | None) -> str:
    if group is not None:
        return next((f.value.casefold() for f in document.fields if f.name == group), "")
    return document.group or document.name


def bare(page: Page, boxes: Boxes) -> Page:
    """The page without what is to be found: words with the boxes of their lines, or each with its
    own on a line of its own, so that nothing tells of segments."""
    items = []
    for item in page.items:
        assert not isinstance(item, Table)  # labelled pages are blocks
        lines = [line for each in item.lines for line in _lines(each, boxes)]
        items.append(item.model_copy(update={"lines": lines}))
    return page.model_copy(update={"items": items, "entities": [], "relations": []})


def _lines(line: Line, boxes: Boxes) -> Iterator[Line]:
    if boxes == "segments":
        words = [word.model_copy(update={"box": line.box}) for word in line.words]
        yield line.model_copy(update={"words": words})
    else:
        yield from (Line(words=[word], box=word.box) for word in line.words)


# Figures


def _figures(part: dict[Boxes, Counts]) -> dict[str, float]:
    return {
        f"{name}.{kind}": value
        for kind, counts in part.items()
        for name, value in (
            ("precision", counts.precision),
            ("recall", counts.recall),
            ("f1", counts.f1),
        )
    }


def over_parts(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    """The figures of one part as they are, or of several the means and deviations of those that
    all have."""
    if len(figures) == 1:
        return figures[0]
    summed: dict[str, float] = {}
    for name in [name for name in figures[0] if all(name in each for each in figures)]:
        values = [each[name] for each in figures]
        summed |= {name: mean(values), f"{name}.deviation": stdev(values)}
    return summed
