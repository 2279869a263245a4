"""The text that a PDF page carries besides its picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from vlkit.document import Affine, Box, Line, Quad, Word, apply_affine, box_quad, quad_box

_Part = TypeVar("_Part", Word, Line)


@dataclass(frozen=True)
class TextContent:
    """What a PDF page holds besides pixels, in page coordinates.

    Attributes:
        lines: Text that shows, top to bottom; not split or ordered by columns yet.
        hidden: Text that does not show: invisible, or painted over by a picture.
        pictures: Where raster images stand.
        drawings: Where vector drawings stand (charts, logos), rules and frames left out.
        unmapped: Glyphs on the page for which the file names no character.
    """

    lines: list[Line] = field(default_factory=list)
    hidden: list[Line] = field(default_factory=list)
    pictures: list[Box] = field(default_factory=list)
    drawings: list[Box] = field(default_factory=list)
    unmapped: int = 0

    def mapped(self, matrix: Affine) -> TextContent:
        """The same in other coordinates."""
        return TextContent(
            [_map_line(line, matrix) for line in self.lines],
            [_map_line(line, matrix) for line in self.hidden],
            [map_box(box, matrix) for box in self.pictures],
            [map_box(box, matrix) for box in self.drawings],
            self.unmapped,
        )


@dataclass(eq=False)
class TextLayer:
    """The same, read from the file when first asked for."""

    load: Callable[[], TextContent] = field(repr=False)

    @cached_property
    def content(self) -> TextContent:
        return self.load()

    def mapped(self, matrix: Affine) -> TextLayer:
        """The text layer of a page whose coordinates are these ones mapped."""
        return TextLayer(lambda: self.content.mapped(matrix))


def map_box(box: Box, matrix: Affine) -> Box:
    """The axis-aligned box around a box in other coordinates."""
    return quad_box(_map_quad(box_quad(box), matrix))


def _map_quad(quad: Quad, matrix: Affine) -> Quad:
    a, b, c, d = (apply_affine(matrix, corner) for corner in quad)
    return (a, b, c, d)


def _map_line(line: Line, matrix: Affine) -> Line:
    words = [_map_part(word, matrix) for word in line.words]
    return _map_part(line, matrix).model_copy(update={"words": words})


def _map_part(part: _Part, matrix: Affine) -> _Part:
    """A quad says which way text is read: one that ends up upright needs none."""
    quad = _map_quad(part.quad or box_quad(part.box), matrix)
    box = quad_box(quad)
    upright = all(math.dist(p, q) < 1e-3 for p, q in zip(quad, box_quad(box), strict=True))
    return part.model_copy(update={"quad": None if upright else quad, "box": box})
