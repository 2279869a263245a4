"""The figures of reading: vlkit beside its alternatives, on the same pages in the same run.

    VLKIT_DATA=… python -m benchmarks.reading [--quick] [--only words,tables] [--with doctr]
        [--json FILE]

Rows that need VLKIT_DATA are left out without it, and say so. ``--with doctr`` has docTR read
the pages of the words' rows too, where it and its weights are.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.readings import Readers
from benchmarks.table import Row, show, write
from benchmarks.with_doctr import load_doctr
from vlkit.errors import MissingDependency

AREAS = {
    "words": "the default engine's words on FUNSD and SROIE, clean and degraded; calibration",
    "tesseract": "the same of Tesseract",
    "rotation": "rotated and skewed pages",
    "order": "reading order",
    "layout": "roles of blocks",
    "tables": "tables",
    "text_layer": "text-layer PDFs, and auto's choice",
    "korean": "Korean pages",
    "throughput": "pages per second",
    "memory": "memory over 1,000 pages",
    "robustness": "mutated files",
}


def measure(area: str, data: Path | None, quick: bool, beside: Readers) -> list[Row]:
    start = time.perf_counter()
    module = import_module(f"benchmarks.rows.{area}")
    rows: list[Row] = (
        module.rows(data, quick, beside) if area == "words" else module.rows(data, quick)
    )
    seconds = f"{time.perf_counter() - start:.0f} s"
    print(f"{area}: {seconds if rows else 'left out, needs VLKIT_DATA'}", file=sys.stderr)
    return rows


def optional_readers(names: list[str]) -> Readers:
    """Those of the named that can be had; of the others, what to do is said."""
    if "doctr" not in names:
        return {}
    try:
        name, read = load_doctr()
    except MissingDependency as error:
        print(f"without docTR: {error}", file=sys.stderr)
        return {}
    return {name: lambda: read}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer pages, for a first look")
    parser.add_argument("--only", default=",".join(AREAS), help="areas, comma-separated")
    parser.add_argument(
        "--with", dest="beside", choices=["doctr"], action="append", default=[], help="also run it"
    )
    parser.add_argument("--json", type=Path, default=Path("benchmarks/out/reading.json"))
    arguments = parser.parse_args()
    data = Path(os.environ["VLKIT_DATA"]) if "VLKIT_DATA" in os.environ else None
    beside = optional_readers(arguments.beside)
    rows = []
    for area in arguments.only.split(","):
        if area not in AREAS:
            parser.error(f"unknown area '{area}'; known: {', '.join(AREAS)}")
        rows += measure(area, data, arguments.quick, beside)
        write(rows, arguments.json)  # a stopped run keeps what it measured
    show(rows)


if __name__ == "__main__":
    main()
