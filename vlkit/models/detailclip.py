"""DetailCLIP: CLIP on the patches that matter, and a teacher for the details.

Each picture is seen in two views. A teacher, the moving average of the student, looks at both
whole; where its class token looks decides which patches the student gets. The student's class
token is contrasted with the caption, a small decoder reconstructs the removed pixels, and the
student is taught what the teacher makes of the class token (of the other view) and of the removed
patches (of the same view)::

    L = ½(C_u + C_v) + w_r · ½(R_u + R_v) + w_p · L_patch + w_c · L_class

Source: Monsefi et al., "DetailCLIP: Detail-Oriented CLIP for Fine-Grained Tasks",
arXiv 2409.06809. Written from the formulas; ``convert/detailclip.py`` reads the original weights.

Shapes: B samples with views u and v, all u before all v where they are together (2B). N patches
of which K are kept and M removed, D wide. E: shared space. Z: bottleneck, P: prototypes of the
distillation head.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlkit import recipe
from vlkit.adapters.config import AdapterConfig
from vlkit.adapters.features import Linear, Widths
from vlkit.checkpoint import Pretrained, load_weights
from vlkit.errors import ModelError
from vlkit.losses.contrastive import info_nce, top_1
from vlkit.losses.distillation import moved_centre, self_distillation
from vlkit.losses.gather import mean_over_processes
from vlkit.losses.reconstruction import masked_pixels, patchify
from vlkit.models.convert import detailclip as convert
from vlkit.nn.features import Features, normalised
from vlkit.nn.heads import PrototypeHead
from vlkit.nn.images import ImageEncoder, ImageTower, stem
from vlkit.nn.masking import PatchDecoder, check_removal, rows_of, select
from vlkit.nn.texts import TextEncoder, TextTower, ended

if TYPE_CHECKING:
    from vlkit.models.clip import Clip

MAX_SCALE = math.log(100)


@dataclass(frozen=True)
class Removal:
    """Which patches the student does not get.

    Attributes:
        by: ``attention`` keeps where the teacher's class token looks; ``chance`` is the control.
        keep: Share of cells kept: ``floor(keep · cells) + 1`` of them, the same in every picture.
        cell: Side in patches of the squares that are kept or removed whole.
    """

    by: Literal["attention", "chance"] = "attention"
    keep: float = 0.5
    cell: int = 2


@dataclass(frozen=True)
class Distillation:
    """The head that student and teacher are compared by, and how.

    Attributes:
        class_weight: w_c.
        patch_weight: w_p.
        hidden: Width of the head's two hidden layers.
        bottleneck: Z.
        prototypes: P.
        student_temperature: Of the student's softmax.
        class_temperature: Of the teacher's, for class tokens.
        patch_temperature: Of the teacher's, for patches.
        first_patch_temperature: The same for the first ``first_steps`` steps.
        first_steps: The original's first epoch.
        centre_momentum: Share of the old centre that a step keeps.
    """

    class_weight: float = 1.0
    patch_weight: float = 1.0
    hidden: int = 2048
    bottleneck: int = 256
    prototypes: int = 8192
    student_temperature: float = 0.1
    class_temperature: float = 0.04
    patch_temperature: float = 0.07
    first_patch_temperature: float = 0.04
    first_steps: int = 0
    centre_momentum: float = 0.9


@dataclass(frozen=True)
class Reconstruction:
    """The decoder, which serves distillation of patches too.

    Attributes:
        weight: w_r.
        depth: Blocks.
        heads: Attention heads of a block.
    """

    weight: float = 1.0
    depth: int = 1
    heads: int = 16


@dataclass(frozen=True)
class DetailClipConfig:
    """Everything that DetailCLIP is made of.

    Attributes:
        image: The image tower, with a class token.
        text: The text tower.
        width: E.
        momentum: Share of the old teacher that a step keeps, at the start of training.
        momentum_steps: Optimizer steps over which it goes to 1 along a cosine; 0 keeps it.
        freeze_stem: Leave the patches' projection at its random start, as MoCo v3 does.
        epsilon: Of the layer norms of image tower and decoder.
        chunk: Rows whose logits exist at one time (``losses.contrastive.info_nce``).
    """

    image: ImageTower = field(
        default_factory=lambda: ImageTower("timm", "vit_base_patch16_224", pool="token")
    )
    text: TextTower = field(
        default_factory=lambda: TextTower("open_clip", "ViT-B-16", activation="quick_gelu")
    )
    width: int = 512
    removal: Removal = Removal()
    distillation: Distillation = Distillation()
    reconstruction: Reconstruction = Reconstruction()
    momentum: float = 0.996
    momentum_steps: int = 0
    freeze_stem: bool = True
    epsilon: float = 1e-6
    chunk: int | None = None


@dataclass(frozen=True)
class Views:
    """What student and teacher make of two views; the 2B rows are all u, then all v.

    Attributes:
        image: ``[2B, E]``, not normalised.
        removed: ``[2B, M]``, indices of the removed patches, rising.
        pixels: ``[2B, M, patch · patch · 3]`` predicted; None without the loss.
        student: ``[2B, 1 + M, Z]``, bottleneck of class token and removed patches; None without.
        teacher: The same of the teacher.
        teacher_mean: ``[2B, Z]``, the teacher's mean over all N patches.
    """

    image: Tensor
    removed: Tensor
    pixels: Tensor | None
    student: Tensor | None
    teacher: Tensor | None
    teacher_mean: Tensor | None


# ---- modules --------------------------------------------------------------------------------


class Side(nn.Module):
    """Student or teacher: both towers, their projections, the distillation head."""

    def __init__(self, config: DetailClipConfig) -> None:
        super().__init__()
        self.image = ImageEncoder.create(config.image)
        self.text = TextEncoder.create(config.text)
        linear = AdapterConfig("linear", width=config.width, bias=False)
        widths = Widths(self.image.width, self.image.pooled_width)
        self.image_projection = Linear(linear, widths)
        self.text_projection = Linear(linear, Widths(self.text.width, self.text.width))
        self.head: PrototypeHead | None = None
        compared = config.distillation
        if compared.class_weight > 0 or compared.patch_weight > 0:
            self.head = PrototypeHead(
                self.image.width,
                hidden=compared.hidden,
                bottleneck=compared.bottleneck,
                prototypes=compared.prototypes,
            )
        for norm in layer_norms(self.image):
            norm.eps = config.epsilon
        if config.freeze_stem:
            stem(self.image).requires_grad_(requires_grad=False)

    def read(self, ids: Tensor, mask: Tensor | None = None) -> Features:
        """Token ids [B, L] through the text tower; cut captions get their end back.

        A tower that pools at the end token takes the last of its ids for that.
        """
        if self.text.ends_highest:
            ids = ended(ids, self.text.vocab_size - 1, self.text.pad_id)
        features: Features = self.text(ids, mask)
        return features

    def texts(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Token ids [B, L] → [B, E], not normalised."""
        pooled = self.read(ids, mask).pooled
        assert pooled is not None
        return self.text_projection.project(pooled)


def layer_norms(image: ImageEncoder) -> list[nn.LayerNorm]:
    return [module for module in image.modules() if isinstance(module, nn.LayerNorm)]


def over_views(rows: Tensor) -> Tensor:
    """[2B, ...] → [B, ...]: the mean of a sample's two views."""
    return rows.reshape(2, -1, *rows.shape[1:]).mean(dim=0)


# ---- the model and its objective ------------------------------------------------------------


class DetailClip(Pretrained):
    """The model and its training task (``vlkit/training/task.py``)."""

    model_name: ClassVar[str] = "detailclip"
    Config: ClassVar[type[DetailClipConfig]] = DetailClipConfig
    config: DetailClipConfig
    class_centre: Tensor
    patch_centre: Tensor
    patch_temperature: Tensor

    def __init__(self, config: DetailClipConfig) -> None:
        super().__init__()
        self.config = config
        self.student = Side(config)
        self.teacher = copy.deepcopy(self.student).requires_grad_(requires_grad=False)
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        image, reconstruct, removal = self.student.image, config.reconstruction, config.removal
        decoded = reconstruct.weight > 0 or config.distillation.patch_weight > 0
        check_removal(image.grid, share=removal.keep, cell=removal.cell, some=decoded)
        self.decoder: PatchDecoder | None = None
        self.pixels: nn.Linear | None = None
        if decoded:
            self.decoder = PatchDecoder(
                image.grid,
                image.width,
                depth=reconstruct.depth,
                heads=reconstruct.heads,
                epsilon=config.epsilon,
            )
        if reconstruct.weight > 0:
            self.pixels = nn.Linear(image.width, 3 * image.patch**2)
        centre = torch.zeros(config.distillation.prototypes)
        self.register_buffer("class_centre", centre)
        self.register_buffer("patch_centre", centre.clone())
        self.register_buffer("patch_temperature", torch.tensor(self._patch_temperature(0)))
        # Of the teacher since the last step: mean bottlenecks of class tokens and patches.
        self._seen: list[Tensor] = []

    @classmethod
    def from_config(cls, config: DetailClipConfig) -> DetailClip:
        return cls(config)

    @classmethod
    def from_original(
        cls, state_dict: Mapping[str, Tensor], config: Mapping[str, Any]
    ) -> DetailClip:
        """The model with the original repository's weights, student and teacher.

        Args:
            state_dict: Its ``state_dict``, with or without ``module.`` before the names.
            config: Its sizes; see ``convert.detailclip.config_table``.

        Raises:
            CheckpointError: The weights are of another architecture.
        """
        model = cls(recipe.parse(convert.config_table(config), DetailClipConfig))
        load_weights(model, convert.rename(state_dict, model.state_dict()))
        return model

    def train(self, mode: bool = True) -> DetailClip:
        super().train(mode)
        self.teacher.eval()
        return self

    # ---- using it ----

    def encode_image(
        self, pixels: Tensor, keep: Tensor | None = None, *, teacher: bool = False
    ) -> Features:
        """Pictures [B, 3, H, W] in the joint space, as ``Clip.encode_image`` gives them: one
        vector a picture and one a patch, all of length 1."""
        side = self.teacher if teacher else self.student
        return normalised(side.image_projection(side.image(pixels, keep)))

    def encode_text(
        self, ids: Tensor, mask: Tensor | None = None, *, teacher: bool = False
    ) -> Features:
        """Texts [B, L] in the joint space: one vector a text and one a token."""
        side = self.teacher if teacher else self.student
        return normalised(side.text_projection(side.read(ids, mask)))

    def to_clip(self, *, teacher: bool = True) -> Clip:
        """A CLIP of this model's towers and projections: what is kept when training is over.

        Args:
            teacher: Take the average of the weights, as the paper's own evaluation does.

        Raises:
            ModelError: if ``epsilon`` is not that of the architecture, which CLIP's is.
        """
        from vlkit.models.clip import Clip, ClipConfig

        config = self.config
        linear = AdapterConfig("linear", width=config.width, bias=False)
        clip = Clip(ClipConfig(config.image, config.text, linear, linear, chunk=config.chunk))
        if any(norm.eps != config.epsilon for norm in layer_norms(clip.image)):
            raise ModelError(
                f"the layer norms of {config.image.architecture} have another epsilon than "
                f"{config.epsilon}",
                remedy="Train with the architecture's own epsilon",
            )
        side = self.teacher if teacher else self.student
        weights = {n: value for n, value in side.state_dict().items() if n.split(".")[0] != "head"}
        load_weights(clip, weights | {"logit_scale": self.scale.detach()})
        return clip.eval()

    def look(self, pixels: Tensor) -> Views:
        """Teacher and student on both views [2B, 3, H, W], all u before all v."""
        keep, removed, teacher, teacher_mean = self._teach(pixels)
        side = self.student
        features = side.image(pixels, keep)
        pooled = features.pooled
        assert pooled is not None
        image, student, predicted = side.image_projection.project(pooled), None, None
        tokens = pooled[:, None]
        if self.decoder is not None:
            decoded = self.decoder(pooled, features.tokens, keep, removed)
            tokens = torch.cat([tokens, decoded], dim=1)
            predicted = None if self.pixels is None else self.pixels(decoded)
        if side.head is not None:
            student = side.head(tokens)
        return Views(image, removed, predicted, student, teacher, teacher_mean)

    @torch.no_grad()
    def _teach(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Patches kept and removed; the teacher's bottleneck of class token and removed patches
        [2B, 1 + M, Z], and its mean over all patches [2B, Z]."""
        side, removal = self.teacher, self.config.removal
        features = None
        if removal.by == "attention":
            features, scores = side.image.forward_with_class_attention(pixels)
        else:
            scores = torch.rand(len(pixels), math.prod(side.image.grid), device=pixels.device)
        keep, removed = select(scores, side.image.grid, share=removal.keep, cell=removal.cell)
        if side.head is None:
            return keep, removed, None, None
        features = features or side.image(pixels)
        assert features.pooled is not None
        bottleneck = side.head(torch.cat([features.pooled[:, None], features.tokens], dim=1))
        patches = bottleneck[:, 1:]
        wanted = torch.cat([bottleneck[:, :1], rows_of(patches, removed)], dim=1)
        return keep, removed, wanted, patches.float().mean(dim=1)

    # ---- the task ----

    def encode(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``views [B, 2, 3, H, W]``, ``ids [B, L]`` and perhaps ``mask [B, L]`` to representations,
        a row a sample."""
        b = len(batch["views"])
        pixels = batch["views"].transpose(0, 1).flatten(0, 1)
        views = self.look(pixels)
        image = functional.normalize(views.image.float(), dim=-1)
        text = self.student.texts(batch["ids"], batch.get("mask"))
        reps = {
            "image_u": image[:b],
            "image_v": image[b:],
            "text": functional.normalize(text.float(), dim=-1),
            "scale": self.scale.exp().expand(b),
        }
        if views.pixels is not None:
            target = rows_of(patchify(pixels, self.student.image.patch), views.removed)
            reps["reconstruction"] = over_views(masked_pixels(views.pixels, target))
        return reps | self._distilled(views, b)

    def _distilled(self, views: Views, b: int) -> dict[str, Tensor]:
        """Losses of class tokens and patches [B], and what the centres will need."""
        student, teacher, mean = views.student, views.teacher, views.teacher_mean
        if student is None or teacher is None or mean is None:
            return {}
        config = self.config.distillation
        reps = {
            "teacher_class": over_views(teacher[:, 0].float()),
            "teacher_patch": over_views(mean),
        }
        if config.class_weight > 0:
            other = teacher[:, :1].roll(b, dims=0)
            temperature = self.class_centre.new_tensor(config.class_temperature)
            compared = self._compare(student[:, :1], other, self.class_centre, temperature)
            reps["class"] = over_views(compared)
        if config.patch_weight > 0:
            temperature = self.patch_temperature
            compared = self._compare(student[:, 1:], teacher[:, 1:], self.patch_centre, temperature)
            reps["patch"] = over_views(compared)
        return reps

    def _compare(
        self, student: Tensor, teacher: Tensor, centre: Tensor, temperature: Tensor
    ) -> Tensor:
        """Distillation loss [2B] of bottlenecks [2B, M, Z]."""
        mine, its = self.student.head, self.teacher.head
        assert mine is not None
        assert its is not None
        losses = self_distillation(
            mine.scores(student),
            its.scores(teacher),
            centre,
            student_temperature=self.config.distillation.student_temperature,
            teacher_temperature=temperature,
        )
        return losses.mean(dim=1)

    def loss(
        self, reps: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the objectives, and each of them."""
        config, text, scale = self.config, reps["text"], reps["scale"]
        weights = {
            "contrast_u": 0.5,
            "contrast_v": 0.5,
            "reconstruction": config.reconstruction.weight,
            "class": config.distillation.class_weight,
            "patch": config.distillation.patch_weight,
        }
        parts = {
            "contrast_u": info_nce(reps["image_u"], text, scale, chunk=config.chunk),
            "contrast_v": info_nce(reps["image_v"], text, scale, chunk=config.chunk),
        } | {name: reps[name].mean() for name in weights if name in reps}
        loss = torch.stack([weights[name] * value for name, value in parts.items()]).sum()
        if self.training and "teacher_class" in reps:
            both = torch.stack([reps["teacher_class"], reps["teacher_patch"]])
            self._seen.append(both.detach().mean(dim=1))
        logs = {name: value.detach() for name, value in parts.items()}
        right = top_1(reps["image_u"], text, chunk=config.chunk)
        return loss, logs | {"top_1": right, "scale": scale[0].detach()}

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Centres, teacher, temperature, scale; steps count from 1."""
        if self._seen and self.teacher.head is not None:
            means = mean_over_processes(torch.stack(self._seen).mean(dim=0))
            scores = self.teacher.head.scores(means)
            kept = self.config.distillation.centre_momentum
            for centre, mean in zip((self.class_centre, self.patch_centre), scores, strict=True):
                centre.copy_(moved_centre(centre, mean, kept))
            self._seen = []
        mine: list[Tensor] = list(self.student.parameters())
        its: list[Tensor] = list(self.teacher.parameters())
        torch._foreach_lerp_(its, mine, 1 - self.momentum(step))
        self.patch_temperature.fill_(self._patch_temperature(step))
        self.scale.clamp_(0, MAX_SCALE)

    def momentum(self, step: int) -> float:
        """Share of the old teacher kept after so many steps: from ``momentum`` to 1."""
        start, steps = self.config.momentum, self.config.momentum_steps
        if steps == 0:
            return start
        return 1 - (1 - start) * (1 + math.cos(math.pi * min(step / steps, 1.0))) / 2

    def _patch_temperature(self, step: int) -> float:
        config = self.config.distillation
        early = step < config.first_steps
        return config.first_patch_temperature if early else config.patch_temperature

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """What trains: image, text, projections, head, decoder, scale."""
        side = self.student
        modules: dict[str, list[nn.Module | None]] = {
            "image": [side.image],
            "text": [side.text],
            "projections": [side.image_projection, side.text_projection],
            "head": [side.head],
            "decoder": [self.decoder, self.pixels],
        }
        groups = {
            name: [each for part in parts if part is not None for each in part.parameters()]
            for name, parts in modules.items()
        } | {"scale": [self.scale]}
        training = {
            name: [each for each in group if each.requires_grad] for name, group in groups.items()
        }
        return {name: group for name, group in training.items() if group}
