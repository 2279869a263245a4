"""A grid of arms and seeds, each run a process of its own on one thread.

A run's figures are a line of a JSONL file, so that a grid that is killed goes on where it stopped.
A line counts if the study's settings are still those it was run with.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COST = {"steps": "steps", "gflop": "GFLOP", "seconds": "processor s"}
"""What every run gives beside its study's metrics."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True)
class Study:
    """Arms that differ in one thing each, and how one of them is run.

    Attributes:
        name: As the command has it.
        question: What a sceptic asks, in a line.
        arms: The first is what the others are compared with.
        metrics: Name → how to say it, in the order of columns. An arm may lack some.
        settings: What the figures depend on, given ``quick``; JSON can hold it. Runs under other
            settings don't count.
        run: ``(arm, seed, quick, data folder)`` → metrics and ``COST``: steps, GFLOP spent on
            them, seconds of processor time of the whole run. It is called in a fresh process.
    """

    name: str
    question: str
    arms: tuple[str, ...]
    metrics: Mapping[str, str]
    settings: Callable[[bool], Mapping[str, object]]
    run: Callable[[str, int, bool, Path], dict[str, float]]


@dataclass(frozen=True)
class Run:
    """One cell of the grid."""

    arm: str
    seed: int


Figures = dict[str, float]
Results = dict[Run, Figures]


def settings_key(study: Study, quick: bool) -> str:
    """A hash that changes with the study's settings."""
    text = json.dumps([study.name, quick, study.settings(quick)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def finished(file: Path, key: str) -> Results:
    """The runs that a file holds under these settings; a line cut short by a kill is none."""
    results: Results = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if found["settings"] == key:
            results[Run(found["arm"], found["seed"])] = found["figures"]
    return results


def run_grid(
    runs: Sequence[Run], key: str, file: Path, command: Callable[[Run], list[str]], jobs: int
) -> Results:
    """Run what the file does not hold yet, ``jobs`` processes at a time.

    Args:
        key: Of the settings, from ``settings_key``.
        file: JSONL; finished runs are appended to it.
        command: What to start for a run. The last line it prints is its figures, as JSON.

    Returns:
        The figures of all runs that succeeded; of one that fails, its last words are printed.
    """
    done = finished(file, key)
    results = {run: done[run] for run in runs if run in done}
    missing = [run for run in runs if run not in done]
    if results:
        _say(f"{len(results)} of {len(runs)} runs are in {file}")
    file.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    for number, (run, figures) in enumerate(_in_processes(missing, command, jobs), 1):
        if figures is not None:
            results[run] = figures
            _append(file, {"settings": key, "arm": run.arm, "seed": run.seed, "figures": figures})
        seconds = (time.monotonic() - started) / number * (len(missing) - number)
        said = "failed" if figures is None else _in_words(figures)
        left = f"{seconds / 60:.0f} min to go"
        _say(f"[{number}/{len(missing)}] {run.arm}, seed {run.seed}: {said}; {left}")
    return results


def _in_processes(
    runs: Iterable[Run], command: Callable[[Run], list[str]], jobs: int
) -> Iterator[tuple[Run, Figures | None]]:
    """Runs as they finish, in any order; None where one failed. None outlives the caller."""
    waiting, going = list(runs)[::-1], dict[subprocess.Popen[bytes], tuple[Run, Path]]()
    with _ending_like_ctrl_c(), tempfile.TemporaryDirectory() as folder:
        try:
            while waiting or going:
                while waiting and len(going) < jobs:
                    output = Path(folder) / str(len(waiting))
                    run = waiting.pop()
                    going[_start(command(run), output)] = run, output
                for process in [each for each in going if each.poll() is not None]:
                    run, output = going.pop(process)
                    yield run, _figures(output, process.returncode)
                time.sleep(0.02)
        finally:
            for process in going:
                process.kill()
                process.wait()


def _start(command: list[str], output: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **ONE_THREAD}
    with output.open("wb") as said, output.with_suffix(".err").open("wb") as errors:
        return subprocess.Popen(command, stdout=said, stderr=errors, env=environment)


def _figures(output: Path, status: int) -> Figures | None:
    lines = output.read_text().splitlines()
    if status == 0 and lines:
        figures: Figures = json.loads(lines[-1])
        return figures
    _say("\n".join(output.with_suffix(".err").read_text().splitlines()[-20:]))
    return None


@contextmanager
def _ending_like_ctrl_c() -> Iterator[None]:
    """SIGTERM ends the grid as Ctrl-C does, so that its processes end with it."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _append(file: Path, record: Mapping[str, object]) -> None:
    # A kill may have left half a line, which must not spoil this one.
    text = file.read_text() if file.exists() else ""
    with file.open("a") as lines:
        lines.write("\n" * (bool(text) and not text.endswith("\n")) + json.dumps(record) + "\n")


def _in_words(figures: Figures) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
