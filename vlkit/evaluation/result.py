"""The one JSON that `vlkit eval`, benchmarks and cards use."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

READING_PACKAGES = (
    "vlkit",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pypdfium2",
    "rapidocr",
)
MODEL_PACKAGES = ("vlkit", "numpy", "pillow", "torch", "timm", "open-clip-torch")


def installed_versions(packages: Sequence[str] = READING_PACKAGES) -> dict[str, str]:
    """Versions of Python and of the packages that figures depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def typed(*words: str | Path) -> str:
    """A command as it is typed in a shell.

    Results are published, so a path below the folder that ``VLKIT_DATA`` names is written by that
    name and not by where it lies here.
    """
    return " ".join(
        _by_name(word) if isinstance(word, Path) else shlex.quote(word) for word in words
    )


def _by_name(path: Path) -> str:
    root = os.environ.get("VLKIT_DATA")
    if not root or not path.resolve().is_relative_to(Path(root).resolve()):
        return shlex.quote(str(path))
    below = path.resolve().relative_to(Path(root).resolve())
    return "/".join(["$VLKIT_DATA", *map(shlex.quote, below.parts)])


class EvalResult(BaseModel):
    """Figures of one task on one set.

    Attributes:
        task: ``reading``, ``reading-order``, ``layout``, ``tables``, ``parse``, ``entities``,
            ``relations``, ``fields``, ``lines`` or ``retrieval``; on cards also what a training
            measured (``validation``) and what a format cost (``int8``).
        model: What was measured: an engine, a model, or a folder of predictions.
        data: Name of the data's folder.
        split: Name of the split file; None for everything in the folder.
        counts: How much was measured (pages, words, …).
        metrics: Figures by their fixed names, as `vlkit eval --help` lists them.
        command: What to type to get them again.
        note: What has to be known to compare them with others.
    """

    model_config = ConfigDict(extra="forbid")

    task: str
    model: str
    data: str
    split: str | None = None
    counts: dict[str, int]
    metrics: dict[str, float]
    command: str
    versions: dict[str, str]
    note: str = ""
