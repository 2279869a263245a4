"""Pages longer than LiLT's table of positions: overlapping windows, put together word by word.

A window is a run of whole words. Each word is read in every window that holds it and taken from
the one where it stands farthest from an edge, so that it gets one vector, one label, and the
relation head can link entities of different windows and, side by side, of different pages.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vlkit.entities.boxes import Thousandths
from vlkit.entities.windows import (
    AT_A_TIME,
    Special,
    Window,
    batch,
    first_tokens,
    owners,
    windows,
)
from vlkit.errors import InputError
from vlkit.models.lilt import Lilt
from vlkit.models.lilt_heads import Flows

_GIVEN = ("ids", "boxes", "mask")


def put_together(rows: Sequence[Tensor], found: Sequence[Window], chosen: Sequence[int]) -> Tensor:
    """Each word's vector from its own window.

    Args:
        rows: Of each window [words, C].
        found: The windows.
        chosen: What ``owners`` gave.

    Returns:
        [all words, C].
    """
    return torch.stack(
        [rows[number][word - found[number].start] for word, number in enumerate(chosen)]
    )


def word_flows(
    model: Lilt,
    pieces: Sequence[Sequence[int]],
    boxes: Sequence[Thousandths],
    special: Special,
    *,
    overlap: int | None = None,
) -> Flows:
    """Both flows at the first token of each word of a page, however long it is.

    Heads take them as they come, and so does the relation head several pages' side by side::

        page = word_flows(model, pieces, boxes, special)
        tokens = model.head("tokens")
        labels = tokens.of(tokens.seen(page)).argmax(-1)   # [1, words]

    Args:
        model: Whose positions set the windows' size.
        pieces: Token ids of each word; a word without any is read as unknown, one too long for a
            window is cut.
        boxes: Of each word.
        special: The vocabulary's.
        overlap: Tokens that windows share, at the most; by default a quarter of a window.

    Returns:
        One row of words: text [1, words, D], layout [1, words, D / shrink].

    Raises:
        InputError: There are no words, or not as many boxes.
    """
    if not pieces or len(pieces) != len(boxes):
        raise InputError(
            f"{len(pieces)} words have {len(boxes)} boxes",
            remedy="Give each word one box, and leave out empty pages",
        )
    room = model.config.context_length - 2
    cut = [list(word[:room]) or [special.unknown] for word in pieces]
    lengths = [len(word) for word in cut]
    found = windows(lengths, room, room // 4 if overlap is None else overlap)
    device = model.text.words.weight.device
    text: list[Tensor] = []
    layout: list[Tensor] = []
    for first in range(0, len(found), AT_A_TIME):
        some = found[first : first + AT_A_TIME]
        rows = batch(cut, boxes, some, special, model.config.pad_id)
        flows = model(*(torch.from_numpy(rows[name]).to(device) for name in _GIVEN))
        for row, window in enumerate(some):
            starts = torch.from_numpy(first_tokens(lengths, window)).to(device)
            text.append(flows.text[row, starts])
            layout.append(flows.layout[row, starts])
    chosen = owners(found, lengths)
    return Flows(
        put_together(text, found, chosen)[None],
        put_together(layout, found, chosen)[None],
        torch.ones(1, len(pieces), dtype=torch.bool, device=device),
    )
