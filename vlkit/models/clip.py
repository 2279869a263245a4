"""CLIP: an image tower and a text tower whose vectors of a pair point the same way.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
arXiv 2103.00020; with the sigmoid objective, Zhai et al., "Sigmoid Loss for Language Image
Pre-Training", arXiv 2303.15343; with late interaction, Yao et al., "FILIP: Fine-grained
Interactive Language-Image Pre-Training", arXiv 2111.07783. Towers are timm's, open_clip's or
Hugging Face's; what makes them a CLIP are two adapters, the projections, and a temperature.

Shapes: B pairs, 3 x H x W pixels, L text tokens, N patches, W wide joint space.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlkit import recipe
from vlkit.adapters.config import AdapterConfig
from vlkit.adapters.features import Adapter, Widths
from vlkit.checkpoint import Pretrained, load_tensors, load_weights
from vlkit.errors import CheckpointError, ModelError
from vlkit.losses.contrastive import info_nce, siglip, top_1
from vlkit.losses.late_interaction import late_interaction
from vlkit.models.convert import clip as convert
from vlkit.nn.features import Features, all_real, normalised, pooled_of
from vlkit.nn.images import ImageEncoder, ImageTower
from vlkit.nn.texts import TextEncoder, TextTower

HUGGING_FACE_KINDS = ("clip", "siglip")
MAX_SCALE = 100.0  # the paper's clip of the temperature, section 2.5


@dataclass(frozen=True)
class ClipConfig:
    """Two towers and their projections.

    Attributes:
        image: The image tower.
        text: The text tower.
        image_projection: From the image tower into the joint space; an adapter on features.
        text_projection: From the text tower.
        objective: ``infonce`` picks each image's text among the batch's; ``siglip`` says yes or
            no to each pair; ``late`` picks it by the best matches of patches and tokens.
        chunk: Rows of logits that exist at one time while training; None for all.
    """

    image: ImageTower
    text: TextTower
    image_projection: AdapterConfig
    text_projection: AdapterConfig
    objective: Literal["infonce", "siglip", "late"] = "infonce"
    chunk: int | None = None


class Clip(Pretrained):
    """Two towers with their projections, and their objective."""

    model_name: ClassVar[str] = "clip"
    Config: ClassVar[type[ClipConfig]] = ClipConfig

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.config: ClipConfig = config
        self.image = ImageEncoder.create(config.image)
        self.text = TextEncoder.create(config.text)
        widths = Widths(self.image.width, self.image.pooled_width)
        self.image_projection = Adapter.create(config.image_projection, widths)
        widths = Widths(self.text.width, self.text.width)
        self.text_projection = Adapter.create(config.text_projection, widths)
        late = config.objective == "late"
        ours, theirs = (
            each.width if late else each.pooled_width
            for each in (self.image_projection, self.text_projection)
        )
        if ours != theirs:
            raise ModelError(
                f"pictures become vectors of {ours} and texts of {theirs}",
                remedy="Give both projections the same width",
            )
        sigmoid = config.objective == "siglip"
        self.logit_scale = nn.Parameter(torch.tensor(math.log(10.0 if sigmoid else 1 / 0.07)))
        self.logit_bias = nn.Parameter(torch.tensor(-10.0)) if sigmoid else None

    # What comes out

    def encode_image(self, pixels: Tensor, keep: Tensor | None = None) -> Features:
        """Pictures [B, 3, H, W] in the joint space.

        Returns:
            ``pooled`` [B, W], one vector a picture, and ``tokens`` [B, N, W], one a patch for late
            interaction, all of length 1.
        """
        return normalised(self.image_projection(self.image(pixels, keep)))

    def encode_text(self, ids: Tensor, mask: Tensor | None = None) -> Features:
        """Texts [B, L] in the joint space: ``pooled`` [B, W], ``tokens`` [B, L, W], of length 1."""
        return normalised(self.text_projection(self.text(ids, mask)))

    def compared_by(self, features: Features) -> tuple[Tensor, Tensor]:
        """What search compares pictures and texts by, of what `encode_image` or `encode_text` gave.

        Returns:
            Vectors [B, M, W] for ``losses.late_interaction.max_sim`` and their mask [B, M] bool:
            the one pooled vector, or with the objective ``late`` all tokens.
        """
        if self.config.objective == "late":
            return features.tokens, features.mask
        one = pooled_of(features)[:, None]
        return one, all_real(one)

    # Objective

    def encode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``pixels`` [B, 3, H, W], ``ids`` [B, L] and perhaps ``mask`` [B, L] to vectors."""
        if self.config.objective == "late":
            return self._encode_late(batch)
        image = self.image_projection.pooled(self.image(batch["pixels"]))
        text = self.text_projection.pooled(self.text(batch["ids"], batch.get("mask")))
        image, text = (functional.normalize(vectors, dim=-1) for vectors in (image, text))
        reps = {"image": image, "text": text, "scale": self.logit_scale.exp().expand(len(image))}
        if self.logit_bias is not None:
            reps["bias"] = self.logit_bias.expand(len(image))
        return reps

    def _encode_late(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        image = self.encode_image(batch["pixels"])
        text = self.encode_text(batch["ids"], batch.get("mask"))
        return {
            "image": image.tokens,
            "image_mask": image.mask,
            "text": text.tokens,
            "text_mask": text.mask,
            "scale": self.logit_scale.exp().expand(len(image.tokens)),
        }

    def loss(
        self, reps: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The contrast over the whole batch of all processes, from what `encode` gave."""
        image, text, scale, chunk = reps["image"], reps["text"], reps["scale"], self.config.chunk
        logs = {"scale": scale.detach().float().mean()}
        if self.config.objective == "late":
            masks = reps["image_mask"], reps["text_mask"]
            loss, right = late_interaction(image, masks[0], text, masks[1], scale, chunk=chunk)
            return loss, {"accuracy": right, **logs}
        if "bias" in reps:
            loss = siglip(image, text, scale, reps["bias"], chunk=chunk)
        else:
            loss = info_nce(image, text, scale, chunk=chunk)
        return loss, {"accuracy": top_1(image, text, chunk=chunk), **logs}

    def after_step(self, step: int) -> None:
        """Keep the scale between 1 and 100."""
        with torch.no_grad():
            self.logit_scale.clamp_(0.0, math.log(MAX_SCALE))

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """``image`` and ``text`` towers, ``projections``, ``scale``: those that train."""
        projections = [self.image_projection, self.text_projection]
        groups = {
            "image": list(self.image.parameters()),
            "text": list(self.text.parameters()),
            "projections": [p for adapter in projections for p in adapter.parameters()],
            "scale": [p for p in (self.logit_scale, self.logit_bias) if p is not None],
        }
        return {
            name: [parameter for parameter in group if parameter.requires_grad]
            for name, group in groups.items()
        }

    # Where models come from

    @classmethod
    def from_config(cls, config: ClipConfig) -> Clip:
        """The model with random weights."""
        return cls(config)

    @classmethod
    def from_original(cls, state_dict: Mapping[str, Tensor], config: Mapping[str, Any]) -> Clip:
        """The model with the weights of one of open_clip's.

        Args:
            state_dict: As open_clip saves it.
            config: ``architecture``, a name that open_clip lists, and perhaps ``quick_gelu``,
                ``image_size`` and ``context_length`` where they differ from it. For one whose
                texts are read by an encoder of Hugging Face's, ``text_folder`` may name a folder
                with its config.json, which is else looked for in the hub's cache.

        Raises:
            UnknownName: if open_clip has no such architecture.
            CheckpointError: if the weights are of another one.
        """
        table = convert.open_clip_table(config)
        model = cls(recipe.parse(table, ClipConfig))
        load_weights(model, convert.open_clip_weights(state_dict))
        return model.eval()

    @classmethod
    def from_open_clip_folder(cls, folder: Path) -> Clip:
        """The model in a folder as open_clip puts on the hub: open_clip_config.json and weights.

        Raises:
            CheckpointError: if a file is missing, damaged or pickled, or holds something else.
        """
        table = convert.open_clip_table({"architecture": f"local-dir:{folder}"}, folder)
        model = cls(recipe.parse(table, ClipConfig))
        file = folder / "open_clip_model.safetensors"
        load_weights(model, convert.open_clip_weights(load_tensors(file)), file=file)
        return model.eval()

    @classmethod
    def from_hugging_face(cls, folder: Path) -> Clip:
        """The model in a folder of Hugging Face's CLIP or SigLIP (config.json, model.safetensors).

        Raises:
            CheckpointError: if a file is missing, damaged or pickled, or holds something else.
            ModelError: if its configuration departs from what the towers here can do.
        """
        from transformers import AutoConfig

        try:
            found = AutoConfig.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"config.json can't be read: {error}", file=folder) from error
        table = convert.hugging_face_table(found.to_dict(), folder)
        model = cls(recipe.parse(table, ClipConfig))
        file = folder / "model.safetensors"
        kind = found.model_type
        load_weights(model, convert.hugging_face_weights(load_tensors(file), kind), file=file)
        return model.eval()
