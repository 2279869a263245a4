"""Alignment of image patches with the tokens of a text (CG-VLM).

The similarity of image i and text j is the mean cosine over all pairs of a patch and a token:
``s_ij = mean_k mean_l cos(p_ik, t_jl)``. A cosine is a product of unit vectors, and a mean of
products over all pairs is the product of the means: ``s_ij = p̄_i · t̄_j`` with
``p̄_i = mean_k p_ik / |p_ik|``. So one vector per image and per text is all that the batch has to
exchange, and the objective is ``contrastive.info_nce`` of these vectors: O(B·D) memory besides
its logits, and GradCache stays exact.

Source: "Contrastive Vision-Language Alignment Makes Efficient Instruction Learner",
arXiv 2311.17945. Its code was never published; temperature, pooling and what is normalised are
our choice.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional

Normalise = Literal["each", "mean"]


def pool_patches(tokens: Tensor, grid: tuple[int, int], side: int) -> Tensor:
    """Average a grid of patches over ``side`` × ``side`` regions; side 1 pools them all.

    Args:
        tokens: ``[B, rows · columns, D]``.
        grid: Rows and columns.
        side: Regions along each axis; they overlap where it doesn't divide the grid.

    Returns:
        ``[B, side · side, D]``.
    """
    maps = tokens.transpose(1, 2).reshape(len(tokens), -1, *grid)
    return functional.adaptive_avg_pool2d(maps, side).flatten(2).transpose(1, 2)


def mean_direction(tokens: Tensor, mask: Tensor, *, normalise: Normalise = "each") -> Tensor:
    """The vector by which an image or a text is compared, in fp32.

    Args:
        tokens: ``[B, N, D]``.
        mask: ``[B, N]`` bool, True where a token counts. A row without any gives zeros.
        normalise: ``each``: the mean of the unit vectors, whose product is the mean cosine (see
            the module). ``mean``: the unit vector of the mean, whose product is the cosine of
            means.

    Returns:
        ``[B, D]``.
    """
    tokens, weight = tokens.float(), mask.float()
    if normalise == "each":
        tokens = functional.normalize(tokens, dim=-1)
    total = (tokens * weight[..., None]).sum(dim=1)
    if normalise == "mean":
        return functional.normalize(total, dim=-1)
    return total / weight.sum(dim=1, keepdim=True).clamp(min=1)
