"""Stages see an upright page; what they find lies on the page as given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlkit.document import Block, Box, Line, Page, Table, Word, quad_box
from vlkit.errors import EngineError
from vlkit.images import PageImage
from vlkit.reading.pipeline import Pipeline, put_back


def picture(pixels: np.ndarray, scale: float = 1.0) -> PageImage:
    height, width = pixels.shape[:2]
    return PageImage(1, width / scale, height / scale, lambda: pixels, scale=scale)


class Turn:
    name, version = "turn", "1"

    def __init__(self, rotation: int, skew: float = 0.0) -> None:
        self.rotation, self.skew = rotation, skew

    def __call__(self, image: PageImage, page: Page) -> Page:
        page.rotation, page.skew = self.rotation, self.skew  # type: ignore[assignment]
        return page


class FindDark:
    """Reads one word: the box around all dark pixels."""

    name, version = "find-dark", "2"

    def __call__(self, image: PageImage, page: Page) -> Page:
        assert image.pixels.shape[:2] == (
            round(page.height * image.scale),
            round(page.width * image.scale),
        )
        ys, xs = np.nonzero(image.pixels[..., 0] < 128)
        edges = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        box: Box = tuple(float(edge) / image.scale for edge in edges)  # type: ignore[assignment]
        page.items = [Block(lines=[Line(words=[Word(text="dark", box=box)], box=box)], box=box)]
        return page


class Fail:
    name, version = "fail", "1"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, image: PageImage, page: Page) -> Page:
        raise self.error


def page_with_mark(box: tuple[int, int, int, int], scale: float) -> PageImage:
    pixels = np.full((120, 200, 3), 255, np.uint8)
    x0, y0, x1, y1 = box
    pixels[y0:y1, x0:x1] = 0
    return picture(pixels, scale)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_boxes_of_a_turned_page_come_back_exactly(rotation: int, scale: float) -> None:
    page = Pipeline([Turn(rotation), FindDark()])(page_with_mark((30, 20, 70, 28), scale))
    assert (page.width, page.height) == (200 / scale, 120 / scale)
    expected = tuple(edge / scale for edge in (30, 20, 70, 28))
    assert page.words[0].box == pytest.approx(expected)
    assert page.items[0].box == pytest.approx(expected)
    assert [stage.name for stage in page.stages] == ["turn", "find-dark"]


def test_the_first_corner_of_a_quad_is_where_reading_starts() -> None:
    # Text standing turned by 90° clockwise is read downwards: it starts at its top right.
    page = Pipeline([Turn(90), FindDark()])(page_with_mark((30, 20, 40, 80), 1.0))
    quad = page.words[0].quad
    assert quad is not None
    assert quad[0] == pytest.approx((40, 20))
    assert quad[1] == pytest.approx((40, 80))


def test_boxes_of_a_skewed_page_come_back_within_a_pixel() -> None:
    page = Pipeline([Turn(0, 7.0), FindDark()])(page_with_mark((90, 50, 110, 60), 1.0))
    box = page.words[0].box
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    assert centre == pytest.approx((100, 55), abs=1)
    quad = page.words[0].quad
    assert quad is not None
    assert quad_box(quad) == box


def test_a_failing_stage_costs_its_page_alone() -> None:
    image = page_with_mark((30, 20, 70, 28), 1.0)
    page = Pipeline([FindDark(), Fail(EngineError("no power", remedy="Plug it in"))])(image)
    assert page.error is not None
    assert (page.error.problem, page.error.remedy) == ("no power", "Plug it in")
    assert len(page.words) == 1
    page = Pipeline([Fail(ValueError("odd")), FindDark()])(image)
    assert page.error is not None
    assert "stage 'fail' failed: ValueError: odd" in page.error.problem


@given(st.tuples(*[st.floats(0, 100)] * 4), st.floats(-15, 15), st.sampled_from([0, 90, 180, 270]))
def test_put_back_undoes_turning(edges: tuple[float, ...], skew: float, rotation: int) -> None:
    x0, x1 = sorted(edges[:2])
    y0, y1 = sorted(edges[2:])
    turned = picture(np.zeros((100, 100, 3), np.uint8)).turned(rotation, skew)
    line = Line(words=[Word(text="a", box=(x0, y0, x1, y1))], box=(x0, y0, x1, y1))
    table = Table(rows=0, columns=0, cells=[], box=line.box)
    page = Page(number=1, width=1, height=1, items=[Block(lines=[line], box=line.box), table])
    back = put_back(put_back(page, turned.to_given), _inverse(turned))
    quad = back.words[0].quad
    assert quad is not None
    assert quad_box(quad) == pytest.approx((x0, y0, x1, y1), abs=1e-6)


def _inverse(image: PageImage) -> tuple[float, float, float, float, float, float]:
    from vlkit.document import invert

    return invert(image.to_given)
