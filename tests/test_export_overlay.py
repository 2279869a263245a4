"""Overlay pictures: the right size, drawn where things are, one for every page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from export_samples import block, line, table
from PIL import Image

from vlkit.document import Document, Page, PageError
from vlkit.errors import InputError


def blank(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 255, np.uint8)


def document(*items, **more) -> Document:
    return Document(pages=[Page(number=1, items=list(items), **more)])


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((800, 1000), (960, 1200)), ((150, 300), (600, 1200)), ((4400, 2200), (1800, 900))],
)
def test_pictures_are_legible_and_not_huge(size: tuple[int, int], drawn: tuple[int, int]) -> None:
    found = document(width=size[0], height=size[1]).with_source(blank(*size)).overlay()
    assert [picture.size for picture in found] == [drawn]


def test_boxes_are_drawn_where_they_are() -> None:
    """On a page measured in points, at half the picture's pixels."""
    word = line("word", 200, 300)
    drawn = document(block("heading", [word]), width=600, height=600, unit="point")
    (picture,) = drawn.with_source(blank(1200, 1200)).overlay()
    pixels = np.asarray(picture)
    inside = pixels[610:630, 420:460].reshape(-1, 3)
    assert (inside != 255).any(axis=1).all()
    assert (pixels[700:, :] == 255).all()
    assert (pixels[:, 600:] == 255).all()


def test_doubt_shows_in_colour() -> None:
    colours = []
    for confidence in (1.0, 0.75, 0.3, None):
        drawn = document(
            block("paragraph", [line("word", 200, 300, confidence=confidence)]),
            width=1200,
            height=1200,
        )
        (picture,) = drawn.with_source(blank(1200, 1200)).overlay()
        colours.append(picture.getpixel((220, 321)))
    sure, doubtful, wrong, unknown = colours
    assert sure[1] > sure[0]
    assert doubtful[0] > 150
    assert doubtful[1] > 120
    assert wrong[0] > 2 * wrong[1]
    assert max(unknown) - min(unknown) < 60


def test_cells_of_tables_are_outlined() -> None:
    drawn = document(table([["a", "b"], ["c", "d"]], 100, 100), width=1200, height=1200)
    (picture,) = drawn.with_source(blank(1200, 1200)).overlay()
    between = picture.getpixel((250, 150))
    body = picture.getpixel((240, 150))
    assert between != body


def test_every_page_of_a_file_has_one(tmp_path: Path) -> None:
    path = tmp_path / "two.tiff"
    pages = [Image.fromarray(blank(400, 300)), Image.fromarray(blank(300, 400))]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    both = Document(
        name="two.tiff",
        pages=[
            Page(number=1, width=400, height=300, items=[block("title", [line("A", 10, 10)])]),
            Page(number=2, width=300, height=400, error=PageError(problem="engine failed")),
        ],
    ).with_source(path)
    assert [p.width > p.height for p in both.overlay()] == [True, False]
    written = both.save(tmp_path / "two.overlay.png")
    assert [file.name for file in written] == ["two-1.overlay.png", "two-2.overlay.png"]
    with Image.open(written[0]) as picture:
        assert picture.format == "PNG"


def test_a_page_that_can_not_be_decoded_says_why() -> None:
    failed = Document(
        pages=[
            Page(number=1, width=50, height=50),
            Page(number=7, width=0, height=0, error=PageError(problem="no such page")),
        ]
    )
    (_, second) = failed.with_source(blank(50, 50)).overlay()
    assert (np.asarray(second) != 255).any()


def test_without_a_source_it_says_how_to_name_one() -> None:
    with pytest.raises(InputError, match="with_source"):
        document(width=5, height=5).overlay()
