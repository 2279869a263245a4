"""``vlkit train RECIPE``: from a recipe to a model folder with its card."""

from __future__ import annotations

import hashlib
import platform
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from vlkit import __version__, recipe
from vlkit.card import Card, Cost, Made, render
from vlkit.checkpoint import (
    TOKENIZER,
    WEIGHTS,
    Pretrained,
    load_folder,
    load_tensors,
    load_weights,
    read_config,
    save_folder,
)
from vlkit.data.bpe import CaptionTokenizer, train_bpe
from vlkit.data.captions import Captions, open_captions
from vlkit.data.crops import Crops, CropSettings, choose_crops, sample
from vlkit.data.rendered import LineRenderer, LineSettings
from vlkit.data.views import Views
from vlkit.errors import CheckpointError, RecipeError
from vlkit.models import model_class
from vlkit.models.clip import Clip
from vlkit.models.detailclip import DetailClip
from vlkit.models.lines import LineReader
from vlkit.models.pairs import as_clip
from vlkit.models.trunks import ImageTrunk
from vlkit.models.words import tokenizer_of
from vlkit.nn.images import ImageEncoder, ImageTower
from vlkit.nn.texts import TextEncoder
from vlkit.training import distribution
from vlkit.training.batches import Source
from vlkit.training.loop import Plan, Trained, Validation, train
from vlkit.training.shelf import ForShelf, save_for_shelf, save_golden
from vlkit.training.sources import (
    CaptionSource,
    LineSource,
    LineValidation,
    MixedLines,
    NumberedLines,
)
from vlkit.training.task import Task


@dataclass(frozen=True)
class Data:
    """Pictures with captions, as ``vlkit.data.captions`` reads them, and how they are seen.

    Attributes:
        path: Folder, TSV or shard.
        split: Name of the split; everything without it.
        views: As ``vlkit.data.views.Views.kind``; size, mean and deviation are the model's own.
        scale: Smallest and largest part of the area in a crop.
    """

    path: Path
    split: str | None = None
    views: Literal["whole", "crop", "detail"] = "crop"
    scale: tuple[float, float] = (0.5, 1.0)

    def __post_init__(self) -> None:
        Views(1, self.views, self.scale)  # which knows what a scale can be


@dataclass(frozen=True)
class Lines:
    """Text lines that are drawn while the model trains, each once.

    Attributes:
        drawn: What they are like; their seed is the recipe's.
        validation: What lines are like that it is measured on at every checkpoint, such as of
            other fonts; else they are like those of the training, and other ones.
        validated: How many these are.
        crops: Lines of scans to train on besides, whose left-out fold is measured as well.
        pool, lanes: How lines of like width get together, as of ``LineSource``.
    """

    drawn: LineSettings
    validation: LineSettings | None = None
    validated: int = 256
    crops: CropSettings | None = None
    pool: int = 16
    lanes: int = 2

    def __post_init__(self) -> None:
        if min(self.validated, self.pool, self.lanes) < 1:
            raise ValueError("validated, pool and lanes must be at least 1")


@dataclass(frozen=True)
class Tokens:
    """The tokenizer: a ``tokenizer.json``, or one trained on the captions.

    Attributes:
        entries: Of a vocabulary that is trained.
    """

    file: Path | None = None
    entries: int = 8192


@dataclass(frozen=True)
class Model:
    """Which model, and its config as the model's own class reads it.

    Attributes:
        start: Model folder whose weights it starts from.
    """

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    start: Path | None = None


@dataclass(frozen=True)
class OnTrunk:
    """A trunk that stays as it is, and is named by the model instead of saved with it.

    Attributes:
        folder: Its model folder.
        prefix: What comes before its weights' names in this model.
    """

    folder: Path
    prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class Recipe(Plan):
    """Everything that ``vlkit train`` needs: the plan, and what is trained on what.

    Attributes:
        data: Pictures with captions,
        lines: or text lines; a recipe has one of them.
        trunk: A trunk that the model stands on.
        shelf: What else is written, into ``shelf`` under ``output``, once the model is done.
    """

    model: Model
    card: Card
    data: Data | None = None
    lines: Lines | None = None
    tokens: Tokens = field(default_factory=Tokens)
    trunk: OnTrunk | None = None
    shelf: ForShelf | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.data is None) == (self.lines is None):
            raise RecipeError(
                "a recipe trains on one kind of data", remedy="Give [data] or [lines]"
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
    captions = None if plan.data is None else open_captions(plan.data.path, plan.data.split)
    model = build_model(plan)
    samples = _lines(plan, model) if captions is None else _captions(plan, model, captions)
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
        _save(plan, model, samples.tokenizer, trained, made)
    distribution.leave()
    return plan.output / "model"


@dataclass(frozen=True)
class _Samples:
    """What a model is trained on.

    Attributes:
        said: What they are, in a word for the terminal.
        facts: What must be the same when a run goes on.
    """

    source: Source
    said: str
    facts: Mapping[str, Any]
    skipped: Sequence[tuple[str, str]] = ()
    tokenizer: CaptionTokenizer | None = None
    validation: Validation | None = None


def _captions(plan: Recipe, model: Pretrained, captions: Captions) -> _Samples:
    assert plan.data is not None
    tokenizer = _tokenizer(plan, captions, model)
    source = CaptionSource(captions, _views(plan.data, model), tokenizer, plan.seed)
    facts = {
        "data.examples": len(captions),  # the order of the samples is one of so many
        "tokenizer": hashlib.sha256(tokenizer.tokenizer.to_str().encode()).hexdigest(),
    }
    return _Samples(source, f"{len(captions)} pictures", facts, captions.skipped, tokenizer)


def _lines(plan: Recipe, model: Pretrained) -> _Samples:
    assert plan.lines is not None
    if not isinstance(model, LineReader):
        raise RecipeError(f"'{plan.model.name}' reads no lines", remedy="Give it [data]")
    lines, alphabet = plan.lines, model.alphabet
    drawn = LineRenderer(replace(lines.drawn, seed=plan.seed))
    others = LineRenderer(replace(lines.validation or lines.drawn, seed=plan.seed + 1))
    said = f"{len(drawn.faces)} faces"
    facts: dict[str, Any] = {"lines.faces": [face.name for face in drawn.faces]}
    trained_on: NumberedLines = drawn
    crops = Crops()
    if lines.crops is not None:
        if model.decoder is not None and "sroie" in lines.crops.sets:
            raise RecipeError(
                "a decoder learns what follows letters of known case, which those of sroie are not",
                remedy="Leave sroie out of lines.crops.sets, or set model.config.decoder to ctc",
            )
        crops = choose_crops(lines.crops, alphabet)
        trained_on = MixedLines(crops.learnt, lines.crops.share, drawn, plan.seed)
        said += f", {len(crops.learnt)} crops"
        facts["lines.crops.examples"] = len(crops.learnt)
    source = LineSource(trained_on, alphabet, plan.batch.size, lines.pool, lines.lanes)
    measured = sample(crops.measured, lines.validated)
    validation = LineValidation(others, alphabet, lines.validated, measured)
    return _Samples(source, said, facts, crops.skipped, validation=validation)


def build_model(plan: Recipe) -> Pretrained:
    """The recipe's model with its first weights: random by the seed, or of a folder or trunk.

    Raises:
        RecipeError: Its config has a key or value that the model does not know.
        CheckpointError: Weights to start from are of another architecture.
    """
    kind = model_class(plan.model.name)
    torch.manual_seed(plan.seed)
    model = kind.from_config(recipe.parse(plan.model.config, kind.Config, where="model.config"))
    if plan.model.start is not None:
        _start_from(model, plan.model.start)
    if plan.trunk is not None:
        _stand_on(model, plan.trunk)
    return model


# What a model may have otherwise than the one whose weights it starts from: how it is trained.
_OF_TRAINING = (
    *("objective", "chunk", "drop_path", "removal", "momentum", "momentum_steps"),
    "contrast_weight",
)


def _start_from(model: Pretrained, folder: Path) -> None:
    start = load_folder(folder)
    if start.model != model.model_name:
        raise CheckpointError(
            f"this folder holds a {start.model}, not a {model.model_name}",
            remedy="Name another with model.start",
            file=folder,
        )
    config = recipe.parse(start.config, model.Config, where="config")
    _check_same(recipe.to_table(config), recipe.to_table(model.config), folder, "model.config")
    load_weights(model, start.weights, file=folder)


def _check_same(
    there: Mapping[str, Any], here: Mapping[str, Any], folder: Path, where: str
) -> None:
    """Refuse weights whose config is another: they may fit, and yet compute something else."""
    differing = list(_differences(there, here, where))
    if differing:
        raise CheckpointError(
            f"its config is not the recipe's: {', '.join(differing)}",
            remedy="Give the recipe the config that the weights were trained with",
            file=folder,
        )


def _differences(there: Mapping[str, Any], here: Mapping[str, Any], where: str) -> Iterator[str]:
    for key in sorted({*there, *here} - {*_OF_TRAINING}):
        place, one, other = f"{where}.{key}", there.get(key), here.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _differences(one, other, place)
        elif one != other:
            yield f"{place} is {one!r} there and {other!r} here"


def _stand_on(model: nn.Module, trunk: OnTrunk) -> None:
    if not (trunk.folder / WEIGHTS).exists():
        raise CheckpointError(
            "there is no such trunk",
            remedy="Train it as its recipe says, or name it: --set trunk.folder=FOLDER",
            file=trunk.folder,
        )
    described = read_config(trunk.folder)
    if described["model"] != ImageTrunk.model_name:
        raise CheckpointError(
            f"this folder holds a {described['model']}, not an {ImageTrunk.model_name}",
            remedy="Name another with trunk.folder",
            file=trunk.folder,
        )
    there = recipe.parse(described["config"], ImageTower, where="config")
    tower: ImageEncoder = _one(model, ImageEncoder, "image encoder")
    here = recipe.to_table(tower.config)
    _check_same(recipe.to_table(there), here, trunk.folder, "model.config.image")
    weights = load_tensors(trunk.folder / WEIGHTS)
    named = {trunk.prefix + name: weight for name, weight in weights.items()}
    own = {name: weight for name, weight in model.state_dict().items() if name not in named}
    load_weights(model, {**own, **named}, file=trunk.folder)
    for name, parameter in model.named_parameters():
        if name in named:
            parameter.requires_grad_(False)


def _one(model: nn.Module, kind: type[nn.Module], what: str) -> Any:
    found = [module for module in model.modules() if isinstance(module, kind)]
    if not found:
        raise RecipeError(f"the model has no {what}, which pictures with captions need")
    return found[0]


def _views(data: Data, model: nn.Module) -> Views:
    encoder: ImageEncoder = _one(model, ImageEncoder, "image encoder")
    return Views(encoder.image_size, data.views, data.scale, encoder.mean, encoder.std)


def _tokenizer(plan: Recipe, captions: Captions, model: nn.Module) -> CaptionTokenizer:
    """The recipe's; else that of the model it starts from, whose ids mean what they meant."""
    encoder: TextEncoder = _one(model, TextEncoder, "text encoder")
    tokens = plan.tokens
    if tokens.file is not None:
        tokenizer = tokenizer_of(encoder, tokens.file)
    elif plan.model.start is not None:
        tokenizer = tokenizer_of(encoder, plan.model.start / TOKENIZER)
    else:
        trained = train_bpe(captions.texts(), tokens.entries)
        tokenizer = CaptionTokenizer(trained, encoder.context_length)
    wrong = tokenizer.entries > encoder.vocab_size
    if isinstance(model, DetailClip) and encoder.ends_highest:  # it knows the end token by its id
        wrong = tokenizer.entries != encoder.vocab_size
    if wrong:
        raise RecipeError(
            f"the tokenizer has {tokenizer.entries} entries, the text tower room for "
            f"{encoder.vocab_size}",
            remedy=f"Set the text tower's vocab_size to {tokenizer.entries}",
        )
    return tokenizer


_FREE = (
    *("output", "checkpoints", "logging", "distribution", "compile", "recompute"),
    *("broken_limit", "card", "shelf"),
)


def _facts(plan: Recipe, samples: _Samples) -> dict[str, Any]:
    """What must not change between the parts of one run; speed, logging and limits may."""
    table = recipe.to_table(plan)
    for free in _FREE:
        table.pop(free, None)
    for free in ("chunks", "workers"):
        table["batch"].pop(free, None)
    return {**table, **samples.facts}


def _report(samples: _Samples, parameters: int) -> None:
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
    tokenizer: CaptionTokenizer | None,
    trained: Trained,
    made: Made,
) -> None:
    folder = plan.output / "model"
    tokens = None if tokenizer is None else tokenizer.save(plan.output / TOKENIZER)
    save_folder(
        folder,
        model=plan.model.name,
        config=recipe.to_table(model.config),
        weights=trained.weights,
        tokenizer=tokens,
        card=render(made),
        trunk=None if plan.trunk is None else (plan.trunk.folder, plan.trunk.prefix),
        facts={"card": recipe.to_table(made)},
    )
    print(f"the model is in {folder}", file=sys.stderr)
    kind = model_class(plan.model.name)
    if plan.shelf is None and not issubclass(kind, Clip | LineReader):
        return
    done = kind.from_config(model.config)  # training may have sharded the model itself
    load_weights(done, trained.weights)
    if isinstance(done, Clip | LineReader):
        save_golden(folder, done)
    if plan.shelf is not None and tokens is not None:
        placed = save_for_shelf(plan.output / "shelf", plan.shelf, done, tokens, made)
        print(f"for the shelf: {placed} on {plan.shelf.trunk}", file=sys.stderr)


def _machine() -> str:
    processes = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
    if torch.cuda.is_available():
        return f"{processes} × {torch.cuda.get_device_name()}"
    return f"{processes} × {platform.machine()} processor with {torch.get_num_threads()} threads"


def _as_options(settings: Sequence[str]) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]
