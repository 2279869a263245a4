"""What the readers of values take and give."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

DateOrder = Literal["dmy", "mdy", "ymd"]


class Money(NamedTuple):
    """An amount and its currency, by ISO 4217, where it is known."""

    amount: Decimal
    currency: str | None = None

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}" if self.currency else f"{self.amount:f}"


@dataclass(frozen=True)
class Conventions:
    """How a document writes, as far as its own text shows.

    Attributes:
        date_order: Of dates in figures that could be read in several orders.
        decimal_comma: Whether a comma stands before the decimals; None where nothing tells.
        currency: Of amounts that name none.
    """

    date_order: DateOrder | None = None
    decimal_comma: bool | None = None
    currency: str | None = None


UNKNOWN = Conventions()


@dataclass(frozen=True)
class Value:
    """A value and where it stands in a text.

    Attributes:
        content: ISO 8601 text for dates and times, ``Decimal`` for numbers and percentages,
            ``Money``, else text in its usual spelling.
        start, stop: Places in the text.
        doubt: Why it may be wrong, such as a check digit that does not hold; a reader of the
            result has to look.
        note: What was mended, and is right now by its check digit.
    """

    content: str | Decimal | Money
    start: int
    stop: int
    doubt: str = ""
    note: str = ""


Scanner = Callable[[str, Conventions], Iterator[Value]]
"""Gives the values of one kind that stand in a text."""


def flat(text: str) -> str:
    """The text in compatible characters, as long as it was: ``￦１`` → ``₩1``; spaces stay."""
    if text.isascii():
        return text
    pieces = ((letter, unicodedata.normalize("NFKC", letter)) for letter in text)
    return "".join(
        plain if len(plain) == 1 and not letter.isspace() else letter for letter, plain in pieces
    )


def small(text: str) -> str:
    """The text in small letters, as long as it was."""
    if text.isascii():
        return text.lower()
    pieces = ((letter, letter.lower()) for letter in flat(text))
    return "".join(lower if len(lower) == 1 else letter for letter, lower in pieces)
