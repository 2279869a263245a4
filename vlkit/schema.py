"""Versions of the JSON that documents are stored in, and how older ones are brought up to date.

A change that an old file would not survive raises ``SCHEMA_VERSION`` and adds a step to
``MIGRATIONS``; a sample of the old version goes to ``tests/data/schema``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from vlkit.errors import InputError

SCHEMA_VERSION = 1

Tree = dict[str, Any]


def _to_version_1(data: Tree) -> Tree:
    """Version 0 (before the first release) kept ``blocks`` and ``tables`` apart on a page."""
    for page in data.get("pages", []):
        blocks = [{"kind": "block", **block} for block in page.pop("blocks", [])]
        tables = [{"kind": "table", **table} for table in page.pop("tables", [])]
        page["items"] = blocks + tables
    return data


MIGRATIONS: dict[int, Callable[[Tree], Tree]] = {0: _to_version_1}
"""Version → the step to the next one."""


def parse_json(text: str | bytes) -> Tree:
    """The stored tree of a document, in today's schema version.

    Raises:
        InputError: No JSON object, no schema version, or one that is not known here.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"this is not JSON: {error}", remedy="Give a file that Document.save wrote as .json"
        ) from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or version < 0:
        raise InputError(
            "the JSON has no schema_version, so it is no vlkit document",
            remedy="Give a file that Document.save wrote as .json",
        )
    if version > SCHEMA_VERSION:
        raise InputError(
            f"the document has schema version {version}, this vlkit reads up to {SCHEMA_VERSION}",
            remedy="Update vlkit: pip install --upgrade vlkit",
        )
    try:
        return migrate(data, version)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the JSON says schema version {version} but is not built like it",
            remedy="Give a file that Document.save wrote as .json",
        ) from error


def migrate(data: Tree, version: int) -> Tree:
    """Bring a tree of an older version up to date, step by step."""
    for step in range(version, SCHEMA_VERSION):
        data = {**MIGRATIONS[step](data), "schema_version": step + 1}
    return data
