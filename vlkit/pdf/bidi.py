"""From the order in which text stands on the page to the order in which it is read.

The Unicode bidirectional algorithm (UAX 9) goes from logical to visual order; a PDF's glyphs
have only the visual one. This inverts it for what lines of text contain: a base direction, runs
of the other direction, and numbers, which stand left to right in both.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

_PAIRS = dict(zip("([{<«‹", ")]}>»›", strict=True))
_OPENERS = {closer: opener for opener, closer in _PAIRS.items()}
_GROUPS = {
    "R": "R",
    "AL": "R",
    "NSM": "R",
    "L": "L",
    "EN": "N",
    "AN": "N",
    "CS": "S",
    "ES": "S",
    "ET": "T",
}


def is_rtl(text: str) -> bool:
    """Whether more letters are read from right to left than from left to right."""
    kinds = [unicodedata.bidirectional(char) for char in text]
    right = sum(kind in ("R", "AL") for kind in kinds)
    return right > 0 and right >= kinds.count("L")


def logical_order(texts: Sequence[str], rtl: bool) -> list[int]:
    """Indices of the texts in reading order.

    Args:
        texts: Characters (or ligatures) of a line from left to right as they stand on the page,
            white space among them.
        rtl: The line's base direction.
    """
    kinds = _kinds(texts)
    order: list[int] = []
    if not rtl:
        for start, end in _runs(kinds, _joins_right_to_left):
            order += _reversed_run(kinds, start, end) if kinds[start] == "R" else range(start, end)
        return order
    return _reversed_run(kinds, 0, len(kinds))


def mirror_back(text: str) -> str:
    """Exchange brackets that face the wrong way: the file named them by their shape.

    They close before they open; or, where the other one of the pair is on another line, they
    open at a word's end or close at its start.
    """
    chars = list(text)
    closed: dict[str, int] = {}
    opened: dict[str, list[int]] = {}
    for place, char in enumerate(chars):
        if char in _PAIRS:
            if char in closed:
                first = closed.pop(char)
                chars[first], chars[place] = chars[place], chars[first]
            else:
                opened.setdefault(char, []).append(place)
        elif char in _OPENERS:
            opener = _OPENERS[char]
            if opened.get(opener):
                opened[opener].pop()
            else:
                closed[opener] = place
    for place in (*closed.values(), *(place for places in opened.values() for place in places)):
        before, after = text[:place][-1:].isalnum(), text[place + 1 :][:1].isalnum()
        if before != after and before == (chars[place] in _PAIRS):
            chars[place] = _PAIRS.get(chars[place]) or _OPENERS[chars[place]]
    return "".join(chars)


def _kinds(texts: Sequence[str]) -> list[str]:
    """R, L, N (digits), S (separates digits), T (beside digits) or O for each text."""
    classes = [unicodedata.bidirectional(text[0]) for text in texts]
    groups = dict(_GROUPS)
    if "AL" in classes:
        # UAX 9, W2: among Arabic letters no sign belongs to a number.
        groups["ET"] = groups["ES"] = "O"
    return [groups.get(kind, "O") for kind in classes]


def _runs(kinds: Sequence[str], join: Callable[[Sequence[str], int], int]) -> list[tuple[int, int]]:
    runs = []
    start = 0
    while start < len(kinds):
        end = max(join(kinds, start), start + 1)
        runs.append((start, end))
        start = end
    return runs


def _joins_right_to_left(kinds: Sequence[str], start: int) -> int:
    """The end of the right-to-left run that starts here: up to its last R before an L."""
    end = start
    if kinds[start] != "R":
        return start + 1
    for place in range(start, len(kinds)):
        if kinds[place] == "L":
            break
        if kinds[place] == "R":
            end = place + 1
    return end


def _joins_left_to_right(kinds: Sequence[str], start: int) -> int:
    """The end of the left-to-right run that starts here.

    From a letter it goes on to the last letter or digit before an R; from a digit it goes over
    separators between digits, signs beside them and letters without a gap.
    """
    end = start
    if kinds[start] == "T":
        first = next((i for i in range(start, len(kinds)) if kinds[i] != "T"), len(kinds))
        return _joins_left_to_right(kinds, first) if kinds[first : first + 1] == ["N"] else first
    if kinds[start] == "L":
        for place in range(start, len(kinds)):
            if kinds[place] == "R":
                break
            if kinds[place] in "LN":
                end = place + 1
        return _over_signs(kinds, end)
    if kinds[start] != "N":
        return start + 1
    end = start + 1
    while end < len(kinds):
        if kinds[end] == "N" or (kinds[end] == "S" and kinds[end + 1 : end + 2] == ["N"]):
            end += 1
        elif kinds[end] == "L":
            return _joins_left_to_right(kinds, end)
        else:
            break
    return _over_signs(kinds, end)


def _over_signs(kinds: Sequence[str], end: int) -> int:
    if kinds[end - 1] == "N":
        while end < len(kinds) and kinds[end] == "T":
            end += 1
    return end


def _reversed_run(kinds: Sequence[str], start: int, end: int) -> list[int]:
    inner = kinds[start:end]
    order: list[int] = []
    for first, last in reversed(_runs(inner, _joins_left_to_right)):
        order += range(start + first, start + last)
    return order
