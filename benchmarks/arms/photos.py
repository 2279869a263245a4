"""Photos with captions for the studies: decoded once, one tokenizer, pairs by seed and position.

What takes long and is the same in every run is kept under ``benchmarks/out/claims``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vlkit.data.bpe import CaptionTokenizer, train_bpe
from vlkit.data.captions import Captions, Pixels, decode, open_captions
from vlkit.data.views import Draw, Floats
from vlkit.training.batches import Loaded, sample_at

KEPT = Path("benchmarks/out/claims")
PHOTOS = "flickr8k"
ENTRIES = 8192


def kept(path: Path, make: Callable[[Path], object]) -> Path:
    """``path``, made first where it is not there: whole or not at all, whoever else makes it.

    Args:
        make: Writes the file or folder it is given.
    """
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    make(beside)
    try:
        beside.rename(path)
    except OSError:  # a folder that another process has made in the meantime
        if not path.is_dir():
            raise
        shutil.rmtree(beside)
    return path


def tokenizer(data: Path, length: int, folder: Path = KEPT) -> CaptionTokenizer:
    """The BPE of the training captions, for texts of ``length`` tokens with both marks."""

    def make(path: Path) -> None:
        texts = open_captions(data / PHOTOS, "train").texts()
        CaptionTokenizer(train_bpe(texts, ENTRIES), length).save(path)

    return CaptionTokenizer.from_file(kept(folder / f"tokenizer-{ENTRIES}.json", make), length)


@dataclass(frozen=True)
class Photos:
    """Photos in memory or mapped into it.

    Attributes:
        pixels: ``[N, H, W, 3]``.
        captions: Of each photo.
    """

    pixels: NDArray[np.uint8]
    captions: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.captions)


def photos(data: Path, split: str, limit: int | None = None, folder: Path = KEPT) -> Photos:
    """A split's photos, all of one size; only the first ``limit`` where there is one."""
    found = open_captions(data / PHOTOS, split)
    captions = tuple(example.captions for example in found.examples[:limit])
    if limit is not None:
        return Photos(_decoded(found, limit), captions)
    file = kept(
        folder / f"photos-{split}.npy", lambda path: np.save(path, _decoded(found, len(found)))
    )
    return Photos(np.load(file, mmap_mode="r"), captions)


def _decoded(found: Captions, count: int) -> Pixels:
    return np.stack([decode(example) for example in found.examples[:count]])


def share_of(count: int, share: float, seed: int) -> NDArray[np.int64]:
    """Which of ``count`` photos are in a share of them; a larger share holds the smaller."""
    return np.random.default_rng(seed).permutation(count)[: max(1, round(share * count))]


class Pairs:
    """Endless pairs of a photo and one of its captions, as functions of seed and position.

    Arms with the same seed meet the same photos and captions in the same order. Batches hold
    ``pixels`` (whatever ``see`` gives), ``ids`` [B, L] and ``mask`` [B, L].

    Args:
        captions: Of each photo.
        see: Number of a photo and a generator to what the model is given of it.
    """

    def __init__(
        self,
        captions: tuple[tuple[str, ...], ...],
        see: Callable[[int, Draw], Floats],
        tokenizer: CaptionTokenizer,
        seed: int,
    ) -> None:
        self.captions = captions
        self.see = see
        self.tokenizer = tokenizer
        self.seed = seed

    def load(self, positions: range) -> Loaded:
        seen, texts, keys = [], [], []
        for position in positions:
            draw = np.random.default_rng((self.seed, position))
            index = sample_at(position, len(self.captions), self.seed)
            said = self.captions[index]
            texts.append(said[int(draw.integers(len(said)))])
            seen.append(self.see(index, draw))
            keys.append(str(index))
        ids, mask = self.tokenizer(texts)
        batch = {
            "pixels": torch.from_numpy(np.stack(seen)),
            "ids": torch.from_numpy(ids),
            "mask": torch.from_numpy(mask),
        }
        return Loaded(batch, keys)
