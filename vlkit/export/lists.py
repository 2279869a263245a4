"""List items to nested lists, and what their markers mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from vlkit.document import Block

BULLETS = frozenset("•‣◦⁃∙·●○■□▪▫◆◇-–—*+")
CHECKED, UNCHECKED = frozenset("☑☒✓✔"), frozenset("☐")
_DECIMAL = re.compile(r"^\(?(\d{1,9})[.)]?$")


@dataclass
class Nested:
    """A list item with the items below it."""

    block: Block
    children: list[Nested] = field(default_factory=list)


def nest(items: Sequence[Block]) -> list[Nested]:
    """Items by their levels (see ``depth_below``)."""
    top: list[Nested] = []
    open_lists, levels = [top], list[int]()
    for block in items:
        del open_lists[depth_below(levels, block.level or 1) :]
        item = Nested(block)
        open_lists[-1].append(item)
        open_lists.append(item.children)
    return top


def depth_below(levels: list[int], level: int) -> int:
    """How deep an item stands, from 1: one below the nearest item before it of a lower level.

    A list may begin at any level and jump levels: items of one level stay on one depth.

    Args:
        levels: Of the items that it may stand below, from the top; changed to those of the next.
    """
    while levels and levels[-1] >= level:
        levels.pop()
    levels.append(level)
    return len(levels)


def ordinal(marker: str | None) -> int | None:
    """The number of an arabic marker: ``3.``, ``3)``, ``(3)`` → 3."""
    found = _DECIMAL.match((marker or "").strip())
    return int(found.group(1)) if found else None
