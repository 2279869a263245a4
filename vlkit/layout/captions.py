"""Captions, and the figure or table that each belongs to."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vlkit.document import Block, Figure, Item, Table
from vlkit.layout.measure import overlap_x, overlap_y, width

_FIGURE = r"fig(?:ure|\.)?|abb(?:ildung|\.)?|image|photo|chart|graph|scheme|plate|그림|사진|도표"
_TABLE = r"tab(?:[l1i]e|elle|\.)?|表|표"
_OTHER = r"listing|algorithm|exhibit|example|box"
CAPTION = re.compile(
    rf"[\[(<〈【]?\s*(?i:(?P<figure>{_FIGURE})|(?P<table>{_TABLE})|(?:{_OTHER}))\s*"
    r"(?:[A-Z]?\d+(?:[.\-]\d+)*|\b[IVXL]+|\b[A-Z])\s*(?P<end>[.:|)\]>〉】–—]|\s|$)"
)

REACH = 4.0
"""A caption is at most this many line heights from what it belongs to."""


def is_caption(block: Block, targets: Sequence[Item], line_height: float) -> bool:
    """Whether the block opens like a caption, and no sentence just happens to begin so."""
    match = CAPTION.match(block.text)
    # "Table 2 shows" goes on with a verb, a caption with a name.
    if not match or block.text[match.end() :].lstrip()[:1].islower():
        return False
    if match["end"].strip() or len(block.lines) == 1:
        return True
    return nearest_target(block, targets, line_height) is not None


def nearest_target(
    caption: Block, targets: Sequence[Item], line_height: float
) -> Figure | Table | None:
    """The figure or table right above or below the caption, of the kind that it names."""
    match = CAPTION.match(caption.text)
    wanted: type[Figure] | type[Table] | None = None
    if match and (match["figure"] or match["table"]):
        wanted = Figure if match["figure"] else Table
    best, least = None, REACH * line_height
    for target in targets:
        if isinstance(target, Block) or target.caption:
            continue
        beside = overlap_x(caption.box, target.box)
        if beside < 0.3 * min(width(caption.box), width(target.box)):
            continue
        distance = max(0.0, -overlap_y(caption.box, target.box))
        # A table set as a picture still has its caption; the kind named only breaks ties.
        if wanted and not isinstance(target, wanted):
            distance += line_height
        if distance < least:
            best, least = target, distance
    return best
