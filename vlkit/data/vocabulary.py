"""Words, names and sentences for generated pages."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

Language = Literal["eng", "kor", "heb"]

TABLES: dict[str, dict[str, list[str]]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)


@dataclass
class Writer:
    """Makes sensible-looking text of one language; the same seed gives the same text."""

    language: Language
    rng: np.random.Generator

    def pick(self, name: str) -> str:
        """An entry of the vocabulary's list of that name."""
        entries = TABLES[self.language][name]
        return entries[int(self.rng.integers(len(entries)))]

    def number(self, low: int = 3, high: int = 900) -> str:
        return f"{int(self.rng.integers(low, high)):,}"

    def percent(self) -> str:
        return f"{self.rng.uniform(0.5, 40):.1f}%"

    def amount(self) -> str:
        value = int(self.rng.integers(12, 9000))
        if self.language == "kor":
            return f"{value * 1000:,}원"
        return (
            f"{'₪' if self.language == 'heb' else '€'}{value:,}.{int(self.rng.integers(100)):02d}"
        )

    def quantity(self) -> str:
        space = "" if self.language == "kor" else " "
        return f"{self.number()}{space}{self.pick('measure')}"

    def date(self) -> str:
        year, day = 2020 + int(self.rng.integers(6)), 1 + int(self.rng.integers(28))
        month = self.pick("month")
        if self.language == "kor":
            return f"{year}년 {month} {day}일"
        return f"{day} {month} {year}"

    def phone(self) -> str:
        a, b = (int(value) for value in self.rng.integers(1000, 9999, 2))
        return f"02-{a}-{b}" if self.language == "kor" else f"+44 20 {a} {b}"

    def address(self) -> str:
        house = int(self.rng.integers(1, 180))
        if self.language == "kor":
            return f"{self.pick('place').split()[0]} {self.pick('street')} {house}"
        return f"{house} {self.pick('street')}, {self.pick('place').removeprefix('the ')}"

    def sentence(self) -> str:
        made: dict[str, Callable[[], str]] = {
            "number": self.number,
            "percent": self.percent,
            "amount": self.amount,
            "date": self.date,
        }
        text = self.pick("sentence")
        while "{" in text:
            slot = text[text.index("{") + 1 : text.index("}")]
            fill = made[slot]() if slot in made else self.pick(slot)
            text = text.replace("{" + slot + "}", fill, 1)
        return text[0].upper() + text[1:]

    def prose(self, sentences: int) -> str:
        return " ".join(self.sentence() for _ in range(sentences))

    def heading(self) -> str:
        return self.pick("topic")

    def value(self, label: str) -> str:
        """Something that may stand after a form's label."""
        kinds: list[Callable[[], str]] = [
            lambda: self.pick("person"),
            self.date,
            self.address,
            self.phone,
            lambda: self.number(1000, 99999),
        ]
        return kinds[TABLES[self.language]["label"].index(label) % len(kinds)]()
