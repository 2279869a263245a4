"""The stage that reads words, and the choice of who reads them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence, Set

from vlkit.document import Block, Page
from vlkit.errors import InputError, MissingDependency
from vlkit.images import PageImage
from vlkit.reading.engines.hangul import KOREAN
from vlkit.reading.stages import Engine, load_engine
from vlkit.reading.surest import LineEngine, Surest

DEFAULT_LANGUAGES = ("kor", "eng")

OCR_ENGINES = ("rapidocr", "lines", "tesseract")
"""In the order in which ``auto`` asks them for the languages wanted."""
ALSO_ASKED = {"lines": ("rapidocr", "tesseract")}
"""Whom ``auto`` asks about lines that the engine it took is unsure of; no one about others'."""

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


def languages_of(engine: str, lang: str | None) -> tuple[str, ...]:
    """The languages to read: those asked for, else of the default ones what the engine reads.

    Args:
        engine: A name, ``auto`` or ``pdf-text``, which take what the best engine here reads.

    Raises:
        InputError: No language is named.
        UnknownName: No engine goes by that name.
        MissingDependency: The engine does not work here.
    """
    if lang is not None:
        return parse_languages(lang)
    if engine in ("auto", "pdf-text"):
        choices = [known for _, known in _present(OCR_ENGINES)]
    else:
        choices = [load_engine(engine).languages()]
    readable = [
        tuple(language for language in DEFAULT_LANGUAGES if language in known) for known in choices
    ]
    return max(readable, key=len, default=()) or DEFAULT_LANGUAGES


def ocr_engine(name: str, languages: Sequence[str]) -> Engine:
    """The OCR engine asked for, or with ``auto`` the first that reads all the languages, and
    beside it those that it may ask.

    Raises:
        UnknownName: No engine goes by that name.
        MissingDependency: No engine here reads one of the languages.
    """
    if name != "auto":
        engine = load_engine(name)
        if set(languages) <= (known := engine.languages()):
            return engine
        raise _unread(f"here engine '{name}' does not read", languages, known)
    readable: set[str] = set()
    for engine, known in _present(OCR_ENGINES):
        if set(languages) <= known:
            return _with_others(engine)
        readable |= known
    raise _unread("no engine here reads", languages, readable)


def _present(names: Sequence[str]) -> Iterator[tuple[Engine, frozenset[str]]]:
    """The engines of these names that work here, and the languages that they read."""
    for name in names:
        engine = load_engine(name)
        try:
            known = engine.languages()
        except MissingDependency:
            continue
        yield engine, known


def _with_others(engine: Engine) -> Engine:
    """The engine, and beside it those here that ``auto`` asks: the first that reads no Korean, and
    the first that does."""
    if not isinstance(engine, LineEngine):
        return engine
    asked: dict[bool, LineEngine] = {}
    for other, known in _present(ALSO_ASKED.get(engine.name, ())):
        if isinstance(other, LineEngine):
            asked.setdefault(not KOREAN.isdisjoint(known), other)
    return Surest(engine, asked.get(False), asked.get(True)) if asked else engine


def _unread(problem: str, languages: Sequence[str], readable: Set[str]) -> MissingDependency:
    missing = [language for language in languages if language not in readable] or languages
    near = difflib.get_close_matches(missing[0], readable, n=1)
    guess = f"Did you mean '{near[0]}'? " if near else ""
    return MissingDependency(f"{problem} '{'+'.join(missing)}'", remedy=guess + LANGUAGE_REMEDY)
