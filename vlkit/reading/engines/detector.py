"""Where the lines of a picture stand: RapidOCR's bundled detector, run on ONNX Runtime."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from math import sqrt
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.errors import MissingDependency
from vlkit.images import PageImage, Pixels
from vlkit.onnx import open_session, usual_threads
from vlkit.reading.engines.regions import Region, find_regions
from vlkit.reading.engines.strips import failing_as

DETECTOR = "PP-OCRv6_det_small.onnx"
AREA = (0.65e6, 2.0e6)
"""Pixels that a page has for detection: smaller pages grow, larger ones shrink. By area and not
by side, so that long receipts keep their letters' size."""
MAX_GROWTH = 4.0


def find_on_page(engine: str, image: PageImage) -> list[Region]:
    """The lines of a page, for an engine that reads line by line.

    Raises:
        EngineError: Of that engine and page, whatever fails.
        MissingDependency: As of ``bundled_session``.
    """
    with failing_as(engine, image.number):
        return find_lines(image.pixels)


def find_lines(pixels: Pixels) -> list[Region]:
    """Rectangles around the lines of a picture [H, W, 3], in its pixels.

    Raises:
        MissingDependency: As of ``bundled_session``.
    """
    height, width = pixels.shape[:2]
    scale = _scale(height, width)
    if scale != 1:
        kind = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        pixels = cv2.resize(pixels, size, interpolation=kind).astype(np.uint8, copy=False)
    rows, columns = pixels.shape[:2]
    # The detector wants multiples of 32; white is what it knows beyond a page's edge.
    tensor = np.ones((1, 3, rows + -rows % 32, columns + -columns % 32), np.float32)
    tensor[0, :, :rows, :columns] = to_tensor(pixels)
    probability = bundled_session(DETECTOR).run(None, {"x": tensor})[0][0, 0]
    return [region.scaled(1 / scale) for region in find_regions(probability[:rows, :columns])]


def _scale(height: int, width: int) -> float:
    low, high = (sqrt(area / max(height * width, 1)) for area in AREA)
    return min(max(low, 1.0), MAX_GROWTH) if high > 1 else high


def to_tensor(pixels: Pixels) -> NDArray[np.float32]:
    """[H, W, 3] RGB → [3, H, W] BGR in [−1, 1], as RapidOCR's models were trained."""
    scaled = pixels[:, :, ::-1].astype(np.float32) / 127.5 - 1
    return scaled.transpose(2, 0, 1)


@cache
def bundled_session(name: str) -> Any:
    """A model of RapidOCR's wheel, loaded once in a process.

    Raises:
        CheckpointError: The model is damaged.
        MissingDependency: onnxruntime is not installed, or the wheel lacks the model.
    """
    # Found without importing it: the package takes a second and is not needed itself.
    package = find_spec("rapidocr")
    folders = package.submodule_search_locations if package else None
    path = Path(folders[0] if folders else "", "models", name)
    if not path.is_file():
        raise MissingDependency(
            f"the installed rapidocr does not carry {name}",
            remedy="Install a version that does: pip install 'rapidocr>=3.10'",
        )
    return open_session(path, usual_threads())
