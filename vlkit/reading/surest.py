"""Reading by several engines: one reads every line, others the lines that it is unsure of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from vlkit.document import Line
from vlkit.images import PageImage
from vlkit.reading.engines.detector import find_on_page
from vlkit.reading.engines.fitting import has_hangul
from vlkit.reading.engines.regions import Region
from vlkit.reading.engines.strips import top_to_bottom
from vlkit.reading.fused import fused
from vlkit.reading.stages import Engine

DOUBT = 0.5
"""Probability of its words, by characters, under which a reading is compared with another's."""


@runtime_checkable
class LineEngine(Engine, Protocol):
    """An engine that reads lines found for it."""

    def read(
        self, image: PageImage, regions: Sequence[Region], languages: Sequence[str]
    ) -> list[Line | None]:
        """The line in each region, with calibrated confidence; None where it holds no text."""
        ...


class Surest:
    """Each line as the engines that are surest of it read it.

    Args:
        reader: Reads all lines, Korean ones among them.
        specialist: Reads no Korean. It is asked for every line without Hangul, too, and its words
            stand unless the reader is surer of them: who reads fewer scripts reads them better
            (FUNSD's forms: .77 of the words by RapidOCR, .64 by our own reader).
        second: Reads Korean as well, and is asked for lines with Hangul that are in doubt.
    """

    name = "auto"

    def __init__(
        self, reader: LineEngine, specialist: LineEngine | None, second: LineEngine | None
    ) -> None:
        self.reader = reader
        self.specialist = specialist
        self.second = second

    @property
    def version(self) -> str:
        every = [each for each in (self.reader, self.specialist, self.second) if each is not None]
        return ", ".join(f"{each.name} {each.version}" for each in every)

    def languages(self) -> frozenset[str]:
        return self.reader.languages()

    def recognise(self, image: PageImage, languages: Sequence[str]) -> list[Line]:
        regions = find_on_page(self.name, image)
        lines = self.reader.read(image, regions, languages)
        for other, asks, better in (
            (self.specialist, _asks_specialist, _with_specialist),
            (self.second, _asks_second, surer),
        ):
            readable = frozenset[str]() if other is None else other.languages()
            known = [language for language in languages if language in readable]
            asked = [i for i, line in enumerate(lines) if known and asks(line)]
            if other is None or not asked:
                continue
            readings = other.read(image, [regions[i] for i in asked], known)
            for i, reading in zip(asked, readings, strict=True):
                lines[i] = better(lines[i], reading)
        return top_to_bottom(lines)


def _asks_specialist(line: Line | None) -> bool:
    """Scribbles and stains are at times read as Hangul."""
    return line is None or confidence_of(line) < DOUBT or not has_hangul(line.text)


def _with_specialist(line: Line | None, other: Line | None) -> Line | None:
    """The specialist's reading, the other one, with the reader's words where that is surer.

    Lines that may be Korean, or that lean, so that words of two readings can't be laid side by
    side, are the specialist's as a whole unless it is in doubt.
    """
    korean = line is None or has_hangul(line.text)
    if line and other and not korean and _level(line) and _level(other):
        return fused(other, line)
    if confidence_of(other) >= DOUBT:
        return other
    return line if korean else surer(line, other)


def _level(line: Line) -> bool:
    """Whether its words' places are along the page's."""
    return all(word.quad is None for word in line.words)


def _asks_second(line: Line | None) -> bool:
    """A line that nobody could read is a scribble more often than it is Korean."""
    return line is not None and confidence_of(line) < DOUBT and has_hangul(line.text)


def confidence_of(line: Line | None) -> float:
    """Mean over a line's characters of the probability that their word is right; 0 of nothing."""
    if line is None:
        return 0.0
    return _right(line) / _length(line)


def surer(line: Line | None, other: Line | None) -> Line | None:
    """The reading that has more of the line right, as far as the two readings know.

    Measured as F1 of characters: rightly read ones against those read and those that there are.
    How many there are is what both readings think in the mean, so that neither words left out nor
    words made up are an advantage.
    """
    if line is None or other is None:
        return line or other
    there = (_length(line) + _length(other)) / 2
    f1, other_f1 = (2 * _right(each) / (_length(each) + there) for each in (line, other))
    return other if other_f1 > f1 else line


def _right(line: Line) -> float:
    return sum((word.confidence or 0.0) * len(word.text) for word in line.words)


def _length(line: Line) -> int:
    return sum(len(word.text) for word in line.words)
