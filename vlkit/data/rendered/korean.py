"""Korean text by rule: stems with their endings, nouns with their particles, and what business
documents put between them."""

from __future__ import annotations

from random import Random

from vlkit.data.rendered import figures
from vlkit.data.rendered.characters import HANGUL
from vlkit.data.rendered.words import KOREAN

_FINALS = 28
_N, _L, _B, _SS = 4, 8, 17, 20  # ㄴ ㄹ ㅂ ㅆ among the finals
_SYLLABLES = frozenset(HANGUL)


def _final(syllable: str) -> int:
    return (ord(syllable) - ord("가")) % _FINALS


def _with_final(text: str, final: int) -> str:
    """The text, its last syllable closed by the final."""
    return text[:-1] + chr(ord(text[-1]) + final)


def with_particle(noun: str, rng: Random) -> str:
    """The noun with a particle in the form that its last sound asks for."""
    closed, open_ = rng.choice(KOREAN["particles"]).split("/")
    if not noun or noun[-1] not in _SYLLABLES:
        return noun + open_
    final = _final(noun[-1])
    if closed.startswith("으로") and final == _L:
        return noun + closed[1:]
    return noun + (closed if final else open_)


def conjugate(stem: str, joined: str, rng: Random, *, describes: bool = False) -> str:
    """A form of the verb with this stem and this form before -서, such as 만들 and 만들어.

    Args:
        describes: It is an adjective, and has no form in -는.
    """
    kind = rng.uniform(0.7, 1) if describes and rng.random() < 0.5 else rng.random()
    if kind < 0.25:
        return joined + rng.choice(("", *KOREAN["joined_endings"]))
    if kind < 0.55:
        past = _with_final(joined, _SS) if not _final(joined[-1]) else joined + "었"
        return past + rng.choice(KOREAN["past_endings"])
    final = _final(stem[-1])
    short = _with_final(stem, -_L) if final == _L else stem  # ㄹ falls before ㄴ, ㅂ and ㅅ
    if kind < 0.7 and not describes:
        return short + rng.choice(("는", "는다", "니", "시는")) if final in (0, _L) else stem + "는"
    if kind < 0.85:
        if final in (0, _L):
            return _with_final(short, rng.choice((_N, _L, _B))) + rng.choice(("", "", "니다"))
        return stem + rng.choice(("은", "을", "습니다", "으면", "으며", "으려고"))
    return stem + rng.choice(KOREAN["stem_endings"])


def noun(rng: Random) -> str:
    return rng.choice(KOREAN["nouns"])


def clause(rng: Random) -> list[str]:
    """Some nouns and what is done to them."""
    found = []
    for _ in range(rng.randrange(1, 4)):
        if rng.random() < 0.2:
            found.append(rng.choice(KOREAN["determiners"]))
        thing = noun(rng) + (noun(rng) if rng.random() < 0.15 else "")
        found.append(with_particle(thing, rng) if rng.random() < 0.8 else thing)
    if rng.random() < 0.3:
        found.append(rng.choice(KOREAN["adverbs"]))
    if rng.random() < 0.3:
        found.append(rng.choice(KOREAN["ties"]))
    if rng.random() < 0.55:
        found.append(rng.choice(KOREAN["actions"]) + rng.choice(KOREAN["done"]))
    else:
        describes = rng.random() < 0.3
        stem, joined = rng.choice(KOREAN["adjectives" if describes else "verbs"]).split()
        found.append(conjugate(stem, joined, rng, describes=describes))
    return found


def prose(rng: Random) -> str:
    words: list[str] = []
    for number in range(rng.randrange(1, 7)):
        words += clause(rng)
        mark = rng.random()
        if mark < 0.3 or number == 6:
            words[-1] += "."
        elif mark < 0.45:
            words[-1] += ","
        elif mark < 0.52:
            words[-1] = _wrapped(words[-1], rng)
        elif mark < 0.56:
            words.append(rng.choice((number_with_unit, figures.korean_date, figures.won))(rng))
    return " ".join(words)


def _wrapped(word: str, rng: Random) -> str:
    opening, closing = rng.choice(
        (
            "()",
            "()",
            "“”",
            "‘’",
            '""',
            "''",
            "[]",
            "「」",
            "『』",
            "《》",
            "〈〉",
            "<>",
            "{}",
            "【】",
            "〔〕",
        )
    )
    return f"{opening}{word}{closing}"


def name(rng: Random) -> str:
    given = "".join(rng.choices(KOREAN["given"], k=1 if rng.random() < 0.05 else 2))
    full = rng.choice(KOREAN["surnames"]) + given
    if rng.random() < 0.12:
        return " ".join(full)  # as forms space them out
    titled = (
        "",
        "",
        "",
        " 님",
        " 귀하",
        "님",
        " 대표",
        " 과장",
        " 부장",
        " (인)",
        " 팀장",
        " 교수",
        "(서명)",
    )
    return full + rng.choice(titled)


def company(rng: Random) -> str:
    body = rng.choice(KOREAN["company_heads"]) + rng.choice(KOREAN["company_tails"])
    forms = (
        "㈜{}",
        "(주){}",
        "주식회사 {}",
        "{}㈜",
        "{}(주)",
        "{}",
        "{}",
        "{} 주식회사",
        "(유){}",
        "{} 귀중",
    )
    return rng.choice(forms).format(body)


def address(rng: Random) -> str:
    town, house = rng.choice(KOREAN["towns"]), rng.randrange(1, 600)
    if rng.random() < 0.6:
        street = f"{rng.choice(KOREAN['roads'])} {house}"
        if rng.random() < 0.3:
            street += f"-{rng.randrange(1, 40)}"
        if rng.random() < 0.4:
            street += f", {rng.randrange(1, 30)}층"
        if rng.random() < 0.4:
            street += f" ({town}동)"
    else:
        street = f"{town}{rng.choice(('동', '동', '1동', '2동', '리', '읍', '면'))} {house}번지"
    if rng.random() < 0.35:
        building = rng.choice(KOREAN["company_heads"]) + rng.choice(KOREAN["buildings"])
        street += f" {building} {rng.randrange(1, 30)}0{rng.randrange(1, 9)}호"
    parts = [rng.choice(KOREAN["provinces"]), rng.choice(KOREAN["districts"]), street]
    if rng.random() < 0.2:
        parts.insert(0, f"({figures.digits(rng, 5)})")
    return " ".join(parts[1:] if rng.random() < 0.25 else parts)


def number_with_unit(rng: Random) -> str:
    unit = rng.choice((*KOREAN["counters"], "㎡", "㎏", "㎜", "%", "℃", "kg", "km", "cm"))
    return f"{figures.whole(rng):,}{rng.choice(('', '', ' '))}{unit}"


def value(rng: Random) -> str:
    """What may stand in a field."""
    return rng.choice(_VALUES)(rng)


def business(rng: Random) -> str:
    return ", ".join(rng.sample(KOREAN["business"], rng.randrange(1, 3)))


def account(rng: Random) -> str:
    number = f"{figures.digits(rng, 3)}-{figures.digits(rng, 6)}-{figures.digits(rng, 5)}"
    return f"{rng.choice(KOREAN['banks'])} {number}"


def issue(rng: Random) -> str:
    return f"제{rng.choice(('', ' '))}{rng.randrange(1990, 2030)}-{figures.digits(rng, 4)}호"


_VALUES = (
    name,
    company,
    address,
    number_with_unit,
    figures.won,
    figures.won,
    figures.korean_date,
    figures.korean_phone,
    figures.registration,
    business,
    account,
    issue,
)


def field(rng: Random) -> str:
    label = rng.choice(KOREAN["labels"])
    if rng.random() < 0.35:
        return rng.choice(
            (f"{label}:", f"{label} :", f"[{label}]", f"■ {label}", f"{label}")
        ).strip()
    colon = rng.choice((": ", " : ", ":", " ", "  ", " - ", " | "))
    lead = rng.choice(
        ("",) * 8 + ("□ ", "○ ", "- ", "※ ", "▶ ", "● ", "* ", "1. ", "가. ", "① ", "☎ ")
    )
    return f"{lead}{label}{colon}{value(rng)}"


def cell(rng: Random) -> str:
    """A table's cell or a receipt's line."""
    item = noun(rng)
    if rng.random() < 0.4:
        item += rng.choice((" ", "")) + noun(rng)
    kind = rng.random()
    if kind < 0.4:
        return item
    if kind < 0.6:
        count, price = rng.randrange(1, 20), rng.randrange(5, 900) * 100
        return f"{item} {price:,} {count} {count * price:,}"
    if kind < 0.75:
        return f"{item}({noun(rng)})"
    if kind < 0.85:
        return f"{item} {number_with_unit(rng)}"
    return rng.choice(KOREAN["actions"]) + noun(rng)


def syllables(rng: Random) -> str:
    """Any of the 11,172, in words of no meaning."""
    return " ".join(
        "".join(rng.choices(HANGUL, k=rng.randrange(1, 7))) for _ in range(rng.randrange(1, 5))
    )
