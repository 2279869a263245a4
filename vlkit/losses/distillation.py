"""Self-distillation with centres, of class tokens and of patches (DINO, iBOT).

A sample's figure depends on that sample and on the centre alone, and the centre moves between
optimizer steps only: so a batch may be cut anywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor


def self_distillation(
    student: Tensor,
    teacher: Tensor,
    centre: Tensor,
    *,
    student_temperature: float,
    teacher_temperature: float | Tensor,
) -> Tensor:
    """Cross-entropy of the student's prototypes under the teacher's: H(t, s), without reduction.

    ``−Σ_k softmax((t − c) / τ_t)_k · log_softmax(s / τ_s)_k``, in fp32; no gradient to the
    teacher. For patches, hand in those alone that count (the removed ones) and take the mean over
    tokens of the same sample.

    Source: Caron et al., "Emerging Properties in Self-Supervised Vision Transformers",
    arXiv 2104.14294, section 3.1; for patches Zhou et al., "iBOT", arXiv 2111.07832, equation 2.

    Args:
        student: ``[..., K]`` scores over K prototypes.
        teacher: ``[..., K]``.
        centre: Broadcasts to them, ``[K]``.
        student_temperature: τ_s.
        teacher_temperature: τ_t, smaller than τ_s so that targets are sharper.

    Returns:
        ``[...]``.
    """
    with torch.autocast(student.device.type, enabled=False):
        target = ((teacher.detach().float() - centre) / teacher_temperature).softmax(dim=-1)
        log_guess = (student.float() / student_temperature).log_softmax(dim=-1)
        return -torch.einsum("...k,...k->...", target, log_guess)


def moved_centre(centre: Tensor, batch_mean: Tensor, momentum: float) -> Tensor:
    """The centre after a step: ``m · c + (1 − m) · mean``, DINO's equation 4.

    The prototypes are linear in the bottleneck, so ``batch_mean`` may be taken in the bottleneck
    and projected once: ``W · mean_n z_n = mean_n W · z_n``.

    Args:
        centre: ``[K]``.
        batch_mean: ``[K]``, the mean of the teacher's scores over the samples of all processes.
        momentum: m.
    """
    return torch.lerp(batch_mean.to(centre.dtype), centre, momentum)
