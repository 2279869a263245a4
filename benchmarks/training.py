"""Training steps beside plain ones, in one run: samples a second, peak memory, floating-point work.

    python -m benchmarks.training [--size nano|base] [--batch N] [--rounds N] [--json FILE]

- DetailCLIP's step against one that does what the published one does (full attention maps, heads
  on all tokens): `benchmarks/plain_detailclip.py`.
- CLIP's step against open_clip's, on the same towers.

A step is forward, loss, backward, AdamW, and what comes after it; data are random and in memory.
``nano`` is the shelf's size and runs on the CPU in fp32; ``base`` is ViT-B/16 in bfloat16 for an
accelerator. Steps of the two arms take turns, so that whatever else the machine does meets both.
Time is the process's own on the CPU (wall time beside it in the JSON), the accelerator's on one.
Memory is the peak of resident (or allocated) memory over a process that has built nothing yet.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.plain_detailclip import PlainStep, average
from benchmarks.resident import forget_peak, status
from benchmarks.table import Row, show, write
from vlkit.adapters.config import AdapterConfig
from vlkit.losses.distillation import moved_centre
from vlkit.models.clip import Clip, ClipConfig
from vlkit.models.detailclip import (
    DetailClip,
    DetailClipConfig,
    Distillation,
    Reconstruction,
)
from vlkit.nn.images import ImageTower
from vlkit.nn.texts import TextTower

Step = Callable[[], Tensor]


@dataclass(frozen=True)
class Size:
    """Dimensions of both towers and of the heads; how a step is run."""

    image: int
    width: int
    depth: int
    heads: int
    text_width: int
    text_depth: int
    text_heads: int
    context: int
    vocabulary: int
    joint: int
    hidden: int
    bottleneck: int
    prototypes: int
    decoder_heads: int
    batch: int
    bfloat16: bool


SIZES = {
    "nano": Size(128, 160, 6, 5, 128, 4, 4, 32, 8192, 128, 512, 128, 1024, 5, 32, False),
    "base": Size(224, 768, 12, 12, 512, 12, 8, 77, 49408, 512, 2048, 256, 8192, 16, 256, True),
}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def text_tower(size: Size) -> TextTower:
    return TextTower(
        "open_clip",
        "ViT-B-32",
        context_length=size.context,
        vocab_size=size.vocabulary,
        width=size.text_width,
        depth=size.text_depth,
        heads=size.text_heads,
    )


def detailclip(size: Size) -> DetailClip:
    config = DetailClipConfig(
        image=ImageTower(
            "timm",
            "vit_base_patch16_224",
            image_size=size.image,
            width=size.width,
            depth=size.depth,
            heads=size.heads,
            pool="token",
        ),
        text=text_tower(size),
        width=size.joint,
        distillation=Distillation(
            hidden=size.hidden, bottleneck=size.bottleneck, prototypes=size.prototypes
        ),
        reconstruction=Reconstruction(heads=size.decoder_heads),
    )
    return DetailClip(config).to(DEVICE).train()


def batch_of(size: Size, count: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    ids = torch.randint(1, size.vocabulary - 1, (count, size.context))
    ids[:, -1] = size.vocabulary - 1
    views = torch.randn(count, 2, 3, size.image, size.image)
    batch = {"views": views, "pixels": views[:, 0].contiguous(), "ids": ids}
    return {name: each.to(DEVICE) for name, each in batch.items()}


def stepping(
    model: nn.Module, size: Size, loss_of: Callable[[], Tensor], after: Callable[[], None]
) -> Step:
    parameters = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)

    def step() -> Tensor:
        optimizer.zero_grad()
        with torch.autocast(DEVICE, torch.bfloat16, enabled=size.bfloat16):
            loss = loss_of()
        loss.backward()
        optimizer.step()
        after()
        return loss.detach()

    return step


def our_detailclip(size: Size, count: int) -> Step:
    model, batch = detailclip(size), batch_of(size, count)
    return stepping(
        model,
        size,
        lambda: model.loss(model.encode(batch), batch)[0],
        lambda: model.after_step(1),
    )


def plain_detailclip(size: Size, count: int) -> Step:
    model, batch = detailclip(size), batch_of(size, count)
    plain = PlainStep(model)
    means: dict[str, Tensor] = {}

    def loss_of() -> Tensor:
        parts = plain.losses(batch["views"], batch["ids"])
        means.update({name: parts.pop(f"{name}_mean").detach() for name in ("class", "patch")})
        return torch.stack(
            [value * (0.5 if "contrast" in name else 1.0) for name, value in parts.items()]
        ).sum()

    @torch.no_grad()
    def after() -> None:
        model.class_centre.copy_(moved_centre(model.class_centre, means["class"], 0.9))
        model.patch_centre.copy_(moved_centre(model.patch_centre, means["patch"], 0.9))
        average(model.teacher, model.student, model.momentum(1))
        model.scale.clamp_(0, 4.6052)

    return stepping(model, size, loss_of, after)


def our_clip(size: Size, count: int) -> Step:
    tower = ImageTower(
        "open_clip",
        "ViT-B-32",
        image_size=size.image,
        patch_size=16,
        width=size.width,
        depth=size.depth,
        heads=size.heads,
    )
    linear = AdapterConfig("linear", width=size.joint, bias=False)
    model = Clip(ClipConfig(tower, text_tower(size), linear, linear)).to(DEVICE).train()
    batch = batch_of(size, count)
    return stepping(
        model,
        size,
        lambda: model.loss(model.encode(batch), batch)[0],
        lambda: model.after_step(1),
    )


def their_clip(size: Size, count: int) -> Step:
    import open_clip

    vision = {
        "image_size": size.image,
        "patch_size": 16,
        "width": size.width,
        "layers": size.depth,
        "head_width": size.width // size.heads,
    }
    text = {
        "context_length": size.context,
        "vocab_size": size.vocabulary,
        "width": size.text_width,
        "layers": size.text_depth,
        "heads": size.text_heads,
    }
    model = open_clip.model.CLIP(size.joint, vision, text, output_dict=True).to(DEVICE).train()
    criterion = open_clip.loss.ClipLoss()
    batch = batch_of(size, count)

    def loss_of() -> Tensor:
        loss: Tensor = criterion(**model(batch["pixels"], batch["ids"]))
        return loss

    @torch.no_grad()
    def after() -> None:
        model.logit_scale.clamp_(0, 4.6052)

    return stepping(model, size, loss_of, after)


ARMS: dict[str, Callable[[Size, int], Step]] = {
    "our_detailclip": our_detailclip,
    "plain_detailclip": plain_detailclip,
    "our_clip": our_clip,
    "their_clip": their_clip,
}


def clock() -> tuple[float, float]:
    """Seconds of work, and of the wall."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter(), time.perf_counter()
    return time.process_time(), time.perf_counter()


def samples_per_second(
    names: tuple[str, str], size: Size, count: int, rounds: int
) -> dict[str, tuple[float, float]]:
    """Of two arms whose steps take turns; the median round, by work and by the wall."""
    steps = {name: ARMS[name](size, count) for name in names}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for name in names:
        for _ in range(2):
            steps[name]()
    for turn in range(rounds):
        for name in names if turn % 2 else names[::-1]:
            work, wall = clock()
            steps[name]()
            work_end, wall_end = clock()
            taken[name].append((work_end - work, wall_end - wall))
    return {
        name: (
            count / statistics.median(each[0] for each in times),
            count / statistics.median(each[1] for each in times),
        )
        for name, times in taken.items()
    }


def work(name: str, size: Size) -> float:
    """GFLOP a sample and step, of matrix products and attention."""
    from torch.utils.flop_counter import FlopCounterMode

    step = ARMS[name](size, 2)
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops()) / 2e9


def peak_memory(name: str, size: Size, count: int) -> int:
    """Bytes over what a process holds that has imported everything and built nothing."""
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
        step = ARMS[name](size, count)
        for _ in range(2):
            step()
        return torch.cuda.max_memory_allocated()
    # Everything is imported by a model that is thrown away.
    ARMS[name](SIZES["nano"], 2)()
    forget_peak()
    before = status("VmRSS")
    step = ARMS[name](size, count)
    for _ in range(2):
        step()
    return status("VmHWM") - before


def peak_of_a_process(name: str, size: str, count: int) -> int:
    command = [sys.executable, "-m", "benchmarks.training", "--size", size, "--batch", str(count)]
    done = subprocess.run([*command, "--peak-of", name], check=True, capture_output=True, text=True)
    return int(json.loads(done.stdout))


def rows(name: str, count: int, rounds: int) -> list[Row]:
    size = SIZES[name]
    where = f"{name}, batch {count}, {'bfloat16' if size.bfloat16 else 'fp32'}, {DEVICE}"
    found = []
    for what, ours, other, wanted_speed in (
        ("DetailCLIP", "our_detailclip", "plain_detailclip", 1.2),
        ("CLIP", "our_clip", "their_clip", 1.0),
    ):
        label = "plain" if what == "DetailCLIP" else "open_clip"
        speed = samples_per_second((ours, other), size, count, rounds)
        flops = {arm: work(arm, size) for arm in (ours, other)}
        peak = {arm: peak_of_a_process(arm, name, count) / 2**20 for arm in (ours, other)}
        ratio, memory = speed[ours][0] / speed[other][0], peak[ours] / peak[other]
        detail: dict[str, object] = {
            "ratio": ratio,
            "ratio by the wall": speed[ours][1] / speed[other][1],
            "GFLOP a sample": flops,
            "ratio that the work allows": flops[other] / flops[ours],
            "torch": torch.__version__,
        }
        goal = (lambda reached: reached) if name == "nano" or what == "CLIP" else lambda _: None
        found += [
            Row(
                f"{what} step, {where}",
                "samples/s of work",
                speed[ours][0],
                {label: speed[other][0], "ratio": ratio, "FLOP bound": flops[other] / flops[ours]},
                f"≥ {wanted_speed}×",
                goal(ratio >= wanted_speed),
                detail,
            ),
            Row(
                f"{what} step, {where}",
                "peak MiB over an empty process",
                peak[ours],
                {label: peak[other], "ratio": memory},
                "≤ .9×" if what == "DetailCLIP" else "",
                goal(memory <= 0.9) if what == "DetailCLIP" else None,
            ),
        ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", choices=SIZES, default="nano")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--peak-of", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/out/training.json"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    count = given.batch or SIZES[given.size].batch
    if given.peak_of:
        print(peak_memory(given.peak_of, SIZES[given.size], count))
        return
    table = rows(given.size, count, given.rounds)
    show(table)
    write(table, given.json)


if __name__ == "__main__":
    main()
