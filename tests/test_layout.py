"""Layout: lines → blocks with roles, over pages and whole documents."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlkit.data.random_pages import random_document
from vlkit.document import Block, Document, Figure, Line, Page, Word, box_union
from vlkit.evaluation.layout import (
    count_labels,
    count_regions,
    docbank_labels,
    iou,
    publaynet_regions,
    read_docbank,
    read_publaynet,
)
from vlkit.images import PageImage
from vlkit.layout.blocks import build_blocks
from vlkit.layout.captions import is_caption
from vlkit.layout.figures import find_figures
from vlkit.layout.finish import finish
from vlkit.layout.headings import section_depth
from vlkit.layout.lines import tidy_lines
from vlkit.layout.lists import list_marker
from vlkit.layout.stages import analyse
from vlkit.text_layer import TextContent, TextLayer

SIZE = 10.0


def text_line(text: str, x: float, y: float, size: float = SIZE, *, bold: bool = False) -> Line:
    """Half an em a letter, a quarter between words."""
    words = []
    for part in text.split():
        box = (x, y, x + 0.5 * size * len(part), y + size)
        words.append(Word(text=part, box=box, font_size=size, bold=bold))
        x = box[2] + 0.25 * size
    return Line(words=words, box=box_union(word.box for word in words))


def page_of(lines: list[Line], number: int = 1) -> Page:
    blocks = [Block(lines=[line], box=line.box) for line in lines]
    return Page(number=number, width=600, height=800, items=[*blocks])


def paragraph(x: float, y: float, lines: int = 4, words: int = 9) -> list[Line]:
    texts = ["lorem ipsum dolor sit amet elit sed do eiusmod tempor"] * lines
    kept = [" ".join(text.split()[:words]) for text in texts]
    return [text_line(text, x, y + 13 * row) for row, text in enumerate(kept)]


def read_pages(*pages: list[Line]) -> Document:
    done = [analyse(page_of(lines, number), None) for number, lines in enumerate(pages, 1)]
    return finish(Document(pages=done))


def test_lines_that_run_over_two_columns_are_cut() -> None:
    left, right = paragraph(50, 100), paragraph(310, 100)
    joined = [
        Line(words=[*a.words, *b.words], box=box_union([a.box, b.box]))
        for a, b in zip(left, right, strict=True)
    ]
    document = read_pages(joined)
    assert [len(block.lines) for block in document.pages[0].blocks] == [4, 4]
    assert document.pages[0].blocks[0].box[2] < document.pages[0].blocks[1].box[0]


def test_an_exponent_joins_its_line() -> None:
    line = text_line("area in m is large", 50, 100)
    words = [w for w in line.words if w.text != "is"]
    exponent = Word(text="2", box=(line.words[3].box[0], 98, line.words[3].box[0] + 4, 103))
    lines = [
        Line(words=words, box=box_union(w.box for w in words)),
        Line(words=[exponent], box=exponent.box),
    ]
    assert [tidy.text for tidy in tidy_lines(lines)] == ["area in m 2 large"]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=12, deadline=None)
def test_no_word_is_lost_or_doubled(seed: int) -> None:
    truth = random_document(seed, length=4).truth
    before = Counter((word.text, word.box) for word in truth.words)
    pages = []
    for page in truth.pages:
        lines = sorted(page.lines, key=lambda line: line.box[1])
        bare = Page(number=page.number, width=page.width, height=page.height)
        bare.items = [Block(lines=[line], box=line.box) for line in lines]
        pages.append(analyse(bare, None))
    after = Counter((w.text, w.box) for w in finish(Document(pages=pages)).words)
    assert after == before


def test_numbers_give_heading_levels() -> None:
    lines: list[Line] = [text_line("The Whole Report", 50, 60, 24, bold=True)]
    y = 110.0
    for text, size in (
        ("1 Introduction", 16),
        ("1.1 Aims of it", 13),
        ("1.1.1 A detail", 11),
        ("2 Results", 16),
        ("References", 16),
    ):
        lines.append(text_line(text, 50, y, size, bold=True))
        lines += paragraph(50, y + 30)
        y += 110
    blocks = read_pages(lines).pages[0].blocks
    found = [(block.role, block.level) for block in blocks if block.role != "paragraph"]
    expected = [1, 2, 3, 1, 1]
    assert found == [("title", None), *(("heading", level) for level in expected)]


def test_sizes_give_heading_levels_where_there_are_no_numbers() -> None:
    lines: list[Line] = []
    for index, size in enumerate((18, 14, 12, 14, 18)):
        lines.append(text_line("Something to say", 50, 60 + 110 * index, size))
        lines += paragraph(50, 90 + 110 * index)
    blocks = read_pages(lines).pages[0].blocks
    levels = [block.level for block in blocks if block.role == "heading"]
    assert levels == [1, 2, 3, 2, 1]


@pytest.mark.parametrize(
    ("text", "depth"),
    [("2 Methods", 1), ("2.1. Data", 2), ("A.1 Proofs", 2), ("Methods", None), ("1990 was", None)],
)
def test_section_numbers(text: str, depth: int | None) -> None:
    assert section_depth(text) == depth


@pytest.mark.parametrize(
    ("text", "marker"),
    [
        ("• first", "•"),
        ("(a) first", "(a)"),
        ("12. first", "12."),
        ("\uf0b7 first", "\uf0b7"),
        ("가. 첫째", "가."),
        ("first", None),
        ("•", None),
        ("2019 was", None),
        ("© 2019 Somebody", None),
    ],
)
def test_list_markers(text: str, marker: str | None) -> None:
    assert list_marker(text) == marker


def test_nested_lists_have_levels() -> None:
    texts = [("• outer one", 50), ("• inner one", 70), ("• inner two", 70), ("• outer two", 50)]
    lines = [text_line(text, x, 100 + 15 * row) for row, (text, x) in enumerate(texts)]
    blocks = read_pages(lines).pages[0].blocks
    assert [(block.role, block.level) for block in blocks] == [
        ("list_item", level) for level in (1, 2, 2, 1)
    ]


def test_what_repeats_in_the_margins_is_no_text() -> None:
    pages = []
    for number in (1, 2, 3):
        running = text_line("Annual report of the company", 50, 30)
        folio = text_line(f"Page {number} of 3", 280, 770)
        pages.append([running, *paragraph(50, 100, 12), folio])
    document = read_pages(*pages)
    for page in document.pages:
        roles = [block.role for block in page.blocks]
        assert (roles[0], roles[-1]) == ("header", "page_number")
        assert set(roles[1:-1]) == {"paragraph"}


@pytest.mark.parametrize(("y", "size"), [(100 - 20, 10.0), (40, 12.0)])
def test_a_running_head_beside_a_page_number_is_no_text(y: float, size: float) -> None:
    """Though text follows after one line's height, and though the number is set larger."""
    head = text_line("Notes on reading", 200, y)
    number = text_line("9", 500, y + 10 - size, size)
    page = read_pages([head, number, *paragraph(50, 100), *paragraph(50, 180, 12)]).pages[0]
    roles = {block.text: block.role for block in page.blocks}
    assert (roles["Notes on reading"], roles["9"]) == ("header", "page_number")


def test_a_sentence_goes_on_over_the_page() -> None:
    document = read_pages(paragraph(50, 100, 12), paragraph(50, 100, 12))
    first, second = document.pages[0].blocks[-1], document.pages[1].blocks[0]
    assert second.continues == first.id == "p1.b1"


def test_finishing_twice_changes_nothing() -> None:
    truth = random_document(11, length=6).truth
    pages = [analyse(page_of(page.lines, page.number), None) for page in truth.pages]
    once = finish(Document(pages=pages))
    assert finish(once.model_copy(deep=True)) == once


def test_a_picture_is_found_and_gets_its_caption() -> None:
    lines = [*paragraph(50, 60), text_line("Figure 1: A grey square", 50, 420)]
    lines += paragraph(50, 460)
    pixels = np.full((800, 600, 3), 255, np.uint8)
    rng = np.random.default_rng(5)
    pixels[150:400, 100:400] = rng.integers(0, 160, (250, 300, 3))
    image = PageImage(1, 600, 800, lambda: pixels)
    page = finish(Document(pages=[analyse(page_of(lines), image)])).pages[0]
    figure = next(item for item in page.items if isinstance(item, Figure))
    assert iou(figure.box, (100, 150, 400, 400)) > 0.9
    caption = next(block for block in page.blocks if block.role == "caption")
    assert figure.caption == caption.id
    assert page.items.index(caption) == page.items.index(figure) + 1


def test_a_sentence_about_a_figure_is_no_caption() -> None:
    lines = [text_line("Figure 2 shows how sales went on", 50, 100), *paragraph(50, 113)]
    block = Block(lines=lines, box=box_union(line.box for line in lines))
    assert not is_caption(block, [block], SIZE)


def test_word_scores_match_a_count_by_hand() -> None:
    counts = count_labels(["a", "a", None, "b"], ["a", "b", "b", "b"])
    assert counts.metrics() == pytest.approx(
        {"f1.a": 2 * 1 / (2 + 1), "f1.b": 2 * 1 / (1 + 3), "macro_f1": (2 / 3 + 1 / 2) / 2}
    )


def test_region_scores_match_one_to_one() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    near = (0.0, 0.0, 10.0, 8.0)
    counts = count_regions([("text", box), ("text", near), ("list", box)], [("text", near)])
    assert counts.found == {"text": 1}
    assert counts.metrics()["f1.text"] == pytest.approx(2 / 3)
    assert iou(box, near) == pytest.approx(0.8)


def test_words_get_docbanks_classes() -> None:
    lines = [text_line("References", 50, 60, 16, bold=True)]
    lines += [text_line("[1] Somebody wrote this book here", 50, 100)]
    lines += [text_line("[2] Somebody wrote another one too", 50, 120)]
    page = read_pages(lines).pages[0]
    tokens = [
        (w.text, (w.box[0] / 600, w.box[1] / 800, w.box[2] / 600, w.box[3] / 800))
        for line in lines
        for w in line.words
    ]
    assert docbank_labels(page, tokens) == ["section"] + ["reference"] * (len(tokens) - 1)


def test_neighbouring_items_are_one_list_region() -> None:
    lines = [text_line(f"• item {row}", 50, 100 + 15 * row) for row in range(4)]
    assert [label for label, _ in publaynet_regions(read_pages(lines).pages[0])] == ["list"]


@pytest.mark.skipif("VLKIT_DATA" not in os.environ, reason="needs VLKIT_DATA")
def test_the_data_is_read() -> None:
    data = Path(os.environ["VLKIT_DATA"])
    assert len(read_docbank(data / "docbank")) == 50
    assert sum(len(page.regions) for page in read_publaynet(data / "publaynet")) > 100


def test_a_lists_levels_start_anew_in_the_next_column() -> None:
    left = [text_line("• one of them", 50, 100), text_line("• inside of it", 65, 115)]
    right = [
        text_line("• inside again", 325, 40),
        text_line("• two of them", 310, 55),
        *paragraph(310, 80),
    ]
    texts = paragraph(50, 40)
    blocks = read_pages([*left, *right, *texts]).pages[0].blocks
    levels = {block.text: block.level for block in blocks if block.role == "list_item"}
    assert levels["• one of them"] == levels["• two of them"] == 1
    assert levels["• inside of it"] == levels["• inside again"] == 2


def test_what_starts_below_a_hanging_number_is_no_part_of_the_item() -> None:
    texts = [("1. a first item of the list that", 50), ("goes on", 62), ("2. a second", 50)]
    lines = [text_line(text, x, 100 + 13 * row) for row, (text, x) in enumerate(texts)]
    lines += [text_line("Text after the list that is long enough", 50, 139)]
    assert [len(block.lines) for block in read_pages(lines).pages[0].blocks] == [2, 1, 1]


def test_a_label_and_its_entry_are_one_line() -> None:
    rows = [("Name:", "Ada Park"), ("Town:", "Busan"), ("Date:", "12 May")]
    lines = []
    for row, (label, entry) in enumerate(rows):
        lines += [text_line(label, 50, 100 + 20 * row), text_line(entry, 120, 100 + 20 * row)]
    blocks = read_pages(lines).pages[0].blocks
    assert [block.text for block in blocks] == [f"{label} {entry}" for label, entry in rows]


def test_a_paragraph_that_ends_with_a_colon_is_no_label() -> None:
    left = [*paragraph(50, 100, 4, 6), text_line("in this order:", 50, 152)]
    right = paragraph(310, 100, 5, 6)
    document = read_pages([*left, *right])
    assert [len(block.lines) for block in document.pages[0].blocks] == [5, 5]


def test_bars_on_an_axis_are_one_figure_with_their_names() -> None:
    pixels = np.full((800, 600, 3), 255, np.uint8)
    pixels[298:300, 80:400] = 0
    labels = []
    for index, tall in enumerate((120, 14, 80)):
        x = 100 + 100 * index
        pixels[298 - tall : 298, x : x + 60] = (40, 80, 140)
        labels.append(text_line(f"Q{index + 1}", x + 25, 303, 8))
    lines = [*paragraph(50, 60), *labels, *paragraph(50, 340)]
    image = PageImage(1, 600, 800, lambda: pixels)
    page = analyse(page_of(lines), image)
    (figure,) = page.figures
    assert [line.text for line in figure.lines] == ["Q1", "Q2", "Q3"]
    assert iou(figure.box, (79, 178, 401, 311)) > 0.95
    assert [len(block.lines) for block in page.blocks] == [4, 4]


def test_a_heading_stands_off_the_text_below_it_whatever_its_weight() -> None:
    lines = [text_line("Short words here", 50, 100), *paragraph(50, 119)]
    assert [len(block.lines) for block in read_pages(lines).pages[0].blocks] == [1, 4]


def test_narrow_columns_side_by_side_keep_their_paragraphs() -> None:
    texts = ["we have come to", "see the other one", "of them as it was", "then, and now"]
    lines = []
    for x in (50, 160, 270):
        lines += [text_line(text, x, 100 + 13 * row) for row, text in enumerate(texts)]
    assert [len(block.lines) for block in build_blocks(lines)] == [4, 4, 4]


def test_a_low_dash_belongs_to_its_item() -> None:
    dash = Word(text="–", box=(50, 105, 55, 106))
    lines = [Line(words=[dash], box=dash.box), text_line("an item of it", 66, 100)]
    assert [line.text for line in tidy_lines(lines)] == ["– an item of it"]


def test_a_logo_at_the_foot_of_a_cover_is_no_title() -> None:
    cover = [text_line("How to read pages", 50, 60, 24), text_line("Press", 50, 700, 60)]
    document = read_pages(cover, [text_line("Why to read", 50, 60, 16), *paragraph(50, 90, 9)])
    roles = {block.text: block.role for page in document.pages for block in page.blocks}
    assert roles["How to read pages"] == "title"
    assert roles["Press"] != "title"


def test_entries_of_a_table_of_contents_stay_apart() -> None:
    lines = [text_line("Notices . . . . . . . vii", 50, 100), text_line("Index ..... 9", 50, 113)]
    assert [len(block.lines) for block in build_blocks(lines)] == [1, 1]


def typed_line(text: str, x: float, y: float) -> Line:
    """Every character .6 em wide, in a font of its own."""
    words, at = [], x
    for part in text.split(" "):
        if part:
            box = (at, y, at + 0.6 * SIZE * len(part), y + SIZE)
            words.append(Word(text=part, box=box, font="Typed", font_size=SIZE))
        at += 0.6 * SIZE * (len(part) + 1)
    return Line(words=words, box=box_union(word.box for word in words))


def test_code_is_one_block_line_by_line() -> None:
    code = ["def mean(values):", "    total = sum(values)", "    return total / len(values)", "}"]
    listing = [typed_line(text, 50, 200 + 13 * row) for row, text in enumerate(code)]
    document = read_pages([*paragraph(50, 100), *listing, *paragraph(50, 300)])
    roles = [block.role for block in document.pages[0].blocks]
    assert roles == ["paragraph", "code", "paragraph"]
    assert "```\n" + "\n".join(code) + "\n```" in document.to_markdown()


def test_a_typewritten_letter_is_no_code() -> None:
    lines = [
        typed_line("Dear Sir, we thank you for your order", 50, 100 + 13 * n) for n in range(9)
    ]
    document = read_pages(lines)
    assert {block.role for block in document.pages[0].blocks} == {"paragraph"}


def test_a_sentence_about_a_table_is_no_caption() -> None:
    for text, yes in [
        ("Table 2-2 shows a comparison", False),
        ("Figure 3-5 Special registers", True),
        ("[표 1] 개정 전후 비교", True),
        ("Table 4. of all", False),
    ]:
        line = text_line(text, 50, 100)
        assert is_caption(Block(lines=[line], box=line.box), [], 10.0) is yes, text


def test_glyphs_of_symbol_fonts_become_bullets_and_boxes() -> None:
    lines = [
        text_line(f"{glyph} an entry of it", 50, 100 + 20 * row)
        for row, glyph in enumerate("\ufffd\uf0b7\uf0a8\uf0fe")
    ]
    document = read_pages(lines)
    assert [block.marker for block in document.pages[0].blocks] == ["•", "•", "☐", "☑"]
    assert document.to_markdown().splitlines() == [
        "- an entry of it",
        "- an entry of it",
        "- [ ] an entry of it",
        "- [x] an entry of it",
    ]


def test_a_title_may_be_smaller_than_its_headings() -> None:
    lines = [text_line("On ships", 50, 110, SIZE, bold=True)]
    for n, text in enumerate(["Their sails", "Their crews", "Their ends"]):
        lines += [text_line(text, 50, 150 * n + 150, 11.5, bold=True)]
        lines += paragraph(50, 150 * n + 170)
    roles = [(b.text, b.role) for b in read_pages(lines).pages[0].blocks if b.role != "paragraph"]
    assert roles[0] == ("On ships", "title")
    assert {role for _, role in roles[1:]} == {"heading"}


def test_entries_of_contents_are_a_list_without_leaders() -> None:
    lines = [
        text_line("Notices . . . . . . . . vii", 50, 100),
        text_line("1.1 Ships and their sails . . . . . . . . 12", 50, 113),
        text_line("1.1.1 Masts.......... 13", 70, 126),
    ]
    markdown = read_pages(lines).to_markdown()
    assert markdown == "- Notices vii\n- 1.1 Ships and their sails 12\n  - 1.1.1 Masts 13\n"


def test_a_numbered_heading_in_another_font_is_no_list_item() -> None:
    lines = []
    for n in (1, 2):
        heading = text_line(f"({n}) How ships are built", 50, 100 * n, 10.9)
        for word in heading.words:
            word.font = "Sans"
        text = paragraph(50, 100 * n + 13)
        for word in (word for line in text for word in line.words):
            word.font = "Serif"
        lines += [heading, *text]
    roles = [block.role for block in read_pages(lines).pages[0].blocks]
    assert roles == ["heading", "paragraph"] * 2


def test_numbers_and_korean_syllables_make_no_code() -> None:
    lines = [typed_line(f"({n}) 감독당국의 표준약관", 50, 100 + 60 * n) for n in range(1, 6)]
    document = read_pages([*lines, *paragraph(50, 500)])
    assert "code" not in {block.role for block in document.pages[0].blocks}


def test_a_footnote_keeps_its_small_print_and_stands_above_an_imprint() -> None:
    note = [text_line("1) a note of some length", 50, 650, 7), text_line("and more", 60, 659, 7)]
    other = [text_line("2) another note", 50, 668, 7), text_line("Imprint 2020", 50, 735, 7)]
    document = read_pages([*paragraph(50, 100, 12), *note, *other])
    roles = {block.text.split()[0]: block.role for block in document.pages[0].blocks}
    assert (roles["1)"], roles["2)"]) == ("footnote", "footnote")


def test_panels_are_one_figure_unless_each_has_its_caption() -> None:
    left, right = (50.0, 50.0, 250.0, 150.0), (270.0, 50.0, 470.0, 150.0)
    pixels = np.full((400, 520, 3), 255, np.uint8)
    for x0, y0, x1, y1 in (left, right):
        pixels[int(y0) : int(y1), int(x0) : int(x1)] = (90, 140, 60)
    image = PageImage(1, 520, 400, lambda: pixels)

    def caption(text: str, x: float) -> Line:
        word = Word(text=text, box=(x, 160.0, x + 150, 170.0))
        return Line(words=[word], box=word.box)

    one = find_figures([caption("Figure 1. Two halves", 60)], [], image, 10.0)
    assert [figure.box for figure in one] == [pytest.approx((50, 50, 470, 150), abs=4)]
    captions = [caption("Figure 1. Left", 60), caption("Figure 2. Right", 280)]
    assert len(find_figures(captions, [], image, 10.0)) == 2


def test_a_picture_under_running_text_is_its_ground() -> None:
    content = TextContent(pictures=[(40.0, 40.0, 560.0, 400.0)])
    white = np.full((800, 600, 3), 255, np.uint8)
    image = PageImage(1, 600, 800, lambda: white, text_layer=TextLayer(lambda: content))
    label = [text_line("A label", 60, 60)]
    assert [figure.box for figure in find_figures(label, [], image, SIZE)] == content.pictures
    two_columns = [*paragraph(50, 100, 4, 7), *paragraph(310, 100, 4, 7)]
    assert find_figures(two_columns, [], image, SIZE) == []
