"""fp16's scaled loss: the plain step, skipped overflows, and a scale that a run goes on with."""

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.test_training import assert_close, curve, plan
from tests.toy_task import Numbers, Toy, toy
from vlkit.errors import TrainingError
from vlkit.training import distribution, state
from vlkit.training.batches import Batching
from vlkit.training.distribution import Kind
from vlkit.training.loop import train
from vlkit.training.optimizer import Optimizer, Schedule
from vlkit.training.state import Checkpoints


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def fp16(monkeypatch: pytest.MonkeyPatch) -> None:
    """fp16's scaling of the loss around fp32's arithmetic, since a processor has no fp16."""

    def start(precision: str, kind: Kind, real: Any = distribution.start) -> Any:
        accelerator = real("fp32", kind)
        accelerator.state._mixed_precision = precision
        return accelerator

    monkeypatch.setattr(distribution, "start", start)


class Overflowing(Toy):
    """Whose gradient is infinite in some passes, its loss in none."""

    def __init__(self, passes: Collection[int]) -> None:
        super().__init__(dropout=0.0)
        self.passes = passes
        self.passed = 0
        self.after: list[int] = []

    def encode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        reps = super().encode(batch)
        if self.passed in self.passes:
            reps["scale"].register_hook(lambda gradient: gradient * math.inf)
        self.passed += 1
        return reps

    def after_step(self, step: int) -> None:
        super().after_step(step)
        self.after.append(step)


@pytest.mark.parametrize("gradcache", [True, False])
def test_a_scaled_loss_gives_the_plain_step(tmp_path: Path, fp16: None, gradcache: bool) -> None:
    config = {"batch": Batching(12, 2, gradcache), "optimizer": Optimizer(clip=0.05)}
    plain = train(toy(dropout=0.0), Numbers(), plan(tmp_path / "plain", **config))
    scaled = plan(tmp_path / "scaled", **config, precision="fp16")
    assert_close(plain, train(toy(dropout=0.0), Numbers(), scaled), 1e-6)
    norms = zip(curve(tmp_path / "plain"), curve(tmp_path / "scaled"), strict=True)
    assert all(one[2] == pytest.approx(other[2], rel=1e-5) for one, other in norms)


def test_a_step_that_overflows_is_skipped_whole(tmp_path: Path, fp16: None) -> None:
    torch.manual_seed(0)
    task = Overflowing({1, 3})
    config = plan(tmp_path, precision="fp16", average=0.9, checkpoints=Checkpoints(1, keep=9))
    train(task, Numbers(), config)
    assert task.after == [1, 3, 5, 6]
    saved = {
        int(path.name.removeprefix("step-")): state.load(path).tensors
        for path in (tmp_path / "checkpoints").iterdir()
    }
    for skipped in (2, 4):
        for stem in ("weights", "average"):
            for name, tensor in saved[skipped - 1][stem].items():
                assert torch.equal(saved[skipped][stem][name], tensor), (stem, name)
    scales = [saved[step]["optimizer"]["/scale"].item() for step in range(1, 7)]
    assert scales == [2**16, 2**15, 2**15, 2**14, 2**14, 2**14]
    assert saved[6]["optimizer"]["/_growth_tracker"] == 2


def test_the_scale_goes_on_where_it_was(tmp_path: Path, fp16: None) -> None:
    even = {"precision": "fp16", "schedule": Schedule(warmup=20)}  # the same for any steps
    torch.manual_seed(0)
    whole = train(Overflowing({1}), Numbers(), plan(tmp_path / "whole", **even))
    torch.manual_seed(0)
    train(Overflowing({1}), Numbers(), plan(tmp_path / "cut", **even, steps=4))
    assert_close(whole, train(Overflowing(()), Numbers(), plan(tmp_path / "cut", **even)), 0)
    one, other = (state.latest(tmp_path / name / "checkpoints") for name in ("whole", "cut"))
    assert one is not None
    assert other is not None
    for name in ("/scale", "/_growth_tracker"):
        assert one.tensors["optimizer"][name] == other.tensors["optimizer"][name]
    assert one.tensors["optimizer"]["/_growth_tracker"] == 4


def test_an_overflow_in_every_step_stops_the_run(tmp_path: Path, fp16: None) -> None:
    with pytest.raises(TrainingError, match="step 23 is inf, as those of 19 steps before it"):
        train(Overflowing(range(3, 99)), Numbers(), plan(tmp_path, precision="fp16", steps=40))
