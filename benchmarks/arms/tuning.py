"""What is lost, and what is saved, when a trunk stays as it is and only adapters on it train.

All arms start from the same two towers, those of ``models/detailclip-nano`` (its image tower is
``models/trunk-image``), with fresh projections, and meet the same photos, crops and captions in
the same order for as many steps. One arm tunes everything; in the others both towers stay frozen
below linear projections, latent attention pooling of the patches, late-interaction heads, or
LoRAs. ``before`` is the model as it stands, its own projections and no step at all.

The photos are those that the towers were trained on, so this is about a trunk that knows its
data, not about transfer. Rates were not searched: heads have one rate in all arms, and towers
that train a lower one. As long as the shelf has no such model, towers are random: costs are then
what they will be, and recalls say nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from benchmarks.arms.detailclip import retrieval
from benchmarks.arms.grid import Study
from benchmarks.arms.photos import Pairs, Photos, photos, tokenizer
from benchmarks.arms.runs import gflop_of
from vlkit import recipe
from vlkit.adapters import folder as adapters
from vlkit.adapters.config import AdapterConfig
from vlkit.adapters.tuning import TrunkAdapter
from vlkit.checkpoint import CONFIG, WEIGHTS, load_folder, load_weights, sha256
from vlkit.data.bpe import CaptionTokenizer
from vlkit.data.views import Draw, Floats, Views, make_views
from vlkit.models.clip import Clip, ClipConfig
from vlkit.nn.images import ImageTower
from vlkit.shelves import REPOSITORY
from vlkit.training import state
from vlkit.training.batches import Batching, Source
from vlkit.training.logs import Logging
from vlkit.training.loop import Plan, train
from vlkit.training.optimizer import Group, Optimizer, Schedule
from vlkit.training.state import Checkpoints
from vlkit.training.task import Task

SHELF = REPOSITORY
START, TRUNK = "detailclip-nano", "trunk-image"
LINEAR = AdapterConfig("linear", width=128, bias=False)
BEFORE = "before"


@dataclass(frozen=True)
class Arm:
    """What stands on the towers, and what becomes of them.

    Attributes:
        rate: Of what trains in the towers.
    """

    image: AdapterConfig = LINEAR
    text: AdapterConfig = LINEAR
    objective: Literal["infonce", "late"] = "infonce"
    towers: Literal["frozen", "lora", "trained"] = "frozen"
    rate: float = 0.0


def arms_of(tower: ImageTower) -> dict[str, Arm]:
    """All but the one that does not train."""
    latent = AdapterConfig("latent", queries=64, heads=tower.heads)
    late = AdapterConfig("late", width=64)
    return {
        "full": Arm(towers="trained", rate=2e-4),
        "linear": Arm(),
        # Latent attention keeps the tower's width, so the text side takes that width too.
        "latent": Arm(latent, replace(LINEAR, width=tower.width)),
        "late": Arm(replace(late, regions=4), late, "late"),
        "lora": Arm(towers="lora", rate=1e-3),
    }


@dataclass(frozen=True)
class Size:
    """How long the arms train, and the towers' blocks (None: as on the shelf)."""

    steps: int = 100
    batch: int = 64
    warmup: int = 10
    rate: float = 2e-3
    photos: int | None = None
    depth: int | None = None


FULL = Size()
QUICK = Size(steps=3, batch=8, warmup=1, photos=64, depth=1)


@dataclass(frozen=True)
class Start:
    """The model that all arms start from."""

    config: ClipConfig
    weights: Mapping[str, Tensor]
    tokenizer: Path | None


def start(size: Size) -> Start:
    """The shelf's model, or one as its recipe will make it, with the same random weights always."""
    if on_the_shelf() and size.depth is None:
        found = load_folder(SHELF / START)
        config = recipe.parse(found.config, ClipConfig, where="config")
        return Start(config, found.weights, found.tokenizer)
    config = clip_nano()
    if size.depth is not None:
        image = replace(config.image, depth=size.depth)
        config = replace(config, image=image, text=replace(config.text, depth=size.depth))
    torch.manual_seed(0)
    return Start(config, Clip(config).state_dict(), None)


def on_the_shelf() -> bool:
    return (SHELF / START / CONFIG).exists()


def clip_nano() -> ClipConfig:
    table = recipe.read(REPOSITORY / "clip-nano" / "recipe.toml")
    return recipe.parse(table["model"]["config"], ClipConfig)


def model_of(arm: Arm, begun: Start, seed: int) -> tuple[Clip, list[TrunkAdapter]]:
    """The arm's model, and the LoRAs in its towers if it has them."""
    torch.manual_seed(seed)
    config = replace(
        begun.config,
        image_projection=arm.image,
        text_projection=arm.text,
        objective=arm.objective,
        chunk=8 if arm.objective == "late" else None,
    )
    clip = Clip(config)
    towers = {n: w for n, w in begun.weights.items() if n.startswith(("image.", "text."))}
    load_weights(clip, {**clip.state_dict(), **towers})
    if arm.towers == "lora":
        lora = AdapterConfig("lora", rank=8)
        made = [adapters.create(lora, tower) for tower in (clip.image, clip.text)]
        return clip, [each for each in made if isinstance(each, TrunkAdapter)]
    for tower in (clip.image, clip.text):
        tower.requires_grad_(arm.towers == "trained")
    return clip, []


def run(name: str, seed: int, quick: bool, data: Path) -> dict[str, float]:
    size = QUICK if quick else FULL
    begun = start(size)
    length = begun.config.text.context_length or 0
    words = tokenizer(data, length)
    if begun.tokenizer is not None:
        words = CaptionTokenizer.from_file(begun.tokenizer, length)
    with tempfile.TemporaryDirectory() as place:
        if name == BEFORE:
            clip = Clip(begun.config)
            load_weights(clip, begun.weights)
            found = retrieval(clip.eval(), Path(place), words, data)
            return found | {"steps": 0, "gflop": 0.0, "seconds": time.process_time()}
        arm = arms_of(begun.config.image)[name]
        clip, loras = model_of(arm, begun, seed)
        known = photos(data, "train", size.photos)
        image = clip.image
        views = Views(image.image_size, "crop", (0.5, 1.0), image.mean, image.std)
        source = Pairs(known.captions, partial(_crop, known, views), words, seed)
        figures = trained(clip, arm, source, size, seed, Path(place))
        for lora in loras:
            lora.merge()
        found = retrieval(clip.eval(), Path(place), words, data)
    return found | figures | {"seconds": time.process_time()}


def _crop(known: Photos, views: Views, index: int, draw: Draw) -> Floats:
    return make_views(known.pixels[index], views, draw)


def trained(
    clip: Clip, arm: Arm, source: Source, size: Size, seed: int, place: Path
) -> dict[str, float]:
    """Train in place; what it took."""
    task: Task = clip  # type: ignore[assignment]
    count = sum(each.numel() for each in clip.parameters() if each.requires_grad)
    gflop = gflop_of(task, source.load(range(size.batch)).batch) * size.steps
    towers = dict.fromkeys(("image", "text"), Group(arm.rate)) if arm.rate else {}
    plan = Plan(
        output=place / "run",
        steps=size.steps,
        seed=seed,
        batch=Batching(size.batch),
        optimizer=Optimizer(size.rate, weight_decay=0.1, clip=1.0, groups=towers),
        schedule=Schedule(size.warmup, final=0.02),
        checkpoints=Checkpoints(every=size.steps),
        logging=Logging(every=size.steps, tensorboard=False),
    )
    began = time.process_time()
    train(task, source, plan)
    taken = time.process_time() - began
    saved = state.latest(plan.output / "checkpoints")
    assert saved is not None
    moments = [each for each in saved.tensors["optimizer"].values() if each.ndim]
    return {
        "thousands": count / 1e3,
        "optimizer": sum(each.nbytes for each in moments) / 2**10,
        "ms": 1e3 * taken / (size.steps * size.batch),
        "steps": size.steps,
        "gflop": gflop,
    }


def settings(quick: bool) -> dict[str, object]:
    here = on_the_shelf() and not quick
    arms = arms_of(clip_nano().image)
    return {
        "arms": {name: recipe.to_table(arm) for name, arm in arms.items()},
        "size": asdict(QUICK if quick else FULL),
        "start": [sha256(SHELF / n / WEIGHTS) for n in (START, TRUNK)] if here else "random",
        "config": recipe.to_table(clip_nano()),
    }


STUDY = Study(
    name="tuning",
    question="From the same trunk, in as many steps: do adapters find photos as full tuning does, "
    "and for what?",
    arms=("full", "linear", "latent", "late", "lora", BEFORE),
    metrics={
        "t2i_r10": "photo by text R@10",
        "i2t_r10": "text by photo R@10",
        "thousands": "thousand parameters that train",
        "optimizer": "optimizer KiB",
        "ms": "processor ms a sample",
    },
    settings=settings,
    run=run,
)
