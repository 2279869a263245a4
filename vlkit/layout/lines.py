"""Lines as engines give them → lines that each lie in one column."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vlkit.document import Box, Line, Word, box_union
from vlkit.layout.lists import is_marker
from vlkit.layout.measure import height, line_height, middle, overlap_x, overlap_y, same_row, width

WIDE_GAP = 2.0
"""White space of this many line heights always ends a line."""
CORRIDOR_GAP = 0.9
"""White space of this many ends it where it goes on above and below: a gutter."""
CORRIDOR_REACH = 1.6
"""How far above and below, in line heights."""
FRAGMENT_GAP = 0.8
"""Pieces on one row nearer than this are one line."""
STRETCHED_GAP = 1.4
"""Nor do pieces part at white space of this many line heights that text stands right above or
below: a stretched line of a paragraph."""
SMALL = 2.5
"""Pieces narrower than this many line heights may be indices or exponents."""
MARKER_GAP = 4.0
"""A bullet or number may stand this far before its text."""
LABEL_GAP = 8.0
"""A form's label may stand this far before its entry."""
LABEL_WIDTH = 12.0
"""A label is at most this wide."""


def tidy_lines(lines: Sequence[Line]) -> list[Line]:
    """Cut lines that run over columns, join fragments of one line."""
    filled = [_without_blanks(line) for line in lines]
    boxes = [word.box for line in filled for word in line.words]
    pieces = [piece for line in filled if line.words for piece in _split(line, boxes)]
    return _labelled(_joined(_absorbed(pieces), boxes))


def line_of(words: list[Word], like: Line) -> Line:
    """A line of some of another line's words."""
    box = box_union(word.box for word in words)
    return like.model_copy(update={"words": words, "box": box, "quad": None})


def _without_blanks(line: Line) -> Line:
    words = [word for word in line.words if word.text.strip()]
    return line if len(words) == len(line.words) or not words else line_of(words, line)


def _split(line: Line, boxes: Sequence[Box]) -> list[Line]:
    unit = line_height(line)
    groups = [[line.words[0]]]
    for before, after in pairwise(line.words):
        gap = -overlap_x(before.box, after.box)
        marker = len(groups[-1]) == 1 and len(groups) == 1 and is_marker(before.text)
        limit = MARKER_GAP if marker else WIDE_GAP
        narrow = gap < CORRIDOR_GAP * unit
        if narrow or (gap < limit * unit and not _is_corridor(before.box, after.box, unit, boxes)):
            groups[-1].append(after)
        else:
            groups.append([after])
    if len(groups) == 1:
        return [line]
    return [line_of(words, line) for words in groups]


def _is_corridor(a: Box, b: Box, unit: float, boxes: Sequence[Box]) -> bool:
    """Whether the white space between two words goes on above and below between other words."""
    left, right = (a, b) if a[0] < b[0] else (b, a)
    inset = 0.1 * (right[0] - left[2])
    x0, x1 = left[2] + inset, right[0] - inset
    top, bottom = min(a[1], b[1]), max(a[3], b[3])
    sides: set[tuple[bool, bool]] = set()
    for box in boxes:
        centre = middle(box)
        above, below = centre < top, centre > bottom
        reach = top - box[3] if above else box[1] - bottom
        if not (above or below) or reach > CORRIDOR_REACH * unit:
            continue
        if box[0] < x1 and box[2] > x0:
            return False
        near = min(abs(box[0] - x1), abs(box[2] - x0)) < 12 * unit
        if near:
            sides.add((above, box[2] <= x0))
    # Text on both sides, above or below.
    return {(True, True), (True, False)} <= sides or {(False, True), (False, False)} <= sides


def _is_crossed(left: Box, right: Box, unit: float, boxes: Sequence[Box]) -> bool:
    """Whether a word right above or below covers the white space between two boxes."""
    return any(
        box[0] < left[2] and box[2] > right[0] and overlap_y(box, left) > -0.6 * unit
        for box in boxes
        if overlap_y(box, left) < 0.3 * unit
    )


def _absorbed(lines: list[Line]) -> list[Line]:
    """Put indices, exponents and stray symbols into the line in whose reach they stand."""
    small = [line for line in lines if width(line.box) < SMALL * line_height(line)]
    rest = [line for line in lines if not any(line is other for other in small)]
    for piece in small:
        hosts = [
            index
            for index, line in enumerate(rest)
            if line.direction == piece.direction and _has_room(line, piece)
        ]
        if hosts:
            best = max(hosts, key=lambda index: overlap_y(rest[index].box, piece.box))
            words = [*rest[best].words, *piece.words]
            words.sort(key=lambda word: word.box[0], reverse=piece.direction == "rtl")
            rest[best] = line_of(words, rest[best])
        else:
            rest.append(piece)
    return rest


def _has_room(line: Line, piece: Line) -> bool:
    """Whether a small piece stands in a gap of the line, or right after it."""
    box, unit = piece.box, line_height(line)
    wide = width(line.box) > 2 * width(box)
    # An index hangs half below its line, an exponent half above.
    beside = overlap_y(line.box, box) >= 0.35 * min(height(box), unit)
    inside = line.box[0] < box[0] and box[2] < line.box[2] + 0.3 * unit
    lower = height(box) < 1.8 * unit
    if not (wide and beside and inside and lower):
        return False
    return all(overlap_x(word.box, box) < 0.35 * width(box) for word in line.words)


def _joined(lines: list[Line], boxes: Sequence[Box]) -> list[Line]:
    """Join pieces that follow each other closely on one row, and markers with their text."""
    rest = sorted(lines, key=lambda line: line.box[0])
    done: list[Line] = []
    for line in rest:
        best = None
        for index, other in enumerate(done):
            if _belong(other, line, boxes) and (best is None or other.box[2] > done[best].box[2]):
                best = index
        if best is None:
            done.append(line)
        else:
            first, then = (done[best], line) if line.direction != "rtl" else (line, done[best])
            done[best] = line_of([*first.words, *then.words], first)
    return sorted(done, key=lambda line: (line.box[1], line.box[0]))


def _belong(left: Line, right: Line, boxes: Sequence[Box]) -> bool:
    a, b = left.box, right.box
    small, large = sorted((height(a), height(b)))
    if left.direction != right.direction or overlap_y(a, b) < 0.5 * small:
        return False
    gap, unit = b[0] - a[2], min(line_height(left), line_height(right))
    marker = len(left.words) == 1 and is_marker(left.words[0].text)
    if marker and left.direction == "ltr":
        # A dash or bullet is much lower than its line.
        unit = line_height(right)
        return -0.3 * unit < gap < MARKER_GAP * unit and height(a) < 2.5 * height(b)
    if height(a) < 0.8 * height(b) or height(b) < 0.8 * height(a):
        superscript = min(a, b, key=height)[3] < max(a, b, key=height)[3] - 0.15 * large
        if superscript and -0.3 * unit < gap < 0.6 * unit and len(_smaller(left, right).words) == 1:
            return True
    if large > 1.6 * small or not -0.3 * unit < gap < STRETCHED_GAP * unit:
        return False
    if gap >= FRAGMENT_GAP * unit:
        return _is_crossed(a, b, unit, boxes)
    return not _is_corridor(a, b, unit, boxes) if gap > 0.3 * unit else True


def _smaller(a: Line, b: Line) -> Line:
    return a if height(a.box) < height(b.box) else b


def _labelled(lines: list[Line]) -> list[Line]:
    """Put a form's entry into the line of its label, which ends with a colon."""
    done = list(lines)
    for label in lines:
        if label.direction == "rtl" or not _is_label(label, lines):
            continue
        entry = _entry_of(label, done)
        if entry is not None:
            joined = line_of([*label.words, *entry.words], label)
            done = [joined if line is label else line for line in done if line is not entry]
    return done


def _is_label(line: Line, lines: Sequence[Line]) -> bool:
    """Whether a short line ends with a colon, and is not the end of a paragraph."""
    unit = line_height(line)
    if not line.text.endswith((":", "：")) or width(line.box) > LABEL_WIDTH * unit:
        return False
    return not any(
        width(other.box) > 1.5 * width(line.box)
        and abs(other.box[0] - line.box[0]) < 2.5 * unit
        and 0 < middle(line.box) - middle(other.box) < 1.8 * unit
        and ":" not in other.text
        for other in lines
    )


def _entry_of(label: Line, lines: Sequence[Line]) -> Line | None:
    """What stands next in the label's row, unless it has a label of its own."""
    right = [
        line
        for line in lines
        if same_row(label.box, line.box) and line.box[0] > label.box[2] - 0.3 * line_height(label)
    ]
    if not right:
        return None
    entry = min(right, key=lambda line: line.box[0])
    near = entry.box[0] - label.box[2] < LABEL_GAP * line_height(label)
    alike = 0.6 < line_height(entry) / line_height(label) < 1.67
    return entry if near and alike and ":" not in entry.text.split(" ")[0] else None
