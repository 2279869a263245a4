"""Fields: how many values are right, and how many can be trusted without looking.

A value is right where it says the same as the annotated one: dates as days, amounts as amounts,
texts without white space and case (``vlkit.values.same``). The reading that is most probable
counts, whether or not it is sure enough to be given out: thresholds are what ``coverage_at_98``
is for. Fields that a document has several of, such as goods, are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlkit.document import Document, Field
from vlkit.evaluation.reading import expected_calibration_error
from vlkit.values import Conventions, conventions_of, same

PRECISION = 0.98


@dataclass(frozen=True)
class Answer:
    """What was said of one field of one document.

    Attributes:
        asked: Whether the document has such a field; where it has none, every value is wrong.
        confidence: None where nothing was said.
    """

    asked: bool
    right: bool
    confidence: float | None


def answers(predicted: Document, true: Document) -> list[Answer]:
    """An answer for each field that the truth has once, and for each that was made up."""
    conventions = conventions_of(predicted.text)
    times = Counter(field.name for field in true.fields)
    wanted = {field.name: field for field in true.fields if times[field.name] == 1}
    said = {field.name: field for field in predicted.fields if _is_given(field)}
    found = [_answer(said.get(name), field, conventions) for name, field in wanted.items()]
    made_up = [field for name, field in said.items() if name not in times]
    return found + [Answer(False, False, _sure(field)) for field in made_up]


def summarise(found: Sequence[Answer]) -> dict[str, float]:
    """``exact_match``, ``coverage_at_98`` and, where anything was said, ``ece``.

    ``exact_match`` is the share of the documents' fields that are right. ``coverage_at_98`` is
    the largest share of them that can be answered, the surest first, such that 98 % of all that
    is answered is right; answers of one confidence stay together.
    """
    asked = sum(answer.asked for answer in found)
    said = [answer for answer in found if answer.confidence is not None]
    figures = {
        "exact_match": sum(answer.right for answer in found) / max(asked, 1),
        "coverage_at_98": _covered(said) / max(asked, 1),
    }
    if said:
        confidence = np.array([answer.confidence for answer in said], np.float64)
        correct = np.array([answer.right for answer in said], bool)
        figures["ece"] = expected_calibration_error(confidence, correct)
    return figures


def _answer(said: Field | None, true: Field, conventions: Conventions) -> Answer:
    if said is None:
        return Answer(asked=True, right=False, confidence=None)
    texts = [said.text, "" if said.value is None else str(said.value)]
    right = any(text and same(text, str(true.value), conventions) for text in texts)
    return Answer(True, right, _sure(said))


def _is_given(field: Field) -> bool:
    return field.value is not None or bool(field.text)


def _sure(field: Field) -> float:
    """What is said without a confidence is said for sure."""
    return 1.0 if field.confidence is None else field.confidence


def _covered(said: Sequence[Answer]) -> int:
    """How many of the documents' fields are answered above the best threshold."""
    ordered = sorted(said, key=lambda answer: -(answer.confidence or 0.0))
    best = right = asked = 0
    for place, answer in enumerate(ordered, start=1):
        right += answer.right
        asked += answer.asked
        last = place == len(ordered) or ordered[place].confidence != answer.confidence
        if last and right >= PRECISION * place:
            best = asked
    return best
