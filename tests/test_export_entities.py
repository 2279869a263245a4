"""Entities below Markdown as keys and values, and on the overlay where they are."""

from __future__ import annotations

import numpy as np
from export_samples import block, line

from vlkit.document import Document, Entity, Page, Relation
from vlkit.export.entities import key_values


def entity(name: str, label: str, text: str, x: float, y: float) -> Entity:
    return Entity(id=name, label=label, text=text, words=[], box=(x, y, x + 100, y + 20))


def link(head: str, tail: str) -> Relation:
    return Relation(head=head, tail=tail, label="link")


def a_form() -> Document:
    """Two pages; the first's question has an answer on each."""
    first = Page(
        number=1,
        width=600,
        height=600,
        items=[block("paragraph", [line("Form", 20, 20)])],
        entities=[
            entity("e1", "header", "Form", 20, 20),
            entity("e2", "question", "Names* :", 20, 100),
            entity("e3", "answer", "Ann", 300, 100),
            entity("e4", "question", "Empty", 20, 300),
        ],
        relations=[link("e1", "e2"), link("e1", "e4"), link("e2", "e3"), link("e2", "gone")],
    )
    second = Page(number=2, width=600, height=600, entities=[entity("e5", "answer", "Bob", 20, 20)])
    return Document(pages=[first, second], relations=[link("e2", "e5")])


def test_keys_are_what_has_values_below_it() -> None:
    document = a_form()
    assert key_values(document) == [("Names* :", "Ann, Bob")]
    assert document.to_markdown().endswith("\n---\n\n- **Names\\*:** Ann, Bob\n")


def test_without_links_labels_are_the_keys() -> None:
    page = Page(number=1, width=9, height=9, entities=[entity("a", "total", "9.00", 0, 0)])
    assert Document(pages=[page]).to_markdown() == "---\n\n- **total:** 9.00\n"
    assert key_values(Document(pages=[])) == []


def test_entities_and_links_are_drawn() -> None:
    document = a_form().model_copy(update={"pages": a_form().pages[:1]})
    white = np.full((1200, 1200, 3), 255, np.uint8)
    (drawn,) = document.with_source(white).overlay()
    pixels = np.asarray(drawn)
    assert (pixels[220, 300:580] < 100).all()  # between question and answer, at twice the size
    assert (pixels[200:241, 601] != 255).any(axis=1).all()  # the answer's left edge
    assert (pixels[610:630, 100:200] == 255).all()  # inside a frame nothing is hidden
