"""Text encoders: open_clip's text towers and Hugging Face's encoders behind one interface.

Shapes: B texts of L tokens, D wide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vlkit.errors import ModelError
from vlkit.nn.features import Features
from vlkit.nn.pooling import Pooling, pool
from vlkit.nn.towers import unused_positions


@dataclass(frozen=True)
class TextTower:
    """Which text tower, and how it departs from its architecture; None = as the architecture.

    Attributes:
        library: ``open_clip`` (the text side of one of its models) or ``transformers``.
        architecture: A model that open_clip lists (``ViT-B-32``); or a model type of transformers
            (``bert``), a folder with config.json, or a hub id.
        context_length: The most tokens of a text.
        vocab_size: Number of token ids.
        width: D.
        depth: Number of blocks.
        heads: Attention heads of a block.
        mlp_ratio: Width of a block's hidden layer ÷ D.
        activation: Of the blocks' hidden layers (open_clip only).
        pool: How one vector is made of the tokens (transformers only; open_clip's architectures
            say it themselves).
        settings: Further fields of the transformers configuration. With ``open_clip``, all of
            that of the encoder that reads for such a model (``roberta-ViT-B-32``), ``model_type``
            among them; none: as it lies in the hub's cache.
    """

    library: Literal["open_clip", "transformers"]
    architecture: str
    context_length: int | None = None
    vocab_size: int | None = None
    width: int | None = None
    depth: int | None = None
    heads: int | None = None
    mlp_ratio: float | None = None
    activation: Literal["gelu", "gelu_tanh", "quick_gelu"] | None = None
    pool: Pooling = "mean"
    settings: Mapping[str, Any] = field(default_factory=dict)


class TextEncoder(nn.Module):
    """A tower without its projection; made by `create`.

    The library's own module is ``tower``, its parameters under the library's own names.

    Attributes:
        width: D, of the tokens and of the pooled vector.
        context_length: The most tokens of a text.
        vocab_size: Number of token ids.
        pad_id: The token that fills up short texts.
        ends_highest: Whether it pools at the highest id, which is the end token's.
    """

    tower: Any
    width: int
    context_length: int
    vocab_size: int
    pad_id: int
    ends_highest = False

    def __init__(self, config: TextTower, tower: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.tower = tower

    @staticmethod
    def from_folder(folder: Path, pool: Pooling = "mean") -> TextEncoder:
        """The encoder in a folder of Hugging Face's (config.json, model.safetensors).

        Raises:
            ModelError: if there is none that can be read.
        """
        from vlkit.nn import towers

        tower, settings = towers.load_hugging_face_text(folder)
        kind = settings.pop("model_type")
        config = TextTower("transformers", kind, pool=pool, settings=settings)
        return HuggingFaceText(config, tower, pool)

    @staticmethod
    def create(config: TextTower) -> TextEncoder:
        """The encoder with random weights.

        Raises:
            UnknownName: if the library has no such architecture.
            ModelError: if it cannot be made, or not here.
        """
        from vlkit.nn import towers

        if config.library == "transformers":
            return HuggingFaceText(config, towers.build_hugging_face_text(config), config.pool)
        reader = towers.open_clip_reader(towers.open_clip_table(config.architecture))
        if reader is None:
            return OpenClipText(config, towers.build_open_clip_text(config))
        tower, pooling = towers.build_reader(reader, config.settings)
        length = config.context_length or reader.context_length
        return HuggingFaceText(config, tower, pooling, length)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Features:
        """Encode texts.

        Args:
            ids: [B, L] int64, L up to `context_length`; as much as that for towers that pool at
                the last place, padding or not (SigLIP's).
            mask: [B, L] bool, True where a token is real. By default those up to the end token,
                where the tower pools there, else those that are not padding. Hugging Face's
                encoders attend to real tokens only; open_clip's attend as they were trained,
                causally or to everything.

        Raises:
            ModelError: if texts are longer than `context_length`.
        """
        raise NotImplementedError

    def _check(self, ids: Tensor) -> None:
        if ids.shape[1] > self.context_length:
            raise ModelError(
                f"{self.config.architecture} takes texts of {self.context_length} tokens here, "
                f"not {ids.shape[1]}",
                remedy="Cut the texts and keep their end token, or give another context_length",
            )


class OpenClipText(TextEncoder):
    """open_clip's ``TextTransformer``: CLIP's, SigLIP's, MobileCLIP's, CoCa's."""

    def __init__(self, config: TextTower, tower: nn.Module) -> None:
        super().__init__(config, tower)
        self.width = int(self.tower.ln_final.normalized_shape[0])
        self.context_length = int(self.tower.context_length)
        self.vocab_size = int(self.tower.vocab_size)
        self.pad_id = int(self.tower.pad_id)
        self.ends_highest = self.tower.pool_type == "argmax" and self.tower.cls_emb is None

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Features:
        self._check(ids)
        x, causal = self.tower._embeds(ids)
        if causal is not None:
            causal = causal[..., : x.shape[1], : x.shape[1]]
        for block in self.tower.transformer.resblocks:
            x = block(x, attn_mask=causal)
        x = self.tower.ln_final(x)
        if self.tower.cls_emb is not None:  # CoCa adds a class token at the end and pools there
            return Features(x[:, :-1], self._real(ids) if mask is None else mask, x[:, -1])
        mask = self._real(ids) if mask is None else mask
        return Features(x, mask, self._pooled(x, ids))

    def _end(self, ids: Tensor) -> Tensor | None:
        """[B], the place of the end token, where the tower pools there."""
        if self.tower.pool_type == "argmax":
            return ids.argmax(dim=-1)
        if self.tower.pool_type == "eos":
            return ids.eq(self.tower.eos_id).int().argmax(dim=-1)
        return None

    def _real(self, ids: Tensor) -> Tensor:
        end = None if self.tower.cls_emb is not None else self._end(ids)
        if end is None:
            return ids != self.pad_id
        return torch.arange(ids.shape[1], device=ids.device) <= end[:, None]

    def _pooled(self, x: Tensor, ids: Tensor) -> Tensor:
        end = self._end(ids)
        if end is not None:
            return x[torch.arange(len(x), device=x.device), end]
        return x[:, 0] if self.tower.pool_type == "first" else x[:, -1]


class HuggingFaceText(TextEncoder):
    """An encoder of transformers: BERT, RoBERTa, MiniLM, …

    Args:
        pooling: ``layer`` takes the vector that a layer of its own makes of the first token.
        context_length: The most tokens of a text; by default as many as it has positions for.
    """

    def __init__(
        self,
        config: TextTower,
        tower: nn.Module,
        pooling: Pooling | Literal["layer"],
        context_length: int | None = None,
    ) -> None:
        super().__init__(config, tower)
        self.pooling = pooling
        self.width = int(self.tower.config.hidden_size)
        self.vocab_size = int(self.tower.config.vocab_size)
        self.pad_id = int(self.tower.config.pad_token_id or 0)
        if context_length is None:
            unused = unused_positions(self.tower.config)
            context_length = int(self.tower.config.max_position_embeddings) - unused
        self.context_length = context_length

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Features:
        self._check(ids)
        mask = ids != self.pad_id if mask is None else mask.bool()
        out = self.tower(input_ids=ids, attention_mask=mask.long())
        x: Tensor = out.last_hidden_state
        pooled = out.pooler_output if self.pooling == "layer" else pool(x, mask, self.pooling)
        return Features(x, mask, pooled)


def ended(ids: Tensor, end: int, pad: int) -> Tensor:
    """Captions that were cut get their end token back, at the last place.

    A CLIP text tower pools at the highest id. Without the end token that is the start token, which
    sees nothing before it: all long captions would mean the same.

    Args:
        ids: [B, L] int64.
        end: The end token's id.
        pad: The id that fills up short texts.
    """
    cut = (ids != end).all(dim=1) & (ids[:, -1] != pad)
    return torch.cat([ids[:, :-1], torch.where(cut, end, ids[:, -1])[:, None]], dim=1)
