"""Boxes of a batch, checked before they are looked up."""

from __future__ import annotations

from torch import Tensor

from vlkit.entities.boxes import LARGEST
from vlkit.errors import InputError


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
            remedy="Make them thousandths with vlkit.entities.boxes.on_thousand",
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
        remedy="Make boxes with vlkit.entities.boxes.on_thousand",
    )
