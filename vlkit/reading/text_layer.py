"""Whether a PDF page's text layer can be trusted: the choice that ``auto`` makes page by page.

Cheap checks come first: is there text, does the file name its characters, do its letters follow
each other as in a language. The picture is looked at only where text is hidden or pictures take
much of the page, and a few lines are read by OCR only where doubt is left.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

from vlkit.document import Box, Line, Word
from vlkit.images import PageImage, Pixels
from vlkit.pdf.scripts import script_of
from vlkit.reading.letters import surprise
from vlkit.reading.orientation import find_words, to_gray
from vlkit.reading.stages import Engine

Kind = Literal["sound", "empty", "garbled", "stale", "partial"]

MAX_UNNAMED = 0.1
"""Share of characters without a name (or with a private one) that a sound page may have."""
MIN_PAIRS = 40
"""Fewer letter pairs say nothing about a font."""
USUAL, GARBLED = -1.2, -0.1
"""Bits of ``letters.surprise``: prose has -1.2 to -1.9, and text whose letters were exchanged
-0.9 to 1."""
SPREAD = 2.2
"""Standard deviation of one pair's bits."""
MAX_ODD = 0.25
"""Share of words with capitals, digits or signs among their letters; code comes near it."""
MAX_STUTTER = 0.05
"""Share of words with a letter three times in a row: no language comes near it."""
MANY = 0.25
"""The share of a page from which on pictures, or garbled fonts, decide."""
MIN_COVERED = 0.5
"""The least share of the words seen in the picture that a complete text layer covers."""
MIN_ALIKE = 0.7
"""The least likeness of lines read by OCR to the text layer's; other text reaches .5."""
SAMPLED = 4
"""Lines that are read by OCR."""

_SCRIPTS = {
    "kor": {"Hang", "Hani", "Latn"},
    "jpn": {"Hira", "Kana", "Hani", "Latn"},
    "chi_sim": {"Hani", "Latn"},
    "chi_tra": {"Hani", "Latn"},
    "ara": {"Arab"},
    "fas": {"Arab"},
    "urd": {"Arab"},
    "heb": {"Hebr"},
    "rus": {"Cyrl"},
    "ukr": {"Cyrl"},
    "bul": {"Cyrl"},
    "srp": {"Cyrl"},
    "ell": {"Grek"},
    "tha": {"Thai"},
    "hin": {"Deva"},
}


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a text layer, if anything, and how that shows.

    Attributes:
        readable: Whether its letters are those that the languages given are written in: if
            many are not, OCR would give something worse.
    """

    kind: Kind
    reason: str = ""
    readable: bool = True

    @property
    def sound(self) -> bool:
        return self.kind == "sound"


def judge(
    image: PageImage, ocr: Callable[[], Engine] | None = None, languages: Sequence[str] = ("eng",)
) -> Verdict:
    """Whether the page's text layer says what the page shows.

    Args:
        ocr: Gives the engine that reads a few lines where doubt is left; without it the cheap
            checks decide.
        languages: What that engine reads; text in other scripts can't be compared.

    Returns:
        ``sound``, or ``empty``, ``garbled`` (characters that are not what the page shows),
        ``stale`` (hidden text of another page, or in the wrong place), ``partial`` (the page
        shows much more text).
    """
    if image.text_layer is None:
        return Verdict("empty", "no text layer")
    content = image.text_layer.content
    words = [word for line in content.lines + content.hidden for word in line.words]
    if not any(char.isalnum() or char == "\ufffd" for word in words for char in word.text):
        return Verdict("empty", "no letters or digits")
    scripts = _scripts_of(languages)
    doubts, verdict = _judge_letters(words)
    if verdict:
        found = [script_of(char) for word in words for char in word.text]
        letters = [script for script in found if script]
        foreign = sum(script not in scripts for script in letters)
        return replace(verdict, readable=foreign <= MANY * len(letters))
    hidden = sum(len(line.words) for line in content.hidden) > 0.3 * len(words)
    if hidden or _share(content.pictures + content.drawings, image) >= MANY:
        verdict = _judge_place(image, words, hidden)
        if verdict:
            return verdict
    if (doubts or hidden) and ocr:
        lines = _sample(content.hidden or content.lines, scripts)
        return _judge_words(image, lines, ocr(), languages, doubts) if lines else Verdict("sound")
    return Verdict("sound")


# ---- letters ----------------------------------------------------------------------------------


def _judge_letters(words: Sequence[Word]) -> tuple[bool, Verdict | None]:
    """Whether doubt is left, and the verdict where none is."""
    text = "".join(word.text for word in words)
    unnamed = sum(_is_unnamed(char) for char in text) / len(text)
    if unnamed > MAX_UNNAMED:
        return False, Verdict("garbled", f"{unnamed:.0%} of the characters have no name")
    stutter = sum(bool(_STUTTER.search(word.text)) for word in words) / len(words)
    if stutter > MAX_STUTTER:
        return False, Verdict("garbled", f"{stutter:.0%} of the words repeat a letter")
    fonts: defaultdict[str | None, list[str]] = defaultdict(list)
    for word in words:
        fonts[word.font].append(word.text)
    scores = [surprise(" ".join(texts)) for texts in fonts.values()]
    rated = [(bits, pairs) for bits, pairs in scores if pairs >= MIN_PAIRS]
    total = sum(pairs for _, pairs in scores)
    if not rated:
        rated = [surprise(" ".join(word.text for word in words))]
    garbled = sum(pairs for bits, pairs in rated if bits > GARBLED)
    doubtful = sum(pairs for bits, pairs in rated if _is_doubtful(bits, pairs))
    if total >= MIN_PAIRS and garbled > MANY * total:
        return False, Verdict("garbled", "its letters follow each other as in no language")
    return doubtful > 0.1 * total or _mostly_signs(text) or _mostly_odd(words), None


def _is_doubtful(bits: float, pairs: int) -> bool:
    """Whether letters are less usual than prose's, beyond chance."""
    return pairs > 0 and bits - 2 * SPREAD / pairs**0.5 > USUAL


_ODD = re.compile(r"[a-z][A-Z]|[^\W\d_](\d|[^\w\s.'’/@&:_-])[^\W\d_]")
_STUTTER = re.compile(r"([^\W\d_])\1\1")


def _is_unnamed(char: str) -> bool:
    return char == "\ufffd" or unicodedata.category(char) in ("Co", "Cn", "Cc", "Cs")


def _mostly_signs(text: str) -> bool:
    """Whether signs outnumber letters and digits, leaders and rules left out."""
    kept = re.sub(r"(.)\1{2,}", "", text)
    return sum(char.isalnum() for char in kept) < 0.6 * len(kept)


def _mostly_odd(words: Sequence[Word]) -> bool:
    long = [word.text for word in words if sum(char.isalpha() for char in word.text) >= 3]
    return sum(bool(_ODD.search(text)) for text in long) > MAX_ODD * len(long)


# ---- place ------------------------------------------------------------------------------------


def _judge_place(image: PageImage, words: Sequence[Word], hidden: bool) -> Verdict | None:
    """Compare where the text layer has words with where the picture shows some."""
    seen = find_words(to_gray(image.pixels))
    height, width = seen.page.shape
    zoom = width / image.width
    if not len(seen.length):
        if hidden:
            return Verdict("stale", "the picture below the hidden text shows no words")
        return None
    mask = np.zeros((height, width), dtype=bool)
    for word in words:
        _paint(mask, word.box, zoom, 0.25)
    columns = np.clip(seen.centre[:, 0].astype(int), 0, width - 1)
    rows = np.clip(seen.centre[:, 1].astype(int), 0, height - 1)
    covered = float((mask[rows, columns] * seen.length).sum() / seen.length.sum())
    if hidden and _on_ink(words, seen.letters, (height, width), zoom) < MIN_COVERED:
        return Verdict("stale", "hidden text stands where the picture shows none")
    if covered < MIN_COVERED:
        return Verdict("partial", f"it covers {covered:.0%} of the words that the page shows")
    return None


def _paint(mask: NDArray[np.bool_], box: Box, zoom: float, margin: float) -> None:
    x0, y0, x1, y1 = (side * zoom for side in box)
    edge = margin * (y1 - y0)
    mask[
        max(int(y0 - edge), 0) : max(int(y1 + edge) + 1, 0),
        max(int(x0 - edge), 0) : max(int(x1 + edge) + 1, 0),
    ] = True


def _on_ink(
    words: Sequence[Word], letters: NDArray[np.int32], shape: tuple[int, int], zoom: float
) -> float:
    """Share of the words with a letter of the picture in the middle of their height."""
    ink = np.zeros(shape, dtype=bool)
    for x0, y0, x1, y1 in letters:
        middle = (y0 + y1) // 2
        ink[middle : middle + 1, x0 : x1 + 1] = True
    hits = 0
    for word in words:
        x0, y0, x1, y1 = (side * zoom for side in word.box)
        third = (y1 - y0) / 4
        hits += bool(
            ink[max(int(y0 + third), 0) : int(y1 - third) + 1, max(int(x0), 0) : int(x1) + 1].any()
        )
    return hits / len(words)


def _share(boxes: Iterable[Box], image: PageImage) -> float:
    """Share of the page that the boxes cover."""
    mask = np.zeros((100, 100), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        rows = slice(max(round(100 * y0 / image.height), 0), max(round(100 * y1 / image.height), 0))
        mask[
            rows, max(round(100 * x0 / image.width), 0) : max(round(100 * x1 / image.width), 0)
        ] = True
    return float(mask.mean())


# ---- words ------------------------------------------------------------------------------------


def _judge_words(
    image: PageImage, lines: Sequence[Line], ocr: Engine, languages: Sequence[str], doubts: bool
) -> Verdict:
    """Read a few lines of the picture and compare."""
    picture, bands = _stacked(image, lines)
    read = ocr.recognise(picture, languages)
    likeness = []
    for line, (top, bottom) in zip(lines, bands, strict=True):
        inside = [part.text for part in read if top <= (part.box[1] + part.box[3]) / 2 <= bottom]
        likeness.append(_likeness(_plain(line.text), _plain(" ".join(inside))))
    alike = float(np.median(likeness))
    if alike >= MIN_ALIKE:
        return Verdict("sound")
    kind: Kind = "garbled" if doubts else "stale"
    return Verdict(kind, f"lines that were read anew are {alike:.0%} like it")


def _scripts_of(languages: Iterable[str]) -> set[str]:
    return set().union(*(_SCRIPTS.get(language, {"Latn"}) for language in languages))


def _sample(lines: Sequence[Line], scripts: set[str]) -> list[Line]:
    """Long upright lines in a script that can be read, from all over the page."""
    fit = [line for line in lines if line.quad is None and script_of(line.text) in scripts]
    long = sorted(fit, key=lambda line: len(_plain(line.text)), reverse=True)
    long = sorted(long[: 3 * SAMPLED], key=lambda line: line.box[1])
    step = max(len(long) / SAMPLED, 1)
    return [long[int(index * step)] for index in range(min(SAMPLED, len(long)))]


def _stacked(
    image: PageImage, lines: Sequence[Line]
) -> tuple[PageImage, list[tuple[float, float]]]:
    """A page of these lines' pictures, one below the other, and where each begins and ends."""
    crops = [_crop(image, line.box) for line in lines]
    gap = max(crop.shape[0] for crop in crops) // 2
    width = max(crop.shape[1] for crop in crops) + 2 * gap
    height = sum(crop.shape[0] + gap for crop in crops) + gap
    sheet = np.full((height, width, 3), 255, dtype=np.uint8)
    bands = []
    top = gap
    for crop in crops:
        bands.append(((top - gap / 2) / image.scale, (top + len(crop) + gap / 2) / image.scale))
        sheet[top : top + crop.shape[0], gap : gap + crop.shape[1]] = crop
        top += crop.shape[0] + gap
    picture = PageImage(
        number=image.number,
        width=width / image.scale,
        height=height / image.scale,
        render=lambda: sheet,
        unit=image.unit,
        scale=image.scale,
        dpi=image.dpi,
    )
    return picture, bands


def _crop(image: PageImage, box: Box) -> Pixels:
    x0, y0, x1, y1 = (side * image.scale for side in box)
    edge = 0.15 * (y1 - y0)
    return image.pixels[
        max(int(y0 - edge), 0) : max(int(y1 + edge), 1), max(int(x0 - edge), 0) : max(int(x1), 1)
    ]


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in folded if char.isalnum())


def _likeness(line: str, read: str) -> float:
    """0 to 1: how well the line is found within what was read."""
    if len(read) < len(line):
        return fuzz.ratio(line, read) / 100
    return fuzz.partial_ratio(line, read) / 100
