"""What the XML formats share: allowed characters, baselines, angles, names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version

from lxml import etree

from vlkit.document import Line, Page, Word
from vlkit.geometry import Point, Quad, box_quad

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# How far the baseline lies above the lower edge of a line's box, in its height: the descender's
# share in Latin faces is .18 to .25.
DESCENT = 0.2


# For pages measured in points; fine enough that whole pixels lose nothing that matters.
_POINT_DPI = 300.0
_POINTS_PER_INCH = 72.0


def raster(page: Page) -> tuple[float, float | None]:
    """Pixels per page unit, and per inch where known, for formats that count in pixels."""
    if page.unit == "pixel":
        return 1.0, page.dpi
    return _POINT_DPI / _POINTS_PER_INCH, _POINT_DPI


def points_of(size: float | None, page: Page) -> float | None:
    """A font size in points, where it and the page's resolution are known."""
    if size is None:
        return None
    if page.unit == "point":
        return size
    return size * _POINTS_PER_INCH / page.dpi if page.dpi else None


def element(
    parent: etree._Element | None, tag: str, attributes: Mapping[str, str | None] | None = None
) -> etree._Element:
    """A new element, without the attributes that have no value."""
    kept = {k: printable(v) for k, v in (attributes or {}).items() if v is not None}
    return etree.Element(tag, kept) if parent is None else etree.SubElement(parent, tag, kept)


def to_text(root: etree._Element) -> str:
    """An XML file's text, with its declaration."""
    etree.indent(root)
    body = etree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def printable(text: str) -> str:
    """Text with U+FFFD for what XML 1.0 forbids: control characters, halves of surrogates."""
    # Whether all is printable is quickly found out, and nearly always so.
    return text if text.isprintable() else _FORBIDDEN.sub("\ufffd", text)


def quad_of(item: Word | Line) -> Quad:
    return item.quad or box_quad(item.box)


def baseline(item: Word | Line) -> tuple[Point, Point]:
    """Where the letters stand: from the start to the end as read."""
    top_left, top_right, bottom_right, bottom_left = quad_of(item)
    return _between(bottom_left, top_left), _between(bottom_right, top_right)


def _between(low: Point, high: Point) -> Point:
    return (
        low[0] + DESCENT * (high[0] - low[0]),
        low[1] + DESCENT * (high[1] - low[1]),
    )


def angle(item: Word | Line) -> float:
    """Degrees clockwise by which the text is turned, in (-180, 180]."""
    (x0, y0), (x1, y1) = quad_of(item)[:2]
    return math.degrees(math.atan2(y1 - y0, x1 - x0))


def software() -> str:
    return f"vlkit {version('vlkit')}"


def number(value: float) -> str:
    """A coordinate with at most two decimals and no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def most_common(values: Iterable[str | None]) -> str | None:
    """The most frequent value that is there; the first of equals."""
    found = [value for value in values if value]
    return max(found, key=found.count) if found else None
