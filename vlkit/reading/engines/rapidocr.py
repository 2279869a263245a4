"""The default engine: RapidOCR's bundled PP-OCRv6 models, run directly on ONNX Runtime.

The models find and read lines. Everything around them is done here: the scale of detection,
one resampling from page to strip, an alphabet limited to the languages asked for, tall regions
tried in three directions, words cut at the white in the ink, calibrated confidence.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from math import sqrt
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.document import (
    Affine,
    Line,
    Quad,
    Source,
    Word,
    apply_affine,
    box_union,
    compose,
    quad_box,
)
from vlkit.errors import EngineError, MissingDependency, VlkitError
from vlkit.images import PageImage, Pixels
from vlkit.reading.calibration import Calibration, calibration_of
from vlkit.reading.engines.regions import Region, Strip, cut, find_regions
from vlkit.reading.words import Glyph, WordSpan, ink_of, split_words

DETECTOR = "PP-OCRv6_det_small.onnx"
RECOGNISER = "PP-OCRv6_rec_small.onnx"

DETECTION_AREA = (0.65e6, 2.0e6)
"""Pixels that a page has for detection: smaller pages grow, larger ones shrink. By area and not
by side, so that long receipts keep their letters' size."""
MAX_GROWTH = 4.0
STRIP_HEIGHT = 48
"""Pixels, fixed by the recogniser."""
STEP = 8
"""Pixels of the strip for each of the recogniser's time steps."""
MARGIN = 0.04
"""White left around a region before reading it, in region heights."""
TEXT_SHARE = 0.7
"""Share of a strip's height, in its middle, that its letters take from descender to ascender."""
TALL = 1.5
"""Height over width from which a region may hold text turned by a quarter, or one letter."""
BATCH = 8
NOISE = 0.65
"""Mean probability of its characters under which a word is ink that is no text, or past reading.
A mean, so that a line of Chinese, which is one word, is not judged by its length."""
STRAIGHT = 2.0
"""Degrees up to which text counts as level; beyond, words carry a quad."""

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
        pixels = image.pixels
        try:
            regions = self._detect(pixels)
            readings = self._read(pixels, regions, HAN_LANGUAGES.isdisjoint(languages))
        except VlkitError:
            raise
        except Exception as error:  # ONNX Runtime's exceptions have no base of their own
            raise EngineError(
                f"rapidocr failed ({error})", remedy="Try --engine tesseract", page=image.number
            ) from error
        source = Source(name=self.name, version=self.version)
        lines = [_line(reading, 1 / image.scale, self.calibration, source) for reading in readings]
        return sorted(
            (line for line in lines if line is not None), key=lambda line: line.box[1::-1]
        )

    def _detect(self, pixels: Pixels) -> list[Region]:
        height, width = pixels.shape[:2]
        scale = _detection_scale(height, width)
        if scale != 1:
            kind = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
            size = (max(round(width * scale), 1), max(round(height * scale), 1))
            pixels = cv2.resize(pixels, size, interpolation=kind).astype(np.uint8, copy=False)
        rows, columns = pixels.shape[:2]
        # The detector wants multiples of 32; white is what it knows beyond a page's edge.
        tensor = np.ones((1, 3, rows + -rows % 32, columns + -columns % 32), np.float32)
        tensor[0, :, :rows, :columns] = _tensor(pixels)
        probability = self._detector.run(None, {"x": tensor})[0][0, 0]
        return [region.scaled(1 / scale) for region in find_regions(probability[:rows, :columns])]

    def _read(self, pixels: Pixels, regions: list[Region], latin_only: bool) -> list[_Reading]:
        """The regions' readings; tall ones are read level and along both quarter turns."""
        owners: list[int] = []
        strips: list[Strip] = []
        for i, region in enumerate(regions):
            tall = region.height > TALL * region.width
            for quarters in (0, 1, 3) if tall else (0,):
                owners.append(i)
                strips.append(cut(pixels, region.turned(quarters), STRIP_HEIGHT, MARGIN))
        best: dict[int, _Reading] = {}
        for owner, strip, glyphs in zip(
            owners, strips, self._recognise(strips, latin_only), strict=True
        ):
            reading = _Reading(strip, glyphs)
            if owner not in best or reading.probability > best[owner].probability:
                best[owner] = reading
        return list(best.values())

    def _recognise(self, strips: list[Strip], latin_only: bool) -> list[list[Glyph]]:
        """Characters of each strip; strips of like width share a batch."""
        alphabet = self._latin if latin_only else self._whole
        widths = [strip.pixels.shape[1] for strip in strips]
        order = sorted(range(len(strips)), key=lambda i: widths[i])
        glyphs: list[list[Glyph]] = [[] for _ in strips]
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            width = -(-widths[batch[-1]] // STEP) * STEP
            tensor = np.zeros((len(batch), 3, STRIP_HEIGHT, width), np.float32)
            for row, i in enumerate(batch):
                tensor[row, :, :, : widths[i]] = _tensor(strips[i].pixels)
            output = self._recogniser.run(None, {"x": tensor})[0]
            for row, i in enumerate(batch):
                steps = -(-widths[i] // STEP)
                glyphs[i] = decode(output[row, :steps][:, alphabet.columns], alphabet.symbols)
        return glyphs

    @cached_property
    def _detector(self) -> Any:
        return _session(DETECTOR)

    @cached_property
    def _recogniser(self) -> Any:
        return _session(RECOGNISER)

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


@dataclass(frozen=True)
class _Reading:
    strip: Strip
    glyphs: list[Glyph]

    @property
    def probability(self) -> float:
        return float(np.mean([glyph.probability for glyph in self.glyphs] or [0.0]))


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


def _line(reading: _Reading, unit: float, calibration: Calibration, source: Source) -> Line | None:
    gray = cv2.cvtColor(reading.strip.pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    spans = without_noise(split_words(reading.glyphs, ink_of(gray)))
    if not spans:
        return None
    to_page = compose(reading.strip.to_picture, (unit, 0.0, 0.0, unit, 0.0, 0.0))
    words = [_word(span, to_page, calibration, source) for span in spans]
    box = box_union(word.box for word in words)
    quad = _quad(spans[0].start, spans[-1].end, to_page)
    return Line(words=words, box=box, quad=quad if words[0].quad else None)


def without_noise(spans: Sequence[WordSpan]) -> list[WordSpan]:
    """Words worth keeping; where the next one is dropped, white follows."""
    clear = [np.mean([glyph.probability for glyph in s.glyphs]) >= NOISE for s in spans]
    return [
        span if stays else replace(span, space_after=True)
        for span, keep, stays in zip(spans, clear, [*clear, False][1:], strict=True)
        if keep
    ]


def _word(span: WordSpan, to_page: Affine, calibration: Calibration, source: Source) -> Word:
    quad = _quad(span.start, max(span.end, span.start + 1), to_page)
    level = abs(np.degrees(np.arctan2(to_page[1], to_page[0]))) <= STRAIGHT
    score = word_score([glyph.probability for glyph in span.glyphs])
    return Word(
        text=span.text,
        box=quad_box(quad),
        quad=None if level else quad,
        confidence=float(calibration(score)),
        space_after=span.space_after,
        source=source,
    )


def word_score(probabilities: Sequence[float]) -> float:
    """What the calibration is fitted on: the probability that every character is right."""
    return float(np.prod(probabilities))


def _quad(start: float, end: float, to_page: Affine) -> Quad:
    top, bottom = STRIP_HEIGHT * (1 - TEXT_SHARE) / 2, STRIP_HEIGHT * (1 + TEXT_SHARE) / 2
    return (
        apply_affine(to_page, (start, top)),
        apply_affine(to_page, (end, top)),
        apply_affine(to_page, (end, bottom)),
        apply_affine(to_page, (start, bottom)),
    )


def _detection_scale(height: int, width: int) -> float:
    low, high = (sqrt(area / max(height * width, 1)) for area in DETECTION_AREA)
    return min(max(low, 1.0), MAX_GROWTH) if high > 1 else high


def _tensor(pixels: Pixels) -> NDArray[np.float32]:
    """[H, W, 3] RGB → [3, H, W] BGR in [−1, 1], as the models were trained."""
    scaled = pixels[:, :, ::-1].astype(np.float32) / 127.5 - 1
    return scaled.transpose(2, 0, 1)


def _is_latin(text: str) -> bool:
    """Whether a symbol belongs to Latin writing: letters, general punctuation, signs, boxes."""
    if len(text) != 1:
        return text == ""
    return ord(text) < 0x250 or "\u1e00" <= text < "\u1f00" or text in "–—‘’“”•…€™№☐☑☒√■□●○◆"


def _session(name: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency(
            "onnxruntime is not installed", remedy="Install it with: pip install onnxruntime"
        ) from error
    # Found without importing it: the package takes a second and is not needed itself.
    package = find_spec("rapidocr")
    folders = package.submodule_search_locations if package else None
    path = Path(folders[0] if folders else "", "models", name)
    if not path.is_file():
        raise MissingDependency(
            f"the installed rapidocr does not carry {name}",
            remedy="Install a version that does: pip install 'rapidocr>=3.10'",
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # pages differ in size, and the arena never shrinks
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
