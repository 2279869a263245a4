"""The default engine on pages drawn here: read exactly, boxes on the words, any scale."""

from importlib.resources import files

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from vlkit.errors import EngineError
from vlkit.images import PageImage
from vlkit.reading.engines.rapidocr import RapidOcr, decode
from vlkit.reading.engines.regions import Region, cut, find_regions
from vlkit.reading.engines.strips import without_noise
from vlkit.reading.words import Glyph, WordSpan

TEXT = ["Invoice number 2024", "Please pay within ten days", "Total: 1,250.00"]


@pytest.fixture(scope="module")
def engine() -> RapidOcr:
    return RapidOcr()


def drawn(size: int, scale: float = 1.0) -> tuple[PageImage, dict[str, tuple[float, ...]]]:
    face = next(
        path
        for path in files("vlkit.data").joinpath("fonts").iterdir()
        if path.name.endswith((".ttf", ".otf")) and "KR" not in path.name
    )
    font = ImageFont.truetype(str(face), size)
    picture = Image.new("RGB", (size * 30, size * 12), "white")
    draw = ImageDraw.Draw(picture)
    boxes = {}
    for i, line in enumerate(TEXT):
        x = 2.0 * size
        for word in line.split():
            place = (x, (2 + 3 * i) * size)
            draw.text(place, word, "black", font)
            boxes[word] = tuple(v / scale for v in draw.textbbox(place, word, font))
            x += draw.textlength(word + " ", font)
    pixels = np.asarray(picture)
    height, width = pixels.shape[:2]
    page = PageImage(1, width / scale, height / scale, lambda: pixels, scale=scale)
    return page, boxes


@pytest.mark.parametrize(("size", "scale"), [(16, 1.0), (60, 4.0)])
def test_reads_a_page_exactly(engine: RapidOcr, size: int, scale: float) -> None:
    page, boxes = drawn(size, scale)
    lines = engine.recognise(page, ["eng"])
    assert [line.text for line in lines] == TEXT
    for word in (word for line in lines for word in line.words):
        x0, _, x1, _ = boxes[word.text]
        assert word.box[0] == pytest.approx(x0, abs=0.3 * size / scale)
        assert word.box[2] == pytest.approx(x1, abs=0.3 * size / scale)
        assert word.confidence is not None
        assert 0.5 < word.confidence <= 1
        assert word.source is not None
        assert word.source.name == "rapidocr"


def test_a_blank_page_has_no_lines(engine: RapidOcr) -> None:
    blank = np.full((200, 300, 3), 255, np.uint8)
    assert engine.recognise(PageImage(1, 300, 200, lambda: blank), ["eng"]) == []


def test_claims_english_but_not_korean(engine: RapidOcr) -> None:
    assert "eng" in engine.languages()
    assert "kor" not in engine.languages()


def test_decoding_drops_blanks_and_repeats() -> None:
    path = [0, 1, 1, 0, 1, 2, 0]
    glyphs = decode(np.eye(3, dtype=np.float32)[path] * 0.9, ["", "a", "b"])
    assert "".join(glyph.text for glyph in glyphs) == "aab"
    assert [glyph.x for glyph in glyphs] == pytest.approx([16, 36, 44])


def test_regions_grow_back_and_cut_straight() -> None:
    kernel = np.zeros((64, 160), np.float32)
    kernel[28:36, 30:130] = 1
    (region,) = find_regions(kernel)
    assert region.x == pytest.approx(80, abs=1)
    assert region.height > 8
    assert region.width > 100
    pixels = np.zeros((64, 160, 3), np.uint8)
    pixels[:, 80:] = 255
    strip = cut(pixels, Region(80, 32, 40, 20, 0), height=48, margin=0)
    assert strip.pixels.shape == (48, 96, 3)
    assert strip.to_picture[4:] == pytest.approx((60, 22))
    assert strip.pixels[:, :46].max() == 0
    assert strip.pixels[:, 50:].min() == 255


def test_a_failing_model_is_an_engine_error(engine: RapidOcr) -> None:
    wrong = np.zeros((20, 20), np.uint8)
    with pytest.raises(EngineError) as caught:
        engine.recognise(PageImage(3, 20, 20, lambda: wrong), ["eng"])
    assert caught.value.page == 3


def test_words_like_noise_leave_white_behind() -> None:
    def span(text: str, sure: float, space_after: bool) -> WordSpan:
        return WordSpan((Glyph(text, 0.0, sure),), 0.0, 9.0, space_after)

    line = [span("a", 0.9, True), span("/", 0.9, False), span("b", 0.1, True)]
    line += [span("-", 0.9, False), span("c", 0.9, True), span("/", 0.9, False)]
    kept = [(s.text, s.space_after) for s in without_noise(line)]
    assert without_noise([]) == []
    assert kept == [("a", True), ("/", True), ("-", False), ("c", True), ("/", True)]
