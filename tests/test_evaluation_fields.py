"""Fields: what counts as the same value, and how much can be answered at 98 % precision."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlkit.document import Document, Field
from vlkit.evaluation.fields import Answer, answers, summarise

ANSWERS = st.lists(
    st.builds(
        lambda asked, right, sure: Answer(asked, right and asked, sure),
        st.booleans(),
        st.booleans(),
        st.none() | st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    ).filter(lambda answer: answer.asked or answer.confidence is not None),
    max_size=30,
)


def document(**fields: object) -> Document:
    found = [Field(name=name, value=value, text=str(value)) for name, value in fields.items()]
    return Document(pages=[], fields=found)


def test_values_are_compared_by_what_they_say() -> None:
    true = document(date="05/03/2018", total="12.50", company="ABC SDN BHD", address="here")
    read = document(date="2018-03-05", total="RM 12.50", company="Abc  Sdn Bhd")
    with_text = read.model_copy(
        update={"fields": [*read.fields[1:], Field(name="date", text="5 Mar 2018")]}
    )
    figures = summarise(answers(with_text, true))
    assert figures["exact_match"] == pytest.approx(3 / 4)
    assert figures["coverage_at_98"] == pytest.approx(3 / 4)
    other = document(date="2018-03-06", total="12.00", company="ABD SDN BHD")
    assert summarise(answers(other, true))["exact_match"] == 0


def test_goods_are_left_out_and_what_is_made_up_is_wrong() -> None:
    goods = [Field(name="item", value=value) for value in ("a", "b")]
    true = Document(pages=[], fields=[*goods, Field(name="total", value="7.00")])
    said = [Field(name="item", value="a"), Field(name="tax", value="1.00", confidence=0.9)]
    said.append(Field(name="total", value="7.00", confidence=0.8))
    found = answers(Document(pages=[], fields=said), true)
    assert found == [Answer(True, True, 0.8), Answer(False, False, 0.9)]
    assert summarise(found) == {
        "exact_match": 1,
        "coverage_at_98": 0,  # the surest is wrong
        "ece": pytest.approx((0.9 + 0.2) / 2),
    }


@given(ANSWERS)
def test_coverage_is_the_best_of_all_thresholds(found: list[Answer]) -> None:
    best = 0.0
    for threshold in (0.0, 0.2, 0.6, 0.95):
        kept = [each for each in found if each.confidence is not None]
        kept = [each for each in kept if (each.confidence or 0) >= threshold]
        if kept and sum(each.right for each in kept) / len(kept) >= 0.98:
            best = max(best, sum(each.asked for each in kept))
    asked = sum(each.asked for each in found)
    assert summarise(found)["coverage_at_98"] == pytest.approx(best / max(asked, 1))


def test_of_nothing_nothing_is_right() -> None:
    assert summarise([]) == {"exact_match": 0, "coverage_at_98": 0}
