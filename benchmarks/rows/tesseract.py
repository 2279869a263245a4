"""FUNSD with ``--engine tesseract``, against Tesseract as it comes and at its best.

What was read is kept under ``benchmarks/out/words``: a run that was cut short goes on there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Literal

from benchmarks.readings import Kept, Read, kept_words
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
QUICK = 20
"""Pages of a quick run, spread over the set."""
REVISION = 1
"""Raised when the engine changes, so that old readings are not taken for new ones."""


def rows(data: Path | None, quick: bool) -> list[Row]:
    if data is None:
        return []
    examples = read_examples(data / "funsd")
    if quick:
        examples = examples[:: max(1, len(examples) // QUICK)][:QUICK]
    ours = _scores(f"vlkit-tesseract-{REVISION}", lambda: partial(_read, _engine()), examples)
    raw = {
        f"{scale}×, psm {mode}": _scores(
            f"tesseract-{scale}x-psm{mode}", partial(_raw, scale, mode), examples
        )
        for scale, mode in RAW
    }
    best = max(raw, key=lambda name: summarise(raw[name])["word_recall"])
    ece = summarise(ours)["ece"]
    return [_row(figure, ours, raw, best) for figure in WANTED] + [
        Row(
            on=f"{len(examples)} FUNSD pages, tesseract",
            figure="ECE (fitted on these pages; .02 on halves left out)",
            ours=ece,
            alternatives={"raw scores": summarise(raw[best])["ece"]},
            wanted="≤ .05",
            reached=ece <= 0.05,
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
    folder: str, read: Callable[[], Read], examples: Sequence[ReadingExample]
) -> list[PageScore]:
    return [
        score_page(example, [Word(**word) for word in kept_words(folder, read, example)])
        for example in examples
    ]


@cache
def _engine() -> Tesseract:
    return Tesseract()


@cache
def _api() -> Api:
    return open_api()


def _read(engine: Tesseract, pixels: Pixels) -> list[Kept]:
    image = PageImage(1, pixels.shape[1], pixels.shape[0], lambda: pixels)
    words = [word for line in engine.recognise(image, ["eng"]) for word in line.words]
    return [word.model_dump(include={"text", "box", "confidence", "space_after"}) for word in words]


def _raw(scale: int, mode: int) -> Read:
    api = _api()

    def read(pixels: Pixels) -> list[Kept]:
        (words,) = api.read([resize(to_gray(pixels), scale)], ["eng"], mode)
        placed = [word.placed(scale, (0, 0), 0) for word in words]
        return [
            {"text": word.text, "box": word.box, "confidence": word.confidence} for word in placed
        ]

    return read


if __name__ == "__main__":
    show(rows(Path(os.environ["VLKIT_DATA"]), quick="quick" in sys.argv))
