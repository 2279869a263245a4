"""What every encoder gives, and every adapter takes and gives."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vlkit.errors import ModelError


class Features(NamedTuple):
    """Tokens of a batch of pictures or texts, B items of N tokens, D wide.

    A tuple, so that what hooks modules by their outputs (ZeRO-3, FSDP2) finds the tensors.

    Attributes:
        tokens: [B, N, D], without class and register tokens.
        mask: [B, N] bool, True where a token is real and not padding.
        pooled: [B, P], one vector for the item, as the encoder pools; P is D for most encoders.
        boxes: [B, N, 4], where each token looks: x0, y0, x1, y1 as parts (0..1) of the picture
            or page.
    """

    tokens: Tensor
    mask: Tensor
    pooled: Tensor | None = None
    boxes: Tensor | None = None

    @property
    def width(self) -> int:
        """D."""
        return self.tokens.shape[-1]


def all_real(tokens: Tensor) -> Tensor:
    """[B, N] bool, all True: the mask of [B, N, D] tokens without padding."""
    return torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)


def grid_boxes(rows: int, columns: int) -> Tensor:
    """[rows · columns, 4]: the cells of a grid over the unit square, row by row."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    corners = torch.stack([x, y, x + 1, y + 1], dim=-1).reshape(-1, 4)
    return corners / torch.tensor([columns, rows, columns, rows])


def normalised(features: Features) -> Features:
    """Tokens and pooled vector of length 1."""
    pooled = None if features.pooled is None else functional.normalize(features.pooled, dim=-1)
    return features._replace(tokens=functional.normalize(features.tokens, dim=-1), pooled=pooled)


def pooled_of(features: Features) -> Tensor:
    """The pooled vector [B, P].

    Raises:
        ModelError: if there is none.
    """
    if features.pooled is None:
        raise ModelError("the tower gives no pooled vector", remedy="Give it an adapter that pools")
    return features.pooled
