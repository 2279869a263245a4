"""Markdown, HTML, CSV and chunks: what the document says, read back by parsers not ours."""

from __future__ import annotations

import csv
import io
import re

import lxml.html
import pytest
from export_samples import (
    awkward_documents,
    block,
    line,
    rich_document,
    spanned_table,
    table,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from vlkit.document import Block, Document, Page
from vlkit.errors import VlkitError
from vlkit.export.markdown import escape, escape_inline
from vlkit.export.prose import join_lines

GITHUB = MarkdownIt("commonmark").enable("table").enable("strikethrough")


def one_page(*items, **more) -> Document:
    return Document(pages=[Page(number=1, width=800, height=1100, items=list(items), **more)])


def rendered(markdown: str) -> lxml.html.HtmlElement:
    return lxml.html.fromstring(f"<div>{GITHUB.render(markdown)}</div>")


awkward_text = st.text(
    st.sampled_from("ab1 *_`~[](){}<>#+-=.!|&;:\\\"'^x/?$@é항")
    | st.characters(exclude_categories=["C"]),
    min_size=1,
    max_size=24,
)


@settings(max_examples=300, deadline=None)
@given(awkward_text)
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    expected = " ".join(text.split())
    shown = rendered(escape(text))
    assert " ".join(shown.text_content().split()) == expected
    allowed = {"div", "p"}
    assert {element.tag for element in shown.iter()} <= allowed
    heading = rendered(f"# a {escape_inline(text)} b")
    assert [element.tag for element in heading] == ["h1"]


@settings(max_examples=100, deadline=None)
@given(awkward_text, awkward_text)
def test_escaped_cells_stay_cells(first: str, second: str) -> None:
    document = one_page(table([["a", "b"], ["x", "y"]], 0, 0))
    cells = document.pages[0].tables[0].cells
    for cell, text in zip(cells[2:], (first, second), strict=True):
        cell.lines = [line(" ".join(text.split()), 0, 0)]
    rows = rendered(document.to_markdown()).xpath("//tr")
    shown = [" ".join(cell.text_content().split()) for cell in rows[1]]
    assert shown == [" ".join(first.split()), " ".join(second.split())]


def test_structure_as_a_parser_sees_it() -> None:
    page = rendered(rich_document().to_markdown())
    assert page.xpath("string(h1)") == "The Harbour"
    assert page.xpath("string(h2)") == "1 Ships"
    assert page.xpath("string(h3)") == "1.1 Crews"
    assert [li.text.strip() for li in page.xpath("ul/li")] == ["Tugs", "Liners"]
    assert page.xpath("string(ul/li[1]/ol/li)") == "small"
    text = rich_document().to_markdown()
    assert "examined at night[^1]." in text
    assert "\n[^1]: By lamplight.\n" in text
    assert "Annual Report" not in text
    assert "Harbour Office" not in text
    assert "The paragraph goes on overleaf." in text


def test_continued_table_is_one_without_its_second_header() -> None:
    tables = [t for t in GITHUB.parse(rich_document().to_markdown()) if t.type == "table_open"]
    assert len(tables) == 1
    rows = rendered(rich_document().to_markdown()).xpath("//table[1]//tr")
    assert [row.text_content().split() for row in rows[:3]] == [
        ["Ship", "Tons"],
        ["Ada", "12"],
        ["Eva", "7"],
    ]


def test_table_that_continues_without_a_header_loses_no_row() -> None:
    first = table([["Ada", "12"], ["Bob", "3"]], 0, 0, header=False, id="t")
    second = table([["Eva", "7"], ["Bob", "3"]], 0, 0, header=False, continues="t")
    (text,) = one_page(first, second).to_csv()
    assert text.split() == ["Ada,12", "Bob,3", "Eva,7", "Bob,3"]


def test_misread_repeated_header_is_dropped_too() -> None:
    first = table([["Ship", "Tons"], ["Ada", "12"]], 0, 0, id="t")
    second = table([["Shlp", "Tons"], ["Eva", "7"]], 0, 0, continues="t")
    (text,) = one_page(first, second).to_csv()
    assert text.split() == ["Ship,Tons", "Ada,12", "Eva,7"]


def test_spans_make_an_html_table() -> None:
    found = lxml.html.fromstring(one_page(spanned_table(0, 0)).to_markdown())
    cells = found.xpath("//tr[1]/th")
    assert [(c.text, c.get("rowspan"), c.get("colspan")) for c in cells] == [
        ("Region", "2", None),
        ("Sales", None, "2"),
    ]
    assert found.xpath("string(//tbody/tr/td[1])") == "North & <East>"


def test_footnote_without_a_reference_is_not_swallowed() -> None:
    document = one_page(
        block("paragraph", [line("No reference here.", 0, 0)]),
        block("footnote", [line("1 Left alone.", 0, 900)]),
    )
    assert "1 Left alone." in rendered(document.to_markdown()).text_content()


def test_small_number_is_a_reference() -> None:
    sentence = line("as Smith says 2 elsewhere", 0, 0)
    for word in sentence.words:
        word.font_size = 6.0 if word.text == "2" else 10.0
    document = one_page(
        block("paragraph", [sentence]), block("footnote", [line("2 In a letter.", 0, 900)])
    )
    assert "as Smith says[^1] elsewhere" in document.to_markdown()
    assert "[^1]: In a letter." in document.to_markdown()


def test_every_labelled_footnote_is_referred_to() -> None:
    """A definition that nothing refers to would not be shown; brackets are escaped elsewhere."""
    sentence = line("1) begins and refers 1) [2] *", 0, 0)
    for word in sentence.words:
        word.font_size = 6.0 if word.text in ("1)", "[2]") else 10.0
    document = one_page(
        block("paragraph", [sentence]),
        block("footnote", [line("1) First.", 0, 900)]),
        block("footnote", [line("[2] Second.", 0, 930)]),
    )
    text = document.to_markdown()
    assert "1\\) begins and refers[^1][^2] \\*" in text
    assert "[^1]: First." in text
    assert "[^2]: Second." in text


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["were exam-", "ined at night"], "were examined at night"),
        (["the well-", "known ship"], "the wellknown ship"),
        (["pre-", "and post-war"], "pre- and post-war"),
        (["Jean-", "Paul came"], "Jean-Paul came"),
        (["state-of-the-", "art pump"], "state-of-the-art pump"),
        (["pages 12-", "14 of it"], "pages 12-14 of it"),
        (["COVID-", "19 cases"], "COVID-19 cases"),
        (["a dash -", "then more"], "a dash - then more"),
        (["soft\u00ad", "ware and hy\u00adphen"], "software and hyphen"),
        (["漢字と", "かな"], "漢字とかな"),
        (["항구의", "배"], "항구의 배"),
        (["", "  one  ", "", "two"], "one two"),
    ],
)
def test_lines_join(lines: list[str], text: str) -> None:
    assert join_lines(lines) == text


def test_hyphen_seen_elsewhere_stays() -> None:
    document = one_page(
        block("paragraph", [line("a well-known port and a well-", 0, 0), line("known ship", 0, 30)])
    )
    assert document.to_markdown() == "a well-known port and a well-known ship\n"


def test_deep_and_jumping_list_levels() -> None:
    items = [
        block("list_item", [line(f"{marker} {text}", 0, 0)], level=level, marker=marker)
        for marker, text, level in [
            ("10.", "ten", 1),
            ("-", "below", 2),
            ("(a)", "deeper", 3),
            ("•", "jumps back", 1),
            ("☑", "done", 3),
        ]
    ]
    markdown = one_page(*items).to_markdown()
    page = rendered(markdown)
    assert page.xpath("string(ol/@start)") == "10"
    assert page.xpath("string(ol/li/ul/li/ul/li)") == "(a) deeper"
    assert "- [x] done" in markdown


@pytest.mark.parametrize(
    ("levels", "depths"),
    [((2, 2, 2), (1, 1, 1)), ((1, 3, 3, 2), (1, 2, 2, 2)), ((3, 2, 3), (1, 1, 2))],
)
def test_items_of_one_level_stand_at_one_depth_wherever_a_list_begins(
    levels: tuple[int, ...], depths: tuple[int, ...]
) -> None:
    items = [block("list_item", [line("x", 0, 0)], level=level, marker="•") for level in levels]
    document = one_page(*items)
    for page in (rendered(document.to_markdown()), lxml.html.fromstring(document.to_html())):
        found = [len(item.xpath("ancestor::ul")) for item in page.xpath("//li")]
        assert tuple(found) == depths


def test_csv_is_read_by_the_standard_library() -> None:
    first, second = rich_document().to_csv()
    assert list(csv.reader(io.StringIO(first)))[1:] == [["Ada", "12"], ["Eva", "7"]]
    assert list(csv.reader(io.StringIO(second)))[2] == ["North & <East>", "1,200", "1,310"]


def listing() -> Block:
    rows = [("def add(a, b):", 50), ("return a  + b", 90), ("``` # *not* bold", 50)]
    return block("code", [line(text, x, 100 + 24 * i) for i, (text, x) in enumerate(rows)])


def test_code_keeps_its_lines_and_indents() -> None:
    document = one_page(listing())
    code = "def add(a, b):\n    return a  + b\n``` # *not* bold"
    assert document.to_markdown() == f"````\n{code}\n````\n"
    assert rendered(document.to_markdown()).xpath("string(//pre)") == code + "\n"
    page = lxml.html.fromstring(document.to_html())
    assert page.xpath("string(//pre/code)") == code


def test_code_keeps_its_blank_lines() -> None:
    lines = [line("a = 1", 0, 0), line("b = 2", 0, 48)]
    assert one_page(block("code", lines)).to_markdown() == "```\na = 1\n\nb = 2\n```\n"


def test_code_is_cut_between_lines() -> None:
    found = one_page(block("code", [line(f"x = {n}", 0, 24 * n) for n in range(50)])).chunks(60)
    assert all(chunk.text.startswith("```\n") and len(chunk.text) <= 60 for chunk in found)
    rows = [row for chunk in found for row in chunk.text.splitlines()[1:-1]]
    assert rows == [f"x = {n}" for n in range(50)]


# --- HTML --------------------------------------------------------------------------------------


def test_html_keeps_every_word_with_box_and_confidence() -> None:
    document = rich_document()
    page = lxml.html.fromstring(document.to_html())
    found = [
        (
            span.get("data-text") or span.text_content(),
            [float(v) for v in span.get("data-box").split()],
            span.get("data-confidence"),
        )
        for span in page.xpath("//span[@data-box]")
    ]

    def key(entry: tuple[str, list[float], str | None]) -> tuple[str, list[float]]:
        return entry[0], entry[1]

    expected = [
        (
            w.text,
            [round(v, 2) for v in w.box],
            None if w.confidence is None else f"{w.confidence:.4g}",
        )
        for w in document.words
    ]
    assert sorted(found, key=key) == sorted(expected, key=key)


def test_html_structure() -> None:
    text = rich_document().to_html()
    page = lxml.html.fromstring(text)
    assert page.xpath("string(//title)") == "The Harbour"
    assert page.xpath("string(//h1)") == "The Harbour"
    assert page.xpath("string(//h3)") == "1.1 Crews"
    assert page.xpath("string(//table[1]/caption)") == "Table 1: tonnage"
    assert page.xpath("string(//th[@colspan='2'])") == "Sales"
    assert page.xpath("string(//figcaption)") == "Figure 1: the quay"
    assert page.xpath("string(//p[@dir='rtl'])") == "שלום עולם טוב"
    assert page.xpath("string(//p[@data-continues='p1'])") == "on overleaf."
    assert "examined at night" in page.text_content()
    assert [s.get("data-page") for s in page.xpath("//section")] == ["1", "2"]
    assert not re.search(r"(src|href)=", text)


def test_html_of_a_hebrew_page_runs_from_the_right() -> None:
    hebrew = line("שלום עולם", 400, 400, direction="rtl", script="Hebr")
    page = lxml.html.fromstring(one_page(block("paragraph", [hebrew])).to_html())
    assert (page.get("lang"), page.get("dir")) == ("he", "rtl")


def test_html_names_a_failed_page() -> None:
    text = awkward_documents()["failed page"].to_html()
    assert "could not be read: broken &amp; gone" in text


# --- Chunks ------------------------------------------------------------------------------------


def test_chunks_know_their_headings_pages_and_boxes() -> None:
    document = rich_document()
    first, last = document.chunks()
    assert (first.title, first.headings, first.pages) == ("The Harbour", ["1 Ships"], [1, 2])
    assert last.headings == ["1 Ships", "1.1 Crews"]
    assert last.pages == [2]
    assert "Ships of every size" in first.text
    place = next(place for place in first.places if place.page == 1)
    assert place.box == (50, 140, 350, 1020)


@pytest.mark.parametrize("limit", [1, 40, 90, 200])
def test_chunks_never_cut_a_row_and_repeat_the_header(limit: int) -> None:
    rows = [["Ship", "Tons"]] + [[f"Ship {n}", f"{n * 1000}"] for n in range(40)]
    found = one_page(table(rows, 0, 0)).chunks(limit)
    body = []
    for chunk in found:
        head, rule, *rest = chunk.text.splitlines()
        assert (head, rule) == ("| Ship | Tons |", "| --- | --- |")
        assert len(chunk.text) <= limit or len(rest) == 1
        body += rest
    assert body == [f"| Ship {n} | {n * 1000} |" for n in range(40)]


def test_rows_that_a_cell_spans_stay_together() -> None:
    grid = table([[str(r), "x"] for r in range(6)], 0, 0, header=False)
    grid.cells = [c for c in grid.cells if not (c.column == 0 and c.row in (3, 4))]
    next(c for c in grid.cells if c.column == 0 and c.row == 2).row_span = 3
    for chunk in one_page(grid).chunks(10):
        page = lxml.html.fromstring(f"<div>{GITHUB.render(chunk.text)}</div>")
        for cell in page.xpath("//*[@rowspan]"):
            assert len(page.xpath("//tr")) >= int(cell.get("rowspan"))


def test_no_word_is_lost_in_chunks() -> None:
    words = " ".join(f"word{n}{'.' if n % 9 == 0 else ''}" for n in range(400))
    paragraph = block("paragraph", [line(words, 0, 0)])
    found = one_page(block("heading", [line("H", 0, 0)], level=1), paragraph).chunks(200)
    assert " ".join(chunk.text for chunk in found) == words
    assert all(len(chunk.text) <= 200 for chunk in found)
    assert all(chunk.headings == ["H"] for chunk in found)


def test_heading_that_nothing_follows_can_still_be_found() -> None:
    def heading(text: str, level: int) -> Block:
        return block("heading", [line(text, 0, 0)], level=level)

    document = one_page(heading("A", 1), heading("B", 2), heading("C", 1))
    assert [(c.text, c.headings) for c in document.chunks()] == [("## B", ["A"]), ("# C", [])]


def test_chunk_limit_must_be_positive() -> None:
    with pytest.raises(VlkitError):
        rich_document().chunks(0)


def test_a_list_inside_a_footnote_takes_no_reference() -> None:
    def note(text: str, y: float) -> Block:
        return block("footnote", [line(text, 0, y)])

    body = block("paragraph", [line("the harm¹ and damage²", 0, 0)])
    notes = [note("1) one", 50), note("2) two", 80), note("1) first", 110), note("2) last", 140)]
    markdown = one_page(body, *notes).to_markdown()
    assert "harm[^1] and damage[^2]" in markdown
    assert "[^1]: one" in markdown
    assert "[^2]: two" in markdown
    doubled = one_page(body, note("1) one", 50), note("* a", 80), note("* b", 99)).to_markdown()
    assert doubled.count("[^") == 2


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["platforms—", "reflects"], "platforms—reflects"),
        (["platforms —", "reflects"], "platforms — reflects"),
        (["by self-", "publishing"], "by self-publishing"),
    ],
)
def test_dashes_and_compounds_at_line_ends(lines: list[str], text: str) -> None:
    assert join_lines(lines) == text


def test_korean_words_that_the_document_knows_are_put_together() -> None:
    lines = [
        line("이 보험실무 및 확진자 수는", 0, 0),
        line("많다 그러나 확", 0, 30),
        line("진자는 늘고 보험", 0, 60),
        line("회사는 준다", 0, 90),
    ]
    text = one_page(block("paragraph", lines)).to_markdown()
    assert "확진자는 늘고" in text
    assert "보험 회사는" in text
