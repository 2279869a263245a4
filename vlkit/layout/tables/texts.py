"""What the text of a cell is like: a figure, a marker, the rest of a sentence."""

from __future__ import annotations

import re
import unicodedata

_FIGURE = re.compile(
    r"^[\W_]*(?:[A-Z]{2,3}\W*)?\d[\d\s.,:/%+\-–−()°'x×*]*(?:[A-Za-z%€$£¥₩원건명개]{1,3}\W*)?$"
)
_BLANK = re.compile(r"^(?:[-–—−.*✓✔✗✘xX☐☑☒■□●○√]|[nN]/?[aA]\.?)$")
_MARKER = re.compile(
    r"^(?:[•‣▪◦●○■□–—*·-]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]|\[\d{1,3}\]|[①-⑳])$"
)
_LEADER = re.compile(r"(?:[.·…‥_]\s?){4,}")
_PAGE = re.compile(r"^(?:\d{1,4}|[ivxlc]{1,7})$")


def is_figure(text: str) -> bool:
    """A number, date, amount or percentage, or the dash or tick that stands in its place."""
    folded = unicodedata.normalize("NFKC", text).strip()
    return bool(_FIGURE.match(folded) or _BLANK.match(folded)) or _is_date_or_quantity(folded)


def _is_date_or_quantity(text: str) -> bool:
    """Up to four words of which one is a name (a month, a unit) and the rest have digits."""
    words = text.split()
    digits = sum(any(letter.isdigit() for letter in word) for word in words)
    return 2 <= len(words) <= 4 and digits == len(words) - 1


def is_marker(text: str) -> bool:
    """A bullet, or the number of a list item or reference."""
    return bool(_MARKER.match(text.strip()))


def has_leader(text: str) -> bool:
    """Dots or a line that lead the eye: tables of contents, forms to fill in."""
    return bool(_LEADER.search(text))


def is_page_number(text: str) -> bool:
    return bool(_PAGE.match(text.strip()))
