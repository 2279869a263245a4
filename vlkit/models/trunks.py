"""Trunks by themselves: an encoder that was trained once and that several models stand on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from vlkit.checkpoint import Pretrained, load_weights
from vlkit.models.lilt import FlowLayer, LiltConfig, TextEmbeddings
from vlkit.nn.attention import attention
from vlkit.nn.features import Features
from vlkit.nn.images import ImageEncoder, ImageTower
from vlkit.nn.pooling import pool
from vlkit.nn.towers import timm_classifier


class ImageTrunk(Pretrained):
    """An image tower alone; its weights' names begin with ``image.``, as in the models on it."""

    model_name: ClassVar[str] = "image-trunk"
    Config: ClassVar[type[ImageTower]] = ImageTower

    def __init__(self, encoder: ImageEncoder) -> None:
        super().__init__()
        self.config: ImageTower = encoder.config
        self.image = encoder

    def forward(self, pixels: Tensor, keep: Tensor | None = None) -> Features:
        """As ``ImageEncoder.forward``."""
        features: Features = self.image(pixels, keep)
        return features

    @classmethod
    def from_config(cls, config: ImageTower) -> ImageTrunk:
        """The tower with random weights."""
        return cls(ImageEncoder.create(config))

    @classmethod
    def from_original(
        cls, state_dict: Mapping[str, Tensor], config: Mapping[str, Any]
    ) -> ImageTrunk:
        """The tower with weights as timm publishes them; a classifier is left out.

        Args:
            state_dict: Under timm's names.
            config: ``architecture``, a name that timm lists.

        Raises:
            UnknownName: if timm has no such architecture.
            CheckpointError: if the weights are of another one.
        """
        model = cls.from_config(ImageTower("timm", config["architecture"]))
        classifier = tuple(f"{name}." for name in timm_classifier(config["architecture"]))
        weights = {
            f"image.tower.{name}": value
            for name, value in state_dict.items()
            if not name.startswith(classifier)
        }
        load_weights(model, weights)
        return model.eval()


class TextTrunk(Pretrained):
    """A text encoder alone: LiLT's text flow, whose part of the configuration is all that counts.

    Its weights' names are those of the same weights in a LiLT.
    """

    model_name: ClassVar[str] = "trunk-text"
    Config: ClassVar[type[LiltConfig]] = LiltConfig

    def __init__(self, config: LiltConfig) -> None:
        super().__init__()
        self.config: LiltConfig = config
        self.text = TextEmbeddings(config)
        self.layers = nn.ModuleList(TextLayer(config) for _ in range(config.depth))

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Features:
        """Encode texts.

        Args:
            ids: [B, N] int64.
            mask: [B, N] bool, True where a token is real; by default where it is not padding.
        """
        counted = ids != self.config.pad_id
        mask = counted if mask is None else mask
        x: Tensor = self.text(ids, counted.cumsum(dim=1) * counted - 1)
        for layer in self.layers:
            x = layer(x, mask[:, None, None])
        return Features(x, mask, pool(x, mask, "mean"))

    @classmethod
    def from_config(cls, config: LiltConfig) -> TextTrunk:
        """The encoder with random weights."""
        return cls(config)


class TextLayer(nn.Module):
    """A layer of BERT's, as [B, N, D] to the same."""

    def __init__(self, config: LiltConfig) -> None:
        super().__init__()
        self.text = FlowLayer(config, config.width, config.hidden)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.text.finish(x, attention(*self.text.project(x), mask))
