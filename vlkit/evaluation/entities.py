"""Entities and relations: which spans carry the right label, which of them are rightly linked.

An entity is right where all its words and its label are; precision, recall and F1 are micro
averages over all documents, as seqeval's default mode has them. A relation is right where the
words of both its ends and its own label are; the ends' labels count with the entities. Labels of
documents are compared without case.

Words read from pixels are not the truth's words, so each predicted word stands for those of the
truth's that it lies on: the two boxes share at least half of the smaller one. So a word that was
read in two parts, or two that were read as one, cost nothing as long as both belong to one
entity. A predicted entity is then the set of the truth's words that its own stand for:

- a word of the truth that was not read makes its entity wrong: the value is not whole;
- a predicted word that lies on no word of the truth is left out of its entity, and an entity of
  none but such words is wrong;
- words that the annotators could not read (``<unk>``) are left out on both sides, and so are
  entities that hold nothing else, with their relations;
- what the words' letters were read as plays no part: ``vlkit eval reading`` measures that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from vlkit.document import Box, Document, Page, Relation
from vlkit.errors import InputError
from vlkit.evaluation.reading import UNREADABLE

SHARED = 0.5
OUTSIDE = "O"
"""Tag of a word of no entity; ``B-X`` begins an entity X and ``I-X`` goes on with it."""
LINK = "link"
"""Label of a relation: from a question to its answer, from a header to what stands under it."""

WordAt = tuple[int, int]
"""A page's number and an index in its words."""
Words = frozenset[WordAt]
Item = TypeVar("Item", bound=tuple[str, *tuple[object, ...]])


# Counting


@dataclass(frozen=True)
class Counts:
    """How many of each label are right, predicted and true; they add up over documents."""

    right: Counter[str] = field(default_factory=Counter)
    predicted: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.right + other.right,
            self.predicted + other.predicted,
            self.true + other.true,
        )

    @property
    def precision(self) -> float:
        """Over all labels; 0 where nothing was predicted."""
        return _share(self.right.total(), self.predicted.total())

    @property
    def recall(self) -> float:
        """Over all labels; 0 where there is nothing to find."""
        return _share(self.right.total(), self.true.total())

    @property
    def f1(self) -> float:
        """Over all labels; 0 where there is nothing at all."""
        return _share(2 * self.right.total(), self.predicted.total() + self.true.total())

    @property
    def labels(self) -> list[str]:
        """All that were predicted or are true."""
        return sorted(self.predicted | self.true)

    def of(self, label: str) -> Counts:
        """Those of one label."""
        one = (self.right, self.predicted, self.true)
        return Counts(*(Counter({label: each[label]}) for each in one))


def count(predicted: Iterable[Item], true: Iterable[Item]) -> Counts:
    """Compare spans or links, label first; one that is predicted twice is right once."""
    ours, theirs = Counter(predicted), Counter(true)
    return Counts(_by_label(ours & theirs), _by_label(ours), _by_label(theirs))


def _by_label(found: Counter[Item]) -> Counter[str]:
    labels: Counter[str] = Counter()
    for item, times in found.items():
        labels[item[0]] += times
    return labels


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


# Tags


class Span(NamedTuple):
    """Words from ``start`` up to ``stop``, which is not among them."""

    label: str
    start: int
    stop: int


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities of a sequence of ``O``, ``B-label`` and ``I-label``.

    As in seqeval's default mode, an ``I-`` that goes on from nothing, or from another label,
    begins an entity.
    """
    found: list[Span] = []
    open_label, start = "", 0
    for at, tag in enumerate([*tags, OUTSIDE]):
        label = tag[2:]
        if open_label and (label != open_label or tag.startswith("B-")):
            found.append(Span(open_label, start, at))
            open_label = ""
        if label and not open_label:
            open_label, start = label, at
    return found


def count_tags(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> Counts:
    """Compare the tags of the same words, a sequence for each document or page.

    Raises:
        ValueError: There are more of one than of the other.
    """
    total = Counts()
    for ours, theirs in zip(predicted, true, strict=True):
        if len(ours) != len(theirs):
            raise ValueError(f"{len(ours)} tags were predicted of {len(theirs)} words")
        total += count(spans(ours), spans(theirs))
    return total


# Documents


Stands = Callable[[WordAt], Words | None]
"""The words of the truth that a predicted word stands for; None where it is left out."""


@dataclass(frozen=True)
class Marked:
    """Entities (label, words) and relations (label, head's words, tail's words) of a document."""

    entities: list[tuple[str, Words]]
    relations: list[tuple[str, Words, Words]]


def compare(predicted: Document, true: Document) -> tuple[Counts, Counts]:
    """Entities and relations on the same words.

    Raises:
        InputError: The words differ; it names the page.
    """
    words_of = {page.number: [word.text for word in page.words] for page in true.pages}
    for page in predicted.pages:
        if [word.text for word in page.words] != words_of.get(page.number):
            raise InputError(
                "the page's words are not those of the truth",
                remedy="Label the words that are given, or compare what was read from pixels",
                file=true.name,
                page=page.number,
            )
    return _compare(marked(predicted), marked(true))


def compare_read(predicted: Document, true: Document) -> tuple[Counts, Counts]:
    """Entities and relations on words that were read, as the module says."""
    unreadable = {
        (page.number, index)
        for page in true.pages
        for index, word in enumerate(page.words)
        if word.text == UNREADABLE
    }
    on = lies_on(predicted, true)

    def of_truth(at: WordAt) -> Words | None:
        return None if at in unreadable else frozenset([at])

    def of_predicted(at: WordAt) -> Words | None:
        below = on.get(at, frozenset())
        return None if below and below <= unreadable else below - unreadable

    return _compare(marked(predicted, of_predicted), marked(true, of_truth))


def lies_on(predicted: Document, true: Document) -> dict[WordAt, Words]:
    """For each predicted word that lies on some of the truth's words, these.

    Pages belong together by number, and are laid over each other whatever their units.
    """
    pages = {page.number: page for page in true.pages}
    found: dict[WordAt, Words] = {}
    for page in predicted.pages:
        if other := pages.get(page.number):
            for index, below in enumerate(_below(page, other)):
                if below:
                    found[page.number, index] = frozenset((page.number, each) for each in below)
    return found


def marked(document: Document, stands: Stands = lambda at: frozenset([at])) -> Marked:
    """What is marked in a document, its words replaced by what they stand for.

    An entity all of whose words are left out is left out, and so are its relations.
    """
    words_of: dict[str, Words] = {}
    entities = []
    for page in document.pages:
        for entity in page.entities:
            meant = [stands((page.number, index)) for index in entity.words]
            kept = [words for words in meant if words is not None]
            if kept:
                words_of[entity.id] = frozenset().union(*kept)
                entities.append((entity.label.casefold(), words_of[entity.id]))
    return Marked(entities, list(_links(_relations(document), words_of)))


def _relations(document: Document) -> Iterator[Relation]:
    for page in document.pages:
        yield from page.relations
    yield from document.relations


def _links(
    relations: Iterable[Relation], words_of: Mapping[str, Words]
) -> Iterator[tuple[str, Words, Words]]:
    for relation in relations:
        if relation.head in words_of and relation.tail in words_of:
            yield relation.label, words_of[relation.head], words_of[relation.tail]


def _compare(predicted: Marked, true: Marked) -> tuple[Counts, Counts]:
    return (
        count(predicted.entities, true.entities),
        count(predicted.relations, true.relations),
    )


def _below(page: Page, other: Page) -> list[list[int]]:
    """For each word of a page the words of the other that it lies on."""
    ours, theirs = _unit_boxes(page), _unit_boxes(other)
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=-1)
    areas = (np.prod(each[:, 2:] - each[:, :2], axis=-1) for each in (ours, theirs))
    smaller = np.minimum.outer(*areas)
    lies = (shared >= SHARED * smaller) & (shared > 0)
    return [np.flatnonzero(row).tolist() for row in lies]


def _unit_boxes(page: Page) -> NDArray[np.float64]:
    """[words, 4] in parts of the page's width and height."""
    boxes: list[Box] = [word.box for word in page.words]
    size = np.array([page.width, page.height] * 2)
    found: NDArray[np.float64] = np.asarray(boxes, np.float64).reshape(-1, 4) / size
    return found
