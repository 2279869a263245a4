"""What common fields are called in schemas and on paper."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

SECTION = "section"


@dataclass(frozen=True)
class Concept:
    """Something that documents often say.

    Attributes:
        kind: Of ``vlkit.values.KINDS``, or ``text``, ``company``, ``address`` or ``section``.
        names: What schemas call it, as words in small letters.
        labels: What is printed before, above or beside it.
    """

    name: str
    kind: str
    names: tuple[str, ...]
    labels: tuple[str, ...]

    @cached_property
    def printed(self) -> frozenset[str]:
        """The labels' letters."""
        return frozenset(filter(None, map(letters_of, self.labels)))


@cache
def concepts() -> dict[str, Concept]:
    """All of them, by name."""
    text = files("vlkit.extraction").joinpath("concepts.toml").read_text(encoding="utf-8")
    return {
        name: Concept(name, table["kind"], tuple(table["names"]), tuple(table["labels"]))
        for name, table in tomllib.loads(text).items()
    }


def concept_of(name: str, *, column: bool = False, section: bool = False) -> Concept | None:
    """The concept that a schema's name means: ``invoiceDate`` → date, as does ``작성일자``.

    What schemas call it goes before what is printed.

    Args:
        column: The field is a column of goods.
        section: It is a group of fields.
    """
    said, letters = spelled_out(name), letters_of(name)
    fitting = [each for each in concepts().values() if _fits(each, column, section)]
    named = (concept for concept in fitting if said in concept.names)
    printed = (concept for concept in fitting if letters in concept.printed)
    return next(named, None) or next(printed, None)


_COLUMNS = {"item", "count", "price", "amount", "item number", "size", "code", "tax", "date"}


def _fits(concept: Concept, column: bool, section: bool) -> bool:
    if section or concept.kind == SECTION:
        return section and concept.kind == SECTION
    return (concept.name in _COLUMNS) if column else concept.name not in _ONLY_COLUMNS


_ONLY_COLUMNS = _COLUMNS - {"tax", "date"}


def spelled_out(name: str) -> str:
    """A schema's name as words: ``invoiceNo`` and ``Invoice-No`` → ``invoice no``."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.split(r"[\s_\-.]+", apart.casefold())).strip()


def letters_of(text: str) -> str:
    """Letters and digits alone, in small compatible forms, by which labels are compared."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))
