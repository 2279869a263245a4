"""Which raised number in the text belongs to which footnote."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from vlkit.document import Line, Word
from vlkit.export.flow import Node, Passage

_LABEL = re.compile(r"^[\s\[(]*([0-9]{1,3}|[*†‡§¶]{1,3})[\s.)\]:]*")
_RAISED = re.compile(r"^(.*?)([⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})([.,;:!?]?)$")
# Characters for private use, so no document means them, around a label.
_OPEN, _CLOSE = "\ue0f0", "\ue0f1"
_PLACEHOLDER = re.compile(f" ?{_OPEN}([0-9]+){_CLOSE}")
# A reference is set clearly smaller than the text around it.
_SMALL = 0.8


@dataclass
class Footnotes:
    """Footnotes that have a reference in the text, and where.

    Attributes:
        labels: ``id`` of a footnote's passage → its label in Markdown.
        references: ``id`` of a word → (text before, label, text after) to write for it.
    """

    labels: dict[int, str]
    references: dict[int, tuple[str, str, str]]

    def body(self, note: Passage) -> str:
        """The footnote's text without its own number."""
        return _LABEL.sub("", _plain(note.text), count=1)

    def mark(self, node: Passage, escape: Callable[[str], str]) -> str:
        """The passage's escaped text with ``[^label]`` at its references."""
        if not any(id(word) in self.references for word in node.words):
            return escape(node.text)
        text = escape(node.text_of(self._marked))
        return _PLACEHOLDER.sub(r"[^\1]", text)

    def _marked(self, word: Word) -> str:
        """The word, with a placeholder that no escaping changes where a reference stands."""
        if id(word) not in self.references:
            return word.text
        before, label, after = self.references[id(word)]
        return f"{before}{_OPEN}{label}{_CLOSE}{after}"


def find_footnotes(nodes: Sequence[Node]) -> Footnotes:
    """Match footnotes with references on their page: raised digits, or clearly smaller ones."""
    found = Footnotes({}, {})
    passages = [node for node in nodes if isinstance(node, Passage)]
    notes = [node for node in passages if node.role == "footnote"]
    if not notes:
        return found
    references = [
        (page, *reference)
        for node in passages
        if node.role != "footnote"
        for page, line in _lines(node)
        for reference in _references(line)
        # What a passage begins with is its own number.
        if reference[0] is not next(node.words, None)
    ]
    for (page, label), note in _numbered(notes).items():
        matches = [r for r in references if r[0] == page and r[3] == label]
        if note and len(matches) == 1:
            _, word, before, _, after = matches[0]
            name = str(len(found.labels) + 1)
            found.labels[id(note)] = name
            found.references[id(word)] = (before, name, after)
    return found


def _numbered(notes: Sequence[Passage]) -> dict[tuple[int, str], Passage | None]:
    """Page and label → the note, or None where several bear it.

    Numbers that start again are a list inside a note.
    """
    found: dict[tuple[int, str], Passage | None] = {}
    last: dict[int, int] = {}
    for note in notes:
        match = _LABEL.match(_plain(note.text))
        if not match:
            continue
        page, label = note.parts[0][0], match.group(1)
        if label.isdecimal():
            if int(label) <= last.get(page, -1):
                continue
            last[page] = int(label)
        found[page, label] = None if (page, label) in found else note
    return found


def _references(line: Line) -> Iterator[tuple[Word, str, str, str]]:
    """(word, text before, number, text after) for every reference in a line."""
    sizes = [word.font_size for word in line.words if word.font_size]
    usual = median(sizes) if sizes else 0.0
    for word in line.words:
        if raised := _RAISED.match(word.text):
            yield word, raised.group(1), _plain(raised.group(2)), raised.group(3)
        elif word.font_size and word.font_size < _SMALL * usual and _LABEL.fullmatch(word.text):
            yield word, "", word.text.strip("[]() "), ""


def _plain(text: str) -> str:
    """Raised digits as plain ones."""
    return "".join(str(unicodedata.digit(c)) if c in "⁰¹²³⁴⁵⁶⁷⁸⁹" else c for c in text)


def _lines(node: Passage) -> Iterator[tuple[int, Line]]:
    for page, block in node.parts:
        for line in block.lines:
            yield page, line
