"""Measuring retrieval: `vlkit eval retrieval MODEL --data FOLDER`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vlkit.data.bpe import CaptionTokenizer
from vlkit.data.captions import Captions, decode, open_captions
from vlkit.data.views import Views, make_views
from vlkit.errors import DamagedInput, InputError, ModelError
from vlkit.evaluation.result import MODEL_PACKAGES, EvalResult, installed_versions
from vlkit.evaluation.retrieval import recalls
from vlkit.models import load, local_folder
from vlkit.models.clip import Clip
from vlkit.models.pairs import as_clip

BATCH = 64

Vectors = NDArray[np.float32]
"""[B, W], of length 1."""


def evaluate_retrieval(
    model: str,
    data: Path,
    *,
    split: str | None = None,
    on_total: Callable[[str, int], None] = lambda name, total: None,
    on_item: Callable[[str], None] = lambda name: None,
) -> EvalResult:
    """Recall of pictures by each of their captions, and of captions by pictures.

    Pictures are resized and cut to their middle square. One that can't be read is left out with
    its captions, and counted.

    Args:
        model: A name on the shelf, a folder or a hub id: a CLIP, or a DetailCLIP, whose average
            is measured.
        data: Pictures with captions, as ``vlkit.data.captions`` reads them.
        split: ``NAME`` of ``data/NAME.txt``, with one picture a line.

    Raises:
        ModelError: The model has no vectors for both, or no tokenizer beside it.
        InputError: The folder holds no pictures with captions, or none that can be read.
    """
    clip = as_clip(load(model))
    tokenizer = _tokenizer(model, clip)
    captions = open_captions(data, split)
    on_total("retrieval", len(captions))
    pictures: list[Vectors] = []
    texts: list[str] = []
    owners: list[int] = []
    found = 0
    for pixels, said in _batches(captions, clip, on_item):
        pictures.append(_image_vectors(clip, pixels))
        for lines in said:
            texts += lines
            owners += [found] * len(lines)
            found += 1
    if not pictures:
        raise InputError(
            f"none of its {len(captions)} pictures can be read",
            remedy="Look at what they are",
            file=data,
        )
    similarity = np.concatenate(pictures) @ _text_vectors(clip, tokenizer, texts).T
    command = ["vlkit", "eval", "retrieval", model, "--data", str(data)]
    return EvalResult(
        task="retrieval",
        model=model,
        data=data.name,
        split=split,
        counts={"images": found, "captions": len(texts), "skipped": len(captions) - found},
        metrics=recalls(similarity, np.array(owners)),
        command=shlex.join(command + (["--split", split] if split else [])),
        versions=installed_versions(MODEL_PACKAGES),
    )


def _tokenizer(name: str, clip: Clip) -> CaptionTokenizer:
    folder = local_folder(name)
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ModelError(
            "the model has no tokenizer of its own beside it",
            remedy="Put its tokenizer.json into its folder",
            file=folder,
        )
    return CaptionTokenizer.from_file(file, clip.text.context_length)


def _batches(
    captions: Captions, clip: Clip, on_item: Callable[[str], None]
) -> Iterator[tuple[Vectors, list[Sequence[str]]]]:
    """Pixels [B, 3, S, S] of up to ``BATCH`` readable pictures, and the captions of each."""
    image = clip.image
    views = Views(image.image_size, "whole", mean=image.mean, std=image.std)
    unused = np.random.default_rng(0)  # `whole` draws nothing
    pixels: list[Vectors] = []
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


@torch.no_grad()
def _image_vectors(clip: Clip, pixels: Vectors) -> Vectors:
    pooled = clip.encode_image(torch.from_numpy(pixels)).pooled
    assert pooled is not None
    return pooled.numpy()


@torch.no_grad()
def _text_vectors(clip: Clip, tokenizer: CaptionTokenizer, texts: Sequence[str]) -> Vectors:
    vectors = []
    for start in range(0, len(texts), BATCH):
        ids, mask = tokenizer(texts[start : start + BATCH])
        pooled = clip.encode_text(torch.from_numpy(ids), torch.from_numpy(mask)).pooled
        assert pooled is not None
        vectors.append(pooled.numpy())
    return np.concatenate(vectors)
