"""What the glyphs of symbol fonts show, whose characters files give wrong or not at all.

Symbol fonts put bullets, boxes and arrows where other fonts have letters. Files name them by that
place ("n" for a square), by a private character (U+F000 and the place), or not at all. The charts
here are those that the fonts' makers publish, as far as documents use them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from vlkit.document import Line

_PRIVATE = 0xF000
"""Where programs put the places of symbol fonts, which are from 0x20 to 0xFF."""

_SYMBOL_LETTERS = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖαβχδεφγηιϕκλμνοπθρστυϖωξψζ",
        strict=True,
    )
)
_SYMBOL_HIGH = (
    "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…|―↵"
    "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓"
    "◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"
)
"""Places 0xA0 to 0xFE of Adobe's Symbol."""
_SYMBOL_SIGNS = {'"': "∀", "$": "∃", "'": "∋", "*": "∗", "-": "−", "@": "≅", "\\": "∴", "^": "⊥"}
_SYMBOL = (
    {chr(place): chr(place) for place in range(0x21, 0x7F)}
    | _SYMBOL_LETTERS
    | _SYMBOL_SIGNS
    | {"~": "∼", "`": "‾"}
    | {chr(place): shown for place, shown in enumerate(_SYMBOL_HIGH, 0xA0)}
)

_DINGBATS = (
    {chr(place): chr(0x2700 + place - 0x20) for place in (*range(0x21, 0x7F), *range(0xA1, 0xA8))}
    | {chr(place): chr(0x2460 + place - 0xAC) for place in range(0xAC, 0xB6)}
    | {chr(place): chr(0x2776 + place - 0xB6) for place in range(0xB6, 0xFF) if place != 0xF0}
    | dict(zip("%*+Hlnstuw", "☎☛☞★●■▲▼◆◗", strict=True))
    | dict(zip("\xa8\xa9\xaa\xab\xd5\xd6\xd7", "♣♦♥♠→↔↕", strict=True))
)
"""ZapfDingbats: the block Dingbats was made after it, but for what Unicode had before."""

_WINGDINGS = dict(
    zip(
        "EFGHJKLRVXYlmnopqrstuvwxz",
        "☜☞☝☟☺☹☹☼✞✠✡●❍■☐☐❑❒⬧⧫◆❖⬥☒⌘",
        strict=True,
    )
) | {
    **{chr(place): chr(0x2460 + place - 0x81) for place in range(0x81, 0x8B)},
    **{chr(place): chr(0x2776 + place - 0x8C) for place in range(0x8C, 0x96)},
    **dict(zip("\x9e\x9f\xa1\xa4\xa5\xa7\xa8\xaa\xab", "·•○◉◎▪☐✦★", strict=True)),
    **dict(zip("\xd8\xdc\xdf\xe0\xe1\xe2\xe3\xe4\xe5\xe6", "➢➲←→↑↓↖↗↙↘", strict=True)),
    **dict(zip("\xe7\xe8\xe9\xea\xef\xf0\xf1\xf2\xf3\xf4", "⬅➔⬆⬇⇦⇨⇧⇩⬄⇳", strict=True)),
    **dict(zip("\xfb\xfc\xfd\xfe", "✗✓☒☑", strict=True)),
}
_WINGDINGS_2 = dict(zip("OPQRST\xa3", "✗✓☒☑☒☒☐", strict=True))
_WINGDINGS_3 = dict(zip('!"#$pqrstuvw|}', "←→↑↓▲▼△▽◀▶◁▷◂▸", strict=True))

_CHARTS: tuple[tuple[re.Pattern[str], dict[str, str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), chart)
    for pattern, chart in (
        (r"symbol(mt|ps|std|neu)?\b|standardsym", _SYMBOL),
        (r"(itc)?zapfdingbats|dingbats\b|d050000l", _DINGBATS),
        (r"wingdings[ -]?2", _WINGDINGS_2),
        (r"wingdings[ -]?3", _WINGDINGS_3),
        (r"wingdings", _WINGDINGS),
    )
)
_PICTURES = re.compile(r"dingbat|wingding|webding|bullet|ornament", re.IGNORECASE)
_INDENT = 4.0
"""A bullet's text begins within this many line heights."""
_HANCOM = {"\U000f0854": "『", "\U000f0855": "』"}
"""Brackets that Hancom's word processor writes as private characters."""


def is_symbol_font(font: str) -> bool:
    """Whether fonts of that name have pictures or Greek where others have letters."""
    return bool(_PICTURES.search(font) or _CHARTS[0][0].match(font))


def symbol(font: str, text: str, shape: str | None) -> str:
    """What a glyph shows that is private or of a symbol font.

    Args:
        font: The font's name, without a subset's prefix.
        text: The character that the file gives.
        shape: What its outline looks like, if like a bullet or box.
    """
    chart = next((chart for pattern, chart in _CHARTS if pattern.match(font)), {})
    place = ord(text) - _PRIVATE
    if 0x20 <= place <= 0xFF:
        return " " if place == 0x20 else chart.get(chr(place)) or shape or text
    if place > 0:
        return _HANCOM.get(text, text)
    if chart is _SYMBOL:
        # Signs and characters beyond ASCII may be the right ones; letters can't.
        return _SYMBOL_LETTERS.get(text, text)
    # The outline comes first: some files give the glyph's number for its place.
    return shape or chart.get(text, text)


def name_bullets(lines: Sequence[Line]) -> None:
    """Glyphs without a name that begin several lines, and stand nearly nowhere else: bullets."""
    begins = Counter(
        (line.words[0].font, line.words[0].text)
        for line in lines
        if _is_unnamed(line.words[0].text) and _leads(line, lines)
    )
    for (font, mark), count in begins.items():
        found = [w for line in lines for w in line.words if w.font == font and mark in w.text]
        if count >= 2 and len(found) <= 1.25 * count:
            for word in found:
                if word.text == mark:
                    word.text = "•"


def _leads(line: Line, lines: Sequence[Line]) -> bool:
    """Whether text follows the line's first word, in the line or a little to its right."""
    _, y0, x1, y1 = line.words[0].box
    return len(line.words) > 1 or any(
        x1 < other.box[0] < x1 + _INDENT * (y1 - y0)
        and other.box[1] < (y0 + y1) / 2 < other.box[3]
        and not _is_unnamed(other.text)
        for other in lines
    )


def _is_unnamed(text: str) -> bool:
    return text == "\ufffd" or (len(text) == 1 and unicodedata.category(text) in ("Co", "Cc"))
