"""Which way of computing attention is faster where, and what the class token's row costs.

    python -m benchmarks.attention [--json FILE]

On the CPU one thread is timed by its own processor time, so that other work on the machine does
not count. The limits in ``vlkit.nn.attention.PLAIN_UP_TO`` come from here.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from benchmarks.table import Row, show, write
from vlkit.nn.attention import attention
from vlkit.nn.images import ImageEncoder, ImageTower

TOKENS = (16, 32, 50, 64, 100, 144, 197, 257, 512)
HEADS, CHANNELS = 6, 64


def plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return ((q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)).softmax(-1) @ v


def milliseconds(work: Callable[[], object], device: str, repeats: int = 7) -> float:
    """The best of some repeats after a first one that does not count."""
    best = float("inf")
    for turn in range(repeats + 1):
        start = clock(device)
        work()
        if turn:
            best = min(best, clock(device) - start)
    return best * 1000


def clock(device: str) -> float:
    if device == "cpu":
        return time.thread_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def ways(device: str, dtype: torch.dtype, training: bool) -> Iterator[Row]:
    for tokens in TOKENS:
        shape = (max(1, 2048 // tokens), HEADS, tokens, CHANNELS)
        q, k, v = (
            torch.randn(shape, device=device, dtype=dtype, requires_grad=training) for _ in range(3)
        )

        def once(way: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
            out = way(q, k, v)  # noqa: B023
            if training:
                torch.autograd.grad(out.sum(), (q, k, v))  # noqa: B023

        took = {
            name: milliseconds(lambda way=way: once(way), device)
            for name, way in (
                ("fused", scaled_dot_product_attention),
                ("plain", plain),
                ("ours", attention),
            )
        }
        ours, best = took.pop("ours"), min(took.values())
        kind = f"{device} {str(dtype).removeprefix('torch.')}"
        yield Row(
            on=f"{kind} {'training' if training else 'inference'}, {tokens} tokens",
            figure="ms",
            ours=ours,
            alternatives=took,
            wanted="within 1.2 of the faster",
            reached=ours <= 1.2 * best,
            detail={"shape": list(shape)},
        )


def full_maps(encoder: ImageEncoder, pixels: Tensor) -> Tensor:
    """The class token's attention as it is had from full maps, computed beside the blocks."""
    maps: list[Tensor] = []

    def keep(attn: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        qkv = attn.qkv(inputs[0]).unflatten(-1, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
        maps.append((qkv[0] @ qkv[1].transpose(-2, -1) * attn.head_dim**-0.5).softmax(-1))

    hooks = [block.attn.register_forward_pre_hook(keep) for block in encoder.tower.blocks]
    encoder(pixels)
    for hook in hooks:
        hook.remove()
    return torch.stack(maps).mean((0, 2))[:, 0, 1:]


def row_beside(device: str) -> Row:
    """ViT-S/16 at 224 pixels: features alone, with the row, with full maps."""
    tower = ImageTower("timm", "vit_small_patch16_224")
    encoder = ImageEncoder.create(tower).eval().to(device)
    pixels = torch.randn(8, 3, 224, 224, device=device)
    with torch.no_grad():
        alone = milliseconds(lambda: encoder(pixels), device, 3)
        ours = milliseconds(lambda: encoder.forward_with_class_attention(pixels), device, 3)
        maps = milliseconds(lambda: full_maps(encoder, pixels), device, 3)
    return Row(
        on=f"{device}, ViT-S/16, 8 pictures of 224 pixels, with the class token's attention",
        figure="ms",
        ours=ours,
        alternatives={"full maps": maps, "features alone": alone},
        wanted="less than full maps",
        reached=ours < maps,
    )


def rows(device: str) -> list[Row]:
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        with torch.no_grad():
            found += list(ways(device, dtype, training=False))
        found += list(ways(device, dtype, training=True))
    return [*found, row_beside(device)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, default=Path("benchmarks/out/attention.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = rows("cpu")
    if torch.cuda.is_available():
        found += rows("cuda")
    write(found, arguments.json)
    show(found)


if __name__ == "__main__":
    main()
