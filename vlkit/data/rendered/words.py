"""The lists in ``words.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path


def _lists(table: dict[str, str]) -> dict[str, list[str]]:
    """Each list's entries: divided by commas where it has any, else by white space."""
    return {
        name: [
            entry for part in text.split("," if "," in text else None) if (entry := part.strip())
        ]
        for name, text in table.items()
    }


_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

ENGLISH: dict[str, list[str]] = _lists(_TABLES["english"])
KOREAN: dict[str, list[str]] = _lists(_TABLES["korean"])
