"""Entities and relations: seqeval's own figures on any tags; words read apart, together, not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities

from vlkit.document import Block, Box, Document, Entity, Line, Page, Relation, Word
from vlkit.errors import InputError
from vlkit.evaluation.entities import (
    Counts,
    Span,
    compare,
    compare_read,
    count,
    count_tags,
    spans,
)

TAGS = st.sampled_from(["O", *(f"{part}-{label}" for part in "BI" for label in ("X", "Y", "a-b"))])
PAIRS = st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=12)


@given(st.lists(TAGS, max_size=12))
def test_spans_are_seqevals(tags: list[str]) -> None:
    theirs = [Span(label, start, last + 1) for label, start, last in get_entities(tags)]
    assert spans(tags) == theirs


@settings(deadline=None, max_examples=50)
@given(st.lists(PAIRS, min_size=1, max_size=4))
def test_figures_are_seqevals(documents: list[list[tuple[str, str]]]) -> None:
    predicted = [[ours for ours, _ in pairs] for pairs in documents]
    true = [[theirs for _, theirs in pairs] for pairs in documents]
    found = count_tags(predicted, true)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of nothing predicted, for which both say 0
        assert found.precision == pytest.approx(precision_score(true, predicted))
        assert found.recall == pytest.approx(recall_score(true, predicted))
        assert found.f1 == pytest.approx(f1_score(true, predicted))
        if found.labels:
            report = classification_report(true, predicted, output_dict=True, zero_division=0)
            for label in found.labels:
                one, theirs = found.of(label), report[label]
                assert one.precision == pytest.approx(theirs["precision"])
                assert one.recall == pytest.approx(theirs["recall"])
                assert one.f1 == pytest.approx(theirs["f1-score"])
                assert one.true.total() == theirs["support"]


def test_tags_of_other_words_are_refused() -> None:
    with pytest.raises(ValueError, match="2 tags were predicted of 1 words"):
        count_tags([["O", "O"]], [["O"]])


def test_counts_add_up_and_nothing_scores_nothing() -> None:
    one = count([("X", 1), ("X", 1), ("Y", 2)], [("X", 1), ("X", 3)])
    assert (one.right, one.predicted["X"]) == ({"X": 1}, 2)  # said twice, right once
    both = one + count([("Y", 4)], [("Y", 4)])
    assert both.of("Y").f1 == pytest.approx(2 / 3)
    assert both.f1 == pytest.approx(2 * 2 / (4 + 3))
    assert (Counts().precision, Counts().recall, Counts().f1) == (0, 0, 0)


# Documents: words stand on a row, 10 wide and 10 apart.

ROW = ["Name:", "Ann", "Lee", "<unk>", "Age:", "30"]


def place(first: int, last: int | None = None) -> Box:
    return (20.0 * first, 0.0, 20.0 * (first if last is None else last) + 10, 10.0)


def page(
    words: Sequence[tuple[str, Box]],
    entities: Sequence[tuple[str, str, Sequence[int]]],
    number: int = 1,
    size: float = 200,
) -> Page:
    made = [Word(text=text, box=box) for text, box in words]
    blocks = [Block(lines=[Line(words=[word], box=word.box)], box=word.box) for word in made]
    return Page(
        number=number,
        width=size,
        height=size,
        items=list(blocks),
        entities=[
            Entity(id=name, label=label, text="", words=list(indices), box=place(0))
            for name, label, indices in entities
        ],
    )


def link(head: str, tail: str) -> Relation:
    return Relation(head=head, tail=tail, label="link")


GOLD_WORDS = [(text, place(index)) for index, text in enumerate(ROW)]
GOLD = [("q", "question", [0]), ("a", "answer", [1, 2]), ("n", "answer", [4, 5])]


def document(
    words: Sequence[tuple[str, Box]],
    entities: Sequence[tuple[str, str, Sequence[int]]],
    *relations: Relation,
) -> Document:
    one = page(words, entities)
    return Document(pages=[one.model_copy(update={"relations": list(relations)})])


def test_an_entity_needs_its_words_and_its_label() -> None:
    true = document(GOLD_WORDS, GOLD, link("q", "a"))
    found = [("1", "question", [0]), ("2", "answer", [1]), ("3", "header", [4, 5])]
    entities, relations = compare(document(GOLD_WORDS, found, link("1", "2")), true)
    assert entities.right == {"question": 1}
    assert (entities.precision, entities.recall) == (1 / 3, 1 / 3)
    assert relations.f1 == 0  # its tail has half of the answer's words
    other_label = [("1", "header", [0]), ("2", "ANSWER", [2, 1])]
    entities, relations = compare(document(GOLD_WORDS, other_label, link("1", "2")), true)
    assert (entities.right.total(), relations.f1) == (1, 1)
    _, relations = compare(document(GOLD_WORDS, other_label, link("2", "1")), true)
    assert relations.f1 == 0


def test_relations_run_across_pages() -> None:
    first = page(GOLD_WORDS, GOLD[:1])
    second = page(GOLD_WORDS, [("far", "answer", [1])], number=2)
    true = Document(pages=[first, second], relations=[link("q", "far")])
    assert compare(true, true)[1].f1 == 1
    near = page(GOLD_WORDS, [*GOLD[:1], ("far", "answer", [1])])
    bare = page(GOLD_WORDS, [], number=2)
    same_words_of_page_one = Document(pages=[near, bare], relations=[link("q", "far")])
    entities, relations = compare(same_words_of_page_one, true)
    assert (entities.right.total(), relations.f1) == (1, 0)


def test_gold_words_must_be_the_same() -> None:
    true = document(GOLD_WORDS, GOLD).model_copy(update={"name": "form"})
    with pytest.raises(InputError, match=r"form.*page 1"):
        compare(document(GOLD_WORDS[1:], []), true)


@pytest.mark.parametrize("size", [200.0, 50.0])
def test_words_read_apart_or_together_stand_for_the_same(size: float) -> None:
    true = document(GOLD_WORDS, GOLD, link("q", "a"))
    read = [
        ("Name", (0, 0, 6, 10)),
        (":", (6, 1, 10, 10)),
        ("AnnLee", place(1, 2)),
        ("Age:", place(4)),
        ("3O", place(5)),
        ("|", (150, 100, 152, 130)),
    ]
    small = [(text, tuple(size / 200 * each for each in box)) for text, box in read]
    marks = [("1", "question", [0, 1]), ("2", "answer", [2]), ("3", "answer", [3, 4, 5])]
    both = page(small, marks, size=size).model_copy(update={"relations": [link("1", "2")]})
    entities, relations = compare_read(Document(pages=[both]), true)
    assert (entities.f1, relations.f1) == (1, 1)


def test_what_was_not_read_or_was_made_up_is_wrong() -> None:
    true = document(GOLD_WORDS, GOLD, link("q", "a"))
    without_lee = [GOLD_WORDS[0], GOLD_WORDS[1], ("|", (150, 100, 152, 130)), *GOLD_WORDS[4:]]
    marks = [("1", "question", [0]), ("2", "answer", [1]), ("3", "header", [2])]
    entities, relations = compare_read(document(without_lee, marks, link("1", "2")), true)
    assert entities.right == {"question": 1}
    assert (entities.predicted.total(), entities.true.total()) == (3, 3)
    assert relations.f1 == 0


def test_a_word_in_two_entities_is_right_once() -> None:
    true = document(GOLD_WORDS, GOLD[:1])
    halves = [("Name", (0, 0, 6, 10)), (":", (6, 1, 10, 10))]
    found = document(halves, [("1", "question", [0]), ("2", "question", [1])])
    entities, _ = compare_read(found, true)
    assert (entities.right.total(), entities.predicted.total()) == (1, 2)


def test_what_nobody_could_read_counts_on_neither_side() -> None:
    marks = [("q", "question", [0]), ("a", "answer", [1, 2, 3]), ("u", "answer", [3])]
    true = document(GOLD_WORDS, marks, link("q", "a"), link("q", "u"))
    read = [*GOLD_WORDS[:3], ("scrawl", place(3))]
    found = [("1", "question", [0]), ("2", "answer", [1, 2]), ("3", "header", [3])]
    entities, relations = compare_read(document(read, found, link("1", "2"), link("1", "3")), true)
    assert (entities.f1, relations.f1) == (1, 1)
    assert entities.predicted.total() == 2
