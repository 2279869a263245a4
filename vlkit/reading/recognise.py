"""The stage that reads words, and the choice of who reads them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from vlkit.document import Block, Page
from vlkit.errors import InputError, MissingDependency
from vlkit.images import PageImage
from vlkit.reading.stages import Engine, load_engine

OCR_ENGINES = ("rapidocr", "tesseract")
"""In the order in which ``auto`` asks them for the languages wanted."""

LANGUAGE_REMEDY = (
    "Install Tesseract with that language's data (Debian and Ubuntu: apt install tesseract-ocr "
    "tesseract-ocr-LANG; macOS: brew install tesseract-lang; Windows: the installer's language "
    "list), then look at `vlkit doctor`"
)


class Recognise:
    """Has an engine read an upright page; each line becomes a paragraph for layout to arrange."""

    name = "recognise"

    def __init__(self, engine: Engine, languages: Sequence[str]) -> None:
        self.engine = engine
        self.languages = languages
        self.version = f"{engine.name} {engine.version}"

    def __call__(self, image: PageImage, page: Page) -> Page:
        lines = self.engine.recognise(image, self.languages)
        page.items = [Block(lines=[line], box=line.box) for line in lines]
        return page


def parse_languages(lang: str) -> tuple[str, ...]:
    """``"kor+eng"`` → ``("kor", "eng")``, as Tesseract spells it.

    Raises:
        InputError: It names no language.
    """
    languages = tuple(part.strip() for part in lang.replace(",", "+").split("+") if part.strip())
    if not languages:
        raise InputError("no language is named", remedy="Write --lang eng, or kor+eng")
    return languages


def ocr_engine(name: str, languages: Sequence[str]) -> Engine:
    """The OCR engine asked for, or with ``auto`` the first that reads all the languages.

    Raises:
        UnknownName: No engine goes by that name.
        MissingDependency: No engine here reads one of the languages.
    """
    names = OCR_ENGINES if name == "auto" else (name,)
    readable: set[str] = set()
    for candidate in names:
        engine = load_engine(candidate)
        try:
            known = engine.languages()
        except MissingDependency:
            if name != "auto":
                raise
            continue
        if set(languages) <= known:
            return engine
        readable |= known
    missing = [language for language in languages if language not in readable] or languages
    near = difflib.get_close_matches(missing[0], readable, n=1)
    guess = f"Did you mean '{near[0]}'? " if near else ""
    raise MissingDependency(
        f"no engine here reads '{'+'.join(missing)}'"
        if name == "auto"
        else f"engine '{name}' does not read '{'+'.join(missing)}' here",
        remedy=guess + LANGUAGE_REMEDY,
    )
