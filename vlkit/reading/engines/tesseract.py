"""Tesseract, given what it needs: text at the size that it reads best, and lines found for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import cv2

from vlkit.document import Box, Line, Source, Word, box_quad, box_union
from vlkit.images import PageImage
from vlkit.reading.engines.tesseract_api import (
    Api,
    RawWord,
    installed_languages,
    open_api,
    require,
)
from vlkit.reading.lines import Gray, Segmentation, segment

LETTER_HEIGHT = 20.0
"""Pixels of the median letter to which a page is enlarged."""
ENLARGE = (0.5, 4.0)
MARGIN = 0.15
"""White around a word that belongs to its box, in heights of the word."""
OWN_LINES = frozenset({"kor", "kor_vert", "jpn", "chi_sim", "chi_tra"})
"""Languages whose pages Tesseract can't cut into lines: ours are read one by one."""
SPARSE, SINGLE_LINE = 11, 7


class Tesseract:
    """The engine ``tesseract``; loads nothing until it reads."""

    name = "tesseract"

    def __init__(self) -> None:
        self._api: Api | None = None

    def __getstate__(self) -> dict[str, object]:
        # A loaded library can't cross to another process, which opens its own.
        return {"_api": None}

    @property
    def api(self) -> Api:
        if self._api is None:
            self._api = open_api()
        return self._api

    @property
    def version(self) -> str:
        return self.api.version

    def languages(self) -> frozenset[str]:
        return installed_languages()

    def recognise(self, image: PageImage, languages: Sequence[str]) -> list[Line]:
        require(languages)
        gray = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY).astype("uint8", copy=False)
        found = segment(gray)
        if not found.lines:
            return []
        if OWN_LINES & set(languages):
            words = self._read_lines(gray, found, languages)
        else:
            words = self._read_page(gray, found, languages)
        return self._lines(words, image.scale)

    def _read_page(
        self, gray: Gray, found: Segmentation, languages: Sequence[str]
    ) -> list[RawWord]:
        scale = _enlargement(found)
        picture = _resize(gray, scale)
        (words,) = self.api.read([picture], languages, SPARSE)
        return [_placed(word, scale, (0, 0), word.line) for word in words]

    def _read_lines(
        self, gray: Gray, found: Segmentation, languages: Sequence[str]
    ) -> list[RawWord]:
        scale = _enlargement(found)
        pictures, origins = [], []
        for line in found.lines:
            picture, origin = _cut(gray, line.box, found.text_height, scale)
            pictures.append(picture)
            origins.append(origin)
        read = self.api.read(pictures, languages, SINGLE_LINE)
        return [
            _placed(word, scale, origin, number)
            for number, (words, origin) in enumerate(zip(read, origins, strict=True))
            for word in words
        ]

    def _lines(self, words: Iterable[RawWord], scale: float) -> list[Line]:
        source = Source(name=self.name, version=self.version)
        lines = []
        for _, members in groupby(words, key=lambda word: word.line):
            line = [_word(member, scale, source) for member in members]
            box = box_union(word.box for word in line)
            lines.append(Line(words=line, box=box, quad=box_quad(box)))
        return sorted(lines, key=lambda line: (line.box[1] + line.box[3], line.box[0]))


def _enlargement(found: Segmentation) -> float:
    low, high = ENLARGE
    return min(max(LETTER_HEIGHT / found.text_height, low), high)


def _resize(gray: Gray, scale: float) -> Gray:
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    resized = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=way)
    return resized.astype("uint8", copy=False)


def _cut(
    gray: Gray, box: tuple[int, int, int, int], height: float, scale: float
) -> tuple[Gray, tuple[float, float]]:
    """One line on white, enlarged; and where its corner lies on the page."""
    x0, y0, x1, y1 = box
    around = max(1, round(0.1 * height))
    top, left = max(0, y0 - around), max(0, x0 - around)
    cut = _resize(gray[top : y1 + around, left : x1 + around], scale)
    white = round(0.5 * height * scale)
    padded = cv2.copyMakeBorder(cut, white, white, white, white, cv2.BORDER_CONSTANT, value=(255,))
    return padded.astype("uint8", copy=False), (left - white / scale, top - white / scale)


def _placed(word: RawWord, scale: float, origin: tuple[float, float], line: int) -> RawWord:
    """The word in pixels of the page."""
    x, y = origin
    x0, y0, x1, y1 = word.box
    box = (x0 / scale + x, y0 / scale + y, x1 / scale + x, y1 / scale + y)
    return RawWord(word.text, box, word.confidence, line)


def _word(word: RawWord, scale: float, source: Source) -> Word:
    x0, y0, x1, y1 = word.box
    margin = MARGIN * (y1 - y0)
    box: Box = (
        (x0 - margin) / scale,
        (y0 - margin) / scale,
        (x1 + margin) / scale,
        (y1 + margin) / scale,
    )
    return Word(
        text=word.text,
        box=box,
        quad=box_quad(box),
        confidence=word.confidence,
        source=source,
    )
