"""Pictures and drawings on a page: from a PDF's objects, else from what ink is no text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.document import Box, Figure, Line, Table, box_union
from vlkit.images import PageImage
from vlkit.layout.captions import CAPTION, REACH
from vlkit.layout.measure import (
    area,
    height,
    in_rows,
    overlap_x,
    overlap_y,
    same_row,
    shared_area,
    width,
)
from vlkit.text_layer import TextContent

LEAST = 3.0
"""A figure is at least this many line heights high and wide."""
MOST = 0.85
"""A picture that fills more of the page is its background, or the scan itself."""
RULE = 4.0
"""Straight ink longer than this many line heights is a rule or a frame."""
INSIDE = 0.7
"""Part of a line's or table's area that lies in a figure that holds it."""
TEXT_WIDTH = 12.0
"""Lines wider than this many line heights are running text, not labels of a drawing."""
DENSITY = 0.04
"""Least part of a figure's box that is ink, once rules and text are gone."""
FILLED = 0.6
"""Ink of a region that is filled, as the bars of a chart are."""
CUT = 0.1
"""Pictures that overlap stay apart where their union would take more than this part of a line."""
PANEL_GAP = 3.0
"""Panels of a figure leave at most this many line heights between them."""
LABEL_REACH = 0.8
"""Labels stand at most this many line heights outside what is drawn."""
LABEL_WIDTH = 8.0
"""Labels are narrower than this many line heights."""


def find_figures(
    lines: Sequence[Line], tables: Sequence[Table], image: PageImage | None, line_height: float
) -> list[Figure]:
    """Figures from top to bottom, without the lines of text inside them.

    Args:
        lines: The page's text outside tables.
        tables: Where no figure is looked for.
        image: The upright page; without it no figure is found.
        line_height: The page's usual one.
    """
    if image is None:
        return []
    boxes = _ink_regions(lines, tables, image, line_height)
    if image.text_layer is not None:
        boxes = _objects(image.text_layer.content, lines, boxes, line_height)
    page = (0.0, 0.0, image.width, image.height)
    texts = [line.box for line in lines if width(line.box) > TEXT_WIDTH * line_height]
    boxes = [_clipped(box, page) for box in boxes]
    boxes = [
        box
        for box in _merged(boxes, 0.5 * line_height, texts)
        if min(width(box), height(box)) >= LEAST * line_height
        and area(box) < MOST * area(page)
        and not any(_same_place(box, table.box) for table in tables)
        and not _is_frame(box, lines)
    ]
    boxes = _apart(_whole(boxes, lines, line_height), texts)
    return [Figure(box=box) for box in sorted(boxes, key=lambda box: (box[1], box[0]))]


def _objects(
    content: TextContent, lines: Sequence[Line], regions: Sequence[Box], line_height: float
) -> list[Box]:
    """A PDF's pictures and drawings, and ink that belongs to neither, such as filled bars.

    What running text stands on is its ground, no figure.
    """
    wide = [line for line in lines if width(line.box) > TEXT_WIDTH * line_height]

    def holds_text(box: Box) -> bool:
        return sum(shared_area(line.box, box) > INSIDE * area(line.box) for line in wide) >= 3

    found = (*content.pictures, *content.drawings, *regions)
    return [box for box in found if not holds_text(box)]


def take_lines(figures: Sequence[Figure], lines: Sequence[Line], line_height: float) -> list[Line]:
    """Move the lines that stand inside figures, and labels beside them, into the figures.

    Returns:
        The others.
    """
    left = list(lines)
    for figure in figures:
        inside = [line for line in left if _is_inside(line, figure.box)]
        labels = _labels(figure.box, left, line_height)
        figure.box = box_union([figure.box, *(line.box for line in labels)])
        taken = {id(line) for line in (*inside, *labels)}
        figure.lines += in_rows([line for line in left if id(line) in taken])
        left = [line for line in left if id(line) not in taken]
    return left


def _is_inside(line: Line, box: Box) -> bool:
    return shared_area(line.box, box) > INSIDE * area(line.box)


def _labels(figure: Box, lines: Sequence[Line], line_height: float) -> list[Line]:
    """What is written along a drawing's edges: the names and figures of axes.

    Small type, or several short pieces in a row or column; nothing that text goes on from.
    """
    reach = LABEL_REACH * line_height
    near = [
        line
        for line in lines
        if width(line.box) < LABEL_WIDTH * line_height
        and not _is_inside(line, figure)
        and overlap_x(line.box, figure) > -reach
        and overlap_y(line.box, figure) > -reach
        and not CAPTION.match(line.text)
    ]
    found = []
    for line in near:
        peers = [other for other in near if other is not line and _in_line(line.box, other.box)]
        others = [other for other in lines if not any(other is label for label in near)]
        part_of_text = any(
            overlap_x(line.box, other.box) > 0
            and overlap_y(line.box, other.box) > -0.6 * line_height
            for other in others
            if height(other.box) < 2 * line_height
        )
        if len(peers) > 1 or (peers and not part_of_text):
            found.append(line)
    return found


def _in_line(a: Box, b: Box) -> bool:
    """Whether two boxes stand in one row, or in one column with an edge in common."""
    same_edge = min(abs(a[0] - b[0]), abs(a[2] - b[2])) < 0.3 * height(a)
    return same_row(a, b) or same_edge


def _clipped(box: Box, page: Box) -> Box:
    x0, y0 = max(box[0], page[0]), max(box[1], page[1])
    return (x0, y0, max(x0, min(box[2], page[2])), max(y0, min(box[3], page[3])))


def _merged(boxes: Sequence[Box], reach: float, texts: Sequence[Box]) -> list[Box]:
    """Boxes nearer than ``reach`` to each other become one, unless text would come between."""

    def is_near(a: Box, b: Box) -> bool:
        if min(overlap_x(a, b), overlap_y(a, b)) <= -reach:
            return False
        union = box_union([a, b])
        return not any(
            shared_area(union, text)
            > max(shared_area(a, text), shared_area(b, text)) + CUT * area(text)
            for text in texts
        )

    done: list[Box] = []
    for box in boxes:
        near = [other for other in done if is_near(other, box)]
        while near:
            # One at a time: what they hold together may be more than each two of them.
            done = [other for other in done if other is not near[0]]
            box = box_union([box, near[0]])
            near = [other for other in done if is_near(other, box)]
        done.append(box)
    return done


def _whole(panels: Sequence[Box], lines: Sequence[Line], line_height: float) -> list[Box]:
    """Panels of one figure as one: near each other, without running text or captions between."""
    done: list[Box] = []
    for box in panels:
        while True:
            partner = next((b for b in done if _is_panel(b, box, lines, line_height)), None)
            if partner is None:
                break
            done = [b for b in done if b is not partner]
            box = box_union([box, partner])
        done.append(box)
    return done


def _is_panel(a: Box, b: Box, lines: Sequence[Line], line_height: float) -> bool:
    """Whether two pictures are parts of one figure, which has one caption."""
    across, down = overlap_x(a, b), overlap_y(a, b)
    if max(across, down) <= 0 or min(across, down) < -PANEL_GAP * line_height:
        return False
    union = box_union([a, b])
    reach = REACH * line_height
    around = (union[0], union[1] - reach, union[2], union[3] + reach)
    captions = [line for line in lines if CAPTION.match(line.text) and _is_inside(line, around)]
    between = [
        line
        for line in lines
        if shared_area(line.box, union) > 0
        and not (_is_inside(line, a) or _is_inside(line, b))
        and (width(line.box) > TEXT_WIDTH * line_height or line in captions)
    ]
    return len(captions) < 2 and not between


def _apart(boxes: Sequence[Box], texts: Sequence[Box]) -> list[Box]:
    """Figures side by side whose clear margins overlap, cut where a gutter of the text runs."""
    done = sorted(boxes)
    for i, j in combinations(range(len(done)), 2):
        left, right = done[i], done[j]
        shared = overlap_x(left, right)
        if overlap_y(left, right) > shared > 0 and right[2] > left[2]:
            cut = min(right[0], left[2], key=lambda x: sum(t[0] < x < t[2] for t in texts))
            if left[0] < cut < right[2]:
                # Back to the text's edge: a gutter is left between them.
                edge = max((t[2] for t in texts if cut - shared < t[2] <= cut), default=cut)
                done[i] = (left[0], left[1], min(left[2], edge), left[3])
                done[j] = (max(right[0], cut), right[1], right[2], right[3])
    return done


def _same_place(a: Box, b: Box) -> bool:
    return shared_area(a, b) > 0.5 * min(area(a), area(b))


def _is_frame(box: Box, lines: Sequence[Line]) -> bool:
    """Whether the box is mostly text: a coloured ground or frame, no picture."""
    inside = [line for line in lines if shared_area(line.box, box) > INSIDE * area(line.box)]
    return sum(area(line.box) for line in inside) > 0.3 * area(box)


def _ink_regions(
    lines: Sequence[Line], tables: Sequence[Table], image: PageImage, line_height: float
) -> list[Box]:
    """Connected regions of ink that is neither text nor rules; axes join what stands on them."""
    # A line of 12 pixels is enough to tell a picture from white.
    scale = min(image.scale, 12 / line_height)
    grey = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    unit = line_height * scale
    paper = np.percentile(grey, 90)
    ink = (grey < paper - 60).astype(np.uint8)
    _erase(ink, [word.box for line in lines for word in line.words], scale, 0.15 * unit)
    _erase(ink, [table.box for table in tables], scale, 0.5 * unit)
    rules = _rules(ink, round(RULE * unit))
    ink[rules > 0] = 0
    reach = max(1, round(unit))
    closed = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    regions = [
        box for box in _components(np.asarray(closed, np.uint8)) if _is_drawn(box, ink, unit)
    ]
    wide = [line.box for line in lines if width(line.box) > TEXT_WIDTH * line_height]
    texts = [_scaled(box, scale) for box in wide]
    joined = _joined_by_rules(regions, _components(rules), texts, unit)
    return [_scaled(box, 1 / scale) for box in joined]


def _scaled(box: Box, scale: float) -> Box:
    return (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)


def _components(mask: NDArray[np.uint8]) -> list[Box]:
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    corners = (tuple(map(float, stats[index, :4])) for index in range(1, count))
    return [(x, y, x + w, y + h) for x, y, w, h in corners]


def _is_drawn(box: Box, ink: NDArray[np.uint8], unit: float) -> bool:
    """Whether a region has the size and the ink of a picture, and is no edge of a scan.

    Filled ones may be small: they are the bars of a chart.
    """
    x0, y0, x1, y1 = map(int, box)
    rows, columns = ink.shape
    at_edge = x0 <= 1 or y0 <= 1 or x1 >= columns - 1 or y1 >= rows - 1
    least = min(width(box), height(box))
    # Scanners leave black bars along the edges.
    if at_edge and least < 0.06 * min(rows, columns):
        return False
    density = ink[y0:y1, x0:x1].mean()
    return bool(least >= (0.5 if density > FILLED else LEAST) * unit and density >= DENSITY)


def _joined_by_rules(
    regions: Sequence[Box], rules: Sequence[Box], texts: Sequence[Box], unit: float
) -> list[Box]:
    """Regions on the same rules, such as bars on an axis, as one with these rules.

    A frame or rule that reaches around or past running text joins nothing.
    """
    found = list(regions)
    for rule in rules:
        touching = [box for box in found if _touch(box, rule, 0.2 * unit)]
        together = box_union([rule, *touching])
        if touching and not any(_holds(together, text) for text in texts):
            found = [box for box in found if box not in touching] + [together]
    return found


def _touch(a: Box, b: Box, reach: float) -> bool:
    return min(overlap_x(a, b), overlap_y(a, b)) > -reach


def _holds(box: Box, text: Box) -> bool:
    return shared_area(text, box) > INSIDE * area(text)


def _erase(ink: NDArray[np.uint8], boxes: Sequence[Box], scale: float, margin: float) -> None:
    for x0, y0, x1, y1 in boxes:
        left, top = max(0, round(x0 * scale - margin)), max(0, round(y0 * scale - margin))
        ink[top : round(y1 * scale + margin) + 1, left : round(x1 * scale + margin) + 1] = 0


def _rules(ink: NDArray[np.uint8], length: int) -> NDArray[np.uint8]:
    """Mask of thin straight ink, a little wider than it is."""
    found = np.zeros_like(ink)
    for shape in ((1, length), (length, 1)):
        runs = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(shape, np.uint8))
        # What is as thick as a line of text is no rule.
        across = np.ones((length // 6 + 2, 1) if shape[0] == 1 else (1, length // 6 + 2), np.uint8)
        thick = cv2.morphologyEx(runs, cv2.MORPH_OPEN, across)
        found[(runs > 0) & (thick == 0)] = 1
    return np.asarray(cv2.dilate(found, np.ones((3, 3), np.uint8)), np.uint8)
