"""One vector out of a sequence of tokens, without parameters."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Pooling = Literal["cls", "mean", "eos", "last"]


def pool(tokens: Tensor, mask: Tensor, how: Pooling) -> Tensor:
    """Pool [B, N, D] tokens to [B, D].

    Args:
        tokens: [B, N, D].
        mask: [B, N] bool, True where a token is real; at least one of a row.
        how: ``cls`` the first token; ``mean`` of the real ones; ``eos`` the last real one, which
            is the end token of a text padded on either side; ``last`` the last place, real or not
            (as SigLIP does).
    """
    if how == "cls":
        return tokens[:, 0]
    if how == "last":
        return tokens[:, -1]
    if how == "eos":
        return tokens[torch.arange(len(tokens), device=tokens.device), last_real(mask)]
    weights = mask.to(tokens.dtype)
    return torch.einsum("bnd,bn->bd", tokens, weights) / weights.sum(dim=1, keepdim=True)


def last_real(mask: Tensor) -> Tensor:
    """[B] int64, the place of the last True of each row of [B, N]."""
    return mask.shape[1] - 1 - mask.flip(1).int().argmax(dim=1)
