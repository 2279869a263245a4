"""Questions, answers and links of forms by rules alone: what a model's scores are held against.

A line that ends in a colon is a question; of one with a colon inside, what stands before it is
the question and the rest its answer. A line that stands right of a question or below one, with
less between them than ``REACH`` lines' heights, is an answer. Headers are not looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vlkit.document import Box, Document, Entity, Line, Page, Relation, box_union, join_words
from vlkit.evaluation.entities import LINK

REACH = 3.0
ACROSS = 0.05
"""What a gap along a row counts for beside one down a column: values stand far to the right
more often than rows below."""


def mark(document: Document) -> Document:
    """The document with questions, answers and links, in place of whatever it had."""
    return document.model_copy(update={"pages": [_marked(page) for page in document.pages]})


def nearest_links(entities: Sequence[Entity]) -> list[Relation]:
    """A link to each answer from the question nearest on its left or above it."""
    questions = [each for each in entities if each.label == "question"]
    found = []
    for answer in entities:
        if answer.label != "answer":
            continue
        gaps = ((gap(question.box, answer.box), question.id) for question in questions)
        reached = [(size, name) for size, name in gaps if size is not None]
        if reached:
            found.append(Relation(head=min(reached)[1], tail=answer.id, label=LINK))
    return found


def gap(first: Box, second: Box) -> float | None:
    """How far the second box stands right of the first, or below it; None where it does neither,
    and where one of them has no height.

    In heights of the lower of both boxes, a line's height; along a row times ``ACROSS``.
    """
    wide = min(first[2], second[2]) - max(first[0], second[0])
    high = min(first[3], second[3]) - max(first[1], second[1])
    line = min(first[3] - first[1], second[3] - second[1])
    if line <= 0:
        return None
    if high >= 0.5 * line and second[0] >= first[2] - line:
        return max(0.0, ACROSS * (second[0] - first[2]) / line)
    if wide > 0 and second[1] >= first[3] - 0.5 * line:
        return max(0.0, (second[1] - first[3]) / line)
    return None


def _marked(page: Page) -> Page:
    entities, rest, start = [], [], 0
    for line in page.lines:
        words = range(start, start + len(line.words))
        start = words.stop
        colon = next((i for i, word in enumerate(line.words) if word.text.endswith(":")), None)
        if colon is None:
            rest.append((line, words))
            continue
        entities.append(_entity(page, "question", line, words, 0, colon + 1))
        if colon + 1 < len(words):
            entities.append(_entity(page, "answer", line, words, colon + 1, len(words)))
    entities += list(_answers(page, rest, entities))
    update = {"entities": entities, "relations": nearest_links(entities)}
    return page.model_copy(update=update)


def _answers(
    page: Page, lines: Sequence[tuple[Line, range]], found: Sequence[Entity]
) -> Iterator[Entity]:
    questions = [each.box for each in found if each.label == "question"]
    for line, words in lines:
        gaps = [size for box in questions if (size := gap(box, line.box)) is not None]
        if gaps and min(gaps) < REACH:
            yield _entity(page, "answer", line, words, 0, len(words))


def _entity(page: Page, label: str, line: Line, words: range, start: int, stop: int) -> Entity:
    kept = line.words[start:stop]
    return Entity(
        id=f"{page.number}-{words[start]}",
        label=label,
        text=join_words(kept),
        words=list(words[start:stop]),
        box=box_union(word.box for word in kept),
    )
