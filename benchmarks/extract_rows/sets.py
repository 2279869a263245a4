"""Documents with known fields, and schemas that ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vlkit.data.labelled import LabelledDocument, folds, generated, read_sroie
from vlkit.document import Block, Document, Page, Table
from vlkit.extraction.concepts import letters_of
from vlkit.extraction.readings import all_values
from vlkit.extraction.schema import Wanted, WantedSet, read_schema
from vlkit.values import Conventions, conventions_of

KINDS = ("invoice", "receipt", "statement")
LANGUAGES = ("kor", "eng")
FIRST = 5000
"""Number of the first document that scores are fitted on; nothing else draws them."""

_MONEY: dict[str, Any] = {"type": "number"}
_DATE: dict[str, Any] = {"type": "string", "format": "date"}
_TEXT: dict[str, Any] = {"type": "string"}

SROIE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"company": _TEXT, "date": _DATE, "address": _TEXT, "total": _MONEY},
}
APPROVAL: dict[str, Any] = {
    "type": "string",
    "x-labels": [
        "승인번호",
        "문서번호",
        "전표번호",
        "Approval No.",
        "Document No.",
        "Invoice No.",
        "Ref",
    ],
}
"""Under other numbers' labels too on generated documents, so the schema has to say them."""
BUSINESS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "approval_number": APPROVAL,
        "company": _TEXT,
        "address": _TEXT,
        "registration_number": _TEXT,
        "phone": {"type": "string", "format": "phone"},
        "contact": _TEXT,
        "card_number": {"type": "string", "format": "payment-card"},
        "date": _DATE,
        "net": _MONEY,
        "tax": _MONEY,
        "total": {"type": "string", "format": "money"},
        "buyer": {
            "type": "object",
            "properties": {"company": _TEXT, "address": _TEXT, "registration_number": _TEXT},
        },
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"item": _TEXT, "count": _MONEY, "price": _MONEY, "amount": _MONEY},
            },
        },
    },
}


@dataclass(frozen=True)
class Example:
    """A document, what is asked of it, and what is right.

    Attributes:
        truth: Name of a field → its value as annotated; fields without one are not there.
        rows: The same of each object of ``items``.
        fold: Of five, the same for all documents of a company.
    """

    name: str
    document: Document
    wanted: WantedSet
    truth: dict[str, str]
    fold: int
    rows: tuple[dict[str, str], ...] = ()
    picture: Path | None = None
    conventions: Conventions = field(default_factory=Conventions)


def drawn(count: int) -> Iterator[Example]:
    """Generated tax invoices, receipts and statements, so many of each in each language.

    Of every other one the tables are taken apart into lines.
    """
    wanted = read_schema(BUSINESS_SCHEMA)
    for language in LANGUAGES:
        for kind in KINDS:
            for number in range(FIRST, FIRST + count):
                made = generated(number, language, kind).labelled  # type: ignore[arg-type]
                yield _example(made, wanted, number % 5, flat=number % 2 == 1)


def receipts(folder: Path, every: int = 1) -> Iterator[Example]:
    """SROIE's, from gold words."""
    wanted = read_schema(SROIE_SCHEMA)
    documents = read_sroie(folder).documents
    for document, fold in list(zip(documents, folds(documents), strict=True))[::every]:
        yield _example(document, wanted, fold, flat=False)


def _example(document: LabelledDocument, wanted: WantedSet, fold: int, *, flat: bool) -> Example:
    truth: dict[str, str] = {}
    rows: dict[int, dict[str, str]] = {}
    for each in document.fields:
        if each.row is not None:
            rows.setdefault(each.row, {})[each.name.split(".")[-1]] = each.value
        else:
            truth.setdefault(each.name, each.value)
    bare = [
        page.model_copy(
            update={
                "entities": [],
                "relations": [],
                "items": list(_flat(page)) if flat else page.items,
            }
        )
        for page in document.pages
    ]
    read = Document(name=document.name, pages=bare)
    return Example(
        document.name,
        read,
        wanted,
        truth,
        fold,
        tuple(rows[row] for row in sorted(rows)),
        document.pictures[0] if document.pictures else None,
        conventions_of(read.text),
    )


def _flat(page: Page) -> Iterator[Any]:
    for item in page.items:
        if isinstance(item, Table):
            for cell in item.cells:
                for line in cell.lines:
                    yield Block(lines=[line], box=line.box)
        else:
            yield item


def is_right(wanted: Wanted, value: Any, said: str | None, conventions: Conventions) -> bool:
    """Whether a value is what the annotator said, after normalising.

    Texts are compared without white space, case and marks at their ends; typed values as the
    same reader reads the annotation.
    """
    if said is None or value is None:
        return False
    if wanted.kind in ("text", "choice"):
        return plain(str(value)) == plain(said)
    return any(each.value == value for each in all_values(wanted, said, conventions))


def plain(text: str) -> str:
    return "".join(text.casefold().split()).strip(".,:;-") or letters_of(text)
