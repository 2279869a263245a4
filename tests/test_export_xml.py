"""hOCR, ALTO and PAGE, read back by parsers and schemas that are not ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from export_samples import awkward_documents, rich_document
from lxml import etree

from vlkit.document import Document

SCHEMAS = Path(__file__).parent / "data" / "schemas"
ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"
PAGE = "{http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15}"
DOCUMENTS = {"rich": rich_document(), **awkward_documents()}


def parse(text: str) -> etree._Element:
    return etree.fromstring(text.encode())


@pytest.fixture(scope="module")
def alto_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMAS / "alto-4-3.xsd"))


@pytest.fixture(scope="module")
def page_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMAS / "page-2019-07-15.xsd"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_alto_is_valid(name: str, alto_schema: etree.XMLSchema) -> None:
    alto_schema.assertValid(parse(DOCUMENTS[name].to_alto()))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_page_is_valid(name: str, page_schema: etree.XMLSchema) -> None:
    pages = DOCUMENTS[name].to_page()
    assert len(pages) == len(DOCUMENTS[name].pages)
    for page in pages:
        page_schema.assertValid(parse(page))
