"""Segments of words as FUNSD and its kin have them, made into pages with entities and links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vlkit.data.labelled.documents import (
    Annotation,
    checked_box,
    checked_label,
    entity,
)
from vlkit.document import Block, Box, Entity, Line, Page, Relation, Word
from vlkit.errors import InputError
from vlkit.evaluation.entities import LINK


class SegmentWord(Annotation):
    """``id`` is the word's number in its document, where words have one."""

    text: str
    box: Box
    id: int = -1


class Segment(Annotation):
    """A run of words; ``label`` and ``linking`` only where the segments are the entities."""

    id: int
    box: Box
    words: list[SegmentWord]
    text: str = ""
    label: str = ""
    linking: tuple[tuple[int, int], ...] = ()


class Size(Annotation):
    width: float
    height: float


class Span(Annotation):
    """An entity that is a list of words by their ids."""

    entity_id: int
    label: str
    word_idx: list[int]


class Spanned(Annotation):
    """An annotation whose entities go beside its segments, over as many as they need."""

    document: list[Segment]
    label_entities: list[Span]
    label_linkings: tuple[tuple[int, int], ...] = ()
    img: Size


class Piece(NamedTuple):
    """What becomes one word of the page: the ids that it has in the annotation, and its text."""

    ids: tuple[int, ...]
    text: str
    box: Box
    space_after: bool = True


@dataclass(frozen=True)
class Laid:
    """Words on a page, and where each id went."""

    page: Page
    places: Mapping[int, int]


def lay_out(
    segments: Iterable[tuple[Segment, Sequence[Piece]]], width: float, height: float
) -> Laid:
    """A page of the segments' words, each segment a block of one line.

    Pieces without text are left out.

    Raises:
        InputError: A box has no area or lies off the page; it names segment and word.
    """
    blocks: list[Block] = []
    places: dict[int, int] = {}
    count = 0
    for segment, pieces in segments:
        words = []
        for piece in pieces:
            if not piece.text.strip():
                continue
            what = f"segment {segment.id}, word '{piece.text}'"
            box = checked_box(piece.box, width, height, what)
            words.append(Word(text=piece.text.strip(), box=box, space_after=piece.space_after))
            places.update(dict.fromkeys(piece.ids, count))
            count += 1
        if words:
            box = checked_box(segment.box, width, height, f"segment {segment.id}")
            blocks.append(Block(lines=[Line(words=words, box=box)], box=box))
    return Laid(Page(number=1, width=width, height=height, items=list(blocks)), places)


def spanned_page(
    content: Spanned, rows: Iterable[tuple[Segment, Sequence[Piece]]], labels: Sequence[str]
) -> Page:
    """The page of an annotation whose entities go beside its segments.

    Args:
        rows: Its segments, and what becomes their words.
        labels: The set's.

    Raises:
        InputError: As of ``lay_out``, ``span_entities`` and ``links``.
    """
    laid = lay_out(rows, content.img.width, content.img.height)
    known = {word.id for segment in content.document for word in segment.words}
    entities = span_entities(content.label_entities, laid, known, labels)
    ids = {span.entity_id for span in content.label_entities}
    relations = links(content.label_linkings, ids, entities)
    return laid.page.model_copy(update={"entities": entities, "relations": relations})


def span_entities(
    spans: Iterable[Span], laid: Laid, known: set[int], labels: Sequence[str]
) -> list[Entity]:
    """Entities of the spans; none of those whose words have no text.

    Args:
        known: Ids of all words of the annotation.

    Raises:
        InputError: A label or a word that does not exist, a word of two entities, or an id that
            two of them have.
    """
    words, found = laid.page.words, []
    spans = list(spans)
    check_distinct((span.entity_id for span in spans), "entities")
    check_distinct((index for span in spans for index in set(span.word_idx)), "entities' words")
    for span in spans:
        what = f"entity {span.entity_id}"
        label = checked_label(span.label, labels, what)
        if missing := [index for index in span.word_idx if index not in known]:
            raise InputError(f"{what} has word {missing[0]}, which does not exist")
        indices = sorted({laid.places[index] for index in span.word_idx if index in laid.places})
        if indices:
            found.append(entity(str(span.entity_id), label, indices, words))
    return found


def check_distinct(ids: Iterable[int], what: str) -> None:
    """Ask that no id stands twice.

    Raises:
        InputError: One does.
    """
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if twice:
        raise InputError(f"of the {what}, two have the number {twice[0]}")


def links(
    pairs: Iterable[tuple[int, int]], known: set[int], entities: Sequence[Entity]
) -> list[Relation]:
    """Relations between entities, each once; none to what is no entity.

    Args:
        known: Ids of all that pairs may speak of.

    Raises:
        InputError: A pair speaks of an id that does not exist.
    """
    ids = {each.id for each in entities}
    found: dict[tuple[str, str], Relation] = {}
    for head, tail in pairs:
        for end in (head, tail):
            if end not in known:
                raise InputError(f"the link {head} to {tail} needs {end}, which does not exist")
        pair = (str(head), str(tail))
        if ids.issuperset(pair):
            found.setdefault(pair, Relation(head=pair[0], tail=pair[1], label=LINK))
    return list(found.values())
