"""A two-tower task small enough to train in a test, with everything that could go wrong.

Dropout (random state), a loss that couples samples, a frozen copy that follows the weights, a
centre that ``loss`` pends and ``after_step`` moves, and blocks to recompute, compile and shard.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlkit.losses.contrastive import info_nce
from vlkit.losses.gather import mean_over_processes
from vlkit.training.batches import Loaded, sample_at


class Block(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(functional.gelu(self.inner(self.norm(x))))


class Toy(nn.Module):
    stages = ("all", "image")

    def __init__(self, width: int = 8, depth: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        self.image = nn.Sequential(*(Block(width, dropout) for _ in range(depth)))
        self.text = nn.Sequential(*(Block(width, dropout) for _ in range(depth)))
        self.logit_scale = nn.Parameter(torch.tensor(1.0))
        self.teacher = copy.deepcopy(self.image).requires_grad_(False)
        self.register_buffer("centre", torch.zeros(width))
        self.pending: list[Tensor] = []

    def encode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        with torch.no_grad():
            target = self.teacher(batch["pixels"])
        return {
            "image": functional.normalize(self.image(batch["pixels"]), dim=-1),
            "text": functional.normalize(self.text(batch["ids"]), dim=-1),
            "target": target,
            "scale": self.logit_scale.exp().expand(len(target)),
        }

    def loss(
        self, reps: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        contrast = info_nce(reps["image"], reps["text"], reps["scale"])
        follow = (reps["image"] - reps["target"].detach() + self.centre).square().mean()
        self.pending.append(mean_over_processes(reps["target"].detach().mean(0)))
        return contrast + follow, {"contrast": contrast, "follow": follow}

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        for mine, theirs in zip(self.teacher.parameters(), self.image.parameters(), strict=True):
            mine.lerp_(theirs, 0.1)
        self.centre.lerp_(torch.stack(self.pending).mean(0), 0.1)
        self.pending.clear()

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {
            "image": list(self.image.parameters()),
            "text": list(self.text.parameters()),
            "scale": [self.logit_scale],
        }

    def set_stage(self, name: str) -> None:
        self.text.requires_grad_(name == "all")


class Numbers:
    """Random pairs of vectors, each a function of its index."""

    def __init__(self, count: int = 50, width: int = 8, seed: int = 0) -> None:
        self.count = count
        self.seed = seed
        draw = torch.Generator().manual_seed(seed)
        self.pixels = torch.randn(count, width, generator=draw)
        self.ids = self.pixels + 0.1 * torch.randn(count, width, generator=draw)

    def load(self, positions: range) -> Loaded:
        picked = [sample_at(position, self.count, self.seed) for position in positions]
        batch = {"pixels": self.pixels[picked], "ids": self.ids[picked]}
        return Loaded(batch, [f"sample-{index}" for index in picked])


def toy(seed: int = 0, **sizes: float) -> Toy:
    torch.manual_seed(seed)
    return Toy(**sizes)  # type: ignore[arg-type]
