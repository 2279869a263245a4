"""Texts as typed values: round trips through every format, check digits against naive rules."""

from __future__ import annotations

import calendar
import string
from datetime import date, time
from decimal import Decimal
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlkit.errors import UnknownName
from vlkit.values import KINDS, UNKNOWN, Conventions, Money, conventions_of, parse, same, scan
from vlkit.values.check_digits import IBAN_LENGTHS, VAT

days = st.dates(date(1990, 1, 1), date(2089, 12, 31))
KOREAN = Conventions("ymd", None, "KRW")


def said(kind: str, text: str, conventions: Conventions = UNKNOWN) -> str | None:
    value = parse(kind, text, conventions)
    return None if value is None else str(value.content)


# Dates and times


@settings(max_examples=120, deadline=None)
@given(
    days,
    st.sampled_from(["%Y-%m-%d", "%Y. %m. %d.", "%Y/%m/%d", "%d %b %Y", "%B %d, %Y", "%d-%b-%y"]),
    st.sampled_from(["", "DATE: ", "일자 "]),
)
def test_a_day_in_any_clear_format(day: date, written: str, before: str) -> None:
    if "%y" in written:  # two figures are of this century
        day = date(2000 + day.year % 100, day.month, min(day.day, 28))
    found = scan("date", f"{before}{day.strftime(written)} ")
    assert [(value.content, value.doubt) for value in found] == [(day.isoformat(), "")]


@settings(max_examples=40, deadline=None)
@given(days)
def test_korean_days(day: date) -> None:
    text = f"작성일자 {day.year}년 {day.month}월 {day.day}일"
    assert said("date", text) == day.isoformat()


@settings(max_examples=40, deadline=None)
@given(days, st.sampled_from(["dmy", "mdy", "ymd"]))
def test_the_order_of_figures_is_the_documents(day: date, order: str) -> None:
    formats = {"dmy": "%d/%m/%y", "mdy": "%m/%d/%y", "ymd": "%y/%m/%d"}
    if day.year < 2000:
        day = date(2000 + day.year % 100, day.month, min(day.day, 28))
    value = parse("date", day.strftime(formats[order]), Conventions(order))  # type: ignore[arg-type]
    assert value is not None
    assert (value.content, value.doubt) == (day.isoformat(), "")


def test_a_date_that_could_be_another_is_doubted() -> None:
    value = parse("date", "03/04/2025")
    assert value is not None
    assert (value.content, value.doubt) == ("2025-04-03", "it could also be 2025-03-04")
    for clear in ("13/04/2025", "04/04/2025"):
        found = parse("date", clear)
        assert found is not None
        assert found.doubt == ""


@pytest.mark.parametrize(
    "text", ["30/02/2025", "2025-13-01", "1.2.3.4", "02-1234-5678", "00/00/00"]
)
def test_no_days(text: str) -> None:
    assert parse("date", text) is None


def test_how_a_document_writes() -> None:
    assert conventions_of("due 25/12/2025 or 03/04/2026").date_order == "dmy"
    assert conventions_of("due 12/25/2025, $ 3.00").date_order == "mdy"
    assert conventions_of("RM 3.00 on 03/04/2026") == Conventions("dmy", False, "MYR")
    assert conventions_of("합계 3,000 26/11/21") == Conventions("ymd", None, "KRW")
    assert conventions_of("1.234,56 €") == Conventions("dmy", True, "EUR")
    assert conventions_of("") == Conventions()


@settings(max_examples=40, deadline=None)
@given(st.times())
def test_times_in_figures_halves_and_korean(clock: time) -> None:
    short = clock.strftime("%H:%M:00")
    assert said("time", clock.strftime("at %H:%M:%S")) == clock.strftime("%H:%M:%S")
    assert said("time", clock.strftime("%I:%M %p")) == short
    half = "오전" if clock.hour < 12 else "오후"
    assert said("time", f"{half} {clock.hour % 12 or 12}시 {clock.minute:02d}분") == short


def test_a_time_goes_with_the_date_before_it() -> None:
    assert said("date-time", "25/12/2018 (Tue) 8:13:39 PM") == "2018-12-25T20:13:39"
    value = parse("date-time", "25/12/2018")
    assert value is not None
    assert value.doubt == "no time of the day is printed with it"


# Amounts

amounts = st.decimals(Decimal(0), Decimal(10**9), places=2)


@settings(max_examples=40, deadline=None)
@given(
    amounts, st.sampled_from([("{}", None), ("RM {}", "MYR"), ("US${}", "USD"), ("{} EUR", "EUR")])
)
def test_amounts_round_trip(amount: Decimal, form: tuple[str, str | None]) -> None:
    assert parse_money(form[0].format(f"{amount:,.2f}")) == Money(amount, form[1])
    assert parse_money(form[0].format(f"{amount:.2f}")) == Money(amount, form[1])
    german = f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
    assert parse_money(form[0].format(german)) == Money(amount, form[1])


def parse_money(text: str, conventions: Conventions = UNKNOWN) -> Money | None:
    value = parse("money", text, conventions)
    assert value is None or isinstance(value.content, Money)
    return value.content if value and isinstance(value.content, Money) else None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**12))
def test_won_round_trip(worth: int) -> None:
    for form in ("₩{:,}", "{:,}원", "￦{:,}", "{:,} KRW", "금 {:,}원정", "₩{:,}-"):
        assert parse_money(form.format(worth)) == Money(Decimal(worth), "KRW")
    assert parse_money(f"합계{worth:,}", KOREAN) == Money(Decimal(worth), "KRW")


def in_words(worth: int) -> str:
    """Naively, from the right, four digits at a time."""
    text = ""
    for group, unit in enumerate(("", "만", "억", "조")):
        four = worth // 10 ** (4 * group) % 10**4
        said = "".join(
            ("" if digit == "1" and place else "일이삼사오육칠팔구"[int(digit) - 1])
            + "천백십"[3 - place]
            if (place := 3 - index)
            else "일이삼사오육칠팔구"[int(digit) - 1]
            for index, digit in enumerate(f"{four:04d}")
            if digit != "0"
        )
        text = (said + unit if four else "") + text
    return text


@settings(max_examples=40, deadline=None)
@given(st.integers(10, 10**16 - 1))
def test_korean_number_words(worth: int) -> None:
    assert parse_money(f"일금 {in_words(worth)}원정") == Money(Decimal(worth), "KRW")


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("(1,234.56)", "-1234.56"),
        ("1,234.56-", "-1234.56"),
        ("-$5.00", "-5.00 USD"),
        ("$-5.00", "-5.00 USD"),
        ("△1,000", "-1000"),
        ("일금 삼백이십만원정 (₩3,200,000)", "3200000 KRW"),
        ("3억 2천만원", "320000000 KRW"),
        ("金 參百貳拾萬원整", "3200000 KRW"),
        ("TOTAL RM:60. 30", "60.30 MYR"),
        ("1,234", "1234"),
        ("1.234", "1.234"),
        ("1,2345", "1.2345"),
        ("1'234.50 CHF", "1234.50 CHF"),
        ("12.34.56", None),
        ("02-1234-5678", None),
        ("at 3:15", None),
        ("사원", None),
        ("이용 구매", None),
        ("AB-123", None),
    ],
)
def test_amounts(text: str, worth: str | None) -> None:
    found = parse_money(text)
    assert (None if found is None else str(found)) == worth


def test_a_point_groups_where_commas_stand_before_decimals() -> None:
    assert parse_money("1.234", Conventions(decimal_comma=True)) == Money(Decimal(1234))
    assert parse_money("0,500", Conventions(decimal_comma=True)) == Money(Decimal("0.500"))
    assert parse_money("$ 3.00", Conventions(currency="SGD")) == Money(Decimal("3.00"), "SGD")


def test_percentages() -> None:
    assert said("percent", "VAT 7,5 %") == "7.5"
    assert said("percent", "-3%") == "-3"
    assert said("number", "10% off") == "10"
    assert parse("money", "10%") is None


# Identifiers


def naive_business(number: str) -> bool:
    digits = list(map(int, number))
    products = [d * w for d, w in zip(digits, [1, 3, 7, 1, 3, 7, 1, 3, 5, 0], strict=True)]
    carried = int(f"{products[8]:02d}"[0])
    return (10 - (sum(products) + carried) % 10) % 10 == digits[9]


def naive_luhn(number: str) -> bool:
    table = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    total = sum(int(d) for d in number[-1::-2]) + sum(table[int(d)] for d in number[-2::-2])
    return total % 10 == 0


def naive_iban(country: str, number: str) -> str:
    """With check digits by division, digit by digit."""
    written = "".join(
        str(string.digits.find(c)) if c.isdigit() else str(ord(c) - 55)
        for c in f"{number}{country}00"
    )
    rest = reduce(lambda rest, digit: (rest * 10 + int(digit)) % 97, written, 0)
    return f"{country}{98 - rest:02d}{number}"


def completed(digits: str, holds: object) -> str:
    assert callable(holds)
    return next(digits + last for last in string.digits if holds(digits + last))


def one_wrong(number: str, data: st.DataObject, places: range) -> str:
    place = data.draw(st.sampled_from([p for p in places if number[p].isdigit()]))
    other = data.draw(st.sampled_from([d for d in string.digits if d != number[place]]))
    return number[:place] + other + number[place + 1 :]


def digits_of(count: int) -> st.SearchStrategy[str]:
    return st.text(string.digits, min_size=count, max_size=count)


@settings(max_examples=40, deadline=None)
@given(digits_of(9), st.data())
def test_business_numbers(nine: str, data: st.DataObject) -> None:
    number = completed(nine, naive_business)
    printed = f"{number[:3]}-{number[3:5]}-{number[5:]}"
    found = parse("business-registration-number", f"등록번호 {printed} 귀하")
    assert found is not None
    assert (found.content, found.doubt, found.note) == (printed, "", "")
    wrong = one_wrong(number, data, range(10))
    caught = parse("business-registration-number", wrong)
    assert caught is not None
    assert "check digit" in caught.doubt


@settings(max_examples=40, deadline=None)
@given(digits_of(15), st.data())
def test_cards(most: str, data: st.DataObject) -> None:
    number = completed(most, naive_luhn)
    printed = " ".join(number[at : at + 4] for at in range(0, 16, 4))
    found = parse("payment-card", printed)
    assert found is not None
    assert (found.content, found.doubt) == (number, "")
    caught = parse("payment-card", one_wrong(number, data, range(16)))
    assert caught is not None
    assert "check digit" in caught.doubt


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["DE", "GB", "FR", "NO"]),
    st.text(string.digits + "ABXYZ", min_size=30, max_size=30),
    st.data(),
)
def test_ibans(country: str, letters: str, data: st.DataObject) -> None:
    iban = naive_iban(country, letters[: IBAN_LENGTHS[country] - 4])
    printed = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
    found = parse("iban", f"IBAN: {printed} BIC")
    assert found is not None
    assert (found.content, found.doubt) == (iban, "")
    if any(letter.isdigit() for letter in iban[4:]):
        caught = parse("iban", one_wrong(iban, data, range(2, len(iban))))
        assert caught is not None
        # It may look like another digit's letter; then the mended one is said to be mended.
        assert caught.doubt or caught.note


@settings(max_examples=40, deadline=None)
@given(digits_of(9), st.integers(0, 9), st.sampled_from(["O", "l", "I", "S", "B"]))
def test_a_letter_is_mended_only_if_the_check_digit_holds(
    nine: str, place: int, letter: str
) -> None:
    number = completed(nine, naive_business)
    meant = {"O": "0", "l": "1", "I": "1", "S": "5", "B": "8"}[letter]
    found = parse("business-registration-number", number[:place] + letter + number[place + 1 :])
    if number[place] == meant:
        assert found is not None
        assert found.content == f"{number[:3]}-{number[3:5]}-{number[5:]}"
        assert found.note == f"'{letter}' read as '{meant}'"
    else:
        assert found is None


@settings(max_examples=40, deadline=None)
@given(digits_of(12), st.data())
def test_corporate_numbers_catch_what_they_promise(twelve: str, data: st.DataObject) -> None:
    total = sum(int(d) * (1 + at % 2) for at, d in enumerate(twelve))
    number = f"{twelve}{(10 - total % 10) % 10}"
    found = parse("corporate-registration-number", f"{number[:6]}-{number[6:]}")
    assert found is not None
    assert found.doubt == ""
    wrong = one_wrong(number, data, range(0, 13, 2))
    caught = parse("corporate-registration-number", wrong)
    assert caught is not None
    assert caught.doubt


@pytest.mark.parametrize(
    "number",
    [
        *("DE136695976", "IT00743110157", "FR40303265045", "GB980780684", "BE0428759497"),
        *("PL8567346215", "PT501964843", "FI20774740", "DK13585628", "LU15027442"),
    ],
)
def test_vat_numbers(number: str) -> None:
    """Published examples of each country; another check digit does not hold."""
    assert set(VAT) >= {number[:2]}
    found = parse("vat-number", f"VAT No. {number[:2]} {number[2:]}, p. 1")
    assert found is not None
    assert (found.content, found.doubt) == (number, "")
    caught = parse("vat-number", number[:-1] + str((int(number[-1]) + 1) % 10))
    assert caught is not None
    assert caught.doubt


def test_resident_numbers_are_masked() -> None:
    assert said("resident-registration-number", "900101-1234567") == "900101-1******"
    value = parse("resident-registration-number", "901301-1234567")
    assert value is not None
    assert value.doubt
    assert said("payment-card", "1234-****-****-5678") == "1234********5678"


# Addresses of people and the net


@pytest.mark.parametrize(
    ("kind", "text", "content"),
    [
        ("phone", "TEL: 02-1234-5678 FAX", "02-1234-5678"),
        ("phone", "031)123-4567", "031-123-4567"),
        ("phone", "+82 10 1234 5678", "+82-10-1234-5678"),
        ("phone", "(603) 555-1234", "603-555-1234"),
        ("phone", "2018-12-25", None),
        ("phone", "123-45-67890", None),
        ("email", "Mail: Ann.Lee@ab.co.kr.", "ann.lee@ab.co.kr"),
        ("email", "at 3 @ 5.00", None),
        ("uri", "see www.ab.com/x?y=1.", "https://www.ab.com/x?y=1"),
    ],
)
def test_contacts(kind: str, text: str, content: str | None) -> None:
    assert said(kind, text) == content


# All


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.text("0123456789.,-/:()원만₩ RMO$%@년월일XABl*Ⅳİß１", max_size=24),
)
def test_any_text_is_read_in_place_and_once(kind: str, text: str) -> None:
    found = scan(kind, text)
    stops = [0, *(value.stop for value in found)]
    for value, before in zip(found, stops, strict=False):
        assert before <= value.start < value.stop <= len(text)


def test_unknown_kind() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'phone'"):
        scan("phones", "")


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("25/12/2018", "2018-12-25", True),
        ("RM 1,234.50", "1234.5", True),
        ("₩3,200", "$3,200", False),
        ("ABC  Ltd", "abc ltd", True),
        ("ABC Ltd 12", "12", False),
        ("2018-12-25", "2018-12-26", False),
    ],
)
def test_the_same(first: str, second: str, alike: bool) -> None:
    assert same(first, second) is alike
    assert same(second, first) is alike


def test_the_calendar_is_the_real_one() -> None:
    """Days that month lengths allow are dates, and no others."""
    for month in range(1, 13):
        for day in range(28, 32):
            exists = day <= calendar.monthrange(2023, month)[1]
            assert (parse("date", f"2023-{month:02d}-{day}") is not None) is exists
