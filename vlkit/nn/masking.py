"""Removing patches before the encoder, and decoding them after it (masked autoencoders).

Source: He et al., "Masked Autoencoders Are Scalable Vision Learners", arXiv 2111.06377.

Shapes: B pictures of N patches, of which K are kept and M removed; all D wide.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlkit.errors import ModelError
from vlkit.nn.attention import attention


def select(
    scores: Tensor, grid: tuple[int, int], *, share: float, cell: int
) -> tuple[Tensor, Tensor]:
    """Keep the cells with the highest mean score; the counts are the same in every picture.

    Args:
        scores: ``[B, N]``.
        grid: Rows and columns, N = rows · columns.
        share: Of the cells that are kept; ``floor(share · cells) + 1`` are, all at the most.
        cell: Side in patches of the squares that are kept or removed whole; divides the grid.

    Returns:
        Indices of the patches kept ``[B, K]`` and removed ``[B, M]``, rising.
    """
    b, n = scores.shape
    cells = functional.avg_pool2d(scores.float().reshape(b, *grid), cell)
    count = min(int(cells[0].numel() * share) + 1, cells[0].numel())
    chosen = torch.zeros_like(cells).flatten(1)
    chosen.scatter_(1, cells.flatten(1).topk(count).indices, 1.0)
    spread = chosen.reshape_as(cells).repeat_interleave(cell, 1).repeat_interleave(cell, 2)
    order = spread.flatten(1).argsort(dim=1, stable=True)
    removed = n - count * cell**2
    return order[:, removed:], order[:, :removed]


def check_removal(grid: tuple[int, int], *, share: float, cell: int, some: bool) -> None:
    """Ask that ``select`` can cut this grid into cells, and would leave some out.

    Args:
        some: Patches must be left out, since a loss is of those.

    Raises:
        ModelError: if not.
    """
    rows, columns = grid
    if rows % cell or columns % cell:
        raise ModelError(
            f"a grid of {rows} x {columns} patches does not divide into cells of {cell} x {cell}",
            remedy="Choose another removal.cell (1 always fits) or image_size",
        )
    cells = rows * columns // cell**2
    if some and int(cells * share) + 1 >= cells:
        raise ModelError(
            f"removal.keep {share} removes nothing, but a loss needs removed patches",
            remedy="Lower it, or set reconstruction.weight and distillation.patch_weight to 0",
        )


def rows_of(tokens: Tensor, indices: Tensor) -> Tensor:
    """[B, N, D] and [B, M] → [B, M, D]."""
    return tokens.gather(1, indices[..., None].expand(-1, -1, tokens.shape[-1]))


class Block(nn.Module):
    """A transformer block that can leave out the rows that nobody asks for."""

    def __init__(self, width: int, heads: int, epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=epsilon) for _ in range(2))
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, last: int) -> Tensor:
        """[B, N, D] → [B, last, D]: all rows are seen, the last ones are computed."""
        h = self.norm1(x)
        width = x.shape[-1]
        weight, bias = self.qkv.weight, self.qkv.bias
        q = functional.linear(h[:, -last:], weight[:width], bias[:width])
        k, v = functional.linear(h, weight[width:], bias[width:]).chunk(2, dim=-1)
        q, k, v = (
            each.reshape(*each.shape[:2], self.heads, -1).transpose(1, 2) for each in (q, k, v)
        )
        x = x[:, -last:] + self.proj(attention(q, k, v).transpose(1, 2).flatten(2))
        mlp: Tensor = self.fc2(functional.gelu(self.fc1(self.norm2(x))))
        return x + mlp


class PatchDecoder(nn.Module):
    """From the kept patches to the removed ones.

    Attention does not mind the order, so class token and kept patches come first, mask tokens
    with the removed patches' positions last, and the last block computes those alone.
    """

    positions: Tensor

    def __init__(
        self,
        grid: tuple[int, int],
        width: int,
        *,
        depth: int,
        heads: int,
        epsilon: float = 1e-6,
    ) -> None:
        super().__init__()
        if depth < 1 or width % heads or width % 4:
            raise ModelError(
                f"a decoder {width} wide cannot have {depth} blocks of {heads} heads",
                remedy="Give it a block at least, heads that divide the image tower's width, and "
                "a width that 4 divides",
            )
        self.embed = nn.Linear(width, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        nn.init.normal_(self.mask_token, std=0.02)
        self.register_buffer("positions", sine_positions(*grid, width))
        self.blocks = nn.ModuleList(Block(width, heads, epsilon) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=epsilon)

    def forward(self, pooled: Tensor, kept: Tensor, keep: Tensor, removed: Tensor) -> Tensor:
        """[B, D], [B, K, D] and the patches' indices [B, K], [B, M] → [B, M, D]."""
        x = self.embed(torch.cat([pooled[:, None], kept], dim=1))
        at_kept, at_removed = self.positions[keep + 1], self.positions[removed + 1]
        seen = torch.cat([self.positions[:1].expand(len(x), 1, -1), at_kept], dim=1)
        x = torch.cat([x + seen, self.mask_token + at_removed], dim=1)
        for number, block in enumerate(self.blocks, start=1):
            x = block(x, removed.shape[1] if number == len(self.blocks) else x.shape[1])
        decoded: Tensor = self.norm(x)
        return decoded


def sine_positions(rows: int, columns: int, width: int) -> Tensor:
    """[1 + rows · columns, D]: zeros for the class token, then sines of column and row (MAE)."""
    rates = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    y, x = torch.meshgrid(
        torch.arange(rows).double(), torch.arange(columns).double(), indexing="ij"
    )
    parts = [
        wave(place.reshape(-1, 1) * rates) for place in (x, y) for wave in (torch.sin, torch.cos)
    ]
    table = torch.cat(parts, dim=1)
    return torch.cat([table.new_zeros(1, width), table]).float()
