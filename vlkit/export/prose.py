"""Lines to running text."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HYPHENS = "-‐"
_SOFT_HYPHEN = "\N{SOFT HYPHEN}"
# Broken word: letters, the hyphen, and then a line that goes on in lower case.
_BROKEN = re.compile(rf"(\S*[^\W\d_]{{2,}})[{_HYPHENS}]$")
_GOES_ON = re.compile(r"[^\W\d_]+")
# "pre- and post-": the hyphen stands for a part left out.
_CONJUNCTIONS = frozenset(
    ["and", "or", "nor", "to", "und", "oder", "bis", "et", "ou", "y", "o", "e", "en", "of", "i"]
)
# Scripts written without spaces: kana, Han, and their punctuation. Korean has spaces.
_UNSPACED = re.compile(r"[\u3000-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff00-\uff65]")


def join_lines(lines: Sequence[str], hyphenated: frozenset[str] = frozenset()) -> str:
    """Join the lines of a paragraph, undoing hyphens at line ends where that is safe.

    Args:
        lines: Their texts, top to bottom.
        hyphenated: Words with a hyphen that the document writes inside lines too, in lower
            case: their hyphens stay.
    """
    text = ""
    for line in lines:
        line = " ".join(line.split())
        if text and line:
            text = _join(text, line, hyphenated)
        else:
            text = text or line
    return text.replace(_SOFT_HYPHEN, "")


def _join(text: str, line: str, hyphenated: frozenset[str]) -> str:
    if text.endswith(_SOFT_HYPHEN):
        return text + line
    if _UNSPACED.match(text[-1]) and _UNSPACED.match(line[0]):
        return text + line
    broken, rest = _BROKEN.search(text), _GOES_ON.match(line)
    if not broken or not rest or rest.group().casefold() in _CONJUNCTIONS:
        return f"{text} {line}"
    first = broken.group(1)
    compound = f"{first}-{rest.group()}".casefold().lstrip("(\"'“")
    # A hyphen before a capital, a second hyphen, or one seen elsewhere belongs to the word.
    keeps = not rest.group().islower() or any(h in first for h in _HYPHENS)
    if keeps or compound in hyphenated:
        return text + line
    return text[:-1] + line
