"""Image encoders equal the library's own forward pass, and drop patches as they say."""

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.functional import linear

from vlkit.errors import ModelError, UnknownName
from vlkit.nn.features import grid_boxes
from vlkit.nn.images import ImageEncoder, ImageTower

SMALL = {"image_size": 32, "patch_size": 8, "width": 48, "depth": 2, "heads": 3}
VITS = {
    "timm": ImageTower("timm", "vit_base_patch16_224", **SMALL),
    "timm registers": ImageTower("timm", "vit_base_patch16_reg4_gap_256", **SMALL),
    "open_clip": ImageTower("open_clip", "ViT-B-32", **SMALL, activation="quick_gelu"),
    "CLIPA": ImageTower("open_clip", "ViT-L-14-CLIPA", **SMALL),  # averages, then normalises
    "SigLIP": ImageTower("open_clip", "ViT-B-16-SigLIP", **SMALL),
    "MobileCLIP-B": ImageTower("open_clip", "MobileCLIP-B", image_size=32, depth=2),
    "parallel things": ImageTower("timm", "vit_small_patch16_18x2_224", **SMALL),
    "parallel scaling": ImageTower("timm", "vit_base_patch16_xp_224", **SMALL),
}
MAPS = {
    "MobileCLIP-S1": ImageTower("open_clip", "MobileCLIP-S1", image_size=64),
    "ResNet": ImageTower("timm", "test_resnet", image_size=64),
    "hierarchical": ImageTower("timm", "swin_tiny_patch4_window7_224"),
    "special transformer": ImageTower("timm", "eva02_tiny_patch14_224", image_size=56),
}
WITH_CLASS = ["timm", "open_clip", "MobileCLIP-B"]


@cache
def encoder(name: str) -> ImageEncoder:
    torch.manual_seed(0)
    made = ImageEncoder.create({**VITS, **MAPS}[name]).eval()
    for parameter in made.parameters():  # nothing may hide behind zeros and ones
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    return made


def pictures(made: ImageEncoder, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, made.image_size, made.image_size)


@pytest.mark.parametrize("name", [*VITS, *MAPS])
@torch.no_grad()
def test_pooled_equals_the_tower_itself(name: str) -> None:
    made = encoder(name)
    pixels = pictures(made)
    features = made(pixels)
    expected = made.tower(pixels)
    torch.testing.assert_close(features.pooled, expected, atol=1e-5, rtol=0)
    rows, columns = made.grid
    assert features.tokens.shape == (2, rows * columns, made.width)
    assert features.pooled.shape == (2, made.pooled_width)
    assert features.mask.all()
    assert features.mask.shape == features.tokens.shape[:2]
    torch.testing.assert_close(features.boxes[1], grid_boxes(rows, columns))
    assert made.patch * rows == made.image_size


@pytest.mark.parametrize("name", VITS)
@torch.no_grad()
def test_keeping_all_patches_in_another_order_permutes_them(name: str) -> None:
    made = encoder(name)
    pixels = pictures(made)
    order = torch.stack([torch.randperm(made.grid[0] * made.grid[1]) for _ in pixels])
    all_of_them, kept = made(pixels), made(pixels, order)
    index = order[..., None].expand_as(kept.tokens)
    torch.testing.assert_close(kept.tokens, all_of_them.tokens.gather(1, index), atol=1e-5, rtol=0)
    torch.testing.assert_close(kept.pooled, all_of_them.pooled, atol=1e-5, rtol=0)
    torch.testing.assert_close(kept.boxes, all_of_them.boxes[0][order])


@pytest.mark.parametrize("name", ["timm", "open_clip"])
@torch.no_grad()
def test_dropped_patches_are_not_seen(name: str) -> None:
    """What stands in a patch that is dropped changes nothing (patches don't overlap here)."""
    made = encoder(name)
    pixels = pictures(made)
    keep = torch.tensor([[5, 0, 3], [1, 2, 15]])
    gone = torch.ones(2, 16, dtype=torch.bool).scatter_(1, keep, False)
    paint = gone.reshape(2, 1, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3)
    torch.testing.assert_close(
        made(pixels, keep).tokens, made(pixels.masked_fill(paint, 9.0), keep).tokens
    )


def full_maps(made: ImageEncoder, pixels: Tensor) -> Tensor:
    """The mean of all attention maps, [B, P + N, P + N], by hooks and the plain formula."""
    maps: list[Tensor] = []

    def keep_map(attn: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(attn, torch.nn.MultiheadAttention):
            projected = linear(inputs[0], attn.in_proj_weight, attn.in_proj_bias)
        else:
            projected = attn.qkv(inputs[0])
        batch, n, width = inputs[0].shape
        heads = attn.num_heads
        q, k, _ = projected.reshape(batch, n, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        maps.append((q @ k.transpose(2, 3) / (width // heads) ** 0.5).softmax(-1).mean(1))

    hooks = [
        part.register_forward_pre_hook(keep_map)
        for name, part in made.tower.named_modules()
        if name.endswith(".attn")
    ]
    made(pixels)
    for hook in hooks:
        hook.remove()
    return torch.stack(maps).mean(0)


@pytest.mark.parametrize("name", WITH_CLASS)
@torch.no_grad()
def test_class_attention_is_the_first_row_of_the_full_maps(name: str) -> None:
    made = encoder(name)
    pixels = pictures(made)
    features, row = made.forward_with_class_attention(pixels)
    torch.testing.assert_close(row, full_maps(made, pixels)[:, 0, 1:], atol=1e-6, rtol=0)
    torch.testing.assert_close(features.tokens, made(pixels).tokens, atol=1e-5, rtol=0)
    torch.testing.assert_close(features.pooled, made(pixels).pooled, atol=1e-5, rtol=0)


def test_training_in_bfloat16_on_a_cpu_takes_the_plain_attention() -> None:
    """Its fused kernel is several times slower there; what comes out is the same."""
    made, pixels = copy.deepcopy(encoder("timm")), pictures(encoder("timm"))
    outs = []
    for training in (True, False):
        made.train(training)
        with torch.autocast("cpu", torch.bfloat16):
            outs.append(made(pixels).pooled)
        assert made.tower.blocks[0].attn.fused_attn is not training
    torch.testing.assert_close(*outs, atol=0.05, rtol=0.05)


def test_a_copy_is_a_teacher_of_its_own() -> None:
    """Deep copies, as teachers are made, share nothing with the original."""
    made, pixels = encoder("open_clip"), pictures(encoder("open_clip"))
    copied = copy.deepcopy(made)
    torch.nn.init.zeros_(copied.tower.conv1.weight)
    assert not torch.allclose(copied(pixels).tokens, made(pixels).tokens)


@pytest.mark.parametrize("name", ["timm", "open_clip"])
def test_one_graph_holds_it_all(name: str) -> None:
    made = encoder(name)
    pixels, keep = pictures(made), torch.tensor([[0, 5, 3], [1, 2, 15]])

    def both(pixels: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        return made(pixels, keep).tokens, made.forward_with_class_attention(pixels)[1]

    compiled = torch.compile(both, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(pixels, keep), both(pixels, keep))


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[DeviceMesh]:
    store = f"file://{tmp_path / 'store'}"
    torch.distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    torch.distributed.destroy_process_group()


class ClassAttention(torch.nn.Module):
    def __init__(self, made: ImageEncoder) -> None:
        super().__init__()
        self.encoder = made

    def forward(self, pixels: Tensor) -> Tensor:
        return self.encoder.forward_with_class_attention(pixels)[1]


@pytest.mark.parametrize("name", ["timm", "open_clip"])
@torch.no_grad()
def test_class_attention_of_sharded_blocks(name: str, one_process: DeviceMesh) -> None:
    """FSDP2 gathers a block's weights when it is called; here its parts are."""
    made = encoder(name)
    pixels = pictures(made)
    _, expected = made.forward_with_class_attention(pixels)
    model = ClassAttention(copy.deepcopy(made))
    for block in model.encoder._blocks():
        fully_shard(block, mesh=one_process)
    fully_shard(model, mesh=one_process)
    for _ in range(2):
        torch.testing.assert_close(model(pixels), expected)


def test_refusals() -> None:
    with pytest.raises(ModelError, match="cannot leave patches out"):
        encoder("ResNet")(pictures(encoder("ResNet")), torch.zeros(2, 1, dtype=torch.long))
    with pytest.raises(ModelError, match="class token"):
        encoder("SigLIP").forward_with_class_attention(pictures(encoder("SigLIP")))
    with pytest.raises(ModelError, match="32 x 32 pixels, not 48 x 40"):
        encoder("timm")(torch.zeros(1, 3, 40, 48))
    with pytest.raises(ModelError, match=r"no plain ViT.*depth"):
        ImageEncoder.create(ImageTower("timm", "resnet18", depth=3))
    with pytest.raises(ModelError, match="divide by the heads"):
        ImageEncoder.create(ImageTower("timm", "vit_base_patch16_224", width=50, heads=3))
    with pytest.raises(UnknownName, match="vit_base_patch16_224"):
        ImageEncoder.create(ImageTower("timm", "vit_base_patch16_24"))
    with pytest.raises(UnknownName, match="ViT-B-32"):
        ImageEncoder.create(ImageTower("open_clip", "ViT-B-33"))


def test_pixel_statistics_are_the_architectures_or_ours() -> None:
    assert encoder("SigLIP").mean == (0.5, 0.5, 0.5)
    assert encoder("MobileCLIP-S1").std == (1.0, 1.0, 1.0)
    ours = ImageTower("timm", "vit_base_patch16_224", **SMALL, mean=(0.1, 0.2, 0.3))
    assert ImageEncoder.create(ours).mean == (0.1, 0.2, 0.3)
