"""What reads lines best for its cost: the wheel's reader beside the classical ways, at equal work.

All arms have the same stem and read the same rendered lines, each of a seed's lines once, in the
same order; they differ in the mixer, in the decoder, or in the anchor alone. What is measured are
lines in the fonts that the recipe holds out. The LSTM has the two layers of the papers that made
it classical, and so takes more steps than the others for the same work; its steps take longer
than their work says, since frame waits for frame: seconds of processor stand beside.

No arm has a learning rate of its own; it is that of ``models/lines-ko-en``. The budget is a
twentieth of that model's, so the figures say what an arm does for little money, not in the end.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.arms.detailclip import steps_for
from benchmarks.arms.grid import Study
from benchmarks.arms.runs import Course, train_by
from benchmarks.line_rows import sets
from benchmarks.line_rows.scores import accuracy, characters, counts
from benchmarks.line_rows.texts import Language
from vlkit import recipe
from vlkit.data.rendered import LineRenderer, LineSettings, normalise
from vlkit.models.lines import LineReader, LineReaderConfig
from vlkit.training.lines import LineSource
from vlkit.training.task import Batch

ARMS: Mapping[str, Mapping[str, Any]] = {
    "conv + CTC": {},
    "attention + CTC": {"mixer": "attention"},
    "LSTM + CTC": {"mixer": "lstm", "depth": 2},
    "conv + decoder": {"decoder": "attention"},
    "conv + CTC without anchor": {"anchor": 0.0},
}
"""What an arm's config has otherwise than the wheel's."""
LANGUAGES: tuple[Language, ...] = ("korean", "english")


@dataclass(frozen=True)
class Size:
    """Reader, training and measurement of every arm.

    Attributes:
        gflop: What a run may spend on its steps.
        warmup: Share of the steps over which the rate rises.
        pool: Steps whose lines are sorted by width together.
        lines: Of each language, to measure it on.
    """

    gflop: float
    model: LineReaderConfig = field(default_factory=LineReaderConfig)
    batch: int = 48
    rate: float = 2e-3
    weight_decay: float = 0.05
    clip: float = 5.0
    warmup: float = 0.1
    pool: int = 8
    lines: int = 200


FULL = Size(gflop=24_000)
QUICK = Size(
    gflop=1,
    model=LineReaderConfig(stem=(4, 8, 16), width=32, depth=1, kernel=5, heads=2),
    batch=8,
    pool=2,
    lines=6,
)


def size_of(quick: bool) -> Size:
    return QUICK if quick else FULL


def config_of(arm: str, size: Size) -> LineReaderConfig:
    return replace(size.model, **ARMS[arm])


def settings(quick: bool) -> dict[str, object]:
    size = size_of(quick)
    fonts = {name: list(map(str, value)) for name, value in asdict(sets.recipe_fonts()).items()}
    return {
        "arms": {arm: recipe.to_table(config_of(arm, size)) for arm in ARMS},
        "size": asdict(size),
        "fonts": fonts,
        "measured": [sets.SEED, *map(dict, sets.KINDS.values())],
    }


def run(arm: str, seed: int, quick: bool, data: Path) -> dict[str, float]:
    """Lines are drawn: no data are read."""
    started, size = time.process_time(), size_of(quick)
    torch.manual_seed(seed)
    model = LineReader(config_of(arm, size))
    source = source_of(model, size, seed)
    step = mean(step_gflop(model, batch) for batch in first_batches(source))
    steps = steps_for(size.gflop, step)
    course = Course(
        steps, size.batch, size.rate, round(size.warmup * steps), size.weight_decay, size.clip
    )
    train_by(course, model, source, seed)
    found = reading(model, size.lines)
    cost = {"steps": steps, "gflop": step * steps, "seconds": time.process_time() - started}
    return found | cost


def source_of(model: LineReader, size: Size, seed: int) -> LineSource:
    """Lines of the recipe's training."""
    fonts = sets.recipe_fonts()
    renderer = LineRenderer(LineSettings(fonts.training, without=fonts.without, seed=seed))
    return LineSource(renderer, model.alphabet, size.batch, size.pool, lanes=1)


def first_batches(source: LineSource) -> list[Batch]:
    """A pool's: narrow and wide ones in the proportion of all."""
    size = source.pools.size
    starts = range(0, source.pools.pool * size, size)
    return [source.load(range(start, start + size)).batch for start in starts]


def step_gflop(model: LineReader, batch: Batch) -> float:
    """Of a step's forward and backward pass: three times the forward's products.

    Only the forward pass is counted, and nothing computed: torch's counter sees neither our own
    gradient of depthwise convolutions nor what is inside oneDNN's LSTM.
    """
    shapes = copy.deepcopy(model).to("meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shapes.encode({name: tensor.to("meta") for name, tensor in batch.items()})
    return 3 * counter.get_total_flops() / 1e9


def reading(model: LineReader, count: int) -> dict[str, float]:
    """Characters right of lines in unseen fonts, and lines a second of processor time."""
    lines = {
        language: sets.draw(language, "fonts", count, sets.recipe_fonts()) for language in LANGUAGES
    }
    found: dict[str, float] = {}
    seconds = 0.0
    for language, some in lines.items():
        pictures = [line.pixels for line in some]
        model.read(pictures[:4])  # which warms up
        started = time.process_time()
        read = [normalise(text) for text in model.read(pictures)]
        seconds += time.process_time() - started
        found[language] = accuracy(counts(characters, [line.text for line in some], read))
    return found | {"rate": len(LANGUAGES) * count / seconds}


STUDY = Study(
    name="lines",
    question="At equal FLOPs, is the wheel's line reader better than the classical ones?",
    arms=tuple(ARMS),
    metrics={
        "korean": "Korean characters right",
        "english": "English characters right",
        "rate": "lines read a second",
    },
    settings=settings,
    run=run,
)
