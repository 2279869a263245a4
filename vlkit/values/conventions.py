"""How a document writes dates and amounts, from what in it can be read in one way only."""

from __future__ import annotations

import re
from collections import Counter

from vlkit.values.amounts import currency_signs
from vlkit.values.dates import orders_seen
from vlkit.values.types import Conventions, DateOrder, flat

_HANGUL = re.compile("[가-힣]")
_COMMA = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})*,\d\d(?![\d.,])")
_POINT = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})*\.\d\d(?![\d.,])")

_DAY_FIRST = {
    *("EUR", "GBP", "MYR", "SGD", "HKD", "AUD", "NZD", "INR", "IDR", "THB", "VND", "BRL", "MXN"),
    *("CHF", "PLN", "CZK", "DKK", "NOK", "TRY", "ZAR", "AED", "SAR", "ILS"),
}
"""Currencies of countries that write the day before the month."""


def conventions_of(text: str) -> Conventions:
    """The habits of a document with that text.

    The order of dates is what most dates show that can be read in one order only; else that of
    the country of the currency; Korean documents put the year first.
    """
    plain = flat(text)
    signs = Counter(currency_signs(plain))
    korean = bool(_HANGUL.search(plain))
    currency = signs.most_common(1)[0][0] if signs else None
    commas, points = len(_COMMA.findall(plain)), len(_POINT.findall(plain))
    return Conventions(
        date_order=_date_order(plain, currency, korean),
        decimal_comma=None if commas == points else commas > points,
        currency=currency or ("KRW" if korean else None),
    )


def _date_order(text: str, currency: str | None, korean: bool) -> DateOrder | None:
    seen = Counter(orders_seen(text))
    if korean:
        return "ymd"
    if seen:
        return seen.most_common(1)[0][0]
    return "dmy" if currency in _DAY_FIRST else None
