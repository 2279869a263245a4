"""Transformers' LiLT and ours of the same sizes and weights, and batches of real forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LiltConfig as TheirConfig
from transformers import LiltModel

from benchmarks.lilt_rows.forms import Form
from vlkit.entities.boxes import on_thousand
from vlkit.entities.windows import windows
from vlkit.models.lilt import Lilt
from vlkit.models.lilt_batches import packed, padded
from vlkit.models.lilt_heads import Batch

LENGTH = 512
PAD = 1
TOKENIZER = Path("models/trunk-text/tokenizer.json")
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Size:
    """Of the text flow; layout is four times narrower."""

    width: int
    depth: int
    heads: int
    vocabulary: int

    @property
    def theirs(self) -> TheirConfig:
        """With the published English model's positions and padding."""
        config = TheirConfig(
            vocab_size=self.vocabulary,
            hidden_size=self.width,
            num_hidden_layers=self.depth,
            num_attention_heads=self.heads,
            intermediate_size=4 * self.width,
            max_position_embeddings=LENGTH + PAD + 1,
            pad_token_id=PAD,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
        )
        config._attn_implementation = "eager"  # the only one that it has
        return config


SIZES = {
    "tiny": Size(48, 2, 4, 30522),
    "minilm": Size(384, 6, 12, 30522),
    "base": Size(768, 12, 12, 50265),
}


def pair(size: Size) -> tuple[LiltModel, Lilt]:
    """Theirs and ours with the same random weights, in training mode."""
    torch.manual_seed(0)
    theirs = LiltModel(size.theirs, add_pooling_layer=False)
    ours = Lilt.from_original(theirs.state_dict(), size.theirs.to_dict())
    return theirs.train().to(DEVICE), ours.train().to(DEVICE)


def documents(forms: Sequence[Form]) -> list[Batch]:
    """Ids and boxes of each form's tokens, the shortest first; what is longer than the models'
    tables is cut into several."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    found = []
    for form in forms:
        words = form.page.words
        spelled = [tokenizer.encode(word.text, add_special_tokens=False).ids for word in words]
        boxes = on_thousand([word.box for word in words], form.page.width, form.page.height)
        for window in windows([len(ids) for ids in spelled], LENGTH, 0):
            some = range(window.start, window.stop)
            found.append(
                {
                    "ids": torch.tensor([token for word in some for token in spelled[word]]),
                    "boxes": torch.tensor([boxes[word] for word in some for _ in spelled[word]]),
                }
            )
    return sorted(found, key=lambda document: len(document["ids"]))


def unpacked(found: Sequence[Batch], size: int) -> list[Batch]:
    """Documents of like length side by side, padded to the longest of them."""
    groups = [found[first : first + size] for first in range(0, len(found), size)]
    return [_moved(padded(group, PAD)) for group in groups]


def packed_rows(found: Sequence[Batch], size: int) -> list[Batch]:
    """The same documents one after another in full rows; as many tokens a batch at the most as
    the longest documents have unpacked."""
    whole = packed(found, LENGTH, PAD)
    count = len(whole["ids"])
    parts = [slice(first, first + size) for first in range(0, count, size)]
    return [_moved({name: rows[part] for name, rows in whole.items()}) for part in parts]


def _moved(batch: Batch) -> Batch:
    return {name: each.to(DEVICE) for name, each in batch.items()}
