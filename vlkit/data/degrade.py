"""What scanners, cameras and fax lines do to a page, with the map that takes boxes along.

Pictures are [H, W, 3] RGB or [H, W] grey, uint8. Each function is deterministic; those with
chance in them take a seed.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.document import (
    Affine,
    Document,
    Quad,
    apply_affine,
    box_quad,
    quad_box,
)

Pixels = NDArray[np.uint8]


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian blur; ``sigma`` in pixels."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), dtype=np.uint8)


def noise(pixels: Pixels, sigma: float, seed: int) -> Pixels:
    """Gaussian grain of standard deviation ``sigma`` grey levels, alike in all channels."""
    rng = np.random.default_rng(seed)
    grain = sigma * rng.standard_normal(pixels.shape[:2], dtype=np.float32)
    return _clip(pixels + (grain[..., None] if pixels.ndim == 3 else grain))


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Through JPEG and back."""
    ordered = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    _, coded = cv2.imencode(".jpg", ordered, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED), dtype=np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1] if pixels.ndim == 3 else decoded)


def resample(pixels: Pixels, factor: float) -> tuple[Pixels, Affine]:
    """Fewer (or more) pixels per inch; the map takes old pixel coordinates to new ones."""
    rows, columns = pixels.shape[:2]
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(pixels, size, interpolation=how), dtype=np.uint8)
    return small, (size[0] / columns, 0.0, 0.0, size[1] / rows, 0.0, 0.0)


def rotate(pixels: Pixels, degrees: float, *, paper: int = 255) -> tuple[Pixels, Affine]:
    """Turned clockwise on a canvas that holds the whole page, the corners of grey ``paper``;
    quarter turns lose nothing. The map takes old pixel coordinates to new ones."""
    rows, columns = pixels.shape[:2]
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    corners = [(0.0, 0.0), (columns, 0.0), (columns, rows), (0.0, rows)]
    xs = [cos * x - sin * y for x, y in corners]
    ys = [sin * x + cos * y for x, y in corners]
    matrix: Affine = (cos, sin, -sin, cos, -min(xs), -min(ys))
    if degrees % 90 == 0:
        return np.ascontiguousarray(np.rot90(pixels, -int(degrees) // 90)), matrix
    size = (math.ceil(max(xs) - min(xs)), math.ceil(max(ys) - min(ys)))
    # OpenCV's coordinates are those of pixel centres, ours those of their corners.
    centred = np.array([[cos, -sin, -min(xs)], [sin, cos, -min(ys)]])
    centred[:, 2] += centred[:, :2] @ [0.5, 0.5] - 0.5
    turned = cv2.warpAffine(
        pixels, centred, size, flags=cv2.INTER_CUBIC, borderValue=(paper, paper, paper)
    )
    return np.asarray(turned, dtype=np.uint8), matrix


def uneven_light(pixels: Pixels, strength: float, seed: int) -> Pixels:
    """A shadow over one side; ``strength`` 0…1 is the light lost at its darkest."""
    rows, columns = pixels.shape[:2]
    angle = np.random.default_rng(seed).uniform(0, 2 * math.pi)
    across = math.cos(angle) * np.linspace(0, 1, columns, dtype=np.float32)
    ramp = across + math.sin(angle) * np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    light = 1 - strength * (ramp - ramp.min()) / np.ptp(ramp)
    return _clip(pixels * (light[..., None] if pixels.ndim == 3 else light))


def speckle(pixels: Pixels, share: float, seed: int) -> Pixels:
    """A ``share`` of the pixels turned black or white, as by dust and fax lines."""
    rng = np.random.default_rng(seed)
    hit = rng.random(pixels.shape[:2])
    found = pixels.copy()
    found[hit < share / 2] = 0
    found[hit > 1 - share / 2] = 255
    return found


def _clip(values: NDArray[Any]) -> Pixels:
    np.rint(values, out=values)
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


def scan(pixels: Pixels, seed: int, *, strength: float = 1.0) -> tuple[Pixels, Affine]:
    """A page as an office scanner gives it: skewed a little, a bit blurred, grainy, unevenly
    lit, JPEG. ``strength`` 0…2 scales all of it; the map takes old coordinates to new."""
    rng = np.random.default_rng(seed)
    turned, matrix = rotate(pixels, float(rng.uniform(-1.5, 1.5)) * strength)
    result = blur(turned, 0.3 + float(rng.uniform(0.1, 0.6)) * strength)
    result = uneven_light(result, 0.15 * strength * float(rng.random()), seed + 1)
    result = noise(result, 6.0 * strength * float(rng.random()), seed + 2)
    return jpeg(result, int(90 - 30 * min(strength, 2.0) * rng.random())), matrix


def moved(document: Document, matrix: Affine, size: tuple[float, float]) -> Document:
    """A one-page document whose page became ``size`` (width, height) through ``matrix``.

    Words and lines get quads, and boxes around them; other boxes become the boxes around the
    moved ones.
    """

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(entry) for entry in node]
        if not isinstance(node, dict):
            return node
        made = {key: walk(entry) for key, entry in node.items()}
        if "box" in made:
            quad: Quad = made.get("quad") or box_quad(made["box"])
            a, b, c, d = (apply_affine(matrix, corner) for corner in quad)
            made["box"] = quad_box((a, b, c, d))
            if "quad" in made:
                made["quad"] = (a, b, c, d)
        return made

    data = walk(document.model_dump())
    data["pages"][0] |= {"width": size[0], "height": size[1]}
    return Document.model_validate(data)
