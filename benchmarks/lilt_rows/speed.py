"""Tokens a second of forward and backward, on real forms, ours beside Transformers' eager LiLT.

All arms see the same documents in one process, by turns; padding does not count as tokens. Time
is the process's own on the CPU, so that other work on the machine does not count (by the wall it
stands in the JSON), and the accelerator's on one.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.lilt_rows import forms
from benchmarks.lilt_rows.models import (
    DEVICE,
    SIZES,
    documents,
    packed_rows,
    pair,
    unpacked,
)
from benchmarks.lilt_rows.run import Run
from benchmarks.table import Row
from vlkit.models.lilt_heads import Batch

THEIRS = "transformers eager"
SIZE = 8  # documents of a batch


@dataclass(frozen=True)
class Arm:
    """What is timed: a model, its text flow's output of a batch, and the batches."""

    model: nn.Module
    text: Callable[[Batch], Tensor]
    batches: list[Batch]


@dataclass(frozen=True)
class Taken:
    """Seconds of a round: the process's or accelerator's, and the wall's."""

    work: float
    wall: float


def speed_rows(run: Run) -> Iterator[Row]:
    for size in ("tiny",) if run.quick else ("minilm", "base"):
        yield from _rows(size, run)


def _rows(size: str, run: Run) -> Iterator[Row]:
    known = forms.read(run.data)
    chosen = [known[at * len(known) // run.forms] for at in range(min(run.forms, len(known)))]
    found = documents(chosen)
    tokens = sum(len(document["ids"]) for document in found)
    theirs, ours = pair(SIZES[size])
    rows = unpacked(found, SIZE)
    arms = {
        THEIRS: Arm(
            theirs,
            lambda b: theirs(b["ids"], b["boxes"], b["mask"].long()).last_hidden_state,
            rows,
        ),
        "unpacked": Arm(ours, lambda b: ours(b["ids"], b["boxes"], b["mask"]).text, rows),
        "packed": Arm(
            ours,
            lambda b: ours(b["ids"], b["boxes"], documents=b["documents"]).text,
            packed_rows(found, SIZE),
        ),
    }
    taken = by_turns(arms, run.rounds)
    kind = "bf16" if DEVICE == "cuda" else f"fp32, {torch.get_num_threads()} threads"
    on = f"{size}, {len(chosen)} forms, {DEVICE} {kind}"
    wanted = {"unpacked": 1.15, "packed": 1.5 if DEVICE == "cpu" else 2.5}
    for name, goal in wanted.items():
        yield ratio_row(name, goal, taken, tokens, on)


def ratio_row(
    name: str, goal: float, taken: Mapping[str, Sequence[Taken]], tokens: int, on: str
) -> Row:
    """An arm beside theirs, by the median of the rounds' ratios."""
    pairs = list(zip(taken[THEIRS], taken[name], strict=True))
    ratios = [theirs.work / ours.work for theirs, ours in pairs]
    ratio = statistics.median(ratios)
    medians = {arm: statistics.median(each.work for each in taken[arm]) for arm in (name, THEIRS)}
    return Row(
        on,
        f"{name}: tokens/s",
        ours=tokens / medians[name],
        alternatives={THEIRS: tokens / medians[THEIRS], "ratio": ratio},
        wanted=f"≥ {goal}×",
        reached=ratio >= goal,
        detail={
            "ratios by round": [round(each, 3) for each in sorted(ratios)],
            "ratio by the wall": statistics.median(a.wall / b.wall for a, b in pairs),
            "tokens": tokens,
            "torch": torch.__version__,
        },
    )


def by_turns(arms: dict[str, Arm], rounds: int) -> dict[str, list[Taken]]:
    """Each arm's rounds over all its batches, after one batch that does not count."""
    for arm in arms.values():
        once(arm, arm.batches[:1])
    taken: dict[str, list[Taken]] = {name: [] for name in arms}
    names = list(arms)
    for turn in range(rounds):
        for name in names if turn % 2 else names[::-1]:
            taken[name].append(once(arms[name], arms[name].batches))
    return taken


def once(arm: Arm, batches: list[Batch]) -> Taken:
    """Forward and backward of batches; gradients are dropped after each."""
    work, wall = clock()
    for batch in batches:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda"):
            text = arm.text(batch)
        text.float().square().mean().backward()
        arm.model.zero_grad()
    work_end, wall_end = clock()
    return Taken(work_end - work, wall_end - wall)


def clock() -> tuple[float, float]:
    if DEVICE == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter(), time.perf_counter()
    return time.process_time(), time.perf_counter()
