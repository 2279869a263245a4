"""The bundled sample is what the generator draws, and has in it what it promises."""

from __future__ import annotations

import numpy as np
import pypdfium2 as pdfium
from PIL import Image

from vlkit.data.samples import SAMPLE_DPI, SAMPLE_PDF, SAMPLE_PNG, sample_page


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
