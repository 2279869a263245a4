"""Small measures of boxes, lines and blocks that the layout modules share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from vlkit.document import Block, Box, Line, Word


def height(box: Box) -> float:
    return box[3] - box[1]


def width(box: Box) -> float:
    return box[2] - box[0]


def middle(box: Box) -> float:
    """The vertical centre."""
    return (box[1] + box[3]) / 2


def area(box: Box) -> float:
    return max(0.0, width(box)) * max(0.0, height(box))


def overlap_x(a: Box, b: Box) -> float:
    """Length shared along x; negative is the distance between the boxes."""
    return min(a[2], b[2]) - max(a[0], b[0])


def overlap_y(a: Box, b: Box) -> float:
    """Length shared along y; negative is the distance between the boxes."""
    return min(a[3], b[3]) - max(a[1], b[1])


def shared_area(a: Box, b: Box) -> float:
    return max(0.0, overlap_x(a, b)) * max(0.0, overlap_y(a, b))


def same_row(a: Box, b: Box) -> bool:
    """Whether two boxes stand beside each other: half of the lower one's height is shared."""
    return overlap_y(a, b) > 0.5 * min(height(a), height(b))


def in_rows(lines: Iterable[Line]) -> list[Line]:
    """Lines row by row from top to bottom, each row from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: middle(line.box)):
        if rows and same_row(rows[-1][0].box, line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.box[0])]


def line_height(line: Line) -> float:
    """Height of the line's taller words: neither of ``no`` and ``are``, nor of one tall bracket."""
    if not line.words:
        return height(line.box)
    heights = sorted(height(word.box) for word in line.words)
    return heights[int(0.75 * (len(heights) - 1) + 0.5)]


def usual_height(lines: Iterable[Line]) -> float:
    """The median line height, long lines counting more; 1 where there are none."""
    heights = sorted(
        value for line in lines for value in [line_height(line)] * len(line.words) if value > 0
    )
    return heights[len(heights) // 2] if heights else 1.0


def font_size(words: Iterable[Word]) -> float | None:
    """The median font size, where the engine knows it."""
    sizes = [word.font_size for word in words if word.font_size]
    return median(sizes) if sizes else None


def is_bold(words: Sequence[Word]) -> bool:
    """Whether nearly all letters are known to be bold."""
    return _share([(word.text, bool(word.bold)) for word in words]) > 0.85


def is_italic(words: Sequence[Word]) -> bool:
    """Whether nearly all letters are known to be italic."""
    return _share([(word.text, bool(word.italic)) for word in words]) > 0.85


def _share(texts: Sequence[tuple[str, bool]]) -> float:
    total = sum(len(text) for text, _ in texts)
    return sum(len(text) for text, yes in texts if yes) / total if total else 0.0


OTHER_SIZE = 0.04
"""A heading in another font may be larger than its text by no more than this."""


def differ_in_style(a: Sequence[Word], b: Sequence[Word]) -> bool:
    """Whether one is all bold or italic and the other not at all, or fonts and sizes differ."""
    return _differ_in_font(a, b) or any(
        style(one) and not any(flag(word) for word in other)
        for style, flag in ((is_bold, _bold), (is_italic, _italic))
        for one, other in ((a, b), (b, a))
    )


def _differ_in_font(a: Sequence[Word], b: Sequence[Word]) -> bool:
    fonts = {word.font for word in a}, {word.font for word in b}
    sizes = font_size(a), font_size(b)
    if not sizes[0] or not sizes[1] or None in fonts[0] | fonts[1] or fonts[0] & fonts[1]:
        return False
    return abs(sizes[0] - sizes[1]) > OTHER_SIZE * sizes[1]


def _bold(word: Word) -> bool:
    return bool(word.bold)


def _italic(word: Word) -> bool:
    return bool(word.italic)


def block_size(block: Block) -> float:
    """Font size where known, else the median height of the block's lines."""
    return font_size(block.words) or median(map(line_height, block.lines))


def slope(lines: Iterable[Line]) -> float:
    """How much the page's lines fall per unit to the right: the median over long lines."""
    slopes: list[tuple[float, float]] = []
    for line in lines:
        if len(line.words) < 2:
            continue
        first, last = line.words[0].box, line.words[-1].box
        run = abs(first[0] + first[2] - last[0] - last[2]) / 2
        if run > 4 * line_height(line):
            # Lower edges vary less than middles: most letters stand on the base line.
            rise = (last[3] - first[3]) * (1 if last[0] > first[0] else -1)
            slopes.append((rise / run, run))
    slopes.sort()
    total, passed = sum(run for _, run in slopes), 0.0
    for value, run in slopes:
        passed += run
        if 2 * passed >= total:
            return value
    return 0.0


def levelled(box: Box, fall: float) -> Box:
    """The box moved up by what its middle has fallen at that slope."""
    shift = fall * (box[0] + box[2]) / 2
    return (box[0], box[1] - shift, box[2], box[3] - shift)
