"""Checkpoints of a run: whole or not there at all, and without pickles.

``checkpoints/step-00000100/`` holds ``weights.safetensors``, ``optimizer.safetensors``,
``average.safetensors`` where weights are averaged, and ``state.json``. A checkpoint is written
beside its place and renamed into it, so that a run killed at any moment leaves the last one
intact.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from vlkit.checkpoint import load_tensors, save_tensors
from vlkit.errors import CheckpointError, OutputError
from vlkit.files import flush

_NAME = re.compile(r"step-(\d{8,})")


@dataclass(frozen=True)
class Checkpoints:
    """When a run is saved: every so many steps and after the last; the last ``keep`` stay."""

    every: int = 500
    keep: int = 2

    def __post_init__(self) -> None:
        if self.every < 1 or self.keep < 1:
            raise ValueError("every and keep must be at least 1")


@dataclass
class State:
    """All that a run is after a step.

    Attributes:
        step: Steps done.
        tensors: File stem → tensors by name.
        facts: Plain values: the recipe, what was broken.
    """

    step: int
    tensors: dict[str, dict[str, Tensor]]
    facts: dict[str, Any] = field(default_factory=dict)


def save(folder: Path, state: State, keep: int) -> Path:
    """Write a checkpoint, then remove all but the last ``keep``.

    Raises:
        OutputError: It can't be written, and earlier ones still stand; or those that are too
            old can't be removed.
    """
    target = folder / f"step-{state.step:08d}"
    beside = folder / f".writing-{target.name}"
    try:
        _remove(beside)
        beside.mkdir(parents=True)
        for stem, tensors in state.tensors.items():
            save_tensors(beside / f"{stem}.safetensors", tensors)
        text = json.dumps({"step": state.step, **state.facts}, indent=1) + "\n"
        (beside / "state.json").write_text(text, encoding="utf-8")
        for file in beside.iterdir():
            flush(file)
        flush(beside)
        _remove(target)
        beside.rename(target)
        flush(folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise OutputError(
            f"the checkpoint of step {state.step} can't be written: {error.strerror or error}",
            remedy="Make room, then start the same command: it goes on from the one before",
            file=folder,
        ) from error
    for old in _all(folder)[:-keep]:
        try:
            _remove(old)
        except OSError as error:
            raise OutputError(
                f"{old.name} is no longer needed and can't be removed: {error.strerror or error}",
                remedy="Check who may write there, then start the same command: it goes on from "
                f"step {state.step}",
                file=folder,
            ) from error
    return target


def latest(folder: Path) -> State | None:
    """The last checkpoint, or None; what a killed run left half written is removed.

    Raises:
        CheckpointError: A file of it is missing, damaged or pickled.
    """
    if folder.is_dir():
        for leftover in folder.glob(".*-step-*"):
            shutil.rmtree(leftover, ignore_errors=True)
    found = _all(folder)
    return load(found[-1]) if found else None


def load(path: Path) -> State:
    try:
        facts = json.loads((path / "state.json").read_text(encoding="utf-8"))
        step = facts.pop("step")
    except (OSError, ValueError, KeyError) as error:
        raise _damaged(path, str(error)) from error
    tensors = {file.stem: load_tensors(file) for file in sorted(path.glob("*.safetensors"))}
    for needed in ("weights", "optimizer"):
        if needed not in tensors:
            raise _damaged(path, f"there is no {needed}.safetensors")
    return State(step, tensors, facts)


def check_same(facts: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with a run that was another one.

    Raises:
        CheckpointError: Names the first key that differs.
    """
    for key in sorted({*facts, *wanted}):
        before, now = facts.get(key), wanted.get(key)
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            inner_before = {f"{key}.{name}": value for name, value in before.items()}
            inner_now = {f"{key}.{name}": value for name, value in now.items()}
            check_same(inner_before, inner_now, folder)
        elif before != now:
            raise CheckpointError(
                f"the run in this folder had {key} = {before!r}, the recipe has {now!r}",
                remedy="Give the recipe another output folder, or remove this one",
                file=folder,
            )


def _all(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    named = [(path, _NAME.fullmatch(path.name)) for path in folder.iterdir()]
    return [path for _, path in sorted((int(match[1]), path) for path, match in named if match)]


def _remove(path: Path) -> None:
    """Out of the way under another name first: half a checkpoint never bears a whole one's."""
    if path.exists():
        aside = path.with_name(f".removing-{path.name.lstrip('.')}")
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
        shutil.rmtree(aside)


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"the checkpoint is damaged: {why}",
        remedy="Remove its folder; the run then goes on from the one before",
        file=path,
    )
