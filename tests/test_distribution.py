"""Two gloo processes give what one gives, and hold what ZeRO's formulae say."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.toy_task import Numbers
from tests.two_processes import plan, small
from vlkit.checkpoint import load_tensors
from vlkit.training.logs import read_log
from vlkit.training.loop import Trained, train
from vlkit.training.memory import PARTS, formula

ROOT = Path(__file__).parents[1]


def run_two(folder: Path, *kinds: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.two_processes", str(folder), *kinds],
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
        errors = [rank.communicate(timeout=400)[1] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], "\n".join(errors)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("alone")
    return folder, train(small(), Numbers(width=16), plan(folder))


def check(folder: Path, kind: str, alone: tuple[Path, Trained]) -> None:
    wanted, got = (read_log(path / "log.jsonl") for path in (alone[0], folder / kind))
    assert [record["step"] for record in got] == [1, 2, 3, 4, 5, 6]
    for one, other in zip(wanted, got, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], abs=1e-5)
        assert other["gradient_norm"] == pytest.approx(one["gradient_norm"], abs=1e-4)
    if "zero3" not in kind:  # which keeps no average, so that its weights are the last ones
        final = load_tensors(folder / kind / "final.safetensors")
        assert final.keys() == alone[1].weights.keys()
        for name, weight in alone[1].weights.items():
            assert (final[name] - weight).abs().max() < 1e-5, name
    trained = sum(p.numel() for p in small().parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in small().parameters()) - trained
    expected = formula(kind.rpartition("-")[2], trained, frozen, 2)  # type: ignore[arg-type]
    ranks = [json.loads((folder / kind / f"held-{rank}.json").read_text()) for rank in range(2)]
    for part in PARTS:
        # The scalar lies on one process, and shards are padded to whole words.
        assert sum(rank[part] for rank in ranks) == pytest.approx(2 * expected[part], rel=0.02)


def test_ddp_and_fsdp2_are_one_process(tmp_path: Path, alone: tuple[Path, Trained]) -> None:
    kinds = ("ddp", "fsdp2", "ddp-then-fsdp2")
    run_two(tmp_path, *kinds)
    for kind in kinds:
        check(tmp_path, kind, alone)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("deepspeed") is None, reason="DeepSpeed is not installed"
)
def test_zero_is_one_process(tmp_path: Path, alone: tuple[Path, Trained]) -> None:
    kinds = ("zero1", "zero2", "zero3", "ddp-then-zero2", "ddp-then-zero3")
    run_two(tmp_path, *kinds)
    for kind in kinds:
        check(tmp_path, kind, alone)
