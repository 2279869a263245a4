from __future__ import annotations

import torch
from torch import nn

from vlkit.nn.depthwise import DepthwiseAlong


def test_equals_torch_and_its_gradients() -> None:
    torch.manual_seed(0)
    along = DepthwiseAlong(6, 5).double()
    x_btc = torch.randn(3, 9, 6, dtype=torch.double, requires_grad=True)
    gradient = torch.randn(3, 9, 6, dtype=torch.double)

    def results(y_btc: torch.Tensor) -> list[torch.Tensor]:
        wanted = (x_btc, *along.parameters())
        return [y_btc.detach(), *torch.autograd.grad(y_btc, wanted, gradient)]

    theirs = nn.Conv2d.forward(along, x_btc[:, None].permute(0, 3, 1, 2)).permute(0, 2, 3, 1)[:, 0]
    for ours, its in zip(results(along(x_btc)), results(theirs), strict=True):
        torch.testing.assert_close(ours, its)
    with torch.no_grad():
        torch.testing.assert_close(along(x_btc), theirs)


def test_autocast_keeps_the_gradients_types() -> None:
    along = DepthwiseAlong(4, 3)
    x_btc = torch.randn(2, 7, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y_btc = along(x_btc)
    y_btc.float().square().sum().backward()
    assert x_btc.grad is not None
    assert along.weight.grad is not None
    assert x_btc.grad.dtype == along.weight.grad.dtype == torch.float32
