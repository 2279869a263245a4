"""An invisible text layer: every word stretched over its place, in a font without shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest

from vlkit.document import Line, Page, Word
from vlkit.export.glyphless import ADVANCE, glyphless_font
from vlkit.export.pdf_writer import PdfWriter, real
from vlkit.export.xml import DESCENT, printable, quad_of
from vlkit.geometry import Affine, Point, Quad, apply_affine
from vlkit.pdf.visual import visual

# Words that touch although there is white space between them get a narrow one, in text heights.
_LEAST_SPACE = 0.05
_MOST_CODES = 0xFFFF


class TextLayer:
    """Writes the words of pages with one font; a character's code is its rank of first use."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def content(self, page: Page, to_user: Affine) -> bytes:
        """A content stream with all words of a page, in reading order.

        Args:
            to_user: Page coordinates → PDF user space (y up).
        """
        pieces = ["BT 3 Tr"]
        for line in page.lines:
            pieces += self._line(line, to_user)
        return "\n".join([*pieces, "ET"]).encode("ascii")

    def write_font(self, writer: PdfWriter, number: int) -> None:
        """Write the font for all content so far, as the object of that number."""
        font = glyphless_font()
        font_file = writer.add_deflated(font, f"/Length1 {len(font)}")
        ascent, descent, width = 1000 * (1 - DESCENT), -1000 * DESCENT, 1000 * ADVANCE
        descriptor = writer.add(
            "<< /Type /FontDescriptor /FontName /Glyphless /Flags 4 /ItalicAngle 0 /StemV 80"
            f" /FontBBox [0 {real(descent)} {real(width)} {real(ascent)}] /Ascent {real(ascent)}"
            f" /Descent {real(descent)} /CapHeight {real(ascent)} /FontFile2 {font_file} 0 R >>"
        )
        # Every code shows the same empty glyph.
        glyphs = writer.add_deflated(b"\x00\x01" * (len(self._codes) + 1))
        descendant = writer.add(
            "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Glyphless"
            " /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
            f" /FontDescriptor {descriptor} 0 R /DW {real(width)} /CIDToGIDMap {glyphs} 0 R >>"
        )
        to_unicode = writer.add_deflated(self._to_unicode())
        writer.set(
            number,
            "<< /Type /Font /Subtype /Type0 /BaseFont /Glyphless /Encoding /Identity-H"
            f" /DescendantFonts [{descendant} 0 R] /ToUnicode {to_unicode} 0 R >>",
        )

    def _line(self, line: Line, to_user: Affine) -> Iterator[str]:
        words = [word for word in line.words if word.text.strip()]
        for word, after in zip_longest(words, words[1:]):
            quad = _user_quad(word, to_user)
            following = _user_quad(after, to_user) if after and word.space_after else None
            yield self._word(word, quad, following)

    def _word(self, word: Word, quad: Quad, following: Quad | None) -> str:
        """A word from its first to its last letter, then the white space up to the next one.

        Right-to-left words are written as they look, from left to right: readers expect that,
        and put them in order by themselves.
        """
        top_left, top_right, _, bottom_left = quad
        height = max(math.dist(top_left, bottom_left), 0.01)
        width = max(math.dist(top_left, top_right), 0.01)
        along = ((top_right[0] - top_left[0]) / width, (top_right[1] - top_left[1]) / width)
        up = ((top_left[0] - bottom_left[0]) / height, (top_left[1] - bottom_left[1]) / height)
        rtl = word.direction == "rtl"
        text = printable(word.text)
        codes = self._encode(visual(text, rtl=True) if rtl else text)
        stretch = 100 * width / (len(codes) // 4 * ADVANCE * height)
        shown = f"{real(stretch)} Tz <{codes}> Tj"
        start = DESCENT * height
        x, y = bottom_left[0] + start * up[0], bottom_left[1] + start * up[1]
        if following is not None:
            ends = (following[1], top_left) if rtl else (top_right, following[0])
            gap = max(_distance(*ends, along), _LEAST_SPACE * height)
            space = f"{real(100 * gap / height / ADVANCE)} Tz <{self._encode(' ')}> Tj"
            shown = f"{space} {shown}" if rtl else f"{shown} {space}"
            if rtl:
                x, y = x - gap * along[0], y - gap * along[1]
        matrix = " ".join(real(value) for value in (*along, *up, x, y))
        return f"/F {real(height)} Tf {matrix} Tm {shown}"

    def _encode(self, text: str) -> str:
        """Two-byte codes in hexadecimal; beyond 65,535 different characters, question marks."""
        codes = []
        for character in text:
            if character not in self._codes and len(self._codes) >= _MOST_CODES - 1:
                character = "?"
            codes.append(self._codes.setdefault(character, len(self._codes) + 1))
        return "".join(f"{code:04X}" for code in codes)

    def _to_unicode(self) -> bytes:
        entries = [
            f"<{code:04X}> <{character.encode('utf-16-be').hex().upper()}>"
            for character, code in self._codes.items()
        ]
        # A block may hold a hundred entries.
        blocks = [entries[start : start + 100] for start in range(0, len(entries), 100)]
        maps = "\n".join(
            f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks
        )
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
            f"{maps}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
        ).encode("ascii")


def _user_quad(word: Word, to_user: Affine) -> Quad:
    a, b, c, d = quad_of(word)
    if word.quad is None and word.direction == "ttb":
        # Written downwards: the first letter's top is the right side of the box.
        a, b, c, d = b, c, d, a
    return (
        apply_affine(to_user, a),
        apply_affine(to_user, b),
        apply_affine(to_user, c),
        apply_affine(to_user, d),
    )


def _distance(start: Point, end: Point, along: Point) -> float:
    """How far it is from one point to the other in the direction of the line."""
    return (end[0] - start[0]) * along[0] + (end[1] - start[1]) * along[1]
