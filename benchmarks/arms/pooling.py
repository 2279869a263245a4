"""NV-Embed's pooling (arXiv 2405.17428): does latent attention make better vectors of texts?

The paper pools the tokens of a decoder by letting them look up a learned dictionary, and finds
it better than their mean and than the last token. Here the decoder is a CLIP's causal text tower,
trained from random weights with its pooling, and the vectors are measured by finding photos.
Latent attention has weights of its own and costs more, so a fourth arm spends as much on one more
block below the mean. No arm has a projection behind its pooling. Image tower, text tower below
the added block, photos, captions and crops are the same in all arms of a seed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.arms.grid import Study
from benchmarks.arms.photos import Pairs, Photos, photos, tokenizer
from benchmarks.arms.runs import Course, gflop_of, train_by
from vlkit import recipe
from vlkit.adapters.config import AdapterConfig
from vlkit.data.bpe import CaptionTokenizer
from vlkit.data.views import Draw, Floats, Views, make_views
from vlkit.evaluation.retrieval import recalls
from vlkit.models.clip import Clip, ClipConfig
from vlkit.nn.features import pooled_of
from vlkit.nn.images import ImageTower
from vlkit.nn.texts import TextTower

LENGTH = 24
WIDTH, DEPTH = 128, 3
HEADS = 4
IMAGE = ImageTower(
    "timm",
    "vit_tiny_patch16_224",
    image_size=96,
    patch_size=16,
    width=WIDTH,
    depth=4,
    heads=HEADS,
    pool="token",
)
MEAN = AdapterConfig("pool", pool="mean")
ARMS: Mapping[str, tuple[AdapterConfig, int]] = {
    "latent attention": (AdapterConfig("latent", queries=64, heads=HEADS), DEPTH),
    "mean": (MEAN, DEPTH),
    "end token": (AdapterConfig("pool", pool="eos"), DEPTH),
    "mean, one block more": (MEAN, DEPTH + 1),
}
"""The text side's pooling, and the blocks of its tower."""

VIEWS = Views(96, "crop", (0.5, 1.0))
COURSE = Course(steps=400, batch=64, rate=1e-3, warmup=40, weight_decay=0.2)
QUICK = Course(steps=4, batch=8, rate=1e-3, warmup=1)
QUICK_PHOTOS = 64
MEASURED_AT_ONCE = 100


def config_of(arm: str) -> ClipConfig:
    pooling, depth = ARMS[arm]
    text = TextTower(
        "open_clip",
        "ViT-B-32",
        context_length=LENGTH,
        vocab_size=8192,
        width=WIDTH,
        depth=depth,
        heads=HEADS,
    )
    return ClipConfig(IMAGE, text, AdapterConfig("linear", width=WIDTH, bias=False), pooling)


def model_of(arm: str, seed: int) -> Clip:
    torch.manual_seed(seed)
    return Clip(config_of(arm))


def settings(quick: bool) -> dict[str, object]:
    return {
        "arms": {arm: recipe.to_table(config_of(arm)) for arm in ARMS},
        "course": asdict(QUICK if quick else COURSE),
        "views": asdict(VIEWS),
    }


def run(arm: str, seed: int, quick: bool, data: Path) -> dict[str, float]:
    course, limit = (QUICK, QUICK_PHOTOS) if quick else (COURSE, None)
    train, dev = photos(data, "train", limit), photos(data, "dev", limit)
    words = tokenizer(data, LENGTH)
    started = time.process_time()
    model = model_of(arm, seed)
    source = Pairs(train.captions, partial(_crop, train), words, seed)
    gflop = gflop_of(model, source.load(range(course.batch)).batch) * course.steps
    train_by(course, model, source, seed)
    found = retrieval(model, dev, words)
    cost = {"steps": course.steps, "gflop": gflop, "seconds": time.process_time() - started}
    return found | cost


def _crop(train: Photos, index: int, draw: Draw) -> Floats:
    return make_views(train.pixels[index], VIEWS, draw)


@torch.no_grad()
def retrieval(model: Clip, dev: Photos, words: CaptionTokenizer) -> dict[str, float]:
    """Recall of whole photos by each of their captions, and of captions by photos."""
    model.eval()
    whole, unused = Views(VIEWS.size, "whole"), np.random.default_rng(0)
    pictures = [make_views(pixels, whole, unused) for pixels in dev.pixels]
    texts = [text for said in dev.captions for text in said]
    owners = np.repeat(np.arange(len(dev)), [len(said) for said in dev.captions])
    ids, mask = (torch.from_numpy(each) for each in words(texts))
    images = [
        pooled_of(model.encode_image(part))
        for part in torch.from_numpy(np.stack(pictures)).split(MEASURED_AT_ONCE)
    ]
    read = [
        pooled_of(model.encode_text(*part))
        for part in zip(ids.split(MEASURED_AT_ONCE), mask.split(MEASURED_AT_ONCE), strict=True)
    ]
    return recalls((torch.cat(images) @ torch.cat(read).T).numpy(), owners)


STUDY = Study(
    name="pooling",
    question="Does latent attention pool a causal text tower better than the mean or the end "
    "token, and than a block more in its place?",
    arms=tuple(ARMS),
    metrics={
        f"{way}_r{k}": f"{said} R@{k}"
        for way, said in (("t2i", "photo by text"), ("i2t", "text by photo"))
        for k in (1, 5, 10)
    },
    settings=settings,
    run=run,
)
