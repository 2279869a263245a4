"""Examples of ``vlkit.data`` as batches of tensors."""

from __future__ import annotations

import numpy as np
import torch

from vlkit.data.bpe import CaptionTokenizer
from vlkit.data.captions import Captions, decode
from vlkit.data.views import Floats, Views, make_views
from vlkit.errors import DamagedInput, InputError
from vlkit.training.batches import Broken, Loaded, sample_at

_TRIES = 100


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
