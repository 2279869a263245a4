"""One run of an arm: the training loop in a folder that is thrown away, and what its steps cost."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from vlkit.training.batches import Batching, Source
from vlkit.training.logs import Logging
from vlkit.training.loop import Plan, train
from vlkit.training.optimizer import Optimizer, Schedule
from vlkit.training.state import Checkpoints
from vlkit.training.task import Batch, Task, as_module


@dataclass(frozen=True)
class Course:
    """How long and how fast a study's arms train; the same for all of them."""

    steps: int
    batch: int
    rate: float
    warmup: int
    weight_decay: float = 0.1
    clip: float = 1.0


def train_by(
    course: Course, task: Task, source: Source, seed: int, stage: str | None = None
) -> None:
    """Train a task in place, on this process alone."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            output=Path(folder),
            steps=course.steps,
            seed=seed,
            stage=stage,
            batch=Batching(course.batch),
            optimizer=Optimizer(course.rate, weight_decay=course.weight_decay, clip=course.clip),
            schedule=Schedule(course.warmup, final=0.02),
            checkpoints=Checkpoints(every=course.steps),
            logging=Logging(every=course.steps, tensorboard=False),
        )
        train(task, source, plan)


def gflop_of(task: Task, batch: Batch) -> float:
    """Of a step's forward and backward pass: matrix products and attention."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        loss, _ = task.loss(task.encode(batch), batch)
        loss.backward()
    as_module(task).zero_grad()
    return counter.get_total_flops() / 1e9
