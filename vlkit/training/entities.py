"""How well a LiLT finds entities and links on pages that it is not trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from vlkit.data.labelled import LabelledDocument
from vlkit.document import Page
from vlkit.entities.links import Link
from vlkit.errors import InputError
from vlkit.evaluation.entities import LINK, Counts, Words, count, spans
from vlkit.models.lilt import Lilt
from vlkit.models.lilt_heads import Flows, RelationHead, TokenHead
from vlkit.models.lilt_windows import word_flows
from vlkit.training.pages import Spelled, Speller, Taught, typed_entities
from vlkit.training.task import Task, as_module

Linked = tuple[str, Words, Words]


class EntityValidation:
    """Precision, recall and F1 of entities, and of links between the entities of the truth.

    Pages are read whole, in as many windows as they need; an entity is right with its words and
    label, a link with both its ends. Links that the model's types do not allow count as missed.
    """

    def __init__(
        self, documents: Sequence[LabelledDocument], speller: Speller, taught: Taught
    ) -> None:
        """Spell the documents' pages, now and not when training has come to its first checkpoint.

        Raises:
            InputError: A box is no place on its page; it names the document.
        """
        self.pages: list[tuple[Page, Spelled]] = []
        for document in documents:
            for page in document.pages:
                try:
                    self.pages += [(page, speller.spell(page))] if page.words else []
                except InputError as error:
                    raise error.at(file=document.name) from None
        self.special = speller.words.special
        self.taught = taught

    @torch.no_grad()
    def __call__(self, task: Task) -> dict[str, float]:
        model = as_module(task)
        assert isinstance(model, Lilt)
        model.eval()
        counts = {"entities": Counts(), "relations": Counts()}
        for page, spelled in self.pages:
            flows = word_flows(model, *spelled, self.special)
            if "tokens" in model.heads:
                counts["entities"] += self._entities(model, page, flows)
            if "relations" in model.heads:
                counts["relations"] += self._relations(model, page, flows)
        return {
            f"{what}_{name}": value
            for what, found in counts.items()
            if found.true
            for name, value in (
                ("precision", found.precision),
                ("recall", found.recall),
                ("f1", found.f1),
            )
        }

    def _entities(self, model: Lilt, page: Page, flows: Flows) -> Counts:
        head = model.head("tokens")
        assert isinstance(head, TokenHead)
        best = head.of(head.seen(flows))[0].argmax(dim=-1).tolist()
        found = [
            (span.label.casefold(), _words(page, range(span.start, span.stop)))
            for span in spans([head.config.labels[number] for number in best])
        ]
        known = {tag[2:] for tag in self.taught.labels}
        true = [
            (entity.label.casefold(), _words(page, entity.words))
            for entity in page.entities
            if entity.label.casefold() in known
        ]
        return count(found, true)

    def _relations(self, model: Lilt, page: Page, flows: Flows) -> Counts:
        head = model.head("relations")
        assert isinstance(head, RelationHead)
        words = {entity.id: _words(page, entity.words) for entity in page.entities}
        known = list(typed_entities(page, self.taught))
        found: Iterator[Linked] = iter(())
        if known:
            device = flows.text.device
            types = torch.tensor([[number for _, number in known]], device=device)
            firsts = torch.tensor([entity.words[0] for entity, _ in known], device=device)
            found = (
                (LINK, words[known[link.parent][0].id], words[known[link.child][0].id])
                for link in _decoded(head, head.seen(flows)[:, firsts], types)
            )
        true = [
            (LINK, words[relation.head], words[relation.tail])
            for relation in page.relations
            if relation.head in words and relation.tail in words
        ]
        return count(found, true)


def _decoded(head: RelationHead, entities: Tensor, types: Tensor) -> list[Link]:
    """Links of a page's entities [1, e, W] of types [1, e]."""
    candidates = head.candidates({"types": types})
    return head.decode(head.of(entities, types), candidates)[0]


def _words(page: Page, indices: Iterable[int]) -> Words:
    return frozenset((page.number, index) for index in indices)
