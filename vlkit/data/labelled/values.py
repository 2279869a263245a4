"""Where a value that an annotator wrote down stands among a document's words.

Annotators change case and spaces, mend what was misread, and write dates and amounts in their
own format. So texts are sought by their letters and digits with a share of them wrong, dates by
what day they can mean, amounts by what they are worth.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from vlkit.values.dates import dates

MOST_WRONG = 0.25
"""Of a text's letters and digits: edits with which it is still found."""

_AMOUNT = re.compile(r"\d[\d,]*(?:\s?\.\s?\d+)?")


@dataclass(frozen=True)
class Found:
    """Where a value stands.

    Attributes:
        words: Indices, one after the other.
        exact: Whether it is printed with the same letters and digits.
    """

    words: range
    exact: bool


# Texts


def find_text(value: str, words: Sequence[str], most_wrong: float = MOST_WRONG) -> Found | None:
    """The words that say a text, with the fewest edits; of several places the first.

    Letters and digits count alone, whatever their case. A word belongs to it if half of its
    letters do.

    Args:
        most_wrong: Edits for each letter of the value.
    """
    wanted, letters = _letters(value), [_letters(word) for word in words]
    if not wanted or not any(letters):
        return None
    homes = np.repeat(np.arange(len(words)), [len(each) for each in letters])
    start, stop, edits = nearest(wanted, "".join(letters))
    if edits > most_wrong * len(wanted):
        return None
    inside, counts = np.unique(homes[start:stop], return_counts=True)
    shares = counts / np.array([len(letters[word]) for word in inside])
    kept = inside[shares >= min(0.5, shares.max())]
    return Found(range(int(kept[0]), int(kept[-1]) + 1), edits == 0)


def nearest(wanted: str, text: str) -> tuple[int, int, int]:
    """The part of a text with the fewest edits from what is wanted: its start, stop and edits.

    Of several the one that ends first, and of these the shortest. Source: P. Sellers, The theory
    and computation of evolutionary distances: pattern recognition, 1980.
    """
    ends = _edits(wanted, text, anywhere=True)
    stop = int(ends.argmin())
    starts = _edits(wanted[::-1], text[:stop][::-1], anywhere=False)
    return stop - int(starts.argmin()), stop, int(ends[stop])


def _edits(wanted: str, text: str, *, anywhere: bool) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Fewest edits from ``wanted`` to a part of the text that ends at each place, [text + 1].

    Args:
        anywhere: The part may start anywhere; else at the text's start.
    """
    places = np.arange(len(text) + 1)
    letters = np.array([ord(letter) for letter in text], np.int64)
    row = np.zeros_like(places) if anywhere else places.copy()
    for number, letter in enumerate(wanted, start=1):
        changed = np.minimum(row[:-1] + (letters != ord(letter)), row[1:] + 1)
        row = np.concatenate([[number], changed])
        # Letters of the text that are left out: the least of all before it, one more each.
        row = np.minimum.accumulate(row - places) + places
    return row


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


# Dates


def find_dates(value: str, lines: Sequence[Sequence[str]]) -> list[Found]:
    """The places, in order, of dates that can mean the same day.

    Args:
        lines: Words of each line; indices count over all lines.
    """
    wanted = {day for _, _, days in dates(value) for day in days}
    digits = re.sub(r"\W", "", value.casefold())
    found = []
    for text, homes in _line_texts(lines):
        for start, stop, days in sorted(dates(text)):
            if wanted & days:
                exact = re.sub(r"\W", "", text[start:stop].casefold()) == digits
                found.append(Found(_span(homes, start, stop), exact))
    return found


# Amounts


def find_amounts(value: str, lines: Sequence[Sequence[str]]) -> list[Found]:
    """The places, in order, of numbers that are worth the same.

    A number is exact if it has the same digits: ``15.00`` is no ``15``.

    Args:
        lines: Words of each line; indices count over all lines.
    """
    written = _AMOUNT.search(value)
    if written is None:
        return []
    found = []
    for text, homes in _line_texts(lines):
        for match in _AMOUNT.finditer(text):
            if _worth(match.group()) == _worth(written.group()):
                exact = _letters(match.group()) == _letters(written.group())
                found.append(Found(_span(homes, match.start(), match.end()), exact))
    return found


def _worth(number: str) -> Decimal:
    return Decimal(re.sub(r"[\s,]", "", number))


# Lines


def _line_texts(lines: Sequence[Sequence[str]]) -> Iterator[tuple[str, list[int]]]:
    """Each line's text, and the word that each of its characters belongs to."""
    count = 0
    for words in lines:
        homes: list[int] = []
        for number, word in enumerate(words):
            homes += [count + number] * (len(word) + 1)
        yield " ".join(words), homes
        count += len(words)


def _span(homes: Sequence[int], start: int, stop: int) -> range:
    return range(homes[start], homes[stop - 1] + 1)
