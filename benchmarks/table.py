"""The rows that every benchmark prints and writes."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vlkit.evaluation.result import READING_PACKAGES, installed_versions


@dataclass
class Row:
    """One measured figure beside its alternatives, taken in the same run.

    Attributes:
        on: The data or situation.
        figure: What was measured (``word recall``, ``CER``, …).
        ours: vlkit's figure; NaN where there is none.
        alternatives: Name → the same figure of something else.
        wanted: The goal, in words.
        reached: Whether ``ours`` meets it; None where there is no goal.
        detail: Anything else worth keeping in the JSON (counts, intervals, settings).
    """

    on: str
    figure: str
    ours: float
    alternatives: dict[str, float] = field(default_factory=dict)
    wanted: str = ""
    reached: bool | None = None
    detail: dict[str, object] = field(default_factory=dict)


def show(rows: list[Row]) -> None:
    """Print the rows as a Markdown table."""
    print("| on | figure | vlkit | alternatives | wanted | reached |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        others = ", ".join(f"{name} {value:.4g}" for name, value in row.alternatives.items())
        reached = {None: "", True: "yes", False: "no"}[row.reached]
        ours = "" if math.isnan(row.ours) else f"{row.ours:.4g}"
        print(f"| {row.on} | {row.figure} | {ours} | {others} | {row.wanted} | {reached} |")


def write(rows: list[Row], path: Path, packages: Sequence[str] = READING_PACKAGES) -> None:
    """Write the rows with the command and the versions that gave them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "command": " ".join(["python", *sys.argv]),
        "versions": installed_versions(packages),
        "rows": [_in_json(asdict(row)) for row in rows],
    }
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _in_json(value: object) -> object:
    """The same with null in place of what is no number, for which JSON has no sign."""
    if isinstance(value, dict):
        return {key: _in_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_in_json(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
