"""What the loop asks of a model with its objective, and what it does to one from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vlkit.errors import RecipeError, UnknownName

Batch = dict[str, Tensor]
Reps = dict[str, Tensor]
Values = dict[str, Tensor]


class Task(Protocol):
    """A model with its objective: an ``nn.Module`` with these methods.

    Everything that needs a gradient flows through ``encode``, and ``loss`` uses no parameter.
    So the loop may encode in chunks, in bf16, under activation checkpointing or on shards, and
    still give the gradient of the whole batch (Gao et al., 2021, "Scaling Deep Contrastive
    Learning Batch Size under Memory Limited Setup").
    """

    def encode(self, batch: Batch) -> Reps:
        """Tensors [B, ...], one row a sample; ``logit_scale`` and the like expanded to [B]."""

    def loss(self, reps: Reps, batch: Batch) -> tuple[Tensor, Values]:
        """A scalar mean over samples, and scalars worth logging; gathers where samples couple."""

    def after_step(self, step: int) -> None:
        """Once after every optimizer step: averages, centres, clamps. Steps count from 1."""

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Every parameter that trains, under the name that a recipe gives it a rate by."""

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...


@runtime_checkable
class Staged(Protocol):
    """A task that trains in stages, each with other parameters frozen."""

    stages: tuple[str, ...]

    def set_stage(self, name: str) -> None: ...


class Encoding(nn.Module):
    """A task as a module whose ``forward`` is ``encode``: what DDP, FSDP2 and ZeRO can wrap."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = as_module(task)
        self._encode = task.encode

    def forward(self, batch: Batch) -> Reps:
        try:
            return self._encode(batch)
        except KeyError as error:
            if error.args[0] in batch:
                raise
            raise RecipeError(
                f"{type(self.task).__name__} asks for '{error.args[0]}', but batches hold "
                f"{', '.join(batch)}",
                remedy='Choose data that hold it: data.views = "detail" gives views, the '
                "others pixels",
            ) from error


def as_module(task: Task) -> nn.Module:
    if not isinstance(task, nn.Module):
        raise TypeError(f"{type(task).__name__} is no nn.Module")
    return task


def enter_stage(task: Task, stage: str | None) -> None:
    """Set the stage that a recipe asks for.

    Raises:
        RecipeError: The task has no stages.
        UnknownName: It has no stage of that name.
    """
    if stage is None:
        return
    if not isinstance(task, Staged):
        raise RecipeError(f"stage is '{stage}', but {type(task).__name__} trains in one stage")
    if stage not in task.stages:
        raise UnknownName("stage", stage, task.stages)
    task.set_stage(stage)


def training_mode(task: Task) -> None:
    """Training mode for what trains; what is frozen stays as in evaluation.

    So a trunk's batch norms don't move, and neither it nor a teacher drops anything.
    """
    module = as_module(task)
    module.train()
    for part in module.modules():
        parameters = list(part.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            part.eval()


def moving_statistics(task: Task) -> list[str]:
    """Names of the batch norms that take statistics of what they are given."""
    return [
        name
        for name, part in as_module(task).named_modules()
        if isinstance(part, nn.modules.batchnorm._BatchNorm)
        and part.training
        and part.track_running_stats
    ]


def blocks(task: Task) -> list[nn.Module]:
    """The repeated blocks: members of lists and chains whose members are all of one class.

    They are what is recomputed, compiled and sharded as one. Blocks within blocks don't count,
    and neither do chains of bare layers.
    """
    found: list[nn.Module] = []
    stack = [as_module(task)]
    while stack:
        module = stack.pop()
        members = list(module.children())
        alike = len({type(member) for member in members}) == 1
        made_of_parts = all(any(True for _ in member.children()) for member in members)
        if isinstance(module, nn.ModuleList | nn.Sequential) and alike and made_of_parts:
            found += members
        else:
            stack += reversed(members)
    return found


def checkpoint_activations(task: Task) -> None:
    """Have every block forget its inner activations and compute them again in the backward."""
    for block in blocks(task):
        again = partial(checkpoint, block.forward, use_reentrant=False)
        block.forward = again


def compile_blocks(task: Task) -> None:
    """``torch.compile`` block by block: one compilation for all that are alike."""
    for block in blocks(task):
        block.compile()
