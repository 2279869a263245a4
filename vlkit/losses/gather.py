"""Batches spread over processes, put together with their gradients."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def processes() -> int:
    """How many processes share the batch: 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's place among them: 0 without a process group."""
    return dist.get_rank() if processes() > 1 else 0


def gather(tensor: Tensor) -> Tensor:
    """Every process's rows, in the order of ranks; gradients go back to where rows came from.

    The gradient of a row is the *sum* of what every process's loss says about it. With each
    process's loss a mean over its own rows, and gradients averaged over processes as data
    parallelism does, parameters get the gradient of the mean over the whole batch.

    Args:
        tensor: ``[b, ...]``, of the same shape in every process.

    Returns:
        ``[processes · b, ...]``; the tensor itself where there is one process.
    """
    if processes() == 1:
        return tensor
    rows: Tensor = _Gather.apply(tensor)
    return rows


def mean_over_processes(tensor: Tensor) -> Tensor:
    """The mean of a tensor over processes, without gradient."""
    if processes() == 1:
        return tensor.detach()
    total = tensor.detach().clone()
    dist.all_reduce(total)
    return total / processes()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        ctx.rows = tensor.shape[0]
        parts = [torch.empty_like(tensor) for _ in range(processes())]
        dist.all_gather(parts, tensor.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient)  # gloo has no reduce_scatter in older releases
        return gradient[rank() * ctx.rows :][: ctx.rows]
