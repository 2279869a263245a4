"""Fits the stored calibration of the engine ``lines``, and says how well it does unseen.

    VLKIT_DATA=… python -m benchmarks.line_rows.calibration [--model FOLDER] [--every 1] [--dry]

Forms, receipts and Korean letters weigh alike. What it prints is the calibration error on pages
that the curve was not fitted on, in five folds; what it stores was fitted on all.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.readings import pixels_of
from benchmarks.rows.words import STORED, UNCHANGED
from vlkit.data.degrade import moved, scan
from vlkit.data.random_pages import random_business_page
from vlkit.data.rendered import normalise
from vlkit.evaluation.reading import (
    PageScore,
    ReadingExample,
    expected_calibration_error,
    read_examples,
    score_page,
)
from vlkit.images import PageImage, Pixels
from vlkit.reading.calibration import Calibration, fit
from vlkit.reading.engines.lines import Lines

LANGUAGES = ("kor", "eng")
LETTERS = 60
FIRST_LETTER = 7000
"""Seed of the first Korean letter; nothing else draws them."""
DPI = (100, 130, 170, 220)
FOLDS = 5
Page = tuple[ReadingExample, Pixels]
Judged = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Words' confidence, and whether they are right."""


def sets(data: Path, every: int) -> dict[str, Iterator[Page]]:
    """Names of the sets; what each gives is read as it is asked for."""
    return {
        "forms": _scanned(data / "funsd", every),
        "receipts": _scanned(data / "sroie", 5 * every),
        "Korean letters": (letter(FIRST_LETTER + i) for i in range(0, LETTERS, every)),
    }


def _scanned(folder: Path, every: int) -> Iterator[Page]:
    for example in read_examples(folder)[::every]:
        yield example, pixels_of(example)


def letter(seed: int) -> Page:
    """A Korean business letter in the typeface that ships, which no line is trained in, scanned."""
    drawn = random_business_page(seed, "kor")
    dpi = DPI[seed % len(DPI)]
    pixels, matrix = scan(drawn.to_image(0, dpi), seed, strength=seed % 3 / 2)
    height, width = pixels.shape[:2]
    page = moved(drawn.truth_in_pixels(dpi), matrix, (width, height)).pages[0]
    for word in page.words:
        word.text = normalise(word.text)
    return ReadingExample(f"letter {seed}", Path(), page, "words"), pixels


def judged(engine: Lines, pages: Iterator[Page]) -> list[PageScore]:
    """Each page's words against the truth."""
    scores = []
    for example, pixels in pages:
        height, width = pixels.shape[:2]
        lines = engine.recognise(PageImage(1, width, height, lambda p=pixels: p), LANGUAGES)
        scores.append(score_page(example, [word for line in lines for word in line.words]))
    return scores


def fit_alike(scores: dict[str, list[PageScore]]) -> Calibration:
    """One curve for all sets; each weighs alike, however many words it has."""
    parts = [confidence(some) for some in scores.values()]
    most = max(len(sure) for sure, _ in parts)
    times = [max(round(most / max(len(sure), 1)), 1) for sure, _ in parts]
    return fit(
        np.concatenate([np.tile(sure, n) for (sure, _), n in zip(parts, times, strict=True)]),
        np.concatenate([np.tile(right, n) for (_, right), n in zip(parts, times, strict=True)]),
    )


def confidence(scores: Sequence[PageScore]) -> Judged:
    return (
        np.concatenate([np.zeros(0), *(score.confidence for score in scores)]),
        np.concatenate([np.zeros(0, bool), *(score.correct for score in scores)]),
    )


def unseen_error(scores: dict[str, list[PageScore]]) -> dict[str, float]:
    """Expected calibration error on each set, every page by a curve that never saw it."""
    found: dict[str, list[Judged]] = {name: [] for name in scores}
    for fold in range(FOLDS):
        kept = {
            name: [score for i, score in enumerate(some) if i % FOLDS != fold]
            for name, some in scores.items()
        }
        curve = fit_alike(kept)
        for name, some in scores.items():
            sure, right = confidence(some[fold::FOLDS])
            found[name].append((curve(sure), right))
    return {
        name: expected_calibration_error(*map(np.concatenate, zip(*parts, strict=True)))
        for name, parts in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.line_rows.calibration")
    parser.add_argument("--model", type=Path, help="another folder than the shelf's")
    parser.add_argument("--every", type=int, default=1, help="take every such page of the sets")
    parser.add_argument("--dry", action="store_true", help="store nothing")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    engine = Lines(given.model, UNCHANGED)
    scores = {
        name: judged(engine, pages)
        for name, pages in sets(Path(os.environ["VLKIT_DATA"]), given.every).items()
    }
    raw = {name: expected_calibration_error(*confidence(some)) for name, some in scores.items()}
    for name, error in unseen_error(scores).items():
        sure, right = confidence(scores[name])
        print(
            f"{name}: {len(sure)} words, {right.mean():.3f} right, "
            f"ECE {error:.3f} unseen, {raw[name]:.3f} without a curve"
        )
    if not given.dry:
        curve = fit_alike(scores)
        stored = json.loads(STORED.read_text())
        stored[Lines.name] = {"scores": curve.scores, "probabilities": curve.probabilities}
        STORED.write_text(json.dumps(stored) + "\n")


if __name__ == "__main__":
    main()
