"""CLIP and DetailCLIP of the shelf's size beside an open_clip model, at equal floating-point work.

Towers, text length, batch and rates are those of ``models/*/recipe.toml``. The open_clip model has
the same size, first weights, forward pass and loss of its own, and the same photos, crops,
captions, tokenizer, optimizer and running average.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.arms.detailclip import QUICK, Size, train_and_search
from benchmarks.arms.grid import Study

SHELF = Size(
    gflop=8_000,
    image=96,
    patch=12,
    width=128,
    depth=6,
    heads=4,
    text_depth=3,
    context=32,
    batch=128,
    scale=(0.3, 1.0),
)
NAMES = {"open_clip": "open_clip", "clip": "clip", "detailclip": "all"}
"""What an arm is called in the study of DetailCLIP's parts."""


def size_of(quick: bool) -> Size:
    return replace(QUICK, gflop=2) if quick else SHELF


def run(arm: str, seed: int, quick: bool, data: Path) -> dict[str, float]:
    _, figures = train_and_search(NAMES[arm], size_of(quick), seed, data)
    return figures


STUDY = Study(
    name="shelf",
    question="At the shelf's size and equal FLOPs, are ours as good as an open_clip model?",
    arms=tuple(NAMES),
    metrics={
        **{f"t2i_r{k}": f"photo by text R@{k}" for k in (1, 5, 10)},
        **{f"i2t_r{k}": f"text by photo R@{k}" for k in (1, 5, 10)},
        "teacher_t2i_r10": "R@10 by text, teacher",
    },
    settings=lambda quick: asdict(size_of(quick)),
    run=run,
)
