"""Texts as typed values: dates, money, numbers, identifiers, addresses of people and the net.

parse("date", "21 Nov 2026") → 2026-11-21
same("RM 1,234.50", "1234.5") → True
"""

from __future__ import annotations

from decimal import Decimal

from vlkit.errors import UnknownName
from vlkit.values.amounts import scan_money, scan_numbers, scan_percents
from vlkit.values.contacts import scan_emails, scan_phones, scan_uris
from vlkit.values.conventions import conventions_of
from vlkit.values.dates import scan_date_times, scan_dates, scan_times
from vlkit.values.identifiers import (
    scan_business_registrations,
    scan_cards,
    scan_corporate_registrations,
    scan_ibans,
    scan_resident_registrations,
    scan_vat_numbers,
)
from vlkit.values.types import UNKNOWN, Conventions, Money, Scanner, Value, flat

__all__ = [
    "KINDS",
    "UNKNOWN",
    "Conventions",
    "Money",
    "Value",
    "conventions_of",
    "parse",
    "same",
    "scan",
]

KINDS: dict[str, Scanner] = {
    "date": scan_dates,
    "time": scan_times,
    "date-time": scan_date_times,
    "money": scan_money,
    "number": scan_numbers,
    "percent": scan_percents,
    "phone": scan_phones,
    "email": scan_emails,
    "uri": scan_uris,
    "business-registration-number": scan_business_registrations,
    "corporate-registration-number": scan_corporate_registrations,
    "resident-registration-number": scan_resident_registrations,
    "iban": scan_ibans,
    "payment-card": scan_cards,
    "vat-number": scan_vat_numbers,
}


def scan(kind: str, text: str, conventions: Conventions = UNKNOWN) -> list[Value]:
    """The values of a kind in a text, by their place; of those that overlap the longest.

    Raises:
        UnknownName: No such kind.
    """
    if kind not in KINDS:
        raise UnknownName("kind of value", kind, KINDS)
    kept: list[Value] = []
    # Of two that are as long the one without a doubt.
    by_length = sorted(
        KINDS[kind](text, conventions),
        key=lambda each: (each.start - each.stop, bool(each.doubt), each.start),
    )
    for value in by_length:
        if all(value.stop <= other.start or value.start >= other.stop for other in kept):
            kept.append(value)
    return sorted(kept, key=lambda each: each.start)


def parse(kind: str, text: str, conventions: Conventions = UNKNOWN) -> Value | None:
    """The value that a text is, or holds the most of; None where it holds none.

    Raises:
        UnknownName: No such kind.
    """
    found = scan(kind, text, conventions)
    return max(found, key=lambda each: each.stop - each.start, default=None)


def same(first: str, second: str, conventions: Conventions = UNKNOWN) -> bool:
    """Whether two texts say the same: by their characters, or as a day, or as an amount.

    White space, case and compatible forms do not count; amounts are compared without currency
    where only one names it. A date that can be read in several ways is read by the conventions.
    """
    if _plain(first) == _plain(second):
        return True
    for kind in ("date", "money"):
        one, other = (_whole(kind, text, conventions) for text in (first, second))
        if one is not None and other is not None:
            return _equal(one, other)
    return False


def _whole(kind: str, text: str, conventions: Conventions) -> str | Decimal | Money | None:
    """The value of a text that is nothing but it."""
    found = scan(kind, text, conventions)
    if len(found) != 1:
        return None
    rest = text[: found[0].start] + text[found[0].stop :]
    return None if any(map(str.isalnum, rest)) else found[0].content


def _equal(one: str | Decimal | Money, other: str | Decimal | Money) -> bool:
    if isinstance(one, Money) and isinstance(other, Money):
        currencies = {one.currency, other.currency} - {None}
        return one.amount == other.amount and len(currencies) <= 1
    return one == other


def _plain(text: str) -> str:
    return " ".join(flat(text).casefold().split())
