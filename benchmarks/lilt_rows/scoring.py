"""What a trained model finds on forms, form by form: entities, and links by both decoders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from benchmarks.lilt_rows.boosting import tags_of
from benchmarks.lilt_rows.forms import Form
from benchmarks.lilt_rows.kept import Measured
from benchmarks.lilt_rows.links import KINDS, count_links
from vlkit.document import Page, Relation
from vlkit.evaluation.entities import Counts, count_tags
from vlkit.models.lilt import Lilt
from vlkit.models.lilt_heads import Flows, RelationHead, TokenHead
from vlkit.models.lilt_windows import word_flows
from vlkit.training.pages import Speller

ENTITIES = "entities"
PUBLISHED, OURS = "each pair by itself", "one parent"
DECODERS = {PUBLISHED: False, OURS: True}


def figure_of(kind: str, decoder: str) -> str:
    """What the links of a kind by a decoder are kept under."""
    return f"{kind}, {decoder}"


@torch.no_grad()
def measure(model: Lilt, forms: Sequence[Form], speller: Speller) -> Measured:
    """Links are sought between the truth's entities."""
    found: dict[str, dict[str, Sequence[int]]] = {}
    for form in forms:
        spelled = speller.spell(form.page)
        flows = word_flows(model, spelled.pieces, spelled.boxes, speller.words.special)
        for figure, counts in _of_form(model, form, flows):
            totals = [each.total() for each in (counts.right, counts.predicted, counts.true)]
            found.setdefault(figure, {})[form.name] = totals
    return found


def _of_form(model: Lilt, form: Form, flows: Flows) -> Iterator[tuple[str, Counts]]:
    tokens = model.head("tokens")
    assert isinstance(tokens, TokenHead)
    best = tokens.of(tokens.seen(flows))[0].argmax(dim=-1).tolist()
    tags = [tokens.config.labels[number] for number in best]
    lower = [tag[:2] + tag[2:].lower() for tag in tags]  # as the forms write labels
    yield ENTITIES, count_tags([lower], [tags_of(form.page)])
    if "relations" in model.heads:
        head = model.head("relations")
        assert isinstance(head, RelationHead)
        for decoder, one_parent in DECODERS.items():
            links = _links(head, form.page, flows, one_parent)
            for kind in KINDS:
                yield figure_of(kind, decoder), count_links(form, links, kind)


def _links(head: RelationHead, page: Page, flows: Flows, one_parent: bool) -> list[Relation]:
    entities = page.entities
    if not entities:
        return []
    names = [label.lower() for label in head.config.labels]
    device = flows.text.device
    types = torch.tensor([[names.index(each.label) for each in entities]], device=device)
    firsts = torch.tensor([each.words[0] for each in entities], device=device)
    logits = head.of(head.seen(flows)[:, firsts], types)
    own, head.config = head.config, replace(head.config, one_parent=one_parent)
    (links,) = head.decode(logits, head.candidates({"types": types}))
    head.config = own
    return [
        Relation(head=entities[parent].id, tail=entities[child].id, label="link")
        for parent, child, _ in links
    ]
