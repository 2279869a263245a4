"""Line segmentation, on pages drawn here whose lines are known."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from vlkit.reading.lines import Gray, components, find_rules, ink, resize, segment

FONTS = Path(str(files("vlkit.data").joinpath("fonts")))
LATIN = sorted(path for path in FONTS.rglob("*.ttf") if "KR" not in path.name)[0]
TEXT = "the quick brown fox jumps over a lazy dog while Seven Wizards vex Jack by night"
WORDS = TEXT.split()


def draw(lines: list[tuple[int, int, str]], size: int, page: tuple[int, int] = (900, 700)) -> Gray:
    """A page with each text at (x, y), y being its baseline."""
    picture = Image.new("L", page, 255)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.truetype(str(LATIN), size)
    for x, y, text in lines:
        pen.text((x, y), text, font=font, fill=0, anchor="ls")
    return np.asarray(picture)


def sentence(start: int, count: int) -> str:
    return " ".join(WORDS[(start + i) % len(WORDS)] for i in range(count))


@settings(max_examples=15, deadline=None)
@given(
    size=st.integers(14, 40),
    leading=st.floats(1.2, 2.0),
    starts=st.lists(st.integers(0, 15), min_size=2, max_size=8),
)
def test_every_component_belongs_to_exactly_one_line(
    size: int, leading: float, starts: list[int]
) -> None:
    texts = [sentence(start, 4) for start in starts]
    page = draw(
        [(40, round(60 + i * size * leading), text) for i, text in enumerate(texts)],
        size,
        (1400, 900),
    )
    found = segment(page)
    owners = [index for line in found.lines for index in line.components]
    assert sorted(owners) == list(range(len(found.components)))
    assert len(found.lines) == len(texts)


@pytest.mark.parametrize("scale", [0.6, 2.0, 3.0])
def test_resolution_does_not_matter(scale: float) -> None:
    page = draw([(50, 80 + 34 * i, sentence(i, 6)) for i in range(8)], 24)
    boxes = np.array([line.box for line in segment(page).lines])
    scaled = np.array([line.box for line in segment(resize(page, scale)).lines])
    assert len(boxes) == len(scaled) == 8
    assert np.abs(scaled / scale - boxes).max() <= 4


def test_columns_are_apart() -> None:
    rows = [(x, 80 + 30 * i, sentence(i + x, 3)) for i in range(6) for x in (30, 480)]
    lines = segment(draw(rows, 20)).lines
    assert len(lines) == 12
    assert all(line.box[2] < 480 or line.box[0] >= 470 for line in lines)


def test_ruled_table_gives_a_line_for_each_cell_and_no_rule() -> None:
    cells = [(40 + 200 * c, 100 + 40 * r, f"cell {r}{c}") for r in range(4) for c in range(3)]
    page = draw(cells, 20).copy()
    for y in range(72, 240, 40):
        page[y : y + 2, 30:630] = 0
    for x in range(30, 640, 200):
        page[72:234, x : x + 2] = 0
    found = segment(page)
    assert len(found.lines) == 12
    assert found.rules[72:74, 40:600].mean() > 0.9
    assert all(line.box[3] - line.box[1] < 30 for line in found.lines)


def test_underlined_text_keeps_its_letters_and_loses_the_line() -> None:
    plain = draw([(50, 100, "Signature type gap")], 26)
    lined = plain.copy()
    lined[104:106, 40:500] = 0
    page = ink(lined)
    rules = find_rules(page, 14)
    left = page & (1 - rules)
    letters = ink(plain)
    # Descenders that cross the rule stay; of the rule next to nothing does.
    assert left[letters > 0].mean() > 0.95
    assert left[104:106, 350:490].mean() < 0.05


def test_slanted_rule_is_a_rule() -> None:
    page = draw([(50, 100 + 40 * i, sentence(i, 5)) for i in range(4)], 24)
    picture = Image.fromarray(page)
    ImageDraw.Draw(picture).line([(30, 300), (700, 306)], fill=0, width=2)
    found = segment(np.asarray(picture))
    assert len(found.lines) == 4


@pytest.mark.parametrize(
    "gray", [np.full((300, 400), 255, np.uint8), np.zeros((300, 400), np.uint8)]
)
def test_page_of_one_colour_has_no_lines(gray: Gray) -> None:
    assert segment(gray).lines == []


def test_uneven_light_is_not_ink() -> None:
    page = draw([(50, 100 + 40 * i, sentence(i, 6)) for i in range(8)], 24).astype(float)
    shade = np.linspace(1.0, 0.5, page.shape[1])
    shaded = (page * shade).astype(np.uint8)
    assert len(segment(shaded).lines) == 8


def test_components_are_numbered_as_labelled() -> None:
    mask = ink(draw([(50, 100, "a b c")], 30))
    labels, boxes = components(mask)
    for number, (x0, y0, x1, y1) in enumerate(boxes.tolist(), 1):
        ys, xs = np.nonzero(labels == number)
        assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (x0, y0, x1, y1)
