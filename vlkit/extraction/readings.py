"""A printed text as the value of a field: typed, in JSON's terms, and checked by the schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import Any

from vlkit.extraction.concepts import letters_of
from vlkit.extraction.schema import Wanted
from vlkit.values import KINDS, Conventions, Money, Value, scan

_YES = {"yes", "y", "true", "o", "v", "x", "예", "유", "동의", "☑", "☒", "✓", "✔", "■", "on"}
_NO = {"no", "n", "false", "아니오", "아니요", "무", "미동의", "☐", "□", "off", "none"}
_CHECKED = {
    *("business-registration-number", "corporate-registration-number", "iban"),
    *("payment-card", "vat-number"),
}
_EDGES = " \t:;,|-–·*#=_"
MASKED = "resident-registration-number"
"""The kind of which nothing is given as it is printed."""


@dataclass(frozen=True)
class Reading:
    """A value that a text can be read as.

    Attributes:
        value: As JSON has it.
        start, stop: Characters of the text.
        doubt: Why it has to be looked at.
        note: What was mended.
        sure: Whether a check digit holds, so that it was read well.
    """

    value: Any
    start: int
    stop: int
    doubt: str = ""
    note: str = ""
    sure: bool = False
    worth: Decimal | None = None


def kind_sought(field: Wanted) -> str | None:
    """The kind of value to look for; None of a field that any text can be."""
    return field.sought if field.sought in KINDS else None


def read_typed(field: Wanted, value: Value, text: str) -> Reading:
    """A value of the kind sought, as the schema wants it."""
    content, doubt = value.content, value.doubt
    worth = content.amount if isinstance(content, Money) else content
    sure = field.sought in _CHECKED and not doubt
    made: Any
    if field.type in ("number", "integer") and isinstance(worth, Decimal):
        made, more = _number(worth, whole=field.type == "integer")
        doubt = doubt or more
    elif field.kind == "text" and field.sought != MASKED:
        made = " ".join(text[value.start : value.stop].split())
    elif field.kind == "percent":
        made = f"{content}%"
    else:
        made = str(content)
    doubt = doubt or broken_rule(field, made)
    return Reading(
        *(made, value.start, value.stop, doubt, value.note, sure),
        worth=worth if isinstance(worth, Decimal) else None,
    )


def read_text(field: Wanted, text: str, start: int) -> Reading | None:
    """The text from a place on, for a field that any text can be; None where there is none."""
    if field.kind == "boolean":
        return _boolean(text, start)
    if field.kind == "choice":
        return _choice(field, text, start)
    rest = text[start:]
    # The point behind "No." is the label's; one behind a value may be its own, as of "Ltd.".
    begin = start + len(rest) - len(rest.lstrip(_EDGES + "."))
    stop = len(text.rstrip(_EDGES))
    if stop <= begin or not any(map(str.isalnum, text[begin:stop])):
        return None
    made = " ".join(text[begin:stop].split())
    return Reading(made, begin, stop, broken_rule(field, made))


def broken_rule(field: Wanted, value: Any) -> str:
    """Which of the schema's limits a value breaks; an empty text if none."""
    rule = field.rule
    if isinstance(value, str):
        if "pattern" in rule and not re.search(rule["pattern"], value):
            return f"it does not match the pattern {rule['pattern']}"
        if not rule.get("minLength", 0) <= len(value) <= rule.get("maxLength", len(value)):
            return "its length is not what the schema allows"
    elif isinstance(value, int | float):
        closed = rule.get("minimum", value) <= value <= rule.get("maximum", value)
        open_ = rule.get("exclusiveMinimum", -inf) < value < rule.get("exclusiveMaximum", inf)
        if not (closed and open_):
            return "it is not in the range that the schema allows"
    return ""


def all_values(field: Wanted, text: str, conventions: Conventions) -> Iterator[Reading]:
    """Every value in a text."""
    kind = kind_sought(field)
    if kind:
        for value in scan(kind, text, conventions):
            yield read_typed(field, value, text)
    elif found := read_text(field, text, 0):
        yield found


def _number(worth: Decimal, *, whole: bool) -> tuple[int | float, str]:
    if worth == worth.to_integral_value():
        return int(worth), ""
    return (int(worth), f"{worth} is no whole number") if whole else (float(worth), "")


def _boolean(text: str, start: int) -> Reading | None:
    for match in re.finditer(r"\w+|[^\w\s]", text[start:]):
        said = match.group().casefold()
        if said in _YES or said in _NO:
            return Reading(said in _YES, start + match.start(), start + match.end())
    return None


def _choice(field: Wanted, text: str, start: int) -> Reading | None:
    """The choice that the text says; of several the longest."""
    said = letters_of(text[start:])
    held = [choice for choice in field.choices if (it := letters_of(str(choice))) and it in said]
    if not held:
        return None
    best = max(held, key=lambda choice: len(str(choice)))
    place = text.casefold().find(str(best).casefold(), start)
    if place < 0:
        return Reading(best, start, len(text))
    return Reading(best, place, place + len(str(best)))
