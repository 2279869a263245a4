"""JSON: everything, in the schema that ``Document.from_json`` loads back equal."""

from __future__ import annotations

from vlkit.document import Document


def to_json(document: Document) -> str:
    return document.model_dump_json(indent=1) + "\n"
