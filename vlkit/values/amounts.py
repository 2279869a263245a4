"""Numbers, percentages and money, with points or commas before the decimals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from vlkit.values.korean import NUMBER_WORDS, number_of_words
from vlkit.values.types import Conventions, Money, Value, flat

CURRENCIES = {
    **{"US$": "USD", "S$": "SGD", "A$": "AUD", "C$": "CAD", "HK$": "HKD", "NT$": "TWD"},
    **{"R$": "BRL", "NZ$": "NZD", "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"},
    **{"₩": "KRW", "\\": "KRW", "원정": "KRW", "원整": "KRW", "원": "KRW", "圓": "KRW"},
    **{"RM": "MYR", "Rs.": "INR", "Rs": "INR", "Rp": "IDR", "฿": "THB", "₫": "VND", "₱": "PHP"},
    **{"달러": "USD", "유로": "EUR", "엔": "JPY", "위안": "CNY", "元": "CNY", "円": "JPY"},
}
"""How currencies are printed. A bare ``$`` is taken for US dollars unless the document says
another dollar, a bare ``¥`` for yen."""

CODES = (
    *("KRW", "USD", "EUR", "JPY", "GBP", "CNY", "MYR", "SGD", "HKD", "TWD", "THB", "IDR", "VND"),
    *("PHP", "INR", "AUD", "NZD", "CAD", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "BRL"),
    *("MXN", "ZAR", "AED", "SAR", "TRY", "ILS"),
)

_BY_SIGN = {sign.upper(): code for sign, code in CURRENCIES.items()} | {c: c for c in CODES}
_HANGUL = re.compile("[가-힣]")


def _either(signs: Iterable[str]) -> str:
    longest_first = sorted(signs, key=len, reverse=True)
    return "|".join(
        rf"(?<![A-Za-z]){re.escape(sign)}" if sign[0].isalpha() else re.escape(sign)
        for sign in longest_first
    )


_BEFORE = _either(sign for sign in _BY_SIGN if not _HANGUL.match(sign))
_AFTER = _either(_BY_SIGN)
_MINUS = "-−–△▲"
_GROUPING = "\u00a0\u202f\u2009’'"
_FIGURES = rf"\d+(?:[.,{_GROUPING}]\d+)*(?:\s\.\s?\d\d(?!\d)|\.\s\d\d(?!\d))?"
_AMOUNT = re.compile(
    rf"(?P<open>\(\s?)?(?P<minus>[{_MINUS}]\s?)?(?:(?P<before>{_BEFORE})\s*[.:]?\s?)?"
    rf"(?P<inner>[{_MINUS}]\s?)?(?<!\d)(?P<number>{_FIGURES})(?!\d)"
    rf"(?:\s?(?P<after>{_AFTER}))?(?P<trailing>\s?[-−](?![\w-])(?!\s\d))?(?P<close>\s?\))?",
    re.IGNORECASE,
)
_PERCENT = re.compile(
    rf"(?P<minus>[{_MINUS}]\s?)?(?<![\w.,])(?P<number>{_FIGURES})\s?(?:%|퍼센트|percent\b)"
)
_WORDS = re.compile(
    rf"(?P<says>(?<![가-힣])[일一壹]?\s?[금金]\s*:?\s*)?(?P<number>{NUMBER_WORDS.pattern})"
    r"\s?(?P<after>원\s?[정整]|원(?![가-힣])|圓)?"
)
_UNIT_WORD = re.compile(r"[십백천만억조十拾百千萬億兆]")


def number_of(written: str, conventions: Conventions) -> Decimal | None:
    """What figures are worth; None where their separators make no number.

    Both separators: the last stands before the decimals. One of them several times: it groups.
    Once, before other than three figures: decimals. Once, before three: a comma groups and a
    point does not, unless the document writes decimal commas.
    """
    text = re.sub(rf"[\s{_GROUPING}]", "", written)
    points, commas = text.count("."), text.count(",")
    if points and commas:
        decimal = max(".,", key=text.rfind)
    elif points + commas == 1:
        mark = "." if points else ","
        head, _, tail = text.partition(mark)
        groups = len(tail) == 3 and len(head) <= 3 and head.lstrip("0") == head
        decimal_mark = "," if conventions.decimal_comma else "."
        decimal = mark if not groups or mark == decimal_mark else ""
    else:
        decimal = ""
    whole, _, decimals = text.partition(decimal) if decimal else (text, "", "")
    if not re.fullmatch(r"\d+|\d{1,3}(?:[.,]\d{3})+|\d{1,2}(?:,\d{2})*,\d{3}", whole):
        return None
    if decimals and not decimals.isdigit():
        return None
    return Decimal(re.sub(r"[.,]", "", whole) + (f".{decimals}" if decimals else ""))


def scan_numbers(text: str, conventions: Conventions) -> Iterator[Value]:
    """Numbers that stand for themselves: no parts of codes, dates or telephone numbers."""
    for value in scan_money(text, conventions):
        assert isinstance(value.content, Money)
        yield Value(value.content.amount, value.start, value.stop)
    yield from scan_percents(text, conventions)


def scan_money(text: str, conventions: Conventions) -> Iterator[Value]:
    """Amounts with their currency: its own, or else the document's.

    Parentheses, a minus before or behind, and △ or ▲ make it negative; the dash that ends an
    amount in won does not.
    """
    plain = flat(text)
    in_words = list(_amounts_in_words(plain))
    spelled = {value.content for value in in_words}
    for match in _AMOUNT.finditer(plain):
        amount = number_of(match["number"], conventions)
        if amount is None or _of_a_code(plain, match):
            continue
        currency = _currency(match["before"] or match["after"], conventions)
        closed = bool(match["open"] and match["close"])
        behind = match["trailing"] and currency != "KRW"
        # 일금 삼백만원 (₩3,000,000): parentheses around what was said in words before.
        said_twice = Money(amount, currency) in spelled
        negative = bool(match["minus"] or match["inner"] or behind or (closed and not said_twice))
        start, stop = _inside(match, closed)
        yield Value(Money(-amount if negative else amount, currency), start, stop)
    yield from in_words


def scan_percents(text: str, conventions: Conventions) -> Iterator[Value]:
    """Percentages, as numbers: ``10 %`` → 10."""
    for match in _PERCENT.finditer(flat(text)):
        share = number_of(match["number"], conventions)
        if share is not None:
            yield Value(-share if match["minus"] else share, match.start(), match.end())


def _amounts_in_words(text: str) -> Iterator[Value]:
    for match in _WORDS.finditer(text):
        # 사원 is an employee, 공원 a park: an amount has a unit, or says that it is one.
        if not match["says"] and not (match["after"] and _UNIT_WORD.search(match["number"])):
            continue
        amount = number_of_words(match["number"])
        if amount is not None:
            start = match.start("says") if match["says"] else match.start("number")
            stop = match.end("after") if match["after"] else match.end("number")
            yield Value(Money(amount, "KRW"), start, stop)


_GOES_ON = re.compile(r"[-/:]\d|\s?%|[A-Za-z]*\d|[-/]?[A-Za-z]+[-/]?\d|\s?[만억천백십조]|[*•]{2}")
_WENT_BEFORE = re.compile(r"\d[-/:.,]$|[A-Za-z_]-?$|[*•]{2}-?$|[만억천백십조]\s?$")


_LONGEST = 9
"""Figures in a row, without separators or a currency, that are an amount; more are a code."""


def _of_a_code(text: str, match: re.Match[str]) -> bool:
    """Whether the figures are part of something longer: ``A-12``, ``02-123``, ``3:15``, ``3만``."""
    if match["number"].isdigit() and len(match["number"]) > _LONGEST:
        return not (match["before"] or match["after"])
    if not match["after"] and _GOES_ON.match(text, match.end("number")):
        return True
    first = match.start("minus") if match["minus"] else match.start("number")
    if match["minus"] and re.search(r"\w$", text[max(first - 1, 0) : first]):
        return True
    return not match["before"] and bool(_WENT_BEFORE.search(text[max(first - 3, 0) : first]))


def _inside(match: re.Match[str], closed: bool) -> tuple[int, int]:
    """The amount's place, without parentheses and white space that are not its own."""
    if closed:
        return match.start("open"), match.end("close")
    parts = ("minus", "before", "inner", "number", "after", "trailing")
    there = [part for part in parts if match[part]]
    return match.start(there[0]), match.end(there[-1])


def _currency(sign: str | None, conventions: Conventions) -> str | None:
    if sign is None:
        return conventions.currency
    found = _BY_SIGN[sign.upper()]
    if sign in ("$", "¥") and conventions.currency:
        dollars = ("USD", "SGD", "AUD", "CAD", "HKD", "TWD", "NZD")
        if conventions.currency in (dollars if sign == "$" else ("JPY", "CNY")):
            return conventions.currency
    return found


def currency_signs(text: str) -> Iterator[str]:
    """The ISO code of every currency that is printed with an amount."""
    for match in _AMOUNT.finditer(flat(text)):
        if sign := match["before"] or match["after"]:
            yield _BY_SIGN[sign.upper()]
