"""Identifiers with check digits, and what is done where one does not hold.

OCR takes O for 0, l and I for 1, S for 5 and B for 8, and the other way round. One such letter is
mended, and said to be, if the check digit holds then; else the number is given as printed, with
a doubt. Resident registration numbers are masked: the law asks for it, and they have no check
digit since 2020.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

from vlkit.values.check_digits import (
    IBAN_LENGTHS,
    VAT,
    business_registration,
    corporate_registration,
    luhn,
    mod_97,
)
from vlkit.values.types import Conventions, Value, flat

DOES_NOT_HOLD = "the check digit does not hold"
_LOOKALIKES = {"O": "0", "o": "0", "I": "1", "l": "1", "|": "1", "S": "5", "B": "8"}
_TO_LETTERS = {"0": "O", "1": "I", "5": "S", "8": "B"}
_D = "[0-9OolI|SB]"
_GAP = r"\s?[-–.]?\s?"
_ALONE = r"(?<![0-9A-Za-z]){}(?![0-9A-Za-z]|-\d)"

_BUSINESS = re.compile(_ALONE.format(rf"(?<!\d-){_D}{{3}}{_GAP}{_D}{{2}}{_GAP}{_D}{{5}}"))
_CORPORATE = re.compile(_ALONE.format(rf"{_D}{{6}}{_GAP}{_D}{{7}}"))
_RESIDENT = re.compile(
    r"(?<![0-9A-Za-z])(\d{6})\s?[-–]\s?([0-9])(?:\d{6}|[*•Xx]{6})(?![0-9A-Za-z])"
)
_CARD = re.compile(
    _ALONE.format(
        r"(?:[0-9OolI|SB*•Xx]{4}[- ]?){2}(?:[0-9OolI|SB*•Xx]{4}[- ]?)?[0-9OolI|SB*•Xx]{1,7}"
    )
)
_AMERICAN = re.compile(_ALONE.format(rf"3{_D}{{3}}[- ]{_D}{{6}}[- ]{_D}{{5}}"))
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}[0-9OolIB]{2}(?:[ -]?[0-9A-Za-z|]){11,30}")
_VAT_PLACES = {"9": "[0-9]", "X": "[0-9A-Z]"}
_VAT = {
    country: re.compile(
        rf"(?<![0-9A-Za-z]){country}[ .:-]{{0,2}}"
        + "[ .-]?".join(_VAT_PLACES[place] for place in places)
        + r"(?![0-9A-Za-z]|[.-]\d)"
    )
    for country, (places, _) in VAT.items()
}


def scan_business_registrations(text: str, conventions: Conventions) -> Iterator[Value]:
    """Korean business registration numbers as ``123-45-67890``."""
    yield from _checked(
        text, _BUSINESS, business_registration, lambda n: f"{n[:3]}-{n[3:5]}-{n[5:]}"
    )


def scan_corporate_registrations(text: str, conventions: Conventions) -> Iterator[Value]:
    """Korean corporate registration numbers as ``110111-1234567``."""
    yield from _checked(text, _CORPORATE, corporate_registration, lambda n: f"{n[:6]}-{n[6:]}")


def scan_resident_registrations(text: str, conventions: Conventions) -> Iterator[Value]:
    """Korean resident registration numbers, masked: ``900101-1******``."""
    for match in _RESIDENT.finditer(flat(text)):
        born, century = match[1], match[2]
        doubt = "" if _born(born, century) else "its first six digits are no date of birth"
        yield Value(f"{born}-{century}******", match.start(), match.end(), doubt)


def scan_cards(text: str, conventions: Conventions) -> Iterator[Value]:
    """Payment cards as printed, without spaces; of one that is masked nothing can be checked."""
    plain = flat(text)
    for match in _CARD.finditer(plain):
        compact = re.sub(r"[- ]", "", match.group())
        hidden = re.sub(r"[*•Xx]", "*", compact)
        if "*" not in hidden:
            continue
        digits = hidden.replace("*", "")
        if 12 <= len(hidden) <= 19 and digits.isdigit() and len(digits) >= 3:
            yield Value(hidden, match.start(), match.end())
    for pattern in (_CARD, _AMERICAN):
        found = _checked(text, pattern, luhn, str)
        yield from (each for each in found if 13 <= len(str(each.content)) <= 19)


def scan_ibans(text: str, conventions: Conventions) -> Iterator[Value]:
    """International bank account numbers, without spaces."""
    for match in _IBAN.finditer(flat(text)):
        length = IBAN_LENGTHS.get(match.group()[:2])
        written = [place for place, letter in enumerate(match.group()) if letter not in " -"]
        if length is None or len(written) < length:
            continue
        stop = match.start() + written[length - 1] + 1
        compact = re.sub("[ -]", "", match.group())[:length]
        content, doubt, note = _mended(compact, mod_97, letters_too=True)
        yield Value(content.upper(), match.start(), stop, doubt, note)


def scan_vat_numbers(text: str, conventions: Conventions) -> Iterator[Value]:
    """VAT identification numbers of European countries, without spaces."""
    plain = flat(text)
    for country, pattern in _VAT.items():
        for match in pattern.finditer(plain):
            compact = re.sub("[ .:-]", "", match.group())
            doubt = "" if VAT[country][1](compact[2:]) else DOES_NOT_HOLD
            yield Value(compact, match.start(), match.end(), doubt)


def _checked(
    text: str,
    pattern: re.Pattern[str],
    holds: Callable[[str], bool],
    spelled: Callable[[str], str],
) -> Iterator[Value]:
    """Numbers of digits alone, one of which may look like a letter."""
    for match in pattern.finditer(flat(text)):
        compact = re.sub(r"[^0-9A-Za-z|]", "", match.group())
        strange = [letter for letter in compact if not letter.isdigit()]
        if len(strange) > 1 or any(letter not in _LOOKALIKES for letter in strange):
            continue
        content, doubt, note = _mended(compact, holds)
        if content.isdigit():
            yield Value(spelled(content), match.start(), match.end(), doubt, note)


def _mended(
    number: str, holds: Callable[[str], bool], *, letters_too: bool = False
) -> tuple[str, str, str]:
    """The number, the doubt that is left, and what was mended."""
    if not letters_too and not number.isdigit():
        place = next(place for place, letter in enumerate(number) if not letter.isdigit())
        whole = number[:place] + _LOOKALIKES[number[place]] + number[place + 1 :]
        read = f"'{number[place]}' read as '{whole[place]}'"
        return (whole, "", read) if holds(whole) else (number, DOES_NOT_HOLD, "")
    if _is_plain(number) and holds(number):
        return number, "", ""
    if letters_too:
        swaps = {**_LOOKALIKES, **_TO_LETTERS}
        tries = (
            (letter, other, number[:place] + other + number[place + 1 :])
            for place, letter in enumerate(number)
            if (other := swaps.get(letter))
        )
        found = [each for each in tries if _is_plain(each[2]) and holds(each[2])]
        if len(found) == 1:
            letter, other, whole = found[0]
            return whole, "", f"'{letter}' read as '{other}'"
    return number, DOES_NOT_HOLD, ""


def _is_plain(number: str) -> bool:
    return number.isascii() and number.isalnum()


def _born(six: str, century: str) -> bool:
    starts = {**dict.fromkeys("1256", 1900), **dict.fromkeys("3478", 2000), "9": 1800, "0": 1800}
    try:
        date(starts[century] + int(six[:2]), int(six[2:4]), int(six[4:]))
    except ValueError:
        return False
    return True
