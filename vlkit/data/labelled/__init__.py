"""Documents with entities, links and fields, out of folders and generated."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vlkit.data.labelled.documents import (
    LabelledDocument,
    LabelledField,
    LabelledSet,
    WordAt,
    folds,
    load,
    with_fields_as_entities,
)
from vlkit.data.labelled.forms import FORM_LABELS, read_forms, read_xfund
from vlkit.data.labelled.generated import generated
from vlkit.data.labelled.layouts import classed, read_docbank_pages
from vlkit.data.labelled.receipts import CORD_LABELS, SROIE_LABELS, read_cord, read_sroie
from vlkit.errors import InputError, VlkitError

__all__ = [
    "CORD_LABELS",
    "FORM_LABELS",
    "SROIE_LABELS",
    "LabelledDocument",
    "LabelledField",
    "LabelledSet",
    "WordAt",
    "classed",
    "folds",
    "generated",
    "read_cord",
    "read_docbank_pages",
    "read_forms",
    "read_labelled",
    "read_sroie",
    "read_xfund",
    "with_fields_as_entities",
]


def read_labelled(folder: Path, names: Iterable[str] | None = None) -> LabelledSet:
    """The documents of a folder laid out as FUNSD, EC-FUNSD, XFUND, CORD, SROIE or DocBank.

    Args:
        names: Only these documents; all by default.

    Raises:
        InputError: The folder is none of these, has no document of that name, or none that could
            be read.
    """
    if (folder / "box").is_dir():
        return read_sroie(folder, names)
    if (folder / "json").is_dir():
        return read_cord(folder, names)
    if (folder / "annotations").is_dir():
        return (read_cord if _of_receipts(folder / "annotations") else read_forms)(folder, names)
    if any(folder.glob("*.train.json")) or any(folder.glob("*.val.json")):
        return read_xfund(folder, names)
    if any(folder.glob("*.txt")):
        return read_docbank_pages(folder, names)
    raise InputError(
        "there are no labelled documents here",
        remedy="Give a folder laid out as FUNSD, XFUND, CORD, SROIE or DocBank",
        file=folder,
    )


def _of_receipts(annotations: Path) -> bool:
    """Whether the first file that tells has CORD's labels rather than FUNSD's."""
    for path in sorted(annotations.glob("*.json")):
        try:
            content = load(path)
        except VlkitError:
            continue
        spans = content.get("label_entities") if isinstance(content, dict) else None
        if isinstance(spans, list) and spans and isinstance(spans[0], dict):
            return spans[0].get("label") in CORD_LABELS
        if isinstance(content, dict) and "form" in content:
            return False
    return False
