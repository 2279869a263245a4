"""Boxes, quads and affine maps: x to the right, y down."""

from __future__ import annotations

from collections.abc import Iterable

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1) with x0 ≤ x1 and y0 ≤ y1."""
Quad = tuple[Point, Point, Point, Point]
"""Corners of rotated text: top-left, top-right, bottom-right, bottom-left *as read*."""
Affine = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): (x, y) → (a·x + c·y + e, b·x + d·y + f), PDF's matrix order."""

IDENTITY: Affine = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def box_union(boxes: Iterable[Box]) -> Box:
    """The smallest box around all; raises ValueError on none."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return (min(x0), min(y0), max(x1), max(y1))


def quad_box(quad: Quad) -> Box:
    """The axis-aligned box around a quad."""
    xs, ys = zip(*quad, strict=True)
    return (min(xs), min(ys), max(xs), max(ys))


def box_quad(box: Box) -> Quad:
    x0, y0, x1, y1 = box
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def apply_affine(matrix: Affine, point: Point) -> Point:
    a, b, c, d, e, f = matrix
    x, y = point
    return (a * x + c * y + e, b * x + d * y + f)


def compose(first: Affine, then: Affine) -> Affine:
    """The map that applies ``first`` and ``then`` in this order."""
    a1, b1, c1, d1, e1, f1 = first
    a2, b2, c2, d2, e2, f2 = then
    return (
        a2 * a1 + c2 * b1,
        b2 * a1 + d2 * b1,
        a2 * c1 + c2 * d1,
        b2 * c1 + d2 * d1,
        a2 * e1 + c2 * f1 + e2,
        b2 * e1 + d2 * f1 + f2,
    )


def invert(matrix: Affine) -> Affine:
    """The inverse map; raises ZeroDivisionError on a degenerate one."""
    a, b, c, d, e, f = matrix
    det = a * d - b * c
    return (
        d / det,
        -b / det,
        -c / det,
        a / det,
        (c * f - d * e) / det,
        (b * e - a * f) / det,
    )
