"""Words into lines: what is drawn, and the truth of it. Lengths are in points, y down."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

from vlkit.data.elements import BLACK, Align, Colour, Style
from vlkit.data.typefaces import Face, Family, pieces
from vlkit.document import Box, Direction, Line, Word, box_union
from vlkit.pdf.visual import levels, mirrored, reorder

SOFT_HYPHEN = "\u00ad"
LIGATURES = {"fi": "\ufb01", "fl": "\ufb02"}
WIDEST_STRETCH = 3.0
"""A justified line's spaces grow to this many times their width, or it stays ragged."""


@dataclass(frozen=True)
class Text:
    """Glyphs of one face on a base line, in the order in which they stand from the left.

    Attributes:
        text: What is drawn (ligature glyphs, right-to-left text reversed).
        unicode: What a text layer says, char by char as ``text``.
        space: A space follows on the line.
    """

    text: str
    unicode: str
    face: Face
    size: float
    x: float
    baseline: float
    space: bool = False
    colour: Colour = BLACK

    def moved(self, dx: float, dy: float) -> Text:
        return replace(self, x=self.x + dx, baseline=self.baseline + dy)

    def box(self) -> Box | None:
        """Bounds of the ink."""
        scale = self.size / self.face.units
        x, boxes = self.x, []
        for char in self.text:
            glyph = self.face.glyph_ids[ord(char)]
            if ink := self.face.glyph_box(glyph):
                x0, y0, x1, y1 = (scale * value for value in ink)
                boxes.append((x + x0, self.baseline - y1, x + x1, self.baseline - y0))
            x += self.face.advances[glyph] * scale
        return box_union(boxes) if boxes else None


@dataclass(frozen=True)
class Setting:
    """How a run of text is set."""

    families: tuple[Family, ...]
    size: float
    bold: bool = False
    direction: Direction = "ltr"
    ligatures: bool = False
    hyphenate: bool = False
    soft_hyphens: bool = False
    colour: Colour = BLACK

    @classmethod
    def of(
        cls, style: Style, scale: float = 1.0, *, bold: bool = False, hyphenate: bool = False
    ) -> Setting:
        return cls(
            families=style.families,
            size=style.font_size * scale,
            bold=bold,
            direction=style.direction,
            ligatures=style.ligatures,
            hyphenate=hyphenate and style.hyphenate,
            soft_hyphens=style.soft_hyphens,
        )

    def space(self) -> float:
        return pieces(" ", self.families, self.bold)[0][0].width(" ", self.size)

    def width(self, text: str) -> float:
        return sum(face.width(part, self.size) for face, part in self.drawn(text))

    def drawn(self, word: str) -> tuple[tuple[Face, str], ...]:
        """The pieces of a word as they are drawn."""
        found = pieces(word, self.families, self.bold)
        if not self.ligatures:
            return found
        return tuple((face, _ligate(part, face)) for face, part in found)


def _ligate(text: str, face: Face) -> str:
    for letters, glyph in LIGATURES.items():
        if face.has(glyph):
            text = text.replace(letters, glyph)
    return text


@dataclass(frozen=True)
class SetLine:
    """A line on base line 0 with its left edge at x = 0."""

    texts: tuple[Text, ...]
    line: Line
    width: float


@dataclass
class _Token:
    text: str
    hyphen: bool = False

    @property
    def seen(self) -> str:
        return self.text + ("-" if self.hyphen else "")


def set_lines(
    text: str,
    width: float,
    setting: Setting,
    *,
    align: Align = "start",
    justify: bool = False,
    indent: float = 0.0,
) -> list[SetLine]:
    """Break ``text`` into lines of at most ``width`` (a line break in it is kept); ``indent``
    is of the first line."""
    found: list[SetLine] = []
    for paragraph in text.split("\n"):
        rows = _break(paragraph.split(), width, setting, indent)
        for number, row in enumerate(rows):
            room = width - (indent if number == 0 else 0.0)
            stretch = justify and number < len(rows) - 1
            line = _set(row, room, setting, align, stretch)
            shift = indent if number == 0 and setting.direction == "ltr" else 0.0
            found.append(shifted(line, shift, 0.0))
    return found


def _break(words: list[str], width: float, setting: Setting, indent: float) -> list[list[_Token]]:
    rows: list[list[_Token]] = [[]]
    space = setting.space()
    room = width - indent
    waiting = [_Token(word) for word in reversed(words)]
    while waiting:
        token = waiting.pop()
        gap = space if rows[-1] else 0.0
        need = setting.width(token.seen)
        if need + gap <= room + 1e-6:
            rows[-1].append(token)
            room -= need + gap
            continue
        head, tail = _split(token.text, room - gap, setting, force=not rows[-1] and not indent)
        if head is not None:
            rows[-1].append(head)
            waiting.append(_Token(tail))
        else:
            waiting.append(token)
        rows.append([])
        room, indent = width, 0.0
    return [row for row in rows if row]


def _split(word: str, room: float, setting: Setting, *, force: bool) -> tuple[_Token | None, str]:
    """The part of a word that fits, with a hyphen; ``force`` cuts anywhere, without."""
    if setting.hyphenate:
        for cut in reversed(hyphen_places(word)):
            if setting.width(word[:cut] + "-") <= room:
                return _Token(word[:cut], hyphen=True), word[cut:]
    if force and len(word) > 1:
        cut = next(
            (cut for cut in range(len(word) - 1, 0, -1) if setting.width(word[:cut]) <= room), 1
        )
        return _Token(word[:cut]), word[cut:]
    return None, word


def hyphen_places(word: str) -> list[int]:
    """Where an English word of six letters or more may break, roughly: before a consonant
    between vowels, and between two consonants with vowels around that make no single sound;
    three letters or more on each side."""
    if not re.fullmatch(r"[A-Za-z][a-z]{5,}[.,;:]?", word):
        return []
    letters = len(word.rstrip(".,;:"))
    open_ = re.finditer(r"(?<=[aeiou])(?=[bcdfgklmnprstv][aiou])", word)
    closed = re.finditer(r"(?<=[aeiouy][bcdfglmnprst])(?![hk])(?=[bcdfgklmnprstv][aeiouy])", word)
    places = {match.end() for match in (*open_, *closed)}
    return sorted(place for place in places if 3 <= place <= letters - 3)


@dataclass
class _Run:
    """Glyphs of one face and one word, side by side; the space after a word is no word's."""

    word: int | None
    face: Face
    text: str
    unicode: str


def _set(row: list[_Token], width: float, setting: Setting, align: Align, stretch: bool) -> SetLine:
    space = setting.space()
    total = sum(setting.width(token.seen) for token in row) + space * (len(row) - 1)
    left = "end" if setting.direction == "rtl" else "start"
    x = (width - total) / 2 if align == "centre" else 0.0 if align == left else width - total
    if stretch and len(row) > 1:
        wider = space + (width - total) / (len(row) - 1)
        if wider <= WIDEST_STRETCH * space:
            space, x = wider, 0.0
    texts: list[Text] = []
    words: list[int] = []
    for run in _runs(row, setting):
        if run.word is None:
            texts[-1] = replace(texts[-1], space=True)
            x += space
            continue
        texts.append(
            Text(run.text, run.unicode, run.face, setting.size, x, 0.0, colour=setting.colour)
        )
        words.append(run.word)
        x += run.face.width(run.text, setting.size)
    truth = [
        _truth(token.seen, [t for t, word in zip(texts, words, strict=True) if word == at], setting)
        for at, token in enumerate(row)
    ]
    line = Line(
        words=truth,
        box=box_union(word.box for word in truth),
        direction=setting.direction,
        script=truth[0].script,
    )
    return SetLine(tuple(texts), line, x)


def _runs(row: list[_Token], setting: Setting) -> list[_Run]:
    """The line's drawing from the left, in visual order."""
    glyphs: list[_Run] = []
    for number, token in enumerate(row):
        parts = setting.drawn(token.seen)
        if number:
            glyphs.append(_Run(None, parts[0][0], " ", " "))
        glyphs += [_Run(number, face, char, char) for face, part in parts for char in part]
        if token.hyphen and setting.soft_hyphens:
            glyphs[-1].unicode = SOFT_HYPHEN
    found = levels("".join(glyph.text for glyph in glyphs), setting.direction == "rtl")
    runs: list[_Run] = []
    for at in reorder(found):
        glyph = glyphs[at]
        if found[at] % 2:
            glyph.text, glyph.unicode = mirrored(glyph.text), mirrored(glyph.unicode)
        if runs and (runs[-1].word, runs[-1].face) == (glyph.word, glyph.face):
            runs[-1].text += glyph.text
            runs[-1].unicode += glyph.unicode
        else:
            runs.append(glyph)
    return runs


def _truth(text: str, texts: list[Text], setting: Setting) -> Word:
    first = texts[0]
    boxes = [box for box in (part.box() for part in texts) if box]
    bare = (first.x, first.baseline - setting.size / 2, first.x, first.baseline)
    return Word(
        text=text,
        box=box_union(boxes) if boxes else bare,
        confidence=1.0,
        font=first.face.name,
        font_size=setting.size,
        bold=setting.bold,
        direction="rtl" if is_rtl(text) else "ltr",
        script=script_of(text),
        space_after=True,
    )


def is_rtl(text: str) -> bool:
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def script_of(text: str) -> str | None:
    """ISO 15924 code of the first letter: ``Hang``, ``Hebr`` or ``Latn``."""
    for char in text:
        if char.isalpha():
            name = unicodedata.name(char, "")
            known = {"HANGUL": "Hang", "HEBREW": "Hebr", "LATIN": "Latn"}
            return known.get(name.split()[0] if name else "")
    return None


def shifted(line: SetLine, dx: float, dy: float) -> SetLine:
    """The same line elsewhere."""
    return SetLine(
        tuple(text.moved(dx, dy) for text in line.texts), moved_line(line.line, dx, dy), line.width
    )


def moved_line(line: Line, dx: float, dy: float) -> Line:
    words = [word.model_copy(update={"box": moved_box(word.box, dx, dy)}) for word in line.words]
    return line.model_copy(update={"words": words, "box": moved_box(line.box, dx, dy)})


def moved_box(box: Box, dx: float, dy: float) -> Box:
    return (box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy)
