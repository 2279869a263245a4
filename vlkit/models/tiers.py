"""The three tiers of models: bundled with vlkit, recommended public weights, the user's own.

No torch here: `vlkit doctor` and `vlkit models` look without it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vlkit.errors import UnknownName
from vlkit.models.recommended import (
    RECOMMENDED,
    UNVERIFIED,
    folder_of,
    missing,
    recommended,
    verified,
)
from vlkit.shelves import bundled, own

Tier = Literal["bundled", "recommended", "own"]


@dataclass(frozen=True)
class Entry:
    """A model by its name.

    Attributes:
        what: Kind of model or, of public weights, their architecture.
        folder: Where its files lie; None where they must be fetched first.
    """

    name: str
    tier: Tier
    what: str
    folder: Path | None


def entries() -> list[Entry]:
    """All models, tier by tier; a name stands in the first tier that has it."""
    found: dict[str, Entry] = {}
    for name, folder in bundled().items():
        found[name] = Entry(name, "bundled", _kind(folder), folder)
    for name, wanted in RECOMMENDED.items():
        here = folder_of(name)
        found.setdefault(name, Entry(name, "recommended", wanted.architecture, here))
    for name, folder in own().items():
        found.setdefault(name, Entry(name, "own", _kind(folder), folder))
    return list(found.values())


def find(name: str) -> Entry:
    """The model of that name.

    Raises:
        UnknownName: if no tier has it.
    """
    known = {entry.name: entry for entry in entries()}
    if name not in known:
        raise UnknownName("model", name, known)
    return known[name]


def facts(entry: Entry) -> dict[str, str]:
    """What there is to say of a model, by name, in the order to show it."""
    told = {"tier": entry.tier, "model": entry.what}
    if entry.tier == "recommended":
        told |= _of_recommended(entry.name)
    elif entry.folder is not None:
        told |= _of_folder(entry.folder)
    if entry.folder is not None:
        size = sum(file.stat().st_size for file in entry.folder.iterdir() if file.is_file())
        told |= {"folder": str(entry.folder), "size": f"{size / 1e6:.1f} MB"}
    else:
        told["here"] = f"no: {missing(entry.name)}"
    return told


def here() -> dict[Tier, list[str]]:
    """The names of the models of each tier whose files are here."""
    found = [entry for entry in entries() if entry.folder is not None]
    tiers: tuple[Tier, ...] = ("bundled", "recommended", "own")
    return {tier: [entry.name for entry in found if entry.tier == tier] for tier in tiers}


def _kind(folder: Path) -> str:
    return str(_config(folder).get("model", "unknown"))


def _of_recommended(name: str) -> dict[str, str]:
    wanted, seen = recommended(name), verified(name)
    told = {
        "what": wanted.what,
        "weights": f"{wanted.library} {wanted.tag}",
        "hub": wanted.hub or "none",
        "revision": seen.revision,
        "licence": seen.licence,
    }
    if wanted.figure is not None:
        told["published"] = f"{_figures(wanted.figure.metrics)} on {wanted.figure.data}"
    if seen.metrics:
        told["measured"] = _figures(seen.metrics)
    return told


def _figures(metrics: Any) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())


def _of_folder(folder: Path) -> dict[str, str]:
    described = _config(folder)
    made = described.get("card") or {}
    card = made.get("card") or {}
    told = {
        "what": card.get("summary", ""),
        "licence": card.get("licence", UNVERIFIED),
        "data licence": card.get("data_licence", UNVERIFIED),
        "made by": made.get("command", ""),
    }
    if trunk := described.get("trunk"):
        told["trunk"] = f"{trunk['name']}, SHA-256 {trunk['sha256'][:12]}…"
    return {name: text for name, text in told.items() if text}


def _config(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
