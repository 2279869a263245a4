"""The figures of reading lines: our model beside its alternatives, on the same crops in one run.

    VLKIT_DATA=… python -m benchmarks.lines [--quick] [--only rendered,crops] [--model FOLDER]
        [--beside runs/lines-lstm] [--folded runs/lines-crops] [--lines 500] [--json FILE]
        [--every-form 4] [--card]

FOLDER is a model's, or that of a run of ``vlkit train``, whose ``model`` it then is.

Character accuracy is 1 - CER, word accuracy 1 - WER, over all lines; both the truth and what was
read are normalised as ``vlkit.data.rendered.normalise`` does. Without a model, what it would have
to beat is measured. What the alternatives read is kept under ``benchmarks/out/lines``.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2

from benchmarks.line_rows.detection import detection_rows
from benchmarks.line_rows.pages import document_rows, form_rows, korean_rows
from benchmarks.line_rows.readers import of_run, our_model
from benchmarks.line_rows.rendered import crop_rows, onnx_rows, rendered_rows, speed_rows
from benchmarks.line_rows.run import LeftOut, Run
from benchmarks.table import Row, show, write
from vlkit import card
from vlkit.evaluation.result import EvalResult, installed_versions, typed

AREAS: Mapping[str, Callable[[Run], Iterator[Row]]] = {
    "rendered": rendered_rows,
    "crops": crop_rows,
    "documents": document_rows,
    "korean": korean_rows,
    "forms": form_rows,
    "detection": detection_rows,
    "speed": speed_rows,
    "onnx": onnx_rows,
}


def measure(area: str, run: Run) -> list[Row]:
    start = time.perf_counter()
    found: list[Row] = []
    try:
        found.extend(AREAS[area](run))
    except LeftOut as reason:
        print(f"{area}: left out, {reason}", file=sys.stderr)
    print(f"{area}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20 lines a set, for a first look")
    parser.add_argument("--only", default=",".join(AREAS), help="areas, comma-separated")
    parser.add_argument("--model", type=Path, default=Path("models/lines-ko-en"))
    parser.add_argument(
        "--beside", type=Path, action="append", default=[], help="another model of lines"
    )
    parser.add_argument("--folded", type=Path, help="fold-0 …, each trained on other folds' crops")
    parser.add_argument("--lines", type=int, default=500, help="of each rendered set")
    parser.add_argument("--crops", type=int, default=2000, help="of each set of scans")
    parser.add_argument(
        "--every-form", type=int, default=1, metavar="N", help="of FUNSD, each N-th"
    )
    parser.add_argument("--json", type=Path, default=Path("benchmarks/out/lines.json"))
    parser.add_argument("--card", action="store_true", help="write the figures on the model's card")
    given = parser.parse_args()
    areas = given.only.split(",")
    if unknown := set(areas) - set(AREAS):
        parser.error(f"unknown area '{min(unknown)}'; known: {', '.join(AREAS)}")
    os.environ.update(OMP_NUM_THREADS="1", OMP_THREAD_LIMIT="1")
    cv2.setNumThreads(1)
    data = Path(os.environ["VLKIT_DATA"]) if "VLKIT_DATA" in os.environ else None
    folder = of_run(given.model)
    model = our_model(folder)
    if model is None:
        print(f"no model.onnx in {folder}: alternatives alone are measured", file=sys.stderr)
    run = Run(folder, model, tuple(given.beside), given.folded, data, given.lines, given.crops)
    run = replace(run, forms=given.every_form)
    if given.quick:
        run = run.quick()
    rows: list[Row] = []
    for area in areas:
        rows += measure(area, run)
        write(rows, given.json)  # a stopped run keeps what it measured
    show(rows)
    if given.card:
        print(card.write(folder, [figures(rows, run)]), file=sys.stderr)


def figures(rows: Sequence[Row], run: Run) -> EvalResult:
    """Our own of the rows, as cards show them."""
    return EvalResult(
        task="lines",
        model=run.folder.name,
        data="drawn lines and scans",
        metrics={f"{row.on}: {row.figure}": row.ours for row in rows if math.isfinite(row.ours)},
        counts={"lines of a drawn set": run.lines, "crops of a set": run.crops},
        command=typed("python", "-m", "benchmarks.lines", *sys.argv[1:]),
        versions=installed_versions(),
    )


if __name__ == "__main__":
    main()
