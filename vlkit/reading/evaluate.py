"""Measuring on the user's own data: `vlkit eval TASK MODEL --data FOLDER`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean

from vlkit.document import Document, Page
from vlkit.errors import InputError, UnknownName
from vlkit.evaluation import layout, parse, reading_order, tables
from vlkit.evaluation import reading as words
from vlkit.evaluation.result import EvalResult, installed_versions, typed
from vlkit.layout.finish import finish
from vlkit.reading.options import read_options
from vlkit.reading.read import Reader
from vlkit.sources import open_source


@dataclass
class Job:
    """What to measure, and whom to tell of progress.

    Attributes:
        model: An engine's name; for ``parse`` the folder of predictions.
        names: The items of the split; None for everything in the folder.
        begin: Called with the number of items once it is known.
        step: Called after each item.
    """

    model: str
    data: Path
    names: Sequence[str] | None
    lang: str
    begin: Callable[[int], None]
    step: Callable[[], None]

    @cached_property
    def reader(self) -> Reader:
        return Reader(read_options(engine=self.model, lang=self.lang))

    def read(self, picture: Path, page: int = 1) -> Page:
        """The page as vlkit reads it, boxes in the page's unit."""
        with open_source(picture, pages=str(page)) as source:
            pages = list(self.reader.pages(source))
        return finish(Document(pages=pages)).pages[0]


Figures = tuple[dict[str, float], dict[str, int]]
"""Metrics and counts."""


def evaluate(
    task: str,
    model: str,
    data: Path,
    *,
    split: str | None = None,
    lang: str = "eng",
    on_total: Callable[[str, int], None] = lambda name, total: None,
    on_item: Callable[[str], None] = lambda name: None,
) -> EvalResult:
    """Run one task over a folder.

    Args:
        task: One of ``TASKS``.
        model: An engine's name; for ``reading-order`` the stage ``order``; for ``parse`` the
            folder of predictions.
        data: Laid out as FUNSD, SROIE, DocBank, PubLayNet, or pictures beside their truth.
        split: ``NAME`` of ``data/NAME.txt``, with one item a line.

    Raises:
        UnknownName: No such task, engine or item.
        InputError: The folder holds nothing of the kind.
    """
    if task not in TASKS:
        raise UnknownName("task", task, [*TASKS, "entities", "relations", "fields", "retrieval"])
    if not data.is_dir():
        raise InputError("there is no such folder", remedy="Check --data", file=data)
    job = Job(
        model,
        data,
        split_names(data, split),
        lang,
        begin=lambda total: on_total(task, total),
        step=lambda: on_item(task),
    )
    metrics, counts = TASKS[task](job)
    command: list[str | Path] = ["vlkit", "eval", task, model, "--data", data]
    command += ["--split", split] if split else []
    command += ["--lang", lang] if lang != "eng" else []
    return EvalResult(
        task=task,
        model=model,
        data=data.name,
        split=split,
        counts=counts,
        metrics=metrics,
        command=typed(*command),
        versions=installed_versions(),
    )


def split_names(data: Path, split: str | None) -> list[str] | None:
    """The items of ``data/SPLIT.txt``; None without a split.

    Raises:
        InputError: There is no such file.
    """
    if split is None:
        return None
    path = data / f"{split}.txt"
    if not path.is_file():
        raise InputError("there is no such split", remedy="Put one item a line in it", file=path)
    names = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [name for name in names if name]


def _reading(job: Job) -> Figures:
    examples = words.read_examples(job.data, job.names)
    job.begin(len(examples))
    scores = []
    start = time.perf_counter()
    for example in examples:
        scores.append(words.score_page(example, job.read(example.image).words))
        job.step()
    seconds = (time.perf_counter() - start) / max(len(examples), 1)
    metrics = words.summarise(scores) | {"seconds_per_page": seconds}
    return metrics, {"pages": len(examples), "words": sum(score.words for score in scores)}


def _reading_order(job: Job) -> Figures:
    if job.model != "order":
        # Gold words are put in order: no engine takes part.
        raise UnknownName("stage for reading-order", job.model, ["order"])
    pages = reading_order.read_folder(job.data, job.names)
    job.begin(len(pages))
    counts = reading_order.OrderCounts()
    for page in pages:
        counts += reading_order.score_page(page)
        job.step()
    return {"relation_f1": counts.relation_f1}, {"pages": len(pages), "relations": counts.true}


def _layout(job: Job) -> Figures:
    """Words of DocBank's pages by class, or regions of PubLayNet's."""
    counts = layout.ClassCounts()
    if any(job.data.glob("*.json")):
        regions = layout.read_publaynet(job.data, job.names)
        job.begin(len(regions))
        for region in regions:
            found = layout.publaynet_regions(job.read(region.picture))
            counts.add(layout.count_regions(found, region.regions))
            job.step()
        return counts.metrics(), {"pages": len(regions), "regions": counts.true.total()}
    pages = layout.read_docbank(job.data, job.names)
    job.begin(len(pages))
    for page in pages:
        labels = layout.docbank_labels(job.read(page.picture), page.tokens)
        counts.add(layout.count_labels(labels, page.labels))
        job.step()
    return counts.metrics(), {"pages": len(pages), "words": counts.true.total()}


def _tables(job: Job) -> Figures:
    """Tables of NAME.pdf or NAME.png (or another picture) against those of NAME.html."""
    truths = {path.stem: path for path in sorted(job.data.glob("*.html"))}
    names = list(truths) if job.names is None else list(job.names)
    inputs = {path.stem: path for path in sorted(job.data.iterdir()) if path.suffix != ".html"}
    missing = [name for name in names if name not in truths or name not in inputs]
    if missing or not names:
        raise InputError(
            f"'{missing[0]}' lacks its page or its truth" if missing else "no NAME.html here",
            remedy="Put NAME.html with the tables beside NAME.pdf or NAME.png",
            file=job.data,
        )
    job.begin(len(names))
    teds: list[float] = []
    teds_s: list[float] = []
    for name in names:
        truth = parse.parse_markdown(truths[name].read_text(encoding="utf-8")).tables
        with open_source(inputs[name]) as source:
            document = finish(Document(pages=list(job.reader.pages(source))))
        found = parse.parse_markdown(document.to_markdown()).tables
        teds += tables.score_tables(truth, found)
        teds_s += tables.score_tables(truth, found, structure_only=True)
        job.step()
    metrics = {"teds": mean(teds), "teds_s": mean(teds_s)} if teds else {}
    return metrics, {"documents": len(names), "tables": len(teds)}


def _parse(job: Job) -> Figures:
    predictions = Path(job.model)
    if not predictions.is_dir():
        raise InputError("there is no such folder of predictions", file=predictions)
    pairs = parse.pair_files(job.data, predictions, job.names)
    job.begin(len(pairs))
    scores = []
    for truth, answer in pairs:
        predicted = parse.read_parsed(answer) if answer else parse.Parsed()
        scores.append(parse.score_parse(parse.read_parsed(truth), predicted))
        job.step()
    missing = sum(answer is None for _, answer in pairs)
    return parse.summarise(scores), {"documents": len(pairs), "missing": missing}


TASKS: dict[str, Callable[[Job], Figures]] = {
    "reading": _reading,
    "reading-order": _reading_order,
    "layout": _layout,
    "tables": _tables,
    "parse": _parse,
}
