"""The loop on the models themselves: chunks, recomputation and averages change nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.test_training import assert_close, plan
from vlkit import recipe
from vlkit.models import model_class
from vlkit.training.batches import Batching, Loaded, sample_at
from vlkit.training.loop import train
from vlkit.training.optimizer import Optimizer
from vlkit.training.task import blocks

TOWERS = {
    "image": {
        "library": "timm",
        "architecture": "vit_tiny_patch16_224",
        "image_size": 32,
        "patch_size": 8,
        "width": 16,
        "depth": 2,
        "heads": 2,
        "pool": "token",
    },
    "text": {
        "library": "open_clip",
        "architecture": "ViT-B-32",
        "context_length": 8,
        "vocab_size": 40,
        "width": 16,
        "depth": 2,
        "heads": 2,
    },
}
CONFIGS: dict[str, dict[str, Any]] = {
    "clip": {
        **TOWERS,
        "image_projection": {"kind": "linear", "width": 8},
        "text_projection": {"kind": "linear", "width": 8},
    },
    "detailclip": {
        **TOWERS,
        "width": 8,
        "momentum": 0.9,
        "distillation": {"hidden": 16, "bottleneck": 8, "prototypes": 12},
        "reconstruction": {"heads": 2},
    },
}


class Noise:
    """Random views and texts, each a function of its index."""

    def __init__(self, views: bool) -> None:
        draw = torch.Generator().manual_seed(0)
        shape = (30, 2, 3, 32, 32) if views else (30, 3, 32, 32)
        self.name = "views" if views else "pixels"
        self.pixels = torch.randn(shape, generator=draw)
        self.ids = torch.randint(1, 39, (30, 8), generator=draw)
        self.ids[:, -1] = 39

    def load(self, positions: range) -> Loaded:
        picked = [sample_at(position, 30, 0) for position in positions]
        mask = torch.ones(len(picked), 8, dtype=torch.bool)
        batch = {self.name: self.pixels[picked], "ids": self.ids[picked], "mask": mask}
        return Loaded(batch, [str(index) for index in picked])


@pytest.mark.parametrize("name", CONFIGS)
def test_spared_memory_gives_the_plain_step(tmp_path: Path, name: str) -> None:
    torch.set_num_threads(1)
    kind = model_class(name)
    results = []
    for folder, spared in (("plain", False), ("spared", True)):
        torch.manual_seed(0)
        task = kind.from_config(recipe.parse(CONFIGS[name], kind.Config))
        assert len(blocks(task)) >= 4  # type: ignore[arg-type]
        config = plan(
            tmp_path / folder,
            steps=3,
            average=0.9,
            recompute=spared,
            batch=Batching(6, 3 if spared else 1),
            # A gradient that is zero but for rounding must not become a step of the full rate.
            optimizer=Optimizer(rate=1e-3, eps=1e-4, clip=1.0),
        )
        results.append(train(task, Noise(name == "detailclip"), config))  # type: ignore[arg-type]
    assert_close(*results, 1e-5)
