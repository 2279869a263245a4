"""English text by rule, and words that nobody has seen."""

from __future__ import annotations

from random import Random

from vlkit.data.rendered import figures
from vlkit.data.rendered.words import ENGLISH


def word(rng: Random) -> str:
    """A word, at times with more hung on it, at times a made-up one."""
    kind = rng.random()
    if kind < 0.75:
        return rng.choice(ENGLISH["words"])
    if kind < 0.82:
        return rng.choice(ENGLISH["words"]) + rng.choice(ENGLISH["suffixes"])
    if kind < 0.86:
        return rng.choice(ENGLISH["prefixes"]) + rng.choice(ENGLISH["words"])
    return made_up(rng)


def made_up(rng: Random) -> str:
    """What could be a word, letters in an order that mouths like."""
    return "".join(
        rng.choice(ENGLISH["onsets"])
        + rng.choice(ENGLISH["nuclei"])
        + (rng.choice(ENGLISH["codas"]) if rng.random() < 0.9 else "")
        for _ in range(rng.choice((1, 2, 2, 3, 4)))
    )


def words(rng: Random) -> str:
    """A few words in one of the manners of headings."""
    text = " ".join(word(rng) for _ in range(rng.choice((1, 1, 2, 2, 3, 4, 6))))
    return rng.choice((text, text, text.capitalize(), text.title(), text.upper(), text.upper()))


def prose(rng: Random) -> str:
    found: list[str] = []
    start = rng.random() < 0.5
    for _ in range(rng.randrange(3, 20)):
        found.append(_capital(word(rng)) if start else word(rng))
        mark = rng.random()
        start = mark < 0.06
        if start:
            found[-1] += rng.choice(("...", ".", ".", ".", ".", "?", "!"))
        elif mark < 0.16:
            found[-1] += rng.choice((",", ",", ",", ";", ":", " -", " –", "—"))
        elif mark < 0.20:
            found[-1] = _wrapped(found[-1], rng)
        elif mark < 0.25:
            found.append(
                rng.choice((figures.amount, figures.date, quantity, name, figures.code))(rng)
            )
        elif mark < 0.28:
            found[-1] = rng.choice((found[-1].upper(), found[-1].title()))
        elif mark < 0.29:
            found[-1] += rng.choice(("-", "/", "&", "'s", "*", "†", "™", "®", "'", "’s")) + word(
                rng
            )
    text = " ".join(found)
    return text.upper() if rng.random() < 0.12 else text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _wrapped(text: str, rng: Random) -> str:
    opening, closing = rng.choice(
        ("()", "()", '""', "''", "“”", "‘’", "[]", "<>", "{}", "«»", "**", "__")
    )
    return f"{opening}{text}{closing}"


def name(rng: Random) -> str:
    first, last = rng.choice(ENGLISH["first"]), rng.choice(ENGLISH["last"])
    initial = rng.choice(figures.ALPHABET)
    return rng.choice(
        (
            *(f"{first} {last}",) * 3,
            f"{first} {initial}. {last}",
            f"{last}, {first}",
            f"{first[0]}. {initial}. {last}",
            f"{rng.choice(('Mr.', 'Ms.', 'Dr.', 'Mrs', 'Prof.'))} {last}",
            f"{first} {last}".upper(),
            f"{first[0]}{initial}{last[0]}".upper(),
        )
    )


def company(rng: Random) -> str:
    body = rng.choice((rng.choice(ENGLISH["last"]), word(rng).title(), made_up(rng).title()))
    if rng.random() < 0.4:
        body += " " + word(rng).title()
    text = f"{body} {rng.choice(ENGLISH['forms'])}"
    return text.upper() if rng.random() < 0.35 else text


def address(rng: Random) -> str:
    street = rng.choice((rng.choice(ENGLISH["last"]), word(rng).title(), made_up(rng).title()))
    line = f"{rng.randrange(1, 9999)} {street} {rng.choice(ENGLISH['roads'])}"
    if rng.random() < 0.3:
        line = f"{rng.choice(ENGLISH['rooms'])} {rng.randrange(1, 999)}, {line}"
    if rng.random() < 0.6:
        city = rng.choice(ENGLISH["cities"])
        state = f"{rng.choice(ENGLISH['states'])} {figures.digits(rng, 5)}"
        line = rng.choice((f"{line}, {city}", f"{line}, {city}, {state}", f"{city}, {state}"))
    return line.upper() if rng.random() < 0.25 else line


def quantity(rng: Random) -> str:
    number = f"{figures.whole(rng):,}" if rng.random() < 0.5 else f"{rng.uniform(0, 100):.2f}"
    return f"{number}{rng.choice(('', ' '))}{rng.choice(ENGLISH['units'])}"


def net_address(rng: Random) -> str:
    first, second, third = (
        "".join(filter(str.isalpha, rng.choice((word, made_up))(rng))).lower() for _ in range(3)
    )
    text = figures.net_address(rng, (first, second, third))
    return text.upper() if rng.random() < 0.1 else text


def value(rng: Random) -> str:
    return rng.choice(_VALUES)(rng)


_VALUES = (
    name,
    company,
    address,
    quantity,
    figures.amount,
    figures.amount,
    figures.date,
    figures.phone,
    figures.registration,
    figures.code,
    figures.time,
    net_address,
    words,
)


def field(rng: Random) -> str:
    label = rng.choice(ENGLISH["labels"])
    label = rng.choice((label, label, label.upper()))
    if rng.random() < 0.4:
        return label + rng.choice((":", ":", "", "", " :", "."))
    return label + rng.choice((": ", ": ", " : ", ":", " ", " # ", " - ")) + value(rng)


def cell(rng: Random) -> str:
    """A table's cell or a receipt's line."""
    kind = rng.random()
    if kind < 0.35:
        return words(rng)
    if kind < 0.55:
        price, count = rng.uniform(0.2, 300), rng.randrange(1, 20)
        times = rng.choice(("x", "@", "X", ""))
        return f"{words(rng)} {count} {times} {price:.2f} {price * count:.2f}"
    if kind < 0.7:
        return " ".join(figures.amount(rng) for _ in range(rng.randrange(1, 4)))
    return rng.choice((figures.amount, quantity, figures.date, figures.code, figures.time))(rng)


def letters(rng: Random) -> str:
    """Any of the letters, digits and marks on a keyboard, in no order."""
    alphabet = rng.choice(_ALPHABETS)
    return " ".join(
        "".join(rng.choices(alphabet, k=rng.randrange(1, 9))) for _ in range(rng.randrange(1, 4))
    )


_SMALL = figures.ALPHABET.lower()
_ALPHABETS = (
    _SMALL,
    figures.ALPHABET,
    _SMALL + figures.ALPHABET,
    "0123456789",
    "0123456789.,-/",
    _SMALL + figures.ALPHABET + "0123456789" + "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
)
