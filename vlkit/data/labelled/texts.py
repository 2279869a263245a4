"""What generated documents say, in Korean and English."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Literal

from vlkit.data.rendered import english, figures, korean
from vlkit.data.rendered.words import ENGLISH, KOREAN
from vlkit.data.typefaces import Family, pieces
from vlkit.errors import InputError

Language = Literal["kor", "eng"]

TERMS: dict[str, dict[str, list[str]]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
"""Language → term → the ways to say it."""

_VAT = 0.1
_CHECK = (1, 3, 7, 1, 3, 7, 1, 3, 5)
_TRIES = 100


@dataclass(frozen=True)
class Sale:
    """A line of goods; money in the smallest unit."""

    item: str
    count: int
    price: int

    @property
    def net(self) -> int:
        return self.count * self.price

    @property
    def tax(self) -> int:
        return round(self.net * _VAT)


@dataclass(frozen=True)
class Hand:
    """Who writes a document: one language, one way to write money, numbers and questions.

    Attributes:
        families: That all texts can be drawn with, or else the bundled faces.
    """

    rng: Random
    language: Language
    families: tuple[Family, ...] = ()

    @cached_property
    def _korean(self) -> bool:
        return self.language == "kor"

    @cached_property
    def _colon(self) -> str:
        return self.rng.choice(("", "", ":", ":", " :"))

    @cached_property
    def _money(self) -> str:
        forms = ("{}", "{}", "{}원", "₩{}") if self._korean else ("{}", "{}", "${}", "RM {}", "£{}")
        return self.rng.choice(forms)

    @cached_property
    def _date(self) -> str:
        korean_forms = ("{y}-{m}-{d}", "{y}.{m}.{d}", "{y}/{m}/{d}", "{y}년 {m}월 {d}일")
        forms = ("{d}/{m}/{y}", "{d}-{m}-{y}", "{y}-{m}-{d}", "{d} {name} {y}", "{name} {d}, {y}")
        return self.rng.choice(korean_forms if self._korean else forms)

    # Fixed texts

    def say(self, term: str) -> str:
        return self.rng.choice(TERMS[self.language][term])

    def label(self, term: str) -> str:
        """A term as it stands before a value."""
        return self.say(term) + self._colon

    def any_label(self) -> str:
        labels = KOREAN["labels"] if self._korean else ENGLISH["labels"]
        return self._drawable(lambda: self.rng.choice(labels)) + self._colon

    # Values

    def person(self) -> str:
        return self._made(korean.name, english.name)

    def company(self) -> str:
        return self._made(korean.company, english.company)

    def address(self) -> str:
        return self._made(korean.address, english.address)

    def phone(self) -> str:
        return self._made(figures.korean_phone, figures.phone)

    def business(self) -> str:
        return self._made(korean.business, english.words)

    def prose(self) -> str:
        return self._made(korean.prose, english.prose)

    def time(self) -> str:
        return self._made(figures.time, figures.time)

    def date(self) -> str:
        rng = self.rng
        month = rng.randrange(1, 13)
        return self._date.format(
            y=rng.randrange(2005, 2031),
            m=f"{month:02d}",
            d=f"{rng.randrange(1, 29):02d}",
            name=ENGLISH["months"][month - 1][:3],
        )

    def registration(self) -> str:
        """A company's number; a Korean one with the right check digit."""
        if not self._korean:
            return f"{self.digits(6)}-{self.rng.choice(figures.ALPHABET)}"
        digits = self.digits(9)
        total = sum(int(digit) * weight for digit, weight in zip(digits, _CHECK, strict=True))
        total += int(digits[8]) * 5 // 10
        return f"{digits[:3]}-{digits[3:5]}-{digits[5:]}{-total % 10}"

    def digits(self, count: int) -> str:
        return figures.digits(self.rng, count)

    def number(self, value: int) -> str:
        """Money without its currency."""
        return f"{value:,}" if self._korean else f"{value / 100:,.2f}"

    def money(self, value: int) -> str:
        return self._money.format(self.number(value))

    def sales(self, most: int) -> list[Sale]:
        rng = self.rng
        step = 50 if self._korean else 5
        return [
            Sale(self._item(), rng.choice((1, 1, 2, 3, 5, 10, 24)), rng.randrange(4, 900) * step)
            for _ in range(rng.randrange(1, most + 1))
        ]

    def asked(self) -> tuple[str, str]:
        """A term of a question, or none for any question, and a value."""
        makers: dict[str, Callable[[], str]] = {
            "person": self.person,
            "company": self.company,
            "address": self.address,
            "phone": self.phone,
            "date": self.date,
            "registration": self.registration,
            "business": self.business,
        }
        if self.rng.random() < 0.5:
            term = self.rng.choice(list(makers))
            return term, makers[term]()
        return "", self.any_value()

    def asked_in_column(self) -> tuple[str, Callable[[], str]]:
        """A column's head, and what makes its values."""
        columns: dict[str, Callable[[], str]] = {
            "person": self.person,
            "date": self.date,
            "phone": self.phone,
            "item": self._item,
            "count": lambda: str(self.rng.randrange(1, 100)),
            "amount": lambda: self.number(self.rng.randrange(1, 9000) * 50),
        }
        term = self.rng.choice(list(columns))
        return self.say(term), columns[term]

    def any_value(self) -> str:
        return self._made(korean.value, english.value)

    def _item(self) -> str:
        def made(rng: Random) -> str:
            return korean.noun(rng) + " " + korean.noun(rng)

        return self._made(made, english.words)

    def _made(self, korean_: Callable[[Random], str], english_: Callable[[Random], str]) -> str:
        make = korean_ if self._korean else english_
        return self._drawable(lambda: make(self.rng))

    def _drawable(self, make: Callable[[], str]) -> str:
        """The first of its texts that the fonts have all characters of."""
        for _ in range(_TRIES):
            text = " ".join(make().split())
            try:
                pieces(text, self.families, bold=True)
                pieces(text, self.families, bold=False)
            except InputError:
                continue
            if text:
                return text
        raise InputError("the fonts lack a character of every text that was tried")
