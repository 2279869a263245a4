"""Views of a picture for training: random crops and colours, from a generator that is given.

Operations take and give float32 RGB in 0..1, [H, W, 3]; a view is [3, size, size], normalised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlkit.data.captions import Pixels

Floats = NDArray[np.float32]
Draw = np.random.Generator

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Views:
    """How pictures become input.

    Attributes:
        kind: ``whole`` resizes the shorter side and takes the middle; ``crop`` takes a random
            part; ``detail`` takes two, each with random colours, as DetailCLIP does.
        scale: Smallest and largest part of the area that a random crop shows.
        mean, std: What is taken from and divided out of each channel.
    """

    size: int
    kind: Literal["whole", "crop", "detail"] = "crop"
    scale: tuple[float, float] = (0.5, 1.0)
    mean: tuple[float, float, float] = IMAGENET[0]
    std: tuple[float, float, float] = IMAGENET[1]

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size is {self.size}, but must be at least 1")
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ValueError("scale must be two parts of the area, 0 < smallest <= largest <= 1")


def make_views(pixels: Pixels, views: Views, draw: Draw) -> Floats:
    """[3, size, size], or [2, 3, size, size] for ``detail``."""
    if views.kind == "whole":
        return _normalised(middle(pixels, views.size), views)
    if views.kind == "crop":
        return _normalised(random_crop(pixels, views.size, views.scale, draw), views)
    return np.stack([_detail_view(pixels, views, draw) for _ in range(2)])


def _detail_view(pixels: Pixels, views: Views, draw: Draw) -> Floats:
    """DetailCLIP's augmentation of one view, no flip."""
    view = random_crop(pixels, views.size, views.scale, draw)
    if draw.random() < 0.8:
        view = jitter(view, draw, brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)
    if draw.random() < 0.2:
        view = saturated(view, 0.0)
    if draw.random() < 0.1:
        view = blurred(view, draw.uniform(0.1, 2.0))
    if draw.random() < 0.2:
        view = solarized(view)
    return _normalised(view, views)


def middle(pixels: Pixels, size: int) -> Floats:
    """The shorter side resized to ``size`` (bicubic), the middle square."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    return _resized(pixels, size, (left, top, left + side, top + side))


def random_crop(pixels: Pixels, size: int, scale: tuple[float, float], draw: Draw) -> Floats:
    """A random part of the area, of aspect 3:4 to 4:3, resized to a square (bicubic).

    Ten tries, as everybody has it since Szegedy et al. 2015 (arXiv 1409.4842); then the largest
    part in the middle whose aspect is allowed.
    """
    height, width = pixels.shape[:2]
    for _ in range(10):
        area = height * width * draw.uniform(*scale)
        aspect = float(np.exp(draw.uniform(np.log(3 / 4), np.log(4 / 3))))
        wide, high = round(float(np.sqrt(area * aspect))), round(float(np.sqrt(area / aspect)))
        if 0 < wide <= width and 0 < high <= height:
            left = int(draw.integers(0, width - wide + 1))
            top = int(draw.integers(0, height - high + 1))
            return _resized(pixels, size, (left, top, left + wide, top + high))
    wide, high = min(width, height * 4 / 3), min(height, width * 4 / 3)
    left, top = (width - wide) / 2, (height - high) / 2
    return _resized(pixels, size, (left, top, left + wide, top + high))


def _resized(pixels: Pixels, size: int, box: tuple[float, float, float, float]) -> Floats:
    # Pillow's bicubic averages when it shrinks; OpenCV's does not.
    picture = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC, box)
    return np.asarray(picture, np.float32) / np.float32(255)


def jitter(
    view: Floats, draw: Draw, *, brightness: float, contrast: float, saturation: float, hue: float
) -> Floats:
    """Brightness, contrast, saturation and hue changed in random order by random amounts."""
    factors = {
        name: draw.uniform(1 - strength, 1 + strength)
        for name, strength in (
            ("brightness", brightness),
            ("contrast", contrast),
            ("saturation", saturation),
        )
    }
    turn = draw.uniform(-hue, hue)
    changes: list[Callable[[Floats], Floats]] = [
        lambda view: brightened(view, factors["brightness"]),
        lambda view: contrasted(view, factors["contrast"]),
        lambda view: saturated(view, factors["saturation"]),
        lambda view: turned(view, turn),
    ]
    for index in draw.permutation(len(changes)):
        view = changes[index](view)
    return view


def brightened(view: Floats, factor: float) -> Floats:
    """Mixed with black; more than the picture where the factor is above 1."""
    return (view * np.float32(factor)).clip(0, 1)


def contrasted(view: Floats, factor: float) -> Floats:
    """Mixed with the mean of its grey."""
    mean = np.float32((view @ _LUMA).mean())
    mixed = mean + (view - mean) * np.float32(factor)
    return np.asarray(mixed.clip(0, 1), np.float32)


def saturated(view: Floats, factor: float) -> Floats:
    """Mixed with its grey; 0 is grey."""
    grey = (view @ _LUMA)[..., None]
    mixed = grey + (view - grey) * np.float32(factor)
    return np.asarray(mixed.clip(0, 1), np.float32)


def turned(view: Floats, turn: float) -> Floats:
    """Hue moved by a part of the whole circle."""
    hsv = cv2.cvtColor(view, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 360 * turn) % 360
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.float32)


def blurred(view: Floats, sigma: float) -> Floats:
    """Gaussian blur, ``sigma`` in pixels."""
    return np.asarray(cv2.GaussianBlur(view, (0, 0), sigma), np.float32)


def solarized(view: Floats) -> Floats:
    """The brighter half inverted."""
    return np.where(view < 0.5, view, 1 - view)


def _normalised(view: Floats, views: Views) -> Floats:
    mean, std = np.array(views.mean, np.float32), np.array(views.std, np.float32)
    return np.ascontiguousarray(((view - mean) / std).transpose(2, 0, 1))
