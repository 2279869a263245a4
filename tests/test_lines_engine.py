"""The engine `lines`.

What surrounds the model is tested with a reader of blocks in its place: it knows a narrow letter
and a wide one, and whether they stand upright.
"""

from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from vlkit import doctor
from vlkit.document import Line, Source
from vlkit.errors import CheckpointError, EngineError, MissingDependency
from vlkit.images import PageImage
from vlkit.onnx import FRAME, Alphabet, LineModel
from vlkit.reading.calibration import Calibration
from vlkit.reading.engines import lines as module
from vlkit.reading.engines.detector import find_lines
from vlkit.reading.engines.lines import Lines, dark_on_light, model_folder
from vlkit.reading.engines.rapidocr import RapidOcr
from vlkit.reading.engines.regions import Region
from vlkit.reading.engines.sheet import read_on_sheet

UNCHANGED = Calibration((0.0, 1.0), (0.0, 1.0))
UPRIGHT, LYING = 0.9, 0.7
SPACE = 3


class Blocks:
    """In place of an ONNX session: each stretch of ink is an i or an m by its width, surely where
    it has the size of a letter and most of it is low."""

    def __init__(self, upright: float = UPRIGHT) -> None:
        self.upright = upright

    def run(self, _: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
        pixels, widths = given["pixels"], given["widths"]
        codes = np.zeros((len(pixels), pixels.shape[2] // FRAME), np.int64)
        sure = np.ones(codes.shape, np.float32)
        for row, (picture, width) in enumerate(zip(pixels, widths, strict=True)):
            ink = picture[:, :width] < 128
            edges = np.flatnonzero(np.diff([0, *ink.any(axis=0), 0]))
            bars = edges.reshape(-1, 2)
            for (_, left), (right, _) in pairwise(bars):
                if right - left > 12:
                    codes[row, (left + right) // 2 // FRAME] = SPACE
            for start, end in bars:
                height = np.nonzero(ink[:, start:end])[0].mean()
                frame = (start + end) // 2 // FRAME
                codes[row, frame] = 1 if end - start < 12 else 2
                good = height > 17.5 and end - start > 6
                sure[row, frame] = self.upright if good else LYING
        return [codes, sure]


def blocks(
    monkeypatch: pytest.MonkeyPatch, upright: float = UPRIGHT, curve: Calibration = UNCHANGED
) -> Lines:
    model = LineModel(Blocks(upright), Alphabet("im "))
    monkeypatch.setattr(module, "opened", lambda folder: model)
    return Lines(Path("blocks"), curve)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Lines:
    return blocks(monkeypatch)


H = 24
"""Pixels of a letter's height."""


def drawn(text: str, *, before: int = 40) -> tuple[np.ndarray, Region, list[tuple[int, int]]]:
    """A page with one line of blocks, the region around it, and where its words begin and end."""
    x, y = before, 40
    bars: list[tuple[int, int]] = []
    words = []
    for word in text.split():
        start = x
        for letter in word:
            wide = H if letter == "m" else H // 3
            bars.append((x, wide))
            x += wide + H // 3
        words.append((start, x - H // 3))
        x += H // 2
    page = np.full((2 * y + H, x + 40, 3), 255, np.uint8)
    for left, wide in bars:
        page[y + H // 2 : y + H, left : left + wide] = 0
        page[y : y + H // 2, left : left + max(2, wide // 6)] = 0
    left, right = words[0][0], words[-1][1]
    region = Region((left + right) / 2, y + H / 2, right - left + 8, H / 0.7, 0)
    return page, region, words


def paged(pixels: np.ndarray, scale: float = 1.0) -> PageImage:
    height, width = pixels.shape[:2]
    return PageImage(1, width / scale, height / scale, lambda: pixels, scale=scale)


def read_one(engine: Lines, pixels: np.ndarray, region: Region, scale: float = 1.0) -> Line | None:
    (line,) = engine.read(paged(pixels, scale), [region], ["eng"])
    return line


# What surrounds the model


def test_words_stand_where_their_ink_is(engine: Lines) -> None:
    pixels, region, places = drawn("imm mi i")
    line = read_one(engine, pixels, region, scale=2.0)
    assert line is not None
    assert line.text == "imm mi i"
    for word, (x0, x1) in zip(line.words, places, strict=True):
        assert word.box[0] == pytest.approx(x0 / 2, abs=1.5)
        assert word.box[2] == pytest.approx(x1 / 2, abs=1.5)
        assert word.box[1] == pytest.approx(20, abs=1)
        assert word.box[3] == pytest.approx(20 + H / 2, abs=1)
        assert word.confidence == pytest.approx(UPRIGHT ** len(word.text), abs=1e-5)
        assert word.quad is None
        assert word.source == Source(name="lines", version=engine.version)


def test_confidence_is_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = blocks(monkeypatch, curve=Calibration((0.0, 1.0), (0.2, 0.4)))
    line = read_one(engine, *drawn("mm")[:2])
    assert line is not None
    assert line.words[0].confidence == pytest.approx(0.2 + 0.2 * UPRIGHT**2)


@pytest.mark.parametrize("height", [9, 24, 150])
def test_letters_of_any_size_are_read(engine: Lines, height: int) -> None:
    pixels, region, _ = drawn("mi im")
    scale = height / H
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how)
    line = read_one(engine, pixels, region.scaled(scale))
    assert line is not None
    assert line.text == "mi im"


def test_leaning_lines_have_quads(engine: Lines) -> None:
    pixels, region, places = drawn("mm i")
    turn = cv2.getRotationMatrix2D((region.x, region.y), -8, 1)
    # cv2 counts angles counter-clockwise, regions clockwise.
    leaning = cv2.warpAffine(pixels, turn, pixels.shape[1::-1], borderValue=(255, 255, 255))
    line = read_one(engine, leaning, Region(region.x, region.y, region.width, region.height, 8))
    assert line is not None
    assert line.text == "mm i"
    for word, (x0, x1) in zip(line.words, places, strict=True):
        assert word.quad is not None
        middle = turn @ [(x0 + x1) / 2, region.y, 1]
        assert np.mean(word.quad, axis=0) == pytest.approx(middle, abs=1.5)
        (ax, ay), (bx, by) = word.quad[:2]
        assert np.degrees(np.arctan2(by - ay, bx - ax)) == pytest.approx(8, abs=0.1)


def test_light_text_on_dark_is_turned_round(engine: Lines) -> None:
    pixels, region, _ = drawn("im mi")
    line = read_one(engine, 255 - pixels, region)
    assert line is not None
    assert line.text == "im mi"
    assert (dark_on_light(255 - pixels) == dark_on_light(pixels)).all()


@pytest.mark.parametrize("quarters", [1, 3])
def test_lines_turned_by_a_quarter_are_read_along(engine: Lines, quarters: int) -> None:
    pixels, region, _ = drawn("mii im")
    height, width = pixels.shape[:2]
    turned = np.ascontiguousarray(np.rot90(pixels, -quarters))
    x, y = (height - region.y, region.x) if quarters == 1 else (region.y, width - region.x)
    line = read_one(engine, turned, Region(x, y, region.height, region.width, 0))
    assert line is not None
    assert line.text == "mii im"
    assert line.words[0].quad is not None


@pytest.mark.parametrize("inverted", [False, True])
def test_letters_one_below_another_are_read_downwards(engine: Lines, inverted: bool) -> None:
    pixels = np.full((40 + 4 * 32, 100, 3), 255, np.uint8)
    for number, letter in enumerate("mimm"):
        flat, _, ((x0, x1),) = drawn(letter)
        pixels[20 + 32 * number :, 38:][:H, : x1 - x0] = flat[40 : 40 + H, x0:x1]
    region = Region(50, 80, 34, 126, 0)
    line = read_one(engine, 255 - pixels if inverted else pixels, region)
    assert line is not None
    assert line.text == "mimm"
    assert line.words[0].box == pytest.approx((38, 20, 38 + H, 20 + 3 * 32 + H), abs=5)


# Bad input


@pytest.mark.parametrize(
    "region",
    [
        Region(20, 20, 0, 0, 0),
        Region(20, 20, 1, 1, 0),
        Region(20, 20, 30, 1, 0),
        Region(20, 20, 1, 30, 0),
        Region(-50, 900, 10, 10, 0),
    ],
)
def test_lines_of_next_to_no_pixels_hold_no_text(engine: Lines, region: Region) -> None:
    pixels = np.full((40, 40, 3), 255, np.uint8)
    pixels[20, 20] = 0
    line = read_one(engine, pixels, region)
    assert line is None or line.box[2] - line.box[0] < 40


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (40, 60)])
def test_pages_without_text_have_no_lines(engine: Lines, shape: tuple[int, int]) -> None:
    blank = np.full((*shape, 3), 255, np.uint8)
    assert engine.recognise(paged(blank), ["kor", "eng"]) == []


def test_a_line_20000_pixels_wide_is_read_to_its_end(engine: Lines) -> None:
    text = " ".join(["immi"] * 180)
    pixels, region, places = drawn(text)
    assert pixels.shape[1] > 17_000
    pixels = np.pad(pixels, ((0, 0), (0, 20_000 - pixels.shape[1]), (0, 0)), constant_values=255)
    wide = Region(10_000, region.y, 20_000, region.height, 0)
    line = read_one(engine, pixels, wide)
    assert line is not None
    assert line.text == text
    assert line.words[-1].box[2] == pytest.approx(places[-1][1], abs=3)


def test_white_on_white_says_nothing(engine: Lines) -> None:
    pixels, region, _ = drawn("immi")
    faint = np.where(pixels > 0, 255, 245).astype(np.uint8)
    assert read_one(engine, faint, region) is None
    assert read_one(engine, np.zeros_like(pixels), region) is None


def test_ink_that_the_model_is_unsure_of_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_one(blocks(monkeypatch, upright=0.5), *drawn("immi")[:2]) is None


def test_a_failing_model_is_an_engine_error(engine: Lines) -> None:
    with pytest.raises(EngineError, match="page 1: lines failed"):
        engine.recognise(paged(np.zeros((20, 20), np.uint8)), ["eng"])


# The model and its shelf


def test_without_a_model_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "shelves", lambda: [tmp_path])
    # Weights alone are not what runs here.
    (tmp_path / module.MODEL).mkdir()
    (tmp_path / module.MODEL / "config.json").write_text("{}")
    engine = Lines()
    blank = paged(np.full((50, 50, 3), 255, np.uint8))
    for call in (engine.languages, lambda: engine.recognise(blank, ["eng"])):
        with pytest.raises(MissingDependency, match="on no shelf") as caught:
            call()
        assert str(tmp_path) in caught.value.remedy
    (found,) = (each for each in doctor.examine() if each.what == "engine lines")
    assert not found.works
    assert found.remedy


def test_a_damaged_model_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "shelves", lambda: [tmp_path])
    folder = tmp_path / module.MODEL
    folder.mkdir()
    (folder / "config.json").write_text('{"config": {"characters": " ab"}}')
    (folder / "model.onnx").write_bytes(b"not a model")
    assert Lines().languages() == {"eng", "kor"}
    pixels, region, _ = drawn("im")
    with pytest.raises(CheckpointError, match=r"model\.onnx"):
        read_one(Lines(), pixels, region)


@cache
def written(texts: tuple[str, ...], size: int = 30) -> tuple[PageImage, np.ndarray]:
    font = ImageFont.truetype(str(files("vlkit.data").joinpath("fonts", FACE)), size)
    picture = Image.new("RGB", (22 * size, 3 * size * len(texts) + size), (250, 245, 230))
    pen = ImageDraw.Draw(picture)
    for i, text in enumerate(texts):
        pen.text((2 * size, size * (1 + 3 * i)), text, (20, 20, 60), font)
    pixels = np.asarray(picture)
    return paged(pixels), pixels


FACE = "VlkitSansKR-Regular.ttf"


def test_engines_for_pages_read_lines_from_a_sheet() -> None:
    texts = ("Invoice number 2024", "Please pay now", "Total 1,250.00")
    page, pixels = written(texts)
    regions = find_lines(pixels)
    assert len(regions) == 3
    upright = Region(100, 100, 10, 90, 0)
    engine = RapidOcr()
    found = read_on_sheet(engine, page, [*regions, upright], ["eng"])
    assert found[3] is None
    direct = engine.read(page, regions, ["eng"])
    for line, same in zip(found, direct, strict=False):
        assert line is not None
        assert same is not None
        assert line.text == same.text
        for word, its in zip(line.words, same.words, strict=True):
            assert word.box == pytest.approx(its.box, abs=6)
    assert read_on_sheet(engine, page, [upright], ["eng"]) == [None]


# With the trained model


@pytest.fixture(scope="module")
def trained() -> Lines:
    try:
        return Lines(model_folder())
    except MissingDependency as error:
        pytest.skip(str(error))


def test_reads_english_and_korean(trained: Lines) -> None:
    texts = ("Invoice number 2024-11", "세금계산서 공급가액", "합계 1,250,000원 (VAT 포함)")
    found = trained.recognise(written(texts)[0], ["kor", "eng"])
    wrong = [Levenshtein.distance(line.text, text) for line, text in zip(found, texts, strict=True)]
    assert sum(wrong) <= 1, [line.text for line in found]
    assert all((word.confidence or 0) > 0.5 for line in found for word in line.words)


UNKNOWN = {
    "ไม่มีข้อความที่อ่านได้": "*Thai-Regular.ttf",
    "हिन्दी में लिखा हुआ पाठ": "*Devanagari-Regular.ttf",
    "אין כאן טקסט לטיני": "*Hebrew-Regular.ttf",
    "ქართული დამწერლობა აქ": "*Georgian-Regular.ttf",
}


@pytest.mark.parametrize("text", UNKNOWN)
def test_scripts_that_it_does_not_know_are_not_latin(trained: Lines, text: str) -> None:
    faces = sorted(Path("/usr/share/fonts").rglob(UNKNOWN[text]))
    if not faces:
        pytest.skip("no font with this script")
    picture = Image.new("RGB", (900, 120), "white")
    font = ImageFont.truetype(str(faces[0]), 40)
    ImageDraw.Draw(picture).text((40, 30), text, "black", font)
    found = trained.recognise(paged(np.asarray(picture)), ["kor", "eng"])
    sure = [word.text for line in found for word in line.words if (word.confidence or 0) > 0.5]
    assert sum(letter.isalpha() for word in sure for letter in word) <= 2, sure
