"""Tables from words and pixels drawn by hand: what must come out, and what is no table."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlkit.document import Block, Cell, Document, Line, Page, Table, Word, box_union
from vlkit.evaluation.tables import score_tables
from vlkit.images import PageImage
from vlkit.layout.tables import continue_tables, find_tables

WIDTH, HEIGHT = 600, 500
LETTER = 6.0
"""Width of a character; words are 10 high."""
Spec = tuple[str, float, float]
"""Text, left, top."""


def line(text: str, x: float, y: float) -> Line:
    words, left = [], x
    for part in text.split():
        right = left + LETTER * len(part)
        words.append(Word(text=part, box=(left, y, right, y + 10)))
        left = right + 4
    return Line(words=words, box=box_union(word.box for word in words))


def lines(*specs: Spec) -> list[Line]:
    return [line(*spec) for spec in specs]


def picture(rules: Sequence[tuple[float, float, float, float]], scale: float = 2.0) -> PageImage:
    pixels = np.full((round(HEIGHT * scale), round(WIDTH * scale), 3), 255, np.uint8)
    for x0, y0, x1, y1 in rules:
        start, end = (round(x0 * scale), round(y0 * scale)), (round(x1 * scale), round(y1 * scale))
        cv2.line(pixels, start, end, (60, 60, 60), 2)
    return PageImage(number=1, width=WIDTH, height=HEIGHT, render=lambda: pixels, scale=scale)


def find(text: list[Line], rules: Sequence[tuple[float, float, float, float]] = ()) -> list[Table]:
    return find_tables(text, picture(rules) if rules else None, WIDTH, HEIGHT)[0]


def content(table: Table) -> list[list[str]]:
    grid = [[""] * table.columns for _ in range(table.rows)]
    for cell in table.cells:
        grid[cell.row][cell.column] = " ".join(cell.text.split())
    return grid


GOODS = [
    ["Item", "Price", "Pieces"],
    ["Bolt", "1.20", "500"],
    ["Nut with flange", "0.35", ""],
    ["Washer", "0.10", "2 000"],
    ["Spring", "3.00", "80"],
]


def goods(x: float = 50, y: float = 100, pitch: float = 25) -> list[Line]:
    return lines(
        *(
            (text, x + 150 * column, y + pitch * row)
            for row, texts in enumerate(GOODS)
            for column, text in enumerate(texts)
            if text
        )
    )


def test_ruled_with_empty_cell_and_spans():
    rules = [(50, y, 350, y) for y in (50, 80, 110, 140)]
    rules += [(50, 50, 50, 140), (350, 50, 350, 140), (150, 50, 150, 140), (250, 80, 250, 140)]
    rules[2] = (150, 110, 350, 110)  # the first column's cell spans two rows
    text = lines(
        ("Name", 60, 60), ("Both", 160, 60), ("left", 60, 100), ("a", 160, 90), ("d", 260, 120)
    )
    (table,) = find(text, rules)
    assert (table.rows, table.columns, table.ruled) == (3, 3, True)
    spans = {
        cell.text: (cell.row, cell.column, cell.row_span, cell.column_span)
        for cell in table.cells
        if cell.text
    }
    assert spans == {
        "Name": (0, 0, 1, 1),
        "Both": (0, 1, 1, 2),
        "left": (1, 0, 2, 1),
        "a": (1, 1, 1, 1),
        "d": (2, 2, 1, 1),
    }
    assert sum(not cell.lines for cell in table.cells) == 2


def test_lines_are_cut_between_cells_and_the_rest_is_given_back():
    rules = [(50, y, 350, y) for y in (50, 80, 110)] + [(x, 50, x, 110) for x in (50, 200, 350)]
    text = lines(("Above the table", 50, 20), ("c", 60, 90), ("d", 210, 90))
    text.append(line("left", 60, 60))
    text[-1].words += line("right side", 210, 60).words
    tables, rest = find_tables(text, picture(rules), WIDTH, HEIGHT)
    assert content(tables[0]) == [["left", "right side"], ["c", "d"]]
    assert rest == text[:1]


def test_gaps_in_rules_are_bridged():
    rules = []
    for y in (50, 80, 110):
        rules += [(50, y, 120, y), (126, y, 350, y)]
    rules += [(x, 50, x, 110) for x in (50, 200, 350)]
    text = lines(("a", 60, 60), ("b", 210, 60), ("c", 60, 90), ("d", 210, 90))
    assert content(find(text, rules)[0]) == [["a", "b"], ["c", "d"]]


def test_borderless():
    (table,) = find(goods())
    assert content(table) == GOODS
    assert not table.ruled
    assert [cell.header for cell in table.cells if cell.row < 2] == [True] * 3 + [False] * 3


def test_right_to_left_columns_are_counted_from_the_right():
    words = {"Item": "פריט", "Price": "מחיר", "Pieces": "כמות", "Bolt": "בורג", "Spring": "קפיץ"}
    words |= {"Nut with flange": "אום", "Washer": "דסקית"}
    hebrew = [[words.get(text, text) for text in row] for row in GOODS]
    text = lines(
        *(
            (cell, 350 - 150 * column, 100 + 25 * row)
            for row, cells in enumerate(hebrew)
            for column, cell in enumerate(cells)
            if cell
        )
    )
    for each in text:
        each.direction = "rtl" if each.words[0].text.isalpha() else "ltr"
    (table,) = find(text)
    assert content(table) == hebrew
    assert [cell.text for cell in table.cells[:3]] == hebrew[0]


def test_headings_of_right_to_left_tables_span_as_in_others():
    upright = [*goods(), line("Price list of 2026", 229, 82)]
    turned = [
        Line(
            words=[
                Word(text="א" * len(w.text) if w.text.isalpha() else w.text,
                     box=(WIDTH - w.box[2], w.box[1], WIDTH - w.box[0], w.box[3]))
                for w in reversed(each.words)
            ],
            box=(WIDTH - each.box[2], each.box[1], WIDTH - each.box[0], each.box[3]),
            direction="rtl" if each.words[0].text.isalpha() else "ltr",
        )
        for each in upright
    ]  # fmt: skip
    places = [
        [(c.row, c.column, c.row_span, c.column_span) for c in find(text)[0].cells]
        for text in (upright, turned)
    ]
    assert places[0] == places[1]


def test_only_horizontal_rules():
    rules = [(45, y, 430, y) for y in (92, 118, 218)]
    assert content(find(goods(), rules)[0]) == GOODS


def test_no_row_is_left_in_which_no_cell_begins():
    rules = [(50.0, y, 350.0, y) for y in (50.0, 90.0, 120.0, 150.0, 180.0)]
    head = [("Receipt12", 60, 55), ("2018-04", 214, 55), ("Shop", 276, 55)]
    head += [("No", 60, 71), ("0123456789", 92, 71), ("TillCounter", 212, 71), ("Cashier", 282, 71)]
    goods = [("Salt", 60, 100), ("1.20", 310, 100), ("Rye bread", 60, 130), ("3.40", 310, 130)]
    goods += [("Blackcurrant jam", 60, 160), ("4.20", 300, 160)]
    (table,) = find(lines(*head, *goods), rules)
    assert {cell.row for cell in table.cells} == set(range(table.rows))
    assert content(table)[-2:] == [["Rye bread", "3.40"], ["Blackcurrant jam", "4.20"]]


def test_tables_side_by_side_with_a_rule_under_every_row():
    def half(x: float) -> list[Line]:
        return lines(
            ("Shop", x, 60),
            ("Where", x + 90, 60),
            ("Cafe", x, 90),
            ("Some, more, others", x + 90, 90),
            ("and a few", x + 90, 104),
            ("Store", x, 134),
            ("All of them, everywhere", x + 90, 134),
        )

    rules = [(x, y, x + 240, y) for x in (30, 330) for y in (50, 80, 124, 154)]
    tables = find([*half(30), *half(330)], rules)
    wanted = [
        ["Shop", "Where"],
        ["Cafe", "Some, more, others and a few"],
        ["Store", "All of them, everywhere"],
    ]
    assert [content(table) for table in tables] == [wanted, wanted]


def test_cells_of_several_lines():
    text = lines(
        ("Part", 50, 100),
        ("Use", 200, 100),
        ("Price", 400, 100),
        ("Bolt", 50, 130),
        ("Holds the plate to the", 200, 130),
        ("1.20", 400, 130),
        ("lower frame", 200, 143),
        ("Nut", 50, 173),
        ("Goes on the bolt", 200, 173),
        ("0.35", 400, 173),
        ("Washer", 50, 203),
        ("Lies under the nut and", 200, 203),
        ("0.10", 400, 203),
        ("spreads the load", 200, 216),
    )
    (table,) = find(text)
    assert content(table)[1] == ["Bolt", "Holds the plate to the lower frame", "1.20"]
    assert table.rows == 4


def test_a_line_centred_beside_two_is_of_their_row():
    text = lines(
        ("Part", 50, 100),
        ("Price", 200, 100),
        ("Day", 300, 100),
        ("Copper", 50, 130),
        ("wire", 50, 142),
        ("1.20", 200, 136),
        ("17 December", 300, 130),
        ("2020", 300, 142),
        ("Bolt", 50, 172),
        ("0.35", 200, 172),
        ("3 May 2021", 300, 172),
        ("Nut", 50, 202),
        ("0.10", 200, 202),
        ("9 June 2021", 300, 202),
    )
    (table,) = find(text)
    assert content(table)[1] == ["Copper wire", "1.20", "17 December 2020"]
    assert table.rows == 4


def test_long_names_of_rows_are_no_prose():
    names = ["Copper wire, 80 m", "Copper wire, 95 m", "Grey board, 2 mm", "Wire staples 26"]
    rows = [("Goods", "Price", "Day"), *((name, "1.20", "3 May 2021") for name in names)]
    text = lines(
        *(
            (cell, x, 100 + 18 * row)
            for row, cells in enumerate(rows)
            for cell, x in zip(cells, (50, 180, 230), strict=True)
        )
    )
    (table,) = find(text)
    assert [row[0] for row in content(table)] == ["Goods", *names]


def test_a_table_in_one_of_two_columns_of_which_the_other_is_nearly_empty():
    above = justified(50, 20, 390, ["Where two bids were equal the quality office chose it"] * 4)
    below = justified(50, 230, 390, ["A further sum has been set aside for the paper work"] * 4)
    beside = justified(430, 20, 590, ["The figures include", "a little more pulp"])
    tables, rest = find_tables([*above, *goods(), *below, *beside], None, WIDTH, HEIGHT)
    assert [content(table) for table in tables] == [GOODS]
    assert rest == [*above, *below, *beside]


def test_heading_over_two_columns():
    text = goods()
    text += lines(("Price list of 2026", 229, 82))
    (table,) = find(text)
    head = next(cell for cell in table.cells if cell.text.startswith("Price list"))
    assert (head.row, head.column, head.column_span) == (0, 1, 2)


PROSE = [
    *("the", "quick", "brown", "fox", "jumps", "over", "it", "and", "lazy", "dogs", "were"),
    *("sleeping", "near", "one", "old", "river", "bank"),
]


def column_of_prose(x: float, start: int) -> list[Line]:
    def words(row: int) -> str:
        chosen = [PROSE[(start + row * 5 + k * 3) % len(PROSE)] for k in range(8)]
        while sum(map(len, chosen)) * LETTER + 4 * len(chosen) > 250:
            chosen.pop()
        return " ".join(chosen)

    return [line(words(row), x, 60 + 14 * row) for row in range(20)]


def pairs(right: float, *texts: tuple[str, str]) -> list[Line]:
    rows = [((a, 40.0, 60.0 + 20 * i), (b, right, 60.0 + 20 * i)) for i, (a, b) in enumerate(texts)]
    return lines(*(spec for row in rows for spec in row))


NOT_TABLES = {
    "two columns of prose": column_of_prose(30, 0) + column_of_prose(320, 4),
    "prose": column_of_prose(30, 0),
    "list": pairs(70, *((f"{i + 1}.", f"{PROSE[i]} {PROSE[i + 3]}") for i in range(6))),
    "contents": pairs(400, *((f"Chapter {PROSE[i]}", str(3 + 7 * i)) for i in range(6))),
    "form": pairs(200, *((f"{PROSE[i]}:", f"{i}{i}{i}") for i in range(6))),
    "one line": lines(("a", 40, 60), ("b", 200, 60), ("c", 400, 60)),
    "nothing": [],
}


@pytest.mark.parametrize("name", NOT_TABLES)
def test_no_table(name: str):
    text = NOT_TABLES[name]
    tables, rest = find_tables(text, None, WIDTH, HEIGHT)
    assert tables == []
    assert rest == text


def test_a_frame_round_text_is_no_table():
    frame = [(20, 50, 290, 50), (20, 350, 290, 350), (20, 50, 20, 350), (290, 50, 290, 350)]
    assert find(column_of_prose(30, 0), frame) == []


def justified(x: float, y: float, right: float, texts: Sequence[str]) -> list[Line]:
    """Lines of text whose spaces fill them up to the right edge."""
    found = []
    for row, text in enumerate(texts):
        words = text.split()
        space = (right - x - LETTER * sum(map(len, words))) / (len(words) - 1)
        left, placed = x, []
        for word in words:
            placed += line(word, left, y + 14 * row).words
            left = placed[-1].box[2] + space
        found.append(Line(words=placed, box=box_union(w.box for w in placed)))
    return found


def test_justified_text_round_a_table_stays_out_of_it():
    above = justified(50, 40, 390, ["Where two bids were equal the quality office chose it"] * 3)
    below = justified(50, 216, 390, ["A further sum has been set aside for the paper work"] * 3)
    assert above[0].words[1].box[0] - above[0].words[0].box[2] > 0.6 * 10
    tables, rest = find_tables([*above, *goods(), *below], None, WIDTH, HEIGHT)
    assert [content(table) for table in tables] == [GOODS]
    assert rest == [*above, *below]


def test_text_written_over_drawn_columns_stays_whole():
    xs, ys = (50, 150, 250, 350), (50, 80, 110, 140)
    rules = [(50, y, 350, y) for y in ys] + [(x, 50, x, 140) for x in xs]
    text = lines(
        *((word, x + 8, 60) for word, x in zip(["Code", "Goods", "Price"], xs, strict=False)),
        ("This authorises the laboratory to buy", 58, 90),
        *((word, x + 8, 120) for word, x in zip(["7", "Bolts", "1.20"], xs, strict=False)),
    )
    (table,) = find(text, rules)
    assert [cell.text for cell in table.cells if cell.row == 1] == [text[3].text]


def test_labels_of_a_drawing_are_no_table():
    rng = np.random.default_rng(0)
    image = picture([])
    image.pixels[:] = rng.integers(0, 256, image.pixels.shape, np.uint8)
    assert find_tables(goods(), picture([]), WIDTH, HEIGHT)[0]
    assert not find_tables(goods(), image, WIDTH, HEIGHT)[0]


def test_a_rule_that_lines_run_past_is_no_border():
    rules = [(200, y, 420, y) for y in (40, 75, 110, 145)] + [(200, 40, 200, 145)]
    rules += [(300, 40, 300, 145), (420, 40, 420, 145)]
    text = lines(*((" ".join(PROSE[:8]), 50, y) for y in (50, 85, 120)), ("x", 350, 50))
    assert find(text, rules) == []


@st.composite
def tilings(draw: st.DrawFn) -> tuple[int, int, list[tuple[int, int, int, int]]]:
    """Rows, columns and non-overlapping rectangles (row, column, spans) that fill them."""
    rows, columns = draw(st.integers(2, 6)), draw(st.integers(2, 5))
    taken: set[tuple[int, int]] = set()
    slots = []
    for row in range(rows):
        for column in range(columns):
            if (row, column) in taken:
                continue
            wide = draw(st.sampled_from([1, 1, 1, 2])) if column + 1 < columns else 1
            high = draw(st.sampled_from([1, 1, 1, 2])) if row + 1 < rows else 1
            wide = 1 if (row, column + 1) in taken else wide
            slots.append((row, column, high, wide))
            taken |= {(row + r, column + c) for r in range(high) for c in range(wide)}
    return rows, columns, slots


def visible_only(slots: list[tuple[int, int, int, int]]) -> bool:
    """Whether every boundary is drawn somewhere: others can't be seen in a picture."""
    tops = {row for row, *_ in slots}
    lefts = {column for _, column, *_ in slots}
    rows = max(row + high for row, _, high, _ in slots)
    columns = max(column + wide for _, column, _, wide in slots)
    return len(tops) == rows and len(lefts) == columns


@settings(max_examples=40, deadline=None)
@given(tilings().filter(lambda tiling: visible_only(tiling[2]) and len(tiling[2]) > 1))
def test_any_ruled_grid_is_recovered(tiling: tuple[int, int, list[tuple[int, int, int, int]]]):
    rows, columns, slots = tiling
    rules, text = [], []
    for row, column, high, wide in slots:
        x0, y0 = 30 + 100 * column, 40 + 40 * row
        x1, y1 = x0 + 100 * wide, y0 + 40 * high
        rules += [(x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)]
        text.append(line(f"r{row}c{column}", x0 + 8, y0 + 15))
    (table,) = find(text, rules)
    found = {(c.row, c.column, c.row_span, c.column_span): c.text for c in table.cells}
    assert (table.rows, table.columns) == (rows, columns)
    assert found == {slot: f"r{slot[0]}c{slot[1]}" for slot in slots}


def page(number: int, *items: Block | Table) -> Page:
    return Page(number=number, width=WIDTH, height=HEIGHT, items=list(items))


def table(name: str, header: str, x: float = 50) -> Table:
    cells = [
        Cell(row=row, column=column, lines=[line(text, x + 100 * column, 50.0 * row)],
             box=(x + 100 * column, 50.0 * row, x + 100 * column + 100, 50.0 * row + 50))
        for row, texts in enumerate([[header, "Sum"], ["a", "1"]])
        for column, text in enumerate(texts)
    ]  # fmt: skip
    return Table(id=name, rows=2, columns=2, cells=cells, box=(x, 0, x + 200, 100))


def block(role: str) -> Block:
    return Block(role=role, lines=[line("text", 50, 400)], box=(50, 400, 74, 410))


def test_tables_go_on_over_pages():
    document = Document(
        pages=[
            page(1, block("paragraph"), table("t1", "Name"), block("footer")),
            page(2, block("header"), table("t2", "Name", x=70)),
            page(3, table("t3", "7", x=70), block("paragraph")),
            page(4, table("t4", "Other", x=200)),
        ]
    )
    pages = continue_tables(document).pages
    assert [p.tables[0].continues for p in pages] == [None, "t1", "t2", None]


@pytest.mark.skipif("VLKIT_DATA" not in os.environ, reason="VLKIT_DATA names no folder of PDFs")
def test_transcribed_tables():
    pdf = pytest.importorskip("vlkit.pdf")
    engine = pytest.importorskip("vlkit.reading.engines.pdf_text").PdfText()
    folder = Path(__file__).parent / "data" / "tables"
    scores = []
    with (folder / "index.tsv").open() as file:
        entries = [e for e in csv.DictReader(file, delimiter="\t") if e["file"].startswith("redp")]
    for entry in entries:
        path = Path(os.environ["VLKIT_DATA"]) / entry["folder"] / entry["file"]
        with pdf.PdfFile(path) as source:
            image = source.page(int(entry["page"]))
            found, _ = find_tables(engine.recognise(image, []), image, image.width, image.height)
        truth = (folder / entry["html"]).read_text()
        scores += score_tables([truth], found)
    assert sum(scores) / len(scores) > 0.9
