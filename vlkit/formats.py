"""Finding what installed packages, first of all vlkit itself, offer by entry point."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import Any

from vlkit.errors import UnknownName

Exported = str | bytes | list[str] | list[bytes]
"""What an export gives: one file's content, or a list where its files hold less than a document
(PAGE: a page; CSV: a table; overlay: a page's picture)."""

CONTAINERS = frozenset({".xml", ".html", ".png"})
"""Suffixes that may follow a format's own: ``scan.alto.xml``."""


@cache
def _offered(group: str) -> EntryPoints:
    """Looked up once: it means reading the metadata of every installed package."""
    return entry_points(group=group)


def entry_point(group: str, kind: str, name: str) -> Any:
    """What is offered under a name.

    Args:
        kind: What a group's members are called in the error, e.g. ``"format"``.

    Raises:
        UnknownName: Nothing is; the known names are listed.
    """
    found = _offered(group)
    if name not in found.names:
        raise UnknownName(kind, name, found.names)
    return found[name].load()


def export_formats() -> list[str]:
    """Names of the formats that ``Document.export`` knows."""
    return sorted(_offered("vlkit.exports").names)


def format_of(path: Path) -> tuple[str, str]:
    """The format of a file name, and the suffix that says so: ``page``, ``.page.xml``.

    Raises:
        UnknownName: No format goes by that suffix.
    """
    known = export_formats()
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if len(suffixes) == 2 and suffixes[0][1:] in known and suffixes[1] in CONTAINERS:
        return suffixes[0][1:], "".join(path.suffixes[-2:])
    name = suffixes[-1][1:] if suffixes else ""
    if name not in known:
        raise UnknownName("format", name or path.name, known).at(file=path)
    return name, path.suffix


def to_files(content: Exported, path: Path, suffix: str) -> dict[Path, bytes]:
    """What is to be written where: ``path``, or numbered paths for a list of several.

    An empty list makes no file: a document without tables has no CSV.
    """
    parts = content if isinstance(content, list) else [content]
    encoded = [part.encode() if isinstance(part, str) else part for part in parts]
    if len(encoded) == 1:
        return {path: encoded[0]}
    stem, digits = path.name.removesuffix(suffix), len(str(len(encoded)))
    return {
        path.with_name(f"{stem}-{number:0{digits}}{suffix}"): data
        for number, data in enumerate(encoded, 1)
    }
