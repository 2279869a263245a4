"""Telephone numbers, mail addresses and web addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vlkit.values.types import Conventions, Value, flat

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+\s?@\s?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_URI = re.compile(
    r"(?<![@\w.])(?:https?://|www\.)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::\d+)?(?:/[^\s<>\"']*)?"
)
_PHONE = re.compile(
    r"(?<![\w.,/*])(?P<plus>\+)?\(?\d{1,4}\)?(?:(?:\s?[-.)/]\s?|\s?\(|\s)\(?\d{1,5}\)?){1,4}"
    r"(?![\w*]|[-.,/:]\d)|(?<![\w.,/*-])0\d{8,10}(?![\w*]|[-.,/:]\d)"
)
_OTHER = re.compile(
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4}|\d+[.]\d\d|\d{3}-\d\d-\d{5}"
)
"""Dates, amounts and business registration numbers."""


def scan_emails(text: str, conventions: Conventions) -> Iterator[Value]:
    """Mail addresses in small letters."""
    for match in _EMAIL.finditer(flat(text)):
        address = re.sub(r"\s", "", match.group()).lower()
        yield Value(address, match.start(), match.end())


def scan_uris(text: str, conventions: Conventions) -> Iterator[Value]:
    """Web addresses; one without a scheme is taken for https."""
    for match in _URI.finditer(flat(text)):
        address = match.group().rstrip(".,;:)")
        whole = address if address.startswith("http") else f"https://{address}"
        yield Value(whole, match.start(), match.start() + len(address))


def scan_phones(text: str, conventions: Conventions) -> Iterator[Value]:
    """Telephone numbers of 7 to 15 digits, their groups joined by hyphens: ``02-1234-5678``."""
    for match in _PHONE.finditer(flat(text)):
        printed = match.group()
        groups = re.findall(r"\d+", printed)
        count = sum(map(len, groups))
        if 7 <= count <= 15 and not _OTHER.fullmatch(re.sub(r"\s", "", printed)):
            plus = "+" if match["plus"] else ""
            yield Value(plus + "-".join(groups), match.start(), match.end())
