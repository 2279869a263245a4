"""The default engine: RapidOCR's bundled PP-OCRv6 models, run directly on ONNX Runtime.

The models find and read lines. Everything around them is done here: the scale of detection,
one resampling from page to strip, an alphabet limited to the languages asked for, tall regions
tried in three directions, words cut at the white in the ink, calibrated confidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlkit.document import Line, Source
from vlkit.images import PageImage
from vlkit.reading.calibration import Calibration, calibration_of
from vlkit.reading.engines.detector import bundled_session, find_on_page, to_tensor
from vlkit.reading.engines.regions import Region, Strip, cut
from vlkit.reading.engines.strips import failing_as, line_of, read_regions, top_to_bottom, turns
from vlkit.reading.words import Glyph

RECOGNISER = "PP-OCRv6_rec_small.onnx"

STRIP_HEIGHT = 48
"""Pixels, fixed by the recogniser."""
STEP = 8
"""Pixels of the strip for each of the recogniser's time steps."""
MARGIN = 0.04
"""White left around a region before reading it, in region heights."""
BATCH = 8

CHECKBOXES = {"□": "☐"}
"""Look-alikes that the recogniser gives for checkboxes."""

LATIN_LANGUAGES = frozenset({"dan", "deu", "eng", "fra", "ita", "nld", "por", "spa", "swe"})
HAN_LANGUAGES = frozenset({"chi_sim", "chi_tra", "jpn"})


class RapidOcr:
    """Reads Latin scripts, Chinese and Japanese with the models in RapidOCR's wheel.

    One process loads the models once, when it first reads. They run on ``OMP_NUM_THREADS``
    threads where that is set (a pool of processes sets 1), else on all cores.
    """

    name = "rapidocr"

    def __init__(self, calibration: Calibration | None = None) -> None:
        """``calibration``: scores → probabilities; by default the one fitted for this engine."""
        self.version = version("rapidocr")
        self.calibration = calibration or calibration_of(self.name)

    def languages(self) -> frozenset[str]:
        return LATIN_LANGUAGES | HAN_LANGUAGES

    def recognise(self, image: PageImage, languages: Sequence[str]) -> list[Line]:
        return top_to_bottom(self.read(image, find_on_page(self.name, image), languages))

    def read(
        self, image: PageImage, regions: Sequence[Region], languages: Sequence[str]
    ) -> list[Line | None]:
        """The line in each region, where it holds text."""
        alphabet = self._latin if HAN_LANGUAGES.isdisjoint(languages) else self._whole
        with failing_as(self.name, image.number):
            readings = read_regions(
                regions,
                lambda region: [
                    cut(image.pixels, way, STRIP_HEIGHT, MARGIN) for way in turns(region)
                ],
                partial(self._recognise, alphabet),
            )
        source = Source(name=self.name, version=self.version)
        return [line_of(reading, 1 / image.scale, self.calibration, source) for reading in readings]

    def _recognise(self, alphabet: _Alphabet, strips: list[Strip]) -> list[list[Glyph]]:
        """Characters of each strip; strips of like width share a batch."""
        widths = [strip.pixels.shape[1] for strip in strips]
        order = sorted(range(len(strips)), key=lambda i: widths[i])
        glyphs: list[list[Glyph]] = [[] for _ in strips]
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            width = -(-widths[batch[-1]] // STEP) * STEP
            tensor = np.zeros((len(batch), 3, STRIP_HEIGHT, width), np.float32)
            for row, i in enumerate(batch):
                tensor[row, :, :, : widths[i]] = to_tensor(strips[i].pixels)
            output = self._recogniser.run(None, {"x": tensor})[0]
            for row, i in enumerate(batch):
                steps = -(-widths[i] // STEP)
                glyphs[i] = decode(output[row, :steps][:, alphabet.columns], alphabet.symbols)
        return glyphs

    @property
    def _recogniser(self) -> Any:
        return bundled_session(RECOGNISER)

    @cached_property
    def _whole(self) -> _Alphabet:
        listed = self._recogniser.get_modelmeta().custom_metadata_map["character"].split("\n")
        symbols = ["", *(CHECKBOXES.get(text, text) for text in listed), " "]
        return _Alphabet(np.arange(len(symbols)), symbols)

    @cached_property
    def _latin(self) -> _Alphabet:
        columns = [i for i, text in enumerate(self._whole.symbols) if _is_latin(text)]
        return _Alphabet(np.array(columns), [self._whole.symbols[i] for i in columns])


@dataclass(frozen=True)
class _Alphabet:
    """Columns of the recogniser's output and what they stand for; the first is the blank."""

    columns: NDArray[np.int_]
    symbols: list[str]


def decode(output: NDArray[np.float32], symbols: Sequence[str]) -> list[Glyph]:
    """The most probable symbol of each time step, repeats and blanks (symbol 0) removed.

    Args:
        output: Probabilities, [steps, symbols].
        symbols: The text of each column.
    """
    best = output.argmax(axis=1)
    changes = np.flatnonzero(np.diff(best)) + 1
    glyphs = []
    for run in np.split(np.arange(len(best)), changes):
        symbol = int(best[run[0]])
        if symbol == 0:
            continue
        mass = output[run, symbol].astype(np.float64)
        centre = float((mass * run).sum() / mass.sum())
        glyphs.append(Glyph(symbols[symbol], (centre + 0.5) * STEP, float(mass.max())))
    return glyphs


def _is_latin(text: str) -> bool:
    """Whether a symbol belongs to Latin writing: letters, general punctuation, signs, boxes."""
    if len(text) != 1:
        return text == ""
    return ord(text) < 0x250 or "\u1e00" <= text < "\u1f00" or text in "–—‘’“”•…€™№☐☑☒√■□●○◆"
