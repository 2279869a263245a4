"""What a model's entities and links say about a field."""

from __future__ import annotations

from collections.abc import Iterator

from vlkit.document import Entity, Page
from vlkit.extraction.candidates import FEATURES, Candidate
from vlkit.extraction.concepts import letters_of
from vlkit.extraction.readings import Reading, all_values
from vlkit.extraction.schema import Wanted
from vlkit.extraction.sheet import Sheet

_NO_FEATURES = (0.0,) * len(FEATURES)


def entity_candidates(sheet: Sheet, field: Wanted) -> Iterator[tuple[float, Candidate]]:
    """Values with their probability: entities whose label is the field, and linked answers.

    An entity counts if its label says the field's name or concept; an answer if the question
    that is linked to it says one of the field's labels. An entity without a confidence is no
    evidence of how probable it is, and is left alone.
    """
    names = {letters_of(name) for name in (field.name, field.concept) if name}
    labels = {letters_of(label) for label in field.labels}
    for index, page in enumerate(sheet.document.pages):
        for entity in page.entities:
            if entity.confidence is not None and letters_of(entity.label) in names:
                yield from _read(sheet, field, index, entity, entity.confidence)
        for question, answer, confidence in _linked(page):
            if letters_of(question.text) in labels:
                yield from _read(sheet, field, index, answer, confidence)


def _linked(page: Page) -> Iterator[tuple[Entity, Entity, float]]:
    by_id = {entity.id: entity for entity in page.entities}
    for link in page.relations:
        head, tail = by_id.get(link.head), by_id.get(link.tail)
        if head and tail and link.confidence is not None:
            yield head, tail, link.confidence * (tail.confidence or 1.0)


def _read(
    sheet: Sheet, field: Wanted, page: int, entity: Entity, confidence: float
) -> Iterator[tuple[float, Candidate]]:
    found: list[Reading] = list(all_values(field, entity.text, sheet.conventions))
    if found:
        best = max(found, key=lambda each: each.stop - each.start)
        spans = ((page, tuple(entity.words)),)
        yield confidence, Candidate(best, entity.text, spans, _NO_FEATURES)
