"""Lines to running text."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HYPHENS = "-‐"
_SOFT_HYPHEN = "\N{SOFT HYPHEN}"
# A hyphen glued to what stands before it, and what goes on in the next line.
_GLUED = re.compile(rf"(\S*\w)[{_HYPHENS}]$")
# A dash without white space before it has none after it.
_DASHED = re.compile(r"\w—$")
# First parts that are written with a hyphen before nearly every word.
_COMPOUND = frozenset(["self", "quasi", "ex"])
_GOES_ON = re.compile(r"\w+")
_LETTERS = re.compile(r"[^\W\d_]{2,}$")
# "pre- and post-": the hyphen stands for a part left out.
_CONJUNCTIONS = frozenset(
    ["and", "or", "nor", "to", "und", "oder", "bis", "et", "ou", "y", "o", "e", "en", "of", "i"]
)
# Scripts written without spaces: kana, Han, and their punctuation. Korean has spaces.
_UNSPACED = re.compile(r"[\u3000-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff00-\uff65]")


HANGUL = re.compile(r"[가-힣]{2,}")
_HANGUL_START = re.compile(r"[가-힣]+")
_HANGUL_END = re.compile(r"[가-힣]+$")


def join_lines(lines: Sequence[str], hyphenated: frozenset[str] = frozenset()) -> str:
    """Join the lines of a paragraph, undoing hyphens at line ends where that is safe.

    Args:
        lines: Their texts, top to bottom.
        hyphenated: Words with a hyphen that the document writes inside lines too, in lower
            case: their hyphens stay. Also its Korean words, which are put together again.
    """
    text = ""
    for line in lines:
        line = " ".join(line.split())
        if text and line:
            drop, space = seam(text, line, hyphenated)
            text = f"{text[:-1] if drop else text}{space}{line}"
        else:
            text = text or line
    return text.replace(_SOFT_HYPHEN, "")


def seam(text: str, line: str, hyphenated: frozenset[str] = frozenset()) -> tuple[bool, str]:
    """How a line joins the text before it; neither may be empty.

    Returns:
        Whether the text's last character, a hyphen, is dropped, and what stands between.
    """
    if text.endswith(_SOFT_HYPHEN):
        return True, ""
    if _UNSPACED.match(text[-1]) and _UNSPACED.match(line[0]):
        return False, ""
    if _DASHED.search(text):
        return False, ""
    if _HANGUL_END.search(text) and _HANGUL_START.match(line):
        return False, "" if _is_one_word(text, line, hyphenated) else " "
    glued, rest = _GLUED.search(text), _GOES_ON.match(line)
    if not glued or not rest or rest.group().casefold() in _CONJUNCTIONS:
        return False, " "
    first, second = glued.group(1), rest.group()
    compound = f"{first}-{second}".casefold().lstrip("(\"'“")
    # The hyphen belongs to the word before a capital or a number, after another hyphen, and
    # where the document writes the word with it elsewhere.
    breaks = _LETTERS.search(first) and second.isalpha() and second.islower()
    keeps = (
        not breaks
        or first.casefold() in _COMPOUND
        or any(hyphen in first for hyphen in _HYPHENS)
        or compound in hyphenated
    )
    return not keeps, ""


def _is_one_word(text: str, line: str, known: frozenset[str]) -> bool:
    """Whether a Korean word that is known begins with the text's last one and ends in the line.

    A known word of three syllables may be followed by a particle.
    """
    last, first = _HANGUL_END.search(text), _HANGUL_START.match(line)
    if not last or not first:
        return False
    whole, start = last.group() + first.group(), len(last.group())
    return whole in known or any(
        whole[:end] in known for end in range(max(start + 1, 3), len(whole))
    )
