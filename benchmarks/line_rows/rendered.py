"""Rows on lines: rendered ones, crops of scans, speed, and the ONNX file against torch."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.line_rows import sets
from benchmarks.line_rows.readers import (
    RAPIDOCR,
    TESSERACT,
    Read,
    alternative,
    in_torch,
    our_model,
    ours,
    read_rapidocr,
)
from benchmarks.line_rows.run import LeftOut, Run
from benchmarks.line_rows.scores import (
    OURS,
    Goal,
    bare_characters,
    characters,
    compare,
    words,
)
from benchmarks.line_rows.texts import Language
from benchmarks.table import Row
from vlkit.data import crops
from vlkit.data.crops import Crop
from vlkit.onnx import Gray

LEAST: Mapping[sets.Unseen, float] = {"text": 0.98, "fonts": 0.97, "wear": 0.95}
"""Of Korean characters."""
NEAR_RAPIDOCR = 0.01
SAME_TEXT = 0.995
ROUNDS = 5
LANGUAGES: tuple[Language, ...] = ("korean", "english")


def goal_of(language: Language, unseen: sets.Unseen) -> Goal:
    if language == "korean":
        return Goal({TESSERACT[language]: 0.0, RAPIDOCR: 0.0}, LEAST[unseen])
    return Goal({TESSERACT[language]: 0.0, RAPIDOCR: NEAR_RAPIDOCR})


def rendered_rows(run: Run) -> Iterator[Row]:
    """Unseen text, fonts and kinds of wear, in each language."""
    for language in LANGUAGES:
        for unseen in sets.UNSEEN_IN:
            lines = _drawn(run, language, unseen)
            pictures = [line.pixels for line in lines]
            read = {name: alternative(name, pictures) for name in (TESSERACT[language], RAPIDOCR)}
            read |= {name: reader(pictures) for name, reader in _our_readers(run).items()}
            on = f"{language} lines, unseen {unseen}"
            truth, goal = [line.text for line in lines], goal_of(language, unseen)
            yield compare(on, "character accuracy", characters, truth, read, goal)
            if language == "korean":
                figure = "character accuracy without white space"
                yield compare(on, figure, bare_characters, truth, read, goal)


def _drawn(run: Run, language: Language, unseen: sets.Unseen) -> list[sets.Line]:
    return sets.draw(language, unseen, run.lines, sets.recipe_fonts())


def _our_readers(run: Run) -> dict[str, Read]:
    """Ours, and what else was trained to compare with it."""
    found = {OURS: ours(run.model)} if run.model else {}
    return found | {folder.name: in_torch(folder) for folder in run.beside}


# Crops of scans

CROPS: Mapping[str, Callable[[Path], Iterator[Crop]]] = {
    "FUNSD words": crops.funsd_words,
    "FUNSD lines": crops.funsd_lines,
    "SROIE lines": crops.sroie_lines,
}


def crop_rows(run: Run) -> Iterator[Row]:
    """Words of scans by their gold boxes; by the models of the folds, too, where there are."""
    if run.data is None:
        raise LeftOut("VLKIT_DATA names no folder")
    others = (TESSERACT["english"], RAPIDOCR)
    goal = Goal(dict.fromkeys(others, 0.0))
    for on, every in CROPS.items():
        some = crops.sample(every(run.data), run.crops)
        pictures = [crop.pixels for crop in some]
        read = {name: alternative(name, pictures) for name in others}
        readers = {f"{on}, rendered lines alone": ours(run.model) if run.model else None}
        if run.folded:
            readers[f"{on}, trained on other folds"] = _by_fold(run.folded, some)
        for title, reader in readers.items():
            mine = {OURS: reader(pictures)} if reader else {}
            yield _crop_row(title, some, read | mine, goal)


def _by_fold(folder: Path, some: Sequence[Crop]) -> Read:
    """Each crop read by the model in ``fold-N``, N its own fold, which was trained on the others.

    Raises:
        LeftOut: One of them is missing.
    """

    def read(pictures: Sequence[Gray]) -> list[str]:
        texts = [""] * len(pictures)
        for fold in range(crops.FOLDS):
            model = our_model(folder / f"fold-{fold}")
            if model is None:
                raise LeftOut(f"there is no model.onnx in {folder}/fold-{fold}")
            chosen = [i for i, crop in enumerate(some) if crop.fold == fold]
            for i, text in zip(chosen, ours(model)([pictures[i] for i in chosen]), strict=True):
                texts[i] = text
        return texts

    return read


def _crop_row(on: str, some: Sequence[Crop], read: Mapping[str, Sequence[str]], goal: Goal) -> Row:
    """Case is left out where the truth has none."""
    upper = on.startswith("SROIE")

    def cased(texts: Sequence[str]) -> list[str]:
        return [text.upper() for text in texts] if upper else list(texts)

    truth = cased([crop.text for crop in some])
    documents = [crop.document for crop in some]
    every = {name: cased(texts) for name, texts in read.items()}
    return compare(on, "word accuracy", words, truth, every, goal, documents)


# Speed, and the exported file


def speed_rows(run: Run) -> Iterator[Row]:
    """Lines a second of processor time, by turns."""
    pictures = [
        line.pixels for language in LANGUAGES for line in _drawn(run, language, "text")[: run.timed]
    ]
    readers: dict[str, Read] = {RAPIDOCR: read_rapidocr}
    if run.model:
        readers[OURS] = ours(run.model)
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    for round_ in range(ROUNDS + 1):
        for name, read in readers.items():
            start = time.process_time()
            read(pictures)
            if round_:  # the first one warms up
                seconds[name].append(time.process_time() - start)
    rates = {
        f"{name}, lines/s": len(pictures) / statistics.median(each)
        for name, each in seconds.items()
    }
    ratio = (
        statistics.median(np.divide(seconds[RAPIDOCR], seconds[OURS]).tolist())
        if run.model
        else float("nan")
    )
    reached = ratio >= 1 if run.model else None
    detail: dict[str, object] = {"lines": len(pictures), "seconds": seconds}
    yield Row(
        "rendered lines, one core", "lines/s ÷ RapidOCR's", ratio, rates, "≥ 1", reached, detail
    )


def onnx_rows(run: Run) -> Iterator[Row]:
    """How often the file that the wheel carries reads what the weights it came from read."""
    if run.model is None or not (run.folder / "model.safetensors").is_file():
        raise LeftOut(f"{run.folder} has not both model.onnx and model.safetensors")
    pictures = [
        line.pixels
        for language in LANGUAGES
        for unseen in sets.UNSEEN_IN
        for line in _drawn(run, language, unseen)
    ]
    pairs = zip(ours(run.model)(pictures), in_torch(run.folder)(pictures), strict=True)
    share = float(np.mean([mine == theirs for mine, theirs in pairs]))
    detail: dict[str, object] = {"lines": len(pictures)}
    wanted, reached = f"≥ {SAME_TEXT}", share >= SAME_TEXT
    yield Row("rendered lines", "same text, ONNX and torch", share, {}, wanted, reached, detail)
