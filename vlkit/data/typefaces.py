"""TrueType faces: what a typesetter and a PDF writer need of one, read from its tables.

Source: the OpenType specification, tables ``head``, ``hhea``, ``hmtx``, ``cmap``, ``loca`` and
``glyf``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import pairwise
from pathlib import Path

from vlkit.errors import InputError

FOLDER = Path(__file__).parent / "fonts"
"""The faces that come with vlkit."""

KEPT = ("head", "hhea", "hmtx", "maxp", "loca", "glyf")
KEPT_IF = ("cvt ", "fpgm", "prep")

GlyphBox = tuple[int, int, int, int]
"""x_min, y_min, x_max, y_max in font units, y up."""


@dataclass(eq=False)
class Face:
    """One TrueType face.

    Attributes:
        name: Its PostScript name.
        units: Font units per em.
        ascent, descent: In font units above and below the base line (descent negative).
        glyph_ids: Code point → glyph.
        advances: Glyph → advance width in font units.
    """

    path: Path
    name: str
    units: int
    ascent: int
    descent: int
    glyph_ids: dict[int, int]
    advances: list[int]
    tables: dict[str, bytes]

    def has(self, text: str) -> bool:
        return all(ord(char) in self.glyph_ids for char in text)

    def width(self, text: str, size: float) -> float:
        """Advance width of ``text`` in the unit of ``size``; no kerning."""
        return sum(self.advances[self.glyph_ids[ord(char)]] for char in text) * size / self.units

    @cached_property
    def _offsets(self) -> list[int]:
        return _glyph_offsets(self.tables)

    def outline(self, glyph: int) -> bytes:
        """The glyph's record in ``glyf``; empty for white space."""
        return self.tables["glyf"][self._offsets[glyph] : self._offsets[glyph + 1]]

    def glyph_box(self, glyph: int) -> GlyphBox | None:
        """Bounds of the glyph's ink, None where it has none."""
        record = self.outline(glyph)
        if len(record) < 10:
            return None
        _, x0, y0, x1, y1 = struct.unpack_from(">5h", record)
        return (x0, y0, x1, y1)

    def subset(self, glyphs: Iterable[int]) -> bytes:
        """A font file with the outlines of these glyphs alone; glyph numbers stay."""
        keep = self._with_parts(glyphs)
        glyf, loca = bytearray(), [0]
        for glyph in range(len(self._offsets) - 1):
            if glyph in keep:
                glyf += self.outline(glyph)
                glyf += b"\0" * (-len(glyf) % 4)
            loca.append(len(glyf))
        head = bytearray(self.tables["head"])
        struct.pack_into(">h", head, 50, 1)
        needed = ("hhea", "hmtx", "maxp", "cvt ", "fpgm", "prep")
        tables = {name: self.tables[name] for name in needed if name in self.tables}
        tables |= {
            "head": bytes(head),
            "glyf": bytes(glyf),
            "loca": struct.pack(f">{len(loca)}L", *loca),
        }
        return _sfnt(tables)

    def _with_parts(self, glyphs: Iterable[int]) -> set[int]:
        """The glyphs and those that composite ones among them are made of."""
        found: set[int] = set()
        waiting = [0, *glyphs]
        while waiting:
            glyph = waiting.pop()
            if glyph not in found:
                found.add(glyph)
                waiting += _components(self.outline(glyph))
        return found


def _components(record: bytes) -> Iterator[int]:
    if len(record) < 10 or struct.unpack_from(">h", record)[0] >= 0:
        return
    at, more = 10, True
    while more:
        flags, glyph = struct.unpack_from(">HH", record, at)
        yield glyph
        scale = 2 if flags & 0x8 else 4 if flags & 0x40 else 8 if flags & 0x80 else 0
        at += 4 + (4 if flags & 0x1 else 2) + scale
        more = bool(flags & 0x20)


def _sfnt(tables: dict[str, bytes]) -> bytes:
    """A TrueType file of these tables (checksums left zero: PDF readers ignore them)."""
    count = len(tables)
    power = 1 << (count.bit_length() - 1)
    head = struct.pack(
        ">LHHHH", 0x10000, count, power * 16, power.bit_length() - 1, (count - power) * 16
    )
    offset = 12 + 16 * count
    entries, body = b"", b""
    for name, data in sorted(tables.items()):
        entries += struct.pack(">4sLLL", name.encode(), 0, offset + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    return head + entries + body


@cache
def load_face(path: Path) -> Face:
    """The face in a ``.ttf`` file (the first of a ``.ttc``).

    Raises:
        InputError: There is no such file, or no TrueType outlines in it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"can't read the font: {error.strerror}", file=path) from error
    try:
        tables = _tables(data)
        units = struct.unpack_from(">H", tables["head"], 18)[0]
        ascent, descent = struct.unpack_from(">hh", tables["hhea"], 4)
        return Face(
            path=path,
            name=_postscript_name(tables["name"]) or path.stem,
            units=units,
            ascent=ascent,
            descent=descent,
            glyph_ids=_code_points(tables["cmap"]),
            advances=_advances(tables),
            tables={name: tables[name] for name in (*KEPT, *(set(KEPT_IF) & set(tables)))},
        )
    except (KeyError, struct.error, IndexError) as error:
        raise InputError(
            "no TrueType outlines in the font", file=path, remedy="Use a .ttf with a glyf table"
        ) from error


def characters(path: Path, index: int = 0) -> frozenset[str]:
    """The characters that a face can write, whatever kind its outlines are.

    Some faces map characters to a glyph without ink; those (but white space) are not among them
    where the outlines are TrueType.

    Raises:
        InputError: There is no such font file, or it has no such face or no Unicode map.
    """
    try:
        tables = _tables(path.read_bytes(), index)
        glyphs = _code_points(tables["cmap"])
        if "glyf" not in tables:
            return frozenset(map(chr, glyphs))
        offsets = _glyph_offsets(tables)
        inked = {glyph for glyph, (start, end) in enumerate(pairwise(offsets)) if start < end}
    except (OSError, KeyError, struct.error, IndexError) as error:
        raise InputError("the font has no readable map of its characters", file=path) from error
    named = ((chr(code), glyph) for code, glyph in glyphs.items())
    return frozenset(char for char, glyph in named if glyph in inked or char.isspace())


def _glyph_offsets(tables: dict[str, bytes]) -> list[int]:
    """Where each glyph's outline starts in ``glyf``, and where the last ends."""
    long = struct.unpack_from(">h", tables["head"], 50)[0]
    loca = tables["loca"]
    if long:
        return list(struct.unpack(f">{len(loca) // 4}L", loca[: len(loca) // 4 * 4]))
    return [2 * short for short in struct.unpack(f">{len(loca) // 2}H", loca)]


def _tables(data: bytes, face: int = 0) -> dict[str, bytes]:
    start = struct.unpack_from(">L", data, 12 + 4 * face)[0] if data[:4] == b"ttcf" else 0
    count = struct.unpack_from(">H", data, start + 4)[0]
    tables = {}
    for index in range(count):
        name, _, offset, length = struct.unpack_from(">4sLLL", data, start + 12 + 16 * index)
        tables[name.decode("latin-1")] = data[offset : offset + length]
    return tables


def _advances(tables: dict[str, bytes]) -> list[int]:
    glyphs = struct.unpack_from(">H", tables["maxp"], 4)[0]
    long = struct.unpack_from(">H", tables["hhea"], 34)[0]
    pairs = struct.unpack_from(f">{2 * long}H", tables["hmtx"])
    widths = list(pairs[::2])
    return widths + [widths[-1]] * (glyphs - long)


def _code_points(cmap: bytes) -> dict[int, int]:
    """Code point → glyph, from the Unicode subtables of format 4 and 12."""
    found: dict[int, int] = {}
    for index in range(struct.unpack_from(">H", cmap, 2)[0]):
        platform, encoding, offset = struct.unpack_from(">HHL", cmap, 4 + 8 * index)
        if platform == 0 or (platform == 3 and encoding in (1, 10)):
            kind = struct.unpack_from(">H", cmap, offset)[0]
            if kind == 4:
                found |= _format_4(cmap, offset)
            elif kind == 12:
                found |= _format_12(cmap, offset)
    return found


def _format_4(cmap: bytes, at: int) -> dict[int, int]:
    count = struct.unpack_from(">H", cmap, at + 6)[0] // 2

    def column(number: int, code: str) -> tuple[int, ...]:
        place = at + 14 + 2 * count * number + (2 if number else 0)
        return struct.unpack_from(f">{count}{code}", cmap, place)

    ends, starts, deltas, ranges = column(0, "H"), column(1, "H"), column(2, "h"), column(3, "H")
    ranges_at = at + 16 + 6 * count
    found = {}
    for index, (end, start, delta, offset) in enumerate(
        zip(ends, starts, deltas, ranges, strict=True)
    ):
        for code in range(start, min(end, 0xFFFE) + 1):
            glyph = code
            if offset:
                place = ranges_at + 2 * index + offset + 2 * (code - start)
                glyph = struct.unpack_from(">H", cmap, place)[0]
            if glyph or not offset:
                glyph = (glyph + delta) & 0xFFFF
            if glyph:
                found[code] = glyph
    return found


def _format_12(cmap: bytes, at: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for index in range(struct.unpack_from(">L", cmap, at + 12)[0]):
        start, end, glyph = struct.unpack_from(">LLL", cmap, at + 16 + 12 * index)
        found |= {code: glyph + code - start for code in range(start, end + 1)}
    return found


def _postscript_name(table: bytes) -> str:
    count, strings = struct.unpack_from(">HH", table, 2)
    for index in range(count):
        platform, _, _, name, length, offset = struct.unpack_from(">6H", table, 6 + 12 * index)
        if name == 6:
            raw = table[strings + offset : strings + offset + length]
            return raw.decode("utf-16-be" if platform in (0, 3) else "latin-1")
    return ""


@dataclass(frozen=True)
class Family:
    """Regular and bold files of a type family; ``bold`` may repeat ``regular``."""

    regular: Path
    bold: Path

    def face(self, bold: bool) -> Face:
        return load_face(self.bold if bold else self.regular)


SANS = Family(FOLDER / "VlkitSans-Regular.ttf", FOLDER / "VlkitSans-Bold.ttf")
SANS_KR = Family(FOLDER / "VlkitSansKR-Regular.ttf", FOLDER / "VlkitSansKR-Bold.ttf")
BUNDLED = (SANS, SANS_KR)


def families_in(folder: Path) -> dict[str, Family]:
    """File stem without its weight → family, for the ``.ttf`` files of a folder and below."""
    files = {path.stem: path for path in sorted(Path(folder).rglob("*.ttf"))}
    found = {}
    for stem, path in files.items():
        if not stem.endswith(("Bold", "Italic", "Oblique")):
            name = stem.removesuffix("-Regular")
            # NanumSquareR goes with NanumSquareB.
            candidates = (f"{name}-Bold", f"{name}Bold", f"{name.removesuffix('R')}B")
            bold = next((candidate for candidate in candidates if candidate in files), stem)
            found[name] = Family(path, files[bold])
    return found


Piece = tuple[Face, str]


@lru_cache(maxsize=1 << 16)
def pieces(text: str, families: tuple[Family, ...], bold: bool) -> tuple[Piece, ...]:
    """``text`` cut where it changes to another of the families, each char in the first that
    has it.

    Raises:
        InputError: No family has one of the characters.
    """
    faces = [family.face(bold) for family in (*families, *BUNDLED)]
    found: list[Piece] = []
    for char in text:
        face = next((face for face in faces if ord(char) in face.glyph_ids), None)
        if face is None:
            raise InputError(
                f"no font has the character {char!r}",
                remedy="Add a font that has it to the style's families",
            )
        if found and found[-1][0] is face:
            found[-1] = (face, found[-1][1] + char)
        else:
            found.append((face, char))
    return tuple(found)
