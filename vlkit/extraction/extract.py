"""Values out of a document: ``vlkit.extract``."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from vlkit import __version__
from vlkit.document import Document, Field, Source
from vlkit.errors import InputError
from vlkit.extraction.candidates import Candidate, Finder, Span
from vlkit.extraction.entities import entity_candidates
from vlkit.extraction.readings import MASKED, Reading
from vlkit.extraction.schema import Schema, Wanted, WantedSet, read_schema
from vlkit.extraction.scoring import group_of, row_probability, score
from vlkit.extraction.sheet import Sheet
from vlkit.extraction.tables import Piece, find_rows
from vlkit.reading.options import Pages
from vlkit.reading.read import read
from vlkit.sources import Readable

THRESHOLD = 0.5
"""Probability below which a value is left to a person."""
_RULES = Source(name="extract", version=__version__)

Meaning = tuple[str, tuple[str, ...]]
"""A field's concept, and the labels of the section that it belongs to."""


@dataclass(frozen=True)
class Extraction:
    """What was found.

    Attributes:
        document: What was read, with the fields.
        data: The values as the schema has them; null where none was found or none is sure.
        missing: Names of the required fields without a value.
        instance: Of the pydantic class, where the schema is one and nothing required is missing.
        problem: Why there is no instance though nothing is missing.
    """

    document: Document
    data: dict[str, Any]
    missing: tuple[str, ...]
    instance: BaseModel | None = None
    problem: str = ""

    @property
    def fields(self) -> list[Field]:
        return self.document.fields


def extract(
    source: Readable | Document,
    schema: Schema,
    *,
    model: str | None = None,
    threshold: float = THRESHOLD,
    engine: str = "auto",
    lang: str | Iterable[str] | None = None,
    pages: Pages = None,
    password: str | None = None,
) -> Extraction:
    """Take typed values out of a document.

    Args:
        source: What ``vlkit.read`` takes, a document that was read, or the ``.json`` of one.
        schema: A JSON Schema, as a mapping or a file, or a pydantic class. See
            ``vlkit.extraction.schema``.
        model: Name or folder of a model that finds entities and links; values come from these
            too, where a label is a field's name or a question says a field's label.
        threshold: Probability below which a value is null and needs review.
        engine, lang, pages, password: As ``vlkit.read`` takes them.

    Returns:
        The values, each with its place, printed text and probability. Where a field is for
        resident registration numbers, value and text are masked; the document's words are not.

    Raises:
        SchemaError: The schema can't be understood.
        VlkitError: The source can't be read.
    """
    wanted = read_schema(schema)
    mark = marker_of(model)
    document = document_of(source, engine=engine, lang=lang, pages=pages, password=password)
    return fill(mark(document), wanted, threshold)


def marker_of(model: str | None) -> Callable[[Document], Document]:
    """What puts a model's entities on a document; without a model it stays as it is.

    Raises:
        UnknownName: There is no such model.
        CheckpointError: It is damaged, or is no model for entities.
    """
    if model is None:
        return lambda document: document
    from vlkit.reading.entities import Entities

    return Entities(model)


def fill(document: Document, wanted: WantedSet, threshold: float = THRESHOLD) -> Extraction:
    """The values of the fields in a document, which is left as it is.

    Raises:
        InputError: The threshold is no probability.
    """
    if not 0 <= threshold <= 1:
        raise InputError(f"the threshold {threshold} is no probability", remedy="Give 0 to 1")
    sheet = Sheet(document)
    scalars = [field for field in wanted.fields if field.kind != "table"]
    chosen = dict(zip([f.name for f in scalars], _choose(sheet, scalars), strict=True))
    fields: list[Field] = []
    data: dict[str, Any] = {}
    for field in wanted.fields:
        if field.kind == "table":
            found, value = _table(sheet, field, threshold)
            fields += found
        else:
            one = _field(sheet, field, chosen[field.name], threshold)
            value = one.value
            fields.append(one)
        _put(data, field.name, value)
    filled = document.model_copy(update={"fields": fields}).with_source(
        document.source, document.password
    )
    missing = tuple(_missing(wanted.fields, data))
    instance, problem = _instance(wanted, data) if not missing else (None, "")
    return Extraction(filled, data, missing, instance, problem)


def document_of(
    source: Readable | Document,
    *,
    engine: str = "auto",
    lang: str | Iterable[str] | None = None,
    pages: Pages = None,
    password: str | None = None,
) -> Document:
    """The document itself, the stored one of a ``.json``, or what is read.

    Raises:
        VlkitError: The source can't be read.
    """
    if isinstance(source, Document):
        return source
    if isinstance(source, str | os.PathLike) and Path(source).suffix.lower() == ".json":
        return Document.load(Path(source))
    return read(source, engine=engine, lang=lang, pages=pages, password=password)


# Choosing


def _choose(sheet: Sheet, fields: Sequence[Wanted]) -> list[tuple[Candidate, float] | None]:
    """For each field its most probable candidate; the surest first, and no words twice."""
    finder = Finder(sheet, fields)
    offers: list[tuple[tuple[float, float], int, Candidate]] = []
    for number, field in enumerate(fields):
        candidates = finder.candidates(number)
        scores = score(field, candidates)
        offers += [(how, number, each) for how, each in zip(scores, candidates, strict=True)]
        offers += [((p, p), number, each) for p, each in entity_candidates(sheet, field)]
    chosen: list[tuple[Candidate, float] | None] = [None] * len(fields)
    taken: dict[tuple[int, int], set[tuple[str, Meaning]]] = defaultdict(set)
    for (probability, _), number, candidate in sorted(
        offers, key=lambda each: each[0], reverse=True
    ):
        words = [(page, word) for page, some in candidate.spans for word in some]
        sought, meaning = fields[number].sought, (fields[number].concept, fields[number].sections)
        # Two dates or amounts don't stand in the same words, unless they mean the same; nor do
        # the seller's number and the buyer's.
        rivals = {what for word in words for kind, what in taken[word] if kind == sought}
        if chosen[number] is None and (not rivals or (meaning[0] and rivals == {meaning})):
            chosen[number] = candidate, probability
            for word in words:
                taken[word].add((sought, meaning))
    return chosen


def _read_well(sheet: Sheet, spans: Sequence[Span]) -> float:
    """The probability that all words are read exactly."""
    known = (sheet.words[page][word].confidence for page, words in spans for word in words)
    return prod(each for each in known if each is not None)


# Fields


def _field(
    sheet: Sheet, field: Wanted, found: tuple[Candidate, float] | None, threshold: float
) -> Field:
    if found is None:
        return _absent(field)
    candidate, probability = found
    return _judged(sheet, field, field.name, candidate.reading, candidate, probability, threshold)


def _judged(
    sheet: Sheet,
    field: Wanted,
    name: str,
    reading: Reading,
    where: Candidate | Piece,
    probability: float,
    threshold: float,
) -> Field:
    if not reading.sure:
        probability *= _read_well(sheet, where.spans)
    sure = probability >= threshold
    reason = reading.doubt if sure else f"its probability {probability:.2f} is below {threshold:g}"
    return Field(
        name=name,
        value=reading.value if sure else None,
        text=str(reading.value) if field.sought == MASKED else where.text,
        places=sheet.places(where.spans),
        confidence=round(min(probability, 1.0), 4),
        needs_review=bool(reading.doubt) or not sure,
        reason="; ".join(part for part in (reason, reading.note) if part),
        source=_RULES,
    )


def _absent(field: Wanted) -> Field:
    """A field that nothing was found for; one that need not be there has the schema's default."""
    default = field.rule.get("default")
    if field.required:
        return Field(name=field.name, needs_review=True, reason="nothing was found", source=_RULES)
    reason = "nothing was found" + ("; the schema's default" if default is not None else "")
    return Field(name=field.name, value=default, reason=reason, source=_RULES)


def _table(
    sheet: Sheet, field: Wanted, threshold: float
) -> tuple[list[Field], list[dict[str, Any]] | None]:
    """A field for each cell, named ``items.0.price``, and the list of objects."""
    found = find_rows(sheet, field)
    if not found.rows:
        return [_absent(field)], None
    fields: list[Field] = []
    objects: list[dict[str, Any]] = []
    for row, cells in enumerate(found.rows):
        values: dict[str, Any] = dict.fromkeys((column.name for column in field.columns), None)
        for cell in cells:
            probability = row_probability(found.how, group_of(cell.column))
            name = f"{field.name}.{row}.{cell.column.name}"
            one = _judged(
                sheet, cell.column, name, cell.reading, cell.piece, probability, threshold
            )
            values[cell.column.name] = one.value
            fields.append(one)
        objects.append(values)
    return fields, objects


# The schema's own shape


def _put(data: dict[str, Any], name: str, value: Any) -> None:
    *parents, last = name.split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
    data[last] = value


def _missing(fields: Sequence[Wanted], data: dict[str, Any]) -> Iterable[str]:
    for field in fields:
        value: Any = data
        for part in field.name.split("."):
            value = value[part]
        if value is None and field.required and not field.nullable:
            yield field.name
        for row, each in enumerate(value if field.kind == "table" and value else ()):
            for column in field.columns:
                if column.required and not column.nullable and each[column.name] is None:
                    yield f"{field.name}.{row}.{column.name}"


def _instance(wanted: WantedSet, data: dict[str, Any]) -> tuple[BaseModel | None, str]:
    if wanted.model is None:
        return None, ""
    try:
        return wanted.model.model_validate(_without_nulls(data)), ""
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return None, f"{where}: {first['msg']}"


def _without_nulls(data: Any) -> Any:
    """What was not found is left to the class's defaults."""
    if isinstance(data, dict):
        return {key: _without_nulls(each) for key, each in data.items() if each is not None}
    return [_without_nulls(each) for each in data] if isinstance(data, list) else data
