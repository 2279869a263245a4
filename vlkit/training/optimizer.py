"""AdamW over named parameter groups, the schedule, and the running average of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from vlkit.errors import CheckpointError, RecipeError, UnknownName
from vlkit.training.task import Task


@dataclass(frozen=True)
class Group:
    """What a parameter group has of its own; the rest is the optimizer's."""

    rate: float | None = None
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        _check_not_negative(rate=self.rate, weight_decay=self.weight_decay)


@dataclass(frozen=True)
class Optimizer:
    """AdamW (Loshchilov and Hutter, 2019).

    Attributes:
        rate: Learning rate at the schedule's peak.
        weight_decay: Of matrices; biases, norms and other vectors and scalars never decay.
        clip: Largest norm of the whole gradient; None for any.
        groups: Rates and decays by the task's group names.
    """

    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip: float | None = None
    groups: dict[str, Group] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_not_negative(rate=self.rate, eps=self.eps, weight_decay=self.weight_decay)
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas are {self.betas}, but must be at least 0 and below 1")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(
                f"clip is {self.clip}, but must be more than 0; left out, nothing is clipped"
            )


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up to the rate, then a fall to ``final`` times the rate.

    Attributes:
        warmup: Steps; below 1, as in 0.1, that part of all steps.
        decay: How it falls.
    """

    warmup: int | float = 0
    final: float = 0.0
    decay: Literal["cosine", "linear"] = "cosine"

    def __post_init__(self) -> None:
        _check_not_negative(warmup=self.warmup, final=self.final)
        if self.warmup >= 1 and self.warmup != int(self.warmup):
            raise ValueError(f"warmup is {self.warmup}, neither whole steps nor a part of all")

    def factor(self, step: int, steps: int) -> float:
        """What the rate is multiplied by in a step, of 0 to ``steps - 1``."""
        warmup = round(self.warmup * steps) if self.warmup < 1 else self.warmup
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(1, steps - warmup)
        left = 1 - done if self.decay == "linear" else 0.5 * (1 + math.cos(math.pi * done))
        return self.final + (1 - self.final) * left


def _check_not_negative(**values: float | None) -> None:
    for name, value in values.items():
        # What is no number is refused too.
        if value is not None and not value >= 0:
            raise ValueError(f"{name} is {value}, but must not be negative")


def groups_of(task: Task, config: Optimizer) -> list[dict[str, Any]]:
    """The optimizer's groups: each of the task's, parted into what decays and what does not.

    Raises:
        UnknownName: The recipe gives a rate to a group that the task does not have.
        RecipeError: A parameter that trains is in no group, or nothing trains.
    """
    named = task.param_groups()
    for name in config.groups:
        if name not in named:
            raise UnknownName("parameter group", name, named)
    _check_all_covered(task, named.values())
    groups = []
    for name, parameters in named.items():
        own = config.groups.get(name, Group())
        decay = config.weight_decay if own.weight_decay is None else own.weight_decay
        rate = config.rate if own.rate is None else own.rate
        training = [parameter for parameter in parameters if parameter.requires_grad]
        # Scalars stand apart since FSDP2 leaves them whole, and no group may mix both.
        for sizes, their_decay in (((2, 9), decay), ((1, 1), 0.0), ((0, 0), 0.0)):
            members = [
                parameter for parameter in training if sizes[0] <= parameter.ndim <= sizes[1]
            ]
            if members:
                groups.append({"params": members, "lr": rate, "weight_decay": their_decay})
    if not groups:
        raise RecipeError("nothing trains: every parameter is frozen", remedy="Choose a stage")
    return groups


def _check_all_covered(task: Task, groups: Iterable[list[nn.Parameter]]) -> None:
    covered = [id(parameter) for group in groups for parameter in group]
    if len(covered) != len(set(covered)):
        raise RecipeError(f"{type(task).__name__} has a parameter in two groups")
    missing = [
        name
        for name, parameter in task.named_parameters()
        if parameter.requires_grad and id(parameter) not in set(covered)
    ]
    if missing:
        raise RecipeError(
            f"{type(task).__name__} puts {len(missing)} parameters in no group: {missing[0]}"
        )


def adamw(groups: list[dict[str, Any]], config: Optimizer) -> torch.optim.AdamW:
    return torch.optim.AdamW(groups, lr=config.rate, betas=config.betas, eps=config.eps)


class Average:
    """A running average of the weights that train, in fp32 and sharded as they are.

    The decay starts low, ``(1 + t) / (10 + t)``, so that a short run is not an average of its
    beginning.
    """

    def __init__(self, task: Task, decay: float) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = {
            name: parameter.detach().clone().float()
            for name, parameter in task.named_parameters()
            if parameter.requires_grad
        }

    @torch.no_grad()
    def update(self, task: Task, step: int) -> None:
        """Steps count from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, parameter in task.named_parameters():
            if name in self.weights:
                self.weights[name].lerp_(parameter.detach().float(), 1 - decay)

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take up an average that was saved whole.

        Raises:
            CheckpointError: It is of other parameters.
        """
        if set(weights) != set(self.weights):
            raise CheckpointError(
                "the checkpoint's average is of other parameters than these",
                remedy="Start the run in another folder",
            )
        for name, weight in self.weights.items():
            weight.copy_(laid_as(weights[name], weight))


def laid_as(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, copied to where another lies: its device, and its shards if it has any.

    Raises:
        CheckpointError: It has another shape.
    """
    if value.shape != like.shape:
        raise CheckpointError(
            f"the checkpoint has {tuple(value.shape)} where {tuple(like.shape)} is needed",
            remedy="Start the run in another folder",
        )
    if isinstance(like, DTensor):
        return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)
    return value.to(like.device, copy=True)
