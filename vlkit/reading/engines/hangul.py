"""Lines of Hangul, alone or mixed with Latin letters and figures, read by Tesseract.

Given both languages at once Tesseract picks one for each word, and often the wrong one; and it
puts spaces between syllables. So every line is read in each language alone. The Korean model
reads syllables well, and Latin letters as signs and figures: it tells where the Hangul is, and
what stands between is read once more by the other languages' model, alone
(:mod:`vlkit.reading.engines.between`). Where the characters are, and so the spaces, is found by
laying the text over the line's ink (:mod:`vlkit.reading.engines.fitting`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vlkit.reading.engines.between import Piece, join_runs, marked, parts_of, reread
from vlkit.reading.engines.fitting import Token, expected, fit, has_hangul, measured, white_before
from vlkit.reading.engines.tesseract_api import SINGLE_LINE, Api, RawWord, read_lines
from vlkit.reading.lines import Gray, Segmentation, TextLine, cut

KOREAN = frozenset({"kor", "kor_vert"})
RAW_LINE = 13
"""Tesseract's mode for a picture in which it must not look for a line."""
USUAL_SPACE = 0.14
"""White that is a space, beyond the white that characters bring with them, in pitches."""
SPACE = (0.11, 0.25)
"""What it may be on a page."""
SAME_SIZE = (0.7, 1.4)
"""Lines as high as this, in the page's usual height, are set in the same size."""
FEW = 5
"""Words from which their width tells the pitch."""
SHAPES = (0.5, 2.0)
"""What a pitch may be, in heights of the line."""
OTHER_PITCH = 0.02
"""By how much a line's own pitch must differ for a second fit."""
BAD_FIT = (1.5, 0.3)
"""A line that costs so many times as much per character as others, and this, is read in other
ways, too."""
OTHER_WAYS = ((1.0, RAW_LINE), (1.5, SINGLE_LINE))
"""Enlargement and mode of each."""
GUESS = 1.0
"""Cost of a character that the Korean model is unsure of and that is no Hangul."""


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


@dataclass(frozen=True)
class _Laid:
    """A line's reading laid over its ink, and how badly it fits."""

    pieces: list[Piece]
    pitch: float
    cost: float


def read_hangul(
    api: Api, gray: Gray, found: Segmentation, languages: Sequence[str], scale: float
) -> list[RawWord]:
    """Words of all lines, in pixels of the page; ``languages`` holds a Korean one."""
    found = replace(found, lines=join_lines(found.lines))
    korean = [language for language in languages if language in KOREAN]
    other = [language for language in languages if language not in KOREAN]
    reads = _read_twice(api, gray, found, korean, other, scale)
    hangul = {number: read for number, read in enumerate(reads) if read.hangul or not other}
    pitches = _pitches(hangul)
    laid = {number: _lay(found, read, pitches[number]) for number, read in hangul.items()}
    _read_otherwise(api, gray, found, hangul, laid, pitches, korean, scale)
    space = space_of([piece.white for line in laid.values() for piece in line.pieces[1:]])
    runs = {number: join_runs(line.pieces, space) for number, line in laid.items()}
    boxes = {number: read.line.box for number, read in hangul.items()}
    if other:
        words = {number: read.other for number, read in hangul.items()}
        pitch = {number: line.pitch for number, line in laid.items()}
        runs = reread(api, gray, found, boxes, runs, pitch, words, other, scale)
    words_of_lines = []
    for number, read in enumerate(reads):
        if number in hangul:
            pieces = marked(found, read.line, runs[number], laid[number].pitch)
            words_of_lines.append(_words(read.line, pieces, space, number))
        else:
            words_of_lines.append(read.other)
    return [word for words_of_line in words_of_lines for word in words_of_line]


def join_lines(lines: Sequence[TextLine]) -> list[TextLine]:
    """Join runs that stand on one line, less than its height apart.

    The parts of syllables are low, so that a page's letters seem lower than they are: commas seem
    letters of another line, and white beside brackets seems wide.
    """
    joined: list[TextLine] = []
    for line in sorted(lines, key=lambda line: line.box[0]):
        x0, y0, x1, y1 = line.box
        best = None
        for index, (_, top, right, bottom) in enumerate(before.box for before in joined):
            reach = max(bottom - top, y1 - y0)
            shared = min(bottom, y1) - max(top, y0)
            beside = shared > 0.6 * min(bottom - top, y1 - y0) and abs(x0 - right) < reach
            if beside and (best is None or right > joined[best].box[2]):
                best = index
        if best is None:
            joined.append(line)
        else:
            left, top, right, bottom = joined[best].box
            box = (left, min(top, y0), max(right, x1), max(bottom, y1))
            joined[best] = TextLine(box, (*joined[best].components, *line.components))
    joined.sort(key=lambda line: (line.box[1] + line.box[3], line.box[0]))
    return joined


# ---------------------------------------------------------------------------------------------
# Reading


def _read_twice(
    api: Api,
    gray: Gray,
    found: Segmentation,
    korean: Sequence[str],
    other: Sequence[str],
    scale: float,
) -> list[_Read]:
    cuts = [cut(gray, line.box, found.text_height, scale) for line in found.lines]
    pictures = [picture for picture, _ in cuts]
    none: list[list[RawWord]] = [[] for _ in cuts]
    in_korean = _read_lines(api, pictures, korean)
    in_other = read_lines(api, pictures, other) if other else none
    return [
        _Read(
            line,
            [word.placed(scale, origin, number) for word in first],
            [word.placed(scale, origin, number) for word in second],
        )
        for number, (line, (_, origin), first, second) in enumerate(
            zip(found.lines, cuts, in_korean, in_other, strict=True)
        )
    ]


def _read_lines(
    api: Api, pictures: Sequence[Gray], languages: Sequence[str]
) -> list[list[RawWord]]:
    """Words of each picture of a line, also where Tesseract doesn't find the line in it."""
    read = read_lines(api, pictures, languages)
    empty = [number for number, words in enumerate(read) if not words]
    again = api.read([pictures[number] for number in empty], languages, RAW_LINE)
    for number, words in zip(empty, again, strict=True):
        read[number] = words
    return read


def _read_otherwise(
    api: Api,
    gray: Gray,
    found: Segmentation,
    hangul: dict[int, _Read],
    laid: dict[int, _Laid],
    pitches: dict[int, list[float]],
    korean: Sequence[str],
    scale: float,
) -> None:
    """Replace readings that don't fit their line by ones that fit better: Tesseract drops words
    now and then.
    """
    costs = {number: line.cost / max(len(line.pieces), 1) for number, line in laid.items()}
    usual = float(np.median(list(costs.values()))) if costs else 0.0
    bad = [number for number, cost in costs.items() if cost > BAD_FIT[0] * usual + BAD_FIT[1]]
    for enlarged, mode in OTHER_WAYS:
        size = scale * enlarged
        cuts = [cut(gray, hangul[number].line.box, found.text_height, size) for number in bad]
        again = api.read([picture for picture, _ in cuts], korean, mode)
        for number, (_, origin), words in zip(bad, cuts, again, strict=True):
            placed = [word.placed(size, origin, number) for word in words]
            line = _lay(found, replace(hangul[number], korean=placed), pitches[number])
            if line.pieces and line.cost < laid[number].cost:
                laid[number] = line


# ---------------------------------------------------------------------------------------------
# Where the characters are


def _pitches(reads: dict[int, _Read]) -> dict[int, list[float]]:
    """Pixels from one syllable to the next that each line may have: as the page's lines of about
    its height have, and by its own height.
    """
    if not reads:
        return {}
    heights = {number: read.line.box[3] - read.line.box[1] for number, read in reads.items()}
    shape = _shape(list(reads.values()))
    usual = float(np.median(list(heights.values())))
    low, high = SAME_SIZE
    return {
        number: [shape * height, *([shape * usual] if low < height / usual < high else [])]
        for number, height in heights.items()
    }


def _shape(reads: Sequence[_Read]) -> float:
    """Pixels from one syllable to the next, in heights of the line."""
    within, between = [], []
    for read in reads:
        height = read.line.box[3] - read.line.box[1]
        last: tuple[float, int] | None = None
        for word in read.korean:
            length = len(word.text)
            if not all(map(has_hangul, word.text)):
                last = None
                continue
            if length > 1:
                within.append((word.box[2] - word.box[0]) / (length - 0.1) / height)
            middle = (word.box[0] + word.box[2]) / 2
            if last:
                between.append((middle - last[0]) / ((last[1] + length) / 2) / height)
            last = middle, length
    shape = 1.0
    if len(within) >= FEW:
        shape = float(np.median(within))
    elif between:
        # Less than a third of the syllables end a word.
        shape = float(np.quantile(between, 0.3))
    return float(np.clip(shape, *SHAPES))


def _lay(found: Segmentation, read: _Read, pitches: Sequence[float]) -> _Laid:
    """The line's characters, each where its ink is, and how badly they fit."""
    x0, y0, x1, y1 = read.line.box
    inked = np.flatnonzero((found.labels[y0:y1, x0:x1] > 0).any(axis=0))
    parts = parts_of(read.korean, read.other, pitches[-1])
    if not parts:
        return _Laid([], pitches[-1], 0.0)
    tokens = [Token(text, sure) for text, sure in parts]
    widths, gaps = expected(tokens)
    fits = [(*fit(inked, tokens, pitch), pitch) for pitch in dict.fromkeys(pitches)]
    spans, cost, pitch = min(fits, key=lambda each: each[1])
    better = measured(tokens, spans, widths, gaps, pitch, USUAL_SPACE)
    if abs(better / pitch - 1) > OTHER_PITCH:
        again, less = fit(inked, tokens, better)
        if less < cost:
            spans, cost, pitch = again, less, better
    # A typeface may be narrow for its pitch, so that another pitch than its own fits better.
    pitch = measured(tokens, spans, widths, gaps, pitch, USUAL_SPACE)
    pieces = []
    for number, (token, (left, right)) in enumerate(zip(tokens, spans.tolist(), strict=True)):
        white = white_before(tokens, spans, widths, gaps, number, pitch) if number else 0.0
        pieces.append(Piece(token.text, token.confidence, x0 + left, x0 + right, white))
    guessed = sum(len(token.text) for token in tokens if not token.sure and not token.syllable)
    return _Laid(pieces, pitch, cost + GUESS * guessed)


def space_of(whites: Sequence[float]) -> float:
    """The white that parts words from characters: half way between what there is on either side
    of it, in pitches.
    """
    white = np.array(whites)
    space = USUAL_SPACE
    for _ in range(5):
        under, over = white[white < space], white[white >= space]
        if not len(under) or not len(over):
            break
        space = float(np.clip((np.median(under) + np.median(over)) / 2, *SPACE))
    return space


def _words(line: TextLine, pieces: Sequence[Piece], space: float, number: int) -> list[RawWord]:
    """Pieces to words: parted by spaces."""
    groups: list[list[Piece]] = []
    for piece in pieces:
        if groups and piece.white < space:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    words = []
    for group in groups:
        text = "".join(piece.text for piece in group)
        sure = sum(piece.confidence * len(piece.text) for piece in group) / len(text)
        box = (group[0].x0, float(line.box[1]), group[-1].x1, float(line.box[3]))
        words.append(RawWord(text, box, sure, number))
    return words
