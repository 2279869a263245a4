"""Values found among words: texts with noise, dates by their day, amounts by their worth."""

from __future__ import annotations

import string
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from vlkit.data.labelled.values import find_amounts, find_dates, find_text, nearest

plain = st.text(alphabet="abcdefgh", min_size=2, max_size=7)
far = st.text(alphabet="rstuvwxyz", min_size=2, max_size=7)
"""Of other letters than ``plain``: a value of these is nowhere but where it is planted."""


def naive(wanted: str, text: str) -> int:
    """Edits to the nearest of all parts."""
    parts = {text[a:b] for a in range(len(text) + 1) for b in range(a, len(text) + 1)}
    return min(Levenshtein.distance(wanted, part) for part in parts)


@settings(max_examples=60, deadline=None)
@given(st.text("abc", min_size=1, max_size=8), st.text("abc", max_size=14))
def test_nearest_has_the_fewest_edits(wanted: str, text: str) -> None:
    start, stop, edits = nearest(wanted, text)
    assert edits == naive(wanted, text) == Levenshtein.distance(wanted, text[start:stop])


@settings(max_examples=80, deadline=None)
@given(
    st.lists(plain, max_size=8),
    st.lists(far, min_size=1, max_size=6),
    st.lists(plain, max_size=8),
    st.data(),
)
def test_a_planted_value_is_found(
    before: list[str], value: list[str], after: list[str], data: st.DataObject
) -> None:
    """Through other case, marks and spaces, and every eighth letter wrong."""
    letters = list(" ".join(value))
    for at in range(7, len(letters), 8):
        if letters[at] != " " and data.draw(st.booleans()):
            letters[at] = "m"  # in neither alphabet
    said = "".join(letters).upper().split()
    marks = data.draw(st.lists(st.sampled_from(["", ",", ".", ":"]), min_size=len(said)))
    said = [word + mark for word, mark in zip(said, marks, strict=False)]
    found = find_text("-".join(value), [*before, *said, *after])
    assert found is not None
    planted = range(len(before), len(before) + len(said))
    if "".join(letters) == " ".join(value):
        assert found.exact
        assert found.words == planted
    else:  # a wrong letter at the end may be left out, with a word that is little else
        assert found.words.start >= planted.start
        assert found.words.stop <= planted.stop
        assert len(found.words) >= len(planted) - 1


@settings(max_examples=40, deadline=None)
@given(st.lists(plain, max_size=9), far)
def test_what_is_not_there_is_not_found(words: list[str], value: str) -> None:
    assert find_text(value, words) is None


def test_words_that_hold_more_than_the_value() -> None:
    words = ["NAME:ACME", "TRADING", "(12345-X)"]
    found = find_text("acme trading", words)
    assert found is not None
    assert found.words == range(2)
    assert find_text("!?", words) is None
    assert find_text("acme", ["--", ""]) is None


@pytest.mark.parametrize(
    ("value", "line", "words", "exact"),
    [
        ("25/12/2018", "DATE: 25/12/2018 10:30", range(1, 2), True),
        ("25/12/2018", "25-12-18", range(0, 1), False),
        ("25/12/2018", "on 25 DEC 2018", range(1, 4), False),
        ("25/12/2018", "Dec 25th, 2018", range(0, 3), False),
        ("20181225", "25.12.2018", range(0, 1), False),
        ("2018-12-25", "20181225", range(0, 1), True),
        ("25 DEC 2018", "25DEC2018", range(0, 1), True),
        ("25/12/2018", "REG #19- 25/12/2018", range(2, 3), True),
        ("25/12/2018", "25/12/201810:30", range(0, 1), True),
        ("12/25/2018", "25/12/2018", range(0, 1), False),
        ("5/3/2018", "15/3/2018", None, False),
        ("5/3/2018", "tel 05-32018", None, False),
        ("no date", "25/12/2018", None, False),
    ],
)
def test_dates(value: str, line: str, words: range | None, exact: bool) -> None:
    found = find_dates(value, [line.split()])
    assert [each.words for each in found] == ([] if words is None else [words])
    assert all(each.exact == exact for each in found)


@settings(max_examples=60, deadline=None)
@given(
    st.dates(date(1990, 1, 1), date(2089, 12, 31)),
    st.sampled_from(["%d/%m/%Y", "%Y-%m-%d", "%d %b %Y", "%B %d, %Y", "%d.%m.%Y", "%Y%m%d"]),
    st.sampled_from(["%d/%m/%Y", "%Y-%m-%d", "%d-%b-%Y"]),
)
def test_a_day_is_found_in_any_format(day: date, printed: str, written: str) -> None:
    lines = [["No.", "7"], ["at", *day.strftime(printed).split(), "10:30"]]
    found = find_dates(day.strftime(written), lines)
    assert [each.words for each in found] == [range(3, 3 + len(lines[1]) - 2)]


@pytest.mark.parametrize(
    ("value", "line", "words", "exact"),
    [
        ("60.30", "RM60.30", range(0, 1), True),
        ("RM 60.30", "60.30", range(0, 1), True),
        ("1,234.50", "total 1234.50", range(1, 2), True),
        ("15.00", "15", range(0, 1), False),
        ("60.30", "60 .30", range(0, 2), True),
        ("60.30", "160.30", None, False),
        ("60.30", "60.301", None, False),
        ("none", "60.30", None, False),
    ],
)
def test_amounts(value: str, line: str, words: range | None, exact: bool) -> None:
    found = find_amounts(value, [line.split()])
    assert [each.words for each in found] == ([] if words is None else [words])
    assert all(each.exact == exact for each in found)


def test_places_count_over_lines() -> None:
    lines = [["a", "b"], ["7.00"], ["c", "7.00"]]
    assert [each.words for each in find_amounts("7.00", lines)] == [range(2, 3), range(4, 5)]


@given(st.text(string.printable), st.lists(st.text(string.printable, max_size=9)))
def test_nothing_breaks_it(value: str, words: list[str]) -> None:
    find_text(value, words)
    find_dates(value, [words])
    find_amounts(value, [words])
