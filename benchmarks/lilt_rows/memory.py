"""Peak memory of forward and backward, ours beside Transformers' eager LiLT.

Each arm is a process of its own. Its peak is counted from what the process holds that has imported
everything and run a small model, so that weights and gradients are in it. ``recomputed`` is ours
as ``vlkit train`` runs it with ``recompute = true``. Dropout is .1, in attention too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import LiltModel

from benchmarks.lilt_rows.models import DEVICE, LENGTH, PAD, SIZES, Size
from benchmarks.lilt_rows.run import Run
from benchmarks.lilt_rows.speed import THEIRS, clock
from benchmarks.resident import forget_peak, status
from benchmarks.table import Row
from vlkit.models.lilt import Lilt, LiltConfig
from vlkit.training.task import checkpoint_activations

ROWS = 4
STEPS = 3
ARMS = (THEIRS, "ours", "recomputed")


@dataclass(frozen=True)
class Peak:
    """Bytes over the process before, and the quickest step's seconds of work."""

    bytes: int
    seconds: float


def memory_rows(run: Run) -> Iterator[Row]:
    size = "tiny" if run.quick else "base"
    peaks = {arm: _of_a_process(arm, size) for arm in ARMS}
    on = f"{size}, {ROWS} x {LENGTH} tokens, dropout .1, {DEVICE}"
    for arm, goal in (("ours", 0.8), ("recomputed", 0.5)):
        mine, theirs, plain = peaks[arm], peaks[THEIRS], peaks["ours"]
        ratio, slower = mine.bytes / theirs.bytes, mine.seconds / plain.seconds
        alternatives = {THEIRS: theirs.bytes / 2**20, "ratio": ratio}
        if arm == "recomputed":
            alternatives |= {
                "time over not recomputed": slower,
                "time over transformers": mine.seconds / theirs.seconds,
            }
        yield Row(
            on,
            f"{arm}: peak MiB of forward and backward",
            mine.bytes / 2**20,
            alternatives,
            f"≤ {goal}×" + (" at ≤ 1.35× the time" if arm == "recomputed" else ""),
            ratio <= goal and slower <= 1.35,
            {"seconds": {name: peak.seconds for name, peak in peaks.items()}},
        )


def _of_a_process(arm: str, size: str) -> Peak:
    threads = ["--threads", str(torch.get_num_threads())]
    command = [sys.executable, "-m", "benchmarks.lilt", *threads, "--peak-of", arm, size]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def peak_of(arm: str, size: str) -> Peak:
    """Measured in this process, which should have done nothing before."""
    _steps(_model(arm, SIZES["tiny"]), SIZES["tiny"])
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        seconds = _steps(_model(arm, SIZES[size]), SIZES[size])
        return Peak(torch.cuda.max_memory_allocated() - before, seconds)
    forget_peak()
    before = status("VmRSS")
    seconds = _steps(_model(arm, SIZES[size]), SIZES[size])
    return Peak(status("VmHWM") - before, seconds)


def _model(arm: str, size: Size) -> nn.Module:
    if arm == THEIRS:
        return LiltModel(size.theirs, add_pooling_layer=False).train().to(DEVICE)
    positions = LENGTH + PAD + 1
    ours = Lilt(
        LiltConfig(
            vocab=size.vocabulary,
            width=size.width,
            depth=size.depth,
            attention_heads=size.heads,
            hidden=4 * size.width,
            positions=positions,
            layout_positions=positions,
        )
    )
    if arm == "recomputed":
        checkpoint_activations(ours)
    return ours.train().to(DEVICE)


def _steps(model: nn.Module, size: Size) -> float:
    torch.manual_seed(0)
    ids = torch.randint(PAD + 1, size.vocabulary, (ROWS, LENGTH), device=DEVICE)
    corners = torch.randint(0, 900, (ROWS, LENGTH, 2), device=DEVICE)
    boxes = torch.cat([corners, corners + 50], dim=-1)
    mask = torch.ones_like(ids)
    mask[1:, -LENGTH // 8 :] = 0  # as real batches have: attention is masked
    taken = []
    for _ in range(STEPS):
        start, _ = clock()
        with torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda"):
            text = _text(model, ids, boxes, mask)
        text.float().square().mean().backward()
        model.zero_grad()
        taken.append(clock()[0] - start)
    return min(taken)


def _text(model: nn.Module, ids: Tensor, boxes: Tensor, mask: Tensor) -> Tensor:
    found: Tensor
    if isinstance(model, Lilt):
        found = model(ids, boxes, mask.bool()).text
    else:
        found = model(ids, boxes, mask).last_hidden_state
    return found
