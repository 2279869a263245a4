"""What a run of the benchmark measures on, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OUT = Path("benchmarks/out/lilt")


@dataclass(frozen=True)
class Run:
    """The settings.

    Attributes:
        data: Folder of the data sets.
        quick: One fold at a tiny size: figures say that everything works, and nothing else.
        forms: That speed is measured on, spread over all lengths.
        rounds: Of each timing.
    """

    data: Path
    quick: bool
    forms: int
    rounds: int

    @property
    def folds(self) -> range:
        return range(1 if self.quick else 5)
