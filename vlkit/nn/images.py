"""Image encoders: the towers of timm and open_clip behind one interface.

Shapes: B pictures of 3 x H x W pixels, N patches (or cells of the last map) D wide, P tokens
before the patches (class token, registers), K patches that are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlkit.errors import ModelError
from vlkit.nn.attention import attention, class_row, plain_is_faster
from vlkit.nn.features import Features, all_real, grid_boxes

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class ImageTower:
    """Which image tower, and how it departs from its architecture; None = as the architecture.

    Attributes:
        library: ``timm``, or ``open_clip`` for the image side of one of its models (native or
            timm inside).
        architecture: A name that the library lists: ``vit_base_patch16_224``, ``ViT-B-32``.
        image_size: Side of the square picture, in pixels.
        patch_size: Side of a patch; with width, depth, heads and mlp_ratio for ViTs only.
        width: D.
        depth: Number of blocks.
        heads: Attention heads of a block.
        mlp_ratio: Width of a block's hidden layer ÷ D.
        activation: Of the blocks' hidden layers.
        pool: How timm pools: ``token``, ``avg``, ``map``, …
        drop_path: Stochastic depth of the last block while training (timm only).
        mean: What the pixels are shifted by, of 0..1.
        std: What they are then divided by.
    """

    library: Literal["timm", "open_clip"]
    architecture: str
    image_size: int | None = None
    patch_size: int | None = None
    width: int | None = None
    depth: int | None = None
    heads: int | None = None
    mlp_ratio: float | None = None
    activation: Literal["gelu", "gelu_tanh", "quick_gelu"] | None = None
    pool: str | None = None
    drop_path: float | None = None
    mean: Rgb | None = None
    std: Rgb | None = None


class ImageEncoder(nn.Module):
    """A tower without its projection; made by `create`.

    The library's own module is ``tower``, its parameters under the library's own names.

    Attributes:
        width: D, of the tokens.
        pooled_width: Width of the pooled vector, mostly D.
        image_size: Side of the pictures, in pixels.
        grid: Rows and columns of patches or cells.
        patch: Side of a patch or cell, in pixels.
        mean: What pixels of 0..1 are shifted by before they come here.
        std: And divided by.
    """

    tower: Any
    cells: Tensor
    width: int
    pooled_width: int
    grid: tuple[int, int]
    patch: int

    def __init__(self, config: ImageTower, tower: nn.Module, image_size: int) -> None:
        super().__init__()
        self.config = config
        self.tower = tower
        self.image_size = image_size
        self.mean, self.std = _mean_and_std(config)

    @staticmethod
    def create(config: ImageTower) -> ImageEncoder:
        """The encoder with random weights.

        Raises:
            UnknownName: if the library has no such architecture.
            ModelError: if the architecture cannot be changed as asked.
        """
        from vlkit.nn.towers import build_image_tower

        tower, image_size = build_image_tower(config)
        for kind in (TimmViT, OpenClipViT, OpenClipResNet):
            if kind.fits(tower):
                return kind(config, tower, image_size)
        return TimmMap(config, tower, image_size)

    def forward(self, pixels: Tensor, keep: Tensor | None = None) -> Features:
        """Encode pictures.

        Args:
            pixels: [B, 3, H, W], shifted and scaled by `mean` and `std`.
            keep: [B, K] int64, the patches that stay; the others are dropped before the blocks,
                so that K patches cost what K patches cost. Tokens come in this order.

        Raises:
            ModelError: if the pictures have another size, or `keep` is given to a tower whose
                patches are no sequence.
        """
        raise NotImplementedError

    def forward_with_class_attention(self, pixels: Tensor) -> tuple[Features, Tensor]:
        """Encode pictures, and say where the class token looks.

        Returns:
            The features, and [B, N]: the class token's attention to each patch, averaged over
            all heads and blocks. Only that row is computed, never an [N, N] map. Blocks are taken
            apart for it, so what is hung on them as a whole (recomputation, compilation) does
            not take part.

        Raises:
            ModelError: if the tower has no class token or its blocks are of a special kind.
        """
        raise self._refusal("has no class token's attention", "Choose a ViT with a class token")

    def _set_grid(self, rows: int, columns: int) -> None:
        self.grid = (rows, columns)
        self.patch = self.image_size // rows
        self.register_buffer("cells", grid_boxes(rows, columns), persistent=False)

    def _check(self, pixels: Tensor) -> None:
        height, width = pixels.shape[-2:]
        if (height, width) != (self.image_size, self.image_size):
            raise self._refusal(
                f"takes pictures of {self.image_size} x {self.image_size} pixels, "
                f"not {width} x {height}",
                "Resize the pictures, or create the encoder with another image_size",
            )

    def _refusal(self, problem: str, remedy: str) -> ModelError:
        return ModelError(f"{self.config.architecture} {problem}", remedy=remedy)

    def _boxes(self, batch: int, keep: Tensor | None) -> Tensor:
        if keep is None:
            return self.cells.expand(batch, -1, -1)
        return self.cells[keep]


class _ViT(ImageEncoder):
    """Patches, blocks, pooling; what differs between the libraries is in the subclasses."""

    prefix: int  # tokens before the patches

    def _embed(self, pixels: Tensor) -> Tensor:
        """[B, P + N, D]: prefix and patches with their positions."""
        raise NotImplementedError

    def _blocks(self) -> list[Any]:
        raise NotImplementedError

    def _block_with_row(self, block: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        """One block, and the class token's attention [B, P + N] in it."""
        raise NotImplementedError

    def _choose_attention(self, x: Tensor) -> None:
        """Have the blocks compute attention the faster way, where the library has a choice."""

    def _finish(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Patch tokens [B, N, D] and pooled vector [B, P] of the last block's output."""
        raise NotImplementedError

    def _has_plain_class_attention(self) -> bool:
        raise NotImplementedError

    def forward(self, pixels: Tensor, keep: Tensor | None = None) -> Features:
        self._check(pixels)
        x = self._embed(pixels)
        if keep is not None:
            x = self._kept(x, keep)
        self._choose_attention(x)
        for block in self._blocks():
            x = block(x)
        return self._features(x, keep)

    def forward_with_class_attention(self, pixels: Tensor) -> tuple[Features, Tensor]:
        if not self._has_plain_class_attention():
            return super().forward_with_class_attention(pixels)
        self._check(pixels)
        x = self._embed(pixels)
        blocks = self._blocks()
        total = x.new_zeros(x.shape[:2], dtype=torch.float32)
        for block in blocks:
            with whole(block):
                x, row = self._block_with_row(block, x)
            total = total + row
        return self._features(x, None), total[:, self.prefix :] / len(blocks)

    def _kept(self, x: Tensor, keep: Tensor) -> Tensor:
        prefix, patches = x[:, : self.prefix], x[:, self.prefix :]
        index = keep[..., None].expand(-1, -1, x.shape[-1])
        return torch.cat([prefix, patches.gather(1, index)], dim=1)

    def _features(self, x: Tensor, keep: Tensor | None) -> Features:
        tokens, pooled = self._finish(x)
        looks = tokens.shape[1] == (self.cells.shape[0] if keep is None else keep.shape[1])
        boxes = self._boxes(len(x), keep) if looks else None
        return Features(tokens, all_real(tokens), pooled, boxes)


class TimmViT(_ViT):
    """timm's ``VisionTransformer``, alone or in an open_clip model."""

    def __init__(self, config: ImageTower, tower: nn.Module, image_size: int) -> None:
        super().__init__(config, tower, image_size)
        self.width = self.pooled_width = int(self.tower.embed_dim)
        self.prefix = int(self.tower.num_prefix_tokens)
        self._set_grid(*self.tower.patch_embed.grid_size)

    @staticmethod
    def fits(tower: nn.Module) -> bool:
        from timm.models.vision_transformer import VisionTransformer

        kind = type(tower)
        return (
            issubclass(kind, VisionTransformer)
            and kind.forward_features is VisionTransformer.forward_features
        )

    def _embed(self, pixels: Tensor) -> Tensor:
        x: Tensor = self.tower._pos_embed(self.tower.patch_embed(pixels))
        return self.tower.norm_pre(x)  # type: ignore[no-any-return]

    def _blocks(self) -> list[Any]:
        return list(self.tower.blocks)

    def _choose_attention(self, x: Tensor) -> None:
        from timm.models.vision_transformer import Block

        device = x.device.type
        autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else x.dtype
        training = torch.is_grad_enabled() and self.training
        plain = plain_is_faster(device, dtype, x.shape[1], training=training)
        # In float32, what timm's plain way gains is lost again around it.
        fused = not (plain and dtype == torch.bfloat16)
        for block in self.tower.blocks:
            if _behaves_as(block, Block):  # parallel blocks have no one attention
                block.attn.fused_attn = fused

    def _has_plain_class_attention(self) -> bool:
        from timm.models.vision_transformer import Attention, Block  # type: ignore[attr-defined]

        parts = {"qkv", "q_norm", "k_norm", "attn_drop", "norm", "proj", "proj_drop"}
        return self.tower.cls_token is not None and all(
            _behaves_as(block, Block)
            and _behaves_as(block.attn, Attention)
            and {name for name, _ in block.attn.named_children()} <= parts
            for block in self._blocks()
        )

    def _block_with_row(self, block: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        attn, h = block.attn, block.norm1(x)
        qkv = attn.qkv(h).unflatten(-1, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
        q, k, v = attn.q_norm(qkv[0]), attn.k_norm(qkv[1]), qkv[2]
        h = attn.norm(attention(q, k, v).transpose(1, 2).flatten(2))
        x = x + block.drop_path1(block.ls1(attn.proj_drop(attn.proj(h))))
        x = x + block.drop_path2(block.ls2(block.mlp(block.norm2(x))))
        return x, class_row(q[:, :, 0], k)

    def _finish(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        x = self.tower.norm(x)
        pooled = self.tower.forward_head(x, pre_logits=True)
        tokens = self.tower.fc_norm(x[:, self.prefix :])  # identity where `norm` is none
        return tokens, pooled if pooled.ndim == 2 else None


class OpenClipViT(_ViT):
    """open_clip's own ``VisionTransformer``."""

    prefix = 1

    def __init__(self, config: ImageTower, tower: nn.Module, image_size: int) -> None:
        super().__init__(config, tower, image_size)
        self.width = self.pooled_width = int(self.tower.ln_post.normalized_shape[0])
        self._set_grid(*self.tower.grid_size)

    @staticmethod
    def fits(tower: nn.Module) -> bool:
        from open_clip.transformer import VisionTransformer  # type: ignore[import-untyped]

        return isinstance(tower, VisionTransformer)

    def _embed(self, pixels: Tensor) -> Tensor:
        return self.tower._embeds(pixels)  # type: ignore[no-any-return]

    def _blocks(self) -> list[Any]:
        return list(self.tower.transformer.resblocks)

    def _has_plain_class_attention(self) -> bool:
        from open_clip.transformer import ResidualAttentionBlock

        return all(
            _behaves_as(block, ResidualAttentionBlock)
            and _behaves_as(block.attn, nn.MultiheadAttention)
            for block in self._blocks()
        )

    def _block_with_row(self, block: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        attn, h = block.attn, block.ln_1(x)
        qkv: Any = functional.linear(h, attn.in_proj_weight, attn.in_proj_bias)
        q, k, v = qkv.unflatten(-1, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
        x = x + block.ls_1(attn.out_proj(attention(q, k, v).transpose(1, 2).flatten(2)))
        x = x + block.ls_2(block.mlp(block.ln_2(x)))
        return x, class_row(q[:, :, 0], k)

    def _finish(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        pooled, tokens = self.tower._pool(x)
        if self.tower.attn_pool is None and self.tower.final_ln_after_pool:
            tokens = self.tower.ln_post(tokens)
        return tokens, pooled if pooled.ndim == 2 else None


class _Map(ImageEncoder):
    """Towers that are no sequence of patches throughout: their last map's cells are the tokens."""

    def __init__(self, config: ImageTower, tower: nn.Module, image_size: int) -> None:
        super().__init__(config, tower, image_size)
        # What comes out is learned from a pass over shapes alone, which computes nothing.
        state = {**dict(tower.named_parameters()), **dict(tower.named_buffers())}
        shapes = {f"encoder.tower.{name}": value.to("meta") for name, value in state.items()}
        pixels = torch.empty(1, 3, image_size, image_size, device="meta")
        training, _ = tower.training, tower.eval()
        with torch.no_grad():
            tokens, pooled, grid = torch.func.functional_call(_Call(self), shapes, pixels)
        tower.train(training)
        self.width, self.pooled_width = tokens.shape[-1], pooled.shape[-1]
        self._set_grid(*grid)

    def _run(self, pixels: Tensor) -> tuple[Tensor, Tensor, tuple[int, int]]:
        """Tokens [B, N, D], pooled [B, P], rows and columns."""
        raise NotImplementedError

    def forward(self, pixels: Tensor, keep: Tensor | None = None) -> Features:
        if keep is not None:
            raise self._refusal("cannot leave patches out", "Choose a ViT, or give no `keep`")
        self._check(pixels)
        tokens, pooled, _ = self._run(pixels)
        return Features(tokens, all_real(tokens), pooled, self._boxes(len(tokens), None))


class _Call(nn.Module):
    """Runs an encoder's tower where only a module's forward can be run."""

    def __init__(self, encoder: _Map) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, tuple[int, int]]:
        return self.encoder._run(pixels)


class TimmMap(_Map):
    """Any other timm tower: convolutional and hierarchical ones, and special transformers."""

    def _run(self, pixels: Tensor) -> tuple[Tensor, Tensor, tuple[int, int]]:
        x = self.tower.forward_features(pixels)
        pooled: Tensor = self.tower.forward_head(x, pre_logits=True)
        if x.ndim == 3:
            side = int(x.shape[1] ** 0.5)
            return x[:, x.shape[1] - side**2 :], pooled, (side, side)
        channels_last = x.shape[-1] == self.tower.num_features != x.shape[1]
        if not channels_last:
            x = x.permute(0, 2, 3, 1)
        return x.flatten(1, 2), pooled, (x.shape[1], x.shape[2])


class OpenClipResNet(_Map):
    """open_clip's ``ModifiedResNet``, whose attention pooling ends in the projection."""

    @staticmethod
    def fits(tower: nn.Module) -> bool:
        from open_clip.modified_resnet import ModifiedResNet  # type: ignore[import-untyped]

        return isinstance(tower, ModifiedResNet)

    def _run(self, pixels: Tensor) -> tuple[Tensor, Tensor, tuple[int, int]]:
        x = self.tower.stem(pixels)
        for stage in (self.tower.layer1, self.tower.layer2, self.tower.layer3, self.tower.layer4):
            x = stage(x)
        return x.flatten(2).transpose(1, 2), self.tower.attnpool(x), (x.shape[2], x.shape[3])


def _behaves_as(module: nn.Module, kind: Any) -> bool:
    """Whether it is of that class, or of one (as FSDP2 makes them) that adds nothing to forward."""
    return isinstance(module, kind) and type(module).forward is kind.forward


@contextmanager
def whole(block: nn.Module) -> Iterator[None]:
    """The parameters of a block that may be sharded (FSDP2), gathered while its parts are used.

    FSDP2 does it itself only where the block as a whole is called.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        yield
        return
    from torch.distributed.fsdp import FSDPModule

    if not isinstance(block, FSDPModule):
        yield
        return
    block.unshard()
    yield
    block.reshard()


def _mean_and_std(config: ImageTower) -> tuple[Rgb, Rgb]:
    from vlkit.nn.towers import image_statistics

    mean, std = image_statistics(config)
    return config.mean or mean, config.std or std


def stem(image: ImageEncoder) -> nn.Module:
    """A ViT's projection of pixels to patches.

    Raises:
        ModelError: if the tower is no ViT.
    """
    found: nn.Module
    if isinstance(image, TimmViT):
        found = image.tower.patch_embed.proj
    elif isinstance(image, OpenClipViT):
        found = image.tower.conv1
    else:
        raise ModelError(
            f"{image.config.architecture} has no projection of patches", remedy="Choose a ViT"
        )
    return found
