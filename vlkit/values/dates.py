"""Dates and times: which days a text can mean, and which it means by the document's habits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from vlkit.values.types import Conventions, DateOrder, Value, small

Day = tuple[int, int, int]
"""Year, month, day."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = f"({'|'.join(_MONTHS)})[a-z]*"
_APART = (r"\s*/\s*", r"\s*\.\s*", r"\s*-\s*")
_LOOSELY = r"[\s.,/'\-]*"
_DATES = (
    *(
        re.compile(rf"(?<!\d)(\d{{1,4}}){apart}(\d{{1,2}}){apart}(\d{{4}}|\d{{1,2}}(?!\d))")
        for apart in _APART
    ),
    re.compile(
        rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th)?{_LOOSELY}{_MONTH}{_LOOSELY}(\d{{4}}|\d{{2}}(?!\d))"
    ),
    re.compile(rf"{_MONTH}{_LOOSELY}(\d{{1,2}})(?:st|nd|rd|th)?[\s,.]+'?(\d{{4}}|\d{{2}}(?!\d))"),
    re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})(?!\d)"),
    re.compile(r"(?<!\d)(\d{2})(\d{2})(\d{4})(?!\d)"),
)
_KOREAN = re.compile(
    r"(?<!\d)(\d{4}|\d{2})\s*[년年]\s*(\d{1,2})\s*[월月]\s*(\d{1,2})(?:\s*[일日])?"
)

_TIME = re.compile(
    r"(?<![\d:.])(?:(오전|오후|am|pm)\s*)?([01]?\d|2[0-4])\s?(?::|시)\s?([0-5]\d)"
    r"(?:\s?(?::|분)\s?([0-5]\d)(?:\s?초)?|\s?분)?(?!\d)(?:\s*([ap])\.?m\b\.?)?"
)
_BETWEEN = re.compile(r"[\s,.@|\-]*(?:\([a-z가-힣]{1,3}\)|t(?=\d)|at|time|시간|시각)?[\s,:.\-]*")
"""What may stand between a date and its time."""


def dates(text: str) -> Iterator[tuple[int, int, frozenset[Day]]]:
    """Start and stop of each date in a text, and the days that it can mean.

    ``5/3/18`` can be the 5th of March or the 3rd of May 2018, or the 18th of March 2005.
    """
    for start, stop, readings in _readings(small(text)):
        yield start, stop, frozenset(day for _, day in readings)


def scan_dates(text: str, conventions: Conventions) -> Iterator[Value]:
    """The dates of a text as ISO 8601; in doubt where day and month could be exchanged."""
    covered = 0
    found = sorted(_readings(small(text)), key=lambda each: (each[0], -each[1]))
    for start, stop, readings in found:
        real = {order: day for order, day in readings if _exists(day)}
        if start < covered or not real or _of_a_code(text, start, stop):
            continue
        day, doubt = _chosen(real, conventions.date_order)
        covered = stop
        yield Value(date(*day).isoformat(), start, stop, doubt)


def scan_times(text: str, conventions: Conventions) -> Iterator[Value]:
    """Times of the day as ``HH:MM:SS``."""
    for match in _TIME.finditer(small(text)):
        before, hour, minute, second, after = match.groups()
        hours, half = int(hour), (before or "")[:2] or f"{after or ''}"
        if half in ("오후", "pm", "p") and hours < 12:
            hours += 12
        elif half in ("오전", "am", "a") and hours == 12:
            hours = 0
        if hours < 24:
            clock = f"{hours:02d}:{minute}:{second or '00'}"
            yield Value(clock, match.start(), match.end())


def scan_date_times(text: str, conventions: Conventions) -> Iterator[Value]:
    """Dates with the time that follows them, as ``YYYY-MM-DDTHH:MM:SS``."""
    lower = small(text)
    times = {each.start: each for each in scan_times(text, conventions)}
    for day in scan_dates(text, conventions):
        gap = _BETWEEN.match(lower, day.stop)
        time = times.get(gap.end() if gap else day.stop)
        if time is None:
            doubt = day.doubt or "no time of the day is printed with it"
            yield Value(f"{day.content}T00:00:00", day.start, day.stop, doubt)
        else:
            yield Value(f"{day.content}T{time.content}", day.start, time.stop, day.doubt)


def orders_seen(text: str) -> Iterator[DateOrder]:
    """The order of each date in figures that can be read in one only, day or month first."""
    for _, _, readings in _readings(small(text)):
        orders: list[DateOrder] = [order for order, day in readings if _exists(day)]
        if len(orders) == 1 and orders[0] != "ymd" and len(readings) > 0:
            yield orders[0]


def _readings(text: str) -> Iterator[tuple[int, int, list[tuple[DateOrder, Day]]]]:
    for match in _KOREAN.finditer(text):
        year, month, day = match.groups()
        if found := list(_days([("ymd", (year, month, day))])):
            yield match.start(), match.end(), found
    for pattern in _DATES:
        for match in pattern.finditer(text):
            if found := list(_days(_orders(match.groups()))):
                yield match.start(), match.end(), found


def _orders(parts: Sequence[str]) -> list[tuple[DateOrder, tuple[str, str, str]]]:
    """The ways to read three parts, each as year, month and day."""
    first, second, third = parts
    if second.isalpha():
        return [("ymd", (third, _number_of(second), first))]
    if first.isalpha():
        return [("ymd", (third, _number_of(first), second))]
    return [
        ("dmy", (third, second, first)),
        ("mdy", (third, first, second)),
        ("ymd", (first, second, third)),
    ]


def _days(
    orders: Sequence[tuple[DateOrder, tuple[str, str, str]]],
) -> Iterator[tuple[DateOrder, Day]]:
    for order, (written, month, day) in orders:
        year = int(written) + (2000 if len(written) <= 2 else 0)
        if 1900 <= year < 2100 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            yield order, (year, int(month), int(day))


def _chosen(readings: dict[DateOrder, Day], preferred: DateOrder | None) -> tuple[Day, str]:
    """The day by the document's order, else with the day first; and a doubt where it is a guess."""
    if preferred in readings:
        return readings[preferred], ""
    first = next(iter(readings.values()))
    if len(set(readings.values())) == 1:
        return first, ""
    other = next(day for day in readings.values() if day != first)
    return first, f"it could also be {date(*other).isoformat()}"


def _of_a_code(text: str, start: int, stop: int) -> bool:
    """Whether the figures go on, as of the version ``1.2.3.4``."""
    return bool(re.match(r"[./]\d", text[stop:]) or re.search(r"\d[./]$", text[:start]))


def _exists(day: Day) -> bool:
    try:
        date(*day)
    except ValueError:
        return False
    return True


def _number_of(month: str) -> str:
    return str(_MONTHS.index(month) + 1)
