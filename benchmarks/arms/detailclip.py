"""What each part of DetailCLIP is worth at equal floating-point work.

Every arm has the same towers, tokenizer, photos, crops and colours, batch, optimizer and schedule,
and as many steps as the same GFLOP pay for; those of a step are counted on the step itself
(matrix products and attention, teacher included). What is measured is the running average of the
trained weights, the same for all arms; DetailCLIP's teacher, whose average keeps a share of its
random start in a run this short, is measured beside it.

No arm has a learning rate of its own, and all are far from convergence: the figures say what the
parts do for the same little money, not what they do in the end.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from benchmarks.arms import probes
from benchmarks.arms.grid import Study
from benchmarks.arms.photos import ENTRIES, Pairs, Photos, photos, tokenizer
from benchmarks.arms.runs import gflop_of
from vlkit import recipe
from vlkit.adapters.config import AdapterConfig
from vlkit.checkpoint import load_weights, save_folder
from vlkit.data.bpe import CaptionTokenizer
from vlkit.data.views import IMAGENET, Draw, Floats, Views, make_views
from vlkit.models.clip import Clip, ClipConfig
from vlkit.models.convert.clip import open_clip_weights
from vlkit.models.detailclip import (
    DetailClip,
    DetailClipConfig,
    Distillation,
    Reconstruction,
    Removal,
)
from vlkit.nn.images import ImageTower
from vlkit.nn.texts import TextTower
from vlkit.retrieval.evaluate import evaluate_retrieval
from vlkit.training.batches import Batching, Loaded, Source
from vlkit.training.logs import Logging
from vlkit.training.loop import Plan, train
from vlkit.training.optimizer import Optimizer, Schedule
from vlkit.training.task import Batch, Task


@dataclass(frozen=True)
class Size:
    """Towers, heads, data and budget of every arm.

    Attributes:
        gflop: What a run may spend on its steps.
        warmup: Share of the steps over which the rate rises.
        average: Decay of the weights' running average, and of the teacher.
        first_steps: With the teacher's sharper temperature for patches.
        photos: To train on; all without it.
        scenes: Generated scenes to train the probe on; half as many to test it on.
        pages: DocBank's, for the other probe.
    """

    gflop: float
    image: int = 64
    patch: int = 8
    width: int = 96
    depth: int = 4
    heads: int = 3
    text_depth: int = 2
    context: int = 24
    hidden: int = 512
    bottleneck: int = 128
    prototypes: int = 1024
    batch: int = 64
    scale: tuple[float, float] = (0.4, 1.0)
    rate: float = 1e-3
    weight_decay: float = 0.2
    warmup: float = 0.1
    average: float = 0.98
    first_steps: int = 90
    photos: int | None = None
    scenes: int = 400
    pages: int = 50


FULL = Size(gflop=6_000)
QUICK = Size(
    gflop=4,
    image=32,
    width=32,
    depth=1,
    heads=2,
    text_depth=1,
    hidden=32,
    bottleneck=16,
    prototypes=32,
    batch=16,
    first_steps=2,
    photos=64,
    scenes=20,
    pages=4,
)


# ---- arms -------------------------------------------------------------------------------------


def image_tower(size: Size) -> ImageTower:
    return ImageTower(
        "open_clip",
        "ViT-B-32",
        image_size=size.image,
        patch_size=size.patch,
        width=size.width,
        depth=size.depth,
        heads=size.heads,
        mean=IMAGENET[0],
        std=IMAGENET[1],
    )


def text_tower(size: Size) -> TextTower:
    return TextTower(
        "open_clip",
        "ViT-B-32",
        context_length=size.context,
        vocab_size=ENTRIES,
        width=size.width,
        depth=size.text_depth,
        heads=size.heads,
    )


def plain_clip(size: Size) -> Clip:
    linear = AdapterConfig("linear", width=size.width, bias=False)
    return Clip(ClipConfig(image_tower(size), text_tower(size), linear, linear))


def detailclip(
    size: Size,
    *,
    by: Literal["attention", "chance"] = "attention",
    distil: float = 0.0,
    reconstruct: float = 0.0,
) -> DetailClip:
    """DetailCLIP with the losses that have a weight; what the others need is not computed."""
    config = DetailClipConfig(
        image=image_tower(size),
        text=text_tower(size),
        width=size.width,
        removal=Removal(by=by),
        distillation=Distillation(
            class_weight=distil,
            patch_weight=distil,
            hidden=size.hidden,
            bottleneck=size.bottleneck,
            prototypes=size.prototypes,
            first_steps=size.first_steps,
        ),
        reconstruction=Reconstruction(weight=reconstruct, heads=size.heads),
        momentum=size.average,
        freeze_stem=False,
        epsilon=1e-5,
    )
    return DetailClip(config)


class OpenClip(nn.Module):
    """An open_clip model with its own first weights, forward pass and loss, as a task."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        import open_clip  # type: ignore[import-untyped]

        self.size = size
        vision = {
            "image_size": size.image,
            "patch_size": size.patch,
            "width": size.width,
            "layers": size.depth,
            "head_width": size.width // size.heads,
        }
        text = {
            "context_length": size.context,
            "vocab_size": ENTRIES,
            "width": size.width,
            "layers": size.text_depth,
            "heads": size.heads,
        }
        self.model: Any = open_clip.model.CLIP(size.width, vision, text)
        self.contrast: Any = open_clip.loss.ClipLoss()

    def encode(self, batch: Batch) -> Batch:
        image, text, scale = self.model(batch["pixels"], batch["ids"])
        return {"image": image, "text": text, "scale": scale.expand(len(image))}

    def loss(self, reps: Batch, batch: Batch) -> tuple[Tensor, Batch]:
        loss: Tensor = self.contrast(reps["image"], reps["text"], reps["scale"][0])
        return loss, {}

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        self.model.logit_scale.clamp_(0, 4.6052)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"all": list(self.model.parameters())}

    def to_clip(self) -> Clip:
        """The same weights in ``Clip``, to be measured as the others are."""
        clip = plain_clip(self.size)
        load_weights(clip, open_clip_weights(self.model.state_dict()))
        return clip.eval()


ARMS: dict[str, Callable[[Size], Clip | DetailClip | OpenClip]] = {
    "clip": plain_clip,
    "attentive": detailclip,
    "random": partial(detailclip, by="chance"),
    "attentive+ibot": partial(detailclip, distil=1.0),
    "attentive+reconstruction": partial(detailclip, reconstruct=1.0),
    "all": partial(detailclip, distil=1.0, reconstruct=1.0),
    "open_clip": OpenClip,
}
UNTRAINED = "untrained"


# ---- a run ------------------------------------------------------------------------------------


def run(arm: str, seed: int, quick: bool, data: Path) -> dict[str, float]:
    size = QUICK if quick else FULL
    if arm == UNTRAINED:
        torch.manual_seed(seed)
        return {**dense(plain_clip(size).eval(), size, data), **cost(0, 0.0)}
    clip, figures = train_and_search(arm, size, seed, data)
    return {**figures, **dense(clip, size, data), "seconds": time.process_time()}


def train_and_search(arm: str, size: Size, seed: int, data: Path) -> tuple[Clip, dict[str, float]]:
    """An arm's CLIP, trained for the size's budget, with its recalls and its cost."""
    torch.manual_seed(seed)
    model = ARMS[arm](size)
    words = tokenizer(data, size.context)
    source = source_of(model, photos(data, "train", size.photos), words, size, seed)
    step = step_gflop(model, source.load(range(size.batch)).batch)
    steps = steps_for(size.gflop, step)
    with tempfile.TemporaryDirectory() as folder:
        weights = train(as_task(model), source, plan(size, seed, steps, Path(folder))).weights
        load_weights(model, weights)
        trained = as_clip(model)
        figures = retrieval(trained, Path(folder), words, data)
        if isinstance(model, DetailClip):
            teacher = retrieval(model.to_clip(), Path(folder), words, data)
            figures["teacher_t2i_r10"] = teacher["t2i_r10"]
    return trained, {**figures, **cost(steps, step * steps)}


def plan(size: Size, seed: int, steps: int, folder: Path) -> Plan:
    return Plan(
        output=folder / "run",
        steps=steps,
        seed=seed,
        batch=Batching(size.batch),
        optimizer=Optimizer(rate=size.rate, weight_decay=size.weight_decay, clip=1.0),
        schedule=Schedule(warmup=round(size.warmup * steps), final=0.01),
        average=size.average,
        logging=Logging(every=100, tensorboard=False),
    )


def steps_for(budget: float, step: float) -> int:
    """As many steps as come nearest to the budget, one at least."""
    return max(1, round(budget / step))


def step_gflop(model: nn.Module, batch: Batch) -> float:
    """Of one step on this batch: teacher, student, backward pass; the model stays as it is."""
    return gflop_of(as_task(copy.deepcopy(model).train()), batch)


def cost(steps: int, gflop: float) -> dict[str, float]:
    return {"steps": steps, "gflop": gflop, "seconds": time.process_time()}


def as_task(model: nn.Module) -> Task:
    task: Task = model  # type: ignore[assignment]
    return task


def as_clip(model: Clip | DetailClip | OpenClip) -> Clip:
    if isinstance(model, DetailClip):
        return model.to_clip(teacher=False)
    return model.eval() if isinstance(model, Clip) else model.to_clip()


# ---- data -------------------------------------------------------------------------------------


def source_of(
    model: nn.Module, known: Photos, words: CaptionTokenizer, size: Size, seed: int
) -> Source:
    """Pairs with two views of the photo for DetailCLIP, and with the first of them for others."""
    two = isinstance(model, DetailClip)
    views = Views(size.image, "detail", size.scale, *IMAGENET)

    def see(index: int, draw: Draw) -> Floats:
        seen = make_views(known.pixels[index], views, draw)
        return seen if two else seen[0]

    pairs = Pairs(known.captions, see, words, seed)
    return TwoViews(pairs) if two else pairs


@dataclass(frozen=True)
class TwoViews:
    """What DetailCLIP calls ``views`` stands in ``pixels``."""

    pairs: Pairs

    def load(self, positions: range) -> Loaded:
        loaded = self.pairs.load(positions)
        loaded.batch["views"] = loaded.batch.pop("pixels")
        return loaded


# ---- figures ----------------------------------------------------------------------------------


def retrieval(clip: Clip, folder: Path, words: CaptionTokenizer, data: Path) -> dict[str, float]:
    """Recalls on the development photos, as ``vlkit eval retrieval`` gives them."""
    model = save_folder(
        folder / "model",
        model="clip",
        config=recipe.to_table(clip.config),
        weights=clip.state_dict(),
        tokenizer=words.save(folder / "tokenizer.json"),
    )
    return evaluate_retrieval(str(model), data / "flickr8k", split="dev").metrics


def dense(clip: Clip, size: Size, data: Path) -> dict[str, float]:
    """What a linear probe reads from the frozen patches."""
    return {
        "scene_miou": probes.probe_scenes(clip.image, size.scenes),
        "docbank_f1": probes.probe_docbank(clip.image, data / "docbank", size.pages),
    }


def settings(quick: bool) -> dict[str, object]:
    return {"size": asdict(QUICK if quick else FULL), "probes": probes.SETTINGS}


STUDY = Study(
    name="detailclip",
    question="At equal FLOPs, does anything in DetailCLIP beat training plain CLIP for longer?",
    arms=(*ARMS, UNTRAINED),
    metrics={
        **{f"t2i_r{k}": f"photo by text R@{k}" for k in (1, 5, 10)},
        **{f"i2t_r{k}": f"text by photo R@{k}" for k in (1, 5, 10)},
        "teacher_t2i_r10": "R@10 by text, teacher",
        "scene_miou": "scenes, mIoU",
        "docbank_f1": "DocBank, macro F1",
    },
    settings=settings,
    run=run,
)
