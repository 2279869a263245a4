"""Attention on ``scaled_dot_product_attention``, and the class token's row beside it.

B items, H heads, N tokens (M keys), d channels of a head.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

# While training on a CPU, the plain formula is faster than the fused kernel up to so many keys:
# in float32 by up to 1.4, in bfloat16 by up to 7 (`python -m benchmarks.attention`).
PLAIN_UP_TO = {torch.float32: 192, torch.bfloat16: 512}
# On a CPU, rows of up to so many keys are learnt from as fast by the formula as it is written,
# which then also rounds as the original does.
PLAIN_BIACM_UP_TO = 128

Projected = tuple[Tensor, Tensor, Tensor]


def attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, causal: bool = False
) -> Tensor:
    """softmax(q·kᵀ/√d)·v, by whichever way is faster here.

    Args:
        q: [B, H, N, d].
        k: [B, H, M, d].
        v: [B, H, M, d].
        mask: Broadcasts to [B, H, N, M]; bool, True where a key may be seen, or float, added to
            the scores. A query that may see no key at all gives NaN or zeros.
        causal: A query sees only the keys up to its own position (N = M).

    Returns:
        [B, H, N, d].
    """
    training = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad)
    if plain_is_faster(q.device.type, q.dtype, k.shape[-2], training=training):
        return _plain(q, k, v, mask, causal)
    if causal and mask is not None:
        mask, causal = _with_causal(mask, q.shape[-2]), False
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)


def biacm(
    text: Projected,
    layout: Projected,
    mask: Tensor | None,
    *,
    dropout: float = 0.0,
    detached: bool = False,
) -> tuple[Tensor, Tensor]:
    """Attention of two flows by the sum of their scores, LiLT's bi-directional complementation.

    ``[Q_t‖Q_l][K_t‖K_l]ᵀ`` is that sum, and ``P[V_t‖V_l]`` is both results side by side, so one
    call does. Where layout must not teach text its scores they differ in gradients: two calls.

    Source: Wang et al., "LiLT", arXiv 2202.13669, section 2.1.3, equations 5 and 6.

    Args:
        text: Queries, keys and values [B, H, N, d_t].
        layout: The same [B, H, N, d_l].
        mask: Broadcasts to [B, H, N, N]; True where a key may be seen.
        dropout: Of attention.
        detached: Whether text's scores are constants to layout.

    Returns:
        [B, H, N, d_t] and [B, H, N, d_l].
    """
    (q_t, k_t, v_t), (q_l, k_l, v_l) = text, layout
    on_cpu = q_t.device.type == "cpu" and not torch.compiler.is_compiling()
    if on_cpu and q_t.shape[-2] <= PLAIN_BIACM_UP_TO:
        return _plain_biacm(text, layout, mask, dropout, detached)
    q_t, q_l = q_t * q_t.shape[-1] ** -0.5, q_l * q_l.shape[-1] ** -0.5

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k = torch.cat([q, q_l], dim=-1), torch.cat([k, k_l], dim=-1)
        return functional.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, dropout_p=dropout, scale=1.0
        )

    if detached:
        return attend(q_t, k_t, v_t), attend(q_t.detach(), k_t.detach(), v_l)
    both = attend(q_t, k_t, torch.cat([v_t, v_l], dim=-1))
    return both[..., : v_t.shape[-1]], both[..., v_t.shape[-1] :]


def place_angles(x: Tensor) -> Tensor:
    """Angles that grow with the place of a token, each pair of channels at its own rate.

    Source: Vaswani et al., "Attention Is All You Need", arXiv 1706.03762, section 3.5.

    Args:
        x: [..., N, d], d even.

    Returns:
        [N, d / 2].
    """
    half = x.shape[-1] // 2
    rates = torch.exp(torch.arange(half, device=x.device) * (-math.log(10_000) / half))
    return torch.arange(x.shape[-2], device=x.device)[:, None] * rates


def rotary(x: Tensor) -> Tensor:
    """Queries or keys turned pair by pair, by an angle that grows with their place: scores then
    depend on the distance of two tokens, and any number of them works.

    Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", arXiv
    2104.09864.

    Args:
        x: [B, H, N, d], d even.
    """
    angles = place_angles(x)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    one, other = x.chunk(2, dim=-1)
    return torch.cat([one * cos - other * sin, one * sin + other * cos], dim=-1)


def class_row(q: Tensor, k: Tensor) -> Tensor:
    """How much one query looks at each key, averaged over the heads: the class token's attention
    without the full [N, N] map.

    Args:
        q: [B, H, d], the class token's queries.
        k: [B, H, N, d].

    Returns:
        [B, N], each row summing to 1; in float32, since the rows are compared with each other.
    """
    with torch.autocast(q.device.type, enabled=False):  # which would round the products
        scores: Tensor = torch.einsum("bhd,bhnd->bhn", q.float(), k.float()) * q.shape[-1] ** -0.5
        return scores.softmax(dim=-1).mean(dim=1)


def plain_is_faster(device: str, dtype: torch.dtype, keys: int, *, training: bool) -> bool:
    """Whether the plain formula beats the fused kernel there."""
    return training and device == "cpu" and keys <= PLAIN_UP_TO.get(dtype, 0)


def _plain(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    scores: Tensor = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    if causal:
        mask = _with_causal(mask, q.shape[-2], q.device)
    if mask is not None and mask.dtype == torch.bool:
        scores = scores.masked_fill(~mask, -torch.inf)
    elif mask is not None:
        scores = scores + mask
    return scores.softmax(dim=-1).to(v.dtype) @ v


def _with_causal(mask: Tensor | None, n: int, device: torch.device | None = None) -> Tensor:
    """The mask, and not past the diagonal either."""
    device = device if mask is None else mask.device
    past = torch.ones(n, n, dtype=torch.bool, device=device).tril()
    if mask is None:
        return past
    return mask & past if mask.dtype == torch.bool else mask.masked_fill(~past, -torch.inf)


def _plain_biacm(
    text: Projected, layout: Projected, mask: Tensor | None, dropout: float, detached: bool
) -> tuple[Tensor, Tensor]:
    (q_t, k_t, v_t), (q_l, k_l, v_l) = text, layout
    of_text, of_layout = (
        q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5 for q, k in ((q_t, k_t), (q_l, k_l))
    )

    def weights(scores: Tensor) -> Tensor:
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        return functional.dropout(scores.softmax(dim=-1).to(v_t.dtype), dropout)

    p_t = weights(of_text + of_layout)
    p_l = weights(of_text.detach() + of_layout) if detached else p_t
    return p_t @ v_t, p_l @ v_l
