"""Runs the stages of reading over one page, upright in between, and puts every box back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from vlkit.document import (
    Affine,
    Block,
    Box,
    Cell,
    Figure,
    Item,
    Line,
    Page,
    PageError,
    Quad,
    Source,
    Table,
    Word,
    apply_affine,
    box_quad,
    quad_box,
)
from vlkit.errors import EngineError, VlkitError
from vlkit.images import PageImage
from vlkit.reading.stages import Stage

_Text = TypeVar("_Text", Word, Line)


@dataclass(frozen=True)
class Pipeline:
    """Stages in the order in which they run."""

    stages: Sequence[Stage]

    def __call__(self, given: PageImage) -> Page:
        """Read one page. A stage that fails leaves a page with ``error`` and what came before."""
        image, page = given, blank_page(given)
        turned = (page.rotation, page.skew)
        for stage in self.stages:
            try:
                page = stage(image, page)
            except VlkitError as error:
                page.error = PageError(problem=error.problem, remedy=error.remedy)
                break
            except Exception as error:  # a plugin's or a library's fault costs this page alone
                trouble = EngineError(
                    f"stage '{stage.name}' failed: {type(error).__name__}: {error}",
                    remedy="Please report it with the page, or leave the stage out",
                )
                page.error = PageError(problem=trouble.problem, remedy=trouble.remedy)
                break
            page.stages.append(Source(name=stage.name, version=stage.version))
            if (page.rotation, page.skew) != turned:
                turned = (page.rotation, page.skew)
                image = given.turned(*turned)
                page.width, page.height = image.width, image.height
        if image is not given:
            page = put_back(page, image.to_given)
            page.width, page.height = given.width, given.height
        return page


def blank_page(image: PageImage) -> Page:
    return Page(
        number=image.number,
        width=image.width,
        height=image.height,
        unit=image.unit,
        dpi=image.dpi,
        to_source=image.to_source,
        warnings=list(image.warnings),
    )


def failed_page(number: int, error: VlkitError) -> Page:
    """What stands in a document for a page that could not even be opened."""
    trouble = PageError(problem=error.problem, remedy=error.remedy)
    return Page(number=number, width=0, height=0, error=trouble)


def put_back(page: Page, to_given: Affine) -> Page:
    """The page with every box and quad mapped; words and lines get the quad of what was a box."""
    items = [_put_back_item(item, to_given) for item in page.items]
    entities = [
        entity.model_copy(update={"box": _box(entity.box, to_given)}) for entity in page.entities
    ]
    return page.model_copy(update={"items": items, "entities": entities})


def _put_back_item(item: Item, to_given: Affine) -> Item:
    box = _box(item.box, to_given)
    match item:
        case Table():
            cells = [_put_back_cell(cell, to_given) for cell in item.cells]
            return item.model_copy(update={"cells": cells, "box": box})
        case Block() | Figure():
            lines = [_put_back_line(line, to_given) for line in item.lines]
            return item.model_copy(update={"lines": lines, "box": box})


def _put_back_cell(cell: Cell, to_given: Affine) -> Cell:
    lines = [_put_back_line(line, to_given) for line in cell.lines]
    return cell.model_copy(update={"lines": lines, "box": _box(cell.box, to_given)})


def _put_back_line(line: Line, to_given: Affine) -> Line:
    words = [_put_back_quad(word, to_given) for word in line.words]
    return _put_back_quad(line, to_given).model_copy(update={"words": words})


def _put_back_quad(part: _Text, to_given: Affine) -> _Text:
    quad = _quad(part.quad or box_quad(part.box), to_given)
    return part.model_copy(update={"quad": quad, "box": quad_box(quad)})


def _quad(quad: Quad, to_given: Affine) -> Quad:
    a, b, c, d = (apply_affine(to_given, corner) for corner in quad)
    return (a, b, c, d)


def _box(box: Box, to_given: Affine) -> Box:
    return quad_box(_quad(box_quad(box), to_given))
