"""The gradient of a large batch in the memory of a small one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor

from vlkit.training.task import Batch, Reps, Values

Loss = Callable[[Reps, Batch], tuple[Tensor, Values]]


class Passes(Protocol):
    """Forward and backward passes of an encoder, on whatever processes it lies."""

    @property
    def scale(self) -> float:
        """What a loss is multiplied by before its gradient is taken (for fp16)."""

    def encode(self, batch: Batch) -> Reps: ...

    def backward(self, value: Tensor, last: bool) -> None: ...

    def part(self, last: bool) -> AbstractContextManager[None]:
        """Around encode and backward of a part of a step; gradients meet in the last alone."""


def split(batch: Batch, chunks: int) -> list[Batch]:
    """Equal chunks of a batch, row by row; no copies."""
    size = _rows(batch)
    if size % chunks:
        raise ValueError(f"a batch of {size} does not divide into {chunks} chunks")
    step = size // chunks
    return [
        {name: rows[start : start + step] for name, rows in batch.items()}
        for start in range(0, size, step)
    ]


def cached_backward(passes: Passes, loss: Loss, batch: Batch, chunks: int) -> tuple[Tensor, Values]:
    """The exact gradient of a loss that couples the samples of the batch, chunk by chunk.

    Encodes every chunk without a graph, takes the loss and its gradient by all representations,
    then encodes each chunk again under the random state it had and carries that gradient on.
    Source: Gao et al. 2021, arXiv 2101.06983.

    Returns:
        The loss, not scaled, and its logs.
    """
    if chunks == 1:
        return accumulated_backward(passes, loss, batch, 1)
    parts = split(batch, chunks)
    states, encoded = [], []
    for part in parts:
        states.append(_random_state())
        with torch.no_grad():
            encoded.append(passes.encode(part))
    reps = {name: torch.cat([part[name] for part in encoded]) for name in encoded[0]}
    leaves = {name: rep.requires_grad_(rep.is_floating_point()) for name, rep in reps.items()}
    value, logs = loss(leaves, batch)
    gradients = _gradients(value * passes.scale, leaves)
    after = _random_state()
    for index, part in enumerate(parts):
        _set_random_state(states[index])
        rows = slice(index * _rows(part), (index + 1) * _rows(part))
        last = index == chunks - 1
        with passes.part(last):
            passes.backward(_dot(passes.encode(part), gradients, rows), last)
    _set_random_state(after)
    return value.detach(), logs


def accumulated_backward(
    passes: Passes, loss: Loss, batch: Batch, chunks: int
) -> tuple[Tensor, Values]:
    """The mean of the chunks' own losses: the batch's only where samples don't couple."""
    total: Values = {}
    for index, part in enumerate(split(batch, chunks)):
        last = index == chunks - 1
        with passes.part(last):
            value, logs = loss(passes.encode(part), part)
            passes.backward(value * (passes.scale / chunks), last)
        for name, logged in {"loss": value, **logs}.items():
            total[name] = total.get(name, torch.zeros_like(logged)) + logged.detach() / chunks
    return total.pop("loss"), total


def _rows(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _gradients(value: Tensor, leaves: Reps) -> dict[str, Tensor]:
    names = [name for name, leaf in leaves.items() if leaf.requires_grad]
    found = torch.autograd.grad(value, [leaves[name] for name in names], allow_unused=True)
    return {
        name: gradient for name, gradient in zip(names, found, strict=True) if gradient is not None
    }


def _dot(reps: Reps, gradients: dict[str, Tensor], rows: slice) -> Tensor:
    """A scalar whose gradient by the parameters is the loss's part that flows through reps."""
    products = [
        (rep * gradients[name][rows]).sum()
        for name, rep in reps.items()
        if rep.requires_grad and name in gradients
    ]
    if not products:
        raise ValueError("the loss depends on nothing that encode() computes with a gradient")
    return torch.stack(products).sum()


def _random_state() -> tuple[Tensor, Tensor | None]:
    cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    return torch.get_rng_state(), cuda


def _set_random_state(state: tuple[Tensor, Tensor | None]) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1])
