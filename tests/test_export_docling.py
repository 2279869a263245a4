"""docling's document, validated and written by docling-core itself."""

from __future__ import annotations

import pytest
from export_samples import awkward_documents, rich_document

docling = pytest.importorskip("docling_core.types.doc")


def test_docling_validates_and_writes_it() -> None:
    result = rich_document().to_docling()
    again = docling.DoclingDocument.model_validate_json(result.model_dump_json())
    assert again == result
    text = again.export_to_markdown()
    for expected in (
        "# The Harbour",
        "## 1 Ships",
        "### 1.1 Crews",
        "Ships of every size were examined at night",
        "- Tugs",
        "The paragraph goes on overleaf.",
        "Table 1: tonnage",
        "שלום עולם טוב",
    ):
        assert expected in text
    assert "Annual Report 2025" not in text


def test_tables_keep_spans_and_places() -> None:
    first, second = rich_document().to_docling().tables
    assert [[cell.text for cell in row] for row in first.data.grid] == [
        ["Ship", "Tons"],
        ["Ada", "12"],
        ["Eva", "7"],
    ]
    assert [place.page_no for place in first.prov] == [1, 2]
    assert first.prov[0].bbox.as_tuple() == (50, 300, 350, 360)
    grid = second.data.grid
    assert grid[0][1].text == grid[0][2].text == "Sales"
    assert grid[0][0].text == grid[1][0].text == "Region"
    assert grid[1][1].column_header
    assert not grid[2][1].column_header


def test_running_headers_are_furniture() -> None:
    result = rich_document().to_docling()
    furniture = [item.text for item in result.texts if item.content_layer.value == "furniture"]
    assert furniture == ["Annual Report 2025", "1", "Annual Report 2025", "Harbour Office", "2"]


@pytest.mark.parametrize("name", awkward_documents())
def test_awkward_documents_validate(name: str) -> None:
    result = awkward_documents()[name].to_docling()
    docling.DoclingDocument.model_validate_json(result.model_dump_json())
    result.export_to_markdown()
