"""Heads that compare tokens with learned prototypes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn import functional


class PrototypeHead(nn.Module):
    """An MLP to a unit vector, compared with unit prototypes.

    Source: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers",
    arXiv 2104.14294, appendix C (the last layer is weight-normalised with its gain at one).

    Args:
        width: D, of the tokens.
        hidden: Width of the two hidden layers.
        bottleneck: Z.
        prototypes: P.
    """

    def __init__(self, width: int, *, hidden: int, bottleneck: int, prototypes: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        self.prototypes = nn.Parameter(torch.empty(prototypes, bottleneck))
        nn.init.kaiming_uniform_(self.prototypes, a=math.sqrt(5))

    def forward(self, tokens: Tensor) -> Tensor:
        """[..., D] → [..., Z], unit vectors."""
        return functional.normalize(self.mlp(tokens), dim=-1)

    def scores(self, bottleneck: Tensor) -> Tensor:
        """[..., Z] → [..., P]; linear, so that a mean of scores is the score of a mean."""
        prototypes: Tensor = self.prototypes
        if isinstance(prototypes, DTensor):  # between FSDP2's steps, when weights are in shards
            prototypes = prototypes.full_tensor()
        return functional.linear(bottleneck, functional.normalize(prototypes, dim=-1))
