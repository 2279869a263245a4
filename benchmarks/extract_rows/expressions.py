"""SROIE's fields by regular expressions, written as well as an afternoon allows.

They look at rows of words, know what receipts of the region say, and share nothing with
``vlkit.extraction``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vlkit.document import Document, Word

_DATES = (
    r"\b\d{1,2}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?(?:20\d{2}|\d{2})(?!\d)",
    r"\b20\d{2}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?\d{1,2}(?!\d)",
    r"\b\d{1,2}[\s.-]*(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]*[\s.,-]*(?:20)?\d{2}\b",
    r"\b(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]*[\s.]+\d{1,2}[\s,]+20\d{2}\b",
    r"\b20\d{6}\b",
)
_DATE = re.compile("|".join(_DATES), re.IGNORECASE)
_AMOUNT = re.compile(r"(?<![\d.,])-?\d{1,3}(?:,?\d{3})*\s?\.\s?\d{2}(?![\d%])")
_TOTALS = (
    r"(?:grand|rounded|nett?|final)\s*total|total\s*\(?(?:rounded|payable|due|after)|amount\s*due",
    r"total.*(?:incl|inclusive|with|w/)",
    r"^\W*total\s*(?:amount|amt|sales?|rm|myr)?\b",
    r"total",
)
_NO_TOTAL = re.compile(
    r"sub\s*-?total|total\s*(?:qty|quantity|items?|disc|savings?|gst|tax|excl|before|no)|excl"
    r"|tax\s*total|gst\s*total|discount|total\s*\(?excluding",
    re.IGNORECASE,
)
_PAID = re.compile(r"cash|change|tender|paid|visa|master|balance|round", re.IGNORECASE)
_COMPANY = re.compile(
    r"\b(?:sdn\.?\s*,?\s*bhd|bhd|s/b|enterprise|trading|ltd|restaurant|restoran|store|shop|mart|"
    r"hardware|stationery|company|co\.|cafe|bakery|pharmacy|gallery|book)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\s*\(?\s*(?:co\.?|reg\.?|no\.?|[:\s])*\d{4,}\s*-?\s*[A-Z]{0,2}\s*\)?\W*$", re.I
)
_ADDRESS = re.compile(
    r"\b(?:jalan|jln|lorong|taman|tmn|lot|no\s?[.:]?\s?\d+|block|blok|level|floor|bandar|kampung|"
    r"persiaran|lebuh|seksyen|johor|selangor|kuala|melaka|penang|perak|darul|malaysia|plaza|mall|"
    r"jaya|batu|ground|batang)\b|(?<!\d)\d{5}(?!\d)",
    re.IGNORECASE,
)
_AFTER_ADDRESS = re.compile(
    r"\b(?:tel|phone|fax|gst|invoice|receipt|bill|date|cashier|tax|email|www|reg|roc|co\.?\s*no)\b|@",
    re.IGNORECASE,
)


def by_expressions(document: Document) -> dict[str, str]:
    """Names of SROIE's fields and what was found; fields that were not found are left out."""
    rows = [row for page in document.pages for row in rows_of(page.words)]
    lines = [line.text for page in document.pages for line in page.lines]
    company, at = _company(lines)
    found = {
        "company": company,
        "date": _date(rows),
        "address": _address(lines, at + 1),
        "total": _total(rows),
    }
    return {name: value for name, value in found.items() if value}


def rows_of(words: Sequence[Word]) -> list[str]:
    """The texts of what stands at one height, from the top."""
    rows: list[list[Word]] = []
    for word in sorted(words, key=lambda each: each.box[1] + each.box[3]):
        middle = (word.box[1] + word.box[3]) / 2
        if rows and rows[-1][0].box[1] < middle < rows[-1][0].box[3]:
            rows[-1].append(word)
        else:
            rows.append([word])
    return [" ".join(w.text for w in sorted(row, key=lambda each: each.box[0])) for row in rows]


def _date(rows: Sequence[str]) -> str:
    said = [row for row in rows if re.search(r"\bdate|\bdt\b", row, re.IGNORECASE)]
    for row in (*said, *rows):
        if match := _DATE.search(row):
            return match.group()
    return ""


def _total(rows: Sequence[str]) -> str:
    for pattern in _TOTALS:
        hits = [
            (row, following)
            for row, following in zip(rows, [*rows[1:], ""], strict=True)
            if re.search(pattern, row, re.IGNORECASE) and not _NO_TOTAL.search(row)
        ]
        for row, following in reversed(hits):
            amounts = _AMOUNT.findall(row) or (
                _AMOUNT.findall(following) if not re.search(r"[A-Za-z]{3}", following) else []
            )
            if amounts:
                return re.sub(r"\s", "", amounts[-1])
    rest = [each for row in rows if not _PAID.search(row) for each in _AMOUNT.findall(row)]
    plain = [re.sub(r"[\s,]", "", each) for each in rest]
    return max(plain, key=float, default="")


def _company(lines: Sequence[str]) -> tuple[str, int]:
    head = list(enumerate(lines[:8]))
    for at, line in head:
        if _COMPANY.search(line) and not _AFTER_ADDRESS.search(line):
            return _NUMBER.sub("", line).strip(" ,"), at
    for at, line in head:
        if sum(map(str.isalpha, line)) > 4 and not _AFTER_ADDRESS.search(line):
            return _NUMBER.sub("", line).strip(" ,"), at
    return "", -1


def _address(lines: Sequence[str], start: int) -> str:
    kept: list[str] = []
    for line in lines[start : start + 10]:
        if _AFTER_ADDRESS.search(line):
            if kept:
                break
            continue
        if _ADDRESS.search(line):
            kept.append(line)
        elif kept:
            break
    return " ".join(kept)
