"""FUNSD with ``--engine tesseract``, against Tesseract as it comes and at its best."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from benchmarks.table import Row, show
from vlkit.document import Word
from vlkit.evaluation.reading import (
    PageScore,
    ReadingExample,
    paired_bootstrap,
    read_examples,
    score_page,
    summarise,
)
from vlkit.images import PageImage, Pixels
from vlkit.reading.engines.tesseract import Tesseract
from vlkit.reading.engines.tesseract_api import Api, open_api
from vlkit.reading.lines import resize
from vlkit.reading.orientation import to_gray

RAW = [(scale, mode) for scale in (1, 2, 3) for mode in (3, 11)]
Figure = Literal["word_recall", "word_precision"]
WANTED: dict[Figure, float] = {"word_recall": 0.62, "word_precision": 0.66}
QUICK = 10
"""Every tenth page."""


def rows(data: Path | None, quick: bool) -> list[Row]:
    if data is None:
        return []
    examples = read_examples(data / "funsd")[:: QUICK if quick else 1]
    engine = Tesseract()
    ours = _scores(examples, partial(_read, engine))
    api = open_api()
    raw = {
        f"{scale}×, psm {mode}": _scores(examples, partial(_read_raw, api, scale, mode))
        for scale, mode in RAW
    }
    best = max(raw, key=lambda name: summarise(raw[name])["word_recall"])
    return [_row(figure, ours, raw, best) for figure in WANTED] + [
        Row(
            on=f"{len(examples)} FUNSD pages, tesseract",
            figure="ECE (fitted on these pages; .02 on halves left out)",
            ours=summarise(ours)["ece"],
            alternatives={"raw scores": summarise(raw[best])["ece"]},
            wanted="≤ .05",
            reached=summarise(ours)["ece"] <= 0.05,
        )
    ]


def _row(
    figure: Figure, ours: Sequence[PageScore], raw: dict[str, list[PageScore]], best: str
) -> Row:
    value = summarise(ours)[figure]
    gain = paired_bootstrap(ours, raw[best], figure)
    return Row(
        on=f"{len(ours)} FUNSD pages, tesseract",
        figure=figure.replace("_", " "),
        ours=value,
        alternatives={name: summarise(scores)[figure] for name, scores in raw.items()},
        wanted=f"≥ {WANTED[figure]}",
        reached=value >= WANTED[figure],
        detail={f"over {best}": [gain.difference, gain.low, gain.high]},
    )


def _scores(
    examples: Sequence[ReadingExample], read: Callable[[Pixels], list[Word]]
) -> list[PageScore]:
    return [
        score_page(example, read(np.asarray(Image.open(example.image).convert("RGB"))))
        for example in examples
    ]


def _read(engine: Tesseract, pixels: Pixels) -> list[Word]:
    image = PageImage(1, pixels.shape[1], pixels.shape[0], lambda: pixels)
    return [word for line in engine.recognise(image, ["eng"]) for word in line.words]


def _read_raw(api: Api, scale: int, mode: int, pixels: Pixels) -> list[Word]:
    (words,) = api.read([resize(to_gray(pixels), scale)], ["eng"], mode)
    placed = [word.placed(scale, (0, 0), 0) for word in words]
    return [Word(text=word.text, box=word.box, confidence=word.confidence) for word in placed]


if __name__ == "__main__":
    show(rows(Path(os.environ["VLKIT_DATA"]), quick=True))
