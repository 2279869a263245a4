"""Pictures of text lines, with what they say and where each character stands.

    renderer = LineRenderer(LineSettings(fonts=(Path("/usr/share/fonts/truetype/nanum"),)))
    line = renderer.line(7)   # the same line on every machine and in every order

A line is a function of the settings and its number alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from vlkit.data.rendered import wear
from vlkit.data.rendered.characters import KNOWN
from vlkit.data.rendered.fonts import Typeface, find_typefaces
from vlkit.data.rendered.texts import KINDS, Texts
from vlkit.data.rendered.typeset import Pixels, typeset
from vlkit.errors import InputError
from vlkit.onnx import UNKNOWN

_PRINT = 32  # pixels an em that paper is drawn at, before it is scanned
_TRIES = 200


@dataclass(frozen=True)
class LineSettings:
    """Which fonts, texts and wear take part.

    Attributes:
        fonts: Folders of fonts, or files.
        only, without: Families to take and to leave out, as patterns such as ``"Noto * CJK KR"``.
        texts: Files of text, see ``texts.Texts``.
        kinds: Kind of text → weight.
        wear: Kind of wear → share of lines; a kind that is not named takes no part.
        severity: How hard the hardest lines are hit, 0…1.
        longest: The most characters of a line.
    """

    fonts: tuple[Path, ...]
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    texts: tuple[Path, ...] = ()
    kinds: dict[str, float] = field(default_factory=lambda: dict(KINDS))
    wear: dict[str, float] = field(default_factory=lambda: dict(wear.CHANCES))
    severity: float = 1.0
    longest: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        _check("kind of text", self.kinds, KINDS)
        _check("wear", self.wear, wear.KNOWN)
        if not 0 <= self.severity <= 1:
            raise ValueError(f"severity is {self.severity}, but goes from 0 to 1")
        if self.longest < 1:
            raise ValueError(f"longest is {self.longest}, but a line has a character at least")


def _check(what: str, given: Mapping[str, float], known: Iterable[str]) -> None:
    for name, share in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            raise ValueError(f"there is no {what} '{name}'; {hint}")
        if share < 0:
            raise ValueError(f"{what} '{name}' has the weight {share}, below 0")


@dataclass(frozen=True)
class RenderedLine:
    """A picture and what it says.

    Attributes:
        pixels: [32, W], 0 black.
        edges: [len(text), 2], left and right of each character in columns of the picture.
    """

    pixels: Pixels
    text: str
    edges: NDArray[np.float32]


class LineRenderer:
    """Draws lines by number.

    Raises:
        InputError: No fonts or no text are found, or the fonts have hardly any of the text.
    """

    def __init__(self, settings: LineSettings) -> None:
        self.settings = settings
        self.faces = find_typefaces(settings.fonts, only=settings.only, without=settings.without)
        self._korean = _by_family(face for face in self.faces if face.korean)
        self._latin = _by_family(face for face in self.faces if not face.korean)
        self._characters = frozenset[str]().union(*(face.characters for face in self.faces))
        self._texts = Texts(settings.kinds, settings.texts, settings.longest)

    def line(self, number: int) -> RenderedLine:
        """The line of that number."""
        rng = Random(f"{self.settings.seed}:{number}")
        text = self._text(rng)
        faces = self._faces(text, rng)
        on_screen = rng.random() < 0.08
        least_em = 11.0 if any(char >= "가" for char in text) else 8.0
        size = rng.randrange(round(least_em) + 1, 24) if on_screen else _PRINT
        spread, ligatures = _spread(text, rng), rng.random() < 0.3
        line = typeset(text, faces, size, spread, ligatures=ligatures)
        hardness = self.settings.severity * rng.betavariate(1.3, 1.1)
        pixels, edges = wear.wear(line, self.settings.wear, hardness, least_em, rng)
        said = "".join(char if char in KNOWN else UNKNOWN for char in text)
        return RenderedLine(pixels, said, edges)

    def _text(self, rng: Random) -> str:
        for _ in range(_TRIES):
            text = self._texts.write(rng)
            if self._characters.issuperset(text):
                return text
        raise InputError(
            "the fonts lack the characters of nearly all the text",
            remedy="Add fonts that have them, such as Korean ones, or leave out such texts",
        )

    def _faces(self, text: str, rng: Random) -> Sequence[Typeface]:
        """One face that has all of the text, or two as Korean typesetting has them, or where no
        one has all, as many as are needed."""
        families = self._korean or self._latin
        if self._latin and rng.random() < 0.8 and not any(char >= "가" for char in text):
            families = self._latin
        main = _choose(families, text, rng)
        if main is None:
            others = rng.sample(self.faces, len(self.faces))
            return (max(others, key=lambda face: len(face.characters.intersection(text))), *others)
        if main.korean and self._latin and rng.random() < 0.25:
            beside = _choose(self._latin, "a", rng)
            return (beside, main) if beside else (main,)
        return (main,)


def _by_family(faces: Iterable[Typeface]) -> list[list[Typeface]]:
    families: dict[str, list[Typeface]] = {}
    for face in faces:
        families.setdefault(face.family, []).append(face)
    return list(families.values())


def _choose(families: list[list[Typeface]], text: str, rng: Random) -> Typeface | None:
    """A face that has the text, each family as often as another."""
    able = [some for family in families if (some := [face for face in family if face.has(text)])]
    return rng.choice(rng.choice(able)) if able else None


def _spread(text: str, rng: Random) -> list[float]:
    """What is added after each character: tracking, blanks as justified type has them, and gaps
    as between a table's columns."""
    kind = rng.random()
    tracking = 0.0 if kind < 0.7 else rng.uniform(-0.04, 0.1 if kind < 0.97 else 0.2)
    blank = tracking + (0.0 if rng.random() < 0.6 else rng.uniform(-0.07, 0.35))
    gaps = rng.random() < 0.08
    return [
        tracking if char != " " else rng.uniform(0.5, 3) if gaps and rng.random() < 0.5 else blank
        for char in text
    ]
