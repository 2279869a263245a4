"""Prediction of tokens: the next one, or those that were masked.

The figure wanted is a mean over *tokens*, while a task hands on figures per *sample*. So these
give a sum and a count per sample, and ``token_mean`` puts the batch together.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from vlkit.losses.gather import mean_over_processes


def masked_token(logits: Tensor, ids: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy at the positions that were masked (BERT, arXiv 1810.04805, section 3.1).

    ``−Σ_{l wanted} log_softmax(logits_l)[id_l]``, in fp32.

    Args:
        logits: ``[B, L, V]``.
        ids: ``[B, L]``, the ids that belong there; any value where ``wanted`` is False.
        wanted: ``[B, L]`` bool.

    Returns:
        Sums ``[B]`` and counts ``[B]``.
    """
    targets = ids.masked_fill(~wanted, -100)
    losses = functional.cross_entropy(
        logits.float().transpose(1, 2), targets, ignore_index=-100, reduction="none"
    )
    return losses.sum(dim=1), wanted.sum(dim=1)


def next_token(logits: Tensor, ids: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each token under the logits one position before it (a language model's).

    ``−Σ_{l ≥ 1 wanted} log_softmax(logits_{l−1})[id_l]``, in fp32.

    Args:
        logits: ``[B, L, V]``.
        ids: ``[B, L]``.
        wanted: ``[B, L]`` bool, True for the tokens to be predicted (no padding, no prompt); the
            first position has nothing before it and never counts.

    Returns:
        Sums ``[B]`` and counts ``[B]``.
    """
    return masked_token(logits[:, :-1], ids[:, 1:], wanted[:, 1:])


def token_mean(sums: Tensor, counts: Tensor) -> Tensor:
    """The mean over the tokens of the whole batch, a scalar; 0 where no token counts.

    With several processes each divides by the *average* count, so that the mean over processes
    is the mean over all tokens, however unevenly they are spread.

    Args:
        sums: ``[B]``.
        counts: ``[B]``.
    """
    return sums.sum() / mean_over_processes(counts.sum().float()).clamp(min=1e-6)
