"""Lines of Hangul: where their characters are, what stands between, and their spaces."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from vlkit.errors import MissingDependency
from vlkit.images import PageImage
from vlkit.reading.engines.between import (
    Piece,
    join_runs,
    marked,
    parts_of,
    surest,
    with_marks,
)
from vlkit.reading.engines.fitting import Token, expected, fit, measured, white_before
from vlkit.reading.engines.hangul import join_lines, space_of
from vlkit.reading.engines.tesseract import Tesseract
from vlkit.reading.engines.tesseract_api import RawWord, find_program, installed_languages
from vlkit.reading.lines import TextLine, segment

BOLD = Path(str(files("vlkit.data").joinpath("fonts/VlkitSansKR-Bold.ttf")))
"""Not the typeface that widths are measured in."""


def readable() -> bool:
    try:
        data = {"kor", "eng"} <= installed_languages()
    except MissingDependency:
        return False
    return data and bool(find_spec("tesserocr") or find_program())


needs_korean = pytest.mark.skipif(not readable(), reason="needs Tesseract with Korean data")


def word(text: str, x0: float, x1: float, confidence: float = 0.9) -> RawWord:
    return RawWord(text, (x0, 0.0, x1, 20.0), confidence, 0)


def drawn(text: str, size: int) -> tuple[list[Token], np.ndarray, np.ndarray, float]:
    """A line's tokens without its spaces; its columns with ink; where each token's ink is; and
    the pitch.
    """
    face = ImageFont.truetype(str(BOLD), size)
    columns: set[int] = set()
    tokens, spans = [], []
    x = size
    for character in text:
        picture = Image.new("L", (size * (len(text) + 3), 2 * size))
        ImageDraw.Draw(picture).text((x, 0), character, font=face, fill=255)
        x += round(face.getlength(character))
        ink = np.flatnonzero((np.asarray(picture) > 100).any(axis=0))
        if len(ink):
            columns.update(ink.tolist())
            tokens.append(Token(character, 0.9))
            spans.append((ink[0], ink[-1] + 1))
    shared = np.array(sorted(columns))
    return tokens, shared - shared[0], np.array(spans) - shared[0], face.getlength("한")


# ---------------------------------------------------------------------------------------------
# Fitting


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.text("이의시기인문서판독를급여뷁한글", min_size=1, max_size=6), min_size=2, max_size=5
    ),
    st.sampled_from([14, 20, 33, 60]),
    st.floats(0.93, 1.07),
)
def test_syllables_are_found_in_their_ink(words: list[str], size: int, wrong: float) -> None:
    tokens, columns, truth, pitch = drawn(" ".join(words), size)
    spans, cost = fit(columns, tokens, pitch)
    assert np.abs(spans - truth).max() <= max(2, 0.1 * pitch)
    assert cost < 2.5 * len(tokens)
    widths, gaps = expected(tokens)
    ends = np.cumsum([len(each) for each in words])[:-1].tolist()
    whites = [
        white_before(tokens, spans, widths, gaps, number, pitch) for number in range(1, len(tokens))
    ]
    for number, white in enumerate(whites, start=1):
        assert (white > 0.14) == (number in ends)
    # A pitch that is a little wrong is put right.
    again, _ = fit(columns, tokens, pitch * wrong)
    better = measured(tokens, again, widths, gaps, pitch * wrong, 0.14)
    if len(tokens) - len(words) >= 6:
        assert abs(better / pitch - 1) < 0.05


def test_a_run_of_other_characters_ends_where_the_hangul_begins() -> None:
    tokens, columns, truth, pitch = drawn("문의는 support@vlkit.kr 또는 전화", 24)
    runs = [
        *tokens[:3],
        Token("94102001@11.00", 0.1),
        *(token for token in tokens[3:] if token.syllable),
    ]
    spans, _ = fit(columns, runs, pitch)
    first, last = 3, len(tokens) - 5
    assert np.abs(spans[3] - (truth[first, 0], truth[last, 1])).max() <= 2


def test_a_word_that_was_dropped_costs() -> None:
    tokens, columns, _, pitch = drawn("만료 전까지 해지 의사가", 20)
    _, whole = fit(columns, tokens, pitch)
    _, less = fit(columns, tokens[:5] + tokens[7:], pitch)
    assert less > whole + 10


def test_text_that_cannot_fit_is_spread_over_the_line() -> None:
    spans, cost = fit(np.arange(5), [Token("가", 0.9)] * 10, 20.0)
    assert cost == np.inf
    assert spans[0, 0] == 0
    assert spans[-1, 1] == 5


# ---------------------------------------------------------------------------------------------
# Lines and spaces


def test_runs_beside_each_other_are_one_line() -> None:
    comma = TextLine((300, 30, 304, 38), (2,))
    rest = TextLine((320, 12, 420, 30), (3,))
    lines = [TextLine((10, 10, 295, 35), (0, 1)), comma, rest, TextLine((10, 50, 200, 75), (4,))]
    joined = join_lines(lines)
    assert [line.box for line in joined] == [(10, 10, 420, 38), (10, 50, 200, 75)]
    assert sorted(joined[0].components) == [0, 1, 2, 3]


def test_cells_of_a_row_stay_apart() -> None:
    cells = [TextLine((10, 10, 100, 30), (0,)), TextLine((140, 10, 200, 30), (1,))]
    assert join_lines(cells) == cells


@given(st.floats(0.25, 0.45), st.integers(1, 40), st.integers(0, 15))
def test_spaces_are_told_from_white(space: float, within: int, between: int) -> None:
    noise = np.linspace(-0.04, 0.04, within)
    level = space_of([*noise, *(space + 0.02 * (n % 3 - 1) for n in range(between))])
    assert 0.04 < level < space - 0.02


# ---------------------------------------------------------------------------------------------
# What stands between


def test_latin_words_come_from_the_other_reading() -> None:
    korean = [word("특히", 0, 38), word("1780", 50, 140, 0.2), word("모델을", 150, 210)]
    other = [word("=", 0, 20, 0.4), word("Transform", 50, 141, 0.95), word("BSS", 150, 210, 0.9)]
    texts = [text for text, _ in parts_of(korean, other, 20.0)]
    assert texts == ["특", "히", "Transform", "모", "델", "을"]


def test_hangul_is_not_given_up_for_letters() -> None:
    korean = [word("목적", 0, 38, 0.7)]
    assert [text for text, _ in parts_of(korean, [word("SA", 0, 38, 0.95)], 20.0)] == ["목", "적"]
    # Two letters are never as wide as two syllables, however unsure these are.
    korean = [word("목적", 0, 38, 0.1)]
    assert [text for text, _ in parts_of(korean, [word("SA", 0, 38, 0.95)], 20.0)] == ["목", "적"]


def test_hangul_among_signs_gives_way_to_a_word_that_fits_better() -> None:
    korean = [word("은", 0, 18), word("『", 30, 35, 0.9), word("매", 40, 68, 0.7)]
    other = [word("PDF", 30, 68, 0.75)]
    assert [text for text, _ in parts_of(korean, other, 20.0)] == ["은", "PDF"]
    korean[2] = word("매", 40, 68, 0.95)
    assert [text for text, _ in parts_of(korean, other, 20.0)] == ["은", "『", "매"]


def test_parts_hold_no_space() -> None:
    assert [text for text, _ in parts_of([word("값\u00a81", 0, 60)], [], 20.0)] == ["값", "\u03081"]


def test_runs_are_joined_but_for_spaces() -> None:
    pieces = [
        Piece("원", 0.9, 0, 18, 0.0),
        Piece("No", 0.9, 25, 40, 0.3),
        Piece(".", 0.5, 41, 43, 0.0),
        Piece("7", 0.9, 50, 58, 0.3),
    ]
    joined = join_runs(pieces, 0.14)
    assert [(piece.text, piece.confidence) for piece in joined] == [
        ("원", 0.9),
        ("No.", 0.5),
        ("7", 0.9),
    ]
    assert joined[1].x1 == 43


@pytest.mark.parametrize(
    ("first", "sure", "readings", "marks", "width", "best"),
    [
        # The Korean model has no letters.
        ("945", 0.9, [("SNS", 0.8)], 0, 1.9, "SNS"),
        ("105", 0.95, [("lO5", 0.9)], 0, 1.6, "105"),
        # Its figures have too few commas.
        ("11375000", 0.9, [("1,375,000", 0.8)], 2, 4.4, "1,375,000"),
        ("1,250", 0.9, [("1,2508", 0.95), ("", 0.0)], 1, 2.3, "1,250"),
        # A line that is read as a whole knows capitals better.
        ("iOS", 0.8, [("ios", 0.95)], 0, 1.6, "iOS"),
        ("44", 0.9, [("A", 0.9), ("A4", 0.7)], 0, 1.2, "A4"),
    ],
)
def test_the_surest_reading_is_taken(
    first: str,
    sure: float,
    readings: list[tuple[str, float]],
    marks: int,
    width: float,
    best: str,
) -> None:
    piece = Piece(first, sure, 100, 100 + 20 * width, 0.0)
    assert surest(piece, readings, marks, 20.0).text == best


@pytest.mark.parametrize(
    ("text", "heights", "read"),
    [
        ("No,", [4.0], "No."),
        ("3.200", [10.0], "3,200"),
        ("10:30,", [5.0, 9.0], "10:30,"),
        ("1.250.", [10.0], "1.250."),
        ("1.2", [7.5], "1.2"),
    ],
)
def test_marks_go_by_their_height(text: str, heights: list[float], read: str) -> None:
    assert with_marks(text, heights, 40.0) == read


@pytest.mark.parametrize("size", [24, 30, 48])
def test_marks_are_measured_on_the_page(size: int) -> None:
    picture = Image.new("L", (size * 12, size * 3), 255)
    face = ImageFont.truetype(str(BOLD.with_name("VlkitSansKR-Regular.ttf")), size)
    ImageDraw.Draw(picture).text((size, size), "값은 3,200.75원", font=face, fill=0)
    found = segment(np.asarray(picture))
    (line,) = join_lines(found.lines)
    x0, _, x1, _ = line.box
    # The figure's own part of the line.
    left = x0 + face.getlength("값은 ") - size / 10
    piece = Piece("3.200,75", 0.9, left, x1 - face.getlength("원"), 0.3)
    (told,) = marked(found, line, [piece], face.getlength("한"))
    assert told.text == "3,200.75"


# ---------------------------------------------------------------------------------------------
# Whole pages

MIXED = [
    "공급자: (주)한빛정보 대표 이민아",
    "합계 금액 1,375,000원 (VAT 포함)",
    "문의는 help@vlkit.kr 또는 02-555-0199",
    "특히 Transformer 모델을 사용한 연구",
    "만료 30일 전까지 의사가 없으면 연장된다.",
]


@needs_korean
@pytest.mark.parametrize("size", [18, 34])
def test_mixed_lines_lose_no_word(size: int) -> None:
    picture = Image.new("RGB", (size * 24, size * 2 * (len(MIXED) + 1)), "white")
    pen = ImageDraw.Draw(picture)
    face = ImageFont.truetype(str(BOLD), size)
    for number, line in enumerate(MIXED):
        pen.text((size * 2, size * (1 + 2 * number)), line, font=face, fill="black")
    image = PageImage(1, *picture.size, lambda: np.asarray(picture))
    read = [line.text for line in Tesseract().recognise(image, ["kor", "eng"])]
    assert [len(line.split()) for line in read] == [len(line.split()) for line in MIXED]
    right = sum(
        one == two
        for a, b in zip(read, MIXED, strict=True)
        for one, two in zip(a.split(), b.split(), strict=True)
    )
    assert right >= sum(len(line.split()) for line in MIXED) - 1


@needs_korean
def test_korean_alone_needs_no_other_language() -> None:
    picture = Image.new("RGB", (600, 120), "white")
    face = ImageFont.truetype(str(BOLD), 30)
    ImageDraw.Draw(picture).text((40, 40), "귀하의 무궁한 발전을 기원합니다.", "black", face)
    image = PageImage(1, *picture.size, lambda: np.asarray(picture))
    (line,) = Tesseract().recognise(image, ["kor"])
    assert line.text == "귀하의 무궁한 발전을 기원합니다."
