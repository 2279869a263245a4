"""Type faces in folders of fonts: what each is called and which characters it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from vlkit.data.rendered.characters import ASCII, FOREIGN, KNOWN, LIGATURES
from vlkit.data.typefaces import characters
from vlkit.errors import InputError

SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
_NEEDED = frozenset(ASCII) - {"\\"}  # which Korean faces may write as a won sign
_WANTED = KNOWN.union(LIGATURES.values(), *FOREIGN.values())
_MOST_FACES = 64  # in one collection


@dataclass(frozen=True, eq=False)
class Typeface:
    """One face.

    Attributes:
        index: Its place in a collection, else 0.
        characters: Those of the renderer's characters, and of ligatures, that it has.
    """

    path: Path
    index: int
    family: str
    style: str
    characters: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.family} {self.style}"

    @property
    def korean(self) -> bool:
        return "한" in self.characters

    def has(self, text: str) -> bool:
        return self.characters.issuperset(text)


@lru_cache(maxsize=1024)
def open_typeface(path: Path, index: int, size: int) -> ImageFont.FreeTypeFont:
    """The face at ``size`` pixels an em."""
    # Basic layout: the other one's result depends on what the machine has installed.
    return ImageFont.truetype(path, size, index=index, layout_engine=ImageFont.Layout.BASIC)


def find_typefaces(
    folders: Iterable[Path], *, only: Sequence[str] = (), without: Sequence[str] = ()
) -> tuple[Typeface, ...]:
    """The faces in the folders and below that can write a line, in an order of their own names.

    A face must have all of ASCII, the backslash apart; symbols, emoji and scripts by themselves
    are left out, and so is a second file of the same family and style. Of a collection that
    writes one script in the manner of several countries, the Korean faces alone are taken.

    Args:
        folders: Fonts may also be named one by one.
        only: Families to take, as patterns such as ``"Noto * CJK KR"``; all of them by default.
        without: Families to leave out, likewise.

    Raises:
        InputError: A folder is missing, or no face is left.
    """
    found: dict[str, Typeface] = {}
    for path in _files(folders):
        for face in _faces(path):
            chosen = not only or any(fnmatchcase(face.family, pattern) for pattern in only)
            if chosen and not any(fnmatchcase(face.family, pattern) for pattern in without):
                found.setdefault(face.name, face)
    if not found:
        raise InputError(
            f"no fonts for lines in {', '.join(map(str, folders)) or 'no folder'}",
            remedy="Name folders with .ttf, .otf or .ttc faces that have all of ASCII, and "
            "families that are there",
        )
    return tuple(found[name] for name in sorted(found))


def _files(folders: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for folder in folders:
        if not folder.exists():
            raise InputError("there is no such folder of fonts", file=folder)
        inside = [folder] if folder.is_file() else folder.rglob("*")
        files += [path for path in inside if path.suffix.lower() in SUFFIXES]
    return sorted(files)


@lru_cache(maxsize=4096)
def _faces(path: Path) -> tuple[Typeface, ...]:
    """The faces in a file that are good for lines, a broken file having none."""
    found = []
    for index in range(_MOST_FACES if path.suffix.lower() in (".ttc", ".otc") else 1):
        try:
            font = ImageFont.truetype(path, 16, index=index)
        except OSError:
            break
        family, style = font.getname()
        if family and _writes_latin(font):
            found.append((index, family, style or "Regular"))
    if any(" KR" in family for _, family, _ in found):
        found = [entry for entry in found if " KR" in entry[1]]
    return tuple(
        Typeface(path, index, family, style, has)
        for index, family, style in found
        if (has := _characters(path, index)).issuperset(_NEEDED)
    )


def _writes_latin(font: ImageFont.FreeTypeFont) -> bool:
    """Whether letters differ from each other, as boxes for what is missing do not; it saves
    reading the map of a face for another script."""
    return len({bytes(font.getmask(char)) for char in "Hg8"}) == 3


def _characters(path: Path, index: int) -> frozenset[str]:
    try:
        found = characters(path, index) & _WANTED
    except InputError:
        return frozenset()
    font = open_typeface(path, index, 32)
    back, forth = (sum(bytes(font.getmask(char))) for char in "\\/")
    return found if abs(back - forth) < 0.2 * forth else found - {"\\"}
