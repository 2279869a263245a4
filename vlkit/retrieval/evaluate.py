"""Measuring retrieval: `vlkit eval retrieval MODEL --data FOLDER`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vlkit.checkpoint import Pretrained
from vlkit.data.bpe import CaptionTokenizer
from vlkit.data.captions import Captions, decode, open_captions
from vlkit.data.views import Views, make_views
from vlkit.errors import DamagedInput, InputError, ModelError
from vlkit.evaluation.result import MODEL_PACKAGES, EvalResult, installed_versions, typed
from vlkit.evaluation.retrieval import recalls
from vlkit.losses.late_interaction import max_sim
from vlkit.models import load, local_folder
from vlkit.models.clip import Clip
from vlkit.models.pairs import as_clip
from vlkit.models.words import tokenizer_of

BATCH = 64
CHUNK = 8  # texts whose products with all pictures exist at one time

Floats = NDArray[np.float32]
Compared = tuple[torch.Tensor, torch.Tensor]
"""What ``Clip.compared_by`` gives: vectors [B, M, W] and their mask [B, M]."""


def evaluate_retrieval(
    model: str,
    data: Path,
    *,
    split: str | None = None,
    loaded: Pretrained | None = None,
    on_total: Callable[[str, int], None] = lambda name, total: None,
    on_item: Callable[[str], None] = lambda name: None,
) -> EvalResult:
    """Recall of pictures by each of their captions, and of captions by pictures.

    Pictures are resized and cut to their middle square. One that can't be read, or is named but
    not there, is left out with its captions, and counted as skipped. The model moves to a GPU
    where there is one.

    Args:
        model: A name on the shelf, a folder or a hub id: a CLIP, or a DetailCLIP, whose average
            is measured.
        data: Pictures with captions, as ``vlkit.data.captions`` reads them.
        split: ``NAME`` of ``data/NAME.txt``, with one picture a line.
        loaded: The model by that name, where the caller has it already.

    Raises:
        ModelError: The model has no vectors for both, or no tokenizer beside it.
        InputError: The folder holds no pictures with captions, or none that can be read.
    """
    clip = as_clip(load(model) if loaded is None else loaded)
    tokenizer = _tokenizer(model, clip)
    captions = open_captions(data, split)
    on_total("retrieval", len(captions))
    similarity, owners = _compare(clip.to(_device()), tokenizer, captions, on_item)
    found, named = len(similarity), len(captions) + len(captions.skipped)
    command: list[str | Path] = ["vlkit", "eval", "retrieval", model, "--data", data]
    return EvalResult(
        task="retrieval",
        model=model,
        data=data.name,
        split=split,
        counts={"images": found, "captions": len(owners), "skipped": named - found},
        metrics=recalls(similarity, owners),
        command=typed(*command, *(["--split", split] if split else [])),
        versions=installed_versions(MODEL_PACKAGES),
    )


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _tokenizer(name: str, clip: Clip) -> CaptionTokenizer:
    folder = local_folder(name)
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ModelError(
            "the model has no tokenizer of its own beside it",
            remedy="Put its tokenizer.json into its folder",
            file=folder,
        )
    return tokenizer_of(clip.text, file)


def _compare(
    clip: Clip, tokenizer: CaptionTokenizer, captions: Captions, on_item: Callable[[str], None]
) -> tuple[Floats, NDArray[np.int64]]:
    """Similarities [images, captions] of what can be read, and the row of each caption's image."""
    pictures: list[Compared] = []
    texts: list[str] = []
    owners: list[int] = []
    found = 0
    for pixels, said in _batches(captions, clip, on_item):
        pictures.append(_seen(clip, pixels))
        for lines in said:
            texts += lines
            owners += [found] * len(lines)
            found += 1
    if not pictures:
        raise InputError(
            f"none of its {len(captions)} pictures can be read",
            remedy="Look at what they are",
            file=captions.path,
        )
    similarity = np.concatenate([*_similarities(clip, pictures, tokenizer, texts)], axis=1)
    return similarity, np.array(owners)


def _batches(
    captions: Captions, clip: Clip, on_item: Callable[[str], None]
) -> Iterator[tuple[Floats, list[Sequence[str]]]]:
    """Pixels [B, 3, S, S] of up to ``BATCH`` readable pictures, and the captions of each."""
    image = clip.image
    views = Views(image.image_size, "whole", mean=image.mean, std=image.std)
    unused = np.random.default_rng(0)  # `whole` draws nothing
    pixels: list[Floats] = []
    said: list[Sequence[str]] = []
    for example in captions.examples:
        on_item("retrieval")
        try:
            pixels.append(make_views(decode(example), views, unused))
        except DamagedInput:
            continue
        said.append(example.captions)
        if len(pixels) == BATCH:
            yield np.stack(pixels), said
            pixels, said = [], []
    if pixels:
        yield np.stack(pixels), said


def _device_of(clip: Clip) -> torch.device:
    return clip.logit_scale.device


@torch.no_grad()
def _seen(clip: Clip, pixels: Floats) -> Compared:
    return clip.compared_by(clip.encode_image(torch.from_numpy(pixels).to(_device_of(clip))))


@torch.no_grad()
def _similarities(
    clip: Clip, pictures: Sequence[Compared], tokenizer: CaptionTokenizer, texts: Sequence[str]
) -> Iterator[Floats]:
    """[pictures, texts] of up to ``BATCH`` texts at a time.

    A text's vectors look for their best matches in a picture, as in search; the mean of them, so
    that long texts are not nearer to everything.
    """
    images, masks = (torch.cat(parts) for parts in zip(*pictures, strict=True))
    device = _device_of(clip)
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(texts[start : start + BATCH])
        ids, real = (torch.from_numpy(part).to(device) for part in batch)
        vectors, counted = clip.compared_by(clip.encode_text(ids, real))
        longest = int(counted.sum(dim=1).max())
        vectors, counted = vectors[:, :longest], counted[:, :longest]
        scores = max_sim(vectors, counted, images, masks, chunk=CHUNK)
        yield (scores / counted.sum(dim=1, keepdim=True)).T.cpu().numpy()
