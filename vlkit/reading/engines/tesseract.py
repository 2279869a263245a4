"""Tesseract, given what it needs: text at the size that it reads best, and lines found for it.

The page is read once as sparse text. Lines that this left out or was unsure of are cut out, freed
of ruling lines and read once more, one by one. Boxes are then drawn around the ink.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vlkit.document import Line, Source, Word, box_quad, box_union
from vlkit.images import PageImage
from vlkit.reading.calibration import calibration_of
from vlkit.reading.engines.hangul import KOREAN, read_hangul
from vlkit.reading.engines.regions import Region
from vlkit.reading.engines.sheet import read_on_sheet
from vlkit.reading.engines.tesseract_api import (
    Api,
    RawWord,
    installed_languages,
    open_api,
    read_lines,
    require,
)
from vlkit.reading.lines import Gray, Segmentation, cut, resize, segment
from vlkit.reading.orientation import to_gray

LETTER_HEIGHT = 20.0
"""Pixels of the median letter to which a page is enlarged."""
ENLARGE = (0.5, 4.0)
SPARSE = 11
NOISE = 0.3
"""Less confidence than this is ink that is no text."""
SIGN_NOISE = 0.8
"""The same for words without a letter or figure: specks are read as dots and dashes."""
SECOND_LOOK = 0.75
"""A line with a word of less confidence is read once more."""
FOUND = 0.85
"""Confidence that a word needs which the reading of the page as a whole left out."""
MARGIN = 0.2
"""White around its ink that belongs to a word's box, in heights of the word."""
COMPOUND = re.compile(r"(?<=[^\W\d_][/-])(?=[^\W\d_])")


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
        gray = to_gray(image.pixels)
        found = segment(gray)
        if not found.lines:
            return []
        low, high = ENLARGE
        scale = min(max(LETTER_HEIGHT / found.text_height, low), high)
        if KOREAN & set(languages):
            words = read_hangul(self.api, gray, found, languages, scale)
        else:
            words = self._read_page(gray, found, languages, scale)
        source = Source(name=self.name, version=self.version)
        return _lines(words, image.scale, source)

    def read(
        self, image: PageImage, regions: Sequence[Region], languages: Sequence[str]
    ) -> list[Line | None]:
        """The line in each region, where it holds level text."""
        return read_on_sheet(self, image, regions, languages)

    def _read_page(
        self, gray: Gray, found: Segmentation, languages: Sequence[str], scale: float
    ) -> list[RawWord]:
        (read,) = self.api.read([resize(gray, scale)], languages, SPARSE)
        words = [word.placed(scale, (0, 0), word.line) for word in read]
        words = [word for word in words if not _is_noise(word)]
        again = _doubtful(found, words)
        bare = gray.copy()
        bare[found.rules > 0] = 255
        cuts = [cut(bare, found.lines[number].box, found.text_height, scale) for number in again]
        pictures = [picture for picture, _ in cuts]
        second = [
            word.placed(scale, origin, number)
            for number, (_, origin), line in zip(
                again, cuts, read_lines(self.api, pictures, languages), strict=True
            )
            for word in line
        ]
        return tighten(merge(words, second), found)


def _is_noise(word: RawWord) -> bool:
    sign = not any(character.isalnum() for character in word.text)
    return word.confidence < (SIGN_NOISE if sign else NOISE)


def _doubtful(found: Segmentation, words: Sequence[RawWord]) -> list[int]:
    """Numbers of the lines of which less than 9/10 was read, or a word with little confidence."""
    boxes = _boxes(words)
    sure = np.array([word.confidence >= SECOND_LOOK for word in words], bool)
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    doubtful = []
    for number, line in enumerate(found.lines):
        x0, y0, x1, y1 = line.box
        if y1 - y0 < found.text_height / 2:
            continue
        here = (middle > y0) & (middle < y1)
        width = np.clip(np.minimum(boxes[:, 2], x1) - np.maximum(boxes[:, 0], x0), 0, None)
        covered = width[here & sure].sum()
        spaces = 0.5 * (y1 - y0) * max(int((here & sure & (width > 0)).sum()) - 1, 0)
        if covered + spaces < 0.9 * (x1 - x0):
            doubtful.append(number)
    return doubtful


def merge(first: Sequence[RawWord], second: Sequence[RawWord]) -> list[RawWord]:
    """The first reading's words; where the second is surer of one, its text; and the words that
    only the second has and is sure of.
    """
    if not first or not second:
        return [*first, *(word for word in second if word.confidence >= FOUND)]
    overlap, area, other_area = _overlaps(_boxes(first), _boxes(second))
    union = area[:, None] + other_area[None, :] - overlap
    merged = []
    for index, word in enumerate(first):
        twin = int((overlap[index] / union[index]).argmax())
        same = overlap[index, twin] > 0.5 * union[index, twin]
        if same and second[twin].confidence > word.confidence + 0.05:
            word = replace(second[twin], line=word.line)
        merged.append(word)
    free = overlap.max(axis=0) < 0.3 * other_area
    merged += [
        word
        for word, new in zip(second, free.tolist(), strict=True)
        if new and word.confidence >= FOUND and any(letter.isalnum() for letter in word.text)
    ]
    return merged


def tighten(words: Sequence[RawWord], found: Segmentation) -> list[RawWord]:
    """Give each word to the line of ours that most of its ink belongs to, and draw its box around
    that ink: Tesseract's boxes often take in a part of the line above, or half a rule.
    """
    components = found.components
    middle = (components[:, :2] + components[:, 2:]) / 2
    line_of = np.full(len(components), -1)
    for number, line in enumerate(found.lines):
        line_of[list(line.components)] = number
    tight = []
    for word in words:
        x0, y0, x1, y1 = word.box
        x, y = middle.T
        inside = (x > x0) & (x < x1) & (y > y0) & (y < y1) & (line_of >= 0)
        if inside.any():
            heights = components[inside, 3] - components[inside, 1]
            best = np.bincount(line_of[inside], heights).argmax()
            ink = components[inside & (line_of == best)]
            left, top = np.maximum(ink[:, :2].min(axis=0), (np.floor(x0), np.floor(y0)))
            right, bottom = np.minimum(ink[:, 2:].max(axis=0), (np.ceil(x1), np.ceil(y1)))
            box = (float(left), float(top), float(right), float(bottom))
            word = replace(word, box=box, line=int(best))
        else:
            # A number that no line of ours has.
            word = replace(word, line=len(found.lines) + abs(word.line))
        tight.append(word)
    return tight


def _boxes(words: Sequence[RawWord]) -> NDArray[np.float64]:
    return np.array([word.box for word in words], np.float64).reshape(-1, 4)


def _overlaps(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Areas of every pair's intersection, and of every box of either side."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    overlap = np.prod(np.clip(high - low, 0, None), axis=2)
    area, other = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (first, second))
    return overlap, np.maximum(area, 1e-9), np.maximum(other, 1e-9)


# ---------------------------------------------------------------------------------------------
# Words of a page to lines of a document


def _lines(words: Iterable[RawWord], scale: float, source: Source) -> list[Line]:
    """Lines in page units, top to bottom."""
    members: dict[int, list[RawWord]] = {}
    for word in words:
        members.setdefault(word.line, []).append(word)
    lines = []
    for line in members.values():
        line.sort(key=lambda word: word.box[0])
        parts = [part for word in line for part in _parts(word, scale, source)]
        box = box_union(part.box for part in parts)
        lines.append(Line(words=parts, box=box, quad=box_quad(box)))
    return sorted(lines, key=lambda line: (line.box[1] + line.box[3], line.box[0]))


def _parts(word: RawWord, scale: float, source: Source) -> list[Word]:
    """The words of a compound (``Signature/Date``, ``Oral-Suggestion``), or the word itself."""
    x0, y0, x1, y1 = word.box
    margin = MARGIN * (y1 - y0)
    texts = COMPOUND.split(word.text)
    sure = float(calibration_of("tesseract")(word.confidence))
    letter = (x1 - x0 + 2 * margin) / len(word.text)
    left = x0 - margin
    parts = []
    for text in texts:
        right = left + letter * len(text)
        box = (left / scale, (y0 - margin) / scale, right / scale, (y1 + margin) / scale)
        parts.append(
            Word(
                text=text,
                box=box,
                quad=box_quad(box),
                confidence=sure,
                space_after=False,
                source=source,
            )
        )
        left = right
    parts[-1].space_after = True
    return parts
