"""The bundled sample is what the generator draws, and has in it what it promises."""

from __future__ import annotations

import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image

from vlkit import read
from vlkit.data.samples import SAMPLE_DPI, SAMPLE_PDF, SAMPLE_PNG, sample_page
from vlkit.document import Block, Figure, Page, Table


def test_the_files_are_the_generators() -> None:
    made = sample_page()
    picture = np.asarray(Image.open(SAMPLE_PNG).convert("RGB")).astype(int)
    drawn = made.to_image(0, SAMPLE_DPI)
    assert picture.shape == drawn.shape
    assert np.abs(picture - drawn).mean() < 1
    with pdfium.PdfDocument(SAMPLE_PDF) as pdf:
        assert len(pdf) == 1
        text = pdf[0].get_textpage().get_text_range().split()
    assert sorted(text) == sorted(word.text for word in made.truth.words)
    assert SAMPLE_PNG.stat().st_size + SAMPLE_PDF.stat().st_size < 1_000_000


def test_the_sample_has_a_bit_of_everything() -> None:
    page = sample_page().truth.pages[0]
    assert len({round(block.box[0]) for block in page.blocks if block.role == "heading"}) == 2
    assert {block.level for block in page.blocks if block.role == "heading"} == {1, 2, 3}
    roles = {block.role for block in page.blocks}
    assert roles >= {"title", "list_item", "caption", "footnote", "header", "footer", "page_number"}
    assert {word.script for word in page.words} >= {"Latn", "Hang"}
    (table,) = page.tables
    assert any(cell.column_span == 2 for cell in table.cells)
    assert any(cell.row_span == 2 for cell in table.cells)
    assert table.ruled
    (figure,) = page.figures
    captions = {block.id: block.text for block in page.blocks if block.role == "caption"}
    assert captions[figure.caption or ""].startswith("Figure 1")
    assert captions[table.caption or ""].startswith("Table 1")


@pytest.fixture(scope="module")
def reading() -> Page:
    return read(SAMPLE_PDF).pages[0]


def test_the_sample_is_read_as_it_was_written(reading: Page) -> None:
    truth = sample_page().truth.pages[0]
    assert [_summary(item) for item in reading.items] == [_summary(item) for item in truth.items]


def test_captions_of_the_sample_belong_where_they_should(reading: Page) -> None:
    captions = {block.id: block.text for block in reading.blocks}
    (table,), (figure,) = reading.tables, reading.figures
    assert captions[table.caption or ""].startswith("Table 1")
    assert captions[figure.caption or ""].startswith("Figure 1")


def _summary(item: Block | Table | Figure) -> tuple[object, ...]:
    match item:
        case Block():
            return item.role, item.level, item.marker, item.text
        case Table():
            cells = [
                (c.row, c.column, c.row_span, c.column_span, c.header, c.text) for c in item.cells
            ]
            return "table", item.ruled, cells
        case Figure():
            return "figure", [line.text for line in item.lines]
