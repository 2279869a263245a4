"""What vlkit and the raw engines read of a page, kept on disk page by page.

A run that was cut short goes on where it stopped. Remove an engine's folder to read anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.degrade import CLEAN, Degradation
from vlkit.document import Box, Document, apply_affine, box_quad, quad_box
from vlkit.evaluation.reading import ReadingExample
from vlkit.images import Pixels

OUT = Path("benchmarks/out/words")

Kept = dict[str, Any]
"""A word as it is kept: ``text``, ``box``, ``confidence``, and what else its reader knows."""
Read = Callable[[Pixels], list[Kept]]
Readers = Mapping[str, Callable[[], Read]]
"""By name; each is loaded when a page is to be read."""


def kept_words(
    folder: str, read: Callable[[], Read], example: ReadingExample, degradation: Degradation = CLEAN
) -> list[Kept]:
    """What the reader sees on the degraded page, from disk where it was read before."""
    situation = f"{example.truth}-{degradation.name.replace(' ', '-')}"
    place = OUT / folder.replace(" ", "-") / situation / f"{example.name}.json"
    if not place.is_file():
        words = read()(degradation.apply(pixels_of(example)))
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = place.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(words))
        unfinished.replace(place)
    kept: list[Kept] = json.loads(place.read_text())
    return kept


def pixels_of(example: ReadingExample) -> Pixels:
    return pixels_in(example.image)


def pixels_in(file: Path) -> Pixels:
    """A picture [H, W, 3], RGB."""
    picture = cv2.imread(str(file))
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def moved(example: ReadingExample, degradation: Degradation) -> ReadingExample:
    """The example with its true words where they stand on the degraded page."""
    if degradation is CLEAN:
        return example
    affine = degradation.affine(pixels_of(example))

    def move(box: Box) -> Box:
        a, b, c, d = (apply_affine(affine, corner) for corner in box_quad(box))
        return quad_box((a, b, c, d))

    page = Document(name="", pages=[example.page]).model_copy(deep=True).pages[0]
    for word in page.words:
        word.box = move(word.box)
    return replace(example, page=page, unreadable=tuple(map(move, example.unreadable)))


# Raw engines, as they come ---------------------------------------------------------------------


@cache
def raw_rapidocr(scale: int) -> Read:
    """RapidOCR with its word boxes, on the page enlarged; one thread."""
    from rapidocr import RapidOCR

    engine = RapidOCR(
        params={
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )

    def read(pixels: Pixels) -> list[Kept]:
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        if scale != 1:
            bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        words = []
        for line in engine(bgr, return_word_box=True).word_results or ():
            for text, score, quad in line:
                (x0, y0), (x1, y1) = np.min(quad, axis=0), np.max(quad, axis=0)
                box = [float(v) / scale for v in (x0, y0, x1, y1)]
                if text.strip():
                    confidence = min(max(float(score), 0.0), 1.0)
                    words.append({"text": text, "box": box, "confidence": confidence})
        return words

    return read


@cache
def raw_tesseract() -> Read:
    """Tesseract on the page as it is, in its default mode."""
    from vlkit.reading.engines.tesseract_api import open_api
    from vlkit.reading.orientation import to_gray

    api = open_api()

    def read(pixels: Pixels) -> list[Kept]:
        (words,) = api.read([to_gray(pixels)], ["eng"], 3)
        return [
            {"text": word.text, "box": list(map(float, word.box)), "confidence": word.confidence}
            for word in words
        ]

    return read


RAW: dict[str, Callable[[], Read]] = {
    "RapidOCR 1x": lambda: raw_rapidocr(1),
    "RapidOCR 2x": lambda: raw_rapidocr(2),
    "Tesseract": raw_tesseract,
}
