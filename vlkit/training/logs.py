"""What a run says: a line a step in ``log.jsonl``, TensorBoard, and progress on the terminal."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from vlkit.errors import OutputError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@dataclass(frozen=True)
class Logging:
    """Progress and TensorBoard every so many steps; ``log.jsonl`` has every one."""

    every: int = 20
    tensorboard: bool = True

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every is {self.every}, but must be at least 1")


class Log(Protocol):
    """Where a run's figures go."""

    def step(self, step: int, values: Mapping[str, float], samples: int) -> None: ...

    def event(self, step: int, what: str, **facts: Any) -> None: ...

    def close(self) -> None: ...


class OtherLog:
    """The log of every process but the first: events alone, in ``log-RANK.jsonl``.

    Args:
        done: As of ``Logs``.
    """

    def __init__(self, folder: Path, rank: int, done: int) -> None:
        self.path = folder / f"log-{rank}.jsonl"
        _forget_after(self.path, done)

    def step(self, step: int, values: Mapping[str, float], samples: int) -> None: ...

    def event(self, step: int, what: str, **facts: Any) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line({"step": step, "event": what, **facts}))

    def close(self) -> None: ...


class Logs:
    """The log of the first process.

    Args:
        folder: Of the run.
        done: Steps done before; lines of later steps, which a killed run wrote after its last
            checkpoint, are removed, so that each step stands there once.
        steps: Of the whole run.
    """

    def __init__(self, folder: Path, config: Logging, done: int, steps: int) -> None:
        self.config = config
        self.done = done
        self.steps = steps
        self.samples = 0
        self.started = time.monotonic()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _forget_after(folder / "log.jsonl", done)
            # Line by line, so that a kill loses none that a checkpoint relies on.
            self.file: IO[str] = (folder / "log.jsonl").open("a", buffering=1, encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"the run's folder can't be written: {error.strerror or error}",
                remedy="Give output another place",
                file=folder,
            ) from error
        self.board = _board(folder / "tensorboard", done) if config.tensorboard else None

    def step(self, step: int, values: Mapping[str, float], samples: int) -> None:
        self.samples += samples
        seconds = max(time.monotonic() - self.started, 1e-9)
        speed = self.samples / seconds
        self._write({"step": step, **values, "samples_per_second": round(speed, 2)})
        if step % self.config.every and step != self.steps:
            return
        left = seconds / (step - self.done) * (self.steps - step)
        _say(
            f"step {step}/{self.steps}  loss {values['loss']:.4f}  rate {values['rate']:.2e}  "
            f"{speed:.1f} samples/s  ETA {_clock(left)}"
        )
        if self.board is not None:
            for name, value in {**values, "samples_per_second": speed}.items():
                self.board.add_scalar(name, value, step)

    def event(self, step: int, what: str, **facts: Any) -> None:
        self._write({"step": step, "event": what, **facts})
        _say(f"step {step}: {what} " + ", ".join(f"{name} {fact}" for name, fact in facts.items()))

    def close(self) -> None:
        self.file.close()
        if self.board is not None:
            self.board.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        self.file.write(_line(record))


def read_log(path: Path) -> list[dict[str, Any]]:
    """The records of a ``log.jsonl``; a last line that a kill cut off is left out."""
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return records


def _line(record: Mapping[str, Any]) -> str:
    # JSON knows no infinity or NaN; their names are read by people.
    plain = {
        key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }
    return json.dumps(plain, ensure_ascii=False) + "\n"


def _forget_after(path: Path, step: int) -> None:
    if path.exists():
        kept = [record for record in read_log(path) if record["step"] <= step]
        beside = path.with_name(f".{path.name}")
        beside.write_text("".join(map(_line, kept)), encoding="utf-8")
        beside.replace(path)


def _board(folder: Path, done: int) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=done + 1 if done else None)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
