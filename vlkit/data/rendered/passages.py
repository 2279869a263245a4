"""Real text to draw: files and folders of prose, pages of HTML, spelling dictionaries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from lxml import etree, html

from vlkit.data.rendered.characters import KNOWN, normalise
from vlkit.errors import InputError

PAGES = {".html", ".htm"}
DICTIONARY = ".dic"
MOST_WORDS = 6
_PASSAGES = ("p", "li", "td", "th", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6")


@dataclass(frozen=True)
class Passages:
    """What a file or folder has to say.

    Attributes:
        lines: Lines or paragraphs, or single words.
        words: Whether they are words, to be put beside each other.
    """

    lines: tuple[str, ...]
    words: bool

    def choose(self, rng: Random) -> str:
        count = rng.randint(1, MOST_WORDS) if self.words else 1
        return " ".join(rng.choice(self.lines) for _ in range(count))


def read_passages(place: Path) -> Passages:
    """The text in a file or, of a folder, in all its files of text and HTML.

    UTF-8. Text holds a line or a paragraph a line, of a line with tabs its last column; a page of
    HTML its paragraphs, items, cells and headings; a spelling dictionary (``.dic``) words.

    Raises:
        InputError: It can't be read, or nothing in it can be drawn.
    """
    try:
        found = dict.fromkeys(filter(KNOWN.issuperset, map(normalise, _lines(place))))
    except (OSError, UnicodeDecodeError, etree.LxmlError) as error:
        raise InputError(f"the text can't be read: {error}", file=place) from error
    found.pop("", None)
    if not found:
        raise InputError("no line of the text can be drawn", file=place)
    return Passages(tuple(found), place.suffix == DICTIONARY)


def _lines(place: Path) -> Iterator[str]:
    if place.is_dir():
        for file in sorted(place.rglob("*")):
            if file.suffix in PAGES | {".txt"}:
                yield from _lines(file)
    elif place.suffix in PAGES:
        yield from _of_page(place.read_text(encoding="utf-8-sig"))
    else:
        lines = place.read_text(encoding="utf-8-sig").splitlines()
        if place.suffix == DICTIONARY:
            yield from (line.partition("/")[0] for line in lines[1:])
        else:
            yield from (line.rpartition("\t")[2] for line in lines)


def _of_page(page: str) -> Iterator[str]:
    """The innermost passages, so that none comes twice."""
    tree = html.document_fromstring(page.encode(), _PARSER)
    for broken in tree.iter("br"):
        broken.tail = f" {broken.tail or ''}"
    for passage in tree.iter(*_PASSAGES):
        if next(passage.iterdescendants(*_PASSAGES), None) is None:
            yield " ".join(passage.text_content().split())


_PARSER = html.HTMLParser(encoding="utf-8")
