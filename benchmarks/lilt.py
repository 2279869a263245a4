"""LiLT's figures: ours beside Transformers' and beside simpler ways, on the same forms in one run.

    VLKIT_DATA=… python -m benchmarks.lilt [--quick] [--only speed,memory,entities,relations]
        [--forms 24] [--rounds 5] [--threads N] [--json FILE]

- speed: tokens a second of forward and backward on real forms, one a row and packed
- memory: peak of forward and backward, with and without recomputing activations
- entities: five folds of FUNSD's forms; what is done stands in ``benchmarks/out/lilt``, and a run
  that was killed goes on from there
- relations: links between the truth's entities

Labels are those of EC-FUNSD, a revision: scores do not compare with figures published for FUNSD.
``--quick`` is one fold at a tiny size: its figures say that everything works, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.lilt_rows.entities import entity_rows
from benchmarks.lilt_rows.memory import ARMS, memory_rows, peak_of
from benchmarks.lilt_rows.relations import relation_rows
from benchmarks.lilt_rows.run import Run
from benchmarks.lilt_rows.speed import speed_rows
from benchmarks.table import Row, show, write
from vlkit.evaluation.result import MODEL_PACKAGES

AREAS: Mapping[str, Callable[[Run], Iterator[Row]]] = {
    "speed": speed_rows,
    "memory": memory_rows,
    "entities": entity_rows,
    "relations": relation_rows,
}
PACKAGES = (*MODEL_PACKAGES, "transformers", "scikit-learn")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one fold at a tiny size")
    parser.add_argument("--only", default=",".join(AREAS), help="areas, comma-separated")
    parser.add_argument("--forms", type=int, default=24, help="that speed is measured on")
    parser.add_argument("--rounds", type=int, default=5, help="of each timing")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, default=Path("benchmarks/out/lilt.json"))
    parser.add_argument("--peak-of", nargs=2, metavar=("ARM", "SIZE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.peak_of:
        arm, size = given.peak_of
        assert arm in ARMS
        print(json.dumps(asdict(peak_of(arm, size))))
        return
    areas = given.only.split(",")
    if unknown := set(areas) - set(AREAS):
        parser.error(f"unknown area '{min(unknown)}'; known: {', '.join(AREAS)}")
    if "VLKIT_DATA" not in os.environ:
        parser.error("VLKIT_DATA must name the folder of the data")
    rounds, count = (1, 4) if given.quick else (given.rounds, given.forms)
    run = Run(Path(os.environ["VLKIT_DATA"]), given.quick, count, rounds)
    rows: list[Row] = []
    for area in areas:
        start = time.perf_counter()
        rows += AREAS[area](run)
        print(f"{area}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
        write(rows, given.json, PACKAGES)  # a stopped run keeps what it measured
    show(rows)


if __name__ == "__main__":
    main()
