"""Bytes of parameters, gradients and optimizer state on each process, beside ZeRO's formulae.

    torchrun --nproc-per-node 2 -m benchmarks.sharding [--kind ddp,fsdp2,zero1,zero2,zero3]

One step of a CLIP of clip-nano's size on random pictures, on each kind; measured / by formula.
"""

from __future__ import annotations

import argparse
import gc
import tomllib
from pathlib import Path

import torch
import torch.distributed

from vlkit import recipe
from vlkit.models.clip import Clip, ClipConfig
from vlkit.training import distribution
from vlkit.training.memory import table
from vlkit.training.optimizer import Optimizer

RECIPE = Path(__file__).parents[1] / "models" / "clip-nano" / "recipe.toml"


def clip_nano() -> Clip:
    written = tomllib.loads(RECIPE.read_text(encoding="utf-8"))["model"]["config"]
    torch.manual_seed(0)
    return Clip.from_config(recipe.parse(written, ClipConfig))


def bytes_held(kind: distribution.Kind) -> dict[str, int]:
    accelerator = distribution.start("fp32", kind)
    task = clip_nano()
    engine = distribution.distribute(task, Optimizer(), accelerator, kind)
    text, side = task.text, task.image.image_size
    ids = torch.randint(1, text.vocab_size - 1, (4, text.context_length))
    ids[:, -1] = text.vocab_size - 1
    batch = {"pixels": torch.randn(4, 3, side, side), "ids": ids}
    moved = {name: tensor.to(accelerator.device) for name, tensor in batch.items()}
    engine.backward(task.loss(engine.encode(moved), moved)[0], True)
    engine.step(1.0)
    return engine.bytes_held()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", default="ddp,fsdp2,zero1,zero2,zero3")
    held: dict[str, list[dict[str, int]]] = {}
    for kind in parser.parse_args().kind.split(","):
        mine = bytes_held(kind)
        everybody: list[dict[str, int]] = [{}] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(everybody, mine)
        held[kind] = everybody
        gc.collect()
    if torch.distributed.get_rank() == 0:
        parameters = list(clip_nano().parameters())
        trained = sum(p.numel() for p in parameters if p.requires_grad)
        frozen = sum(p.numel() for p in parameters) - trained
        print(table(held, trained, frozen))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
