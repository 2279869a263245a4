"""The line reader's second way from frames to characters: one after the other, by attention.

Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate", arXiv
1409.0473, for lines of text as in Shi et al., "Robust Scene Text Recognition with Automatic
Rectification", arXiv 1603.03915; the cells are a transformer's.

Shapes: B lines, T frames, S characters, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from vlkit.nn.attention import attention, place_angles, rotary

INITIALS, VOWELS, FINALS = 19, 21, 28
"""Of Hangul; a syllable without final has the first."""


def parts_of(codes: Tensor, sizes: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Codes of the alphabet as kind, initial, vowel and final, the latter 0 where there is none.

    Args:
        codes: Of any shape.
        sizes: How many there are of each; the last kind is Hangul.
    """
    hangul = sizes[0] - 1
    syllable = (codes - hangul).clamp(min=0)
    return (
        codes.clamp(max=hangul),
        syllable // (VOWELS * FINALS),
        syllable // FINALS % VOWELS,
        syllable % FINALS,
    )


class Decoder(nn.Module):
    """What comes after the characters so far, at each of them: [B, S] codes to [B, S, C].

    Code 0 begins a text, and ends it where the head reads it.
    """

    def __init__(self, width: int, heads: int, sizes: Sequence[int], depth: int = 2) -> None:
        super().__init__()
        self.sizes = list(sizes)
        # A syllable is the sum of its parts here, too.
        self.embed = nn.ModuleList(nn.Embedding(size, width) for size in sizes)
        self.blocks = nn.ModuleList(DecoderBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, codes: Tensor, frames: Tensor, mask: Tensor) -> Tensor:
        """``frames`` [B, T, C] of the lines, ``mask`` [B, T] bool of those that are real."""
        kind, *parts = (
            table(part) for table, part in zip(self.embed, parts_of(codes, self.sizes), strict=True)
        )
        is_syllable = (codes >= self.sizes[0] - 1)[..., None]
        x_bsc = kind + sum(parts) * is_syllable
        frames = frames + waves(frames)
        for block in self.blocks:
            x_bsc = block(x_bsc, frames, mask)
        out: Tensor = self.norm(x_bsc)
        return out

    def greedy(
        self, frames: Tensor, mask: Tensor, best: Callable[[Tensor], Tensor]
    ) -> list[list[int]]:
        """Each next character the most probable one, until the end; no more than frames.

        Args:
            best: The codes [B, S] of what ``forward`` gives.
        """
        codes = torch.zeros(len(frames), 1, dtype=torch.long, device=frames.device)
        ended = torch.zeros(len(frames), dtype=torch.bool, device=frames.device)
        for _ in range(frames.shape[1]):
            following = best(self(codes, frames, mask)[:, -1:])[:, 0].masked_fill(ended, 0)
            ended |= following == 0
            if ended.all():
                break
            codes = torch.cat([codes, following[:, None]], dim=1)
        return [[code for code in row if code] for row in codes.tolist()]


class DecoderBlock(nn.Module):
    """Attention to the characters so far, then to the frames; then each by itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.look = nn.Linear(width, width)
        self.seen = nn.Linear(width, 2 * width)
        self.taken = nn.Linear(width, width)
        self.each = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x_bsc: Tensor, frames: Tensor, mask: Tensor) -> Tensor:
        q, k, v = map(self._heads, self.qkv(self.norms[0](x_bsc)).chunk(3, dim=-1))
        y = attention(rotary(q), rotary(k), v, causal=True)
        x_bsc = x_bsc + self.out(y.transpose(1, 2).flatten(2))
        q = self._heads(self.look(self.norms[1](x_bsc)))
        k, v = map(self._heads, self.seen(frames).chunk(2, dim=-1))
        y = attention(q, k, v, mask[:, None, None])
        x_bsc = x_bsc + self.taken(y.transpose(1, 2).flatten(2))
        y = self.each(self.norms[2](x_bsc))
        out: Tensor = x_bsc + y
        return out

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


def waves(frames: Tensor) -> Tensor:
    """Where each frame is, [T, C], for as many as there are.

    Source: Vaswani et al., "Attention Is All You Need", arXiv 1706.03762, section 3.5.
    """
    angles = place_angles(frames)
    return torch.cat([angles.sin(), angles.cos()], dim=-1).to(frames.dtype)
