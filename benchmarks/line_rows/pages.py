"""Rows on whole pages: Korean documents by the engine ``lines`` beside Tesseract, and FUNSD by
the default engine beside the default before it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pypdfium2

from benchmarks.line_rows import documents
from benchmarks.line_rows.kept import kept
from benchmarks.line_rows.run import LeftOut, Run
from benchmarks.line_rows.scores import OURS
from benchmarks.line_rows.sets import recipe_fonts
from benchmarks.readings import pixels_in, pixels_of
from benchmarks.rows.korean import TRANSCRIPT, accuracy
from benchmarks.table import Row
from vlkit.data.degrade import moved
from vlkit.data.rendered import normalise
from vlkit.data.typefaces import Family, families_in
from vlkit.document import Document, Page, Word
from vlkit.evaluation.reading import (
    PageScore,
    ReadingExample,
    paired_bootstrap,
    read_examples,
    score_page,
    summarise,
)
from vlkit.images import PageImage, Pixels
from vlkit.reading.engines.lines import Lines
from vlkit.reading.pipeline import Pipeline
from vlkit.reading.read import read as read_document
from vlkit.reading.recognise import Recognise, ocr_engine
from vlkit.reading.stages import Engine, load_engine, load_stage

KOREAN = ("kor", "eng")
TESSERACT = "Tesseract kor with our lines"
BEFORE = "engine rapidocr"
"""The default before there was ours."""
REVISION = 1
"""Raised when one of the engines changes that ours is compared with."""
FAMILIES = ("NanumGothic", "NanumMyeongjo", "NanumBarunGothic", "NanumSquareR", "UnBatang")
PDF_DPI = 150

Figure = Literal["word_recall", "word_precision"]
FIGURES: tuple[Figure, ...] = ("word_recall", "word_precision")
Kept = list[dict[str, Any]]
"""Words of a page: ``text``, ``box``, ``confidence``, ``space_after``."""


def document_rows(run: Run) -> Iterator[Row]:
    """Generated tax invoices, receipts and statements."""
    drawn = [documents.document(number, families()) for number in range(run.pages)]
    for kind in documents.KINDS:
        some = [each for each in drawn if each.kind == kind]
        examples = [example_of(each.page) for each in some]
        yield from _compare(f"Korean {kind}s", examples, [each.pixels for each in some], run)


def korean_rows(run: Run) -> Iterator[Row]:
    """The Korean picture and the page of the Korean PDF, drawn, as its text layer has it."""
    if run.data is None:
        raise LeftOut("VLKIT_DATA names no folder")
    folder = run.data / "korean"
    picture = pixels_in(folder / "english-and-korean.png")
    read = {name: _texts(words) for name, words in _readings([picture], run).items()}
    truth = TRANSCRIPT.read_text(encoding="utf-8")
    shares = {name: accuracy(normalise(truth), text) for name, text in read.items()}
    ours = shares.pop(OURS, math.nan)
    reached = None if math.isnan(ours) else ours > shares[TESSERACT]
    yield Row("korean/ picture", "character accuracy", ours, shares, f"> {TESSERACT}", reached)
    pdf = folder / "korean-text-with-tables.pdf"
    (page,) = read_document(pdf, engine="pdf-text").pages
    drawn = pypdfium2.PdfDocument(pdf)[0].render(scale=PDF_DPI / 72, rev_byteorder=True).to_numpy()
    pixels = np.ascontiguousarray(drawn[:, :, :3])
    yield from _compare("korean/ PDF", [example_of(_in_pixels(page))], [pixels], run)


def form_rows(run: Run) -> Iterator[Row]:
    """FUNSD by our engine alone and by ``auto``, beside the default before there was ours."""
    if run.data is None:
        raise LeftOut("VLKIT_DATA names no folder")
    examples = read_examples(run.data / "funsd")[:: run.forms]
    pictures = [pixels_of(example) for example in examples]
    name = f"{BEFORE} {version('rapidocr')} {REVISION}"
    before = kept(name, pictures, partial(read_pages, load_engine("rapidocr"), ("eng",)))
    for on, ours in (
        ("FUNSD, engine lines", Lines(run.folder) if run.model else None),
        ("FUNSD, auto", _auto()),
    ):
        mine = {OURS: read_pages(ours, KOREAN, pictures)} if ours else {}
        yield from score_rows(on, examples, {BEFORE: before, **mine}, BEFORE)


def _auto() -> Engine | None:
    """What ``auto`` takes, once our engine has a part in it, with the shelf's model."""
    engine = ocr_engine("auto", KOREAN)
    return engine if engine.name in ("auto", Lines.name) else None


# Reading


def _compare(
    on: str, examples: Sequence[ReadingExample], pictures: Sequence[Pixels], run: Run
) -> Iterator[Row]:
    yield from score_rows(on, examples, _readings(pictures, run), TESSERACT)


def _readings(pictures: Sequence[Pixels], run: Run) -> dict[str, list[Kept]]:
    """By Tesseract, and by our engine where there is a model."""
    other = load_engine("tesseract")
    name = f"tesseract engine {other.version} {REVISION}"
    found = {TESSERACT: kept(name, pictures, partial(read_pages, other, KOREAN))}
    if run.model:
        found[OURS] = read_pages(Lines(run.folder), KOREAN, pictures)
    return found


def read_pages(engine: Engine, languages: Sequence[str], pictures: Sequence[Pixels]) -> list[Kept]:
    """As ``vlkit.read`` does: every page set upright and straight first."""
    stages = [load_stage("orient"), load_stage("deskew"), Recognise(engine, languages)]
    pipeline = Pipeline(stages)
    found = []
    for pixels in pictures:
        page = pipeline(_image(pixels))
        assert page.error is None, page.error
        fields = {"text", "box", "confidence", "space_after"}
        found.append([word.model_dump(include=fields) for word in page.words])
    return found


def _image(pixels: Pixels) -> PageImage:
    height, width = pixels.shape[:2]
    return PageImage(1, width, height, lambda: pixels)


# Rows


def score_rows(
    on: str,
    examples: Sequence[ReadingExample],
    found: Mapping[str, Sequence[Kept]],
    other: str,
) -> Iterator[Row]:
    """Recall and precision of words, by text and place, beside the other's."""
    scores = {
        name: [
            score_page(example, [_word(word) for word in words])
            for example, words in zip(examples, pages, strict=True)
        ]
        for name, pages in found.items()
    }
    figures = {name: summarise(each) for name, each in scores.items()}
    for figure in FIGURES:
        yield _row(on, figure, scores, figures, other)


def _row(
    on: str,
    figure: Figure,
    scores: Mapping[str, Sequence[PageScore]],
    figures: Mapping[str, Mapping[str, float]],
    other: str,
) -> Row:
    theirs = {other: figures[other][figure]}
    detail: dict[str, object] = {
        "pages": len(scores[other]),
        "cer": {n: f["cer"] for n, f in figures.items()},
    }
    title = figure.replace("_", " ")
    if OURS not in scores:
        left_out = {"left out": "no model"}
        return Row(on, title, math.nan, theirs, f"> {other}", None, detail | left_out)
    gain = paired_bootstrap(scores[OURS], scores[other], figure)
    detail["difference, low, high"] = [round(value, 4) for value in astuple(gain)]
    return Row(on, title, figures[OURS][figure], theirs, f"> {other}", gain.low > 0, detail)


def _word(kept_word: Mapping[str, Any]) -> Word:
    word = Word(**kept_word)
    return word.model_copy(update={"text": normalise(word.text)})


def _texts(pages: Sequence[Kept]) -> str:
    return normalise(" ".join(word["text"] for words in pages for word in words))


# Pages


def example_of(page: Page) -> ReadingExample:
    whole = Document(name="", pages=[page]).model_copy(deep=True).pages[0]
    for word in whole.words:
        word.text = normalise(word.text)
    return ReadingExample("", Path(), whole, "words")


def _in_pixels(page: Page) -> Page:
    scale = PDF_DPI / 72
    matrix = (scale, 0.0, 0.0, scale, 0.0, 0.0)
    size = (page.width * scale, page.height * scale)
    return moved(Document(name="", pages=[page]), matrix, size).pages[0]


def families() -> tuple[Family, ...]:
    """Of the recipe's fonts those that documents are set in.

    Raises:
        LeftOut: They are not installed.
    """
    known = {
        name: family
        for folder in recipe_fonts().training
        for name, family in families_in(folder).items()
    }
    found = tuple(known[name] for name in FAMILIES if name in known)
    if not found:
        raise LeftOut(f"none of the fonts {', '.join(FAMILIES)} is installed")
    return found
