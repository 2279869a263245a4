"""Words of scans: FUNSD, degraded FUNSD and SROIE, beside the raw engines; calibration.

``python -m benchmarks.rows.words fit`` fits the stored calibration of the default engine anew.
What was read is kept under ``benchmarks/out/words``, keyed by engine and settings.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.table import Row, show
from vlkit.document import Word
from vlkit.evaluation.reading import (
    PageScore,
    ReadingExample,
    expected_calibration_error,
    paired_bootstrap,
    read_examples,
    risk_coverage,
    score_page,
    summarise,
)
from vlkit.images import PageImage, Pixels
from vlkit.reading.calibration import Calibration, fit
from vlkit.reading.engines.rapidocr import RapidOcr

OUT = Path("benchmarks/out/words")
REVISION = "2"
"""Raised when the engine changes, so that old readings are not taken for new ones."""
RAW = Calibration((0.0, 1.0), (0.0, 1.0))
FOLDS = 5
FORMS_WEIGHT = 3
"""Times that forms count in the fit: their words fail by box as well as by text."""

Reader = Callable[[Pixels], list[Word]]
Change = Callable[[Pixels], Pixels]


def rows(data: Path | None, quick: bool) -> list[Row]:
    """Nothing without the data."""
    if data is None:
        return []
    forms = read_examples(data / "funsd")[:: 12 if quick else 1]
    receipts = read_examples(data / "sroie")[:: 26 if quick else 4]
    ours = _scores("vlkit", _ours(), forms)
    table = _compare("FUNSD", forms, ours)
    table += _compare("SROIE", receipts, _scores("vlkit", _ours(), receipts))
    for name, change in DEGRADATIONS.items():
        few = forms[:: 1 if quick else 6]
        degraded = _scores(f"vlkit {name}", _ours(), few, change)
        table += _compare(f"FUNSD, {name}", few, degraded, change)
    return [*table, _calibration(ours)]


def _compare(
    on: str, examples: list[ReadingExample], ours: list[PageScore], change: Change | None = None
) -> list[Row]:
    """Recall and precision beside the raw engine's, on the same pages."""
    suffix = on.partition(", ")[2]
    raw = {
        f"RapidOCR {scale}x": _scores(f"raw{scale} {suffix}", _raw(scale), examples, change)
        for scale in (1, 2)
    }
    wanted = 0.03 if on == "FUNSD" else 0.0
    found = []
    for figure in ("word_recall", "word_precision"):
        interval = paired_bootstrap(ours, raw["RapidOCR 2x"], figure)  # type: ignore[arg-type]
        found.append(
            Row(
                on,
                figure,
                summarise(ours)[figure],
                {name: summarise(scores)[figure] for name, scores in raw.items()},
                f"RapidOCR 2x + {wanted:.2f}",
                interval.difference >= wanted,
                {"pages": len(ours), "interval": [interval.low, interval.high]},
            )
        )
    return found


def _calibration(scores: list[PageScore]) -> Row:
    """Confidence on pages that were not fitted on, by folds of pages; draws the curve."""
    probability, correct, raw = [], [], []
    for fold in range(FOLDS):
        seen = [score for i, score in enumerate(scores) if i % FOLDS != fold]
        unseen = scores[fold::FOLDS]
        curve = fit(_all(seen, "confidence"), _all(seen, "correct"))
        raw.append(_all(unseen, "confidence"))
        probability.append(curve(raw[-1]))
        correct.append(_all(unseen, "correct"))
    sure, right = np.concatenate(probability), np.concatenate(correct)
    ece = expected_calibration_error(sure, right)
    _draw(OUT / "risk_coverage.png", *risk_coverage(sure, right))
    alternatives = {"raw score": expected_calibration_error(np.concatenate(raw), right)}
    return Row("FUNSD, pages not fitted on", "ece", ece, alternatives, "<= .05", ece <= 0.05)


def _draw(path: Path, coverage: Any, risk: Any) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot(coverage, risk)
    axes.set(xlabel="coverage: share of words kept, surest first", ylabel="risk: share wrong")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)


def _all(scores: Sequence[PageScore], name: str) -> Any:
    return np.concatenate([getattr(score, name) for score in scores])


# Reading, and keeping what was read -----------------------------------------------------------


def _scores(
    key: str, reader: Reader, examples: list[ReadingExample], change: Change | None = None
) -> list[PageScore]:
    return [score_page(example, _words(key, reader, example, change)) for example in examples]


def _words(key: str, reader: Reader, example: ReadingExample, change: Change | None) -> list[Word]:
    place = OUT / REVISION / key.strip().replace(" ", "_") / f"{example.truth}-{example.name}.json"
    if not place.is_file():
        pixels = cv2.cvtColor(cv2.imread(str(example.image)), cv2.COLOR_BGR2RGB)
        height = pixels.shape[0]
        pixels = change(pixels) if change else pixels
        start = time.process_time()
        words = reader(pixels)
        seconds = time.process_time() - start
        back = height / pixels.shape[0]
        kept = [
            {
                "text": w.text,
                "box": [v * back for v in w.box],
                "confidence": w.confidence,
                "space_after": w.space_after,
            }
            for w in words
        ]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"seconds": seconds, "words": kept}))
    return [Word(**word) for word in json.loads(place.read_text())["words"]]


def _ours() -> Reader:
    engine = RapidOcr(calibration=RAW)

    def read(pixels: Pixels) -> list[Word]:
        height, width = pixels.shape[:2]
        lines = engine.recognise(PageImage(1, width, height, lambda: pixels), ["eng"])
        return [word for line in lines for word in line.words]

    return read


def _raw(scale: int) -> Reader:
    """RapidOCR as it comes, with its word boxes, on the page enlarged."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})

    def read(pixels: Pixels) -> list[Word]:
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        large = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        words = []
        for line in engine(large, return_word_box=True).word_results or ():
            for text, score, quad in line:
                (x0, y0), (x1, y1) = np.min(quad, axis=0), np.max(quad, axis=0)
                box = (x0 / scale, y0 / scale, x1 / scale, y1 / scale)
                if text.strip():
                    words.append(Word(text=text, box=box, confidence=min(float(score), 1.0)))
        return words

    return read


# Degradations ---------------------------------------------------------------------------------


def _noise(pixels: Pixels) -> Pixels:
    drawn = np.random.default_rng(0).normal(0, 20, pixels.shape)
    return np.clip(pixels + drawn, 0, 255).astype(np.uint8)


def _jpeg(pixels: Pixels) -> Pixels:
    coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)


DEGRADATIONS: dict[str, Change] = {
    "blur": lambda pixels: cv2.GaussianBlur(pixels, (0, 0), 1.0),
    "noise": _noise,
    "JPEG 30": _jpeg,
    "72 dpi": lambda pixels: cv2.resize(
        pixels, None, fx=0.72, fy=0.72, interpolation=cv2.INTER_AREA
    ),
}


def fit_stored(data: Path) -> None:
    """Fit the default engine's calibration on forms and receipts and store it in the package."""
    forms = _scores("vlkit", _ours(), read_examples(data / "funsd"))
    receipts = _scores("vlkit", _ours(), read_examples(data / "sroie")[::4])
    scores = forms * FORMS_WEIGHT + receipts
    curve = fit(_all(scores, "confidence"), _all(scores, "correct"))
    place = Path("vlkit/reading/calibration.json")
    stored = json.loads(place.read_text())
    stored["rapidocr"] = {"scores": curve.scores, "probabilities": curve.probabilities}
    place.write_text(json.dumps(stored) + "\n")


if __name__ == "__main__":
    folder = os.environ.get("VLKIT_DATA")
    if "fit" in sys.argv and folder:
        fit_stored(Path(folder))
    else:
        show(rows(Path(folder) if folder else None, quick="quick" in sys.argv))
