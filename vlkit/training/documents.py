"""Labelled documents as a recipe names them: read from folders or generated, and their batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from vlkit.checkpoint import TOKENIZER, Pretrained
from vlkit.data.labelled import (
    FORM_LABELS,
    LabelledDocument,
    LabelledSet,
    folds,
    generated,
    read_labelled,
    with_fields_as_entities,
)
from vlkit.data.labelled.generated import Kind
from vlkit.data.labelled.texts import Language
from vlkit.errors import InputError, RecipeError
from vlkit.models.lilt import Lilt, LiltConfig
from vlkit.models.lilt_batches import packed, padded
from vlkit.models.lilt_heads import Batch
from vlkit.models.lilt_pretraining import HEADS, Vocabulary, masked
from vlkit.training.batches import Broken, Loaded, Pools, sample_at
from vlkit.training.entities import EntityValidation
from vlkit.training.pages import Boxes, Speller, Taught, jittered
from vlkit.training.pieces import LearntPieces
from vlkit.training.samples import Samples, Tokens

_CYCLE = 100
_TRIES = 20


@dataclass(frozen=True)
class DocumentSet:
    """Documents of a folder, as ``vlkit.data.labelled.read_labelled`` reads them.

    Attributes:
        weight: Its share of the samples is this among all sets'.
        fields: Fields that are its entities, in place of those that it has.
        most: Documents to learn from, drawn by the run's seed; fewer are among more.
        split: Documents to train on: those that ``NAME.txt`` in the folder names, one a line.
        validation: As ``split``, documents to measure on.
    """

    folder: Path
    weight: float = 1.0
    fields: tuple[str, ...] = ()
    most: int | None = None
    split: str | None = None
    validation: str | None = None

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ValueError(f"weight is {self.weight}, but must be more than 0")
        if self.most is not None and self.most < 1:
            raise ValueError(f"most is {self.most}, but must be at least 1")


@dataclass(frozen=True)
class Generated:
    """Documents of ``vlkit.data.labelled.generated``, drawn while the model trains, each once.

    Attributes:
        weight, fields: As of a ``DocumentSet``.
    """

    weight: float = 1.0
    languages: tuple[Language, ...] = ("eng", "kor")
    kinds: tuple[Kind, ...] = ("form", "invoice", "receipt", "statement")
    fields: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ValueError(f"weight is {self.weight}, but must be more than 0")
        if not self.languages or not self.kinds:
            raise ValueError("languages and kinds must name one at least")


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Documents with entities and links, or without for pre-training.

    Attributes:
        boxes: Of ``words``, or of ``segments``, whose words share one; scores do not compare.
        sets: Folders, each under a name.
        generated: Documents to draw besides.
        objective: ``labels`` teaches entities and links, ``pretraining`` asks for masked tokens
            and boxes, as ``vlkit.models.lilt_pretraining`` says.
        rows: One document a row, ``padded``, or several, ``packed``.
        jitter: Part of the page by which its boxes are moved and stretched, anew each time.
        folds: Into how many parts each set falls, documents of one group in one.
        fold: The part that is left out, from 0, to be measured on at every checkpoint.
        pool, lanes: How documents of like length get together, as of ``Pools``.
    """

    boxes: Boxes
    sets: dict[str, DocumentSet] = field(default_factory=dict)
    generated: Generated | None = None
    objective: Literal["labels", "pretraining"] = "labels"
    rows: Literal["padded", "packed"] = "padded"
    jitter: float = 0.0
    folds: int = 5
    fold: int | None = None
    pool: int = 8
    lanes: int = 2

    def __post_init__(self) -> None:
        if not self.sets and self.generated is None:
            raise ValueError("there are no documents: give sets or generated")
        if not 0 <= self.jitter < 0.5:
            raise ValueError(f"jitter is {self.jitter}, but must be at least 0 and below 0.5")
        if self.folds < 2 or min(self.pool, self.lanes) < 1:
            raise ValueError("folds must be at least 2, pool and lanes at least 1")
        if self.fold is not None and not 0 <= self.fold < self.folds:
            raise ValueError(f"fold is {self.fold}, but must be 0 to {self.folds - 1}")
        measured = self.fold is not None or any(each.validation for each in self.sets.values())
        if measured and self.objective == "pretraining":
            raise ValueError("pre-training has no entities to measure: leave out the fold or split")
        if self.fold is not None and any(each.validation for each in self.sets.values()):
            raise ValueError("a fold and a split are both left out: give one of them")


def document_samples(
    documents: Documents,
    tokens: Tokens,
    places: Sequence[Path],
    model: Pretrained,
    size: int,
    seed: int,
) -> Samples:
    """What a recipe's ``[documents]`` gives a LiLT.

    Args:
        tokens: The recipe's tokenizer.
        places: Folders of the trunk and the model that it starts from, whose tokenizer is taken
            else, the first that has one.
        size: Documents of a step, of all processes together.
        seed: Of the run.

    Raises:
        InputError: A set or the tokenizer can't be read.
        RecipeError: The model reads no documents, or its heads and the documents' labels differ.
    """
    if not isinstance(model, Lilt):
        raise RecipeError(
            f"'{model.model_name}' reads no documents", remedy="Give it [data] or [lines]"
        )
    words = _tokenizer(tokens, places, model.config)
    taught = None
    if documents.objective == "labels":
        taught = Taught.of(model.config.heads)
    elif {head.kind for head in model.config.heads} != {head.kind for head in HEADS}:
        raise RecipeError(
            f"pre-training has the heads {', '.join(head.kind for head in HEADS)}",
            remedy="Give model.config.heads these, and no other",
        )
    speller = Speller(words, documents.boxes, model.config)
    read = {name: _parted(each, documents, seed) for name, each in documents.sets.items()}
    if taught is not None:
        _check_labels(taught, documents, read)
    streams: list[Stream] = [
        Windows.of(name, each.learnt, speller, taught, seed) for name, each in read.items()
    ]
    weights = [each.weight for each in documents.sets.values()]
    said = [f"{len(each.learnt)} documents of {name}" for name, each in read.items()]
    if documents.generated is not None:
        streams.append(Drawn(documents.generated, speller, taught, seed))
        weights.append(documents.generated.weight)
        said.append("generated documents")
    vocabulary = words.vocabulary() if documents.objective == "pretraining" else None
    source = DocumentSource(streams, weights, documents, model.config, vocabulary, size, seed)
    measured = [document for each in read.values() for document in each.measured]
    facts: dict[str, Any] = {
        "documents.samples": {name: len(each.learnt) for name, each in read.items()},
        "tokenizer": words.sha256,
    }
    return Samples(
        source,
        ", ".join(said),
        facts,
        [(name, str(why)) for name, each in read.items() for why in each.skipped],
        words,
        EntityValidation(measured, speller, taught) if measured and taught else None,
        {"boxes": documents.boxes},
        _measured_on(documents, len(measured)),
    )


def _measured_on(documents: Documents, count: int) -> str:
    fold = "" if documents.fold is None else f"fold {documents.fold} of {documents.folds}, "
    names = " and ".join(documents.sets)
    return f"{count} documents of {names} left out, {fold}boxes of {documents.boxes}"


def _tokenizer(tokens: Tokens, places: Sequence[Path], config: LiltConfig) -> LearntPieces:
    found = [place / TOKENIZER for place in places if (place / TOKENIZER).is_file()]
    file = tokens.file or next(iter(found), None)
    if file is None:
        raise RecipeError(
            "documents need a tokenizer, and neither trunk.folder nor model.start has one",
            remedy="Name a tokenizer.json with tokens.file",
        )
    words = LearntPieces(file)
    if words.entries > config.vocab:
        raise RecipeError(
            f"the tokenizer has {words.entries} entries, the model room for {config.vocab}",
            remedy=f"Set model.config.vocab to {words.entries}, or take the model's own tokenizer",
        )
    return words


# Which documents


@dataclass(frozen=True)
class _Parts:
    """Documents to learn from and to measure on, the labels of their entities, what is missing."""

    learnt: list[LabelledDocument]
    measured: list[LabelledDocument]
    labels: set[str]
    skipped: Sequence[object]


def _parted(wanted: DocumentSet, documents: Documents, seed: int) -> _Parts:
    found = read_labelled(wanted.folder)
    labels = {label.casefold() for label in wanted.fields or found.labels}
    every = [_with_entities(document, wanted.fields) for document in found.documents]
    measured: set[str] = set()
    if documents.fold is not None:
        numbers = folds(every, documents.folds)
        measured = {
            document.name
            for document, number in zip(every, numbers, strict=True)
            if number == documents.fold
        }
    elif wanted.validation is not None:
        measured = _named(wanted.folder, wanted.validation, found)
    learnt = {document.name for document in every}
    if wanted.split is not None:
        learnt = _named(wanted.folder, wanted.split, found)
    chosen = [document for document in every if document.name in learnt - measured]
    if wanted.most is not None:
        chosen = Random(seed).sample(chosen, len(chosen))[: wanted.most]
    return _Parts(
        chosen,
        [document for document in every if document.name in measured],
        labels,
        found.skipped,
    )


def _with_entities(document: LabelledDocument, fields: Sequence[str]) -> LabelledDocument:
    if not fields:
        return document
    known = {each.name for each in document.fields}
    return with_fields_as_entities(document, known & set(fields))


def _named(folder: Path, split: str, found: LabelledSet) -> set[str]:
    file = folder / f"{split}.txt"
    if not file.is_file():
        raise InputError("there is no such split", remedy="Put a document's name a line", file=file)
    names = {line.strip() for line in file.read_text(encoding="utf-8").splitlines()} - {""}
    known = {document.name for document in found.documents}
    known |= {Path(why.file).stem for why in found.skipped if why.file}
    if missing := sorted(names - known):
        raise InputError(
            f"the split names '{missing[0]}', which is not there",
            remedy="Put it there, or take it out of the split",
            file=file,
        )
    return names


def _check_labels(taught: Taught, documents: Documents, read: Mapping[str, _Parts]) -> None:
    """Ask that the heads know all labels of the documents, and no other."""
    labels = {name: each.labels for name, each in read.items()}
    if documents.generated is not None:
        named = documents.generated.fields or FORM_LABELS
        labels["generated"] = {label.casefold() for label in named}
    for name, theirs in labels.items():
        if unknown := sorted(theirs - taught.entities):
            raise RecipeError(
                f"'{name}' has entities '{unknown[0]}', which the model's heads do not know",
                remedy="Name them in the labels of model.config.heads, or choose others by "
                f"documents.sets.{name}.fields",
            )
    if untaught := sorted(taught.entities - set().union(*labels.values())):
        raise RecipeError(
            f"no set has entities '{untaught[0]}', which the model's heads are to learn",
            remedy="Leave them out of the labels of model.config.heads, or add a set with them",
        )


# Samples


class Sample(NamedTuple):
    """A window of a document, and what was broken on the way to it."""

    key: str
    document: Batch
    broken: tuple[Broken, ...] = ()


class Stream(Protocol):
    """An endless stream of samples, each a function of its number."""

    def sample(self, number: int) -> Sample: ...


@dataclass(frozen=True)
class Windows:
    """Windows of documents that are at hand: all of them once, then again in another order."""

    samples: Sequence[Sample]
    seed: int

    @classmethod
    def of(
        cls,
        name: str,
        documents: Sequence[LabelledDocument],
        speller: Speller,
        taught: Taught | None,
        seed: int,
    ) -> Windows:
        """All windows of the documents' pages.

        Raises:
            InputError: None has a word, or a box is no place on its page; it names the document.
        """
        samples = []
        for document in documents:
            for page in document.pages:
                try:
                    found = speller.windows(page, taught)
                except InputError as error:
                    raise error.at(file=document.name) from None
                samples += [Sample(f"{name}/{document.name}", window) for window in found]
        if not samples:
            raise InputError(f"there is no document to learn from in '{name}'")
        return cls(samples, seed)

    def sample(self, number: int) -> Sample:
        return self.samples[sample_at(number, len(self.samples), self.seed)]


@dataclass(frozen=True)
class Drawn:
    """Generated documents: of each one window."""

    settings: Generated
    speller: Speller
    taught: Taught | None
    seed: int

    def sample(self, number: int) -> Sample:
        """The sample of that number.

        Raises:
            InputError: Many documents in a row can't be drawn.
        """
        rng = Random(f"document {self.seed} {number}")
        broken: list[Broken] = []
        for _ in range(_TRIES):
            language, kind = rng.choice(self.settings.languages), rng.choice(self.settings.kinds)
            at = rng.randrange(1 << 48)
            key = f"{kind}-{language}-{self.seed}-{at}"
            try:
                document = generated(at, language, kind, seed=self.seed).labelled
            except InputError as error:  # such as one that does not fit on its page
                broken.append(Broken(key, error.problem))
                continue
            document = _with_entities(document, self.settings.fields)
            found = self.speller.windows(document.pages[0], self.taught)
            return Sample(key, rng.choice(found), tuple(broken))
        raise InputError(f"{_TRIES} documents in a row can't be drawn: {broken[-1].reason}")


class Shares:
    """Which of several streams stands at a position, and at which of its own numbers.

    Of each hundred positions every stream has its share, one at least, in a drawn order.
    """

    def __init__(self, weights: Sequence[float], seed: int) -> None:
        self.seed = seed
        ends = np.cumsum([0, *weights]) / sum(weights)
        counts = np.diff((ends * _CYCLE).round().astype(int)).clip(min=1)
        self.counts: list[int] = counts.tolist()

    def at(self, position: int) -> tuple[int, int]:
        """The stream, and how many of its samples came before."""
        cycle, place = divmod(position, sum(self.counts))
        order = np.repeat(np.arange(len(self.counts)), self.counts)
        order = np.random.default_rng((self.seed, cycle)).permutation(order)
        stream = int(order[place])
        before = int((order[:place] == stream).sum())
        return stream, cycle * self.counts[stream] + before


class DocumentSource:
    """Documents in batches of such as are about as long, as of ``lilt_batches``.

    Args:
        streams: To take from, by their weights.
        vocabulary: Of pre-training, whose batches are masked.
        size: Documents of a step, of all processes together.
    """

    def __init__(
        self,
        streams: Sequence[Stream],
        weights: Sequence[float],
        documents: Documents,
        config: LiltConfig,
        vocabulary: Vocabulary | None,
        size: int,
        seed: int,
    ) -> None:
        self.streams = streams
        self.shares = Shares(weights, seed)
        self.documents = documents
        self.config = config
        self.vocabulary = vocabulary
        self.seed = seed
        pool, lanes = documents.pool, documents.lanes
        self.pools: Pools[Sample] = Pools(self.sample, _length, size, pool, lanes)

    def sample(self, position: int) -> Sample:
        """The sample at a position, before anything is masked."""
        stream, number = self.shares.at(position)
        sample = self.streams[stream].sample(number)
        if not self.documents.jitter:
            return sample
        draw = np.random.default_rng((self.seed, position, 1))  # unlike what masks it
        moved = jittered(sample.document, self.documents.jitter, draw)
        return sample._replace(document=moved)

    def load(self, positions: range) -> Loaded:
        taken = self.pools.take(positions)
        documents = [sample.document for _, sample in taken]
        if self.vocabulary is not None:
            numbers = [number for number, _ in taken]
            documents = masked(documents, numbers, self.vocabulary, self.seed)
        if self.documents.rows == "packed":
            batch = packed(documents, self.config.context_length, self.config.pad_id)
        else:
            batch = padded(documents, self.config.pad_id)
        broken = [item for _, sample in taken for item in sample.broken]
        return Loaded(batch, [sample.key for _, sample in taken], broken)


def _length(sample: Sample) -> int:
    return len(sample.document["ids"])
