"""What a glyph's outline looks like: the bullets and boxes of symbol fonts."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np
import pypdfium2.raw as raw
from numpy.typing import NDArray

Contour = NDArray[np.float64]
"""[N, 2], a closed line's corners, in ems, y up."""

LARGE = 0.45
"""Ems; smaller squares and discs are bullets, larger ones boxes and big dots."""
_STEPS = (0.25, 0.5, 0.75, 1.0)
"""Where curves are sampled."""
_FILLED = {"square": ("▪", "■"), "disc": ("•", "●"), "diamond": ("⬩", "◆")}
_HOLLOW = {"square": ("▫", "☐"), "disc": ("◦", "○"), "diamond": ("⋄", "◇")}


def shape_of(font: Any, code: int, *, blank: bool) -> str | None:
    """A bullet, box or triangle that looks like the glyph; None where it is none.

    Args:
        font: pdfium's handle.
        code: The character as pdfium gives it.
        blank: Whether it is drawn in white: a square is then an empty box.
    """
    contours = list(_contours(font, code))
    if not contours:
        return None
    outer = max(contours, key=lambda contour: abs(_area(contour)))
    low, high = outer.min(0), outer.max(0)
    width, height = high - low
    if not (width > 0 and height > 0 and 0.75 < width / height < 1.33):
        return None
    kind, large = _kind(outer), bool(height >= LARGE)
    if len(contours) == 1 and not (blank and kind):
        return _FILLED[kind][large] if kind in _FILLED else kind
    inner = next((contour for contour in contours if contour is not outer), outer)
    alike = _kind(inner) == kind and len(contours) <= 2
    centred = bool(np.abs(inner.min(0) + inner.max(0) - low - high).max() < 0.1 * height)
    return _HOLLOW[kind][large] if alike and centred and kind in _HOLLOW else None


def _contours(font: Any, code: int) -> Iterator[Contour]:
    path = raw.FPDFFont_GetGlyphPath(font, code, ctypes.c_float(1.0))
    points: list[tuple[float, float]] = []
    controls: list[tuple[float, float]] = []
    x, y = ctypes.c_float(), ctypes.c_float()
    for index in range(max(raw.FPDFGlyphPath_CountGlyphSegments(path), 0) if path else 0):
        segment = raw.FPDFGlyphPath_GetGlyphPathSegment(path, index)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = (x.value, y.value)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            if len(points) > 2:
                yield np.array(points)
            points = [point]
        elif kind == raw.FPDF_SEGMENT_LINETO:
            points.append(point)
        else:
            controls.append(point)
            if len(controls) == 3 and points:
                points += _curve(points[-1], *controls)
                controls = []
    if len(points) > 2:
        yield np.array(points)


def _curve(*corners: tuple[float, float]) -> list[tuple[float, float]]:
    a, b, c, d = (np.array(corner) for corner in corners)
    found = [
        (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
        for t in _STEPS
    ]
    return [(float(u), float(v)) for u, v in found]


def _area(contour: Contour) -> float:
    x, y = contour.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _kind(contour: Contour) -> str | None:
    """``square``, ``disc``, ``diamond``, or the triangle that it is."""
    low, high = contour.min(0), contour.max(0)
    middle, size = (low + high) / 2, high - low
    if not size.all():
        return None
    fill = abs(_area(contour)) / float(size.prod())
    # 1 at the middle of the box's sides, √2 in its corners.
    reach = np.hypot(*(2 * (contour - middle) / size).T)
    if fill > 0.95:
        return "square"
    if 0.75 < fill < 0.82 and reach.min() > 0.93 and reach.max() < 1.07:
        return "disc"
    if 0.45 < fill < 0.55:
        if reach.max() < 1.05 and len(contour) <= 6:
            return "diamond"
        if len(contour) <= 5:
            return _triangle(contour, low, high)
    return None


def _triangle(contour: Contour, low: NDArray[np.float64], high: NDArray[np.float64]) -> str | None:
    """The way in which its one corner points that is alone on its side."""
    near = 0.1 * (high - low)
    corners = np.unique(contour.round(3), axis=0)
    if len(corners) != 3:
        return None
    counts = {
        "◀": (corners[:, 0] < low[0] + near[0]).sum(),
        "▶": (corners[:, 0] > high[0] - near[0]).sum(),
        "▼": (corners[:, 1] < low[1] + near[1]).sum(),
        "▲": (corners[:, 1] > high[1] - near[1]).sum(),
    }
    opposite = {"◀": "▶", "▶": "◀", "▲": "▼", "▼": "▲"}
    return next(
        (way for way, count in counts.items() if count == 1 and counts[opposite[way]] == 2), None
    )
