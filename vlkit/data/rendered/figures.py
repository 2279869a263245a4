"""What documents write in figures: amounts, dates, numbers of all kinds, codes and addresses of
the net. Every function takes the chance it uses."""

from __future__ import annotations

from random import Random

from vlkit.data.rendered.words import ENGLISH

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def digits(rng: Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def whole(rng: Random) -> int:
    """A number with as many digits as it likes, small ones as often as large ones."""
    return int(10 ** rng.uniform(0, 8))


def amount(rng: Random) -> str:
    value, cents = whole(rng), rng.randrange(100)
    plain = f"{value:,}" if rng.random() < 0.8 else str(value)
    form = rng.choice(
        ("{v}.{c:02d}",) * 4
        + ("${v}.{c:02d}", "$ {v}", "€{v}.{c:02d}", "£{v}.{c:02d}", "US${v}", "({v}.{c:02d})")
        + ("RM {v}.{c:02d}", "-{v}.{c:02d}", "{v}.{c:02d}-", "¥{v}", "{v},{c:02d} €", "{v}")
        + ("CHF {v}.{c:02d}", "{v}.{c:02d}%", "+{v}", "₹{v}", "{v}.-", "*{v}.{c:02d}", "{v} SR")
    )
    return str(form.format(v=plain, c=cents))


def won(rng: Random) -> str:
    """An amount of Korean money."""
    value = f"{max(1, whole(rng) // 10) * 10:,}"
    forms = ("{}원", "₩{}", "{}", "{}", "{}-", "₩ {}", "{} 원", "금 {}원정", "-{}원", "KRW {}")
    return rng.choice(forms).format(value)


def date(rng: Random) -> str:
    year, month, day = rng.randrange(1950, 2040), rng.randrange(1, 13), rng.randrange(1, 32)
    long = ENGLISH["months"][month - 1]
    short = long[:3]
    return rng.choice(
        (
            f"{month:02d}/{day:02d}/{year}",
            f"{month}/{day}/{year % 100:02d}",
            f"{day:02d}/{month:02d}/{year}",
            f"{day:02d}-{month:02d}-{year}",
            f"{year}-{month:02d}-{day:02d}",
            f"{year}/{month:02d}/{day:02d}",
            f"{day}.{month}.{year}",
            f"{year}.{month:02d}.{day:02d}.",
            f"{long} {day}, {year}",
            f"{short} {day}, {year}",
            f"{short}. {day}, '{year % 100:02d}",
            f"{day} {long} {year}",
            f"{day:02d} {short.upper()} {year}",
            f"{day:02d}-{short}-{year % 100:02d}",
        )
    )


def korean_date(rng: Random) -> str:
    year, month, day = rng.randrange(1950, 2040), rng.randrange(1, 13), rng.randrange(1, 32)
    return rng.choice(
        (
            f"{year}년 {month}월 {day}일",
            f"{year}년 {month:02d}월 {day:02d}일",
            f"{year}. {month}. {day}.",
            f"{year}.{month:02d}.{day:02d}",
            f"{year}-{month:02d}-{day:02d}",
            f"{year}/{month:02d}/{day:02d}",
            f"'{year % 100:02d}.{month}.{day}",
            f"{month}월 {day}일({rng.choice('월화수목금토일')})",
            f"{year}년 {month}월",
            f"{year % 100:02d}년 {rng.randrange(1, 5)}분기",
        )
    )


def time(rng: Random) -> str:
    hour, minute, second = rng.randrange(24), rng.randrange(60), rng.randrange(60)
    half = rng.choice(("AM", "PM", "am", "pm", "a.m.", "p.m."))
    return rng.choice(
        (
            f"{hour:02d}:{minute:02d}",
            f"{hour:02d}:{minute:02d}:{second:02d}",
            f"{hour % 12 or 12}:{minute:02d} {half}",
            f"{hour % 12 or 12}:{minute:02d}{half.upper()}",
        )
    )


def phone(rng: Random) -> str:
    a, b, c = digits(rng, 3), digits(rng, 3), digits(rng, 4)
    return rng.choice(
        (
            f"({a}) {b}-{c}",
            f"({a}){b}-{c}",
            f"{a}-{b}-{c}",
            f"{a}.{b}.{c}",
            f"{a}/{b}-{c}",
            f"+1 {a} {b} {c}",
            f"+44 20 {c} {digits(rng, 4)}",
            f"0{rng.randrange(3, 9)}-{c}{digits(rng, 4)}",
        )
    )


def korean_phone(rng: Random) -> str:
    area = rng.choice(("02", "031", "032", "051", "053", "042", "062", "010", "010", "070", "1588"))
    if area == "1588":
        return f"{rng.choice(('1588', '1544', '1577', '1600', '1899'))}-{digits(rng, 4)}"
    middle = digits(rng, 4 if area in ("010", "070") else rng.choice((3, 4)))
    end = digits(rng, 4)
    return rng.choice(
        (f"{area}-{middle}-{end}", f"{area}){middle}-{end}", f"{area}.{middle}.{end}")
    )


def registration(rng: Random) -> str:
    """Numbers that authorities and banks give."""
    return rng.choice(
        (
            f"{digits(rng, 3)}-{digits(rng, 2)}-{digits(rng, 5)}",
            f"{digits(rng, 3)}-{digits(rng, 2)}-{digits(rng, 5)}",
            f"{digits(rng, 6)}-{rng.randrange(1, 5)}{digits(rng, 6)}",
            f"{digits(rng, 6)}-{rng.randrange(1, 5)}******",
            f"{digits(rng, 4)}-{digits(rng, 4)}-{digits(rng, 4)}-{digits(rng, 4)}",
            f"{digits(rng, 4)}-****-****-{digits(rng, 4)}",
            f"{digits(rng, 3)}-{digits(rng, 6)}-{digits(rng, 2)}-{digits(rng, 3)}",
            f"{digits(rng, 5)}",
            f"{digits(rng, 9)}",
            f"{digits(rng, 12)}",
        )
    )


def code(rng: Random) -> str:
    """Products, serials and order numbers."""
    letters = "".join(rng.choices(ALPHABET, k=rng.randrange(1, 5)))
    mixed = "".join(rng.choices(ALPHABET + "0123456789", k=rng.randrange(4, 13)))
    small = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=rng.randrange(3, 10)))
    return rng.choice(
        (
            f"{letters}-{digits(rng, 4)}",
            f"{letters}{digits(rng, rng.randrange(2, 8))}",
            f"{letters}-{digits(rng, 2)}-{digits(rng, 4)}{rng.choice(ALPHABET)}",
            f"{digits(rng, 2)}{letters}{digits(rng, 3)}",
            f"{digits(rng, 13)}",
            f"#{digits(rng, rng.randrange(3, 8))}",
            f"No. {digits(rng, 5)}",
            f"{letters}/{digits(rng, 4)}/{rng.randrange(10, 30)}",
            f"{rng.randrange(1, 9)}.{rng.randrange(30)}.{rng.randrange(100)}",
            mixed,
            small,
        )
    )


def net_address(rng: Random, words: tuple[str, str, str]) -> str:
    """A web or mail address out of three words in small ASCII letters."""
    first, second, third = words
    ending = rng.choice(("com", "co.kr", "net", "org", "kr", "go.kr", "ac.kr", "io", "co.uk", "de"))
    return rng.choice(
        (
            f"{first}@{second}.{ending}",
            f"{first}.{third}@{second}.{ending}",
            f"{first}{rng.randrange(1000)}@{second}.{ending}",
            f"{first}_{third}@{second}-{third}.{ending}",
            f"www.{second}.{ending}",
            f"https://{second}.{ending}/{first}/{third}",
            f"http://www.{second}.{ending}/{first}.html",
            f"{second}.{ending}/{first}?id={rng.randrange(9999)}&p={third}",
        )
    )
