"""Entities of a document as keys and values."""

from __future__ import annotations

from collections import defaultdict

from vlkit.document import Document


def key_values(document: Document) -> list[tuple[str, str]]:
    """What a reader would write down from the document, in reading order.

    Where entities are linked, each that has values below it and these. What is linked to something
    of a label that has values elsewhere, as a form's header to its questions, has none itself.
    Where nothing is linked, each entity stands under its label.
    """
    entities = {entity.id: entity for page in document.pages for entity in page.entities}
    links = [*(each for page in document.pages for each in page.relations), *document.relations]
    ends = [(link.head, link.tail) for link in links if {link.head, link.tail} <= entities.keys()]
    if not ends:
        return [(entity.label, entity.text) for entity in entities.values()]
    keys = {entities[head].label for head, _ in ends}
    below: dict[str, set[str]] = defaultdict(set)
    for head, tail in ends:
        if entities[tail].label not in keys:
            below[head].add(tail)
    places = {name: place for place, name in enumerate(entities)}
    return [
        (
            entity.text,
            ", ".join(entities[tail].text for tail in sorted(tails, key=places.__getitem__)),
        )
        for name, entity in entities.items()
        if (tails := below.get(name))
    ]
