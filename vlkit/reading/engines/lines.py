"""Our own reader: Korean and English, by the model ``lines-ko-en`` and without torch.

The detector finds the lines, each is cut out straight and dark on light, the model reads it, and
words are cut at the white in the ink between its characters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np

from vlkit import __version__
from vlkit.document import Line, Source
from vlkit.errors import MissingDependency
from vlkit.images import PageImage, Pixels
from vlkit.onnx import (
    FILE,
    HEIGHT,
    LEAST_HEIGHT,
    UNKNOWN,
    Gray,
    LineModel,
    ReadCharacter,
    usual_threads,
)
from vlkit.reading.calibration import Calibration, calibration_of
from vlkit.reading.engines.detector import find_on_page
from vlkit.reading.engines.regions import Region, Strip, cut
from vlkit.reading.engines.stacked import laid_level
from vlkit.reading.engines.strips import failing_as, line_of, read_regions, top_to_bottom, turns
from vlkit.reading.words import Glyph, is_light_on_dark
from vlkit.shelves import shelves

MODEL = "lines-ko-en"
FILES = ("config.json", FILE)
LANGUAGES = frozenset({"eng", "kor"})
MARGIN = 0.04
"""White left around a region before reading it, in region heights."""
LEAST_CONTRAST = 16
"""Levels of grey between a strip's lightest and darkest pixel under which nothing is written."""


class Lines:
    """Reads Korean and English lines with a model of the shelf.

    One process loads the model once, when it first reads. It runs on ``OMP_NUM_THREADS`` threads
    where that is set (a pool of processes sets 1), else on all cores.
    """

    name = "lines"
    version = __version__

    def __init__(self, folder: Path | None = None, calibration: Calibration | None = None) -> None:
        """
        Args:
            folder: Of another model than the shelf's.
            calibration: Scores → probabilities; by default the one fitted for this engine.
        """
        self.folder = folder
        self.calibration = calibration or calibration_of(self.name)

    def languages(self) -> frozenset[str]:
        """Raises ``MissingDependency`` where the model is on no shelf."""
        _ = self.folder or model_folder()
        return LANGUAGES

    def recognise(self, image: PageImage, languages: Sequence[str]) -> list[Line]:
        return top_to_bottom(self.read(image, find_on_page(self.name, image), languages))

    def read(
        self, image: PageImage, regions: Sequence[Region], languages: Sequence[str]
    ) -> list[Line | None]:
        """The line in each region, where it holds text."""
        model = opened(self.folder or model_folder())
        with failing_as(self.name, image.number):
            readings = read_regions(
                regions, partial(_strips, image.pixels), partial(_recognise, model)
            )
        source = Source(name=self.name, version=self.version)
        unit = 1 / image.scale
        # The model reads spaces as it reads letters: white alone parts no words, as in "11".
        return [line_of(each, unit, self.calibration, source, math.inf) for each in readings]


def model_folder() -> Path:
    """Where the model lies.

    Raises:
        MissingDependency: On no shelf, or not as ONNX.
    """
    for shelf in shelves():
        folder = shelf / MODEL
        if all((folder / file).is_file() for file in FILES):
            return folder
    raise MissingDependency(
        f"the model {MODEL} is on no shelf here",
        remedy="Install a vlkit wheel that carries it, or put the folder with "
        f"{' and '.join(FILES)} on your shelf, {shelves()[-1]}",
    )


@cache
def opened(folder: Path) -> LineModel:
    """The model, loaded once in a process.

    Raises:
        CheckpointError: It is damaged, or another kind of model.
    """
    return LineModel.open(folder, threads=usual_threads())


def _strips(pixels: Pixels, region: Region) -> list[Strip]:
    """The ways in which the region may be read; a tall one also character by character."""
    ways = [_cut(pixels, way) for way in turns(region)]
    stack = laid_level(ways[0]) if len(ways) > 1 else None
    return [*ways, stack] if stack else ways


def _cut(pixels: Pixels, region: Region) -> Strip:
    """The region at its own size, or enlarged to what the model sees: shrinking is the model's."""
    least = HEIGHT if region.height >= LEAST_HEIGHT else 1
    return cut(pixels, region, max(round(region.height * (1 + 2 * MARGIN)), least), MARGIN)


def _recognise(model: LineModel, strips: list[Strip]) -> list[list[Glyph]]:
    pictures = [dark_on_light(strip.pixels) for strip in strips]
    written = [i for i, each in enumerate(pictures) if np.ptp(each) >= LEAST_CONTRAST]
    glyphs: list[list[Glyph]] = [[] for _ in strips]
    for i, line in zip(written, model.read([pictures[i] for i in written]), strict=True):
        glyphs[i] = [_glyph(character) for character in line.characters]
    return glyphs


def _glyph(read: ReadCharacter) -> Glyph:
    """In its middle; however sure the model is that it cannot read it, that is no reading."""
    confidence = 0.0 if read.text == UNKNOWN else read.confidence
    return Glyph(read.text, (read.x0 + read.x1) / 2, confidence)


def dark_on_light(pixels: Pixels) -> Gray:
    """A strip [H, W, 3] in grey, turned round where its text is lighter than its ground."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    return 255 - gray if is_light_on_dark(gray) else gray
