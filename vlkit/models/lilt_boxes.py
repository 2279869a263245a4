"""Boxes as LiLT takes them: whole thousandths of the page's width and height, checked.

A box is left, top, right, bottom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from vlkit.errors import InputError

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


def check_boxes(boxes: Tensor, largest: int = LARGEST) -> None:
    """Ask that boxes can be looked up.

    Args:
        boxes: [B, N, 4].
        largest: The largest coordinate.

    Raises:
        InputError: They are no whole numbers, out of range or out of order; it names document
            and token.
    """
    if boxes.is_floating_point() or boxes.shape[-1] != 4:
        raise InputError(
            f"boxes are {str(boxes.dtype).removeprefix('torch.')} {tuple(boxes.shape)}, not whole "
            "numbers [documents, tokens, 4]",
            remedy="Make them thousandths with vlkit.models.lilt_boxes.on_thousand",
        )
    outside = ((boxes < 0) | (boxes > largest)).any(dim=-1)
    disordered = (boxes[..., 2:] < boxes[..., :2]).any(dim=-1)
    wrong = outside | disordered
    if not bool(wrong.any()):
        return
    document, token = wrong.nonzero()[0].tolist()
    box = tuple(boxes[document, token].tolist())
    what = (
        f"reaches beyond 0..{largest}"
        if bool(outside[document, token])
        else "has its right or bottom before its left or top"
    )
    raise InputError(
        f"the box of document {document}, token {token} {what}: {box}",
        remedy="Make boxes with vlkit.models.lilt_boxes.on_thousand",
    )
