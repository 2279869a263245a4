"""Papers' claims, put to the test small: arms trained alike, three seeds, whatever comes out.

    VLKIT_DATA=… python -m benchmarks.claims detailclip|cgvlm|pooling|shelf|lines [--quick]
        [--seeds 3] [--jobs 2] [--arms a,b] [--json FILE]

Every run is a process of its own on one thread; what is done stands in
``benchmarks/out/claims_<study>.jsonl``, and a grid that was killed goes on from there. Table,
JSON and ``benchmarks/out/claims_<study>.png`` show all that stands there.
``--quick`` is one seed at a tiny size: its figures say that everything works, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.arms.grid import Run, Study, finished, run_grid, settings_key
from benchmarks.arms.picture import draw_grid
from benchmarks.arms.summary import rows, show
from benchmarks.table import write
from vlkit.evaluation.result import MODEL_PACKAGES

STUDIES = ("detailclip", "cgvlm", "pooling", "shelf", "lines")
OUT = Path("benchmarks/out")
PACKAGES = (*MODEL_PACKAGES, "transformers")


def study_of(name: str) -> Study:
    """The ``STUDY`` of ``benchmarks/arms/<name>.py``."""
    study: Study = import_module(f"benchmarks.arms.{name}").STUDY
    return study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--arms", help="names with commas; all without it")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if "VLKIT_DATA" not in os.environ:
        parser.error("VLKIT_DATA must name the folder of the data")
    study = study_of(given.study)
    if given.one:
        arm, seed, key = given.one
        if settings_key(study, given.quick) != key:
            sys.exit("the study's settings have changed since the grid began: start it again")
        data = Path(os.environ["VLKIT_DATA"])
        print(json.dumps(study.run(arm, int(seed), given.quick, data)))
        return
    arms = given.arms.split(",") if given.arms else list(study.arms)
    if unknown := [arm for arm in arms if arm not in study.arms]:
        parser.error(f"no arm {', '.join(unknown)}; there are {', '.join(study.arms)}")
    measure(study, arms, range(given.seeds or (1 if given.quick else 3)), given)


def measure(study: Study, arms: list[str], seeds: range, given: argparse.Namespace) -> None:
    name = f"claims_{study.name}{'_quick' if given.quick else ''}"
    runs = [Run(arm, seed) for seed in seeds for arm in arms]

    key = settings_key(study, given.quick)

    def command(run: Run) -> list[str]:
        door = [sys.executable, "-m", "benchmarks.claims", study.name]
        return door + ["--quick"] * given.quick + ["--one", run.arm, str(run.seed), key]

    file = OUT / f"{name}.jsonl"
    results = run_grid(runs, key, file, command, given.jobs)
    known = finished(file, key)
    if known:
        show(study, known)
        write(rows(study, known), given.json or OUT / f"{name}.json", PACKAGES)
        draw_grid(study, known, OUT / f"{name}.png")
    if len(results) < len(runs):
        sys.exit(f"{len(runs) - len(results)} of {len(runs)} runs failed")


if __name__ == "__main__":
    main()
