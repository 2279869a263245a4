"""Lines of Hangul, alone or mixed with Latin letters and figures, read by Tesseract.

Given both languages at once Tesseract picks one for each word, and often the wrong one; and it
puts spaces between syllables. So every line is read in each language alone; words are parted
where the white between them is wide; and each word is taken from the language that is surer of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from vlkit.reading.engines.tesseract_api import Api, RawWord, read_lines
from vlkit.reading.lines import Gray, Segmentation, TextLine, cut

KOREAN = frozenset({"kor", "kor_vert"})
SINGLE_WORD = 8
SPACE = (0.16, 0.4)
"""White that is a space is found between these, in heights of the line."""
WIDE = 0.1
"""White wider by this parts words whatever was read across it."""
HALF_SURE = 0.5
"""Confidence from which a word of the other languages keeps together what it covers."""
HANDICAP = 0.1
"""By how much surer the other languages must be of a word that the Korean model reads as syllables
alone; of one that it reads as a mixture they may be half as much less sure."""
SURE = 0.9
"""Confidence from which a word of figures and syllables needs no second look."""
DOUBTFUL = 0.6
"""Confidence of such a word up to which its figures may be wrong, too, not only its letters."""
FIGURE = re.compile(r"[0-9][0-9.,]*[0-9]")
THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
PLAIN = re.compile(
    r"^[^\w]?(?:[A-Za-z'’-]+|[0-9.,:/%~-]+|[\w.-]+@[\w.-]+|www[\w./-]+)[^\w]*$", re.A
)
MIXED = re.compile(r"^([^가-힣]*[0-9A-Za-z][^가-힣]*)([가-힣].*)$")


@dataclass(frozen=True)
class _Read:
    """One line as read in Korean and in the other languages, in pixels of the page."""

    line: TextLine
    korean: list[RawWord]
    other: list[RawWord]

    @property
    def hangul(self) -> bool:
        """Whether a good part of the line is Hangul."""
        sure = sum(has_hangul(word.text) * word.confidence for word in self.korean)
        return sure > sum(word.confidence for word in self.other) / 4


def read_hangul(
    api: Api, gray: Gray, found: Segmentation, languages: Sequence[str], scale: float
) -> list[RawWord]:
    """Words of all lines, in pixels of the page; ``languages`` holds a Korean one."""
    cuts = [cut(gray, line.box, found.text_height, scale) for line in found.lines]
    korean = [language for language in languages if language in KOREAN]
    other = [language for language in languages if language not in KOREAN]
    pictures = [picture for picture, _ in cuts]
    none: list[list[RawWord]] = [[] for _ in cuts]
    in_korean = read_lines(api, pictures, korean)
    in_other = read_lines(api, pictures, other) if other else none
    reads = [
        _Read(
            line,
            [word.placed(scale, origin, number) for word in first],
            [word.placed(scale, origin, number) for word in second],
        )
        for number, (line, (_, origin), first, second) in enumerate(
            zip(found.lines, cuts, in_korean, in_other, strict=True)
        )
    ]
    space = _space(found, [read.line for read in reads if read.hangul])
    words: list[RawWord] = []
    for number, read in enumerate(reads):
        if read.hangul or not other:
            words += _best(read, _spans(found, read, space), number)
        else:
            words += read.other
    return _reread(api, gray, found, words, other, scale)


def has_hangul(text: str) -> bool:
    return any("가" <= character <= "힣" for character in text)


# ---------------------------------------------------------------------------------------------
# Spaces


def _columns(found: Segmentation, line: TextLine) -> NDArray[np.intp]:
    """x of the line's columns with ink, on the page."""
    x0, y0, x1, y1 = line.box
    return np.flatnonzero((found.labels[y0:y1, x0:x1] > 0).any(axis=0)) + x0


def _space(found: Segmentation, lines: Sequence[TextLine]) -> float:
    """The white, in heights of a line, that parts words best from syllables (Otsu's way)."""
    low, high = SPACE
    gaps = [np.zeros(0)]
    for line in lines:
        white = np.diff(_columns(found, line)) - 1
        share = white / (line.box[3] - line.box[1])
        # Narrower is white within a syllable.
        gaps.append(share[share > low / 2])
    white = np.minimum(np.concatenate(gaps), 2 * high)
    best, space = 0.0, (low + high) / 2
    for level in np.arange(low, high, 0.01):
        under, over = white[white < level], white[white >= level]
        if len(under) and len(over):
            between = len(under) * len(over) * (over.mean() - under.mean()) ** 2
            if between > best:
                best, space = between, float(level)
    return space


def _spans(found: Segmentation, read: _Read, space: float) -> list[tuple[int, int]]:
    """(x0, x1) of the line's words: where there is white and neither reading has a word across
    it. Both part too much rather than too little, so they are believed but for very wide white.
    """
    columns = _columns(found, read.line)
    height = read.line.box[3] - read.line.box[1]
    share = (np.diff(columns) - 1) / height
    breaks = np.flatnonzero(share >= space)
    middle = (columns[breaks] + columns[breaks + 1]) / 2
    across = np.zeros(len(breaks), bool)
    for word in [*read.korean, *(word for word in read.other if word.confidence >= HALF_SURE)]:
        # Its box may reach a little into the white beside it.
        x0, _, x1, _ = word.box
        across |= (middle > x0 + height / 3) & (middle < x1 - height / 3)
    breaks = breaks[~across | (share[breaks] >= space + WIDE)]
    starts = columns[np.concatenate([[0], breaks + 1])]
    ends = columns[np.concatenate([breaks, [len(columns) - 1]])] + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


# ---------------------------------------------------------------------------------------------
# Choice of language


def _best(read: _Read, spans: Sequence[tuple[int, int]], number: int) -> list[RawWord]:
    """A word for each span, from the language that is surer of it."""
    chosen = []
    pairs = zip(_fill(read.korean, spans), _fill(read.other, spans), strict=True)
    for (x0, x1), (korean, other) in zip(spans, pairs, strict=True):
        korean = (with_thousands(korean[0], other[0]), korean[1])
        pure = all(has_hangul(character) for character in korean[0].rstrip(".,"))
        need = korean[1] + (HANDICAP if pure else -HANDICAP / 2)
        better = other[0] and (not korean[0] or other[1] > need)
        text, sure = other if better and not runs_into_hangul(korean[0], other[0]) else korean
        box = (float(x0), float(read.line.box[1]), float(x1), float(read.line.box[3]))
        if text:
            chosen.append(RawWord(text, box, sure, number))
    return chosen


def runs_into_hangul(korean: str, other: str) -> bool:
    """Whether the other languages' reading of a mixed word mistakes its syllables for letters:
    it goes on where the Korean one has syllables, or is neither a word, a figure nor an address.
    """
    parts = MIXED.match(korean)
    return parts is not None and (other.startswith(parts[1]) or not PLAIN.match(other))


def with_thousands(korean: str, other: str) -> str:
    """The Korean reading with its figure as the other languages' has it, if that has commas.

    The Korean model reads ``1,250`` as ``11250`` or ``1.250``. The other one's figure may run on
    in what is Hangul, but after three digits a group is full.
    """
    figure, grouped = FIGURE.search(korean), THOUSANDS.search(other)
    if figure is None or grouped is None:
        return korean
    here, there = (re.sub(r"[.,]", "", found[0]) for found in (figure, grouped))
    if Levenshtein.distance(here, there) > 1:
        return korean
    return korean[: figure.start()] + grouped[0] + korean[figure.end() :]


def _fill(words: Sequence[RawWord], spans: Sequence[tuple[int, int]]) -> list[tuple[str, float]]:
    """Text and mean confidence, by characters, of what was read in each span."""
    parts: list[list[RawWord]] = [[] for _ in spans]
    starts, ends = np.array(spans).T
    for word in words:
        middle = (word.box[0] + word.box[2]) / 2
        parts[int(np.maximum(starts - middle, middle - ends).argmin())].append(word)
    texts = ["".join(word.text for word in part) for part in parts]
    return [
        (text, sum(word.confidence * len(word.text) for word in part) / max(len(text), 1))
        for text, part in zip(texts, parts, strict=True)
    ]


def _reread(
    api: Api,
    gray: Gray,
    found: Segmentation,
    words: list[RawWord],
    other: Sequence[str],
    scale: float,
) -> list[RawWord]:
    """Words that begin in figures or Latin letters and end in Hangul: the beginning is read once
    more, alone and by the other languages' model.
    """
    unsure = []
    for index, word in enumerate(words):
        parts = MIXED.match(word.text)
        if other and parts and (word.confidence < SURE or not parts[1].isdigit()):
            unsure.append((index, parts[2], _before_hangul(found, word, parts[2])))
    pictures = [cut(gray, box, found.text_height, scale)[0] for _, _, box in unsure]
    for (index, rest, _), read in zip(unsure, api.read(pictures, other, SINGLE_WORD), strict=True):
        head = "".join(part.text for part in read).rstrip(".,:")
        sure = min((part.confidence for part in read), default=0.0)
        before = words[index].confidence
        lettered = any(character.isalpha() for character in head)
        if head and sure > before - HANDICAP and (lettered or before < DOUBTFUL):
            words[index] = replace(words[index], text=head + rest, confidence=sure)
    return words


def _before_hangul(found: Segmentation, word: RawWord, hangul: str) -> tuple[int, int, int, int]:
    """Box of what stands before the word's last syllables, which are as wide as high."""
    x0, y0, x1, y1 = (round(side) for side in word.box)
    syllables = sum(1.0 if has_hangul(character) else 0.4 for character in hangul)
    guess = x1 - syllables * (y1 - y0)
    inked = (found.labels[y0:y1, x0:x1] > 0).any(axis=0)
    white = np.flatnonzero(~inked) + x0
    border = int(white[np.abs(white - guess).argmin()]) if len(white) else round(guess)
    return x0, y0, max(border, x0 + 1), y1
