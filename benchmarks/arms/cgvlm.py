"""CG-VLM's claim (arXiv 2311.17945): does the contrast teach an adapter more, above all from less?

The paper aligns an image tower with a language model by the caption's loss and by a contrast of
patches with tokens, and needs a tenth of the data for 95 % of the score. Here all is small. The
language model is trained first, on the training captions alone: each photo's five, in any order,
as one text, so that what stood before tells it what comes, as it does for the paper's model. Then
stage "align" of `vlkit.models.cgvlm`: trunk and language model frozen, the adapter trained.

Arms of a seed share the language model, the adapter's first weights and, at the same share of
photos, every batch. Without the contrast its weight λ is 0, so both cost the same. The trunk sees
each photo once, whole; its patches are averaged two by two, which makes the sequences short.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.arms.grid import Study
from benchmarks.arms.photos import ENTRIES, KEPT, Pairs, Photos, kept, photos, share_of, tokenizer
from benchmarks.arms.runs import Course, gflop_of, train_by
from vlkit.adapters.config import AdapterConfig
from vlkit.checkpoint import WEIGHTS, sha256
from vlkit.data.bpe import CaptionTokenizer
from vlkit.data.views import Views, make_views
from vlkit.evaluation.retrieval import recalls
from vlkit.losses.alignment import pool_patches
from vlkit.losses.tokens import next_token, token_mean
from vlkit.models import load
from vlkit.models.cgvlm import CgVlm, CgVlmConfig, LanguageModel
from vlkit.models.trunks import ImageTrunk
from vlkit.nn.features import Features, all_real
from vlkit.nn.images import ImageTower
from vlkit.shelves import REPOSITORY
from vlkit.training.batches import Loaded, sample_at

LENGTH = 24  # tokens of a caption with both marks; 1.5 % are cut
WIDTH = 128
REGIONS = 4
LANGUAGE = {
    "vocab_size": ENTRIES,
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 5 * LENGTH,
    "tie_word_embeddings": True,
    "initializer_range": 0.08,  # with .02, attention to earlier captions is learnt much later
    "bos_token_id": ENTRIES - 2,
    "eos_token_id": ENTRIES - 1,
    "pad_token_id": None,
}
ARMS: Mapping[str, tuple[float, float]] = {
    "without 100 %": (0.0, 1.0),
    "with 100 %": (1.0, 1.0),
    "without 10 %": (0.0, 0.1),
    "with 10 %": (1.0, 0.1),
}
"""λ, and the share of the training photos."""

RANDOM_TOWER = ImageTower(
    "timm",
    "vit_tiny_patch16_224",
    image_size=128,
    patch_size=16,
    width=160,
    depth=6,
    heads=5,
    pool="token",
)


@dataclass(frozen=True)
class Size:
    """How much is trained and measured.

    Attributes:
        language: Training of the language model, whose samples are the captions of a photo.
        align: Training of the adapter.
        photos: The first so many of each split; None for all.
        group: Photos whose captions are told apart.
    """

    language: Course
    align: Course
    photos: int | None = None
    group: int = 10


FULL = Size(Course(800, 8, 3e-3, 40), Course(300, 64, 5e-3, 30, weight_decay=0.0))
QUICK = Size(Course(3, 4, 3e-3, 1), Course(3, 8, 2e-3, 1), photos=40)


# ---- the trunk ------------------------------------------------------------------------------


SHELF = REPOSITORY / "trunk-image"


def on_the_shelf() -> bool:
    return (SHELF / WEIGHTS).exists()


def trunk_folder() -> Path:
    """The shelf's trunk, or as long as there is none a random one of its size."""
    return SHELF if on_the_shelf() else kept(KEPT / "trunk-random", _random_trunk)


def _random_trunk(folder: Path) -> None:
    torch.manual_seed(0)
    ImageTrunk.from_config(RANDOM_TOWER).save_pretrained(folder)


def regions(data: Path, split: str, limit: int | None) -> NDArray[np.float32]:
    """What the trunk makes of each photo of a split, [N, REGIONS², D]."""
    folder = trunk_folder()
    if limit is not None:
        return _seen(folder, photos(data, split, limit))
    name = f"regions-{split}-{REGIONS}-{sha256(folder / WEIGHTS)[:12]}.npy"
    file = kept(KEPT / name, lambda path: np.save(path, _seen(folder, photos(data, split))))
    found: NDArray[np.float32] = np.load(file)
    return found


@torch.no_grad()
def _seen(folder: Path, shown: Photos) -> NDArray[np.float32]:
    trunk = load(folder)
    assert isinstance(trunk, ImageTrunk)
    image = trunk.eval().image
    views = Views(image.image_size, "whole", mean=image.mean, std=image.std)
    unused = np.random.default_rng(0)
    found = []
    for first in range(0, len(shown), 64):
        part = [make_views(pixels, views, unused) for pixels in shown.pixels[first : first + 64]]
        tokens = image(torch.from_numpy(np.stack(part))).tokens
        found.append(pool_patches(tokens, image.grid, REGIONS).numpy())
    return np.concatenate(found)


# ---- the language model ---------------------------------------------------------------------


class Texts:
    """All captions of a photo in any order, one after the other with their marks, as one text."""

    def __init__(
        self, captions: tuple[tuple[str, ...], ...], words: CaptionTokenizer, seed: int
    ) -> None:
        self.tokens = [
            [ids[real] for ids, real in zip(*words(said), strict=True)] for said in captions
        ]
        self.length = max(sum(map(len, each)) for each in self.tokens)
        self.seed = seed

    def load(self, positions: range) -> Loaded:
        ids = np.zeros((len(positions), self.length), np.int64)
        mask = np.zeros(ids.shape, np.bool_)
        keys = []
        for row, position in enumerate(positions):
            index = sample_at(position, len(self.tokens), self.seed)
            order = np.random.default_rng((self.seed, position)).permutation(
                len(self.tokens[index])
            )
            text = np.concatenate([self.tokens[index][each] for each in order])
            ids[row, : len(text)], mask[row, : len(text)] = text, True
            keys.append(str(index))
        longest = int(mask.sum(axis=1).max())
        batch = {
            "ids": torch.from_numpy(ids[:, :longest]),
            "mask": torch.from_numpy(mask[:, :longest]),
        }
        return Loaded(batch, keys)


class NextToken(nn.Module):
    """A language model and its objective, as the training loop takes it."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        super().__init__()
        self.language: Any = LlamaForCausalLM(LlamaConfig(**settings))

    def encode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        ids, mask = batch["ids"], batch["mask"]
        logits = self.language(input_ids=ids, attention_mask=mask.long()).logits
        wanted = mask & (ids != self.language.config.bos_token_id)
        sums, counts = next_token(logits, ids, wanted)
        return {"sum": sums, "count": counts}

    def loss(
        self, reps: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return token_mean(reps["sum"], reps["count"]), {}

    def after_step(self, step: int) -> None:
        """Nothing."""

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"language": list(self.language.parameters())}


def language_folder(data: Path, words: CaptionTokenizer, size: Size, seed: int) -> Path:
    """A language model that has read the training captions."""

    def make(folder: Path) -> None:
        torch.manual_seed(seed)
        task = NextToken(LANGUAGE)
        texts = Texts(photos(data, "train", size.photos).captions, words, seed)
        train_by(size.language, task, texts, seed)
        task.language.save_pretrained(folder)

    told = json.dumps([LANGUAGE, asdict(size.language), size.photos, LENGTH, seed], sort_keys=True)
    return kept(KEPT / f"language-{hashlib.sha256(told.encode()).hexdigest()[:12]}", make)


# ---- an arm ---------------------------------------------------------------------------------


class OnRegions(CgVlm):
    """CG-VLM whose ``pixels`` are what the frozen trunk has made of them, [B, N, D]."""

    def see(self, pixels: Tensor) -> Features:
        seen: Features = self.adapter(Features(pixels, all_real(pixels)))
        return seen


def model_of(arm: str, tower: ImageTower, language: Path, seed: int) -> OnRegions:
    torch.manual_seed(seed)
    weight, _ = ARMS[arm]
    adapter = AdapterConfig("mlp", width=WIDTH, hidden=WIDTH)
    return OnRegions(
        CgVlmConfig(tower, adapter, LanguageModel(str(language)), contrast_weight=weight)
    )


def source_of(
    arm: str, seen: NDArray[np.float32], train: Photos, words: CaptionTokenizer, seed: int
) -> Pairs:
    """The arm's share of the photos, each with all its captions."""
    chosen = share_of(len(train), ARMS[arm][1], seed)
    captions = tuple(train.captions[index] for index in chosen)
    return Pairs(captions, lambda index, _: seen[chosen[index]], words, seed)


def settings(quick: bool) -> dict[str, object]:
    folder = trunk_folder()
    return {
        "trunk": {"name": folder.name, "sha256": sha256(folder / WEIGHTS)},
        "arms": ARMS,
        "language": LANGUAGE,
        "length": LENGTH,
        "regions": REGIONS,
        "size": asdict(QUICK if quick else FULL),
    }


def run(arm: str, seed: int, quick: bool, data: Path) -> dict[str, float]:
    size = QUICK if quick else FULL
    words = tokenizer(data, LENGTH)
    language = language_folder(data, words, size, seed)
    train, dev = photos(data, "train", size.photos), photos(data, "dev", size.photos)
    seen = {split: regions(data, split, size.photos) for split in ("train", "dev")}
    started = time.process_time()
    tower = load(trunk_folder()).config
    model = model_of(arm, tower, language, seed)
    source = source_of(arm, seen["train"], train, words, seed)
    gflop = gflop_of(model, source.load(range(size.align.batch)).batch) * size.align.steps
    train_by(size.align, model, source, seed, "align")
    found = measured(model, seen["dev"], dev, words, size.group)
    cost = {"steps": size.align.steps, "gflop": gflop, "seconds": time.process_time() - started}
    return found | cost


# ---- what it learnt -------------------------------------------------------------------------


@torch.no_grad()
def measured(
    model: CgVlm, seen: NDArray[np.float32], dev: Photos, words: CaptionTokenizer, group: int
) -> dict[str, float]:
    """Figures on each photo's first caption, in groups of photos one after the other."""
    model.eval()
    ids, mask = (torch.from_numpy(each) for each in words([said[0] for said in dev.captions]))
    pixels = torch.from_numpy(seen)
    sums, counts, patches, tokens = [], [], [], []
    for first in range(0, len(ids) - group + 1, group):
        own = slice(first, first + group)
        width = int(mask[own].sum(dim=1).max())
        reps = model.encode(
            {
                "pixels": pixels[own].repeat_interleave(group, dim=0),
                "ids": ids[own, :width].repeat(group, 1),
                "mask": mask[own, :width].repeat(group, 1),
            }
        )
        sums.append(reps["caption_sum"].reshape(group, group))
        counts.append(reps["caption_count"][:group])
        patches.append(reps["patches"][:: group + 1])
        tokens.append(reps["tokens"][:: group + 1])
    similarity = (torch.cat(patches) @ torch.cat(tokens).T).numpy()
    found = recalls(similarity, np.arange(len(similarity)))
    return told_apart(torch.stack(sums), torch.stack(counts)) | {
        "t2i_r10": found["t2i_r10"],
        "i2t_r10": found["i2t_r10"],
    }


def told_apart(sums: Tensor, counts: Tensor) -> dict[str, float]:
    """How likely captions are beside their own photo, and beside the others of their group.

    Args:
        sums: ``[groups, G, G]``, −log p of caption j beside photo i.
        counts: ``[groups, G]``, tokens of the captions.

    Returns:
        ``perplexity`` and ``perplexity_other``, a token, beside the own photo and the others;
        ``use``, the latter by the former; ``photo_of_group``, how often a caption is likelier
        beside its own photo than beside the others; ``caption_of_group``, how often the own
        caption is the one that a photo makes likelier, by the most, than photos of the group do
        on average (likelihood alone always picks the shortest). Of equal ones the own counts as
        last.
    """
    size = sums.shape[-1]
    own = sums.diagonal(dim1=1, dim2=2)
    against = sums - sums.mean(dim=1, keepdim=True)
    own_against = against.diagonal(dim1=1, dim2=2)[:, :, None]
    right = float(own.sum() / counts.sum())
    wrong = float((sums.sum() - own.sum()) / ((size - 1) * counts.sum()))
    return {
        "perplexity": math.exp(right),
        "perplexity_other": math.exp(wrong),
        "use": math.exp(wrong - right),
        "caption_of_group": float(((against <= own_against).sum(dim=2) == 1).float().mean()),
        "photo_of_group": float(((sums <= own[:, None, :]).sum(dim=1) == 1).float().mean()),
    }


STUDY = Study(
    name="cgvlm",
    question="Does the contrast of patches with tokens teach a frozen language model's adapter "
    f"more, and from a tenth of the photos? Trunk: {'trained' if on_the_shelf() else 'RANDOM'}.",
    arms=tuple(ARMS),
    metrics={
        "perplexity": "perplexity",
        "perplexity_other": "… beside other photos",
        "use": "other ÷ own",
        "photo_of_group": "photo of 10",
        "caption_of_group": "caption of 10",
        "t2i_r10": "patch–text, photo R@10",
        "i2t_r10": "patch–text, text R@10",
    },
    settings=settings,
    run=run,
)
