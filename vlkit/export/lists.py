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
    """Items by their levels; one that jumps levels goes one below the item before it."""
    top: list[Nested] = []
    open_lists = [top]
    for block in items:
        level = min(max(block.level or 1, 1), len(open_lists))
        del open_lists[level:]
        item = Nested(block)
        open_lists[-1].append(item)
        open_lists.append(item.children)
    return top


def ordinal(marker: str | None) -> int | None:
    """The number of an arabic marker: ``3.``, ``3)``, ``(3)`` → 3."""
    found = _DECIMAL.match((marker or "").strip())
    return int(found.group(1)) if found else None
