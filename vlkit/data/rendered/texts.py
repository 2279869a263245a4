"""What a line says: generated text of many kinds, and text from files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np

from vlkit.data.rendered import english, figures, korean
from vlkit.data.rendered.characters import FOREIGN, KNOWN, OTHERS, normalise
from vlkit.data.rendered.passages import read_passages
from vlkit.data.vocabulary import Language, Writer
from vlkit.errors import InputError

KINDS: dict[str, float] = {
    "korean-prose": 0.26,
    "korean-field": 0.13,
    "korean-cell": 0.08,
    "syllables": 0.04,
    "english-prose": 0.24,
    "english-words": 0.08,
    "english-field": 0.1,
    "english-cell": 0.05,
    "letters": 0.02,
    "figures": 0.06,
    "mixed": 0.05,
    "symbols": 0.02,
    "foreign": 0.03,
    "files": 0.3,
}
"""How often each kind of text is written, as parts of their sum; ``files`` where there are any."""


class Texts:
    """Writes lines of text.

    Args:
        kinds: Weights, as in ``KINDS``.
        files: Files and folders that ``read_passages`` reads, each chosen from as often.
        longest: The most characters of a line; what is longer is cut between words.

    Raises:
        InputError: A file can't be read or has no line that can be written, or only files were
            asked for and none given.
    """

    def __init__(self, kinds: Mapping[str, float], files: Sequence[Path], longest: int) -> None:
        self._passages = [read_passages(file) for file in files]
        weights = {kind: weight for kind, weight in kinds.items() if kind != "files" or files}
        if not any(weights.values()):
            raise InputError(
                "there is no text to draw",
                remedy="Give files of text, or another kind a weight above 0",
            )
        self._kinds, self._weights = list(weights), list(weights.values())
        self._longest = longest

    def write(self, rng: Random) -> str:
        """A line in the form that ``normalise`` gives, of known characters but for the foreign
        ones of that kind; never empty."""
        while True:
            kind = rng.choices(self._kinds, self._weights)[0]
            if kind == "files":
                text = rng.choice(self._passages).choose(rng)
            else:
                text = _WRITERS[kind](rng)
            text = _cut(normalise(text), rng, self._longest)
            if text and (kind == "foreign" or KNOWN.issuperset(text)):
                return text


def _cut(text: str, rng: Random, longest: int) -> str:
    """Some words in a row, short stretches as often as long ones."""
    most = round(longest ** rng.uniform(0.55, 1)) if len(text) > 24 else longest
    if len(text) <= most:
        return text
    words = text.split()
    start = rng.randrange(len(words))
    taken = words[start][:longest]
    for word in words[start + 1 :]:
        if len(taken) + 1 + len(word) > most:
            break
        taken += f" {word}"
    return taken


def _sentences(language: Language, rng: Random) -> str:
    """What the pages' vocabulary has to say."""
    return Writer(language, np.random.default_rng(rng.getrandbits(63))).prose(2)


def _korean_prose(rng: Random) -> str:
    return _sentences("kor", rng) if rng.random() < 0.2 else korean.prose(rng)


def _english_prose(rng: Random) -> str:
    return _sentences("eng", rng) if rng.random() < 0.2 else english.prose(rng)


def _figures(rng: Random) -> str:
    makers: tuple[Callable[[Random], str], ...] = (
        figures.amount,
        figures.amount,
        figures.won,
        figures.date,
        figures.korean_date,
        figures.time,
        figures.phone,
        figures.korean_phone,
        figures.registration,
        figures.code,
        english.net_address,
        english.quantity,
    )
    count = rng.choice((1, 1, 1, 2, 3))
    return rng.choice((" ", " ", " / ", " ~ ", "-")).join(
        rng.choice(makers)(rng) for _ in range(count)
    )


def _mixed(rng: Random) -> str:
    """Both languages in a line, as manuals and shop signs have it."""
    makers: tuple[Callable[[Random], str], ...] = (
        english.word,
        english.words,
        lambda rng: english.word(rng) + korean.with_particle("", rng),
        lambda rng: rng.choice(korean.clause(rng)),
        lambda rng: f"{korean.noun(rng)}({english.word(rng)})",
        korean.number_with_unit,
        figures.code,
    )
    return " ".join(rng.choice(makers)(rng) for _ in range(rng.randrange(2, 7)))


def _symbols(rng: Random) -> str:
    """Every character of the table in its turn, alone and beside words."""
    found = []
    for _ in range(rng.randrange(1, 6)):
        some = "".join(rng.choices(OTHERS[1:], k=rng.choice((1, 1, 2, 3, 5))))
        beside = rng.choice((english.word, korean.noun, figures.code))(rng)
        found.append(rng.choice((some, f"{some} {beside}", f"{beside}{some}", f"{some}{beside}")))
    return " ".join(found)


def _foreign(rng: Random) -> str:
    """Words of a script that is not read, at times beside some that are."""
    letters = FOREIGN[rng.choice(list(FOREIGN))]
    found = [
        "".join(rng.choices(letters, k=rng.randrange(1, 9))) for _ in range(rng.randrange(1, 5))
    ]
    if rng.random() < 0.4:
        beside = rng.choice((english.word, korean.noun, figures.code))(rng)
        found.insert(rng.randrange(len(found) + 1), beside)
    return " ".join(found)


_WRITERS: dict[str, Callable[[Random], str]] = {
    "korean-prose": _korean_prose,
    "korean-field": korean.field,
    "korean-cell": korean.cell,
    "syllables": korean.syllables,
    "english-prose": _english_prose,
    "english-words": english.words,
    "english-field": english.field,
    "english-cell": english.cell,
    "letters": english.letters,
    "figures": _figures,
    "mixed": _mixed,
    "symbols": _symbols,
    "foreign": _foreign,
}
