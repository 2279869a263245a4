"""Check digits, one function for each rule: whether a number, without its separators, holds.

Sources: ISO/IEC 7812-1 (payment cards), ISO 13616 (IBAN), ISO 7064, and the national rules of
the offices that give the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def luhn(number: str) -> bool:
    """Payment cards; catches every single wrong digit."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(number[::-1])]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def mod_97(iban: str) -> bool:
    """IBAN; catches every single wrong character."""
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def business_registration(number: str) -> bool:
    """Korean business registration numbers (사업자등록번호), 10 digits; catches every wrong one."""
    total = weighted(number[:9], (1, 3, 7, 1, 3, 7, 1, 3, 5)) + int(number[8]) * 5 // 10
    return (total + int(number[9])) % 10 == 0


def corporate_registration(number: str) -> bool:
    """Korean corporate registration numbers (법인등록번호), 13 digits.

    A digit at an even place that is wrong by 5 goes unnoticed: the rule doubles it, modulo 10.
    """
    return (weighted(number[:12], (1, 2) * 6) + int(number[12])) % 10 == 0


def weighted(number: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=True))


# VAT identification numbers, without the country's letters


def _germany(number: str) -> bool:
    product = 10
    for digit in number[:8]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(number[8])


def _france(number: str) -> bool:
    key, siren = number[:2], number[2:]
    # Newer keys have letters, under a rule that is not published in full.
    return not key.isdigit() or int(key) == (12 + 3 * (int(siren) % 97)) % 97


def _britain(number: str) -> bool:
    total = weighted(number[:7], (8, 7, 6, 5, 4, 3, 2)) + int(number[7:9])
    return total % 97 == 0 or (total + 55) % 97 == 0


def _poland(number: str) -> bool:
    return weighted(number[:9], (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(number[9])


def _portugal(number: str) -> bool:
    rest = weighted(number[:8], (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return int(number[8]) == (0 if rest < 2 else 11 - rest)


VAT: dict[str, tuple[str, Callable[[str], bool]]] = {
    "BE": ("9" * 10, lambda number: 97 - int(number[:8]) % 97 == int(number[8:])),
    "DE": ("9" * 9, _germany),
    "DK": ("9" * 8, lambda number: weighted(number, (2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0),
    "FI": ("9" * 8, lambda number: weighted(number, (7, 9, 10, 5, 8, 4, 2, 1)) % 11 == 0),
    "FR": ("XX" + "9" * 9, _france),
    "GB": ("9" * 9, _britain),
    "IT": ("9" * 11, luhn),
    "LU": ("9" * 8, lambda number: int(number[:6]) % 89 == int(number[6:])),
    "PL": ("9" * 10, _poland),
    "PT": ("9" * 9, _portugal),
}
"""Country → how its numbers are built (9 a digit, X a digit or letter) and their rule. Those of
other countries are not known here."""

IBAN_LENGTHS = {
    **{"AD": 24, "AE": 23, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29},
    **{"CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29},
    **{"ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27},
    **{"GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30},
    **{"KZ": 20, "LB": 28, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22},
    **{"MK": 19, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25},
    **{"QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24},
    **{"TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20},
}
