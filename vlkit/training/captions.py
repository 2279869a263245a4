"""Pictures with captions as a recipe names them: their samples, and batches of these."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from vlkit.checkpoint import TOKENIZER, Pretrained
from vlkit.data.bpe import CaptionTokenizer, train_bpe
from vlkit.data.captions import Captions, decode, open_captions
from vlkit.data.views import Floats, Views, make_views
from vlkit.errors import DamagedInput, InputError, RecipeError
from vlkit.models.detailclip import DetailClip
from vlkit.models.words import tokenizer_of
from vlkit.nn.images import ImageEncoder
from vlkit.nn.texts import TextEncoder
from vlkit.training.batches import Broken, Loaded, sample_at
from vlkit.training.samples import Samples, Tokens
from vlkit.training.start import the_one

_TRIES = 100


@dataclass(frozen=True)
class Data:
    """Pictures with captions, as ``vlkit.data.captions`` reads them, and how they are seen.

    Attributes:
        path: Folder, TSV or shard.
        split: Name of the split; everything without it.
        views: As ``vlkit.data.views.Views.kind``; size, mean and deviation are the model's own.
        scale: Smallest and largest part of the area in a crop.
    """

    path: Path
    split: str | None = None
    views: Literal["whole", "crop", "detail"] = "crop"
    scale: tuple[float, float] = (0.5, 1.0)

    def __post_init__(self) -> None:
        Views(1, self.views, self.scale)  # which knows what a scale can be


def caption_samples(
    data: Data, tokens: Tokens, model: Pretrained, start: Path | None, seed: int
) -> Samples:
    """What a recipe's ``[data]`` gives a model.

    Args:
        tokens: The recipe's tokenizer.
        start: Folder of the model that it starts from.
        seed: Of the run.

    Raises:
        InputError: There are no such data or tokenizer.
        RecipeError: The model reads none, or has no room for the tokenizer's entries.
    """
    captions = open_captions(data.path, data.split)
    tokenizer = _tokenizer(tokens, captions, model, start)
    source = CaptionSource(captions, _views(data, model), tokenizer, seed)
    facts = {
        "data.examples": len(captions),  # the order of the samples is one of so many
        "tokenizer": hashlib.sha256(tokenizer.tokenizer.to_str().encode()).hexdigest(),
    }
    return Samples(source, f"{len(captions)} pictures", facts, captions.skipped, tokenizer)


def _views(data: Data, model: nn.Module) -> Views:
    encoder: ImageEncoder = the_one(model, ImageEncoder, "image encoder")
    return Views(encoder.image_size, data.views, data.scale, encoder.mean, encoder.std)


def _tokenizer(
    tokens: Tokens, captions: Captions, model: nn.Module, start: Path | None
) -> CaptionTokenizer:
    """The recipe's; else that of the model it starts from, whose ids mean what they meant."""
    encoder: TextEncoder = the_one(model, TextEncoder, "text encoder")
    if tokens.file is not None:
        tokenizer = tokenizer_of(encoder, tokens.file)
    elif start is not None:
        tokenizer = tokenizer_of(encoder, start / TOKENIZER)
    else:
        trained = train_bpe(captions.texts(), tokens.entries)
        tokenizer = CaptionTokenizer(trained, encoder.context_length)
    wrong = tokenizer.entries > encoder.vocab_size
    if isinstance(model, DetailClip) and encoder.ends_highest:  # it knows the end token by its id
        wrong = tokenizer.entries != encoder.vocab_size
    if wrong:
        raise RecipeError(
            f"the tokenizer has {tokenizer.entries} entries, the text tower room for "
            f"{encoder.vocab_size}",
            remedy=f"Set the text tower's vocab_size to {tokenizer.entries}",
        )
    return tokenizer


class CaptionSource:
    """Pictures with one of their captions each.

    Which sample, which caption and which crop stands at a position is a function of the seed and
    the position. A sample that can't be read is reported as broken; another, drawn by the same
    seed and position, fills its place, so that batches keep their size.

    Batches hold ``pixels`` [B, 3, S, S] (or ``views`` [B, 2, 3, S, S]), ``ids`` [B, L] and
    ``mask`` [B, L].
    """

    def __init__(
        self, captions: Captions, views: Views, tokenizer: CaptionTokenizer, seed: int
    ) -> None:
        self.captions = captions
        self.views = views
        self.tokenizer = tokenizer
        self.seed = seed

    def load(self, positions: range) -> Loaded:
        keys, pictures, texts = [], [], []
        broken: list[Broken] = []
        for position in positions:
            key, picture, text = self._sample(position, broken)
            keys.append(key)
            pictures.append(picture)
            texts.append(text)
        ids, mask = self.tokenizer(texts)
        name = "views" if self.views.kind == "detail" else "pixels"
        batch = {
            name: torch.from_numpy(np.stack(pictures)),
            "ids": torch.from_numpy(ids),
            "mask": torch.from_numpy(mask),
        }
        return Loaded(batch, keys, broken)

    def _sample(self, position: int, broken: list[Broken]) -> tuple[str, Floats, str]:
        draw = np.random.default_rng((self.seed, position))
        count = len(self.captions)
        index = sample_at(position, count, self.seed)
        for _ in range(_TRIES):
            example = self.captions.examples[index]
            try:
                # Twice the view's side, so that a crop of a quarter of the area is not enlarged.
                pixels = decode(example, least=2 * self.views.size)
            except DamagedInput as error:
                broken.append(Broken(example.key, error.problem))
                index = int(draw.integers(count))
                continue
            text = example.captions[int(draw.integers(len(example.captions)))]
            return example.key, make_views(pixels, self.views, draw), text
        raise InputError(
            f"{_TRIES} pictures in a row can't be read, the last of them {example.key}",
            remedy="Mend the data",
            file=self.captions.path,
        )
