"""Generated documents: their labels, links, fields and order are right by construction."""

from __future__ import annotations

import re
from typing import get_args

import numpy as np
import pytest

from vlkit.data.labelled import LabelledDocument, with_fields_as_entities
from vlkit.data.labelled.drafts import Draft, GeneratedDocument, Piece, answer, question
from vlkit.data.labelled.generated import Kind, generated
from vlkit.data.labelled.texts import Language
from vlkit.data.pages import Style
from vlkit.errors import InputError

KINDS: tuple[Kind, ...] = get_args(Kind)
LANGUAGES: tuple[Language, ...] = get_args(Language)


@pytest.fixture(scope="module")
def made() -> dict[tuple[Kind, Language, int], GeneratedDocument]:
    return {
        (kind, language, number): generated(number, language, kind)
        for kind in KINDS
        for language in LANGUAGES
        for number in range(3)
    }


def says(document: LabelledDocument, name: str) -> list[str]:
    return [field.value for field in document.fields if field.name == name]


def test_entities_are_what_their_words_say(made) -> None:
    for document in made.values():
        page = document.labelled.pages[0]
        words, seen = page.words, set()
        for each in page.entities:
            said = [words[index] for index in each.words]
            assert each.text == " ".join(word.text for word in said)
            assert all(each.box[0] <= word.box[0] and word.box[3] <= each.box[3] for word in said)
            assert not seen & set(each.words)
            seen |= set(each.words)
        labels = {each.label for each in page.entities}
        assert {"question", "answer"} <= labels <= {"header", "question", "answer"}


def test_links_go_from_header_to_question_to_answer(made) -> None:
    for document in made.values():
        page = document.labelled.pages[0]
        label = {each.id: each.label for each in page.entities}
        parents = [relation.tail for relation in page.relations]
        assert len(parents) == len(set(parents))
        assert {(label[r.head], label[r.tail]) for r in page.relations} <= {
            ("header", "question"),
            ("question", "answer"),
        }
        answers = {name for name, what in label.items() if what == "answer"}
        assert answers <= set(parents)


def test_an_answer_stands_right_of_its_question_or_below(made) -> None:
    for document in made.values():
        page = document.labelled.pages[0]
        found = {each.id: each for each in page.entities}
        for relation in page.relations:
            if found[relation.head].label == "header":
                continue  # may stand beside the middle of all its questions
            head, tail = found[relation.head].box, found[relation.tail].box
            assert tail[3] > head[1]
            assert tail[2] > head[0] or tail[1] >= head[3]


@pytest.mark.parametrize("kind", ["invoice", "receipt", "statement"])
def test_fields_are_where_they_say_and_add_up(made, kind: Kind) -> None:
    for (what, language, _), document in made.items():
        if what != kind:
            continue
        labelled = document.labelled
        for field in labelled.fields:
            said = "".join(labelled.word(at).text for at in field.words)
            assert said == "".join(field.value.split())
        for name in ("company", "date", "total"):
            assert len(says(labelled, name)) == 1
        total = re.sub(r"\D", "", says(labelled, "total")[0])
        amounts = [int(re.sub(r"\D", "", text)) for text in says(labelled, "items.amount")]
        if kind == "statement":
            assert int(total) == sum(amounts)
        else:
            # Each line's tax is rounded by itself.
            assert int(total) == pytest.approx(1.1 * sum(amounts), abs=len(amounts))
        rows = [field.row for field in labelled.fields if field.name == "items.amount"]
        assert rows == list(range(len(amounts)))
        if kind == "invoice" and language == "kor":
            for number in says(labelled, "registration_number"):
                assert is_valid(number)


def is_valid(number: str) -> bool:
    """Whether a Korean business registration number's check digit is right."""
    assert re.fullmatch(r"\d{3}-\d{2}-\d{5}", number)
    *digits, check = (int(digit) for digit in number.replace("-", ""))
    total = sum(
        digit * weight for digit, weight in zip(digits, [1, 3, 7, 1, 3, 7, 1, 3, 5], strict=True)
    )
    return (10 - (total + digits[8] * 5 // 10) % 10) % 10 == check


def test_a_document_is_a_function_of_its_number(made) -> None:
    again = generated(1, "kor", "receipt")
    assert again.labelled == made["receipt", "kor", 1].labelled
    assert again.labelled != made["receipt", "kor", 2].labelled
    assert generated(1, "kor", "receipt", seed=5).labelled.pages != again.labelled.pages


def test_pictures_carry_their_labels_along(made) -> None:
    document = made["receipt", "eng", 0]
    clean, at_rest = document.picture(100)
    pixels, scanned = document.picture(100, seed=3, strength=1.0)
    page, before = scanned.pages[0], at_rest.pages[0]
    assert pixels.shape[:2] == (page.height, page.width)
    assert clean.shape[:2] == pytest.approx((before.height, before.width), abs=1)
    assert [each.text for each in page.entities] == [each.text for each in before.entities]
    for each in before.entities:
        x0, y0, x1, y1 = (round(edge) for edge in each.box)
        assert np.min(clean[y0:y1, x0:x1]) < 100  # ink
    for each in page.entities:
        x0, y0, x1, y1 = (round(edge) for edge in each.box)
        assert np.ptp(pixels[y0:y1, x0:x1]) > 80


def test_fields_as_entities(made) -> None:
    document = with_fields_as_entities(
        made["receipt", "eng", 0].labelled, ["company", "date", "total"]
    )
    assert {each.label for each in document.pages[0].entities} == {"company", "date", "total"}
    assert document.pages[0].relations == []


def test_words_cut_at_a_lines_end_keep_their_piece() -> None:
    draft = Draft(Style(size=(200.0, 300.0), margins=(20.0, 20.0, 20.0, 20.0)))
    asked = question("Code:")
    long = "A" * 60
    draft.pairs([(asked, answer(long, asked, "code")), (question("Note:"), None)], 1, boxed=True)
    draft.paragraph([[Piece("Thank you")]])
    labelled = draft.finish("x").labelled
    field = labelled.fields[0]
    assert len(field.words) > 1
    assert "".join(labelled.word(at).text for at in field.words) == long
    assert [each.label for each in labelled.pages[0].entities] == ["question", "answer", "question"]


def test_a_page_that_is_too_full_is_set_smaller_or_refused() -> None:
    draft = Draft(Style(size=(200.0, 300.0), margins=(20.0, 20.0, 20.0, 20.0), font_size=12.0))
    for number in range(18):
        draft.paragraph([[Piece(f"line {number}")]])
    words = draft.finish("x").labelled.pages[0].words
    assert words[0].font_size < 12.0
    for number in range(200):
        draft.paragraph([[Piece(f"line {number}")]])
    with pytest.raises(InputError, match="does not fit"):
        draft.finish("x")
