"""Who reads pictures of lines: our model, Tesseract, RapidOCR's recogniser alone.

All are given the same grey pictures and bring them to the height that they like best. Lines drawn
for them at the resolution of the scan, instead of 32 pixels high, were read no better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.line_rows.kept import kept
from vlkit.data.rendered import normalise
from vlkit.errors import CheckpointError
from vlkit.onnx import FILE, HEIGHT, Gray, LineModel, to_height
from vlkit.reading.engines.tesseract_api import Api, open_api, read_lines

RAPIDOCR = "RapidOCR"
TESSERACT = {"korean": "Tesseract kor", "english": "Tesseract eng"}
"""Of Korean lines, some with Latin words in them, ``kor`` alone reads more than ``kor+eng``."""
BORDER = 8
"""Pixels of paper around a line for Tesseract, which is as high as for our model; higher ones, and
none, were read worse."""

Read = Callable[[Sequence[Gray]], list[str]]
"""Pictures of lines → what they say, in their order."""


def alternative(name: str, pictures: Sequence[Gray]) -> list[str]:
    """What RapidOCR or one of Tesseract's reads, normalised; kept on disk."""
    if name == RAPIDOCR:
        found = kept(f"{name} {version('rapidocr')}", pictures, read_rapidocr)
    else:
        languages = name.removeprefix("Tesseract ")
        label = f"{name} {_api().version} {HEIGHT} {BORDER}"
        found = kept(label, pictures, lambda some: read_tesseract(some, languages))
    return [normalise(text) for text in found]


def read_tesseract(pictures: Sequence[Gray], languages: str) -> list[str]:
    """Tesseract for single lines; where it then sees nothing, for a block of text."""
    lines = read_lines(_api(), [framed(picture) for picture in pictures], languages.split("+"))
    return [" ".join(word.text for word in words) for words in lines]


def framed(picture: Gray) -> Gray:
    """The line at Tesseract's height, with more of its own paper around it."""
    scaled = to_height(picture)
    paper = float(np.median(scaled[:, [0, -1]]))
    wider = cv2.copyMakeBorder(scaled, *(BORDER,) * 4, cv2.BORDER_CONSTANT, value=(paper,))
    return np.asarray(wider, np.uint8)


def read_rapidocr(pictures: Sequence[Gray]) -> list[str]:
    """RapidOCR's recogniser as its package runs it, on one thread."""
    from rapidocr.ch_ppocr_rec import TextRecInput

    coloured = [cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) for picture in pictures]
    return list(_recogniser()(TextRecInput(img=coloured)).txts)


def of_run(folder: Path) -> Path:
    """The model's folder in that of a run of ``vlkit train``; any other is the model's itself."""
    return folder / "model" if (folder / "model").is_dir() else folder


def our_model(folder: Path) -> LineModel | None:
    """The model, if there is one yet."""
    place = of_run(folder)
    return LineModel.open(place) if (place / FILE).is_file() else None


def ours(model: LineModel) -> Read:
    return lambda pictures: [normalise(line.text) for line in model.read(pictures)]


def in_torch(folder: Path) -> Read:
    """A model by its weights, as it was trained: also of kinds that are not exported.

    Raises:
        CheckpointError: It does not read lines.
    """
    import torch

    from vlkit.models import load
    from vlkit.models.lines import LineReader

    torch.set_num_threads(1)
    model = load(of_run(folder))
    if not isinstance(model, LineReader):
        raise CheckpointError("not a model that reads lines", file=folder)
    return lambda pictures: [normalise(text) for text in model.read(pictures)]


@cache
def _api() -> Api:
    return open_api()


@cache
def _recogniser() -> Any:
    from rapidocr import RapidOCR

    engine = RapidOCR(
        params={
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    engine(np.full((48, 320, 3), 255, np.uint8), use_det=False, use_cls=False)  # loads it
    return engine.text_rec
