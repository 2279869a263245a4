"""Right-to-left tables, found as if they ran from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from unicodedata import bidirectional

from vlkit.document import Box
from vlkit.layout.tables.grid import Grid, Token
from vlkit.layout.tables.rules import Rule, Rules


def is_right_to_left(tokens: Sequence[Token]) -> bool:
    """Whether most letters of the words are of right-to-left scripts."""
    kinds = [bidirectional(letter) for t in tokens for letter in t.word.text if letter.isalpha()]
    return 2 * sum(kind in ("R", "AL") for kind in kinds) > len(kinds)


def mirrored_tokens(tokens: Sequence[Token]) -> list[Token]:
    """The tokens with their x negated."""
    return [replace(token, box=_mirrored_box(token.box)) for token in tokens]


def mirrored_rules(rules: Rules) -> Rules:
    """The rules with their x negated."""
    return Rules(
        [Rule(r.at, -r.end, -r.start) for r in rules.horizontal],
        [Rule(-r.at, r.start, r.end) for r in rules.vertical],
    )


def mirrored_grid(grid: Grid) -> Grid:
    """The grid with its x negated, and its columns in the opposite order."""
    slots = [replace(s, column=grid.columns - s.column - s.column_span) for s in grid.slots]
    ordered = sorted(slots, key=lambda slot: (slot.row, slot.column))
    return Grid([-x for x in reversed(grid.xs)], grid.ys, ordered)


def _mirrored_box(box: Box) -> Box:
    return (-box[2], box[1], -box[0], box[3])
