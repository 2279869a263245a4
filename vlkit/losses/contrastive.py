"""Contrast of pairs: every image of the batch against every text."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from vlkit.losses.gather import gather, rank


def info_nce(image: Tensor, text: Tensor, scale: Tensor, *, chunk: int | None = None) -> Tensor:
    """CLIP's loss: each image picks its text among all texts, each text its image.

    ``½ · mean_i CE(s · x_i · Yᵀ, i) + ½ · mean_i CE(s · y_i · Xᵀ, i)``, in fp32 whatever the
    autocast. ``X`` and ``Y`` are gathered over processes with their gradients; each process
    computes its own rows alone (the *local* loss: no logits are computed twice).

    Source: Radford et al., "Learning Transferable Visual Models From Natural Language
    Supervision", arXiv 2103.00020, figure 3.

    Args:
        image: ``[b, D]``, normalised where cosine is meant.
        text: ``[b, D]``; row i belongs to image i.
        scale: The inverse temperature, ``[]`` or one a row ``[b]``.
        chunk: Rows whose logits exist at one time. Each chunk is computed again in the backward
            pass, so logits take ``chunk · B`` floats and not ``b · B``. None: all at once.

    Returns:
        A scalar, the mean over this process's rows.
    """
    image, text, scale = image.float(), text.float(), scale.float().expand(len(image))
    images, texts = gather(torch.stack([image, text], dim=1)).unbind(1)
    first = rank() * len(image)
    return (
        _rows(_cross_entropy, chunk, first, image, texts, scale)
        + _rows(_cross_entropy, chunk, first, text, images, scale)
    ) / (2 * len(image))


def siglip(
    image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, *, chunk: int | None = None
) -> Tensor:
    """SigLIP's loss: each pair of the batch is a yes or a no of its own.

    ``−1/b · Σ_i Σ_j log σ(z_ij · (s · x_i · y_j + c))`` with ``z_ij`` = 1 where i = j, else −1,
    in fp32 whatever the autocast. Texts are gathered over processes with their gradients.

    Source: Zhai et al., "Sigmoid Loss for Language Image Pre-Training", arXiv 2303.15343,
    section 3.2.

    Args:
        image: ``[b, D]``, normalised where cosine is meant.
        text: ``[b, D]``; row i belongs to image i.
        scale: The inverse temperature, ``[]`` or one a row ``[b]``.
        bias: What is added to the scaled product, ``[]`` or one a row ``[b]``.
        chunk: As in ``info_nce``.

    Returns:
        A scalar: the sum over pairs by this process's rows.
    """
    image, text = image.float(), text.float()
    scale, bias = (each.float().expand(len(image)) for each in (scale, bias))
    first = rank() * len(image)
    return _rows(_sigmoid, chunk, first, image, gather(text), scale, bias) / len(image)


def top_1(image: Tensor, text: Tensor, *, chunk: int | None = None) -> Tensor:
    """Share of this process's images whose own text is the nearest of the batch, a scalar.

    Args:
        chunk: Rows whose products exist at one time; None for all.
    """
    with torch.no_grad():
        texts = gather(text.float())
        own = rank() * len(image) + torch.arange(len(image), device=image.device)
        size = chunk or len(image)
        nearest = [(rows.float() @ texts.T).argmax(-1) for rows in torch.split(image, size)]
        return (torch.cat(nearest) == own).float().mean()


def _rows(
    loss: Callable[..., Tensor],
    chunk: int | None,
    first: int,
    queries: Tensor,
    keys: Tensor,
    *per_row: Tensor,
) -> Tensor:
    """Sum of ``loss`` over rows, a chunk at a time; ``first`` is the key of row 0."""
    with torch.autocast(queries.device.type, enabled=False):
        if chunk is None or chunk >= len(queries):
            return loss(first, keys, queries, *per_row)
        total = queries.new_zeros(())
        for start in range(0, len(queries), chunk):
            rows = [each[start : start + chunk] for each in (queries, *per_row)]
            total = total + checkpoint(
                loss, first + start, keys, *rows, use_reentrant=False, preserve_rng_state=False
            )
        return total


def _cross_entropy(first: int, keys: Tensor, queries: Tensor, scale: Tensor) -> Tensor:
    logits = scale[:, None] * queries @ keys.T
    own = torch.arange(first, first + len(queries), device=queries.device)
    return functional.cross_entropy(logits, own, reduction="sum")


def _sigmoid(first: int, keys: Tensor, queries: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    logits = torch.addmm(bias[:, None], scale[:, None] * queries, keys.T)
    own = logits.diagonal(first)[: len(queries)]
    # −log σ(−x) = −log σ(x) + x turns a no into a yes; the sum over pairs is all nos, own mended.
    return functional.softplus(logits).sum() - own.sum()
