"""``vlkit train RECIPE``: from a recipe to a model folder with its card."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from vlkit import __version__, recipe
from vlkit.card import Card, Cost, Made, render
from vlkit.checkpoint import TOKENIZER, Pretrained, load_weights, save_folder
from vlkit.errors import RecipeError
from vlkit.evaluation.result import EvalResult
from vlkit.models import model_class
from vlkit.models.clip import Clip
from vlkit.models.lilt import Lilt
from vlkit.models.lines import LineReader
from vlkit.models.pairs import as_clip
from vlkit.training import distribution
from vlkit.training.captions import Data, caption_samples
from vlkit.training.documents import Documents, document_samples
from vlkit.training.lines import Lines, line_samples
from vlkit.training.loop import Plan, Trained, train
from vlkit.training.samples import Samples, Tokens
from vlkit.training.shelf import ForShelf, save_for_shelf, save_golden
from vlkit.training.start import Model, OnTrunk, build_model, named_trunk
from vlkit.training.task import Task


@dataclass(frozen=True, kw_only=True)
class Recipe(Plan):
    """Everything that ``vlkit train`` needs: the plan, and what is trained on what.

    Attributes:
        data: Pictures with captions,
        lines: or text lines,
        documents: or labelled documents; a recipe has one of these.
        trunk: A trunk that the model stands on.
        shelf: What else is written, into ``shelf`` under ``output``, once the model is done.
    """

    model: Model
    card: Card
    data: Data | None = None
    lines: Lines | None = None
    documents: Documents | None = None
    tokens: Tokens = field(default_factory=Tokens)
    trunk: OnTrunk | None = None
    shelf: ForShelf | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        kinds = (self.data, self.lines, self.documents)
        if sum(kind is not None for kind in kinds) != 1:
            raise RecipeError(
                "a recipe trains on one kind of data",
                remedy="Give [data], [lines] or [documents]",
            )
        if self.documents and self.documents.rows == "packed" and self.batch.chunks > 1:
            raise RecipeError(
                "packed documents fill now more rows, now fewer, which do not fall into chunks",
                remedy='Set batch.chunks to 1, or documents.rows to "padded"',
            )
        if self.trunk is not None and self.shelf is not None:
            raise RecipeError(
                "a model that stands on a trunk has none to give to the shelf",
                remedy="Leave out [trunk] or [shelf]",
            )


def train_recipe(path: Path, settings: Sequence[str] = ()) -> Path:
    """Train what a recipe says, or go on with it; gives the folder of the finished model.

    Args:
        path: The recipe.
        settings: ``key=value`` overrides, as of ``--set``.

    Raises:
        VlkitError: What is wrong with the recipe, the data, a checkpoint or the run.
    """
    plan = recipe.load(path, Recipe, settings)
    model = build_model(plan.model, plan.trunk, plan.seed)
    samples = _samples(plan, model)
    if plan.shelf is not None:
        as_clip(model)  # which refuses one that holds none now, and not when training is over
    # Counted now, since ZeRO-3 leaves a process nothing but its parts.
    parameters = sum(parameter.numel() for parameter in model.parameters())
    _report(samples, parameters)
    task: Task = model  # type: ignore[assignment]
    trained = train(task, samples.source, plan, _facts(plan, samples), samples.validation)
    if trained.first_process:
        command = shlex.join(["vlkit", "train", str(path), *_as_options(settings)])
        made = _made(plan, trained, command, parameters, len(samples.skipped))
        _save(plan, model, samples, trained, made)
    distribution.leave()
    return plan.output / "model"


def _samples(plan: Recipe, model: Pretrained) -> Samples:
    if plan.data is not None:
        return caption_samples(plan.data, plan.tokens, model, plan.model.start, plan.seed)
    if plan.lines is not None:
        return line_samples(plan.lines, model, plan.batch.size, plan.seed)
    assert plan.documents is not None
    places = (None if plan.trunk is None else plan.trunk.folder, plan.model.start)
    found = [place for place in places if place is not None]
    return document_samples(plan.documents, plan.tokens, found, model, plan.batch.size, plan.seed)


_FREE = (
    *("output", "checkpoints", "logging", "distribution", "compile", "recompute"),
    *("broken_limit", "card", "shelf"),
)


def _facts(plan: Recipe, samples: Samples) -> dict[str, Any]:
    """What must not change between the parts of one run; speed, logging and limits may."""
    table = recipe.to_table(plan)
    for free in _FREE:
        table.pop(free, None)
    for free in ("chunks", "workers"):
        table["batch"].pop(free, None)
    return {**table, **samples.facts}


def _report(samples: Samples, parameters: int) -> None:
    print(f"{samples.said}; {parameters:,} parameters", file=sys.stderr)
    for key, reason in samples.skipped[:10]:
        print(f"skipped {key}: {reason}", file=sys.stderr)
    if len(samples.skipped) > 10:
        print(f"… and {len(samples.skipped) - 10} more skipped", file=sys.stderr)


def _made(plan: Recipe, trained: Trained, command: str, parameters: int, skipped: int) -> Made:
    samples = plan.steps * plan.batch.size
    return Made(
        plan.card,
        plan.model.name,
        command,
        Cost(plan.steps, samples, round(trained.seconds, 1), _machine(), parameters),
        skipped + len(trained.broken),
        {"vlkit": __version__, "torch": torch.__version__, "python": platform.python_version()},
    )


def _save(
    plan: Recipe,
    model: Pretrained,
    samples: Samples,
    trained: Trained,
    made: Made,
) -> None:
    folder = plan.output / "model"
    tokenizer = samples.tokenizer
    tokens = None if tokenizer is None else tokenizer.save(plan.output / TOKENIZER)
    save_folder(
        folder,
        model=plan.model.name,
        config=recipe.to_table(model.config),
        weights=trained.weights,
        tokenizer=tokens,
        card=render(made, _figures(samples, trained, made)),
        trunk=named_trunk(model, plan.trunk),
        facts={"card": recipe.to_table(made), **samples.described},
    )
    print(f"the model is in {folder}", file=sys.stderr)
    kind = model_class(plan.model.name)
    if plan.shelf is None and not issubclass(kind, Clip | Lilt | LineReader):
        return
    done = kind.from_config(model.config)  # training may have sharded the model itself
    load_weights(done, trained.weights)
    if isinstance(done, Clip | Lilt | LineReader):
        save_golden(folder, done)
    if plan.shelf is not None and tokens is not None:
        placed = save_for_shelf(plan.output / "shelf", plan.shelf, done, tokens, made)
        print(f"for the shelf: {placed} on {plan.shelf.trunk}", file=sys.stderr)


def _figures(samples: Samples, trained: Trained, made: Made) -> list[EvalResult]:
    """What the last validation gave, for the card."""
    if not (samples.measured_on and trained.measured):
        return []
    measured = EvalResult(
        task="validation",
        model=made.card.name,
        data=samples.measured_on,
        counts={},
        metrics=dict(trained.measured),
        command=made.command,
        versions=made.versions,
    )
    return [measured]


def _machine() -> str:
    processes = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
    if torch.cuda.is_available():
        return f"{processes} × {torch.cuda.get_device_name()}"
    return f"{processes} × {platform.machine()} processor with {torch.get_num_threads()} threads"


def _as_options(settings: Sequence[str]) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]
