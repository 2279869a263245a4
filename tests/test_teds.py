"""TEDS against two independent tree edit distances, and by cases worked out by hand."""

from __future__ import annotations

import functools

import pytest
from apted import APTED, Config
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from vlkit.document import Cell, Line, Table, Word
from vlkit.evaluation.tables import score_tables, teds, tree_of

CELLS = st.tuples(
    st.sampled_from(["", "a", "ab", "total", "1 200"]), *[st.sampled_from([1, 1, 2])] * 2
)
ROWS = st.lists(st.lists(CELLS, max_size=4), max_size=4)


class Node:
    """A tree as both independent implementations want it."""

    def __init__(self, label: tuple[str, int, int], text: str, children: list[Node]) -> None:
        self.label, self.text, self.children = label, text, children

    def key(self) -> tuple[object, ...]:
        return (self.label, self.text, tuple(child.key() for child in self.children))


class TedsCosts(Config):
    def rename(self, node1: Node, node2: Node) -> float:
        if node1.label != node2.label:
            return 1.0
        return Levenshtein.normalized_distance(node1.text, node2.text)

    def children(self, node: Node) -> list[Node]:
        return node.children


def as_node(rows: list[list[tuple[str, int, int]]]) -> Node:
    return Node(
        ("table", 1, 1),
        "",
        [Node(("tr", 1, 1), "", [Node(("td", c, r), t, []) for t, c, r in row]) for row in rows],
    )


def as_html(rows: list[list[tuple[str, int, int]]]) -> str:
    body = "".join(
        "<tr>" + "".join(f'<td colspan="{c}" rowspan="{r}">{t}</td>' for t, c, r in row) + "</tr>"
        for row in rows
    )
    return f"<table>{body}</table>"


def size(node: Node) -> int:
    return 1 + sum(size(child) for child in node.children)


@functools.cache
def naive(first: tuple[object, ...], second: tuple[object, ...]) -> float:
    """Forest distance by the textbook recurrence on the rightmost roots."""
    if not first and not second:
        return 0.0
    options = []
    if first:
        *rest, (_, _, children) = first
        options.append(1 + naive((*rest, *children), second))
    if second:
        *rest, (_, _, children) = second
        options.append(1 + naive(first, (*rest, *children)))
    if first and second:
        (*rest1, (label1, text1, below1)), (*rest2, (label2, text2, below2)) = first, second
        cost = 1.0 if label1 != label2 else Levenshtein.normalized_distance(text1, text2)
        options.append(naive(tuple(rest1), tuple(rest2)) + naive(below1, below2) + cost)
    return min(options)


@settings(max_examples=150, deadline=None)
@given(ROWS, ROWS)
def test_equals_apted(a: list[list[tuple[str, int, int]]], b: list[list[tuple[str, int, int]]]):
    first, second = as_node(a), as_node(b)
    distance = APTED(first, second, TedsCosts()).compute_edit_distance()
    wanted = 1 - distance / max(size(first), size(second))
    assert teds(as_html(a), as_html(b)) == pytest.approx(wanted)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(CELLS, max_size=3), max_size=2),
    st.lists(st.lists(CELLS, max_size=3), max_size=2),
)
def test_equals_textbook(a: list[list[tuple[str, int, int]]], b: list[list[tuple[str, int, int]]]):
    naive.cache_clear()
    first, second = as_node(a), as_node(b)
    wanted = 1 - naive((first.key(),), (second.key(),)) / max(size(first), size(second))
    assert teds(as_html(a), as_html(b)) == pytest.approx(wanted)


def test_by_hand():
    truth = "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>"  # 7 nodes
    assert teds(truth, truth) == 1
    assert teds(truth, truth.replace("<td>d</td>", "")) == pytest.approx(1 - 1 / 7)
    assert teds(truth, truth.replace(">d<", ">e<")) == pytest.approx(1 - 1 / 7)
    assert teds(truth, truth.replace(">d<", ">e<"), structure_only=True) == 1
    spanned = truth.replace("<td>c</td><td>d</td>", '<td colspan="2">c</td>')
    assert teds(truth, spanned, structure_only=True) == pytest.approx(1 - 2 / 7)


def test_headers_and_white_space_do_not_count():
    plain = "<table><tr><td>a b</td></tr><tr><td>ﬁ</td></tr></table>"
    marked = (
        "<table><thead><tr><th> a<br>b</th></tr></thead>"
        "<tbody><tr><td><b>fi</b></td></tr></tbody></table>"
    )
    assert teds(plain, marked) == 1


def test_a_table_equals_its_html():
    def cell(text: str, row: int, column: int, **spans: int) -> Cell:
        box = (0.0, 0.0, 1.0, 1.0)
        lines = [Line(words=[Word(text=part, box=box)], box=box) for part in text.split()]
        return Cell(row=row, column=column, lines=lines, box=box, **spans)

    cells = [cell("b", 1, 1), cell("a c", 0, 0, row_span=2), cell("d", 0, 1)]
    table = Table(rows=2, columns=2, cells=cells, box=(0, 0, 1, 1))
    html = '<table><tr><td rowspan="2">a c</td><td>d</td></tr><tr><td>b</td></tr></table>'
    assert teds(table, html) == 1
    assert tree_of(table).texts == tree_of(html).texts


def test_tables_of_a_page_are_paired_and_the_rest_count_nothing():
    one = "<table><tr><td>1</td><td>2</td></tr></table>"
    two = "<table><tr><td>x</td></tr><tr><td>y</td></tr><tr><td>z</td></tr></table>"
    assert score_tables([one, two], [two, one]) == [1, 1]
    assert score_tables([one, two], [two]) == [0, 1]
    assert score_tables([two], [one, two, one]) == [1, 0, 0]
    assert score_tables([], [one]) == [0]
    assert score_tables([], []) == []


def test_broken_html_does_not_raise():
    assert teds("<table><tr><td colspan='x'>a", "<table><tr><td>a</td></tr></table>") == 1
    assert teds("no table", "<table></table>") == 1
