"""The training loop: one for every task, on one process or many."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vlkit.checkpoint import load_weights
from vlkit.errors import RecipeError, TrainingError
from vlkit.training import distribution, state
from vlkit.training.batches import Batching, Broken, Loaded, Source, stream
from vlkit.training.distribution import Distribution, Engine, Precision
from vlkit.training.gradcache import accumulated_backward, cached_backward
from vlkit.training.logs import Log, Logging, Logs, OtherLog
from vlkit.training.optimizer import Average, Optimizer, Schedule
from vlkit.training.state import Checkpoints, State
from vlkit.training.task import (
    Task,
    as_module,
    checkpoint_activations,
    compile_blocks,
    enter_stage,
)

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a task is trained; a recipe adds what and on what.

    Attributes:
        output: Folder of the run: checkpoints, logs, at the end the model.
        steps: Optimizer steps of the whole run.
        stage: Which of the task's stages, where it has several.
        average: Decay of a running average of the weights, which is then what is saved.
        recompute: Activation checkpointing: blocks forget their inner activations.
        compile: ``torch.compile`` on every block.
        broken_limit: Largest part of the samples that may be unreadable.
    """

    output: Path
    steps: int
    seed: int = 0
    stage: str | None = None
    batch: Batching = field(default_factory=Batching)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    precision: Precision = "fp32"
    average: float | None = None
    recompute: bool = False
    compile: bool = False
    distribution: Distribution = field(default_factory=Distribution)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    logging: Logging = field(default_factory=Logging)
    broken_limit: float = 0.05

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}, but must be at least 1")
        if self.average is not None and not 0 < self.average < 1:
            raise ValueError(f"average is {self.average}, but must be between 0 and 1")
        if self.average is not None and self.distribution.kind == "zero3":
            raise ValueError("average does not go with zero3, whose weights are never whole")


@dataclass(frozen=True)
class Trained:
    """What a run gave: whole weights on the CPU (averaged where the plan says so).

    On other processes than the first, weights are empty.

    Attributes:
        seconds: Of the whole run by the wall, those before it was stopped included.
    """

    weights: Mapping[str, Tensor]
    steps: int
    seconds: float
    broken: tuple[Broken, ...]
    first_process: bool


def train(
    task: Task, source: Source, plan: Plan, facts: Mapping[str, Any] | None = None
) -> Trained:
    """Train a task to the end of its plan, from its last checkpoint if there is one.

    Data and random numbers are functions of seed, step and process: a run that is killed and
    started again goes on as if nothing had been.

    Args:
        task: On the CPU, with its first weights.
        source: The samples.
        facts: What must be the same when a run goes on, such as the model's config.

    Raises:
        RecipeError: The plan does not go with the task or the processes.
        CheckpointError: The folder's checkpoint is damaged, or of another run.
        TrainingError: The loss or its gradient is not finite; the last checkpoint stands.
    """
    # ---- processes and device -----------------------------------------------------------------
    accelerator = distribution.start(plan.precision, plan.distribution.kind)
    rank, world = accelerator.process_index, accelerator.num_processes
    _check_divides(plan, world)

    # ---- the task, as it was left -------------------------------------------------------------
    enter_stage(task, plan.stage)
    saved = _resume(task, plan, facts or {})
    done = saved.step if saved else 0
    as_module(task).train()
    if plan.recompute:
        checkpoint_activations(task)
    if plan.compile:
        compile_blocks(task)

    # ---- processes, optimizer, average --------------------------------------------------------
    engine = distribution.distribute(task, plan.optimizer, accelerator, plan.distribution.kind)
    average = Average(task, plan.average) if plan.average is not None else None
    run = _Run(task, plan, accelerator, engine, average, dict(facts or {}))
    run.restore(saved)
    log: Log = OtherLog(plan.output, rank)
    if rank == 0:
        log = Logs(plan.output, plan.logging, done, plan.steps)

    # ---- steps --------------------------------------------------------------------------------
    batches = stream(source, plan.batch, range(done, plan.steps), rank, world)
    try:
        for step, loaded in zip(itertools.count(done), batches, strict=False):
            run.note_broken(loaded, step, log)
            values = run.step(step, loaded)
            log.step(step + 1, values, plan.batch.size)
            if (step + 1) % plan.checkpoints.every == 0 or step + 1 == plan.steps:
                run.save(step + 1)
    finally:
        log.close()

    # ---- the result ---------------------------------------------------------------------------
    weights = run.final_weights()
    return Trained(weights, plan.steps, run.seconds(), tuple(run.broken.values()), rank == 0)


class _Run:
    """What changes from step to step."""

    def __init__(
        self,
        task: Task,
        plan: Plan,
        accelerator: Accelerator,
        engine: Engine,
        average: Average | None,
        facts: dict[str, Any],
    ) -> None:
        self.task = task
        self.plan = plan
        self.accelerator = accelerator
        self.engine = engine
        self.average = average
        self.facts = facts
        self.broken: dict[str, Broken] = {}
        self.started = time.monotonic()
        self.backward = cached_backward if plan.batch.gradcache else accumulated_backward

    def step(self, step: int, loaded: Loaded) -> dict[str, float]:
        """One optimizer step; gives what to log, means over the processes."""
        plan = self.plan
        torch.manual_seed(_seed(plan.seed, step, self.accelerator.process_index))
        device = self.accelerator.device
        batch = {
            name: tensor.to(device, non_blocking=True) for name, tensor in loaded.batch.items()
        }
        factor = plan.schedule.factor(step, plan.steps)

        loss, logs = self.backward(self.engine, self.task.loss, batch, plan.batch.chunks)
        values = self._means({"loss": loss, **logs})
        if not math.isfinite(values["loss"]):
            raise self._not_finite("loss", values["loss"], step, loaded, bool(loss.isfinite()))
        norm = self.engine.step(factor)
        if not math.isfinite(norm) and plan.precision != "fp16":
            raise self._not_finite("gradient", norm, step, loaded, mine=False)
        with self.engine.changing():
            self.task.after_step(step + 1)
        if self.average is not None:
            self.average.update(self.task, step + 1)
        return {**values, "rate": plan.optimizer.rate * factor, "gradient_norm": norm}

    def _means(self, values: dict[str, Tensor]) -> dict[str, float]:
        stacked = torch.stack([value.detach().float().mean() for value in values.values()])
        if self.accelerator.num_processes > 1:
            stacked = self.accelerator.reduce(stacked, reduction="mean")
        return dict(zip(values, stacked.tolist(), strict=True))

    def _not_finite(
        self, what: str, value: float, step: int, loaded: Loaded, mine: bool
    ) -> TrainingError:
        shown = ", ".join(loaded.keys[:8]) + (", …" if len(loaded.keys) > 8 else "")
        where = "its samples were fine" if what == "loss" and mine else f"its samples: {shown}"
        return TrainingError(
            f"the {what} of step {step + 1} is {value} (process "
            f"{self.accelerator.process_index}, {where})",
            remedy="The last checkpoint is intact; look at these samples, lower the rate, "
            "warm up longer or clip",
            file=self.plan.output,
        )

    def note_broken(self, loaded: Loaded, step: int, log: Log) -> None:
        """Name every broken sample once, and stop where they are too many."""
        new = {item.key: item for item in loaded.broken if item.key not in self.broken}
        self.broken |= new
        for item in new.values():
            log.event(step + 1, "skipped", key=item.key, reason=item.reason)
        seen = (step + 1) * self.plan.batch.size // self.accelerator.num_processes
        if new and len(self.broken) > max(1.0, self.plan.broken_limit * seen):
            raise TrainingError(
                f"{len(self.broken)} of {seen} samples could not be read, the last of them "
                f"{item.key}: {item.reason}",
                remedy="Mend the data, or raise broken_limit",
                file=self.plan.output,
            )

    def save(self, step: int) -> None:
        tensors = {
            "weights": self.engine.weights(),
            "optimizer": self.engine.optimizer_state(),
        }
        if self.average is not None:
            tensors["average"] = self.engine.whole(self.average.weights)
        if self.accelerator.is_main_process:
            broken = {item.key: item.reason for item in self.broken.values()}
            facts = {"facts": self.facts, "broken": broken, "seconds": self.seconds()}
            folder = self.plan.output / "checkpoints"
            state.save(folder, State(step, tensors, facts), self.plan.checkpoints.keep)
        self.accelerator.wait_for_everyone()

    def restore(self, saved: State | None) -> None:
        """All of a checkpoint but the weights, which the task got before it was distributed."""
        if saved is None:
            return
        self.engine.load_optimizer_state(saved.tensors["optimizer"])
        for key, reason in saved.facts.get("broken", {}).items():
            self.broken[key] = Broken(key, reason)
        self.started -= saved.facts.get("seconds", 0.0)
        if self.average is not None:
            self.average.load(saved.tensors.get("average", {}))

    def seconds(self) -> float:
        """That the run has taken, its earlier parts included up to their last checkpoint."""
        return time.monotonic() - self.started

    def final_weights(self) -> dict[str, Tensor]:
        weights = self.engine.weights()
        if self.average is not None:
            weights |= self.engine.whole(self.average.weights)
        return weights if self.accelerator.is_main_process else {}


def _resume(task: Task, plan: Plan, facts: Mapping[str, Any]) -> State | None:
    folder = plan.output / "checkpoints"
    saved = state.latest(folder)
    if saved is not None:
        state.check_same(saved.facts.get("facts", {}), facts, plan.output)
        load_weights(as_module(task), saved.tensors["weights"], file=folder)
    return saved


def _check_divides(plan: Plan, world: int) -> None:
    pieces = world * plan.batch.chunks
    if plan.batch.size % pieces:
        raise RecipeError(
            f"batch.size is {plan.batch.size}, which {world} processes with "
            f"{plan.batch.chunks} chunks each can't share",
            remedy=f"Take a multiple of {pieces}",
        )


def _seed(seed: int, step: int, rank: int) -> int:
    """Of the random numbers of a step in a process; unlike any other's."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)
