"""Texts that nobody was trained with: other sentences, other names and other words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Literal

Language = Literal["korean", "english"]

LISTS: dict[str, dict[str, list[str]]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
FIGURES: dict[str, Callable[[Random], str]] = {
    "amount": lambda rng: f"{int(10 ** rng.uniform(2, 7)) * 10:,}",
    "price": lambda rng: f"{10 ** rng.uniform(0.2, 4):,.2f}",
    "year": lambda rng: str(rng.randrange(2008, 2032)),
    "month": lambda rng: f"{rng.randrange(1, 13):02d}",
    "day": lambda rng: f"{rng.randrange(1, 29):02d}",
}
_SLOT = re.compile(r"\{(\w+)\}")


def write(language: Language, pattern: str, rng: Random) -> str:
    """The pattern with its slots filled, and theirs."""

    def fill(slot: re.Match[str]) -> str:
        name = slot[1]
        if name in FIGURES:
            return FIGURES[name](rng)
        if name[0] == "n" and name[1:].isdigit():
            return "".join(rng.choices("0123456789", k=int(name[1:])))
        if name.isupper():
            return write(language, rng.choice(LISTS[language][name.lower()]), rng).upper()
        return write(language, rng.choice(LISTS[language][name]), rng)

    return _SLOT.sub(fill, pattern)


def lines(language: Language, count: int, seed: int) -> list[str]:
    """So many texts for lines, all of them different."""
    rng = Random(f"{language}:{seed}")
    found: dict[str, None] = {}
    while len(found) < count:
        found[write(language, rng.choice(LISTS[language]["lines"]), rng)] = None
    return list(found)
