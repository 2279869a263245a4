"""The training loop: one for every task, on one process or many."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

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
    moving_statistics,
    training_mode,
)

if TYPE_CHECKING:
    from accelerate import Accelerator


# With fp16, steps in a row that the gradient's overflow may skip. The loss is first multiplied by
# 2^16, and by half as much after each of them.
SKIPPED_LIMIT = 20


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
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, but must not be negative")
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
        measured: What its last validation gave.
    """

    weights: Mapping[str, Tensor]
    steps: int
    seconds: float
    broken: tuple[Broken, ...]
    first_process: bool
    measured: Mapping[str, float]


class Validation(Protocol):
    """Measures a task while it trains, on samples that it is not trained on."""

    def __call__(self, task: Task) -> dict[str, float]:
        """Figures by name. Whether parts are in training mode may change."""


def train(
    task: Task,
    source: Source,
    plan: Plan,
    facts: Mapping[str, Any] | None = None,
    validation: Validation | None = None,
) -> Trained:
    """Train a task to the end of its plan, from its last checkpoint if there is one.

    Data and random numbers are functions of seed, step and process: a run that is killed and
    started again goes on as if nothing had been.

    Args:
        task: On the CPU, with its first weights.
        source: The samples.
        facts: What must be the same when a run goes on, such as the model's config.
        validation: Done before each checkpoint, by every process alike.

    Raises:
        RecipeError: The plan does not go with the task or the processes.
        CheckpointError: The folder's checkpoint is damaged, or of another run.
        TrainingError: The loss or its gradient is not finite; the last checkpoint stands.
    """
    accelerator = distribution.start(plan.precision, plan.distribution.kind)
    _check_divides(plan, accelerator.num_processes)
    saved = _prepare(task, plan, facts or {})
    engine = distribution.distribute(task, plan.optimizer, accelerator, plan.distribution.kind)
    average = Average(task, plan.average) if plan.average is not None else None
    run = _Run(task, plan, accelerator, engine, average, dict(facts or {}), validation)
    run.restore(saved)
    run.steps(source, done=saved.step if saved else 0)
    weights = run.final_weights()
    broken = tuple(run.broken_anywhere().values())
    first = accelerator.is_main_process
    return Trained(weights, plan.steps, run.seconds(), broken, first, run.measured)


def _prepare(task: Task, plan: Plan, facts: Mapping[str, Any]) -> State | None:
    """The task as it was left, and as the plan wants its passes; gives its last checkpoint."""
    enter_stage(task, plan.stage)
    training_mode(task)
    _check_once(task, plan)
    folder = plan.output / "checkpoints"
    saved = state.latest(folder)
    if saved is not None:
        state.check_same(saved.facts.get("facts", {}), facts, plan.output)
        load_weights(as_module(task), saved.tensors["weights"], file=folder)
    if plan.recompute:
        checkpoint_activations(task)
    if plan.compile:
        compile_blocks(task)
    return saved


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
        validation: Validation | None,
    ) -> None:
        self.task = task
        self.plan = plan
        self.accelerator = accelerator
        self.engine = engine
        self.average = average
        self.facts = facts
        self.validation = validation
        self.broken: dict[str, Broken] = {}
        self.measured: dict[str, float] = {}
        self.started = time.monotonic()
        self.skipped = 0  # steps in a row
        self.backward = cached_backward if plan.batch.gradcache else accumulated_backward

    def steps(self, source: Source, done: int) -> None:
        """Every step that is left, with its log and checkpoints."""
        plan, left = self.plan, range(done, self.plan.steps)
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        log: Log = OtherLog(plan.output, rank, done)
        if rank == 0:
            log = Logs(plan.output, plan.logging, done, plan.steps)
        pin = self.accelerator.device.type == "cuda"
        batches = stream(source, plan.batch, left, rank, world, pin=pin)
        # Closed here, since the traceback of an error would keep the loading processes alive.
        with closing(log), closing(batches):
            for step, loaded in zip(left, batches, strict=True):
                self.note_broken(loaded, step, log)
                values = self.step(step, loaded)
                log.step(step + 1, values, plan.batch.size)
                if (step + 1) % plan.checkpoints.every == 0 or step + 1 == plan.steps:
                    if self.validation is not None:
                        self.measured = self.validation(self.task)
                        log.event(step + 1, "validation", **self.measured)
                        training_mode(self.task)
                    self.save(step + 1)

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
        if math.isfinite(norm):
            self._after_step(step + 1)
        elif plan.precision != "fp16" or self.skipped + 1 == SKIPPED_LIMIT:
            raise self._not_finite("gradient", norm, step, loaded, mine=False)
        else:  # the loss was scaled too far; the scale is now half of what it was
            self.skipped += 1
        return {**values, "rate": plan.optimizer.rate * factor, "gradient_norm": norm}

    def _after_step(self, step: int) -> None:
        """Of a step that changed the weights; steps count from 1."""
        self.skipped = 0
        with self.engine.changing():
            self.task.after_step(step)
        if self.average is not None:
            self.average.update(self.task, step)

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
        again = what == "gradient" and self.skipped > 0
        before = f", as those of {self.skipped} steps before it" if again else ""
        return TrainingError(
            f"the {what} of step {step + 1} is {value}{before} (process "
            f"{self.accelerator.process_index}, {where})",
            remedy="The last checkpoint is intact; look at these samples. A lower rate, a longer "
            "warm-up or clipping is another run: give it another output folder",
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

    def broken_anywhere(self) -> dict[str, Broken]:
        """The broken samples of all processes; each must call it."""
        if self.accelerator.num_processes == 1:
            return self.broken
        from accelerate.utils import gather_object

        return {item.key: item for item in gather_object(list(self.broken.values()))}

    def save(self, step: int) -> None:
        broken = {item.key: item.reason for item in self.broken_anywhere().values()}
        tensors = {
            "weights": self.engine.weights(),
            "optimizer": self.engine.optimizer_state(),
        }
        if self.average is not None:
            tensors["average"] = self.engine.whole(self.average.weights)
        if self.accelerator.is_main_process:
            facts = {"facts": self.facts, "broken": broken, "seconds": self.seconds()}
            facts["measured"] = self.measured
            folder = self.plan.output / "checkpoints"
            state.save(folder, State(step, tensors, facts), self.plan.checkpoints.keep)
        self.accelerator.wait_for_everyone()

    def restore(self, saved: State | None) -> None:
        """All of a checkpoint but the weights, which the task got before it was distributed."""
        if saved is None:
            return
        self.engine.load_optimizer_state(saved.tensors["optimizer"])
        # Parted, so that each process holds its share of them to the samples that it has seen.
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        broken = list(saved.facts.get("broken", {}).items())[rank::world]
        self.broken = {key: Broken(key, reason) for key, reason in broken}
        self.measured = saved.facts.get("measured", {})
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


def _check_divides(plan: Plan, world: int) -> None:
    pieces = world * plan.batch.chunks
    if plan.batch.size % pieces:
        raise RecipeError(
            f"batch.size is {plan.batch.size}, which {world} processes with "
            f"{plan.batch.chunks} chunks each can't share",
            remedy=f"Take a multiple of {pieces}",
        )


def _check_once(task: Task, plan: Plan) -> None:
    """Refuse to pass samples twice through what counts them."""
    cached = plan.batch.gradcache and plan.batch.chunks > 1
    norms = moving_statistics(task) if cached or plan.recompute else []
    if norms:
        what = "batch.gradcache with chunks" if cached else "recompute"
        raise RecipeError(
            f"{what} passes every sample twice, but {len(norms)} batch norms that train would "
            f"take its statistics each time ({norms[0]})",
            remedy="Set batch.chunks to 1 and recompute to false, freeze them, or choose a tower "
            "with layer norms",
        )


def _seed(seed: int, step: int, rank: int) -> int:
    """Of the random numbers of a step in a process; unlike any other's."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)
