"""What companies' names and addresses look like, where no label says what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from vlkit.extraction.sheet import Segment, Sheet

_COMPANY = re.compile(
    r"\b(?:sdn\.?\s*bhd|bhd|ltd|limited|inc|llc|llp|plc|corp|corporation|gmbh|co\b|company|"
    r"enterprise|enterprises|trading|restaurant|restoran|cafe|shop|store|stationery|supermarket|"
    r"mart|hardware|pharmacy|bakery|hotel|s\.?a\.?|s\.?r\.?l|b\.?v)\b|주식회사|\(주\)|㈜|유한회사|"
    r"상사|상회|식당|마트|약국|병원|카페",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b(?:jalan|jln|lorong|taman|tmn|lot|no\.?\s?\d+|block|blok|level|floor|suite|unit|street|st|"
    r"road|rd|avenue|ave|lane|drive|boulevard|blvd|bandar|kampung|kg|persiaran|lebuh|seksyen|"
    r"section|square|plaza|mall|p\.?\s?o\.?\s?box|johor|selangor|kuala|lumpur|melaka|penang|"
    r"perak|sabah|sarawak|darul|wilayah|malaysia|singapore|strasse|straße|rue)\b"
    r"|(?<!\d)\d{5}(?!\d)|\b[A-Z]{2}\s\d{5}\b"
    r"|[가-힣]+(?:특별시|광역시|시|도|구|군|읍|면|동|로|길)(?=[\s\d,]|$)|\d+호|\d+층|\d+번지",
    re.IGNORECASE,
)
_NO_PART = re.compile(
    r"^\W*(?:tel|phone|fax|gst|reg|date|www|email|e-mail|invoice|receipt|tax|cashier|bill"
    r"|co\.? ?reg|전화|사업자|등록|대표|일자|날짜)\b|@|^\W*\(?[\d\-A-Z]{6,}\)?\W*$",
    re.IGNORECASE,
)
MOST_LINES = 5


_NUMBER_BEHIND = re.compile(r"[\s,]*\(?(?=[\w-]*\d{4})[\d\-]{4,}\s?-?\s?[A-Z]?\)?[\s,.]*$|[\s,]+$")


def name_length(text: str) -> int:
    """The letters of a company's name without the registration number behind it."""
    match = _NUMBER_BEHIND.search(text)
    return match.start() if match and match.start() > 2 else len(text)


def company_likeness(text: str) -> float:
    return float(min(len(_COMPANY.findall(text)), 2))


def address_likeness(text: str) -> float:
    """How much in a text only addresses say; 0 for other lines of a letterhead."""
    return 0.0 if _NO_PART.search(text) else float(min(len(_ADDRESS.findall(text)), 4))


def is_other(text: str) -> bool:
    """Whether a line of a letterhead says something else than a name or an address."""
    return bool(_NO_PART.search(text))


def runs(sheet: Sheet, first: Segment, most: int = MOST_LINES) -> Iterator[list[Segment]]:
    """The segment alone, with the line below it, with two lines below it, …"""
    run = [first]
    yield list(run)
    while len(run) < most:
        following = next_line(sheet, run[-1])
        if following is None:
            return
        run.append(following)
        yield list(run)


def next_line(sheet: Sheet, segment: Segment) -> Segment | None:
    """The line right under a segment, at its left edge or its middle."""
    height = segment.height
    x0, y0, x1, _ = segment.box
    for below in sheet.below(segment, segment.box)[:2]:
        left, top, right, bottom = below.box
        aligned = abs(left - x0) < 2 * height or abs(left + right - x0 - x1) < 4 * height
        if aligned and top - segment.box[3] < 1.2 * height and 0.5 < (bottom - top) / height < 2:
            return below
        if top - y0 > 2.5 * height:
            break
    return None


def joined(segments: Sequence[Segment]) -> str:
    return " ".join(" ".join(segment.text.split()) for segment in segments)
