"""Pictures and drawings on a page: from a PDF's objects, else from what ink is no text."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.document import Box, Figure, Line, Table, box_union
from vlkit.images import PageImage
from vlkit.layout.measure import area, height, overlap_x, overlap_y, shared_area, width
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
    if image.text_layer is not None:
        boxes = _objects(image.text_layer.content, lines, tables, image, line_height)
    else:
        boxes = _ink_regions(lines, tables, image, line_height)
    page = (0.0, 0.0, image.width, image.height)
    boxes = [_clipped(box, page) for box in boxes]
    boxes = [
        box
        for box in _merged(boxes, 0.5 * line_height)
        if min(width(box), height(box)) >= LEAST * line_height
        and area(box) < MOST * area(page)
        and not any(_same_place(box, table.box) for table in tables)
        and not _is_frame(box, lines)
    ]
    return [Figure(box=box) for box in sorted(boxes, key=lambda box: (box[1], box[0]))]


def _objects(
    content: TextContent,
    lines: Sequence[Line],
    tables: Sequence[Table],
    image: PageImage,
    line_height: float,
) -> list[Box]:
    """A PDF's pictures and drawings; drawings that reach over text are looked at as ink."""
    wide = [line for line in lines if width(line.box) > TEXT_WIDTH * line_height]
    boxes = list(content.pictures)
    doubtful: list[Box] = []
    for box in content.drawings:
        texts = sum(1 for line in wide if shared_area(line.box, box) > INSIDE * area(line.box))
        (doubtful if texts >= 3 else boxes).append(box)
    if doubtful:
        regions = _ink_regions(lines, tables, image, line_height)
        boxes += [
            region
            for region in regions
            if any(shared_area(region, box) > INSIDE * area(region) for box in doubtful)
        ]
    return boxes


def take_lines(figures: Sequence[Figure], lines: Sequence[Line]) -> list[Line]:
    """Move the lines that stand inside figures into them; returns the others."""
    left = []
    for line in lines:
        for figure in figures:
            if shared_area(line.box, figure.box) > INSIDE * area(line.box):
                figure.lines.append(line)
                break
        else:
            left.append(line)
    return left


def _clipped(box: Box, page: Box) -> Box:
    x0, y0 = max(box[0], page[0]), max(box[1], page[1])
    return (x0, y0, max(x0, min(box[2], page[2])), max(y0, min(box[3], page[3])))


def _merged(boxes: Sequence[Box], reach: float) -> list[Box]:
    """Boxes nearer than ``reach`` to each other become one."""
    done: list[Box] = []
    for box in boxes:
        near = [b for b in done if overlap_x(b, box) > -reach and overlap_y(b, box) > -reach]
        while near:
            done = [b for b in done if b not in near]
            box = box_union([box, *near])
            near = [b for b in done if overlap_x(b, box) > -reach and overlap_y(b, box) > -reach]
        done.append(box)
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
    """Connected regions of ink that is neither text nor rules."""
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
    ink[_rules(ink, round(RULE * unit)) > 0] = 0
    reach = max(1, round(unit))
    closed = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    found = []
    for index in range(1, count):
        x, y, w, h = (int(value) for value in stats[index, :4])
        dense = ink[y : y + h, x : x + w].mean() >= DENSITY
        at_edge = x <= 1 or y <= 1 or x + w >= size[0] - 1 or y + h >= size[1] - 1
        # Scanners leave black bars along the edges.
        bar = at_edge and min(w, h) < 0.06 * min(size)
        if min(w, h) >= LEAST * unit and dense and not bar:
            found.append((x / scale, y / scale, (x + w) / scale, (y + h) / scale))
    return found


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
