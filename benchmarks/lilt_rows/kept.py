"""What arms scored on each fold's forms, a line of a JSONL file each, so that a run that is killed
goes on where it stopped. A line counts under the settings that it was measured with."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.lilt_rows.forms import Scores

Measured = dict[str, dict[str, Sequence[int]]]
"""Figure → form → how much of it is right, predicted and true."""


def key_of(settings: Mapping[str, object]) -> str:
    """A hash that changes with the settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def kept(file: Path, key: str, arm: str, fold: int, measure: Callable[[], Measured]) -> Measured:
    """What the arm scored on the fold: as the file has it, or measured and put there."""
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            found = json.loads(line)
        except ValueError:  # cut short by a kill
            continue
        if (found["key"], found["arm"], found["fold"]) == (key, arm, fold):
            measured: Measured = found["measured"]
            return measured
    start = time.perf_counter()
    measured = measure()
    record = {"key": key, "arm": arm, "fold": fold, "measured": measured}
    record["seconds"] = round(time.perf_counter() - start)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lines:
        lines.write("\n" + json.dumps(record) + "\n")  # after whatever a kill left
    print(f"{arm}, fold {fold}: {record['seconds']} s", file=sys.stderr, flush=True)
    return measured


def of_folds(folds: Sequence[Measured], figure: str) -> Scores:
    """All folds' forms in the order of their names, so that arms are compared form by form."""
    forms = {name: counts for each in folds for name, counts in each[figure].items()}
    return np.array([forms[name] for name in sorted(forms)], np.int64).reshape(-1, 3)
