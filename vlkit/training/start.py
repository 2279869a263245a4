"""The model of a recipe and its first weights: random, of another model, or of a trunk."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vlkit import recipe
from vlkit.checkpoint import (
    Pretrained,
    load_folder,
    load_weight_files,
    load_weights,
    read_config,
)
from vlkit.errors import CheckpointError, RecipeError
from vlkit.models import model_class
from vlkit.models.lilt import Lilt
from vlkit.models.lilt_heads import HeadConfig
from vlkit.models.trunks import ImageTrunk, TextTrunk
from vlkit.nn.images import ImageEncoder, ImageTower
from vlkit.shelves import weight_files


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
    """A trunk whose weights a model stands on.

    Where the stage lets it stay as it is, as without stages, the model names it instead of saving
    it; a model that trains it on is saved whole.

    Attributes:
        folder: Its model folder.
        prefix: What comes before its weights' names in this model.
    """

    folder: Path
    prefix: str = ""


def build_model(wanted: Model, trunk: OnTrunk | None, seed: int) -> Pretrained:
    """The recipe's model with its first weights: random by the seed, or of a folder or trunk.

    Raises:
        RecipeError: Its config has a key or value that the model does not know.
        CheckpointError: Weights to start from are of another architecture.
    """
    kind = model_class(wanted.name)
    torch.manual_seed(seed)
    model = kind.from_config(recipe.parse(wanted.config, kind.Config, where="model.config"))
    if wanted.start is not None:
        _start_from(model, wanted.start)
    if trunk is not None:
        _stand_on(model, trunk)
    return model


# What a model may have otherwise than the one whose weights it starts from: how it is trained.
_OF_TRAINING = (
    *("objective", "chunk", "drop_path", "removal", "momentum", "momentum_steps"),
    *("contrast_weight", "dropout", "attention_dropout"),
)


def named_trunk(model: nn.Module, trunk: OnTrunk | None) -> tuple[Path, str] | None:
    """The trunk as ``save_folder`` takes it, if it stayed as it was."""
    if trunk is None:
        return None
    names = {trunk.prefix + name for name in load_weight_files(trunk.folder)}
    parameters = model.named_parameters()
    trained = any(part.requires_grad for name, part in parameters if name in names)
    return None if trained else (trunk.folder, trunk.prefix)


def _start_from(model: Pretrained, folder: Path) -> None:
    start = load_folder(folder)
    if start.model != model.model_name:
        raise CheckpointError(
            f"this folder holds a {start.model}, not a {model.model_name}",
            remedy="Name another with model.start",
            file=folder,
        )
    config = recipe.parse(start.config, model.Config, where="config")
    there, here = recipe.to_table(config), recipe.to_table(model.config)
    weights = start.weights
    if isinstance(model, Lilt):
        weights = _with_heads(model, config.heads, weights)
        there, here = ({**table, "heads": None} for table in (there, here))
    _check_same(there, here, folder, "model.config")
    load_weights(model, weights, file=folder)


def _with_heads(
    model: Lilt, there: Sequence[HeadConfig], weights: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The weights with heads as the model has them: those that read the same labels in the same
    order go on, others begin with the model's own random weights.
    """
    known = {head.kind: replace(head, dropout=0.0, one_parent=True) for head in there}
    kept = {
        head.kind
        for head in model.config.heads
        if known.get(head.kind) == replace(head, dropout=0.0, one_parent=True)
    }
    for kinds, what in (
        ([kind for kind in model.heads if kind not in kept], "begin with random weights"),
        ([kind for kind in known if kind not in kept], "of the start are left out"),
    ):
        if kinds:
            print(f"heads {', '.join(kinds)} {what}", file=sys.stderr)

    def goes_on(name: str) -> bool:
        return not name.startswith("heads.") or name.split(".")[1] in kept

    own = {name: weight for name, weight in model.state_dict().items() if not goes_on(name)}
    return {name: weight for name, weight in weights.items() if goes_on(name)} | own


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
    if not weight_files(trunk.folder):
        raise CheckpointError(
            "there is no such trunk",
            remedy="Train it as its recipe says, or name it: --set trunk.folder=FOLDER",
            file=trunk.folder,
        )
    described = read_config(trunk.folder)
    wanted = (TextTrunk if isinstance(model, Lilt) else ImageTrunk).model_name
    if described["model"] != wanted:
        raise CheckpointError(
            f"this folder holds a {described['model']}, not the {wanted} that is needed",
            remedy="Name another with trunk.folder",
            file=trunk.folder,
        )
    if isinstance(model, Lilt):  # whose text flow's settings are all that the trunk has
        there = described["config"]
        here = {key: value for key, value in recipe.to_table(model.config).items() if key in there}
        _check_same(there, here, trunk.folder, "model.config")
    else:
        there = recipe.to_table(recipe.parse(described["config"], ImageTower, where="config"))
        tower: ImageEncoder = the_one(model, ImageEncoder, "image encoder")
        _check_same(there, recipe.to_table(tower.config), trunk.folder, "model.config.image")
    weights = load_weight_files(trunk.folder)
    named = {trunk.prefix + name: weight for name, weight in weights.items()}
    own = {name: weight for name, weight in model.state_dict().items() if name not in named}
    load_weights(model, {**own, **named}, file=trunk.folder)
    for name, parameter in model.named_parameters():
        if name in named:
            parameter.requires_grad_(False)


def the_one(model: nn.Module, kind: type[nn.Module], what: str) -> Any:
    """The part of that kind.

    Raises:
        RecipeError: The model has none.
    """
    found = [module for module in model.modules() if isinstance(module, kind)]
    if not found:
        raise RecipeError(
            f"the model has no {what}, which [data] and the trunks of pictures need",
            remedy="Take a model of pictures, or leave out [data] or [trunk]",
        )
    return found[0]
