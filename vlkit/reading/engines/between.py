"""What stands between the Hangul of a line: Latin words, figures, addresses, punctuation marks.

The Korean model knows no Latin letters and takes them for signs and figures; the other languages'
model knows no Hangul and takes it for letters. Of each run of other characters there are up to
three readings: the Korean one, the other one of the whole line, and the other one of the run
alone. Periods and commas are told by their height.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vlkit.reading.engines.fitting import Token, expected, has_hangul
from vlkit.reading.engines.tesseract_api import Api, RawWord
from vlkit.reading.lines import Gray, Segmentation, TextLine, cut

SINGLE_WORD = 8
PART = re.compile(r"[가-힣]|[^가-힣]+")
PLAIN = re.compile(
    r"^[^\w]?(?:[A-Za-z'’-]+|[0-9.,:/%~-]+|[\w.,-]+@[\w.,-]+|www[\w.,/-]+|[A-Z]+[0-9]+)[^\w]*$",
    re.A,
)
"""Words, figures and addresses, as the other languages' model reads them when it isn't misled."""
HALF_SURE = 0.6
"""Confidence from which a word of the other languages' reading of a whole line is used."""
SURE = 0.8
"""The same where the Korean model reads Hangul, of less than UNSURE."""
UNSURE = 0.5
MOST_OFF = 0.35
"""How much wider or narrower than usual a word may be where it was read."""
MISFIT = 0.1
"""By how much better it must fit there than the Korean reading, of less than SURE."""
REACH = 0.35
"""How far Tesseract's boxes may be off, in pitches."""
LETTERS = 0.3
"""By how much less sure a reading with letters may be, where the Korean model has none."""
MISSED_MARK = 0.2
"""Confidence that each period or comma too many or too few takes from a reading."""
OFF = 0.2
"""Share by which a reading's width may differ from the usual for nothing; what is beyond is taken
from its confidence."""
LIKE_FIGURES = frozenset("lI|OoSsZzB!")
COMMA = 0.19
"""Periods are lower than this, commas higher, in pitches."""
BLUR = (0.75, 0.5)
"""Pixels by which a mark may be higher than it seems, or lower."""
MARK = 0.4
"""Marks are lower and narrower than this."""


@dataclass(frozen=True)
class Piece:
    """A Hangul syllable, or a run of other characters, and where its ink is.

    Attributes:
        text: Its characters.
        confidence: 0 to 1, of the word that it was read in.
        x0, x1: Left and right end, in pixels of the page.
        white: White before it beyond what its characters bring with them, in pitches.
    """

    text: str
    confidence: float
    x0: float
    x1: float
    white: float

    @property
    def other(self) -> bool:
        return not has_hangul(self.text)


def parts_of(
    korean: Sequence[RawWord], other: Sequence[RawWord], pitch: float
) -> list[tuple[str, float]]:
    """Syllables and runs of other characters with their confidence, left to right: the Korean
    reading, and what the other one has where the Korean one has no Hangul or is unsure of it.
    """
    words = list(korean)
    for word in other:
        if word.confidence < HALF_SURE or not PLAIN.match(word.text) or len(word.text) < 2:
            continue
        x0, _, x1, _ = word.box
        if _off(word.text, x1 - x0, pitch) > MOST_OFF:
            continue
        inside = [each for each in words if x0 < (each.box[0] + each.box[2]) / 2 < x1]
        doubt = UNSURE if word.confidence > SURE else 0.0
        signs = not all(has_hangul(each.text) for each in inside)
        if (
            inside
            and signs
            and _off("".join(each.text for each in inside), x1 - x0, pitch)
            > (MISFIT + _off(word.text, x1 - x0, pitch))
        ):
            doubt = SURE
        reach = REACH * pitch
        if inside and all(
            (each.confidence < doubt or not has_hangul(each.text))
            and each.box[0] > x0 - reach
            and each.box[2] < x1 + reach
            for each in inside
        ):
            place = words.index(inside[0])
            words = [each for each in words if each not in inside]
            words.insert(place, word)
    return [
        (part, word.confidence)
        for word in words
        # Some signs are normalised to a space and a mark.
        for part in PART.findall("".join(unicodedata.normalize("NFKC", word.text).split()))
    ]


def _off(text: str, width: float, pitch: float) -> float:
    """By what share a text's ink is wider or narrower than usual."""
    return abs(width / pitch / float(expected([Token(text, 1.0)])[0][0]) - 1)


def join_runs(pieces: Sequence[Piece], space: float) -> list[Piece]:
    """Join pieces that aren't Hangul and have no space between them."""
    runs: list[Piece] = []
    for piece in pieces:
        if runs and runs[-1].other and piece.other and piece.white < space:
            last = runs[-1]
            sure = min(last.confidence, piece.confidence)
            runs[-1] = replace(last, text=last.text + piece.text, confidence=sure, x1=piece.x1)
        else:
            runs.append(piece)
    return runs


def reread(
    api: Api,
    gray: Gray,
    found: Segmentation,
    boxes: Mapping[int, tuple[int, int, int, int]],
    runs: Mapping[int, list[Piece]],
    pitches: Mapping[int, float],
    words: Mapping[int, list[RawWord]],
    languages: Sequence[str],
    scale: float,
) -> dict[int, list[Piece]]:
    """Read the runs that hold letters or figures once more, alone.

    Args:
        boxes: Each line's box.
        runs: Each line's pieces.
        pitches: Each line's pixels from one syllable to the next.
        words: Each line as read as a whole in ``languages``, none of them Korean.

    Returns:
        Each line's pieces, these runs as the surest of the readings has them.
    """
    places = [
        (number, index)
        for number, pieces in runs.items()
        for index, piece in enumerate(pieces)
        if piece.other and any(character.isalnum() for character in piece.text)
    ]
    pictures = []
    for number, index in places:
        piece, (_, y0, _, y1) = runs[number][index], boxes[number]
        # Nothing of its neighbours may be seen.
        alone = gray[y0:y1, round(piece.x0) : round(piece.x1)]
        whole = (0, 0, alone.shape[1], alone.shape[0])
        pictures.append(cut(alone, whole, found.text_height, scale)[0])
    better = {number: list(pieces) for number, pieces in runs.items()}
    for (number, index), alone_read in zip(
        places, api.read(pictures, languages, SINGLE_WORD), strict=True
    ):
        piece, (_, y0, _, y1) = runs[number][index], boxes[number]
        pitch = pitches[number]
        reach = REACH * pitch
        in_line = [
            word
            for word in words[number]
            if piece.x0 - reach < word.box[0] and word.box[2] < piece.x1 + reach
        ]
        marks = len(_marks(found, piece, y0, y1, MARK * pitch))
        readings = [_joined(in_line), _joined(alone_read)]
        better[number][index] = surest(piece, readings, marks, pitch)
    return better


def _joined(words: Sequence[RawWord]) -> tuple[str, float]:
    """Text and mean confidence, by characters."""
    text = "".join(word.text for word in words)
    sure = sum(word.confidence * len(word.text) for word in words)
    return text, sure / max(len(text), 1)


def surest(piece: Piece, readings: Sequence[tuple[str, float]], marks: int, pitch: float) -> Piece:
    """The piece with the text of the surest of its readings.

    Args:
        piece: As read first, mostly by the Korean model.
        readings: Texts and confidences of the other languages' model.
        marks: How many low marks (periods, commas, lower points of colons) its ink has.
        pitch: Pixels from one syllable to the next.
    """

    def score(text: str, sure: float) -> float:
        missed = abs(sum(text.count(mark) for mark in ".,:;") - marks)
        lettered = any(letter.isalpha() and letter not in LIKE_FIGURES for letter in text)
        off = max(0.0, _off(text, piece.x1 - piece.x0, pitch) - OFF)
        return sure + LETTERS * lettered - MISSED_MARK * missed - off

    best = piece
    for text, sure in readings:
        if text and text.casefold() == best.text.casefold():
            best = replace(best, confidence=max(sure, best.confidence))
        elif text and score(text, sure) > score(best.text, best.confidence):
            best = replace(best, text=text, confidence=sure)
    return best


# ---------------------------------------------------------------------------------------------
# Punctuation marks


def marked(
    found: Segmentation, line: TextLine, pieces: Sequence[Piece], pitch: float
) -> list[Piece]:
    """The line's pieces, periods and commas told by the height of their ink."""
    _, y0, _, y1 = line.box
    told = []
    for piece in pieces:
        if "." in piece.text or "," in piece.text:
            heights = _marks(found, piece, y0, y1, MARK * pitch)
            piece = replace(piece, text=with_marks(piece.text, heights, pitch))
        told.append(piece)
    return told


def with_marks(text: str, heights: Sequence[float], pitch: float) -> str:
    """The text with periods and commas as the heights of its low marks (in pixels) have them, if
    there are as many as it has.
    """
    places = [place for place, mark in enumerate(text) if mark in ".,:;"]
    if len(places) != len(heights):
        return text
    characters = list(text)
    for place, height in zip(places, heights, strict=True):
        if text[place] in ".,":
            if height + BLUR[0] < COMMA * pitch:
                characters[place] = "."
            elif height - BLUR[1] > COMMA * pitch:
                characters[place] = ","
    return "".join(characters)


def _marks(found: Segmentation, piece: Piece, y0: int, y1: int, most: float) -> list[float]:
    """Heights of the small marks in the lower half of a run, left to right."""
    x0, x1 = round(piece.x0), round(piece.x1)
    numbers = np.unique(found.labels[(y0 + y1) // 2 : y1, x0:x1])
    boxes = found.components[numbers[numbers > 0] - 1]
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    low = (boxes[:, 1] > (y0 + y1) / 2) & (height < most) & (width < most) & (width < 2 * height)
    boxes = boxes[low]
    return [float(box[3] - box[1]) for box in boxes[np.argsort(boxes[:, 0])]]
