"""The page renderer: what is drawn against what the truth says, through foreign readers."""

from __future__ import annotations

import io
import unicodedata
from collections import Counter
from itertools import pairwise

import numpy as np
import pdfplumber
import pypdfium2 as pdfium
import pytest
from numpy.typing import NDArray

from vlkit.data.pages import (
    CheckBoxes,
    Drawing,
    DrawnPage,
    Fill,
    Form,
    Heading,
    ListItem,
    Paragraph,
    Picture,
    Rule,
    Sidebar,
    Style,
    TableCell,
    TableSpec,
    Text,
    Title,
    Typeset,
    simple_table,
    to_pdf,
    typeset,
)
from vlkit.data.random_pages import random_business_page, random_document, random_text_page
from vlkit.document import Block, Document, Table
from vlkit.errors import InputError
from vlkit.pdf.visual import visual

DPI = 150
PROSE = (
    "The official count at Harrow Bridge gave fewer pallets than the stock list, and the office "
    "asked for another inspection before the end of the month. "
)


def ink_of_text(page: DrawnPage) -> NDArray[np.bool_]:
    """[H, W]: dark pixels, once everything that is no text has been left out."""
    words = DrawnPage(page.width, page.height, tuple(op for op in page.ops if isinstance(op, Text)))
    picture = Typeset([words], Document(pages=[])).to_image(0, DPI, grey=True)
    return picture < 128


@pytest.mark.parametrize("language", ["eng", "kor", "heb"])
def test_words_boxes_hold_all_ink_and_no_more(language: str) -> None:
    made = random_document(11, language, length=6)  # type: ignore[arg-type]
    for page, truth in zip(made.pages, made.truth_in_pixels(DPI).pages, strict=True):
        ink = ink_of_text(page)
        left = ink.copy()
        for word in truth.words:
            x0, y0, x1, y1 = word.box
            around = np.s_[int(y0) - 1 : int(y1) + 2, int(x0) - 1 : int(x1) + 2]
            inside = ink[around]
            left[around] = False
            assert inside.any(), word.text
            # Tight: ink comes within two pixels of all four sides.
            rows, columns = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
            slack = (rows[0], columns[0], len(inside) - rows[-1], inside.shape[1] - columns[-1])
            assert max(slack) <= 5 or word.text in "•·–-.'", (word.text, slack)
        assert not left.any()


@pytest.mark.parametrize(
    ("language", "seed"), [("eng", 3), ("eng", 4), ("kor", 5), ("heb", 6)], ids=str
)
def test_a_foreign_reader_finds_every_word_in_its_box(language: str, seed: int) -> None:
    made = random_text_page(seed, language)  # type: ignore[arg-type]
    with pdfplumber.open(io.BytesIO(made.to_pdf())) as pdf:
        for page, truth in zip(pdf.pages, made.truth.pages, strict=True):
            assert (page.width, page.height) == pytest.approx((truth.width, truth.height), abs=0.1)
            chars = [char for char in page.chars if char["text"] != " "]
            for word in truth.words:
                x0, y0, x1, y1 = word.box
                middle = (y0 + y1) / 2
                found = [
                    char
                    for char in chars
                    if x0 - 0.5 < (char["x0"] + char["x1"]) / 2 < x1 + 0.5
                    and char["top"] < middle < char["bottom"]
                ]
                found.sort(key=lambda char: char["x0"])
                text = unicodedata.normalize("NFKC", "".join(char["text"] for char in found))
                assert text.replace("\u00ad", "-") == visual(word.text, language == "heb")


def test_ligatures_and_soft_hyphens_are_in_the_text_layer_not_in_the_truth() -> None:
    made = random_text_page(2, columns=3)
    with pdfplumber.open(io.BytesIO(made.to_pdf())) as pdf:
        layer = "".join(char["text"] for page in pdf.pages for char in page.chars)
    assert "ﬁ" not in made.truth.text
    assert "ﬁ" in layer
    assert "\u00ad" in layer
    broken = [line.text for line in made.truth.pages[0].lines if line.text.endswith("-")]
    assert broken


def whole(made: Typeset) -> dict[str, str]:
    """Id of a text's first block → its lines joined again over hyphens, columns and pages."""
    first: dict[str, str] = {}
    texts: dict[str, str] = {}
    for page in made.truth.pages:
        for block in page.blocks:
            head = first[block.id] = first.get(block.continues or "", block.id)
            for line in block.lines:
                before = texts.get(head, "")
                joined = before[:-1] if before.endswith("-") else f"{before} "
                texts[head] = (joined + line.text) if before else line.text
    return texts


@pytest.mark.parametrize("seed", range(6))
def test_sources_are_what_the_blocks_say_in_reading_order(seed: int) -> None:
    made = random_text_page(seed, hyphens="plain")
    assert {key: text.split() for key, text in whole(made).items()} == {
        key: text.split() for key, text in made.sources.items()
    }


def test_kinds_of_text_layer() -> None:
    made = random_business_page(2, "kor")
    words = Counter(word.text for word in made.truth.words)

    def shared(pdf: bytes) -> float:
        with pdfium.PdfDocument(pdf) as document:
            text = document[0].get_textpage().get_text_range()
        return (Counter(text.split()) & words).total() / words.total()

    assert shared(made.to_pdf("good")) > 0.95
    assert shared(made.to_pdf("hidden", dpi=50)) > 0.95
    assert shared(made.to_pdf("none", dpi=50)) == 0
    for kind in ("garbled", "shifted", "private", "unmapped"):
        assert shared(made.to_pdf(kind)) < 0.2  # type: ignore[arg-type]
    assert shared(made.to_pdf("stale", dpi=50)) < 0.2
    other = random_business_page(3, "kor").pages
    assert shared(to_pdf(made.pages, "stale", dpi=50, other=other)) < 0.5


def test_hidden_text_is_invisible_and_kinds_mix_in_one_file() -> None:
    made = random_document(1, length=14, columns=1)
    assert len(made.pages) >= 2
    rest = len(made.pages) - 1
    hidden = to_pdf(made.pages, ["good", *["hidden"] * rest], dpi=100)  # type: ignore[list-item]
    bare = to_pdf(made.pages, ["good", *["none"] * rest], dpi=100)  # type: ignore[list-item]
    with pdfium.PdfDocument(hidden) as first, pdfium.PdfDocument(bare) as second:
        for number, (page, picture) in enumerate(zip(first, second, strict=True)):
            word = made.truth.pages[number].words[0].text
            assert word in page.get_textpage().get_text_range()
            assert (word in picture.get_textpage().get_text_range()) == (number == 0)
            assert (page.render().to_numpy() == picture.render().to_numpy()).all()


def test_pages_and_pdf_come_out_alike_every_time() -> None:
    first, again = (random_document(8, "kor") for _ in range(2))
    assert first.truth == again.truth
    assert first.to_pdf() == again.to_pdf()
    assert (first.to_image(0, 60) == again.to_image(0, 60)).all()
    assert first.truth != random_document(9, "kor").truth


def test_text_is_wrapped_within_its_column_and_justified() -> None:
    style = Style(columns=2, justify=True)
    block = typeset([Paragraph(PROSE * 3)], style).truth.pages[0].blocks[0]
    width = (style.size[0] - 2 * 62 - style.gutter) / 2
    rights = [line.box[2] for line in block.lines]
    assert max(rights) <= 62 + width + 0.5
    assert max(rights[:-1]) - min(rights[:-1]) < 1.0


def test_full_width_elements_cut_the_columns_into_bands() -> None:
    elements = [
        Paragraph("one " * 120),
        Heading("Across", full_width=True),
        Paragraph("two " * 120),
    ]
    page = typeset(elements, Style(columns=2)).truth.pages[0]
    roles = [block.role for block in page.blocks]
    at = roles.index("heading")
    across = page.blocks[at].box
    assert all(block.box[3] < across[1] for block in page.blocks[:at])
    assert all(block.box[1] > across[3] for block in page.blocks[at + 1 :])
    # The band above is balanced: its two columns end within two lines of each other.
    ends = [block.box[3] for block in page.blocks[:at]]
    assert len(ends) == 2
    assert abs(ends[0] - ends[1]) < 2 * 13


def test_order_of_page_parts() -> None:
    style = Style(
        columns=2, header="Top", footer="Bottom", page_number="{page}/{pages}", margin_column="left"
    )
    elements = [
        Title("Title"),
        Sidebar((Paragraph("beside"),), place="margin"),
        Paragraph(PROSE, footnote="1 a note"),
        Drawing("lines", "Figure 1", float_to="bottom"),
        ListItem("first", "1."),
    ]
    page = typeset(elements, style).truth.pages[0]
    roles = [item.role if isinstance(item, Block) else item.kind for item in page.items]
    expected = "header title paragraph list_item figure caption paragraph footnote footer"
    assert roles == [*expected.split(), "page_number"]
    assert page.items[-1].words.__next__().text == "1/1"
    assert page.blocks[3].marker == "1."
    assert page.figures[0].caption == page.items[5].id
    note, figure = page.items[7], page.figures[0]
    assert note.box[1] > figure.box[3]


def test_footnotes_stay_with_their_page_and_off_the_text() -> None:
    elements = [
        Paragraph(PROSE * 3 + str(number), footnote=f"{number} note number {number}")
        for number in range(30)
    ]
    made = typeset(elements, Style(columns=2))
    assert len(made.pages) > 1
    for page in made.truth.pages:
        notes = [block for block in page.blocks if block.role == "footnote"]
        body = [block for block in page.blocks if block.role == "paragraph"]
        ends = [block.text.split()[-1] for block in body]
        assert [note.text.split()[0] for note in notes] == [end for end in ends if end.isdigit()]
        assert max(block.box[3] for block in body) < min(note.box[1] for note in notes)


def test_headings_are_never_left_alone_at_a_column_end() -> None:
    for count in range(20, 50):
        elements = [Paragraph("word " * 11)] * count + [Heading("Next"), Paragraph(PROSE * 2)]
        for page in typeset(elements, Style(columns=1)).truth.pages:
            assert page.blocks[-1].role != "heading"


SPANS = TableSpec(
    (
        TableCell("A", 0, 0, row_span=2, header=True),
        TableCell("B", 0, 1, column_span=2, header=True),
        TableCell("b1", 1, 1, header=True),
        TableCell("b2", 1, 2, header=True),
        TableCell("left", 2, 0, row_span=2),
        TableCell("x", 2, 1),
        TableCell("y", 3, 2),
    ),
    header_rows=2,
    caption="Table 1",
)


def assert_grid(table: Table) -> None:
    """Every grid place is covered exactly once, and boxes follow the grid."""
    covered = Counter(
        (row, column)
        for cell in table.cells
        for row in range(cell.row, cell.row + cell.row_span)
        for column in range(cell.column, cell.column + cell.column_span)
    )
    assert covered == {(r, c): 1 for r in range(table.rows) for c in range(table.columns)}
    for cell in table.cells:
        for word in cell.words:
            assert cell.box[0] < word.box[0] < word.box[2] < cell.box[2] + 0.5
            assert cell.box[1] < word.box[1] < word.box[3] < cell.box[3] + 0.5


def test_spans_cover_the_grid() -> None:
    page = typeset([SPANS]).truth.pages[0]
    table = page.tables[0]
    assert (table.rows, table.columns) == (4, 3)
    assert_grid(table)
    assert table.caption == page.blocks[0].id
    assert page.blocks[0].role == "caption"


def test_a_table_across_pages_repeats_its_header() -> None:
    rows = [[f"r{row}", f"{row}"] for row in range(120)]
    table = TableSpec(simple_table([["Name", "Count"], *rows]))
    made = typeset([table])
    parts = [page.tables[0] for page in made.truth.pages]
    assert len(parts) >= 2
    assert [part.continues for part in parts] == [None, *(part.id for part in parts[:-1])]
    body = []
    for part in parts:
        assert_grid(part)
        texts = [cell.text for cell in part.cells]
        assert texts[:2] == ["Name", "Count"]
        assert [cell.header for cell in part.cells[:3]] == [True, True, False]
        body += texts[2:]
    assert body == [text for row in rows for text in row]


def test_rows_that_a_span_holds_together_stay_on_a_page() -> None:
    cells = [TableCell("head", 0, 0, header=True), TableCell("n", 0, 1, header=True)]
    for group in range(20):
        cells.append(TableCell(f"g{group}", 1 + 3 * group, 0, row_span=3))
        cells += [TableCell(str(row), 1 + 3 * group + row, 1) for row in range(3)]
    for page in typeset([TableSpec(tuple(cells))]).truth.pages:
        assert_grid(page.tables[0])


@pytest.mark.parametrize("rules", ["all", "horizontal", "outer", "none"])
def test_rules_as_asked(rules: str) -> None:
    spec = TableSpec(simple_table([["a", "b"], ["c", "d"], ["e", "f"]]), rules=rules)  # type: ignore[arg-type]
    made = typeset([spec])
    lines = {op for op in made.pages[0].ops if isinstance(op, Rule)}
    upright = {op.x0 for op in lines if op.x0 == op.x1}
    level = {op.y0 for op in lines if op.y0 == op.y1}
    assert (len(upright), len(level)) == {
        "all": (3, 4),
        "horizontal": (0, 3),
        "outer": (2, 2),
        "none": (0, 0),
    }[rules]
    assert made.truth.pages[0].tables[0].ruled == (rules != "none")


def test_right_to_left_lines_run_from_the_right_in_logical_order() -> None:
    style = Style(direction="rtl", columns=2)
    text = "שלום עולם (כאן) Harrow Paper 12 סוף"
    page = typeset([Paragraph(text), *[Paragraph("אחד שתים " * 40)] * 14], style).truth.pages[0]
    line = page.blocks[0].lines[0]
    assert line.text == text
    x = {word.text: word.box[0] for word in line.words}
    assert x["שלום"] > x["עולם"] > x["(כאן)"] > x["12"] > x["Paper"] > x["Harrow"] > x["סוף"]
    assert line.box[2] == pytest.approx(style.size[0] - 62, abs=1.5)
    assert page.blocks[0].box[0] > page.blocks[-1].box[0] + 100


def test_numbers_in_right_to_left_lines_stand_as_the_bidirectional_algorithm_has_them() -> None:
    bidi = pytest.importorskip("bidi")
    texts = ["1. עלה ב-3.9% לעומת 2,041.50 ב-12/5", "מחיר ₪88.20 (או 7.5%) Harrow 20.1 ואז"]
    made = typeset([Paragraph(text) for text in texts], Style(direction="rtl"))
    with pdfplumber.open(io.BytesIO(made.to_pdf())) as pdf:
        chars = sorted(pdf.pages[0].chars, key=lambda char: char["x0"])
    for block, text in zip(made.truth.pages[0].blocks, texts, strict=True):
        drawn = [c["text"] for c in chars if block.box[1] < c["bottom"] - 3 < block.box[3]]
        # bidi puts characters in order but leaves brackets as they are.
        seen = "".join(drawn).translate(str.maketrans("()", ")("))
        assert block.text == text
        assert seen.replace(" ", "") == bidi.get_display(text, base_dir="R").replace(" ", "")


def test_right_to_left_tables_start_on_the_right() -> None:
    spec = TableSpec(simple_table([["שם", "סכום"], ["דנה", "12"]]))
    table = typeset([spec], Style(direction="rtl")).truth.pages[0].tables[0]
    assert_grid(table)
    assert table.cells[0].box[0] > table.cells[1].box[0]


def test_forms_and_check_boxes() -> None:
    elements = [
        Form((("Name:", "Ann Lee"), ("Date:", "2 May 2026"), ("City:", "")), per_row=2, boxed=True),
        CheckBoxes((("Yes", True), ("No", False))),
    ]
    blocks = typeset(elements).truth.pages[0].blocks
    assert [block.text for block in blocks] == [
        "Name: Ann Lee",
        "Date: 2 May 2026",
        "City:",
        "☒ Yes",
        "☐ No",
    ]
    assert blocks[0].box[1] == pytest.approx(blocks[1].box[1], abs=3)
    assert [block.marker for block in blocks[3:]] == ["☒", "☐"]


def test_a_sidebar_in_the_column_has_a_ground_around_its_text() -> None:
    made = typeset([Paragraph(PROSE), Sidebar((Heading("Note", 3), Paragraph(PROSE)))])
    grounds = [op.area for op in made.pages[0].ops if isinstance(op, Fill)]
    inside = made.truth.pages[0].blocks[1:]
    x0, y0 = min(g[0] for g in grounds), min(g[1] for g in grounds)
    x1, y1 = max(g[2] for g in grounds), max(g[3] for g in grounds)
    for block in inside:
        assert x0 < block.box[0] < block.box[2] < x1
        assert y0 < block.box[1] < block.box[3] < y1
    for above, below in pairwise(sorted(g[1::2] for g in grounds)):
        assert below[0] <= above[1]


def test_pictures_compose_into_a_pdf() -> None:
    pixels = np.full((200, 100, 3), 255, np.uint8)
    pixels[50:100, 20:80] = 0
    page = DrawnPage(100.0, 200.0, (Picture((0.0, 0.0, 100.0, 200.0), pixels),))
    back = Typeset([page], Document(pages=[])).to_image(0, 72, grey=True)
    assert back.shape == (200, 100)
    assert back[75, 50] < 30
    assert back[150, 50] > 225


def test_impossible_styles_and_texts_are_input_errors() -> None:
    with pytest.raises(InputError, match="no room"):
        typeset([Paragraph("x")], Style(columns=3, margins=(250, 50, 250, 50)))
    with pytest.raises(InputError, match="no font has"):
        typeset([Paragraph("ก")])
    with pytest.raises(InputError, match="margin column"):
        typeset([Sidebar((Paragraph("x"),), place="margin")])
