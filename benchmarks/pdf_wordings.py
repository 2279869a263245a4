"""PDFs whose text is known, in many layouts, scripts and orders of drawing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise
from typing import Literal

import numpy as np

from benchmarks.pdf_cases import CHROMIUM, print_html
from vlkit.data.elements import Paragraph, Title
from vlkit.data.lines import Text
from vlkit.data.pages import to_pdf, typeset
from vlkit.data.random_pages import random_style
from vlkit.data.vocabulary import Writer

SHY = "\u00ad"
COLUMNS = "font-family: 'DejaVu Serif'; font-size: 11px; text-align: justify; column-count: "
SETTINGS = {
    "one column": f"{COLUMNS}1",
    "two columns": f"{COLUMNS}2",
    "three columns, soft hyphens": f"{COLUMNS}3",
    "ligatures": "font-family: 'Liberation Serif', 'DejaVu Serif'; font-size: 15px",
    "spaced out": "font-family: 'DejaVu Sans'; letter-spacing: 3px",
    "positioned": "font-family: 'DejaVu Sans'; font-size: 12px",
}
LIGATURES = (
    "The office staff filed the first official affidavit after a difficult, efficient fight. "
    "Five waffles and a muffin suffice for breakfast; the final flight offers sufficient coffee. "
)


@dataclass(frozen=True)
class Wording:
    """A PDF and the text that it was made from, paragraphs joined by spaces.

    Attributes:
        stored: Whether the file holds the text in reading order, so that reading it as it is
            stored, glyph after glyph, can't do worse.
    """

    kind: str
    pdf: bytes
    text: str
    stored: bool


def wordings(each: int, seed: int = 0) -> Iterator[Wording]:
    """``each`` PDFs of each kind; Chromium's only where it is installed."""
    for index in range(each):
        for language in ("eng", "heb"):
            yield _typeset(language, seed + index)
        for kind in DRAWN:
            yield _drawn(kind, seed + index)
        if CHROMIUM:
            rng = np.random.default_rng([seed + index, 11])
            for kind, style in SETTINGS.items():
                yield _html(kind, style, rng)
            yield _rtl_html(rng)


def _typeset(language: Literal["eng", "heb"], seed: int) -> Wording:
    rng = np.random.default_rng([seed, 12])
    writer = Writer(language, rng)
    texts = [writer.heading(), *(writer.prose(5) for _ in range(6))]
    style = random_style(rng, language)
    made = typeset([Title(texts[0]), *map(Paragraph, texts[1:])], style)
    name = "typeset" if language == "eng" else "typeset, Hebrew"
    return Wording(name, made.to_pdf(), " ".join(texts), stored=True)


Order = Callable[[list[Text], np.random.Generator], list[Text]]


def _by_row(texts: list[Text], _: np.random.Generator) -> list[Text]:
    """Across all columns, as printer drivers and converters write."""
    return sorted(texts, key=lambda text: (round(text.baseline, 1), text.x))


def _without_spaces(texts: list[Text], rng: np.random.Generator) -> list[Text]:
    """Each word put in its own place."""
    return [replace(text, space=False) for text in _by_row(texts, rng)]


def _by_frame(texts: list[Text], rng: np.random.Generator) -> list[Text]:
    """Frames of a few lines in the order in which somebody put them on the page."""
    lines: dict[float, list[Text]] = {}
    column = 0
    for last, text in pairwise([texts[0], *texts]):
        column += text.baseline < last.baseline
        lines.setdefault(text.baseline + 10_000 * column, []).append(text)
    rows = list(lines.values())
    size = int(rng.integers(5, 12))
    frames = [rows[start : start + size] for start in range(0, len(rows), size)]
    return [text for at in rng.permutation(len(frames)) for row in frames[at] for text in row]


DRAWN: dict[str, tuple[Literal["eng", "heb"], Order]] = {
    "row by row": ("eng", _by_row),
    "row by row, Hebrew": ("heb", _by_row),
    "words without spaces": ("eng", _without_spaces),
    "frames in any order": ("eng", _by_frame),
}


def _drawn(kind: str, seed: int) -> Wording:
    """Two and three columns, drawn in another order than they are read in."""
    language, order = DRAWN[kind]
    rng = np.random.default_rng([seed, 13])
    writer = Writer(language, rng)
    texts = [writer.heading(), *(writer.prose(5) for _ in range(12))]
    style = random_style(rng, language, columns=2 + seed % 2)
    if language == "eng":
        style = replace(style, ligatures=True, hyphenate=True, soft_hyphens=True)
    made = typeset([Title(texts[0]), *map(Paragraph, texts[1:])], style)
    pages = [replace(page, ops=tuple(order(page.texts, rng))) for page in made.pages]
    return Wording(f"columns, {kind}", to_pdf(pages), " ".join(texts), stored=False)


def _html(kind: str, style: str, rng: np.random.Generator) -> Wording:
    writer = Writer("eng", rng)
    texts = [writer.prose(6) for _ in range(7)]
    if kind == "ligatures":
        texts = [LIGATURES + text for text in texts]
    parts = [f"<p>{escape(text)}</p>" for text in texts]
    if "hyphens" in kind:
        parts = [re.sub(r"([a-z]{3})(?=[a-z]{3})", rf"\1{SHY}", part) for part in parts]
    if kind == "positioned":
        # Paragraphs written in reverse, side by side by their place alone.
        parts = [
            f"<p style='position: absolute; width: 300px; left: {330 * (i // 4)}px;"
            f" top: {190 * (i % 4)}px'>{escape(text)}</p>"
            for i, text in enumerate(texts)
        ][::-1]
    data = print_html(f'<div style="{style}">{"".join(parts)}</div>')
    stored = kind not in ("spaced out", "positioned")
    return Wording(f"Chromium, {kind}", data, " ".join(texts), stored)


def _rtl_html(rng: np.random.Generator) -> Wording:
    writer = Writer("heb", rng)
    texts = [f"{writer.prose(4)} vlkit {1000 + int(rng.integers(999))}" for _ in range(6)]
    parts = "".join(f"<p>{escape(text)}</p>" for text in texts)
    data = print_html(f"<div dir=rtl style=\"font-family: 'DejaVu Sans'\">{parts}</div>")
    return Wording("Chromium, Hebrew", data, " ".join(texts), stored=False)
