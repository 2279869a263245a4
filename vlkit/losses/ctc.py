"""Connectionist temporal classification: text of a line without the place of its letters."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_NEVER = -1e9
"""Logarithm of no probability; of a true zero gradients would not be finite."""


def ctc(
    logits: Tensor, frames: Tensor, targets: Tensor, lengths: Tensor, *, blank: int = 0
) -> Tensor:
    """−log of the summed probability of every path that reads as the target, per character.

    ``−log Σ_{π: collapse(π) = target} Π_t softmax(logits_t)[π_t] / max(length, 1)``, in fp32;
    ``collapse`` merges repeats, then drops blanks. A sample whose target doesn't fit into its
    frames gives 0 and no gradient; ``fits`` tells which.

    Source: Graves et al., "Connectionist Temporal Classification", ICML 2006.

    Args:
        logits: ``[B, T, C]`` scores of C classes for T frames.
        frames: ``[B]``, how many of the T are real.
        targets: ``[B, S]`` class ids; any id after a target's end.
        lengths: ``[B]``, how many of the S are real.
        blank: The class that reads as nothing.

    Returns:
        ``[B]``.
    """
    log_probabilities = logits.float().log_softmax(dim=-1).transpose(0, 1)
    losses = functional.ctc_loss(
        log_probabilities,
        targets,
        frames,
        lengths,
        blank=blank,
        reduction="none",
        zero_infinity=True,
    )
    return losses / lengths.clamp(min=1)


def ctc_of_columns(columns: Tensor, frames: Tensor, codes: Tensor, lengths: Tensor) -> Tensor:
    """``ctc`` where classes are so many that nothing of their number is ever computed.

    The sum over paths needs the probabilities of the blank and of the target's own characters
    alone. So a sample's classes are its characters, equal ones being one class, and one more for
    all the rest, with which each frame is a distribution again.

    Args:
        columns: ``[B, T, 1 + S]`` log-probabilities of the blank and of each target character.
        frames: ``[B]``, how many of the T are real.
        codes: ``[B, S]`` the targets' characters; any code after a target's end.
        lengths: ``[B]``, how many of the S are real.

    Returns:
        ``[B]``, as ``ctc``.
    """
    place = torch.arange(codes.shape[1], device=codes.device)
    first = (codes[:, :, None] == codes[:, None]).int().argmax(dim=2)
    # A character's later columns repeat its first, and no path may count them again.
    counted = (first == place) & (place < lengths[:, None])
    counted = functional.pad(counted, (1, 0), value=True)
    classes = columns.float().masked_fill(~counted[:, None], _NEVER)
    rest = torch.log1p(-classes.exp().sum(dim=2, keepdim=True).clamp(max=1 - 1e-6))
    losses = functional.ctc_loss(
        torch.cat([classes, rest], dim=2).transpose(0, 1),
        first + 1,
        frames,
        lengths,
        reduction="none",
        zero_infinity=True,
    )
    return losses / lengths.clamp(min=1)


def fits(frames: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
    """Which targets can be read from their frames: one frame a letter and one between repeats.

    Args:
        frames: ``[B]``.
        targets: ``[B, S]``.
        lengths: ``[B]``.

    Returns:
        ``[B]`` bool.
    """
    position = torch.arange(1, targets.shape[1], device=targets.device)
    repeats = (targets[:, 1:] == targets[:, :-1]) & (position < lengths[:, None])
    return frames >= lengths + repeats.sum(dim=1)
