"""Korean number words: ``삼백이십만`` → 3200000, ``3억 2천만`` → 320000000."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

_DIGITS = {
    **{letter: number for number, letter in enumerate("영일이삼사오육칠팔구")},
    **{letter: number for number, letter in enumerate("零一二三四五六七八九")},
    **dict(zip("공壹壱貳弐參参륙", (0, 1, 1, 2, 2, 3, 3, 6), strict=True)),
}
_UNITS = {"십": 10, "백": 100, "천": 1000, "十": 10, "拾": 10, "百": 100, "千": 1000}
_GROUPS = {"만": 10**4, "억": 10**8, "조": 10**12, "萬": 10**4, "億": 10**8, "兆": 10**12}
_LETTERS = "".join((*_DIGITS, *_UNITS, *_GROUPS))

NUMBER_WORDS = re.compile(rf"(?:\d[\d,]*\s*)?[{_LETTERS}](?:[\d,\s{_LETTERS}]*[\d{_LETTERS}])?")
"""Number words, perhaps with figures among them."""


def number_of_words(text: str) -> Decimal | None:
    """What number words are worth; None where they make no number."""
    total = group = 0
    digits: int | None = None
    last_unit, last_group = 10**4, 10**16
    for token in _tokens(text):
        if isinstance(token, int):
            if digits is not None:
                return None
            digits = token
        elif token in _UNITS:
            unit = _UNITS[token]
            if unit >= last_unit or (digits is not None and digits > 9):
                return None
            group, digits, last_unit = group + (1 if digits is None else digits) * unit, None, unit
        else:
            size = _GROUPS[token]
            worth = group + (digits or 0)
            if size >= last_group:
                return None
            total += (worth or 1) * size
            group, digits, last_unit, last_group = 0, None, 10**4, size
    total += group + (digits or 0)
    return Decimal(total) if text.strip() else None


def _tokens(text: str) -> Iterator[int | str]:
    for token in re.findall(rf"\d[\d,]*|[{_LETTERS}]", text):
        if token[0] in _DIGITS:
            yield _DIGITS[token]
        elif token[0].isdigit():
            yield int(token.replace(",", ""))
        else:
            yield token
