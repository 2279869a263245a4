"""How to read: what callers may write, and what it means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from vlkit.errors import InputError
from vlkit.images import Limits
from vlkit.sources import page_spans

DEFAULT_STAGES = ("orient", "deskew", "recognise", "tables", "layout", "order")

Pages = str | int | Iterable[int] | None
"""``"1-4,7,9-"``, a number, or several; None is all."""


@dataclass(frozen=True)
class ReadOptions:
    """How to read; the same for a page, a file and a thousand files.

    Attributes:
        engine: ``auto``, or the name of an engine: ``lines``, ``rapidocr``, ``tesseract``,
            ``pdf-text`` or what an installed package adds. ``auto`` takes a PDF page's text layer
            where it is sound, and else the first OCR engine that reads the languages; with Korean
            among them that is ``lines``, which has others read what they read better.
        lang: Languages as Tesseract spells them, joined by ``+``: ``eng``, ``kor+eng``. None is
            Korean and English, as far as the engine reads them.
        pages: Which pages, from 1: ``"1-4,7,9-"``. None reads all.
        password: Opens an encrypted PDF.
        allow_remote: Whether a source may be an http(s) address.
        entities: Name or folder of a model that finds entities and links; None for neither.
        stages: Names of stages in the order in which they run; ``recognise`` is the engine.
        limits: How much of pixels, pages and bytes a source may take.
    """

    engine: str = "auto"
    lang: str | None = None
    pages: str | None = None
    password: str | None = None
    allow_remote: bool = False
    entities: str | None = None
    stages: tuple[str, ...] = DEFAULT_STAGES
    limits: Limits = field(default_factory=Limits)


def read_options(
    engine: str = "auto",
    lang: str | Iterable[str] | None = None,
    pages: Pages = None,
    password: str | None = None,
    allow_remote: bool = False,
    entities: str | Path | None = None,
) -> ReadOptions:
    """The options that a caller wrote.

    Raises:
        InputError: One of them is of a type, or spelled in a way, that means nothing.
    """
    if not isinstance(engine, str):
        raise _wrong("engine", engine, "Give a name: 'auto', 'lines', 'rapidocr', 'tesseract'")
    if not (password is None or isinstance(password, str)):
        raise _wrong("password", password, "Give a str")
    if not (entities is None or isinstance(entities, str | Path)):
        raise _wrong("entities", entities, "Give the name or the folder of a model")
    return ReadOptions(
        engine=engine,
        lang=None if lang is None else _languages(lang),
        pages=_pages(pages),
        password=password,
        allow_remote=allow_remote,
        entities=None if entities is None else str(entities),
    )


def _languages(lang: object) -> str:
    parts = []
    for part in lang if isinstance(lang, list | tuple) else [lang]:
        if not isinstance(part, str):
            raise _wrong("lang", lang, "Give 'eng', or 'kor+eng'")
        parts.append(part)
    for part in "+".join(parts).replace(",", "+").split("+"):
        if meant := _TWO_LETTERS.get(part.strip().lower()):
            raise InputError(
                f"languages are called by three letters, and '{part.strip()}' has two",
                remedy=f"Did you mean '{meant}'?",
            )
    return "+".join(parts)


def _pages(pages: object) -> str | None:
    if pages is None:
        return None
    parts = pages if isinstance(pages, list | tuple | set | range) else [pages]
    if any(isinstance(part, bool) or not isinstance(part, int | str) for part in parts):
        raise _wrong("pages", pages, "Give '1-4,7,9-', a number or a list of numbers")
    spelled = ",".join(map(str, parts))
    page_spans(spelled)
    return spelled


def _wrong(name: str, value: object, remedy: str) -> InputError:
    return InputError(f"{name} is {value!r}, a {type(value).__name__}", remedy=remedy)


_CODES = """
:
af:afr ar:ara az:aze be:bel bg:bul bn:ben bs:bos ca:cat cs:ces cy:cym da:dan de:deu
el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas fi:fin fr:fra ga:gle gl:glg gu:guj
he:heb hi:hin hr:hrv hu:hun hy:hye id:ind is:isl it:ita ja:jpn ka:kat kk:kaz km:khm
kn:kan ko:kor la:lat lo:lao lt:lit lv:lav mk:mkd ml:mal mn:mon mr:mar ms:msa mt:mlt
my:mya ne:nep nl:nld no:nor pa:pan pl:pol ps:pus pt:por ro:ron ru:rus sk:slk sl:slv
sq:sqi sr:srp sv:swe sw:swa ta:tam te:tel th:tha tr:tur uk:ukr ur:urd uz:uzb vi:vie
yi:yid zh:chi_sim
"""
_TWO_LETTERS = dict(pair.split(":") for pair in _CODES.split())
"""ISO 639-1 → what Tesseract calls that language."""
