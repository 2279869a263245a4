"""Labelled pages as LiLT's documents: ids and boxes of their tokens, and what these should learn.

The first token of a word learns the word's label, the others none. Pages longer than the model's
table of positions become several documents, whose windows overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch

from vlkit.document import Entity, Page
from vlkit.entities.boxes import LARGEST, Thousandths, on_thousand
from vlkit.entities.pieces import WordPieces
from vlkit.entities.windows import END_BOX, START_BOX, Window, windows
from vlkit.errors import RecipeError
from vlkit.evaluation.entities import OUTSIDE
from vlkit.models.lilt import LiltConfig
from vlkit.models.lilt_heads import NONE, Batch, HeadConfig

Boxes = Literal["words", "segments"]


class Spelled(NamedTuple):
    """A page's words: token ids and box of each."""

    pieces: list[list[int]]
    boxes: list[Thousandths]


@dataclass(frozen=True)
class Taught:
    """What heads learn from entities: which labels there are, whatever their case.

    Attributes:
        labels: Number of each tag (``O``, ``B-X``, ``I-X``) in the token head; none without one.
        types: Number of each entity's type in the relation head; none without one.
    """

    labels: dict[str, int]
    types: dict[str, int]

    @classmethod
    def of(cls, heads: Sequence[HeadConfig]) -> Taught:
        """What these heads learn.

        Raises:
            RecipeError: One learns nothing from entities, there is none, or labels of the token
                head are not ``O`` and ``B-`` and ``I-`` of each entity's.
        """
        by_kind = {head.kind: head for head in heads}
        strange = sorted(by_kind.keys() - {"tokens", "relations"})
        if strange or not by_kind:
            raise RecipeError(
                f"labelled documents teach no head '{strange[0]}'"
                if strange
                else "the model has no head that labelled documents teach",
                remedy="Give model.config.heads of kind tokens or relations or both",
            )
        tags = by_kind["tokens"].labels if "tokens" in by_kind else ()
        if tags:
            names = {tag[2:] for tag in tags}
            wanted = {OUTSIDE, *(f"{part}-{name}" for part in "BI" for name in names if name)}
            if set(tags) != wanted:
                odd = sorted(set(tags) ^ wanted)
                raise RecipeError(
                    f"the labels of the head 'tokens' are not O and a B- and an I- for each kind "
                    f"of entity: {odd[0]}",
                    remedy="Write them as in O, B-TOTAL, I-TOTAL",
                )
        types = by_kind["relations"].labels if "relations" in by_kind else ()
        return cls(
            {tag.casefold(): number for number, tag in enumerate(tags)},
            {name.casefold(): number for number, name in enumerate(types)},
        )

    @property
    def entities(self) -> set[str]:
        """Labels of entities that some head knows, without case."""
        return {tag[2:] for tag in self.labels} - {""} | self.types.keys()


class Speller:
    """Pages to tensors.

    Args:
        words: The model's tokenizer.
        boxes: Whether a word has its own box or that of its segment, as all words beside it. The
            field knows both; scores with one do not compare with scores with the other.
        config: The model's.
    """

    def __init__(self, words: WordPieces, boxes: Boxes, config: LiltConfig) -> None:
        self.words = words
        self.boxes = boxes
        self.room = config.context_length - 2

    def spell(self, page: Page) -> Spelled:
        """A page's words.

        Raises:
            InputError: A box is no place on the page.
        """
        words = page.words
        if self.boxes == "words":
            places = [word.box for word in words]
        else:
            places = [line.box for line in page.lines for _ in line.words]
        texts = [word.text for word in words]
        pieces = self.words(texts, self.room)
        return Spelled(
            pieces, on_thousand(places, page.width, page.height, page=page.number, words=texts)
        )

    def windows(self, page: Page, taught: Taught | None = None) -> list[Batch]:
        """A page as documents, none longer than the model takes; none of a page without words.

        Args:
            taught: What to learn from its entities, for ``labels`` or ``starts``, ``types`` and
                ``links``; else there are ids and boxes alone.

        Raises:
            InputError: A box is no place on the page.
        """
        spelled = self.spell(page)
        lengths = [len(ids) for ids in spelled.pieces]
        return [
            self._tensors(page, spelled, window, taught)
            for window in windows(lengths, self.room, self.room // 4)
        ]

    def _tensors(
        self, page: Page, spelled: Spelled, window: Window, taught: Taught | None
    ) -> Batch:
        words = range(*window)
        special = self.words.special
        ids = [special.start, *(piece for word in words for piece in spelled.pieces[word])]
        boxes = [spelled.boxes[word] for word in words for _ in spelled.pieces[word]]
        document = {
            "ids": torch.tensor([*ids, special.end]),
            "boxes": torch.tensor([START_BOX, *boxes, END_BOX]),
        }
        if taught is None:
            return document
        counts = [len(spelled.pieces[word]) for word in words]
        firsts = dict(zip(words, np.cumsum([1, *counts[:-1]]).tolist(), strict=True))
        if taught.labels:
            labels = torch.full_like(document["ids"], NONE)
            outside = taught.labels[OUTSIDE.casefold()]
            for word, tag in zip(words, tags_of(page)[slice(*window)], strict=True):
                labels[firsts[word]] = taught.labels.get(tag.casefold(), outside)
            document["labels"] = labels
        if taught.types:
            document |= _linked(page, firsts, taught)
        return document


def tags_of(page: Page) -> list[str]:
    """``O``, ``B-label`` or ``I-label`` of each word; of two entities' words the first's."""
    tags = [OUTSIDE] * len(page.words)
    for entity in page.entities:
        for part, word in zip("B" + "I" * len(entity.words), entity.words, strict=False):
            if tags[word] == OUTSIDE:
                tags[word] = f"{part}-{entity.label}"
    return tags


def typed_entities(page: Page, taught: Taught) -> Iterator[tuple[Entity, int]]:
    """Entities that the relation head knows, and their types' numbers."""
    for entity in page.entities:
        if entity.words and entity.label.casefold() in taught.types:
            yield entity, taught.types[entity.label.casefold()]


def _linked(page: Page, firsts: dict[int, int], taught: Taught) -> Batch:
    """``starts`` [e], ``types`` [e] and ``links`` [e, e] of the entities that begin here."""
    here = [
        (entity, number)
        for entity, number in typed_entities(page, taught)
        if entity.words[0] in firsts
    ]
    places = {entity.id: place for place, (entity, _) in enumerate(here)}
    links = torch.zeros(len(here), len(here), dtype=torch.bool)
    for relation in page.relations:
        if relation.head in places and relation.tail in places:
            links[places[relation.head], places[relation.tail]] = True
    return {
        "starts": torch.tensor([firsts[entity.words[0]] for entity, _ in here], dtype=torch.long),
        "types": torch.tensor([number for _, number in here], dtype=torch.long),
        "links": links,
    }


def jittered(document: Batch, part: float, draw: np.random.Generator) -> Batch:
    """The document on another scan of its page: all boxes moved and stretched together.

    Coordinates are looked up in tables, whose rows know nothing of their neighbours: a few hundred
    pages leave most rows untaught, and paper never lies twice at the same place.

    Args:
        part: Of the page's sides, up to which it is moved and stretched.
    """
    boxes = document["boxes"].numpy()
    low, high = boxes[1:-1, :2].min(axis=0), boxes[1:-1, 2:].max(axis=0)
    most = LARGEST / np.maximum(high - low, 1)  # nothing is to leave the page
    stretch = np.minimum(1 + draw.uniform(-part, part, 2), most)
    shift = draw.uniform(-part, part, 2) * LARGEST
    shift = np.clip(shift, -low * stretch, LARGEST - high * stretch)
    spread = boxes * np.tile(stretch, 2) + np.tile(shift, 2)
    moved = spread.round().astype(np.int64).clip(0, LARGEST)
    moved[0], moved[-1] = boxes[0], boxes[-1]  # of the tokens for start and end
    return document | {"boxes": torch.from_numpy(moved)}
