"""Entities of whole documents and links between them, by a LiLT that was exported to ONNX.

    model = EntityModel.open(folder_of("lilt-forms"))
    document = model.mark(vlkit.read("form.pdf"))
    document.pages[0].entities, document.pages[0].relations, document.relations

Each word has the label of its first token, read in the window where it stands farthest from an
edge. Labels ``B-X``, ``I-X``, ``O`` make entities, and all entities of a document are candidates
for links, on whatever pages they stand. ``vlkit.models.convert.lilt_onnx`` writes such models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlkit.document import Document, Entity, Page, Relation, Source, Word, box_union, join_words
from vlkit.entities.boxes import Thousandths, on_thousand, upright
from vlkit.entities.links import Floats, Link, LinkRules, decode
from vlkit.entities.pieces import WordPieces
from vlkit.entities.windows import AT_A_TIME, batch, first_tokens, owners, windows
from vlkit.errors import CheckpointError, InputError, UnknownName
from vlkit.evaluation.entities import LINK, OUTSIDE, Span, spans
from vlkit.onnx import FILE, open_session
from vlkit.recipe import parse
from vlkit.shelves import Trunk, bundled, own, trunk_folder

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

RELATIONS = "relations.onnx"
TOKENIZER = "tokenizer.json"
CHILDREN_AT_A_TIME = 256
WRITE = "Write it with `python -m vlkit.models.convert.lilt_onnx FOLDER`"


def folder_of(model: str | Path) -> Path:
    """A model's folder: as it is given, or by its name on one of the shelves.

    Raises:
        UnknownName: No model for entities goes by that name.
    """
    if (Path(model) / "config.json").is_file():
        return Path(model)
    found = {
        name: folder for name, folder in (own() | bundled()).items() if (folder / FILE).exists()
    }
    known = {name: at for name, at in found.items() if _described(at)["model"] == "lilt"}
    if str(model) not in known:
        raise UnknownName("model for entities", str(model), known)
    return known[str(model)]


@dataclass(frozen=True)
class Settings:
    """What of a model's ``config.json`` counts here.

    Attributes:
        labels: Of the token head.
        rules: Of the relation head; None where there is none.
        vocab: Entries of its vocabulary.
        room: Tokens of a window.
        pad_id: Fills up.
        segments: Whether it learnt words with the box of their line, as all words beside them,
            instead of their own.
    """

    labels: tuple[str, ...]
    rules: LinkRules | None
    vocab: int
    room: int
    pad_id: int
    segments: bool

    @classmethod
    def read(cls, folder: Path) -> Settings:
        """Those in a folder.

        Raises:
            CheckpointError: It holds no LiLT with a token head, or heads of different labels.
        """
        described = _described(folder)
        config = described["config"]
        try:
            heads = {head["kind"]: head for head in config["heads"]}
            labels = tuple(heads["tokens"]["labels"])
            rules = _rules(heads["relations"]) if "relations" in heads else None
            usable = config["positions"] - config["first"]
            of_layout = config["layout_positions"] - config["layout_first"]
            room = min(usable, of_layout) - 2
            segments = described.get("boxes") == "segments"
            found = cls(labels, rules, config["vocab"], room, config["pad_id"], segments)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"this is no model that labels words: its configuration lacks {error}",
                remedy="Take a LiLT with a head of kind tokens",
                file=folder,
            ) from error
        _check_labels(found, folder)
        return found


class Reading(NamedTuple):
    """What is known of a page's words.

    Attributes:
        page: It.
        best: Number of each word's label [N].
        sure: How probable it is [N].
        seen: What the relation head needs of each word [N, W]; W is 0 without one.
    """

    page: Page
    best: NDArray[np.int64]
    sure: Floats
    seen: Floats


class EntityModel:
    """A LiLT that labels words and perhaps links entities.

    Args:
        settings: Of its folder.
        pieces: Its tokenizer.
        tokens: Gives ``labels`` [B, N, C] and, with a relation head, ``seen`` [B, N, W].
        relations: The relation head; None where there is none.
        source: What its entities are said to be from.
    """

    def __init__(
        self,
        settings: Settings,
        pieces: WordPieces,
        tokens: InferenceSession,
        relations: InferenceSession | None,
        source: Source,
    ) -> None:
        self.settings = settings
        self.pieces = pieces
        self.tokens = tokens
        self.relations = relations
        self.source = source

    @classmethod
    def open(cls, folder: Path, *, threads: int = 1) -> EntityModel:
        """The model in a folder, and its trunk beside it or on a shelf.

        Args:
            threads: As of ``vlkit.onnx.open_session``.

        Raises:
            CheckpointError: A file is missing or damaged, the trunk or the tokenizer is another
                model's, or labels are not those of the heads.
            MissingDependency: onnxruntime is not installed.
        """
        settings = Settings.read(folder)
        if not (folder / FILE).is_file():
            raise CheckpointError(f"{FILE} is missing", remedy=WRITE, file=folder)
        stem = folder
        if trunk := _described(folder).get("trunk"):
            stem = trunk_folder(parse(trunk, Trunk, where="trunk"), folder)
        own_file = folder / TOKENIZER
        pieces = WordPieces(own_file if own_file.is_file() else stem / TOKENIZER)
        if pieces.entries != settings.vocab:
            raise CheckpointError(
                f"the tokenizer has {pieces.entries} entries, the model's vocabulary "
                f"{settings.vocab}",
                remedy="Take the tokenizer that belongs to it",
                file=own_file if own_file.is_file() else stem / TOKENIZER,
            )
        tokens = open_session(folder / FILE, threads, stem)
        relations = None
        if settings.rules is not None:
            relations = open_session(folder / RELATIONS, threads)
        written = tokens.get_outputs()[0].shape[-1]
        if written != len(settings.labels):
            raise CheckpointError(
                f"{FILE} gives {written} labels, its configuration {len(settings.labels)}",
                remedy=WRITE,
                file=folder,
            )
        version = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()[:12]
        return cls(settings, pieces, tokens, relations, Source(name=folder.name, version=version))

    def mark(self, document: Document) -> Document:
        """The document with entities and links instead of those that it had.

        A page with a word whose box can't be is left without, and a warning on it says why.
        """
        readings: list[Reading] = []
        pages = [
            page.model_copy(update={"entities": [], "relations": []}) for page in document.pages
        ]
        for page in pages:
            try:
                readings += [self.read(page)] if page.words else []
            except InputError as error:
                page.warnings = [*page.warnings, f"no entities were sought: {error.problem}"]
        marked = document.model_copy(update={"pages": pages, "relations": []})
        self._link(list(self._entities(readings)), marked)
        return marked

    def read(self, page: Page) -> Reading:
        """What a page's words are labelled.

        Raises:
            InputError: A word's box is no place on the page; it names page and word.
        """
        words = page.words
        texts = [word.text for word in words]
        found = [word.box for word in words]
        if self.settings.segments:
            found = [line.box for line in page.lines for _ in line.words]
        places = [upright(box, page.rotation, page.width, page.height) for box in found]
        size = (page.width, page.height) if page.rotation % 180 == 0 else (page.height, page.width)
        boxes = on_thousand(places, *size, page=page.number, words=texts)
        pieces = self.pieces(texts, self.settings.room)
        logits, seen = self._in_windows(pieces, boxes)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        best = shares.argmax(axis=1)
        return Reading(page, best, shares[np.arange(len(words)), best], seen)

    def _in_windows(
        self, pieces: Sequence[Sequence[int]], boxes: Sequence[Thousandths]
    ) -> tuple[Floats, Floats]:
        """Logits [N, C] and what relations need [N, W] at each word's first token."""
        lengths = [len(word) for word in pieces]
        found = windows(lengths, self.settings.room, self.settings.room // 4)
        chosen = np.array(owners(found, lengths))
        rows: list[tuple[Floats, ...]] = []
        for first in range(0, len(found), AT_A_TIME):
            some = found[first : first + AT_A_TIME]
            given = batch(pieces, boxes, some, self.pieces.special, self.settings.pad_id)
            outputs = self.tokens.run(None, given)
            for row, window in enumerate(some):
                starts = first_tokens(lengths, window)
                mine = np.flatnonzero(chosen[window.start : window.stop] == first + row)
                rows.append(tuple(output[row, starts[mine]] for output in outputs))
        # Rows came window by window, which need not be the order of words.
        back = np.argsort(np.argsort(chosen, kind="stable"))
        logits, *more = (np.concatenate(parts)[back] for parts in zip(*rows, strict=True))
        return logits, more[0] if more else np.zeros((len(pieces), 0), np.float32)

    def _entities(self, readings: Sequence[Reading]) -> Iterator[tuple[Reading, Entity]]:
        """Each page's, put on it; a number of their own in the document."""
        count = 0
        for reading in readings:
            words = reading.page.words
            tags = [self.settings.labels[number] for number in reading.best]
            for span in spans(tags):
                count += 1
                entity = self._entity(f"e{count}", span, words, reading.sure)
                reading.page.entities.append(entity)
                yield reading, entity

    def _entity(self, name: str, span: Span, words: Sequence[Word], sure: Floats) -> Entity:
        its = words[span.start : span.stop]
        return Entity(
            id=name,
            label=span.label,
            text=join_words(its),
            words=list(range(span.start, span.stop)),
            box=box_union(word.box for word in its),
            confidence=float(sure[span.start : span.stop].min()),  # as sure as its least sure word
            source=self.source,
        )

    def _link(self, found: Sequence[tuple[Reading, Entity]], document: Document) -> None:
        """Put links on the page that has both ends, and others on the document."""
        rules = self.settings.rules
        if rules is None:
            return
        numbers = {label.casefold(): number for number, label in enumerate(rules.types)}
        known = [each for each in found if each[1].label.casefold() in numbers]
        types = [numbers[entity.label.casefold()] for _, entity in known]
        seen = [reading.seen[entity.words[0]] for reading, entity in known]
        for link in self._decoded(seen, types, rules):
            (parents, head), (children, tail) = known[link.parent], known[link.child]
            place = parents.page if parents.page is children.page else document
            place.relations.append(
                Relation(
                    head=head.id,
                    tail=tail.id,
                    label=LINK,
                    confidence=link.probability,
                    source=self.source,
                )
            )

    def _decoded(
        self, seen: Sequence[Floats], types: Sequence[int], rules: LinkRules
    ) -> Iterator[Link]:
        """Links of all entities; some children at a time, since a child's depend on no other's."""
        assert self.relations is not None
        kinds, table = np.array(types, np.int64), rules.table
        parents = np.flatnonzero(np.asarray(table.any(axis=1))[kinds])
        children = np.flatnonzero(np.asarray(table.any(axis=0))[kinds])
        if not parents.size:
            return
        of_parents = np.stack([seen[int(place)] for place in parents])
        # Never a table of all pairs: long files have tens of thousands of entities.
        for first in range(0, len(children), CHILDREN_AT_A_TIME):
            some = children[first : first + CHILDREN_AT_A_TIME]
            given = {
                "parents": of_parents,
                "parent_types": kinds[parents],
                "children": np.stack([seen[place] for place in some]),
                "child_types": kinds[some],
            }
            (logits,) = self.relations.run(None, given)
            odds = logits[..., 1] - logits[..., 0]
            allowed = table[np.ix_(kinds[parents], kinds[some])]
            odds[~allowed | np.equal.outer(parents, some)] = -np.inf
            for link in decode(odds, rules.one_parent):
                parent, child = int(parents[link.parent]), int(some[link.child])
                yield Link(parent, child, link.probability)


def _described(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"config.json can't be read: {error}", file=folder) from error
    if not isinstance(found, dict) or not {"model", "config"} <= found.keys():
        raise CheckpointError("config.json is not that of a vlkit model", file=folder)
    return found


def _rules(head: dict[str, Any]) -> LinkRules:
    links = tuple((parent, child) for parent, child in head["links"])
    rules = LinkRules(tuple(head["labels"]), links, head["one_parent"])
    unknown = {name for link in links for name in link} - set(rules.types)
    if unknown:
        raise ValueError(f"a type {min(unknown)}, which its links name")
    return rules


def _check_labels(settings: Settings, folder: Path) -> None:
    """Labels are ``O``, ``B-X`` and ``I-X``, and relations are of such X."""
    strange = [tag for tag in settings.labels if tag != OUTSIDE and tag[:2] not in ("B-", "I-")]
    if strange:
        raise CheckpointError(
            f"its label '{strange[0]}' is none of O, B-… and I-…",
            remedy="Take a model that was trained to find entities",
            file=folder,
        )
    kinds = {tag[2:].casefold() for tag in settings.labels}
    types = settings.rules.types if settings.rules else ()
    if other := [name for name in types if name.casefold() not in kinds]:
        raise CheckpointError(
            f"its relation head links '{other[0]}', which no label of its words is",
            remedy="Train both heads on the same labels",
            file=folder,
        )
