"""Model cards: what a model is, from what data, at what cost, how good, and how to make it again.

    python -m vlkit.card models/clip-nano retrieval.json …      write the figures into its card

The facts stand in ``config.json`` under ``card``, so that a card is made anew whenever there are
new figures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vlkit import recipe
from vlkit.errors import InputError
from vlkit.evaluation.result import EvalResult


@dataclass(frozen=True)
class Card:
    """What a recipe says of its model, for people.

    Attributes:
        name: Of the model, and of its folder.
        summary: What it does and for whom, in a sentence or two.
        data: What it was trained on.
        data_licence: What that data may be used for.
        licence: Of the weights, as SPDX names it, or ``other``.
        intended: What to use it for, and what not.
    """

    name: str
    summary: str
    data: str
    data_licence: str
    licence: str = "other"
    intended: str = ""


@dataclass(frozen=True)
class Cost:
    """What a training run took; no steps where the weights were trained elsewhere.

    Attributes:
        machine: Processor or accelerator, and how many processes.
    """

    steps: int
    samples: int
    seconds: float
    machine: str
    parameters: int


@dataclass(frozen=True)
class Made:
    """All facts of a card but the figures, as they stand in ``config.json``."""

    card: Card
    model: str
    command: str
    cost: Cost
    skipped: int = 0
    versions: dict[str, str] = field(default_factory=dict)


def render(made: Made, figures: Sequence[EvalResult] = ()) -> str:
    """The card, in Markdown with the front matter that model hubs read."""
    card, cost = made.card, made.cost
    parts = [
        _front(made),
        f"# {card.name}",
        card.summary,
        "## Use",
        f'```python\nimport vlkit\n\nmodel = vlkit.load("{card.name}")\n```',
        card.intended,
        "## Data",
        f"{card.data}\n\nLicence of the data: {card.data_licence}",
        f"{made.skipped} samples could not be read and were skipped." if made.skipped else "",
        "## Figures",
        _figures(figures) if figures else "None measured yet.",
        "## Made by",
        f"```\n{made.command}\n```",
        f"{cost.parameters:,} parameters; {_spent(cost)}.",
        ", ".join(f"{name} {version}" for name, version in sorted(made.versions.items())),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write(folder: Path, figures: Sequence[EvalResult]) -> Path:
    """Write a model folder's card anew.

    Raises:
        InputError: The folder is no model's, or was not trained by a recipe.
    """
    try:
        described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"config.json can't be read: {error}", file=folder) from error
    if "card" not in described:
        raise InputError(
            "its config.json has no card", remedy="Train it with `vlkit train`", file=folder
        )
    made = recipe.parse(described["card"], Made, where="card")
    target = folder / "README.md"
    target.write_text(render(made, figures), encoding="utf-8")
    return target


def read_figures(path: Path) -> EvalResult:
    """What ``vlkit eval --json`` wrote."""
    try:
        return EvalResult.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise InputError(f"these are no figures of `vlkit eval`: {error}", file=path) from error


def _front(made: Made) -> str:
    facts: Mapping[str, Any] = {
        "license": made.card.licence,
        "library_name": "vlkit",
        "tags": ["vlkit", made.model],
        "data_licence": made.card.data_licence,
    }
    # JSON is YAML.
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items()]
    return "\n".join(["---", *lines, "---"])


def _figures(figures: Sequence[EvalResult]) -> str:
    rows = ["| task | data | measure | value |", "|---|---|---|---|"]
    for result in figures:
        where = result.data + (f", {result.split}" if result.split else "")
        rows += [
            f"| {result.task} | {where} | {name} | {value:.4g} |"
            for name, value in result.metrics.items()
        ]
    commands = "\n".join(dict.fromkeys(result.command for result in figures))
    return "\n".join(rows) + f"\n\nMeasured by\n\n```\n{commands}\n```"


def _spent(cost: Cost) -> str:
    if not cost.steps:
        return "trained elsewhere"
    return (
        f"{cost.steps:,} steps, {cost.samples:,} samples, {_duration(cost.seconds)} on "
        f"{cost.machine}"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m vlkit.card", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("figures", type=Path, nargs="*")
    given = parser.parse_args()
    print(write(given.folder, [read_figures(path) for path in given.figures]))


if __name__ == "__main__":
    main()
