"""Figures: drawn charts, diagrams and pictures of pixels, seeded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlkit.data.elements import Drawing, Style
from vlkit.data.lines import Setting, set_lines, shifted
from vlkit.data.strips import Fill, Op, Owner, Picture, Rule, Strip, caption_strips, spaced

SIDES = 32.0
"""Room left and right of a chart, in all."""
INKS = ((0.16, 0.33, 0.55), (0.78, 0.42, 0.18), (0.36, 0.55, 0.35), (0.5, 0.5, 0.52))


def drawing_strips(element: Drawing, width: float, style: Style) -> list[Strip]:
    """The figure in one strip, its caption below."""
    rng = np.random.default_rng(element.seed)
    owner = Owner("figure")
    strip = Strip(owner, element.height, area=(0.0, 0.0, width, element.height))
    match element.kind:
        case "bars":
            count = len(element.labels) or int(rng.integers(4, 9))
            strip.ops = _bars(rng, count, width, element.height)
        case "lines":
            strip.ops = _curves(rng, width, element.height)
        case "boxes":
            strip.ops = _boxes(rng, width, element.height)
        case "photo":
            strip.ops = [Picture((0.0, 0.0, width, element.height), photo(rng))]
    _label(strip, element.labels, width, style)
    spaced([strip], 0.9 * style.font_size, 0.9 * style.font_size)
    if not element.caption:
        return [strip]
    caption = spaced(caption_strips(element.caption, width, style), 4.0, 0.9 * style.font_size)
    owner.caption = caption[0].owner
    strip.keep_next = True
    strip.after = 4.0
    return [strip, *caption]


def _label(strip: Strip, labels: tuple[str, ...], width: float, style: Style) -> None:
    """Small words spread along the drawing's lower edge."""
    setting = Setting.of(style, 0.7)
    for number, label in enumerate(labels):
        room = (width - SIDES) / len(labels)
        line = set_lines(label, room, setting, align="centre")[0]
        at = shifted(line, SIDES / 2 + number * room, strip.height - 3.0)
        strip.ops += at.texts
        strip.lines.append(at.line)


def _axes(width: float, height: float) -> list[Op]:
    return [
        Rule(14.0, 6.0, 14.0, height - 14.0, 0.8),
        Rule(14.0, height - 14.0, width - 6.0, height - 14.0, 0.8),
    ]


def _bars(rng: np.random.Generator, count: int, width: float, height: float) -> list[Op]:
    pitch = (width - SIDES) / count
    ops = _axes(width, height)
    for index in range(count):
        tall = float(rng.uniform(0.15, 0.95)) * (height - 26.0)
        x = SIDES / 2 + (index + 0.15) * pitch
        area = (x, height - 14.0 - tall, x + 0.7 * pitch, height - 14.0)
        ops.append(Fill(area, INKS[index % 2]))
    return ops


def _curves(rng: np.random.Generator, width: float, height: float) -> list[Op]:
    ops = _axes(width, height)
    for number in range(int(rng.integers(1, 4))):
        ys = np.cumsum(rng.normal(0.0, 1.0, 24))
        ys = (ys - ys.min()) / (np.ptp(ys) + 1e-9)
        xs = np.linspace(16.0, width - 10.0, len(ys))
        down = 10.0 + (1.0 - ys) * (height - 30.0)
        for index in range(len(xs) - 1):
            ends = (float(xs[index]), float(down[index]), float(xs[index + 1]))
            ops.append(Rule(*ends, float(down[index + 1]), 1.2, INKS[number]))
    return ops


def _boxes(rng: np.random.Generator, width: float, height: float) -> list[Op]:
    count = int(rng.integers(3, 6))
    pitch = width / count
    ops: list[Op] = []
    for index in range(count):
        x = index * pitch + 0.1 * pitch
        y = height * float(rng.uniform(0.25, 0.45))
        area = (x, y, x + 0.7 * pitch, y + 0.3 * height)
        ops.append(Fill(area, INKS[int(rng.integers(len(INKS)))]))
        if index:
            ops.append(Rule(x - 0.3 * pitch, 0.5 * height, x, 0.5 * height, 1.0))
    return ops


def photo(rng: np.random.Generator, size: tuple[int, int] = (240, 360)) -> NDArray[np.uint8]:
    """Something like a landscape, [H, W, 3]: a sky, hills, and grain."""
    rows, columns = size
    y, x = np.mgrid[0:rows, 0:columns] / [[[rows]], [[columns]]]
    light = np.stack([0.55 + 0.3 * y, 0.68 + 0.18 * y, 0.85 - 0.05 * y], axis=-1)
    for depth in range(3):
        phase, tempo = rng.uniform(0, 6), rng.uniform(4, 9)
        ridge = 0.45 + 0.17 * depth + 0.07 * np.sin(tempo * x + phase)
        ground = np.array([0.32, 0.4, 0.3]) * (0.95 - 0.25 * depth)
        light = np.where((y > ridge)[..., None], ground, light)
    light = light + rng.normal(0.0, 0.02, light.shape)
    pixels: NDArray[np.uint8] = np.clip(light * 255, 0, 255).astype(np.uint8)
    return pixels
