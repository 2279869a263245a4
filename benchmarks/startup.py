"""Seconds that `import vlkit` and `vlkit --help` take over an empty interpreter.

    python -m benchmarks.startup [--json FILE]

Wanted: 0.2 s and 0.6 s. The median of several runs, the empty interpreter's taken between them.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.table import Row, show, write

RUNS = 15


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure() -> list[Row]:
    commands = {
        "nothing": [sys.executable, "-c", "pass"],
        "import vlkit": [sys.executable, "-c", "import vlkit"],
        "vlkit --help": [str(Path(sys.executable).with_name("vlkit")), "--help"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            taken[name].append(seconds(command))
    median = {name: statistics.median(times) for name, times in taken.items()}
    rows = []
    for name, limit in (("import vlkit", 0.2), ("vlkit --help", 0.6)):
        extra = median[name] - median["nothing"]
        rows.append(
            Row(
                on=name,
                figure="seconds over an empty interpreter",
                ours=extra,
                alternatives={"empty interpreter": median["nothing"]},
                wanted=f"≤ {limit}",
                reached=extra <= limit,
            )
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/out/startup.json"))
    arguments = parser.parse_args()
    rows = measure()
    show(rows)
    write(rows, arguments.json)


if __name__ == "__main__":
    main()
