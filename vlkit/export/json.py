"""JSON: everything, in the schema that ``Document.from_json`` loads back equal."""

from __future__ import annotations

from vlkit.document import Document


def to_json(document: Document) -> str:
    # A field that is None is one that loads as None when it is left out.
    return document.model_dump_json(exclude_none=True) + "\n"
