"""The verdict on a PDF page's text layer, and the engine that reads it."""

import os
import random
import string
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlkit.data.pages import DrawnPage, to_pdf
from vlkit.data.random_pages import random_text_page
from vlkit.document import Line, Word
from vlkit.errors import EngineError
from vlkit.images import PageImage
from vlkit.pdf import PdfFile
from vlkit.reading.engines.pdf_text import PdfText
from vlkit.reading.letters import surprise
from vlkit.reading.stages import Engine
from vlkit.reading.text_layer import GARBLED, judge
from vlkit.text_layer import TextContent, TextLayer

PROSE = {
    "English": "Nobody knew why the lights on the bridge went out that evening, not even a guard.",
    "German": "Niemand wusste, weshalb an jenem Abend die Lichter auf der Brücke ausgingen.",
    "French": "Personne ne savait pourquoi les lumières du pont s'étaient éteintes ce soir-là.",
    "Spanish": "Nadie sabía por qué aquella tarde se apagaron las luces del puente viejo.",
    "Czech": "Nikdo nevěděl, proč toho večera zhasla světla na mostě, ani starý hlídač.",
    "Korean": "그날 저녁 다리 위의 불이 왜 꺼졌는지 아무도 알지 못했고 경비원도 몰랐다고 한다.",
    "Hebrew": "איש לא ידע מדוע כבו האורות על הגשר באותו ערב, גם לא השומר הזקן שעמד שם.",
    "Arabic": "لم يعرف أحد لماذا انطفأت الأضواء على الجسر في ذلك المساء ولا حتى الحارس",
    "Russian": "Никто не знал, почему в тот вечер на мосту погас свет, даже старый сторож.",
    "Greek": "Κανείς δεν ήξερε γιατί εκείνο το βράδυ έσβησαν τα φώτα πάνω στη γέφυρα.",
}


class Scripted:
    """An OCR engine that knows what the pages say, and finds it at every height."""

    name = "scripted"
    version = "1"

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.asked = 0

    def languages(self) -> frozenset[str]:
        return frozenset({"eng"})

    def recognise(self, image: PageImage, languages: Sequence[str]) -> list[Line]:
        self.asked += 1
        assert image.pixels.shape[0] > 10
        boxes = [(0.0, float(y), 1.0, y + 1.0) for y in range(0, int(image.height), 4)]
        text = " ".join(self.texts)
        return [Line(words=[Word(text=text, box=box)], box=box) for box in boxes]


def says(page_number: int) -> Scripted:
    truth = random_text_page(page_number, "eng").truth.pages[0]
    return Scripted(*(line.text for line in truth.lines))


def page(number: int) -> DrawnPage:
    return random_text_page(number, "eng").pages[0]


def first(data: bytes) -> PageImage:
    return PdfFile(data).page(1)


# ---- letters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", PROSE)
def test_prose_does_not_surprise(language: str) -> None:
    bits, pairs = surprise(PROSE[language])
    assert pairs >= 40
    assert bits < -0.8


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_exchanged_letters_do(rng: random.Random) -> None:
    letters = list(string.ascii_lowercase)
    rng.shuffle(letters)
    moved = sum(a != b for a, b in zip(letters, string.ascii_lowercase, strict=True))
    table = str.maketrans(string.ascii_lowercase, "".join(letters))
    bits, _ = surprise((PROSE["English"] + " " + PROSE["German"]).lower().translate(table))
    assert bits > -0.8 or moved < 15


@pytest.mark.parametrize("step", [1, 2, 3, -1, -29])
def test_shifted_letters_do(step: int) -> None:
    text = " ".join(
        "".join(chr(ord(char) + step) for char in word) for word in PROSE["English"].split()
    )
    assert surprise(text)[0] > GARBLED


def test_scripts_without_prose_say_nothing() -> None:
    assert surprise("ᓄᓇᕗᑦ ᐃᓄᒃᑎᑐᑦ") == (0.0, 0)


# ---- verdicts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 3])
def test_born_digital_page_is_sound_and_needs_no_ocr(number: int) -> None:
    def never() -> Engine:
        raise AssertionError("no doubt, no OCR")

    assert judge(first(to_pdf([page(number)])), never).sound


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("kind", ["garbled", "unmapped"])
def test_wrong_characters_are_garbled(kind: str, number: int) -> None:
    engine = says(number)
    verdict = judge(first(to_pdf([page(number)], kind)), lambda: engine)  # type: ignore[arg-type]
    assert verdict.kind == "garbled"
    assert verdict.readable
    assert verdict.reason


def test_picture_alone_is_empty() -> None:
    assert judge(first(to_pdf([page(1)], "none"))).kind == "empty"


@pytest.mark.parametrize("number", [1, 2])
def test_hidden_text_is_sound_if_lines_read_anew_agree(number: int) -> None:
    image = first(to_pdf([page(number)], "hidden"))
    engine = says(number)
    assert judge(image, lambda: engine).sound
    assert engine.asked == 1
    stranger = Scripted("quite another text", "which has nothing in common with it")
    assert judge(image, lambda: stranger).kind == "stale"


@pytest.mark.parametrize("number", [1, 2])
def test_hidden_text_of_another_page_is_stale(number: int) -> None:
    image = first(to_pdf([page(number)], "stale", other=[page(number + 7)]))
    engine = says(number)
    assert judge(image, lambda: engine).kind == "stale"


def test_hidden_text_in_the_wrong_place_is_stale_without_ocr() -> None:
    image = first(to_pdf([page(1)], "hidden"))
    assert image.text_layer
    content = image.text_layer.content
    # Half of the size, in the page's lower right margin.
    small = content.mapped((0.12, 0.0, 0.0, 0.12, 0.87 * image.width, 0.87 * image.height))
    moved = TextContent(hidden=small.hidden, pictures=content.pictures)
    image.text_layer = TextLayer(lambda: moved)
    assert judge(image).kind in ("stale", "partial")


def test_stamp_on_a_scan_is_partial() -> None:
    image = first(to_pdf([page(2)], "none"))
    assert image.text_layer
    box = (20.0, 8.0, 180.0, 20.0)
    stamp = Line(words=[Word(text="Received on Monday", box=box)], box=box)
    with_stamp = TextContent(lines=[stamp], pictures=image.text_layer.content.pictures)
    image.text_layer = TextLayer(lambda: with_stamp)
    assert judge(image).kind == "partial"


def test_garbled_text_of_another_script_is_not_readable() -> None:
    box = (20.0, 20.0, 300.0, 40.0)
    words = [Word(text="שש\ufffdל\ufffd", box=box)] * 20
    content = TextContent(lines=[Line(words=words, box=box)])
    image = first(to_pdf([page(1)]))
    image.text_layer = TextLayer(lambda: content)
    verdict = judge(image, languages=["eng"])
    assert (verdict.kind, verdict.readable) == ("garbled", False)
    assert judge(image, languages=["heb"]).readable


def test_page_without_text_layer_is_empty() -> None:
    image = first(to_pdf([page(1)]))
    image.text_layer = None
    assert judge(image).kind == "empty"
    with pytest.raises(EngineError, match="no text layer"):
        PdfText().recognise(image, ["eng"])


def test_engine_signs_its_words() -> None:
    lines = PdfText().recognise(first(to_pdf([page(1)])), ["eng"])
    assert {word.source.name for line in lines for word in line.words if word.source} == {
        "pdf-text"
    }
    truth = random_text_page(1, "eng").truth.pages[0]
    assert sorted(w.text for line in lines for w in line.words) == sorted(
        w.text for w in truth.words
    )


@pytest.mark.skipif("VLKIT_DATA" not in os.environ, reason="needs VLKIT_DATA")
def test_most_real_born_digital_pages_are_sound() -> None:
    verdicts = []
    for path in sorted(Path(os.environ["VLKIT_DATA"]).glob("pdfs/*.pdf")):
        with PdfFile(path) as file:
            verdicts += [judge(image).kind for image in file.pages()]
    read = [kind for kind in verdicts if kind != "empty"]
    assert read.count("sound") >= 0.85 * len(read)
