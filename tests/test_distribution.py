"""Two gloo processes give what one gives, and hold what ZeRO's formulae say."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from tests.two_processes import plan, task_of
from vlkit.checkpoint import load_tensors
from vlkit.training import state
from vlkit.training.logs import read_log
from vlkit.training.loop import Trained, train
from vlkit.training.memory import PARTS, formula

ROOT = Path(__file__).parents[1]


def run_two(name: str, folder: Path, *kinds: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.two_processes", name, str(folder), *kinds],
            cwd=ROOT,
            env={
                **os.environ,
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "LOCAL_WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "OMP_NUM_THREADS": "1",
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        errors = [rank.communicate(timeout=900)[1] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], "\n".join(errors)


@dataclass(frozen=True)
class Alone:
    """What one process makes of a task."""

    name: str
    folder: Path
    trained: Trained


@pytest.fixture(scope="module", params=["toy"])
def alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("alone")
    return Alone(request.param, folder, train(*task_of(request.param), plan(folder)))


def check(folder: Path, kind: str, alone: Alone) -> None:
    wanted, got = (read_log(path / "log.jsonl") for path in (alone.folder, folder / kind))
    assert [record["step"] for record in got] == [1, 2, 3, 4, 5, 6]
    for one, other in zip(wanted, got, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], abs=1e-5)
        assert other["gradient_norm"] == pytest.approx(one["gradient_norm"], rel=2e-5, abs=1e-4)
    assert wanted[-1]["loss"] < wanted[0]["loss"]
    weights = alone.trained.weights
    if "zero3" in kind:  # which keeps no average, so that its weights are the last ones
        last = state.latest(alone.folder / "checkpoints")
        assert last is not None
        weights = last.tensors["weights"]
    final = load_tensors(folder / kind / "final.safetensors")
    assert final.keys() == weights.keys()
    for name, weight in weights.items():
        assert (final[name] - weight).abs().max() < 1e-5, name
    parameters = [parameter for _, parameter in task_of(alone.name)[0].named_parameters()]
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    frozen = sum(p.numel() for p in parameters) - trained
    expected = formula(kind.rpartition("-")[2], trained, frozen, 2)  # type: ignore[arg-type]
    ranks = [json.loads((folder / kind / f"held-{rank}.json").read_text()) for rank in range(2)]
    for part in PARTS:
        # The scalar lies on one process, and shards are padded to whole words.
        assert sum(rank[part] for rank in ranks) == pytest.approx(2 * expected[part], rel=0.02)


def check_all(folder: Path, kinds: tuple[str, ...], alone: Alone) -> None:
    run_two(alone.name, folder, *kinds)
    for kind in kinds:
        check(folder, kind, alone)


def test_ddp_and_fsdp2_are_one_process(tmp_path: Path, alone: Alone) -> None:
    check_all(tmp_path, ("ddp", "fsdp2", "ddp-then-fsdp2"), alone)


def test_what_is_broken_in_any_process_is_kept(tmp_path: Path) -> None:
    run_two("holed", tmp_path, "ddp-then-ddp")
    folder = tmp_path / "ddp-then-ddp"
    saved = state.latest(folder / "checkpoints")
    assert saved is not None
    assert saved.step == 6
    assert saved.facts["broken"] == {"at-12": "cut off", "at-18": "cut off"}
    other = [(record["step"], record["key"]) for record in read_log(folder / "log-1.jsonl")]
    assert other == [(2, "at-18")]


@pytest.mark.slow
@pytest.mark.parametrize("alone", ["clip", "detailclip"], indirect=True)
def test_models_under_ddp_and_fsdp2_are_one_process(tmp_path: Path, alone: Alone) -> None:
    check_all(tmp_path, ("ddp", "fsdp2"), alone)


needs_deepspeed = pytest.mark.skipif(
    importlib.util.find_spec("deepspeed") is None, reason="DeepSpeed is not installed"
)


@pytest.mark.slow
@needs_deepspeed
def test_zero_is_one_process(tmp_path: Path, alone: Alone) -> None:
    check_all(tmp_path, ("zero1", "zero2", "zero3", "ddp-then-zero2", "ddp-then-zero3"), alone)


@pytest.mark.slow
@needs_deepspeed
@pytest.mark.parametrize("alone", ["clip", "detailclip"], indirect=True)
def test_models_under_zero_are_one_process(tmp_path: Path, alone: Alone) -> None:
    check_all(tmp_path, ("zero1", "zero2", "zero3"), alone)


def test_one_process_needs_no_zero(tmp_path: Path, alone: Alone) -> None:
    train(*task_of(alone.name), plan(tmp_path, "zero2"))
    one, other = (read_log(folder / "log.jsonl") for folder in (alone.folder, tmp_path))
    assert [record["loss"] for record in one] == [record["loss"] for record in other]
