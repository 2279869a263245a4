"""The engine ``tesseract``: both ways of calling it, what it leaves out, and Korean."""

from __future__ import annotations

import os
import pickle
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from vlkit.errors import MissingDependency
from vlkit.images import PageImage
from vlkit.reading.engines import tesseract_api
from vlkit.reading.engines.tesseract import COMPOUND, Tesseract, merge, tighten
from vlkit.reading.engines.tesseract_api import (
    Api,
    Library,
    Program,
    RawWord,
    find_program,
    find_tessdata,
    installed_languages,
    parse_tsv,
    require,
)
from vlkit.reading.lines import segment

FONTS = Path(str(files("vlkit.data").joinpath("fonts")))
ENGLISH = ["Invoice number 20417", "Total due in May", "Payment by transfer only"]
KOREAN = [
    "서울특별시에서 회의를 열었습니다.",
    "귀하의 무궁한 발전을 기원합니다.",
    "우리는 문서를 읽고 답장을 보냅니다.",
    "때에는 서면으로 통지하고 해지할 수 있다.",
]


def readable(*languages: str) -> bool:
    try:
        return set(languages) <= installed_languages()
    except MissingDependency:
        return False


def apis() -> list[type[Api]]:
    return [
        *([Library] if find_spec("tesserocr") and readable("eng") else []),
        *([Program] if find_program() and readable("eng") else []),
    ]


needs_english = pytest.mark.skipif(not apis(), reason="needs Tesseract with English data")
needs_korean = pytest.mark.skipif(
    not (apis() and readable("eng", "kor")), reason="needs Tesseract with Korean data"
)


def open_as(kind: type[Api]) -> Api:
    return Library(find_tessdata()) if kind is Library else Program(find_program() or Path())


def draw(lines: list[str], size: int, font: str = "VlkitSans-Regular.ttf") -> PageImage:
    picture = Image.new("RGB", (size * 32, size * 2 * (len(lines) + 1)), "white")
    pen = ImageDraw.Draw(picture)
    face = ImageFont.truetype(str(FONTS / font), size)
    for i, line in enumerate(lines):
        pen.text((size * 2, size * (1 + 2 * i)), line, font=face, fill="black")
    return PageImage(1, *picture.size, lambda: np.asarray(picture))


def raw(text: str, box: tuple[float, float, float, float], confidence: float = 0.9) -> RawWord:
    return RawWord(text, box, confidence, 0)


@needs_english
@pytest.mark.parametrize("kind", apis())
@pytest.mark.parametrize("size", [12, 40])
def test_reads_a_page_line_by_line_with_boxes_on_the_ink(kind: type[Api], size: int) -> None:
    image = draw(ENGLISH, size)
    engine = Tesseract()
    engine._api = open_as(kind)
    lines = engine.recognise(image, ["eng"])
    assert [line.text for line in lines] == ENGLISH
    for line, found in zip(lines, segment(image.pixels[:, :, 0]).lines, strict=True):
        assert np.abs(np.array(line.box) - found.box).max() < size
        assert all(0 <= (word.confidence or 0) <= 1 for word in line.words)
        assert all(word.source and word.source.name == "tesseract" for word in line.words)


@needs_english
def test_boxes_are_in_page_units() -> None:
    image = draw(ENGLISH, 30)
    whole = Tesseract().recognise(image, ["eng"])
    half = PageImage(1, image.width / 2, image.height / 2, lambda: image.pixels, scale=2.0)
    for line, small in zip(whole, Tesseract().recognise(half, ["eng"]), strict=True):
        assert np.array(small.box) * 2 == pytest.approx(np.array(line.box))


@needs_english
def test_crosses_to_another_process_after_use() -> None:
    engine = Tesseract()
    image = draw(ENGLISH[:1], 30)
    before = engine.recognise(image, ["eng"])
    assert pickle.loads(pickle.dumps(engine)).recognise(image, ["eng"]) == before


@needs_english
@pytest.mark.parametrize("kind", apis())
def test_leaves_the_environment_as_it_was(kind: type[Api], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_THREAD_LIMIT", "7")
    open_as(kind).read([draw(["one"], 30).pixels[:, :, 0]], ["eng"], 7)
    assert os.environ["OMP_THREAD_LIMIT"] == "7"


@needs_english
def test_blank_page_has_no_lines() -> None:
    white = np.full((200, 300, 3), 255, np.uint8)
    assert Tesseract().recognise(PageImage(1, 300, 200, lambda: white), ["eng"]) == []


@needs_english
def test_unknown_language_says_what_to_install() -> None:
    with pytest.raises(MissingDependency, match=r"'xxx'.*tesseract-ocr-xxx.*macOS.*Windows"):
        require(["eng", "xxx"])


def test_language_data_is_found_where_tessdata_prefix_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tessdata").mkdir()
    (tmp_path / "tessdata" / "nor.traineddata").touch()
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    assert installed_languages() == {"nor"}


def test_without_language_data_the_error_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TESSDATA_PREFIX", raising=False)
    monkeypatch.setattr(tesseract_api, "TESSDATA", ())
    monkeypatch.setattr(tesseract_api, "find_program", lambda: None)
    with pytest.raises(MissingDependency, match="apt install tesseract-ocr"):
        Tesseract().languages()


def test_tsv_of_two_pictures_is_kept_apart() -> None:
    head = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight"
    rows = [
        head + "\tconf\ttext",
        "4\t1\t1\t1\t1\t0\t1\t2\t30\t10\t-1\t",
        "5\t1\t1\t1\t1\t1\t1\t2\t30\t10\t96.5\tone",
        "5\t2\t1\t1\t1\t1\t3\t4\t5\t6\t12\ttwo",
        "5\t2\t1\t1\t2\t1\t3\t4\t5\t6\t-1\t ",
    ]
    first, second = parse_tsv("\n".join(rows), 2)
    assert [(word.text, word.box, word.confidence) for word in first] == [
        ("one", (1, 2, 31, 12), 0.965)
    ]
    assert [word.text for word in second] == ["two"]


def test_second_reading_corrects_and_adds_only_where_it_is_surer() -> None:
    first = [raw("Narne", (0, 0, 50, 10), 0.5), raw("May", (60, 0, 90, 10), 0.95)]
    second = [
        raw("Name", (1, 0, 50, 11), 0.9),
        raw("Moy", (60, 0, 90, 10), 0.6),
        raw("Total", (100, 0, 150, 10), 0.95),
        raw("x", (200, 0, 205, 10), 0.5),
    ]
    assert [word.text for word in merge(first, second)] == ["Name", "May", "Total"]
    assert [word.text for word in merge([], second)] == ["Name", "Total"]
    assert merge(first, []) == first


def test_boxes_shrink_to_the_ink_of_their_line() -> None:
    found = segment(draw(ENGLISH, 30).pixels[:, :, 0])
    x0, y0, x1, y1 = found.lines[1].box
    # Half of the line above is in the box, as Tesseract's often have it.
    (word,) = tighten([raw("line", (x0 - 5, y0 - 45, x1 + 5, y1 + 5))], found)
    assert word.box == (x0, y0, x1, y1)
    assert word.line == 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Signature/Date", ["Signature/", "Date"]),
        ("Oral-Suggestion", ["Oral-", "Suggestion"]),
        ("02-1234-5678", ["02-1234-5678"]),
        ("8/13/93", ["8/13/93"]),
        ("and/", ["and/"]),
    ],
)
def test_compounds_part_and_dates_do_not(text: str, parts: list[str]) -> None:
    assert COMPOUND.split(text) == parts


@needs_korean
@pytest.mark.parametrize("size", [16, 32])
def test_korean_lines_come_with_their_spaces(size: int) -> None:
    image = draw([*KOREAN, "Payment by transfer only"], size, "VlkitSansKR-Regular.ttf")
    truth = "\n".join([*KOREAN, "Payment by transfer only"])
    text = "\n".join(line.text for line in Tesseract().recognise(image, ["kor", "eng"]))
    assert Levenshtein.distance(text, truth) <= 0.03 * len(truth)


@needs_korean
@pytest.mark.skipif("VLKIT_DATA" not in os.environ, reason="needs VLKIT_DATA")
def test_korean_picture() -> None:
    path = Path(os.environ["VLKIT_DATA"]) / "korean" / "english-and-korean.png"
    truth = (Path(__file__).parent / "data/korean/english-and-korean.txt").read_text().strip()
    pixels = np.asarray(Image.open(path).convert("RGB"))
    image = PageImage(1, pixels.shape[1], pixels.shape[0], lambda: pixels)
    text = "\n".join(line.text for line in Tesseract().recognise(image, ["kor", "eng"]))
    assert 1 - Levenshtein.distance(text, truth) / len(truth) >= 0.98
