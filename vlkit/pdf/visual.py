"""From reading order to the order in which text stands on the page.

The implicit part of the Unicode bidirectional algorithm (UAX 9): rules W1 to W7, N0 to N2, I1,
I2, L2 and L4, for one line without embedding or isolating controls. ``vlkit.pdf.bidi`` goes the
other way.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

_PAIRS = dict(zip("([{", ")]}", strict=True))
_MIRRORED = str.maketrans("()[]{}<>«»‹›≤≥", ")(][}{><»«›‹≥≤")
_NEUTRAL = frozenset(("B", "S", "WS", "ON"))


def visual(text: str, rtl: bool) -> str:
    """A line of text from left to right as it stands, brackets turned where they face back.

    Args:
        rtl: The line's base direction.
    """
    found = levels(text, rtl)
    return "".join(mirrored(text[at]) if found[at] % 2 else text[at] for at in reorder(found))


def levels(text: str, rtl: bool) -> list[int]:
    """The embedding level of each character: even ones run left to right, odd ones the other
    way."""
    classes = [unicodedata.bidirectional(char) or "L" for char in text]
    classes = ["ON" if kind == "BN" else kind for kind in classes]
    edge = "R" if rtl else "L"
    _resolve_weak(classes, edge)
    _resolve_brackets(text, classes, edge)
    _resolve_neutral(classes, edge)
    up = {"L": 2 if rtl else 0, "R": 1, "AN": 2, "EN": 2}
    return [up[kind] for kind in classes]


def reorder(levels: Sequence[int]) -> list[int]:
    """Indices from left to right of what has these levels (rule L2)."""
    order = list(range(len(levels)))
    for level in range(max(levels, default=0), 0, -1):
        deep = [levels[at] >= level for at in order]
        runs = groupby(zip(deep, order, strict=True), key=itemgetter(0))
        order = [at for inside, run in runs for _, at in (reversed(list(run)) if inside else run)]
    return order


def mirrored(text: str) -> str:
    """Characters in the shape that they have between right-to-left ones (rule L4)."""
    return text.translate(_MIRRORED)


def _resolve_weak(classes: list[str], edge: str) -> None:
    """Rules W1 to W7: marks, numbers, and the signs in and beside them."""
    strong = before = edge
    for at, kind in enumerate(classes):
        if kind == "NSM":
            kind = before
        if kind in ("L", "R", "AL"):
            strong = kind
        if kind == "EN" and strong == "AL":
            kind = "AN"
        classes[at] = before = kind
    classes[:] = ["R" if kind == "AL" else kind for kind in classes]
    for at in range(1, len(classes) - 1):
        left, kind, right = classes[at - 1 : at + 2]
        joins = (kind == "CS" and left in ("EN", "AN")) or (kind, left) == ("ES", "EN")
        if left == right and joins:
            classes[at] = left
    _signs_beside_numbers(classes)
    strong = edge
    for at, kind in enumerate(classes):
        if kind in ("L", "R"):
            strong = kind
        elif kind in ("ES", "ET", "CS"):
            classes[at] = "ON"
        elif kind == "EN" and strong == "L":
            classes[at] = "L"


def _signs_beside_numbers(classes: list[str]) -> None:
    """Rule W5: per cent and currency signs belong to the number that they touch."""
    at = 0
    for kind, group in groupby(list(classes)):
        end = at + len(list(group))
        if kind == "ET" and "EN" in (classes[at - 1 : at] + classes[end : end + 1]):
            classes[at:end] = ["EN"] * (end - at)
        at = end


def _resolve_brackets(text: str, classes: list[str], edge: str) -> None:
    """Rule N0: both brackets of a pair go the way of what they hold, or of what is before."""
    for first, last in _bracket_pairs(text, classes):
        inside = {_strong(kind) for kind in classes[first + 1 : last]}
        if edge in inside:
            way = edge
        elif inside & {"L", "R"}:
            before = [_strong(kind) for kind in classes[:first] if _strong(kind) in ("L", "R")]
            other = "L" if edge == "R" else "R"
            way = other if [edge, *before][-1] == other else edge
        else:
            continue
        classes[first] = classes[last] = way


def _bracket_pairs(text: str, classes: Sequence[str]) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    opened: list[int] = []
    for at, char in enumerate(text):
        if classes[at] != "ON":
            continue
        if char in _PAIRS:
            opened.append(at)
        elif char in _PAIRS.values():
            match = next((k for k in reversed(opened) if _PAIRS[text[k]] == char), None)
            if match is not None:
                pairs.append((match, at))
                del opened[opened.index(match) :]
    return sorted(pairs)


def _resolve_neutral(classes: list[str], edge: str) -> None:
    """Rules N1 and N2: neutrals between two of one direction take it, others the line's."""
    at = 0
    for neutral, group in groupby(list(classes), lambda kind: kind in _NEUTRAL):
        end = at + len(list(group))
        if neutral:
            left = _strong(classes[at - 1]) if at else edge
            right = _strong(classes[end]) if end < len(classes) else edge
            classes[at:end] = [left if left == right else edge] * (end - at)
        at = end


def _strong(kind: str) -> str:
    """Numbers count as right-to-left for the neutrals beside them."""
    return "R" if kind in ("EN", "AN") else kind
