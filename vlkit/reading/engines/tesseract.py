"""Tesseract, given what it needs: text at the size that it reads best, and lines found for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import cv2

from vlkit.document import Box, Line, Source, Word, box_quad, box_union
from vlkit.images import PageImage
from vlkit.reading.engines.hangul import KOREAN, read_hangul
from vlkit.reading.engines.tesseract_api import (
    Api,
    RawWord,
    installed_languages,
    open_api,
    require,
)
from vlkit.reading.lines import Gray, Segmentation, resize, segment

LETTER_HEIGHT = 20.0
"""Pixels of the median letter to which a page is enlarged."""
ENLARGE = (0.5, 4.0)
MARGIN = 0.15
"""White around a word that belongs to its box, in heights of the word."""
SPARSE = 11


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
        scale = _enlargement(found)
        if KOREAN & set(languages):
            words = read_hangul(self.api, gray, found, languages, scale)
        else:
            words = self._read_page(gray, languages, scale)
        return self._lines(words, image.scale)

    def _read_page(self, gray: Gray, languages: Sequence[str], scale: float) -> list[RawWord]:
        (words,) = self.api.read([resize(gray, scale)], languages, SPARSE)
        return [word.placed(scale, (0, 0), word.line) for word in words]

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
