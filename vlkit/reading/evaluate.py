"""Measuring on the user's own data: `vlkit eval TASK MODEL --data FOLDER`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vlkit.document import Page
from vlkit.errors import InputError, UnknownName
from vlkit.evaluation import parse
from vlkit.evaluation import reading as words
from vlkit.evaluation.result import EvalResult, installed_versions
from vlkit.reading.read import Reader, ReadOptions
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
        return Reader(ReadOptions(engine=self.model, lang=self.lang))

    def read(self, picture: Path, page: int = 1) -> Page:
        """The page as vlkit reads it, boxes in the page's unit."""
        with open_source(picture, pages=str(page)) as source:
            return next(iter(self.reader.pages(source)))


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
        model: An engine's name; for ``parse`` the folder of predictions.
        data: Laid out as FUNSD, SROIE, DocBank, PubLayNet, or pictures beside their truth.
        split: ``NAME`` of ``data/NAME.txt``, with one item a line.

    Raises:
        UnknownName: No such task, engine or item.
        InputError: The folder holds nothing of the kind.
    """
    if task not in TASKS:
        raise UnknownName("task", task, TASKS)
    if not data.is_dir():
        raise InputError("there is no such folder", remedy="Check --data", file=data)
    job = Job(
        model,
        data,
        _split_names(data, split),
        lang,
        begin=lambda total: on_total(task, total),
        step=lambda: on_item(task),
    )
    metrics, counts = TASKS[task](job)
    command = ["vlkit", "eval", task, model, "--data", str(data)]
    command += ["--split", split] if split else []
    command += ["--lang", lang] if lang != "eng" else []
    return EvalResult(
        task=task,
        model=model,
        data=data.name,
        split=split,
        counts=counts,
        metrics=metrics,
        command=shlex.join(command),
        versions=installed_versions(),
    )


def _split_names(data: Path, split: str | None) -> list[str] | None:
    if split is None:
        return None
    path = data / f"{split}.txt"
    if not path.is_file():
        raise InputError("there is no such split", remedy="Put one item a line in it", file=path)
    return path.read_text(encoding="utf-8").split()


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
    "parse": _parse,
}
