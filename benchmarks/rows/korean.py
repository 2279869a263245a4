"""Korean pages in several fonts, sizes and resolutions, and the Korean picture.

Accuracy is 1 − CER with runs of white space counted as one space, the same for every engine; a
second figure leaves white space out.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from benchmarks.table import Row, show
from vlkit.images import PageImage, Pixels
from vlkit.reading.engines.tesseract_api import Api, open_api
from vlkit.reading.orientation import to_gray
from vlkit.reading.recognise import ocr_engine
from vlkit.reading.stages import Engine, load_engine

LANGUAGES = ("kor", "eng")
SYSTEM_FONTS = Path("/usr/share/fonts")
FONTS = (
    "NanumGothic.ttf",
    "NanumMyeongjo.ttf",
    "NanumBarunGothic.ttf",
    "NanumSquareR.ttf",
    "UnBatang.ttf",
    "UnDotum.ttf",
)
SIZES = ((10, 100), (9, 150), (12, 200), (10, 300))
"""Points and dots per inch."""
TRANSCRIPT = Path("tests/data/korean/english-and-korean.txt")
TEXT = """문서 판독은 스캔한 그림에서 글자를 찾아 읽는 일이다.
서울특별시 강남구 테헤란로 152, 전화 02-1234-5678
우리 회사의 OCR 엔진은 PDF 문서와 사진을 읽습니다.
제3조 (계약의 해지) 갑은 을이 의무를 이행하지 아니한
때에는 서면으로 통지하고 계약을 해지할 수 있다.
품목: 노트북 컴퓨터 / 수량: 12대 / 단가: 890,000원
귀하의 무궁한 발전을 기원합니다. 감사합니다."""


def rows(data: Path | None, quick: bool) -> list[Row]:
    bundled = Path(str(files("vlkit.data").joinpath("fonts/VlkitSansKR-Regular.ttf")))
    fonts = [bundled, *(path for name in FONTS for path in SYSTEM_FONTS.rglob(name))]
    found = [
        _row(f"Korean page, {font.stem} {points} pt, {dpi} dpi", draw(font, points, dpi), TEXT)
        for font in (fonts[:2] if quick else fonts)
        for points, dpi in SIZES
    ]
    if data is not None:
        picture = Image.open(data / "korean" / "english-and-korean.png").convert("RGB")
        found.append(
            _row("Korean picture", np.asarray(picture), TRANSCRIPT.read_text(encoding="utf-8"))
        )
    return [*found, *_means(found)]


def _means(found: list[Row]) -> list[Row]:
    key = "without white space"
    bare = [share for row in found if isinstance(share := row.detail[key], float)]
    return [
        Row(f"{len(found)} Korean pages", f"mean {figure}", float(np.mean(values)))
        for figure, values in (
            ("character accuracy", [row.ours for row in found]),
            ("character accuracy without white space", bare),
        )
    ]


def draw(font: Path, points: int, dpi: int) -> Pixels:
    size = points * dpi / 72
    lines = TEXT.splitlines()
    picture = Image.new("RGB", (round(size * 32), round(size * 1.7 * (len(lines) + 2))), "white")
    pen = ImageDraw.Draw(picture)
    face = ImageFont.truetype(str(font), round(size))
    for i, line in enumerate(lines):
        pen.text((2 * size, size * (1.5 + 1.7 * i)), line, font=face, fill="black")
    return np.asarray(picture)


def _row(on: str, pixels: Pixels, truth: str) -> Row:
    image = PageImage(1, pixels.shape[1], pixels.shape[0], lambda: pixels)
    ours = "\n".join(line.text for line in _auto().recognise(image, LANGUAGES))
    alone = "\n".join(line.text for line in _engine("lines").recognise(image, LANGUAGES))
    lines = "\n".join(line.text for line in _engine("tesseract").recognise(image, LANGUAGES))
    (words,) = _api().read([to_gray(pixels)], LANGUAGES, 3)
    rapid = "\n".join(line.text for line in _engine("rapidocr").recognise(image, ["eng"]))
    share = accuracy(truth, ours)
    return Row(
        on=on,
        figure="character accuracy",
        ours=share,
        alternatives={
            "engine lines alone": accuracy(truth, alone),
            "engine tesseract": accuracy(truth, lines),
            "tesseract, own segmentation": accuracy(truth, " ".join(word.text for word in words)),
            "rapidocr": accuracy(truth, rapid),
        },
        wanted="≥ .98",
        reached=share >= 0.98,
        detail={"without white space": accuracy("".join(truth.split()), "".join(ours.split()))},
    )


@cache
def _auto() -> Engine:
    return ocr_engine("auto", LANGUAGES)


@cache
def _engine(name: str) -> Engine:
    return load_engine(name)


@cache
def _api() -> Api:
    return open_api()


def accuracy(truth: str, read: str) -> float:
    """1 − edits per character; runs of white space count as one space."""
    truth, read = (" ".join(text.split()) for text in (truth, read))
    return max(0.0, 1 - Levenshtein.distance(truth, read) / len(truth))


if __name__ == "__main__":
    data = os.environ.get("VLKIT_DATA")
    show(rows(Path(data) if data else None, quick="quick" in sys.argv))
