"""Dense probes: what a linear classifier reads from the frozen patches of an image tower.

- Generated scenes: shapes in any colours and texture on fainter textured grounds. A pixel's class
  is the shape it lies in: texture tells shapes from ground, but not one shape from another; mean
  IoU over pixels.
- DocBank: pages cut into tiles of the tower's size, a patch's class that of the words on most of
  it; macro F1 over patches, each page read by a probe that was trained on others.

Shapes: P pictures of S x S pixels, N patches D wide each, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from vlkit.evaluation.layout import DOCBANK_CLASSES, LabelledPage, read_docbank
from vlkit.nn.images import ImageEncoder

Pixels = NDArray[np.uint8]
Classes = NDArray[np.uint8]
Draw = np.random.Generator

SHAPES = ("disc", "square", "triangle", "cross")
ACROSS, DOWN = 8, 11  # tiles of a page, whose sides are as 1 : √2
FOLDS = 3
BALANCE = 0.5
"""Pages are paper and paragraphs above all: a class's share, to this power, is taken from its
odds. At 0 a probe finds little else; at 1, as if all were equally frequent, everything else."""
DECAY, ITERATIONS = 1e-4, 40
RAREST = 1e-4  # share of a class that a fold may lack
SETTINGS = {
    "shapes": SHAPES,
    "tiles": (ACROSS, DOWN),
    "folds": FOLDS,
    "balance": BALANCE,
    "probe": (DECAY, ITERATIONS),
}
BATCH = 64


# ---- scenes -----------------------------------------------------------------------------------


def scene(draw: Draw, size: int) -> tuple[Pixels, Classes]:
    """A picture [size, size, 3], and the class of each pixel: 0 is ground, then ``SHAPES``."""
    picture = texture(draw, size, contrast=0.2)
    classes = np.zeros((size, size), np.uint8)
    for _ in range(int(draw.integers(2, 5))):
        kind = int(draw.integers(len(SHAPES)))
        inside = shape_mask(draw, SHAPES[kind], size)
        picture[inside] = texture(draw, size, contrast=1.0)[inside]
        classes[inside] = kind + 1
    return picture, classes


def texture(draw: Draw, size: int, contrast: float) -> Pixels:
    """Two colours as stripes, checks, dots or one fading into the other, with noise."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    angle, period = draw.uniform(0, math.pi), draw.uniform(0.05, 0.2) * size
    u = (math.cos(angle) * x + math.sin(angle) * y) * (2 * math.pi / period)
    v = (math.cos(angle) * y - math.sin(angle) * x) * (2 * math.pi / period)
    mixed = (
        lambda: np.sin(u) > 0,
        lambda: np.sin(u) * np.sin(v) > 0,
        lambda: np.cos(u) + np.cos(v) > 0.8,
        lambda: (u - u.min()) / np.ptp(u),
    )[int(draw.integers(4))]()
    first, other = draw.uniform(0, 255, (2, 3))
    second = first + (other - first) * contrast
    share = np.asarray(mixed, np.float32)[..., None]
    colours = first + (second - first) * share + draw.normal(0, 8, (size, size, 1))
    return np.asarray(colours.clip(0, 255), np.uint8)


def shape_mask(draw: Draw, kind: str, size: int) -> NDArray[np.bool_]:
    """Where a shape of random place, size and turn lies; its middle is in the picture."""
    radius, turn = draw.uniform(0.2, 0.35) * size, draw.uniform(0, 2 * math.pi)
    x0, y0 = draw.uniform(0.1, 0.9, 2) * size
    y, x = np.mgrid[:size, :size] + 0.5
    u = (math.cos(turn) * (x - x0) + math.sin(turn) * (y - y0)) / radius
    v = (math.cos(turn) * (y - y0) - math.sin(turn) * (x - x0)) / radius
    inside: dict[str, Callable[[], NDArray[np.bool_]]] = {
        "disc": lambda: u**2 + v**2 < 1,
        "square": lambda: np.maximum(abs(u), abs(v)) < 0.8,
        "triangle": lambda: (v > -0.5) & (v + math.sqrt(3) * abs(u) < 1),
        "cross": lambda: (np.minimum(abs(u), abs(v)) < 0.28) & (np.maximum(abs(u), abs(v)) < 1),
    }
    return inside[kind]()


def scenes(seed: int, count: int, size: int) -> tuple[Pixels, Classes]:
    """Pictures [P, size, size, 3] and classes [P, size, size]; other seeds, other scenes."""
    draws = [np.random.default_rng((seed, number)) for number in range(count)]
    pictures, classes = zip(*(scene(draw, size) for draw in draws), strict=True)
    return np.stack(pictures), np.stack(classes)


def probe_scenes(encoder: ImageEncoder, count: int) -> float:
    """Mean IoU over the pixels of ``count / 2`` scenes, of a probe trained on ``count`` others."""
    size, classes = encoder.image_size, len(SHAPES) + 1
    pictures, truth = scenes(1, count, size)
    known = shares(truth, encoder.grid, classes)
    probe = fit(patches(encoder, pictures).flatten(0, 1), known)
    pictures, truth = scenes(2, count // 2, size)
    # As if classes were equally frequent; else weak features find ground everywhere.
    scores = probe(patches(encoder, pictures)) - known.mean(dim=0).log()
    maps = scores.reshape(len(pictures), *encoder.grid, classes).permute(0, 3, 1, 2)
    wide = functional.interpolate(maps, size=(size, size), mode="bilinear")
    return mean_iou(wide.argmax(dim=1), torch.from_numpy(truth).long(), classes)


def mean_iou(found: Tensor, truth: Tensor, classes: int) -> float:
    """Over classes that are there or were found."""
    table = confusion(found, truth, classes)
    hit = table.diagonal()
    union = table.sum(dim=0) + table.sum(dim=1) - hit
    return float((hit / union)[union > 0].mean())


# ---- pages ------------------------------------------------------------------------------------


def probe_docbank(encoder: ImageEncoder, folder: Path, count: int) -> float:
    """Macro F1 over patches of the folder's first pages, by classes that the pages have."""
    pages = read_docbank(folder)[:count]
    classes = len(DOCBANK_CLASSES) + 1
    features, truth = [], []
    for page in pages:
        tiles, drawn = page_tiles(page, encoder.image_size)
        features.append(patches(encoder, tiles).flatten(0, 1))
        truth.append(shares(drawn, encoder.grid, classes))
    found = [torch.empty(0)] * len(pages)
    folds = min(FOLDS, len(pages))
    for fold in range(folds):
        others = [n for n in range(len(pages)) if n % folds != fold]
        known = torch.cat([truth[n] for n in others])
        probe = fit(torch.cat([features[n] for n in others]), known)
        frequent = BALANCE * known.mean(dim=0).clamp(min=RAREST).log()
        for n in range(fold, len(pages), folds):
            found[n] = (probe(features[n]) - frequent).argmax(dim=-1)
    return macro_f1(torch.cat(found), torch.cat(truth).argmax(dim=-1), classes)


def page_tiles(page: LabelledPage, size: int) -> tuple[Pixels, Classes]:
    """``ACROSS`` by ``DOWN`` tiles [T, size, size, 3] of a page, and the class of each pixel:
    0 is paper, then ``DOCBANK_CLASSES``."""
    wide, high = ACROSS * size, DOWN * size
    with Image.open(page.picture) as picture:
        picture.draft("RGB", (wide, high))
        pixels = np.asarray(picture.convert("RGB").resize((wide, high), Image.Resampling.BOX))
    classes = np.zeros((high, wide), np.uint8)
    for (_, (x0, y0, x1, y1)), label in zip(page.tokens, page.labels, strict=True):
        corners = (round(x0 * wide), round(y0 * high)), (round(x1 * wide), round(y1 * high))
        cv2.rectangle(classes, *corners, color=DOCBANK_CLASSES.index(label) + 1, thickness=-1)
    return tiled(pixels, size), tiled(classes[..., None], size)[..., 0]


def tiled(page: Pixels, size: int) -> Pixels:
    """[H, W, c] → [T, size, size, c], row by row."""
    high, wide, channels = page.shape
    cut = page.reshape(high // size, size, wide // size, size, channels)
    return np.ascontiguousarray(cut.swapaxes(1, 2).reshape(-1, size, size, channels))


def macro_f1(found: Tensor, truth: Tensor, classes: int) -> float:
    """Mean F1 over the classes that are there."""
    table = confusion(found, truth, classes)
    there = table.sum(dim=1) > 0
    f1 = 2 * table.diagonal() / (table.sum(dim=0) + table.sum(dim=1)).clamp(min=1)
    return float(f1[there].mean())


# ---- the probe --------------------------------------------------------------------------------


@torch.no_grad()
def patches(encoder: ImageEncoder, pictures: Pixels) -> Tensor:
    """Features [P, N, D] of pictures [P, S, S, 3]."""
    mean, std = (torch.tensor(each).reshape(3, 1, 1) for each in (encoder.mean, encoder.std))
    found = []
    for start in range(0, len(pictures), BATCH):
        pixels = torch.from_numpy(pictures[start : start + BATCH]).permute(0, 3, 1, 2) / 255
        found.append(encoder((pixels - mean) / std).tokens)
    return torch.cat(found)


def shares(classes: Classes, grid: tuple[int, int], count: int) -> Tensor:
    """Of pixels' classes [P, S, S], the share of each class in each patch, [P · N, C]."""
    pixels, (rows, columns) = torch.from_numpy(classes), grid
    side = pixels.shape[1] // rows
    cells = pixels.reshape(-1, rows, side, columns, side).transpose(2, 3).reshape(-1, side**2)
    return torch.stack([(cells == n).float().mean(dim=1) for n in range(count)], dim=1)


def fit(features: Tensor, target: Tensor) -> Callable[[Tensor], Tensor]:
    """Multinomial logistic regression, by L-BFGS from zero: the same input, the same probe.

    Args:
        features: [M, D]; each column is standardised, as the probe does with what it is given.
        target: [M, C], shares of classes that sum to 1.

    Returns:
        Features [..., D] → scores [..., C].
    """
    mean, spread = features.mean(dim=0), features.std(dim=0).clamp(min=1e-6)
    known = (features - mean) / spread
    weight = torch.zeros(features.shape[1], target.shape[1], requires_grad=True)
    bias = torch.zeros(target.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(known @ weight + bias, target)
        loss = loss + DECAY * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return lambda given: ((given - mean) / spread) @ weight.detach() + bias.detach()


def confusion(found: Tensor, truth: Tensor, classes: int) -> Tensor:
    """[C, C]: how often a true class (row) was found as another (column)."""
    pairs = truth.flatten() * classes + found.flatten()
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).float()
