"""Extracting fields: vlkit's rules beside fair regular expressions on the same words.

    VLKIT_DATA=… python -m benchmarks.extract [--every 1] [--pixels] [--json FILE]
    VLKIT_DATA=… python -m benchmarks.extract --fit [--drawn 16]

SROIE's company, date, address and total, right if equal after normalising: dates as days, totals
as amounts, texts without white space, case and marks at their ends. Receipts of a company are in
one of five folds; each fold is read by scores that were fitted on generated documents and the
other folds' receipts. Words are the annotators', or read by the default engine with ``--pixels``.
``--fit`` stores the scores that vlkit uses, fitted on all of these.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.extract_rows.expressions import by_expressions
from benchmarks.extract_rows.fit import (
    FOLDS,
    Asked,
    asked,
    best,
    fit_groups,
    row_shares,
    store,
)
from benchmarks.extract_rows.sets import Example, drawn, is_right, receipts
from benchmarks.table import Row, show, write
from vlkit.evaluation.reading import expected_calibration_error
from vlkit.extraction.readings import all_values
from vlkit.extraction.schema import Wanted
from vlkit.reading.read import read

PRECISION = 0.98
"""At which coverage is told."""
Answer = tuple[float, bool]
"""How sure, and whether right."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="take every n-th receipt")
    parser.add_argument("--drawn", type=int, default=16, help="generated documents of each kind")
    parser.add_argument("--pixels", action="store_true", help="read the pictures")
    parser.add_argument("--fit", action="store_true", help="store scores fitted on everything")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/out/extract.json"))
    arguments = parser.parse_args()
    folder = Path(os.environ["VLKIT_DATA"]) / "sroie"
    pages, scans = list(drawn(arguments.drawn)), list(receipts(folder, arguments.every))
    if arguments.fit:
        command = " ".join(["python -m benchmarks.extract", *sys.argv[1:]])
        store(fit_groups(asked([*pages, *scans])), row_shares(pages), command)
        return
    if arguments.pixels:
        scans = [replace(each, document=read(each.picture)) for each in scans if each.picture]
    rows = compare(pages, scans, "read" if arguments.pixels else "gold words")
    show(rows)
    write(rows, arguments.json)


def compare(pages: Sequence[Example], scans: Sequence[Example], words: str) -> list[Row]:
    started = time.process_time()
    ours = by_rules(pages, scans)
    taken = time.process_time() - started
    theirs = {
        wanted.name: [(1.0, each) for each in answers]
        for wanted in scans[0].wanted.fields
        for answers in [_by(by_expressions, scans, wanted)]
    }
    rows = [
        _row(f"SROIE {name}, {words}", ours[name], theirs[name])
        for name in (each.name for each in scans[0].wanted.fields)
    ]
    everything = [each for some in ours.values() for each in some]
    all_theirs = [each for some in theirs.values() for each in some]
    whole = _row(f"SROIE, all fields, {words}", everything, all_theirs)
    wanted = whole.alternatives["regular expressions"] + 0.1
    rows.append(replace(whole, wanted="≥ 10 points above", reached=whole.ours >= wanted))
    sure = np.array([each[0] for each in everything])
    right = np.array([each[1] for each in everything])
    error = expected_calibration_error(sure, right)
    rows.append(Row(f"SROIE, {words}", "ECE", error, {}, "≤ .05", error <= 0.05))
    rows.append(Row(f"SROIE, {words}", f"coverage at {PRECISION}", coverage(everything)))
    count = len(scans) + len(pages)
    rows.append(Row("a document", "processor seconds, with the fit", taken / count))
    return rows


def by_rules(pages: Sequence[Example], scans: Sequence[Example]) -> dict[str, list[Answer]]:
    """For each field of each receipt how sure and whether right, by scores of the other folds."""
    drawn_ = asked(pages)
    known: dict[tuple[str, str], Asked] = {}
    for example in scans:
        for wanted in example.wanted.fields:
            alone = replace(example, wanted=replace(example.wanted, fields=(wanted,)))
            found = asked([alone])
            if found:
                known[example.name, wanted.name] = found[0]
    answers: dict[str, list[Answer]] = defaultdict(list)
    for fold in range(FOLDS):
        scorers = fit_groups([*drawn_, *(each for each in known.values() if each.fold != fold)])
        for example in scans:
            for wanted in example.wanted.fields:
                if example.fold == fold and wanted.name in example.truth:
                    one = known.get((example.name, wanted.name))
                    answers[wanted.name].append(best(wanted, one, scorers) if one else (0.0, False))
    return answers


def _by(
    method: Callable[..., dict[str, str]], scans: Sequence[Example], wanted: Wanted
) -> list[bool]:
    """Whether a method's texts are right, read as ours are."""
    hits = []
    for each in scans:
        if wanted.name in each.truth:
            said = method(each.document).get(wanted.name, "")
            values = [read.value for read in all_values(wanted, said, each.conventions)]
            hits.append(
                bool(values)
                and is_right(wanted, values[0], each.truth[wanted.name], each.conventions)
            )
    return hits


def _row(on: str, ours: Sequence[Answer], theirs: Sequence[Answer]) -> Row:
    return Row(
        on=on,
        figure="exact match",
        ours=float(np.mean([right for _, right in ours])),
        alternatives={"regular expressions": float(np.mean([right for _, right in theirs]))},
        detail={"fields": len(ours)},
    )


def coverage(answers: Sequence[Answer]) -> float:
    """The largest share of the fields, surest first, of which ``PRECISION`` are right."""
    ordered = sorted(answers, key=lambda each: -each[0])
    right = np.cumsum([each[1] for each in ordered])
    counts = np.arange(1, len(ordered) + 1)
    good = np.flatnonzero(right / counts >= PRECISION)
    return float(counts[good[-1]] / len(ordered)) if len(good) else 0.0


if __name__ == "__main__":
    main()
