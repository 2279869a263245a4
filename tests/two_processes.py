"""What `test_distribution.py` runs in two processes: every kind given, one after the other.

    RANK=0 WORLD_SIZE=2 … python -m tests.two_processes toy FOLDER ddp fsdp2 …

A kind is ``NAME`` or ``NAME-then-NAME``: the second goes on where the first stopped half way.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed

from tests.toy_task import Numbers, toy
from vlkit import recipe
from vlkit.models import model_class
from vlkit.training import distribution
from vlkit.training.batches import Batching, Broken, Loaded, Source
from vlkit.training.distribution import Distribution
from vlkit.training.logs import Logging
from vlkit.training.loop import Plan, train
from vlkit.training.optimizer import Optimizer, Schedule
from vlkit.training.state import Checkpoints
from vlkit.training.task import Task


def plan(output: Path, kind: Any = "ddp", *, stop: int = 6) -> Plan:
    return Plan(
        output=output,
        steps=stop,
        seed=3,
        batch=Batching(size=12, chunks=2),
        # A schedule that is the same for runs of any length, so that half a run is half of one.
        schedule=Schedule(warmup=10),
        # A gradient that is zero but for rounding must not become a step of the full rate.
        optimizer=Optimizer(rate=1e-2, eps=1e-4, weight_decay=0.1, clip=0.5),
        average=None if kind == "zero3" else 0.9,
        recompute=kind != "zero3",
        distribution=Distribution(kind),
        checkpoints=Checkpoints(every=3),
        logging=Logging(every=100, tensorboard=False),
    )


class Holed(Numbers):
    """Another sample is broken in either process."""

    def load(self, positions: range) -> Loaded:
        loaded = super().load(positions)
        if positions.start in (12, 18):  # the second step's
            loaded.broken = [Broken(f"at-{positions.start}", "cut off")]
        return loaded


def task_of(name: str) -> tuple[Task, Source]:
    """A task with its first weights, and what it is trained on."""
    if name == "toy":
        return toy(dropout=0.0, width=16), Numbers(width=16)
    if name == "holed":
        return toy(), Holed()
    from tests.test_training_models import CONFIGS, Noise

    kind: Any = model_class(name)
    torch.manual_seed(0)
    model = kind.from_config(recipe.parse(CONFIGS[name], kind.Config))
    return model, Noise(views=name == "detailclip")


def bytes_held(name: str, kind: Any) -> dict[str, int]:
    accelerator = distribution.start("fp32", kind)
    task, source = task_of(name)
    engine = distribution.distribute(task, Optimizer(), accelerator, kind)
    batch = source.load(range(6)).batch
    engine.backward(task.loss(engine.encode(batch), batch)[0], True)
    engine.step(1.0)
    return engine.bytes_held()


def main() -> None:
    torch.set_num_threads(1)
    name, folder = sys.argv[1], Path(sys.argv[2])
    for kind in sys.argv[3:]:
        first, _, second = kind.partition("-then-")
        trained = train(*task_of(name), plan(folder / kind, first, stop=3 if second else 6))
        if second:
            trained = train(*task_of(name), plan(folder / kind, second))
        held = bytes_held(name, second or first)
        rank = torch.distributed.get_rank()
        (folder / kind / f"held-{rank}.json").write_text(json.dumps(held))
        if trained.first_process:
            from vlkit.checkpoint import save_tensors

            save_tensors(folder / kind / "final.safetensors", trained.weights)
    distribution.leave()
    assert not torch.distributed.is_initialized()


if __name__ == "__main__":
    main()
