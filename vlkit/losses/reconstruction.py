"""Reconstruction of pixels that the encoder did not see."""

from __future__ import annotations

import torch
from torch import Tensor


def patchify(pixels: Tensor, patch: int) -> Tensor:
    """Cut pictures into patches, row by row; in a patch, rows, columns, then channels.

    Args:
        pixels: ``[B, C, H, W]``, H and W multiples of ``patch``.
        patch: Side of a patch in pixels, p.

    Returns:
        ``[B, H/p · W/p, p · p · C]``.
    """
    b, c, height, width = pixels.shape
    cut = pixels.reshape(b, c, height // patch, patch, width // patch, patch)
    return cut.permute(0, 2, 4, 3, 5, 1).reshape(b, -1, patch * patch * c)


def masked_pixels(predicted: Tensor, target: Tensor, *, epsilon: float = 1e-6) -> Tensor:
    """Mean squared error against patches that are normalised each by itself.

    ``mean((p̂ − (p − μ_p) / √(σ²_p + ε))²)`` over a sample's removed patches, with the unbiased
    variance (N − 1), in fp32.

    Source: He et al., "Masked Autoencoders Are Scalable Vision Learners", arXiv 2111.06377,
    section 3.

    Args:
        predicted: ``[B, M, P]``, the removed patches alone.
        target: ``[B, M, P]``, the same patches' pixels, as ``patchify`` gives them.
        epsilon: Keeps a patch of one colour finite.

    Returns:
        ``[B]``.
    """
    target = target.float()
    variance, mean = torch.var_mean(target, dim=-1, keepdim=True)
    normalised = (target - mean) / (variance + epsilon).sqrt()
    return (predicted.float() - normalised).square().mean(dim=(1, 2))
