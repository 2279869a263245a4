"""Languages and directions as the formats write them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vlkit.document import Line

# Scripts that one language dominates; Latn, Cyrl, Arab and others say too little.
_LANGUAGES = {
    "Hang": "ko",
    "Kore": "ko",
    "Hebr": "he",
    "Jpan": "ja",
    "Hira": "ja",
    "Kana": "ja",
    "Grek": "el",
    "Thai": "th",
    "Armn": "hy",
    "Geor": "ka",
}


def language_of(line: Line) -> str | None:
    """BCP 47 language of a line, where its script leaves little choice."""
    return _LANGUAGES.get(line.script or "")


def direction_of(lines: Sequence[Line]) -> str | None:
    """``rtl`` where most lines are; else nothing, since left-to-right is what readers assume."""
    counts = Counter(line.direction for line in lines)
    return "rtl" if counts["rtl"] * 2 > len(lines) else None
