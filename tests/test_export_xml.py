"""hOCR, ALTO and PAGE, read back by parsers and schemas that are not ours."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from export_samples import awkward_documents, block, line, rich_document, turned
from hocr_spec import HocrValidator
from hypothesis import given, settings
from lxml import etree
from ocrd_models.ocrd_page import parseString
from random_documents import documents

from vlkit.document import Document, Page, box_quad

SCHEMAS = Path(__file__).parent / "data" / "schemas"
ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"
PAGE = "{http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15}"
DOCUMENTS = {"rich": rich_document(), **awkward_documents()}


def parse(text: str) -> etree._Element:
    return etree.fromstring(text.encode())


@cache
def schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMAS / name))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_alto_is_valid(name: str) -> None:
    schema("alto-4-3.xsd").assertValid(parse(DOCUMENTS[name].to_alto()))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_page_is_valid(name: str) -> None:
    pages = DOCUMENTS[name].to_page()
    assert len(pages) == len(DOCUMENTS[name].pages)
    for page in pages:
        schema("page-2019-07-15.xsd").assertValid(parse(page))


@settings(max_examples=25, deadline=None)
@given(documents)
def test_random_documents_are_valid(document: Document) -> None:
    schema("alto-4-3.xsd").assertValid(parse(document.to_alto()))
    for page in document.to_page():
        schema("page-2019-07-15.xsd").assertValid(parse(page))
    check_hocr(document.to_hocr())


def one_page(*lines, **more) -> Document:
    page = Page(number=1, width=800, height=1100, items=[block("paragraph", list(lines))], **more)
    return Document(pages=[page])


# --- hOCR --------------------------------------------------------------------------------------

UINT, FLOAT = r"\d+", r"-?\d+(\.\d+)?(e-?\d+)?"
# The grammar of the properties used, from the specification's section 5.
PROPERTIES = {
    "bbox": rf"{UINT} {UINT} {UINT} {UINT}",
    "baseline": rf"{FLOAT} {FLOAT}",
    "textangle": FLOAT,
    "x_wconf": FLOAT,
    "x_fsize": UINT,
    "x_font": r'"[^"]*"',
    "image": r'"[^"]*"',
    "ppageno": UINT,
    "scan_res": rf"{FLOAT} {FLOAT}",
}
# What may lie directly or further down in what, by the section 4 hierarchy.
WITHIN = {
    "ocrx_word": {"ocr_line"},
    "ocr_line": {"ocr_par", "ocr_header", "ocr_footer", "ocr_pageno", "ocr_caption", "ocr_title"}
    | {"ocr_section", "ocr_subsection", "ocr_subsubsection", "ocr_image"},
    "ocr_carea": {"ocr_page"},
    "ocr_table": {"ocr_page"},
    "ocr_image": {"ocr_page"},
}


def properties(element: etree._Element) -> dict[str, str]:
    """A title's properties; semicolons inside quotes separate nothing."""
    parts = re.findall(r'\s*((?:"[^"]*"|[^;"])+)', element.get("title", ""))
    return dict(part.strip().split(" ", 1) for part in parts)


def check_hocr(text: str) -> etree._Element:
    """Well-formed XHTML that keeps to hOCR 1.2's rules; written from the specification."""
    root = parse(text)
    capabilities = root.xpath("string(//*[@name='ocr-capabilities']/@content)").split()
    assert root.xpath("//*[@name='ocr-system']")
    names = root.xpath("//@id")
    assert len(names) == len(set(names))
    for element in root.xpath("//*[starts-with(@class, 'ocr')]"):
        kind = element.get("class")
        assert kind in capabilities
        found = properties(element)
        assert "bbox" in found
        for name, value in found.items():
            assert re.fullmatch(PROPERTIES[name], value), (name, value)
        x0, y0, x1, y1 = map(int, found["bbox"].split())
        assert x0 <= x1
        assert y0 <= y1
        assert 0 <= float(found.get("x_wconf", 0)) <= 100
        above = [a.get("class") for a in element.iterancestors() if a.get("class")]
        if kind in WITHIN:
            assert above[0] in WITHIN[kind]
        if kind == "ocr_page":
            assert not above
    return root


@pytest.mark.parametrize("name", DOCUMENTS)
def test_hocr_keeps_to_the_specification(name: str) -> None:
    root = check_hocr(DOCUMENTS[name].to_hocr())
    assert len(root.xpath("//*[@class='ocr_page']")) == len(DOCUMENTS[name].pages)


@pytest.mark.parametrize("name", [name for name, d in DOCUMENTS.items() if d.pages])
def test_hocr_by_the_specification_authors_validator(name: str, tmp_path: Path) -> None:
    (path,) = DOCUMENTS[name].save(tmp_path / "a.hocr")
    report = HocrValidator("standard").validate(str(path))
    assert report.is_valid(), [str(item) for item in report.items]


def test_hocr_words() -> None:
    root = check_hocr(rich_document().to_hocr())
    words = root.xpath("//*[@class='ocrx_word']")
    expected = rich_document().words
    assert ["".join(word.itertext()) for word in words] == [word.text for word in expected]
    for word, given_word in zip(words, expected, strict=True):
        found = properties(word)
        assert found["bbox"] == " ".join(str(max(0, round(v))) for v in given_word.box)
        assert found.get("x_wconf") == (None if given_word.confidence is None else "90")
    line_text = root.xpath("//*[@class='ocr_line'][*='exam-']")[0]
    assert "".join(line_text.itertext()) == "Ships of every size were exam-"
    assert root.xpath("//*[@class='ocr_par' and @dir='rtl']")
    assert len(root.xpath("//*[@class='ocr_table']")) == 3


@pytest.mark.parametrize("degrees", [0, 3, -5])
def test_hocr_baseline_lies_under_the_letters(degrees: float) -> None:
    skewed = turned(line("some letters here", 100, 300), degrees)
    root = check_hocr(one_page(skewed).to_hocr())
    found = properties(root.xpath("//*[@class='ocr_line']")[0])
    x0, _, x1, y1 = map(int, found["bbox"].split())
    slope, offset = map(float, found["baseline"].split())
    corners = skewed.quad or box_quad(skewed.box)
    for x, y in [(x0, y1 + offset), (x1, y1 + offset + slope * (x1 - x0))]:
        # Above the lower edge of the turned text and below its middle.
        (ax, ay), (bx, by) = corners[3], corners[2]
        lower = ay + (x - ax) * (by - ay) / (bx - ax)
        assert lower - 10 < y < lower


def test_hocr_textangle_is_counter_clockwise() -> None:
    root = check_hocr(one_page(turned(line("standing up", 600, 900), -90)).to_hocr())
    assert properties(root.xpath("//*[@class='ocr_line']")[0])["textangle"] == "90"


def test_points_become_pixels_at_300_dpi() -> None:
    document = one_page(line("word", 72, 144), unit="point")
    word = check_hocr(document.to_hocr()).xpath("//*[@class='ocrx_word']")[0]
    assert properties(word)["bbox"] == "300 600 467 683"
    (page,) = document.to_page()
    assert parse(page).find(f".//{PAGE}Page").get("imageWidth") == str(round(800 * 300 / 72))
    alto = parse(document.to_alto())
    assert alto.findtext(f".//{ALTO}MeasurementUnit") == "inch1200"
    string = alto.find(f".//{ALTO}String")
    assert (string.get("HPOS"), string.get("VPOS")) == ("1200", "2400")


# --- ALTO --------------------------------------------------------------------------------------


def test_alto_words() -> None:
    alto = parse(rich_document().to_alto())
    strings = alto.findall(f".//{ALTO}String")
    expected = rich_document().words
    assert len(strings) == len(expected)
    for string, word in zip(strings, expected, strict=True):
        x0, y0, x1, y1 = word.box
        place = [float(string.get(name)) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
        assert place == pytest.approx([x0, y0, x1 - x0, y1 - y0], abs=0.011)
        assert string.get("WC") == (None if word.confidence is None else "0.9")
        assert (string.find(f"{ALTO}Shape") is not None) == (word.quad is not None)
        if string.get("SUBS_TYPE") != "HypPart1":
            assert string.get("CONTENT") == word.text


def test_alto_hyphen_tags_and_order() -> None:
    alto = parse(rich_document().to_alto())
    broken = alto.find(f".//{ALTO}String[@SUBS_TYPE='HypPart1']")
    assert broken.get("CONTENT") == "exam"
    assert broken.getnext().tag == f"{ALTO}HYP"
    roles = {tag.get("ID"): tag.get("LABEL") for tag in alto.iter(f"{ALTO}RoleTag")}
    ids = {element.get("ID"): element for element in alto.iter() if element.get("ID")}
    ordered = [ids[ref.get("REF")] for ref in alto.iter(f"{ALTO}ElementRef")]
    order = [
        next((roles[t] for t in block.get("TAGREFS", "").split() if t in roles), "")
        for block in ordered
    ]
    assert order[:5] == ["header", "title", "heading", "paragraph", "list_item"]
    assert len(ordered) == sum(len(page.items) for page in rich_document().pages)
    labels = {tag.get("LABEL") for tag in alto.iter(f"{ALTO}StructureTag")}
    assert "row 0 column 0 rowspan 2 colspan 1 header" in labels
    hebrew = alto.find(f".//{ALTO}TextLine[@BASEDIRECTION='rtl']")
    assert hebrew.get("LANG") == "he"
    turn = [float(b.get("ROTATION")) for b in alto.iter(f"{ALTO}TextBlock") if b.get("ROTATION")]
    assert turn == pytest.approx([-8, 90])


# --- PAGE --------------------------------------------------------------------------------------


def test_page_as_ocrd_reads_it() -> None:
    document = rich_document()
    for text, page in zip(document.to_page(), document.pages, strict=True):
        read = parseString(text.encode(), silence=True).get_Page()
        regions = read.get_AllRegions(order="reading-order", depth=1)
        assert [region.id for region in regions] == [
            f"r{index + 1}" for index in range(len(page.items))
        ]
        words = [
            word
            for region in read.get_AllRegions(classes=["Text"], order="document")
            for text_line in region.get_TextLine()
            for word in text_line.get_Word()
        ]
        found = sorted((w.get_TextEquiv()[0].Unicode, w.get_TextEquiv()[0].conf) for w in words)
        assert found == sorted((w.text, w.confidence) for w in page.words)


def test_page_roles_tables_and_quads() -> None:
    _, second = (parse(text) for text in rich_document().to_page())
    types = [region.get("type") for region in second.iter(f"{PAGE}TextRegion")]
    assert types.count("header") == types.count("footer") == types.count("page-number") == 1
    role = second.find(f".//{PAGE}TableCellRole[@colSpan='2']")
    assert (role.get("rowIndex"), role.get("columnIndex"), role.get("header")) == ("0", "1", "true")
    tilted = second.find(f".//{PAGE}TextRegion[@orientation='8']/{PAGE}TextLine/{PAGE}Coords")
    corners = [tuple(map(int, point.split(","))) for point in tilted.get("points").split()]
    assert corners[0] == (100, 550)
    assert corners[1][1] > corners[0][1]
    first_baseline = second.find(f".//{PAGE}Baseline").get("points")
    assert first_baseline == "50,36 230,36"
    hebrew = second.find(f".//{PAGE}TextLine[@readingDirection='right-to-left']")
    assert hebrew.findtext(f"{PAGE}TextEquiv/{PAGE}Unicode") == "שלום עולם טוב"
