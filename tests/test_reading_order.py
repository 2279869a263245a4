"""Reading order: boxes → order, and the score of an order."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlkit.data.random_pages import random_document
from vlkit.document import Block, Box, Document, Page
from vlkit.evaluation.reading_order import (
    OrderCounts,
    count_relations,
    naive_order,
    read_docbank_page,
    read_folder,
    read_generated,
    score_naive,
    score_page,
    successors,
)
from vlkit.layout.finish import finish
from vlkit.layout.order import facing_pages, reading_order
from vlkit.layout.stages import analyse

BOXES = st.lists(
    st.tuples(st.integers(0, 90), st.integers(0, 90), st.integers(1, 60), st.integers(1, 20)).map(
        lambda b: (float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3]))
    ),
    max_size=25,
)


def column(x: float, tops: list[float], width: float = 200.0) -> list[Box]:
    """Paragraphs of three lines of 10."""
    return [(x, top, x + width, top + 36) for top in tops]


@given(boxes=BOXES)
@settings(max_examples=60, deadline=None)
def test_every_box_is_read_once(boxes: list[Box]) -> None:
    assert sorted(reading_order(boxes)) == list(range(len(boxes)))


@given(boxes=BOXES, factor=st.sampled_from([0.25, 2.0, 8.0]))
@settings(max_examples=60, deadline=None)
def test_the_order_does_not_depend_on_the_scale(boxes: list[Box], factor: float) -> None:
    scaled = [(a * factor, b * factor, c * factor, d * factor) for a, b, c, d in boxes]
    assert reading_order(scaled) == reading_order(boxes)


def test_columns_under_a_title_are_read_one_after_the_other() -> None:
    boxes: list[Box] = [(0, 0, 420, 20)]
    boxes += column(0, [40, 90, 140]) + column(220, [40, 90, 140])
    assert reading_order(boxes, line_height=10) == [0, 1, 2, 3, 4, 5, 6]


def test_right_to_left_columns_start_on_the_right() -> None:
    boxes = column(0, [40, 90]) + column(220, [40, 90])
    assert reading_order(boxes, line_height=10, direction="rtl") == [2, 3, 0, 1]


def test_a_float_over_both_columns_parts_them() -> None:
    boxes = column(0, [0, 300]) + column(220, [0, 300])
    boxes.append((0, 100, 420, 250))
    assert reading_order(boxes, line_height=10) == [0, 2, 4, 1, 3]


def test_a_short_heading_over_all_columns_parts_them() -> None:
    boxes = column(0, [0, 50]) + column(220, [0, 50])
    heading: Box = (0, 115, 90, 130)
    boxes += [heading, *column(0, [150, 200]), *column(220, [150, 200])]
    assert reading_order(boxes, line_height=10) == list(range(9))
    # The other column goes on beside it: then it belongs to its own column alone.
    boxes[2:4] = column(220, [0, 90])
    assert reading_order(boxes, line_height=10) == [0, 1, 4, 5, 6, 2, 3, 7, 8]


def test_a_last_column_of_two_lines_is_read_last() -> None:
    boxes = [*column(0, [0, 50, 100, 150]), (220.0, 0.0, 420.0, 22.0)]
    assert reading_order([(0, -40, 90, -25), *boxes], line_height=10) == list(range(6))


def test_facing_pages_are_told_from_a_wide_page() -> None:
    left, right = column(40, [20, 120, 220]), column(360, [30, 130, 230])
    assert facing_pages([*left, *right], (600, 300), 10.0) == [[0, 1, 2], [3, 4, 5]]
    across: Box = (40, 270, 560, 290)
    assert len(facing_pages([*left, *right, across], (600, 300), 10.0)) == 1
    assert len(facing_pages([*left, *right], (600, 600), 10.0)) == 1


def test_a_note_in_the_left_margin_is_read_after_the_text() -> None:
    note = (20.0, 100.0, 120.0, 150.0)
    boxes = [note, *column(150, [100, 200, 300, 400])]
    boxes = [(x0, y0, x1, y0 + 60) for x0, y0, x1, _ in boxes]
    assert reading_order(boxes, line_height=10) == [1, 2, 3, 4, 0]


def test_labels_are_read_with_their_values() -> None:
    labels: list[Box] = [(0, 30.0 * row, 60, 30.0 * row + 10) for row in range(6)]
    values: list[Box] = [(100, 30.0 * row + 2, 180, 30.0 * row + 12) for row in range(6)]
    order = reading_order(labels + values, line_height=10)
    assert order == [index for row in range(6) for index in (row, row + 6)]


def test_a_signature_over_three_rows_does_not_turn_a_form_into_columns() -> None:
    labels: list[Box] = [(0, 30.0 * row, 60, 30.0 * row + 10) for row in range(6)]
    values: list[Box] = [(100, 30.0 * row + 2, 180, 30.0 * row + 12) for row in range(6)]
    signature: Box = (300, 20, 360, 130)
    order = reading_order([*labels, *values, signature], line_height=10)
    for row in range(6):
        assert order.index(row + 6) > order.index(row)
        assert row == 5 or order.index(row + 6) < order.index(row + 1)


def test_counting_relations_matches_counting_by_hand() -> None:
    counts = count_relations([(0, 1), (1, 2), (2, 3)], [(0, 1), (2, 3), (3, 4), (0, 1)])
    assert counts == OrderCounts(found=2, predicted=3, true=3)
    assert counts.relation_f1 == pytest.approx(2 / 3)
    assert (counts + OrderCounts(0, 2, 2)).relation_f1 == pytest.approx(4 / 10)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6))), st.permutations(range(7)))
def test_relation_f1_is_the_harmonic_mean_of_precision_and_recall(
    true: list[tuple[int, int]], order: list[int]
) -> None:
    ours = set(pairwise(order))
    hits = len([pair for pair in set(true) if pair in ours])
    precision, recall = hits / len(ours), hits / len(set(true)) if true else 0.0
    expected = 2 * precision * recall / (precision + recall) if hits else 0.0
    assert count_relations(successors(order), true).relation_f1 == pytest.approx(expected)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_generated_pages_come_out_in_order(columns: int) -> None:
    ours, naive = OrderCounts(), OrderCounts()
    for seed in range(70, 74):
        for truth in random_document(seed, columns=columns).truth.pages:
            ordered = read_generated(truth)
            ours += _analysed(truth)
            naive += count_relations(
                successors(naive_order([line.box for line in ordered.lines])), ordered.relations
            )
    assert ours.relation_f1 > 0.85
    assert ours.relation_f1 > naive.relation_f1 + 0.02


def _analysed(truth: Page) -> OrderCounts:
    ordered = read_generated(truth)
    bare = Page(
        number=truth.number,
        width=truth.width,
        height=truth.height,
        items=[Block(lines=[line], box=line.box) for line in ordered.lines],
    )
    page = finish(Document(pages=[analyse(bare, None)])).pages[0]
    of_word = {(w.text, w.box): i for i, line in enumerate(ordered.lines) for w in line.words}
    order = list(dict.fromkeys(of_word[word.text, word.box] for word in page.words))
    return count_relations(successors(order), ordered.relations)


def test_docbank_rows_are_divided_into_columns(tmp_path: Path) -> None:
    rows = []
    for line in range(12):
        for x, side in ((100, "left"), (520, "right")):
            for word in range(6):
                box = (x + 60 * word, 100 + 20 * line, x + 55 + 60 * word, 112 + 20 * line)
                rows.append("\t".join([f"{side}{line}", *map(str, box), *"000", "F", "paragraph"]))
    file = tmp_path / "page.txt"
    file.write_text("\n".join(rows), encoding="utf-8")
    page = read_docbank_page(file)
    following = dict(page.relations)
    first = next(i for i in following if i not in following.values())
    sides = []
    while True:
        sides.append(page.lines[first].words[0].text)
        if first not in following:
            break
        first = following[first]
    assert sides == [f"{side}{line}" for side in ("left", "right") for line in range(12)]


@pytest.mark.skipif("VLKIT_DATA" not in os.environ, reason="needs VLKIT_DATA")
@pytest.mark.parametrize(("name", "least"), [("funsd", 0.55), ("docbank", 0.93)])
def test_real_pages_come_out_better_than_top_to_bottom(name: str, least: float) -> None:
    pages = read_folder(Path(os.environ["VLKIT_DATA"]) / name)[::5]
    ours, naive = OrderCounts(), OrderCounts()
    for page in pages:
        ours += score_page(page)
        naive += score_naive(page)
    assert ours.relation_f1 > least
    assert ours.relation_f1 > naive.relation_f1 + 0.1
