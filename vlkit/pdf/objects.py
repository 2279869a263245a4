"""What stands on a PDF page besides text: pictures, drawings, and what they paint over."""

from __future__ import annotations

import ctypes
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from vlkit.document import IDENTITY, Affine, Box, Point, box_union, compose
from vlkit.text_layer import map_box

MAX_OBJECTS = 50_000
"""Objects looked at; more are drawn by maps and plots, whose extent is known by then."""
DOUBLED = 0.15
"""Text objects this near to each other, in their lesser side, are one drawn twice."""
MAX_COVERS = 200
"""Pictures looked at for text that they paint over; scans come in a few strips."""
MAX_DEPTH = 8
"""Of forms within forms."""


@dataclass
class PageObjects:
    """Boxes are in the page's display coordinates.

    Attributes:
        pictures: Where raster images stand.
        drawings: Where clusters of curves and slanted lines stand.
        resolutions: Of each picture: pixels per point along the page's sides.
        covered: Text objects (addresses) painted over by a later picture.
        doubled: Text objects drawn twice, a hair apart, to look bold: pdfium's text layer has
            them once.
    """

    pictures: list[Box] = field(default_factory=list)
    drawings: list[Box] = field(default_factory=list)
    resolutions: list[float] = field(default_factory=list)
    covered: set[int] = field(default_factory=set)
    doubled: set[int] = field(default_factory=set)

    def scan_dpi(self, page: Box) -> float | None:
        """The resolution of the pictures, if they fill most of the page; else None."""
        areas = [_area(_overlap(box, page)) for box in self.pictures]
        if not areas or sum(areas) < 0.8 * _area(page):
            return None
        _, density = max(zip(areas, self.resolutions, strict=True))
        return 72 * density or None


def scan_objects(page: pdfium.PdfPage, to_display: Affine) -> PageObjects:
    """Walk the page's objects in painting order, also those within forms."""
    found = PageObjects()
    texts: list[tuple[int, Box]] = []
    marks: list[Box] = []
    for count, (handle, kind, matrix) in enumerate(_walk(page)):
        if count > MAX_OBJECTS:
            break
        to_page = compose(matrix, to_display)
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            box = _bounds(handle, to_page)
            found.pictures.append(box)
            found.resolutions.append(_density(handle, matrix))
            if len(found.pictures) <= MAX_COVERS:
                found.covered.update(text for text, place in texts if _inside(place, box))
        elif kind == raw.FPDF_PAGEOBJ_TEXT:
            texts.append((address(handle), _bounds(handle, to_page)))
        elif kind == raw.FPDF_PAGEOBJ_PATH and _is_free_form(handle):
            marks.append(_bounds(handle, to_page))
    found.doubled = _doubled(texts)
    width, height = page.get_size()
    found.drawings = _clusters(marks, width, height)
    return found


def _doubled(texts: list[tuple[int, Box]]) -> set[int]:
    alike: defaultdict[tuple[float, float], list[tuple[int, Box]]] = defaultdict(list)
    for text, (x0, y0, x1, y1) in texts:
        alike[round(x1 - x0, 1), round(y1 - y0, 1)].append((text, (x0, y0, x1, y1)))
    found: set[int] = set()
    for group in alike.values():
        group.sort(key=lambda item: item[1])
        for (text, a), (other, b) in pairwise(group):
            reach = DOUBLED * min(a[2] - a[0], a[3] - a[1])
            if reach > 0 and math.dist(a[:2], b[:2]) < reach:
                found |= {text, other}
    return found


def address(handle: Any) -> int:
    """A pdfium handle as a key."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


def _walk(page: pdfium.PdfPage) -> Iterator[tuple[Any, int, Affine]]:
    """Objects with their kind and the map from their parent's space to the page's user space."""
    top = _children(page, raw.FPDFPage_CountObjects, raw.FPDFPage_GetObject)
    stack = [(top, IDENTITY)]
    while stack:
        handles, matrix = stack[-1]
        handle = next(handles, None)
        if handle is None:
            stack.pop()
            continue
        kind = raw.FPDFPageObj_GetType(handle)
        if kind == raw.FPDF_PAGEOBJ_FORM and len(stack) < MAX_DEPTH:
            inside = _children(handle, raw.FPDFFormObj_CountObjects, raw.FPDFFormObj_GetObject)
            stack.append((inside, compose(_matrix(handle), matrix)))
        elif kind != raw.FPDF_PAGEOBJ_FORM:
            yield handle, kind, matrix


def _children(
    parent: Any, count: Callable[[Any], int], get: Callable[[Any, int], Any]
) -> Iterator[Any]:
    return (get(parent, index) for index in range(count(parent)))


def _matrix(handle: Any) -> Affine:
    found = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(handle, found):
        return IDENTITY
    return (found.a, found.b, found.c, found.d, found.e, found.f)


def _bounds(handle: Any, to_page: Affine) -> Box:
    sides = [ctypes.c_float() for _ in range(4)]
    raw.FPDFPageObj_GetBounds(handle, *sides)
    left, bottom, right, top = (side.value for side in sides)
    box = map_box((left, bottom, right, top), to_page)
    return box if all(map(math.isfinite, box)) else (0.0, 0.0, 0.0, 0.0)


def _density(handle: Any, matrix: Affine) -> float:
    """Pixels per point of an image as it is placed; 0 where that is not known."""
    columns, rows = ctypes.c_uint(), ctypes.c_uint()
    a, b, c, d, _, _ = compose(_matrix(handle), matrix)
    width, height = math.hypot(a, b), math.hypot(c, d)
    known = raw.FPDFImageObj_GetImagePixelSize(handle, columns, rows)
    if not known or width <= 0 or height <= 0:
        return 0.0
    return max(columns.value / width, rows.value / height)


def _is_free_form(handle: Any) -> bool:
    """Whether a path has a curve or a slanted line: no rule, frame or table shading has."""
    last: Point | None = None
    x, y = ctypes.c_float(), ctypes.c_float()
    for index in range(min(raw.FPDFPath_CountSegments(handle), 64)):
        segment = raw.FPDFPath_GetPathSegment(handle, index)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_BEZIERTO:
            return True
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = (x.value, y.value)
        if kind == raw.FPDF_SEGMENT_LINETO and last and _slanted(last, point):
            return True
        last = point
    return False


def _slanted(p: Point, q: Point) -> bool:
    return abs(p[0] - q[0]) > 0.5 and abs(p[1] - q[1]) > 0.5


def _clusters(marks: list[Box], width: float, height: float) -> list[Box]:
    """Boxes of marks that touch, united; small ones (bullets, icons) and backgrounds left out."""
    # On a grid of page hundredths, so that the time does not grow with the square of the marks.
    grid = np.zeros((102, 102), dtype=np.uint8)
    cells = [_cells(mark, width, height) for mark in marks]
    for left, top, right, bottom in cells:
        grid[top : bottom + 1, left : right + 1] = 1
    _, labels = cv2.connectedComponents(grid, connectivity=8)
    united: defaultdict[int, list[Box]] = defaultdict(list)
    for mark, (left, top, _, _) in zip(marks, cells, strict=True):
        united[int(labels[top, left])].append(mark)
    page = width * height
    return [
        box
        for box in map(box_union, united.values())
        if box[2] - box[0] > 0.06 * width
        and box[3] - box[1] > 0.06 * height
        and _area(box) < 0.9 * page
    ]


def _cells(box: Box, width: float, height: float) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (
        min(max(int(100 * side / length), 0), 101)
        for side, length in zip(box, (width, height) * 2, strict=True)
    )
    return x0, y0, x1, y1


def _inside(inner: Box, outer: Box) -> bool:
    return _area(_overlap(inner, outer)) >= 0.9 * _area(inner) > 0


def centre(box: Box) -> Point:
    return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def contains(box: Box, point: Point) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def _overlap(a: Box, b: Box) -> Box:
    x0, y0 = max(a[0], b[0]), max(a[1], b[1])
    return (x0, y0, max(x0, min(a[2], b[2])), max(y0, min(a[3], b[3])))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
