"""Whether a text's letters follow each other as in a language that is written in its script.

Pairs of letters are counted in a page of prose per script, several languages together. A font
whose character map is wrong gives text that may look well-formed, letter by letter, but whose
pairs no language has.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from functools import cache
from importlib.resources import files
from itertools import pairwise

from vlkit.pdf.scripts import script_of

_WORD = re.compile(r"[^\W\d_]{2,}")
_EDGE = " "


def surprise(words: str) -> tuple[float, int]:
    """How much rarer the text's letter pairs are than letters drawn by chance would have them.

    Args:
        words: Words with white space between them.

    Returns:
        Bits per pair, and the number of pairs that it is the mean of. Below 0 is language:
        about -1 for ordinary prose; wrongly mapped text is above 0. Scripts of which no
        prose is at hand count nothing.
    """
    bits = 0.0
    count = 0
    tables = _tables()
    for word in _WORD.findall(words):
        script = script_of(word)
        if script not in tables:
            continue
        table = tables[script]
        for pair in pairwise(_EDGE + _letters(word) + _EDGE):
            bits += table.get(pair, table[_EDGE, ""])
            count += 1
    return (bits / count if count else 0.0, count)


def _letters(word: str) -> str:
    """Base letters in lower case; Hangul as the sounds that its syllables are made of."""
    plain = unicodedata.normalize("NFD", word.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))


@cache
def _tables() -> dict[str, dict[tuple[str, str], float]]:
    """Script → pair of letters → bits by which it is rarer than under equal chances.

    The entry ``(" ", "")`` stands for pairs that the prose does not have.
    """
    pairs: dict[str, Counter[tuple[str, str]]] = {}
    for line in files("vlkit.reading").joinpath("prose.txt").read_text("utf-8").splitlines():
        script, _, text = line.partition(" ")
        if script == "#":
            continue
        found = pairs.setdefault(script, Counter())
        for word in _WORD.findall(text):
            found.update(pairwise(_EDGE + _letters(word) + _EDGE))
    return {script: _bits(found) for script, found in pairs.items()}


def _bits(found: Counter[tuple[str, str]]) -> dict[tuple[str, str], float]:
    alphabet = len({letter for pair in found for letter in pair})
    # Half a count for every pair, so that what a page of prose lacks is rare, not impossible.
    total = found.total() + 0.5 * alphabet**2
    bits = {pair: -math.log2((count + 0.5) / total * alphabet**2) for pair, count in found.items()}
    bits[_EDGE, ""] = -math.log2(0.5 / total * alphabet**2)
    return bits
