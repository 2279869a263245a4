"""Words of scans: FUNSD, degraded FUNSD and SROIE, beside the raw engines; calibration; speed.

``python -m benchmarks.rows.words fit`` fits the stored calibration of the default engine anew.
Clean pages are read by the engine alone, as the raw engines read them; degraded pages by the
whole pipeline, so that deskewing takes its part.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.degrade import CLEAN, DEGRADATIONS, Degradation
from benchmarks.readings import RAW, Kept, Read, Readers, kept_words, moved, pixels_of
from benchmarks.table import Row, show, write
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
from vlkit.reading.calibration import Calibration, calibration_of, fit
from vlkit.reading.engines.rapidocr import RapidOcr
from vlkit.reading.options import DEFAULT_STAGES
from vlkit.reading.pipeline import Pipeline
from vlkit.reading.recognise import Recognise
from vlkit.reading.stages import Stage, load_stage

CURVE = Path("benchmarks/risk_coverage.png")
STORED = Path("vlkit/reading/calibration.json")
REVISION = 3
"""Raised when the engine changes, so that old readings are not taken for new ones."""
TUNED = 3
"""Every third page of FUNSD, from the first, was looked at while the engine was tuned."""
RECEIPTS = 60
DEGRADED = 20
TIMED = 6
FOLDS = 5
GAIN = 0.03
ENGINE = "RapidOCR 2x"
"""The raw engine whose time is taken: forms need the enlarging to be read well."""

Figure = Literal["word_recall", "word_precision"]
FIGURES: tuple[Figure, ...] = ("word_recall", "word_precision")
DOCTR_CLAIMS = (0.739, 0.767)
"""What docTR publishes of these, in this order."""


def rows(data: Path | None, quick: bool, beside: Readers | None = None) -> list[Row]:
    """Nothing without the data; ``beside`` are readers on top of the raw engines."""
    if data is None:
        return []
    os.environ.update(OMP_NUM_THREADS="1", OMP_THREAD_LIMIT="1")
    cv2.setNumThreads(1)
    forms, receipts = _sets(data, quick)
    unseen = forms if quick else [form for i, form in enumerate(forms) if i % TUNED]
    few = _drawn(unseen, 2 if quick else DEGRADED)
    others = {**RAW, **(beside or {})}
    table = [
        *_with_claims(_compare("FUNSD", forms, others, GAIN)),
        *_compare("FUNSD, pages not tuned on", unseen, others, GAIN),
        *_compare("SROIE", receipts, others),
    ]
    for degradation in DEGRADATIONS:
        table += _compare(f"FUNSD, {degradation.name}", few, others, 0.0, degradation)
    table += _calibration(forms, receipts, data)
    return [*table, _speed(_drawn(forms, TIMED))]


def _sets(data: Path, quick: bool) -> tuple[list[ReadingExample], list[ReadingExample]]:
    forms, receipts = read_examples(data / "funsd"), read_examples(data / "sroie")
    if quick:
        return forms[1::30], receipts[::52]
    return forms, _drawn(receipts, RECEIPTS)


def _drawn(examples: list[ReadingExample], count: int) -> list[ReadingExample]:
    """A sample that is the same in every run, in the set's order."""
    chosen = set(Random(0).sample([e.name for e in examples], min(count, len(examples))))
    return [example for example in examples if example.name in chosen]


def _compare(
    on: str,
    examples: list[ReadingExample],
    readers: Readers,
    wanted: float = 0.0,
    degradation: Degradation = CLEAN,
) -> list[Row]:
    """Recall and precision beside the raw engines', on the same pages."""
    start = time.monotonic()
    ours = _our_scores(examples, degradation)
    others = {
        name: _raw_scores(name, read, examples, degradation) for name, read in readers.items()
    }
    figures = {name: summarise(scores) for name, scores in others.items()}
    detail = {"pages": len(examples), "seconds": round(time.monotonic() - start, 1)}
    found = []
    for figure in FIGURES:
        rapid = (name for name in readers if name.startswith("RapidOCR"))
        best = max(rapid, key=lambda name: figures[name][figure])
        gain = paired_bootstrap(ours, others[best], figure)
        interval = [round(v, 4) for v in (gain.difference, gain.low, gain.high)]
        found.append(
            Row(
                on,
                figure.replace("_", " "),
                summarise(ours)[figure],
                {name: values[figure] for name, values in figures.items()},
                f"≥ {best} + {wanted:.2f}; is {interval[0]:+.3f} {interval[1:]}",
                gain.difference >= wanted,
                {**detail, "over": best, "difference, low, high": interval},
            )
        )
    return found


def _with_claims(found: list[Row]) -> list[Row]:
    """Name what docTR says of itself, which was measured elsewhere and on other pages too."""
    for row, claim in zip(found, DOCTR_CLAIMS, strict=True):
        row.alternatives["docTR's own claim, on all 199 pages"] = claim
    return found


# Calibration ----------------------------------------------------------------------------------


def _calibration(
    forms: list[ReadingExample], receipts: list[ReadingExample], data: Path
) -> list[Row]:
    """Confidence on words of other forms and other companies than it was fitted on."""
    sets = {"FUNSD": forms, "SROIE": receipts}
    folds = {
        "FUNSD": [i % FOLDS for i in range(len(forms))],
        "SROIE": _company_folds(receipts, data),
    }
    crossed: dict[str, list[PageScore]] = {name: [] for name in sets}
    for fold in range(FOLDS):
        kept = {
            name: [e for e, f in zip(sets[name], folds[name], strict=True) if f != fold]
            for name in sets
        }
        curve = _fit(kept["FUNSD"], kept["SROIE"])
        for name in sets:
            unseen = [e for e, f in zip(sets[name], folds[name], strict=True) if f == fold]
            crossed[name] += _believed(unseen, curve)
    _draw({name: risk_coverage(*_confidence(scores)) for name, scores in crossed.items()})
    found = []
    for name, held in (("FUNSD", "pages"), ("SROIE", "companies")):
        ece = expected_calibration_error(*_confidence(crossed[name]))
        others = {
            "stored curve, fitted on these pages too": calibration_of("rapidocr"),
            "raw score": UNCHANGED,
        }
        beside = {
            how: expected_calibration_error(*_confidence(_believed(sets[name], curve)))
            for how, curve in others.items()
        }
        on = f"{name}, {held} not fitted on"
        found.append(Row(on, "ECE", ece, beside, "≤ .05", ece <= 0.05))
    return found


def _fit(forms: list[ReadingExample], receipts: list[ReadingExample]) -> Calibration:
    """One curve for both; each set weighs alike, however many words it has."""
    form_scores, form_right = _confidence(_believed(forms, UNCHANGED))
    scores, right = _confidence(_believed(receipts, UNCHANGED))
    times = max(round(len(form_scores) / max(len(scores), 1)), 1)
    return fit(
        np.concatenate([form_scores, *[scores] * times]),
        np.concatenate([form_right, *[right] * times]),
    )


def _believed(examples: list[ReadingExample], curve: Calibration) -> list[PageScore]:
    return [score_page(example, _words(example, CLEAN, curve)) for example in examples]


def _confidence(scores: Sequence[PageScore]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return (
        np.concatenate([np.zeros(0), *(score.confidence for score in scores)]),
        np.concatenate([np.zeros(0, bool), *(score.correct for score in scores)]),
    )


def _company_folds(receipts: list[ReadingExample], data: Path) -> list[int]:
    """A fold for each receipt, the same for all receipts of a company."""
    names = []
    for receipt in receipts:
        key = json.loads((data / "sroie" / "key" / f"{receipt.name}.json").read_text("utf-8"))
        names.append("".join(filter(str.isalnum, key.get("company", receipt.name).casefold())))
    folds = {name: i % FOLDS for i, name in enumerate(sorted(set(names)))}
    return [folds[name] for name in names]


def _draw(curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.2), layout="tight")
    for name, (coverage, risk) in curves.items():
        axes.plot(coverage, risk, label=name)
    axes.set(xlabel="coverage: share of words kept, surest first", ylabel="risk: share wrong")
    axes.legend()
    axes.grid(alpha=0.3)
    for path in (Path("benchmarks/out") / CURVE.name, CURVE):
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=80)
    plt.close(figure)


# Speed and reading ----------------------------------------------------------------------------


def _speed(examples: list[ReadingExample]) -> Row:
    """Processor time on one thread for each page, both engines by turns."""
    readers = [_ours(whole=False), RAW[ENGINE]()]
    sums = np.zeros(len(readers))
    for example in examples:
        pixels = pixels_of(example)
        for i, read in enumerate(readers):
            start = time.process_time()
            read(pixels)
            sums[i] += time.process_time() - start
    mine, other = (sums / len(examples)).tolist()
    return Row(
        "FUNSD, one thread", "seconds a page", mine, {ENGINE: other}, "", None, {"pages": TIMED}
    )


def _our_scores(examples: list[ReadingExample], degradation: Degradation) -> list[PageScore]:
    curve = calibration_of("rapidocr")
    return [
        score_page(moved(example, degradation), _words(example, degradation, curve))
        for example in examples
    ]


def _raw_scores(
    name: str,
    read: Callable[[], Read],
    examples: list[ReadingExample],
    degradation: Degradation,
) -> list[PageScore]:
    return [
        score_page(
            moved(example, degradation),
            [Word(**word) for word in kept_words(name, read, example, degradation)],
        )
        for example in examples
    ]


def _words(example: ReadingExample, degradation: Degradation, curve: Calibration) -> list[Word]:
    """What vlkit reads; scores are kept, so that a new curve needs no new reading."""
    read = partial(_ours, degradation is not CLEAN)
    kept = kept_words(f"vlkit {REVISION}", read, example, degradation)
    sure = curve([word["confidence"] for word in kept]).tolist()
    return [Word(**{**word, "confidence": p}) for word, p in zip(kept, sure, strict=True)]


UNCHANGED = Calibration((0.0, 1.0), (0.0, 1.0))


@cache
def _ours(whole: bool) -> Read:
    """The engine alone, or the whole of ``vlkit.read``'s stages; scores unchanged."""
    recognise = Recognise(RapidOcr(calibration=UNCHANGED), ("eng",))
    names = DEFAULT_STAGES if whole else ("recognise",)
    stages: list[Stage] = [recognise if n == "recognise" else load_stage(n) for n in names]
    pipeline = Pipeline(stages)

    def read(pixels: Pixels) -> list[Kept]:
        height, width = pixels.shape[:2]
        page = pipeline(PageImage(1, width, height, lambda: pixels))
        assert page.error is None, page.error
        fields = {"text", "box", "confidence", "space_after"}
        return [word.model_dump(include=fields) for word in page.words]

    return read


def fit_stored(data: Path) -> None:
    """Fit the default engine's calibration on forms and receipts and store it in the package."""
    curve = _fit(*_sets(data, quick=False))
    stored = json.loads(STORED.read_text())
    stored["rapidocr"] = {"scores": curve.scores, "probabilities": curve.probabilities}
    STORED.write_text(json.dumps(stored) + "\n")


if __name__ == "__main__":
    folder = os.environ.get("VLKIT_DATA")
    if "fit" in sys.argv and folder:
        fit_stored(Path(folder))
    else:
        result = rows(Path(folder) if folder else None, quick="quick" in sys.argv)
        show(result)
        write(result, Path("benchmarks/out/words.json"))
