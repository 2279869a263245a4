"""Fits the stored scores of ``vlkit.extraction``, and predictions by scores of other folds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.extract_rows.sets import Example, is_right
from vlkit.extraction import extract
from vlkit.extraction.candidates import FEATURES, Finder
from vlkit.extraction.schema import Wanted
from vlkit.extraction.scoring import GROUPS, Scorer, fit_logistic, group_of
from vlkit.extraction.sheet import Sheet
from vlkit.extraction.tables import find_rows
from vlkit.reading.calibration import fit

FOLDS = 5
STORED = Path(extract.__file__).with_name("scores.json")


@dataclass(frozen=True)
class Asked:
    """A field of a document: its candidates' features [N, F], which are right, its fold."""

    group: str
    fold: int
    features: NDArray[np.float64]
    right: NDArray[np.bool_]


def asked(examples: Iterable[Example]) -> list[Asked]:
    found = []
    for example in examples:
        fields = [each for each in example.wanted.fields if each.kind != "table"]
        finder = Finder(Sheet(example.document), fields)
        for number, wanted in enumerate(fields):
            candidates = finder.candidates(number)
            if not candidates:
                continue
            said = example.truth.get(wanted.name)
            right = [
                is_right(wanted, each.reading.value, said, example.conventions)
                for each in candidates
            ]
            features = np.array([each.features for each in candidates])
            found.append(Asked(group_of(wanted), example.fold, features, np.array(right)))
    return found


def fit_groups(some: Sequence[Asked]) -> dict[str, Scorer]:
    """A map for each group; its curve is fitted on the best candidates of unseen folds."""
    scorers = {}
    for group in GROUPS:
        mine = [each for each in some if each.group == group]
        if not any(each.right.any() for each in mine):
            continue
        raw, right = [], []
        for fold in sorted({each.fold for each in mine}):
            kept = _logistic([each for each in mine if each.fold != fold])
            for each in mine:
                if each.fold == fold:
                    scores = kept.raw(each.features)
                    raw.append(float(scores.max()))
                    right.append(bool(each.right[scores.argmax()]))
        curve = fit(raw, right)
        whole = _logistic(mine)
        scorers[group] = Scorer(whole.bias, whole.weights, curve.scores, curve.probabilities)
    return scorers


def _logistic(some: Sequence[Asked]) -> Scorer:
    features = np.concatenate([each.features for each in some])
    right = np.concatenate([each.right for each in some])
    bias, weights = fit_logistic(features, right, np.ones(len(right)))
    return Scorer(bias, tuple(weights.tolist()))


def row_shares(examples: Iterable[Example]) -> dict[str, dict[str, float]]:
    """The share of a table's values that are right, by how it was found and the group."""
    hits: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for example in examples:
        table = next((each for each in example.wanted.fields if each.kind == "table"), None)
        if table is None or not example.rows:
            continue
        found = find_rows(Sheet(example.document), table)
        for number, cells in enumerate(found.rows):
            truth = example.rows[number] if number < len(example.rows) else {}
            for cell in cells:
                said = truth.get(cell.column.name)
                right = is_right(cell.column, cell.reading.value, said, example.conventions)
                hits[found.how, group_of(cell.column)].append(right)
    shares: dict[str, dict[str, float]] = {"grid": {}, "lines": {}}
    for (how, group), each in sorted(hits.items()):
        shares[how][group] = round((sum(each) + 1) / (len(each) + 2), 4)
    return shares


def store(scorers: dict[str, Scorer], rows: dict[str, dict[str, float]], command: str) -> None:
    groups: dict[str, Any] = {}
    for group, scorer in scorers.items():
        groups[group] = {
            "bias": round(scorer.bias, 4),
            "weights": dict(zip(FEATURES, (round(w, 4) for w in scorer.weights), strict=True)),
            "curve": {"scores": scorer.scores, "probabilities": scorer.probabilities},
        }
    content = {"command": command, "groups": groups, "rows": rows}
    STORED.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def best(wanted: Wanted, each: Asked, scorers: dict[str, Scorer]) -> tuple[float, bool]:
    """The best candidate's probability, and whether it is right."""
    scorer = scorers[group_of(wanted)]
    raw = scorer.raw(each.features)
    return float(scorer.calibrated(raw.max())), bool(each.right[raw.argmax()])
