"""What a run of the benchmark is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from vlkit.onnx import LineModel


class LeftOut(Exception):
    """An area that can't be measured here, and why."""


@dataclass(frozen=True)
class Run:
    """Who is measured on how much.

    Attributes:
        folder: Of our model.
        model: None where there is none yet: then alternatives alone are measured.
        beside: Folders of other models of lines, such as of other mixers.
        folded: Folder of models trained on crops, ``fold-0`` and so on.
        data: What VLKIT_DATA names.
        lines, crops, pages, timed: Lines of each rendered set, crops of each set, generated
            documents, lines of each language whose reading is timed.
        forms: Every how many-th page of FUNSD.
    """

    folder: Path
    model: LineModel | None
    beside: tuple[Path, ...]
    folded: Path | None
    data: Path | None
    lines: int = 500
    crops: int = 2000
    pages: int = 60
    timed: int = 100
    forms: int = 1

    def quick(self) -> Run:
        """Of everything a little: it takes a minute."""
        return replace(self, lines=20, crops=20, pages=3, timed=20, forms=50)
