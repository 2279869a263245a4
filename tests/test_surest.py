"""What `auto` does with several engines: who is asked for which lines, and who is believed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vlkit.document import Line, Word
from vlkit.errors import MissingDependency, UnknownName
from vlkit.images import PageImage
from vlkit.reading import recognise, surest
from vlkit.reading.engines import lines as module
from vlkit.reading.engines.lines import Lines
from vlkit.reading.engines.rapidocr import RapidOcr
from vlkit.reading.engines.regions import Region
from vlkit.reading.engines.tesseract import Tesseract
from vlkit.reading.surest import Surest, confidence_of, surer


class Told:
    """An engine that reads what it is told, by the regions' heights."""

    version = "1"

    def __init__(self, name: str, languages: set[str], lines: dict[int, str], sure: float) -> None:
        self.name = name
        self.known = frozenset(languages)
        self.lines = lines
        self.sure = sure
        self.asked: list[tuple[list[int], list[str]]] = []

    def languages(self) -> frozenset[str]:
        return self.known

    def recognise(self, image: PageImage, languages: Sequence[str]) -> list[Line]:
        raise AssertionError("it is given the lines")

    def read(
        self, image: PageImage, regions: Sequence[Region], languages: Sequence[str]
    ) -> list[Line | None]:
        numbers = [int(region.height) for region in regions]
        self.asked.append((numbers, list(languages)))
        texts = [self.lines.get(number, "") for number in numbers]
        return [said(text, self.sure, y) for text, y in zip(texts, numbers, strict=True)]


def said(text: str, sure: float, y: float = 0.0) -> Line | None:
    words = [Word(text=t, box=(0, y, 9, y + 1), confidence=sure) for t in text.split()]
    return Line(words=words, box=(0, y, 9, y + 1)) if words else None


def read_by(
    monkeypatch: pytest.MonkeyPatch,
    languages: list[str],
    reader: Told,
    specialist: Told | None = None,
    second: Told | None = None,
) -> dict[int, str]:
    regions = [Region(0, 0, 50, height, 0) for height in (1, 2, 3, 4)]
    monkeypatch.setattr(surest, "find_on_page", lambda engine, image: regions)
    page = PageImage(1, 9, 9, lambda: np.full((9, 9, 3), 255, np.uint8))
    found = Surest(reader, specialist, second).recognise(page, languages)
    return {int(line.box[1]): line.text for line in found}


def test_others_read_doubtful_lines_in_languages_that_they_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Told("a", {"kor", "eng"}, {1: "one", 2: "둘 two", 3: "three"}, 0.4)
    latin = Told("b", {"eng", "deu"}, {1: "One", 3: "Three", 4: "Four"}, 0.9)
    both = Told("c", {"eng", "kor"}, {1: "no", 2: "둘 둘셋", 3: "no", 4: "넷"}, 0.7)
    found = read_by(monkeypatch, ["kor", "eng"], first, latin, both)
    assert first.asked == [([1, 2, 3, 4], ["kor", "eng"])]
    assert latin.asked == [([1, 2, 3, 4], ["eng"])]
    assert both.asked == [([2], ["kor", "eng"])]
    assert found == {1: "One", 2: "둘 둘셋", 3: "Three", 4: "Four"}


def test_who_reads_latin_alone_is_believed_unless_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Told("a", {"kor", "eng"}, {1: "one", 2: "둘"}, 0.95)
    sure = Told("b", {"eng"}, {1: "ONE", 2: "2", 3: "3"}, 0.8)
    assert read_by(monkeypatch, ["kor", "eng"], first, sure) == {1: "ONE", 2: "둘", 3: "3"}
    doubtful = Told("c", {"eng"}, {1: "0ne", 3: "£"}, 0.4)
    found = read_by(monkeypatch, ["kor", "eng"], first, doubtful)
    assert found == {1: "one", 2: "둘"}, "3 may be Korean, and nothing is better than a guess"


def test_words_of_the_reader_stand_where_it_is_surer(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Told("a", {"kor", "eng"}, {1: "one", 2: "둘 two"}, 0.9)
    latin = Told("b", {"eng"}, {1: "0ne", 2: "= two"}, 0.6)
    assert read_by(monkeypatch, ["kor", "eng"], first, latin) == {1: "one", 2: "둘 two"}
    assert latin.asked == [([1, 3, 4], ["eng"])]


def test_leaning_lines_are_taken_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def lean(line: Line | None) -> Line | None:
        if line is not None:
            for word in line.words:
                word.quad = ((0, 0), (9, 1), (9, 2), (0, 1))
        return line

    for sure, expected in ((0.6, "0ne"), (0.4, "one")):
        first = Told("a", {"kor", "eng"}, {1: "one"}, 0.9)
        latin = Told("b", {"eng"}, {1: "0ne"}, sure)
        read = latin.read
        monkeypatch.setattr(latin, "read", lambda *given, read=read: list(map(lean, read(*given))))
        assert read_by(monkeypatch, ["kor", "eng"], first, latin) == {1: expected}


def test_lines_that_the_first_is_sure_of_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Told("a", {"kor", "eng"}, dict.fromkeys((1, 2, 3, 4), "그렇다"), 0.95)
    others = [Told("b", {"eng"}, {}, 0.9), Told("c", {"eng", "kor"}, {}, 0.9)]
    assert len(read_by(monkeypatch, ["kor", "eng"], first, *others)) == 4
    assert [other.asked for other in others] == [[], []]


def test_hangul_read_in_doubt_may_be_latin(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Told("a", {"kor", "eng"}, {1: "HITHOU꼭", 2: "둘"}, 0.45)
    latin = Told("b", {"eng"}, {1: "WITHOUT", 2: "="}, 0.92)
    assert read_by(monkeypatch, ["kor", "eng"], first, latin) == {1: "WITHOUT", 2: "="}
    unsure = Told("c", {"eng"}, {1: "WITHOUT", 2: "="}, 0.4)
    assert read_by(monkeypatch, ["kor", "eng"], first, unsure) == {1: "HITHOU꼭", 2: "둘"}


def test_the_surer_reading_neither_drops_words_nor_makes_them_up() -> None:
    whole = said("all of these words", 0.7)
    assert surer(whole, said("all", 0.9)) is whole
    assert surer(whole, said("all of these words and many more", 0.3)) is whole
    better = said("all of those words", 0.75)
    assert surer(whole, better) is better
    assert surer(None, better) is better
    assert surer(better, None) is better
    assert surer(None, None) is None
    assert confidence_of(whole) == pytest.approx(0.7)


def test_auto_reads_korean_by_the_reader_where_its_model_lies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "shelves", lambda: [tmp_path])
    monkeypatch.setattr(recognise, "OCR_ENGINES", ("rapidocr", "lines"))
    with pytest.raises(MissingDependency):
        recognise.ocr_engine("auto", ["kor"])
    (tmp_path / module.MODEL).mkdir()
    for file in module.FILES:
        (tmp_path / module.MODEL / file).touch()
    chosen = recognise.ocr_engine("auto", ["kor", "eng"])
    assert isinstance(chosen, Surest)
    assert isinstance(chosen.reader, Lines)
    assert chosen.specialist is not None
    assert chosen.specialist.name == "rapidocr"
    for language in ("eng", "deu"):
        assert isinstance(recognise.ocr_engine("auto", [language]), RapidOcr)


def test_languages_by_default_are_what_the_engine_reads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "shelves", lambda: [tmp_path])
    monkeypatch.setattr(recognise, "OCR_ENGINES", ("lines", "rapidocr"))
    assert recognise.languages_of("auto", None) == ("eng",)
    (tmp_path / module.MODEL).mkdir()
    for file in module.FILES:
        (tmp_path / module.MODEL / file).touch()
    assert recognise.languages_of("auto", None) == ("kor", "eng")
    assert recognise.languages_of("rapidocr", None) == ("eng",)
    assert recognise.languages_of("auto", "deu+fra") == ("deu", "fra")
    with pytest.raises(UnknownName):
        recognise.languages_of("rapid", None)


def test_tesseract_without_korean_is_no_second_specialist(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be believed in place of RapidOCR, which reads more of what is not Korean."""

    class English(Tesseract):
        def languages(self) -> frozenset[str]:
            return frozenset({"eng", "osd"})

    engines = {"lines": Lines(), "rapidocr": RapidOcr(), "tesseract": English()}
    monkeypatch.setattr(recognise, "load_engine", engines.__getitem__)
    chosen = recognise._with_others(engines["lines"])
    assert isinstance(chosen, Surest)
    assert (chosen.specialist, chosen.second) == (engines["rapidocr"], None)
