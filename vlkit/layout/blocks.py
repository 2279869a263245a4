"""Lines → blocks: which line goes on in the line below."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from vlkit.document import Block, Box, Line, box_union
from vlkit.layout.lists import list_marker
from vlkit.layout.measure import (
    differ_in_style,
    font_size,
    height,
    levelled,
    line_height,
    middle,
    overlap_x,
    same_row,
    slope,
    width,
)
from vlkit.layout.order import reading_order

PITCH = 1.8
"""Most distance of the middles of two lines of a paragraph, in line heights."""
DOUBLE = 3.0
"""The same for long lines: manuscripts are set with double space."""
LOOSE = 1.22
"""A paragraph ends where the distance grows by this factor."""
ROW_PITCH = 2.0
TEXT_WIDTH = 14.0
"""Lines that both have neighbours in their row belong to one paragraph only if they are this near
to each other and the upper one is this wide."""
WORDS = 3
"""A line of a narrow column of text has at least this many words."""
LABEL_GAP = 2.5
"""A label stands nearer to its text than this many line heights."""
INDENT = 0.7
"""Least indent of a first line, in line heights."""
_LABEL = re.compile(r"(?:\S+ ){0,3}\S+[:：](?: |$)")
"""Begins an entry of a form: up to four words with a colon."""
_ENTRY = re.compile(r"(?:[.·…‥_]\s?){4,}\s*(?:\d{1,4}|[ivxl]{1,7})$")
"""Ends an entry of a table of contents: dots and the number of a page."""


def build_blocks(lines: Sequence[Line]) -> list[Block]:
    """Paragraphs of lines that lie in one column each; in no particular order."""
    below = _links([line.box for line in lines])
    heads = set(range(len(lines))) - set(below.values())
    blocks = []
    for head in sorted(heads):
        chain = [head]
        while chain[-1] in below:
            chain.append(below[chain[-1]])
        blocks += _paragraphs([lines[i] for i in chain], lines)
    return blocks


def line_order(lines: Sequence[Line]) -> list[int]:
    """Indices of the lines in the order in which they are read, paragraph by paragraph."""
    fall = slope(lines)
    index = {id(line): number for number, line in enumerate(lines)}
    blocks = build_blocks(lines)
    unit = median([line_height(line) for line in lines]) if lines else 1.0
    order = reading_order(
        [levelled(block.box, fall) for block in blocks],
        line_height=unit,
        first_lines=[levelled(block.lines[0].box, fall) for block in blocks],
    )
    return [index[id(line)] for i in order for line in blocks[i].lines]


def _links(boxes: Sequence[Box]) -> dict[int, int]:
    """Line → the line right below it, where each is the other's only neighbour."""
    below: dict[int, list[int]] = {}
    above: dict[int, list[int]] = {}
    for i, upper in enumerate(boxes):
        for j in _next_row(upper, i, boxes):
            below.setdefault(i, []).append(j)
            above.setdefault(j, []).append(i)
    return {i: js[0] for i, js in below.items() if len(js) == 1 and above[js[0]] == [i]}


def _next_row(upper: Box, index: int, boxes: Sequence[Box]) -> list[int]:
    """The lines of the first row below that shares some width with the line."""
    candidates = [
        j
        for j, box in enumerate(boxes)
        if j != index
        and middle(box) > middle(upper) + 0.5 * min(height(upper), height(box))
        and overlap_x(upper, box) > 0
    ]
    if not candidates:
        return []
    nearest = min(candidates, key=lambda j: middle(boxes[j]))
    return [j for j in candidates if same_row(boxes[nearest], boxes[j])]


def _paragraphs(chain: list[Line], lines: Sequence[Line]) -> list[Block]:
    """Cut a chain of lines where a paragraph ends."""
    groups = [[chain[0]]]
    for index, line in enumerate(chain[1:], 1):
        following = chain[index + 1] if index + 1 < len(chain) else None
        if (
            _is_near(groups[-1], line, following, chain)
            and not _opens(groups[-1], line, chain)
            and _goes_on(groups[-1], line, chain, lines)
        ):
            groups[-1].append(line)
        else:
            groups.append([line])
    return [block_of(group) for group in groups]


def block_of(lines: list[Line]) -> Block:
    return Block(lines=lines, box=box_union(line.box for line in lines))


def _is_near(group: list[Line], line: Line, following: Line | None, chain: Sequence[Line]) -> bool:
    """Whether the line stands below the group as lines of one paragraph do."""
    last = group[-1]
    unit = max(line_height(last), line_height(line))
    pitch = _distance(last, line)
    usual = median(_distance(a, b) for a, b in pairwise(chain))
    double = width(last.box) > TEXT_WIDTH * unit and usual > PITCH * unit
    if pitch > (DOUBLE if double else PITCH) * unit:
        return False
    if len(group) > 1:
        return pitch <= LOOSE * _pitch(group)
    if following is None or not _looks_alike(line, following):
        return True
    # A first line farther from the second than that from the third is a paragraph of its own.
    return pitch <= LOOSE * max(_distance(line, following), unit)


def _opens(group: list[Line], line: Line, chain: Sequence[Line]) -> bool:
    """Whether the line begins, or the last one ended, an item, or an entry of a form or list."""
    marker, first = list_marker(line.text), group[0]
    # A citation such as [7] may begin any line of a paragraph.
    if marker and (marker[0] != "[" or list_marker(first.text)):
        return True
    if _LABEL.match(line.text) and _LABEL.match(first.text):
        return True
    if _ENTRY.search(group[-1].text):
        return True
    # Where items hang, what starts below the bullet is no part of the item.
    if not list_marker(first.text) or len(first.words) < 2 or line.direction == "rtl":
        return False
    unit = line_height(line)
    bullet, text = first.box[0], first.words[1].box[0]
    hangs = any(
        abs(other.box[0] - text) < 0.4 * unit and not list_marker(other.text) for other in chain
    )
    return hangs and text - bullet > 0.8 * unit and abs(line.box[0] - bullet) < 0.3 * unit


def _goes_on(group: list[Line], line: Line, chain: Sequence[Line], lines: Sequence[Line]) -> bool:
    """Whether the line looks like part of the paragraph that the group is so far."""
    last = group[-1]
    unit = max(line_height(last), line_height(line))
    if not _looks_alike(last, line) or not _aligned(group, line, unit):
        return False
    if _in_row(last, lines) and _in_row(line, lines):
        # Rows of a form, unless the lines are close and broken as in a column of text.
        long = width(last.box) > TEXT_WIDTH * unit
        text = long or (len(last.words) >= WORDS and _is_full(last, line, chain))
        if not text or _distance(last, line) > ROW_PITCH * unit:
            return False
    if _labelled(last, lines) and _labelled(line, lines):
        return False
    return not _new_paragraph(group, line, unit)


def _is_full(last: Line, line: Line, chain: Sequence[Line]) -> bool:
    """Whether the line's first word had no room left in the line above it."""
    if line.direction == "rtl":
        left = min(other.box[0] for other in chain)
        return last.box[0] - width(line.words[0].box) - 0.2 * line_height(line) < left
    right = max(other.box[2] for other in chain)
    word = line.words[0].box
    return last.box[2] + width(word) + 0.2 * line_height(line) > right


def _distance(upper: Line, lower: Line) -> float:
    return middle(lower.box) - middle(upper.box)


def _pitch(group: list[Line]) -> float:
    return median(_distance(a, b) for a, b in pairwise(group))


def _looks_alike(a: Line, b: Line) -> bool:
    """Same size and weight, as far as they are known."""
    sizes = font_size(a.words), font_size(b.words)
    if sizes[0] and sizes[1] and not 0.92 < sizes[0] / sizes[1] < 1.09:
        return False
    if differ_in_style(a.words, b.words):
        return False
    return 0.6 < line_height(a) / line_height(b) < 1.67


def _aligned(group: list[Line], line: Line, unit: float) -> bool:
    """Left, right or middle of the line is near that of the paragraph so far."""
    last = group[-1].box
    left = abs(min(g.box[0] for g in group) - line.box[0]) < 2.5 * unit
    left = left or abs(last[0] - line.box[0]) < 2.5 * unit
    right = abs(last[2] - line.box[2]) < 1.0 * unit
    centre = abs(last[0] + last[2] - line.box[0] - line.box[2]) < 2.0 * unit
    return left or right or centre


def _in_row(line: Line, lines: Sequence[Line]) -> bool:
    return any(other is not line and same_row(line.box, other.box) for other in lines)


def _labelled(line: Line, lines: Sequence[Line]) -> bool:
    """Whether a short piece stands close before or after the line, as in lists of terms."""
    unit = line_height(line)
    return any(
        other is not line
        and same_row(line.box, other.box)
        and -unit < -overlap_x(line.box, other.box) < LABEL_GAP * unit
        and width(other.box) < TEXT_WIDTH * unit
        for other in lines
    )


def _new_paragraph(group: list[Line], line: Line, unit: float) -> bool:
    """Whether an indent, or a last line that had room for more, starts a new paragraph."""
    last = group[-1]
    right = max(g.box[2] for g in [*group, line])
    left = min(g.box[0] for g in [*group, line])
    ended = last.text.rstrip().endswith((".", "!", "?", ":", ".”", '."', ".)", ";"))
    rtl = line.direction == "rtl"
    room = last.box[0] - left if rtl else right - last.box[2]
    fits = room > width(line.words[0].box) + 0.6 * unit
    if fits and (ended or room > 0.5 * (right - left)) and not _centred(last, line, unit):
        return ended or len(group) > 1
    indent = _start(line) - min(map(_start, group))
    return (
        ended
        and INDENT * unit < indent < 4 * unit
        and len(group) > 1
        and not list_marker(group[0].text)
    )


def _centred(a: Line, b: Line, unit: float) -> bool:
    return (
        abs(a.box[0] - b.box[0]) > unit
        and abs(a.box[0] + a.box[2] - b.box[0] - b.box[2]) < 1.5 * unit
    )


def _start(line: Line) -> float:
    """Where the line begins: distances grow in reading direction."""
    return -line.box[2] if line.direction == "rtl" else line.box[0]
