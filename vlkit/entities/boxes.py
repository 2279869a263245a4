"""Boxes as LiLT takes them: whole thousandths of the page's width and height, checked.

A box is left, top, right, bottom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from vlkit.errors import InputError
from vlkit.geometry import Box

LARGEST = 1000
Thousandths = tuple[int, int, int, int]


def on_thousand(
    boxes: Sequence[Sequence[float]],
    width: float,
    height: float,
    *,
    page: int | None = None,
    words: Sequence[str] | None = None,
) -> list[Thousandths]:
    """A page's boxes in its own unit as whole thousandths of its size.

    What juts out is cut off at the page's edge, as pixels would be.

    Args:
        boxes: Of the page's words.
        width: Of the page.
        height: Of the page.
        page: 1-based number, for messages.
        words: Texts, as many as boxes.

    Raises:
        InputError: A box's edges are out of order, no numbers or off the page, or there are more
            words than boxes; it names page and word.
    """
    if not (width > 0 and height > 0):
        raise InputError(f"the page is {width} x {height} large", page=page)
    if words is not None and len(words) != len(boxes):
        raise InputError(
            f"{len(words)} words have {len(boxes)} boxes",
            remedy="Give each word one box",
            page=page,
        )
    found = []
    for number, box in enumerate(boxes):
        wrong = _wrong(box, width, height)
        if wrong:
            name = f"word {number}" + ("" if words is None else f" ('{words[number]}')")
            raise InputError(
                f"{name} {wrong}: {tuple(box)} on {width} x {height}",
                remedy="Boxes are left, top, right, bottom in the page's unit, from its top left",
                page=page,
            )
        x0, x1 = (int(LARGEST * min(max(x, 0), width) / width) for x in (box[0], box[2]))
        y0, y1 = (int(LARGEST * min(max(y, 0), height) / height) for y in (box[1], box[3]))
        found.append((x0, y0, x1, y1))
    return found


def _wrong(box: Sequence[float], width: float, height: float) -> str:
    """What is wrong with a box, or nothing."""
    if len(box) != 4:
        return f"has a box of {len(box)} numbers"
    if not all(math.isfinite(edge) for edge in box):
        return "has a box with an edge that is no number"
    x0, y0, x1, y1 = box
    if x1 < x0 or y1 < y0:
        return "has a box whose right or bottom comes before its left or top"
    if x1 < 0 or y1 < 0 or x0 > width or y0 > height:
        return "lies off the page"
    return ""


def upright(box: Box, rotation: int, width: float, height: float) -> Box:
    """A box as it lies when the page is turned so that its text stands upright.

    Args:
        box: On the page as given.
        rotation: Degrees clockwise by which the text stands turned there: 0, 90, 180 or 270.
        width: Of the page as given.
        height: Of the page as given.
    """
    x0, y0, x1, y1 = box
    match rotation:
        case 90:
            return (y0, width - x1, y1, width - x0)
        case 180:
            return (width - x1, height - y1, width - x0, height - y0)
        case 270:
            return (height - y1, x0, height - y0, x1)
    return box
