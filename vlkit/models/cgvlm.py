"""CG-VLM: a language model that sees, its adapter taught by captions and by contrast.

Patches of an image tower go through an adapter into a causal language model, before the text.
Besides the caption's own loss, patches and tokens of a pair are pulled together, those of other
pairs apart (``losses/alignment.py``)::

    L = L_caption + λ · InfoNCE(s),   s_ij = mean_k mean_l cos(patch_ik, token_jl)

The tokens of the contrast are the language model's own, frozen input embeddings, so patches are
drawn to where the language model already understands.

Source: "Contrastive Vision-Language Alignment Makes Efficient Instruction Learner",
arXiv 2311.17945. Its code was never published: temperature, λ, pooling and what is frozen are our
choice, and no figure of the paper's can be reproduced exactly.

Shapes: B pairs of a picture and L tokens, N visual tokens, D wide in the language model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vlkit.adapters.config import AdapterConfig
from vlkit.adapters.features import Adapter, Widths
from vlkit.checkpoint import Pretrained
from vlkit.errors import ModelError, UnknownName
from vlkit.losses.alignment import Normalise, mean_direction, pool_patches
from vlkit.losses.contrastive import info_nce, top_1
from vlkit.losses.tokens import masked_token, token_mean
from vlkit.nn.features import Features
from vlkit.nn.images import ImageEncoder, ImageTower

MAX_SCALE = math.log(100)


@dataclass(frozen=True)
class Stage:
    """What trains in a stage, and whether patches are contrasted with tokens."""

    trains: tuple[str, ...]
    contrast: bool


# The paper's order is align, then instruct; both can train the adapter alone.
STAGES: Mapping[str, Stage] = {
    "align": Stage(("adapter", "scale"), contrast=True),
    "align-full": Stage(("adapter", "scale", "language", "image"), contrast=True),
    "instruct": Stage(("adapter", "language"), contrast=False),
    "instruct-adapter": Stage(("adapter",), contrast=False),
}


@dataclass(frozen=True)
class LanguageModel:
    """A causal language model of transformers.

    Attributes:
        architecture: A model type (``llama``, ``gpt2``, …) for random weights, or a local folder
            with config.json and weights. A model that was made from a folder keeps its type and
            settings, and no path.
        settings: Fields of the configuration, for a model type.
            A model of unknown ones is not made.
    """

    architecture: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CgVlmConfig:
    """Everything that CG-VLM is made of.

    Attributes:
        image: The image tower; its patches are used, not its pooled vector.
        adapter: From patches into the language model, as wide as that.
        language: The language model.
        contrast_weight: λ.
        regions: Patches are averaged over ``regions`` × ``regions`` regions before the contrast
            (1: over the picture); None contrasts each by itself.
        normalise: ``each`` patch and token before the mean (the mean cosine), or the ``mean``.
        chunk: Rows whose logits exist at one time (``losses.contrastive.info_nce``).
    """

    image: ImageTower
    adapter: AdapterConfig
    language: LanguageModel
    contrast_weight: float = 1.0
    regions: int | None = None
    normalise: Normalise = "each"
    chunk: int | None = None


class CgVlm(Pretrained):
    """The model and its training task (``vlkit/training/task.py``), in stages."""

    model_name: ClassVar[str] = "cgvlm"
    Config: ClassVar[type[CgVlmConfig]] = CgVlmConfig
    config: CgVlmConfig
    stages: tuple[str, ...] = tuple(STAGES)

    def __init__(self, config: CgVlmConfig) -> None:
        super().__init__()
        self.image = ImageEncoder.create(config.image)
        self.language, language = _language(config.language)
        width: int = self._embeddings.weight.shape[1]
        if config.regions is not None and config.adapter.kind == "resampler":
            raise ModelError(
                "a resampler's tokens lie on no grid, so there are no regions to average",
                remedy="Leave regions out, or choose a linear or mlp adapter",
            )
        self.adapter = Adapter.create(config.adapter, Widths(self.image.width, self.image.width))
        if self.adapter.width != width:
            raise ModelError(
                f"an adapter {self.adapter.width} wide does not fit a language model of {width}",
                remedy=f"Set adapter.width to {width}",
            )
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self.config = replace(config, language=language)
        self.set_stage("align")

    @classmethod
    def from_config(cls, config: CgVlmConfig) -> CgVlm:
        return cls(config)

    def set_stage(self, name: str) -> None:
        """Train what the stage trains, freeze the rest.

        Raises:
            UnknownName: No such stage.
        """
        if name not in STAGES:
            raise UnknownName("stage", name, STAGES)
        self.stage = STAGES[name]
        for part, parameters in self._parts().items():
            for parameter in parameters:
                parameter.requires_grad_(part in self.stage.trains)
        self.train(self.training)

    def train(self, mode: bool = True) -> CgVlm:
        """What is frozen stays as in evaluation: no dropout, no moving statistics."""
        super().train(mode)
        for part, module in (("image", self.image), ("language", self.language)):
            module.train(mode and part in self.stage.trains)
        return self

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Of image, adapter, language and scale those that the stage trains."""
        return {name: part for name, part in self._parts().items() if name in self.stage.trains}

    def _parts(self) -> dict[str, list[nn.Parameter]]:
        return {
            "image": list(self.image.parameters()),
            "adapter": list(self.adapter.parameters()),
            "language": list(self.language.parameters()),
            "scale": [self.scale],
        }

    @property
    def _embeddings(self) -> nn.Embedding:
        found: nn.Embedding = self.language.get_input_embeddings()
        return found

    # What comes out

    def see(self, pixels: Tensor) -> Features:
        """Pictures [B, 3, H, W] as tokens [B, N, D] of the language model."""
        features = self.image(pixels)
        adapted: Features = self.adapter(features._replace(pooled=None))
        return adapted

    @torch.no_grad()
    def generate(self, pixels: Tensor, ids: Tensor, mask: Tensor, *, limit: int) -> Tensor:
        """The likeliest next tokens after pictures and prompts, greedily.

        Args:
            pixels: ``[B, 3, H, W]``.
            ids: ``[B, L]``, a prompt each (at least the token that begins a text), padded on the
                left.
            mask: ``[B, L]`` bool, True where a token is real.
            limit: The most tokens to add.

        Returns:
            ``[B, ≤ limit]`` ids.
        """
        inputs, seen = self._sequence(self.see(pixels), ids, mask)
        written: Tensor = self.language.generate(
            inputs_embeds=inputs, attention_mask=seen, max_new_tokens=limit, do_sample=False
        )
        return written

    def _sequence(self, visual: Features, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Visual tokens, then text: embeddings [B, N + L, D] and their mask."""
        text = self._embeddings(ids)
        inputs = torch.cat([visual.tokens.to(text.dtype), text], dim=1)
        return inputs, torch.cat([visual.mask, mask], dim=1).long()

    # The task

    def encode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``pixels [B, 3, H, W]``, ``ids [B, L]``, ``mask [B, L]`` (True where a token is real)
        and perhaps ``answer [B, L]`` (True where one is to be predicted) to a row a sample."""
        ids, mask = batch["ids"], batch["mask"].bool()
        visual = self.see(batch["pixels"])
        inputs, seen = self._sequence(visual, ids, mask)
        first = visual.tokens.shape[1] - 1  # what follows the last visual token is the text
        logits = self.language(inputs_embeds=inputs, attention_mask=seen).logits[:, first:-1]
        begins = self.language.config.bos_token_id
        wanted = batch.get("answer", mask).bool() & mask
        if begins is not None:  # every text begins with it, unless it also ends with it
            wanted = wanted & ~(
                (ids == begins) & (torch.arange(ids.shape[1], device=ids.device) == 0)
            )
        sums, counts = masked_token(logits, ids, wanted)
        reps = {"caption_sum": sums, "caption_count": counts}
        return reps | (self._contrasted(visual, ids, mask) if self.stage.contrast else {})

    def _contrasted(self, visual: Features, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """The one vector that a picture, and a text, is compared by [B, D]."""
        config, tokens, real = self.config, visual.tokens, visual.mask
        if config.regions is not None:
            tokens = pool_patches(tokens, self.image.grid, config.regions)
            real = real.new_ones(tokens.shape[:2])
        words = mask.clone()
        for special in self._special():
            words &= ids != special
        embedded = self._embeddings(ids).detach()
        return {
            "patches": mean_direction(tokens, real, normalise=config.normalise),
            "tokens": mean_direction(embedded, words, normalise=config.normalise),
            "scale": self.scale.exp().expand(len(ids)),
        }

    def _special(self) -> list[int]:
        """Ids that mean no word: begin, end, padding."""
        config = self.language.config
        named = (config.bos_token_id, config.eos_token_id, config.pad_token_id)
        return [
            each
            for ids in named
            if ids is not None
            for each in (ids if isinstance(ids, list) else [ids])
        ]

    def loss(
        self, reps: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The caption's loss a token, and the contrast where the stage has one."""
        loss = caption = token_mean(reps["caption_sum"], reps["caption_count"])
        logs = {"caption": caption.detach()}
        if "patches" in reps:
            patches, tokens, scale = reps["patches"], reps["tokens"], reps["scale"]
            contrast = info_nce(patches, tokens, scale, chunk=self.config.chunk)
            loss = caption + self.config.contrast_weight * contrast
            logs |= {
                "contrast": contrast.detach(),
                "top_1": top_1(patches, tokens, chunk=self.config.chunk),
                "scale": scale[0].detach(),
            }
        return loss, logs

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Keep the scale between 1 and 100."""
        self.scale.clamp_(0, MAX_SCALE)


def _language(config: LanguageModel) -> tuple[Any, LanguageModel]:
    """The language model, and its type and settings without a path."""
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = Path(config.architecture)
    model: Any
    try:
        if (folder / "config.json").exists():
            model = AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
        else:
            settings = AutoConfig.for_model(config.architecture, **config.settings)
            known = _fields(settings)
            for name in config.settings:
                if name not in known:
                    raise UnknownName(f"setting of {config.architecture}", name, known)
            model = AutoModelForCausalLM.from_config(settings)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ModelError(
            f"no language model can be made of '{config.architecture}': {error}",
            remedy="Give a folder with config.json and model.safetensors, or a model type that "
            "transformers knows with its settings",
        ) from error
    left_out = ("model_type", "transformers_version", "architectures", "dtype")
    # A folder's config.json may say more than transformers knows, which changes nothing.
    known = _fields(model.config) - {*left_out}
    found = model.config.to_diff_dict()
    kept = {name: value for name, value in found.items() if name in known}
    return model, LanguageModel(model.config.model_type, kept)


def _fields(config: Any) -> set[str]:
    """The names that a configuration's class knows; any other it takes and never reads."""
    kind = type(config)
    return {name for name in (*kind().to_dict(), *kind.attribute_map) if name[0] != "_"}
