"""The loop: exact gradients, runs that survive being killed, and clear ends of those that can't."""

import json
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.toy_task import Numbers, Toy, toy
from vlkit.errors import CheckpointError, InputError, RecipeError, TrainingError, UnknownName
from vlkit.training import state
from vlkit.training.batches import Batching, Broken, Loaded, sample_at, stream
from vlkit.training.logs import Logging, OtherLog, read_log
from vlkit.training.loop import Plan, Trained, train
from vlkit.training.optimizer import Group, Optimizer, Schedule, groups_of
from vlkit.training.state import Checkpoints
from vlkit.training.task import blocks

QUIET = Logging(every=100, tensorboard=False)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def plan(output: Path, **changes: object) -> Plan:
    base = Plan(
        output=output,
        steps=6,
        seed=3,
        batch=Batching(size=12),
        optimizer=Optimizer(rate=1e-2, weight_decay=0.1),
        schedule=Schedule(warmup=2),
        checkpoints=Checkpoints(every=2, keep=2),
        logging=QUIET,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def curve(folder: Path) -> list[tuple[int, float, float]]:
    return [
        (record["step"], record["loss"], record["gradient_norm"])
        for record in read_log(folder / "log.jsonl")
        if "loss" in record
    ]


def assert_close(first: Trained, second: Trained, limit: float) -> None:
    assert first.weights.keys() == second.weights.keys()
    for name, weight in first.weights.items():
        assert (weight - second.weights[name]).abs().max() <= limit, name


# ---- gradients --------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [2, 4, 12])
def test_gradcache_average_and_recomputation_together_equal_the_plain_step(
    tmp_path: Path, chunks: int
) -> None:
    plain = train(toy(dropout=0.0), Numbers(), plan(tmp_path / "plain", average=0.9))
    spared = train(
        toy(dropout=0.0),
        Numbers(),
        plan(tmp_path / "spared", average=0.9, recompute=True, batch=Batching(12, chunks)),
    )
    assert_close(plain, spared, 1e-5)
    losses = zip(curve(tmp_path / "plain"), curve(tmp_path / "spared"), strict=True)
    assert all(abs(one[1] - other[1]) < 1e-5 for one, other in losses)


def test_gradcache_gives_the_gradient_under_dropout_that_one_graph_gives() -> None:
    """The second pass must draw the random numbers of the first."""
    from vlkit.training.gradcache import cached_backward, split

    task, batch = toy(dropout=0.5), Numbers().load(range(12)).batch

    class Plain:
        scale = 1.0

        def encode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
            return task.encode(batch)

        def backward(self, value: Tensor, last: bool) -> None:
            value.backward()

        def part(self, last: bool) -> torch.no_grad:
            return torch.enable_grad()

    torch.manual_seed(5)
    parts = [task.encode(part) for part in split(batch, 3)]
    reps = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    wanted, _ = task.loss(reps, batch)
    wanted.backward()
    gradients = {name: p.grad.clone() for name, p in task.named_parameters() if p.grad is not None}
    task.zero_grad()
    torch.manual_seed(5)
    value, _ = cached_backward(Plain(), task.loss, batch, 3)
    assert value == pytest.approx(wanted.item(), abs=1e-6)
    for name, parameter in task.named_parameters():
        if parameter.requires_grad:
            assert torch.allclose(parameter.grad, gradients[name], atol=1e-6), name


def test_chunks_without_gradcache_average_their_own_losses(tmp_path: Path) -> None:
    batching = Batching(12, 3, gradcache=False)
    train(toy(dropout=0.0), Numbers(), plan(tmp_path, batch=batching, steps=1))
    task, loaded = toy(dropout=0.0), Numbers(seed=0).load(range(12))
    losses = [
        task.loss(task.encode(part), part)[0].item()
        for part in (
            {name: rows[start : start + 4] for name, rows in loaded.batch.items()}
            for start in (0, 4, 8)
        )
    ]
    assert curve(tmp_path)[0][1] == pytest.approx(sum(losses) / 3, abs=1e-6)


def test_one_step_is_adamws(tmp_path: Path) -> None:
    config = Optimizer(rate=1e-2, weight_decay=0.3, clip=0.05, groups={"text": Group(rate=0.0)})
    trained = train(
        toy(dropout=0.0),
        Numbers(),
        plan(tmp_path, optimizer=config, steps=1, schedule=Schedule(warmup=4)),
    )
    task, batch = toy(dropout=0.0), Numbers().load(range(12)).batch
    start = {name: weight.clone() for name, weight in task.state_dict().items()}
    task.loss(task.encode(batch), batch)[0].backward()
    norm = torch.nn.utils.clip_grad_norm_(task.parameters(), 0.05)
    assert norm > 0.05
    assert curve(tmp_path)[0][2] == pytest.approx(norm.item(), rel=1e-4)
    rate = 1e-2 / 4
    for name, parameter in task.named_parameters():
        if parameter.grad is None or name.startswith("text"):
            continue
        gradient = parameter.grad
        decay = 0.3 if parameter.ndim >= 2 else 0.0
        expected = start[name] * (1 - rate * decay) - rate * gradient / (gradient.abs() + 1e-8)
        assert torch.allclose(trained.weights[name], expected, atol=1e-6), name
    assert torch.equal(trained.weights["text.0.inner.weight"], start["text.0.inner.weight"])


def test_the_average_is_one(tmp_path: Path) -> None:
    weights: list[dict[str, Tensor]] = []

    class Watched(Toy):
        def after_step(self, step: int) -> None:
            super().after_step(step)
            weights.append({name: value.clone() for name, value in self.named_parameters()})

    torch.manual_seed(0)
    watched = Watched()
    expected = {name: value.clone() for name, value in watched.named_parameters()}
    trained = train(watched, Numbers(), plan(tmp_path, average=0.3))
    for step, later in enumerate(weights, 1):
        decay = min(0.3, (1 + step) / (10 + step))
        expected = {
            name: decay * value + (1 - decay) * later[name] for name, value in expected.items()
        }
    for name, value in trained.weights.items():
        if name.startswith(("image", "text", "logit")):
            assert torch.allclose(value, expected[name], atol=1e-6)


def test_bf16_and_compilation_stay_near_fp32(tmp_path: Path) -> None:
    train(toy(), Numbers(), plan(tmp_path / "fp32"))
    train(toy(), Numbers(), plan(tmp_path / "bf16", precision="bf16"))
    for one, other in zip(curve(tmp_path / "fp32"), curve(tmp_path / "bf16"), strict=True):
        assert one[1] == pytest.approx(other[1], rel=0.03)
        assert one[1] != other[1]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("recompute", [False, True])
def test_compiled_blocks_give_the_plain_step(tmp_path: Path, recompute: bool) -> None:
    plain = train(toy(dropout=0.0), Numbers(), plan(tmp_path / "plain"))
    batching = Batching(12, 2 if recompute else 1)
    config = plan(tmp_path / "compiled", compile=True, recompute=recompute, batch=batching)
    assert_close(plain, train(toy(dropout=0.0), Numbers(), config), 1e-5)


def test_blocks_are_found_once_and_outermost() -> None:
    task = toy(depth=3)
    assert blocks(task) == [*task.image, *task.text, *task.teacher]


# ---- what is frozen, and what counts its samples -----------------------------------------------


class Normed(Toy):
    """With a batch norm in the pictures' way."""

    def __init__(self) -> None:
        super().__init__(dropout=0.0)
        self.norm = torch.nn.Sequential(torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5))

    def encode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return super().encode({**batch, "pixels": self.norm(batch["pixels"])})

    def param_groups(self) -> dict[str, list[torch.nn.Parameter]]:
        groups = super().param_groups()
        return {**groups, "image": [*groups["image"], *self.norm.parameters()]}


def test_what_is_frozen_stays_as_in_evaluation(tmp_path: Path) -> None:
    task = Normed()
    task.norm.requires_grad_(False)
    before = {name: value.clone() for name, value in task.norm.state_dict().items()}
    train(task, Numbers(), plan(tmp_path, recompute=True, batch=Batching(12, 2)))
    assert not any(part.training for part in task.norm.modules())
    assert task.image[0].dropout.training
    for name, value in task.norm.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("twice", [{"recompute": True}, {"batch": Batching(12, 2)}])
def test_batch_norms_that_train_see_each_sample_once(
    tmp_path: Path, twice: dict[str, object]
) -> None:
    with pytest.raises(RecipeError, match=r"1 batch norms .* \(norm\.0\)"):
        train(Normed(), Numbers(), plan(tmp_path, **twice))
    task = Normed()
    train(task, Numbers(), plan(tmp_path, steps=2, batch=Batching(12, 2, gradcache=False)))
    assert task.norm[0].num_batches_tracked == 4


# ---- killed and started again -------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
import accelerate, torch, torch._dynamo  # once, before the forks
from tests.toy_task import Numbers, toy
from tests.test_training import plan
from vlkit.training import state
from vlkit.training.batches import Batching
from vlkit.training.loop import train

folder, workers = Path(sys.argv[1]), int(sys.argv[2])

class Deadly(Numbers):
    def load(self, positions):
        if positions.start // 12 == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().load(positions)

def child(kill_step, kill_flush):
    torch.set_num_threads(1)
    numbers = Deadly()
    numbers.deadly = kill_step
    flushed = [0]
    def flush(path, real=state.flush):
        flushed[0] += 1
        if flushed[0] == kill_flush:
            os.kill(os.getpid(), signal.SIGKILL)
        real(path)
    state.flush = flush
    config = plan(folder, average=0.9, steps=9, batch=Batching(12, 2, workers=workers))
    train(toy(), numbers, config)
    os._exit(0)

# Killed in every kind of place: before any checkpoint, between two, while one is written.
for kill in ((1, None), (3, None), (None, 2), (None, 5), (6, None), (8, None), (None, None)):
    pid = os.fork()
    if pid == 0:
        child(*kill)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == (0 if kill == (None, None) else -signal.SIGKILL), (kill, code)
"""


def test_a_run_killed_anywhere_gives_the_same_curve_bit_for_bit(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    trained = train(toy(), Numbers(), plan(whole, average=0.9, steps=9, batch=Batching(12, 2)))
    subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "killed"), "0"],
        check=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=300,
    )
    assert curve(tmp_path / "killed") == curve(whole)
    assert len(curve(whole)) == 9
    last = state.latest(tmp_path / "killed" / "checkpoints")
    reference = state.latest(whole / "checkpoints")
    assert last
    assert reference
    assert last.step == reference.step == 9
    for stem, tensors in reference.tensors.items():
        for name, tensor in tensors.items():
            assert torch.equal(last.tensors[stem][name], tensor), (stem, name)
    assert torch.equal(trained.weights["centre"], last.tensors["weights"]["centre"])


def test_the_last_checkpoints_are_kept_and_hold_no_pickle(tmp_path: Path) -> None:
    train(toy(), Numbers(), plan(tmp_path, steps=7))
    folder = tmp_path / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["step-00000006", "step-00000007"]
    files = {file.name for path in folder.iterdir() for file in path.iterdir()}
    assert files == {"weights.safetensors", "optimizer.safetensors", "state.json"}


def test_a_finished_run_is_left_alone(tmp_path: Path) -> None:
    first = train(toy(), Numbers(), plan(tmp_path))
    again = train(toy(seed=9), Numbers(), plan(tmp_path))
    assert_close(first, again, 0)
    assert len(curve(tmp_path)) == 6
    saved = state.latest(tmp_path / "checkpoints")
    assert saved is not None
    assert again.seconds > saved.facts["seconds"] > 0  # the earlier part is counted


def test_data_order_is_every_sample_once_an_epoch_and_the_same_for_any_workers() -> None:
    assert sorted(sample_at(place, 50, 1) for place in range(50, 100)) == list(range(50))
    one, other = (
        [
            loaded.keys
            for loaded in stream(Numbers(), Batching(12, workers=workers), range(3, 9), 0, 1)
        ]
        for workers in (0, 2)
    )
    assert one == other


class Ended(Numbers):
    def load(self, positions: range) -> Loaded:
        if positions.start >= 36:
            raise InputError("no sample is left", remedy="Draw more", file="samples.tsv")
        return super().load(positions)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_the_data_is_the_same_from_any_process(tmp_path: Path, workers: int) -> None:
    with pytest.raises(InputError) as caught:
        train(toy(), Ended(), plan(tmp_path, batch=Batching(12, workers=workers)))
    assert str(caught.value) == "samples.tsv: no sample is left. Draw more."
    assert not multiprocessing.active_children()


def test_other_processes_logs_are_cut_too(tmp_path: Path) -> None:
    log = OtherLog(tmp_path, 1, done=0)
    for step in (2, 5):
        log.event(step, "skipped", key=f"sample-{step}")
    OtherLog(tmp_path, 1, done=4)
    assert [record["step"] for record in read_log(tmp_path / "log-1.jsonl")] == [2]


def test_no_process_outlives_a_run_that_stops(tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        train(toy(), Poisoned(), plan(tmp_path, batch=Batching(12, workers=2), steps=20))
    assert not multiprocessing.active_children()


def test_processes_share_a_batch_without_overlap() -> None:
    batching = Batching(12)
    parts = [batching.positions(5, rank, 3) for rank in range(3)]
    assert [place for part in parts for place in part] == list(batching.positions(5, 0, 1))


# ---- ends -----------------------------------------------------------------------------------


class Poisoned(Numbers):
    def load(self, positions: range) -> Loaded:
        loaded = super().load(positions)
        if positions.start >= 36:
            loaded.batch["pixels"] = loaded.batch["pixels"] * math.nan
        return loaded


def test_nan_stops_with_step_and_samples_and_leaves_the_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        train(toy(), Poisoned(), plan(tmp_path))
    keys = Numbers().load(range(36, 48)).keys
    assert "the loss of step 4 is nan" in str(caught.value)
    assert keys[0] in str(caught.value)
    saved = state.latest(tmp_path / "checkpoints")
    assert saved
    assert saved.step == 2
    assert all(tensor.isfinite().all() for tensor in saved.tensors["weights"].values())
    # Mended data: the run goes on.
    train(toy(), Numbers(), plan(tmp_path))
    assert [step for step, *_ in curve(tmp_path)] == list(range(1, 7))


class Holed(Numbers):
    """Every fifth sample is broken; the one after it in the stream stands in."""

    def load(self, positions: range) -> Loaded:
        loaded = super().load(positions)
        bad = [key for key in loaded.keys if int(key.split("-")[1]) in self.holes]
        loaded.broken = [Broken(key, "cut off") for key in bad]
        return loaded

    holes = (7,)


def test_broken_samples_are_counted_and_named_once(tmp_path: Path) -> None:
    trained = train(toy(), Holed(), plan(tmp_path, steps=9))
    assert [broken.key for broken in trained.broken] == ["sample-7"]
    events = [record for record in read_log(tmp_path / "log.jsonl") if "event" in record]
    assert [(event["event"], event["key"], event["reason"]) for event in events] == [
        ("skipped", "sample-7", "cut off")
    ]


def test_too_many_broken_samples_stop_the_run(tmp_path: Path) -> None:
    class Ruined(Holed):
        holes = tuple(range(25))

    with pytest.raises(TrainingError, match="samples could not be read"):
        train(toy(), Ruined(), plan(tmp_path))


def test_another_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    train(toy(), Numbers(), plan(tmp_path, steps=2), {"model": {"width": 8}})
    with pytest.raises(CheckpointError, match=r"model\.width = 8, the recipe has 9"):
        train(toy(), Numbers(), plan(tmp_path), {"model": {"width": 9}})
    with pytest.raises(CheckpointError, match="of another shape"):
        train(toy(width=9), Numbers(width=9), plan(tmp_path), {"model": {"width": 8}})
    assert state.latest(tmp_path / "checkpoints")


@pytest.mark.parametrize("file", ["weights.safetensors", "optimizer.safetensors", "state.json"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, file: str) -> None:
    train(toy(), Numbers(), plan(tmp_path))
    damaged = tmp_path / "checkpoints" / "step-00000006" / file
    damaged.write_bytes(damaged.read_bytes()[:40])
    with pytest.raises(CheckpointError, match="step-00000006"):
        train(toy(), Numbers(), plan(tmp_path, steps=8))
    damaged.unlink()
    with pytest.raises(CheckpointError, match="step-00000006"):
        train(toy(), Numbers(), plan(tmp_path, steps=8))


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"stage": "nothing"}, UnknownName, "unknown stage 'nothing'"),
        ({"optimizer": Optimizer(groups={"imgae": Group()})}, UnknownName, "'image'"),
        ({"batch": Batching(size=12, chunks=6), "precision": "fp16"}, RecipeError, "fp16"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        train(toy(), Numbers(), plan(tmp_path, **changes))
    assert not (tmp_path / "checkpoints").exists()


def test_a_parameter_without_a_group_is_refused() -> None:
    class Forgetful(Toy):
        def param_groups(self) -> dict[str, list[torch.nn.Parameter]]:
            return {"image": list(self.image.parameters())}

    with pytest.raises(RecipeError, match="parameters in no group: logit_scale"):
        groups_of(Forgetful(), Optimizer())


def test_a_stage_freezes_what_it_should(tmp_path: Path) -> None:
    start = toy().state_dict()
    trained = train(toy(), Numbers(), plan(tmp_path, stage="image"))
    for name, weight in start.items():
        assert torch.equal(trained.weights[name], weight) == name.startswith("text"), name


def test_tensorboard_and_jsonl_have_the_figures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(toy(), Numbers(), plan(tmp_path, logging=Logging(every=3)))
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    logged = {event.step: event.value for event in board.Scalars("loss")}
    losses = {step: loss for step, loss, _ in curve(tmp_path)}
    assert logged == {step: pytest.approx(losses[step], rel=1e-6) for step in (3, 6)}
    for line in (tmp_path / "log.jsonl").read_text().splitlines():
        assert {"step", "loss", "contrast", "rate", "samples_per_second"} <= set(json.loads(line))
