"""Depthwise convolution along a sequence of frames. B lines, T frames, C channels, K offsets."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class DepthwiseAlong(nn.Conv2d):
    """Each channel [B, T, C] → [B, T, C] by a kernel of its own along the frames; zeros outside.

    Two-dimensional, since those run on channels that lie last, and with a gradient of our own:
    on a processor PyTorch's takes twice as long.

    Args:
        channels: C.
        kernel: K, odd.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__(channels, channels, (1, kernel), padding=(0, kernel // 2), groups=channels)

    def forward(self, x_btc: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            y_btc: Tensor = _Convolve.apply(x_btc, self.weight)
        else:
            y_btc = _convolve(x_btc, self.weight)
        return y_btc if self.bias is None else y_btc + self.bias


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_btc: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x_btc, weight)
        return _convolve(x_btc, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x_btc, weight = ctx.saved_tensors
        gradient_btc = gradients[0].to(x_btc.dtype)  # another one under autocast
        frames, kernel = x_btc.shape[1], weight.shape[-1]
        padded = functional.pad(x_btc, (0, 0, kernel // 2, kernel // 2))
        by_offset = [
            (padded[:, offset : offset + frames] * gradient_btc).sum(dim=(0, 1))
            for offset in range(kernel)
        ]
        of_x = _convolve(gradient_btc, weight.flip(-1).to(x_btc.dtype))
        return of_x, torch.stack(by_offset, dim=1).view_as(weight).to(weight.dtype)


def _convolve(x_btc: Tensor, weight: Tensor) -> Tensor:
    x_bc1t = x_btc[:, None].permute(0, 3, 1, 2)
    padding = (0, weight.shape[-1] // 2)
    y_bc1t = functional.conv2d(x_bc1t, weight, padding=padding, groups=len(weight))
    return y_bc1t.permute(0, 2, 3, 1)[:, 0]
