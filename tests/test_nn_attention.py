import itertools

import pytest
import torch
from torch import Tensor

from vlkit.nn import attention as module
from vlkit.nn.attention import attention, class_row


def naive(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    """One query after another, in float64."""
    out = torch.zeros(*q.shape[:-1], v.shape[-1], dtype=torch.float64)
    full = torch.ones(len(q), q.shape[1], q.shape[2], k.shape[2], dtype=torch.bool)
    mask = full if mask is None else mask.expand_as(full)
    for b, h, n in itertools.product(*map(range, q.shape[:3])):
        seen = [m for m in range(k.shape[2]) if mask[b, h, n, m] and (m <= n or not causal)]
        scores = k[b, h, seen].double() @ q[b, h, n].double() / q.shape[-1] ** 0.5
        out[b, h, n] = scores.softmax(0) @ v[b, h, seen].double()
    return out


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_the_formula(
    fused: bool, masked: bool, causal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "plain_is_faster", lambda *_, training: not fused)
    q, k, v = torch.randn(3, 2, 3, 7, 4)
    mask = None
    if masked:
        mask = torch.rand(2, 1, 1, 7) > 0.4
        mask[..., 0] = True
    expected = naive(q, k, v, mask, causal)
    torch.testing.assert_close(
        attention(q, k, v, mask, causal=causal).double(), expected, atol=1e-6, rtol=0
    )
    if mask is not None:
        added = torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)
        torch.testing.assert_close(
            attention(q, k, v, added, causal=causal).double(), expected, atol=1e-6, rtol=0
        )


def test_both_ways_have_the_same_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = torch.randn(3, 2, 3, 9, 4).unbind()
    q.requires_grad_()
    gradients = []
    for plain in (True, False):
        monkeypatch.setattr(module, "plain_is_faster", lambda *_, training, plain=plain: plain)
        gradients.append(torch.autograd.grad(attention(q, k, v).square().sum(), q)[0])
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-5)


def test_class_row_is_the_first_row_of_the_full_map() -> None:
    q, k = torch.randn(2, 2, 3, 9, 4)
    full = (q @ k.transpose(-2, -1) / 2).softmax(-1).mean(1)
    torch.testing.assert_close(class_row(q[:, :, 0], k), full[:, 0])


def test_class_row_is_as_exact_under_autocast() -> None:
    q, k = torch.randn(2, 2, 3, 9, 4)
    exact = class_row(q[:, :, 0], k)
    with torch.autocast("cpu", torch.bfloat16):
        row = class_row(q[:, :, 0], k)
    assert torch.equal(row, exact)
