"""What works here, and what to install for the rest: `vlkit doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version

from vlkit.errors import VlkitError
from vlkit.models.tiers import Tier, here
from vlkit.reading.stages import load_engine

REMEDIES: dict[Tier, str] = {
    "bundled": "install the wheel that `make shelf` builds",
    "recommended": "vlkit models, and vlkit models fetch NAME",
    "own": "vlkit train RECIPE",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        what: The engine, extra or tier of models.
        works: Whether it can be used here and now.
        detail: Version and languages, or what is wrong.
        remedy: What to install.
    """

    what: str
    works: bool
    detail: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at every engine that is installed, every extra, and the three tiers of models."""
    engines = [_engine(name) for name in sorted(entry_points(group="vlkit.engines").names)]
    extras = [
        _extra("tesserocr", "tesserocr", "Tesseract without a process for every page"),
        _extra("docling", "docling-core", "Document.to_docling()"),
    ]
    tiers = [_tier(tier, found) for tier, found in here().items()]
    return [*engines, *extras, *tiers]


def _tier(tier: Tier, found: list[str]) -> Finding:
    what, remedy = f"{tier} models", REMEDIES[tier]
    if not found:
        return Finding(what, False, "none here", remedy)
    return Finding(what, True, ", ".join(found))


def _engine(name: str) -> Finding:
    what = f"engine {name}"
    try:
        engine = load_engine(name)
        languages = sorted(engine.languages())
    except VlkitError as error:
        return Finding(what, False, error.problem, error.remedy)
    read = ", ".join(languages) if languages else "any language"
    return Finding(what, True, f"{engine.version}; reads {read}")


def _extra(extra: str, package: str, use: str) -> Finding:
    what = f"extra {extra}"
    try:
        return Finding(what, True, f"{version(package)}; {use}")
    except PackageNotFoundError:
        return Finding(what, False, f"not installed; {use}", f'pip install "vlkit[{extra}]"')
