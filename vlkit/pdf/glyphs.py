"""The glyphs of a PDF page, as pdfium finds them, in the coordinates of the page as shown."""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from vlkit.document import Affine, Box, Point, apply_affine
from vlkit.pdf.objects import PageObjects, address, centre, contains
from vlkit.pdf.outlines import shape_of
from vlkit.pdf.symbols import is_symbol_font, symbol

_HYPHEN = "\x02"
"""What pdfium writes for a hyphen at a line's end, soft or not."""
_LINE_ENDS = (0x0D, 0x0A)
_UNSHOWN_MODES = (raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP)
_BOLD = re.compile(r"bold|black|heavy|(semi|demi)(bold|\b)|[-,]bd", re.IGNORECASE)
_ITALIC = re.compile(r"ital|obli|kursiv", re.IGNORECASE)
_LIGATURES = re.compile("[\ufb00-\ufb4f\ufb50-\ufdff\ufe70-\ufefc]")
"""Presentation forms, which text outside of fonts does not use."""
_LAM = "\u0644"
_ALEFS = "\u0627\u0622\u0623\u0625\u0671"


@dataclass(frozen=True)
class Style:
    """What the glyphs of one text object have in common.

    Attributes:
        size: Height of the em in points, as shown.
        angle: Degrees clockwise from left-to-right in which the baseline runs.
    """

    font: str
    size: float
    angle: float
    bold: bool
    italic: bool
    hidden: bool


@dataclass(slots=True)
class Glyph:
    """One shape on the page with the characters that it stands for.

    Attributes:
        text: One character or, for ligatures, several; a space for white space.
        origin: Where the baseline starts.
        box: From advance and the font's ascent and descent, axis-aligned.
        ink: The shape's own box.
        run: Glyphs drawn by one text object have the same number.
    """

    text: str
    origin: Point
    box: Box
    ink: Box
    style: Style
    run: int

    @property
    def hidden(self) -> bool:
        return self.style.hidden


@dataclass
class ReadGlyphs:
    glyphs: list[Glyph]
    unmapped: int


def read_glyphs(
    textpage: pdfium.PdfTextPage, to_display: Affine, size: Point, objects: PageObjects
) -> ReadGlyphs:
    """All glyphs on the page; what pdfium made up (spaces, line ends) and what lies outside of
    the page is left out."""
    reader = _Reader(textpage, to_display, objects)
    glyphs: list[Glyph] = []
    unmapped = 0
    for index in range(textpage.count_chars()):
        glyph = reader.glyph(index)
        if glyph is None or not _within(glyph.box, size):
            continue
        if glyph.text in "\0\ufffe\uffff\ufffd" or reader.is_unmapped(index):
            unmapped += 1
            glyph.text = "\ufffd"
        if glyphs and _same_shape(glyphs[-1], glyph):
            _add_piece(glyphs[-1], glyph)
        else:
            glyphs.append(glyph)
    return ReadGlyphs(glyphs, unmapped)


class _Reader:
    def __init__(
        self, textpage: pdfium.PdfTextPage, to_display: Affine, objects: PageObjects
    ) -> None:
        self.textpage = textpage.raw
        self.to_display = to_display
        self.objects = objects
        self.styles: dict[int, Style] = {}
        self._symbolic: set[int] = set()
        self._symbols: dict[tuple[int, str], str] = {}
        # What pdfium writes its answers into: made once, not for every glyph.
        self._numbers = [ctypes.c_double() for _ in range(6)]
        self._references = [ctypes.byref(number) for number in self._numbers]
        self._loose = raw.FS_RECTF()

    def glyph(self, index: int) -> Glyph | None:
        page = self.textpage
        code = self._code(index)
        holder = raw.FPDFText_GetTextObject(page, index)
        if raw.FPDFText_IsGenerated(page, index) == 1 or not holder or code in _LINE_ENDS:
            return None
        run = address(holder)
        if run not in self.styles:
            self.styles[run] = self._style(index, holder)
            if is_symbol_font(self.styles[run].font):
                self._symbolic.add(run)
        raw.FPDFText_GetCharOrigin(page, index, *self._references[:2])
        raw.FPDFText_GetCharBox(page, index, *self._references[2:])
        x, y, left, right, bottom, top = [number.value for number in self._numbers]
        loose = self._loose
        raw.FPDFText_GetLooseCharBox(page, index, loose)
        text = _character(code)
        if text != " " and (run in self._symbolic or _is_private(text[0])):
            text = self._symbol(index, holder, text)
        return Glyph(
            text=text,
            origin=apply_affine(self.to_display, (x, y)),
            box=self._box(loose.left, loose.bottom, loose.right, loose.top),
            ink=self._box(left, bottom, right, top),
            style=self.styles[run],
            run=run,
        )

    def _code(self, index: int) -> int:
        """The character; its second half is a line's end, which is none."""
        code = int(raw.FPDFText_GetUnicode(self.textpage, index))
        if _is_high(code):
            low = int(raw.FPDFText_GetUnicode(self.textpage, index + 1))
            if _is_low(low):
                return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        if index and _is_low(code) and _is_high(raw.FPDFText_GetUnicode(self.textpage, index - 1)):
            return _LINE_ENDS[0]
        return code

    def _symbol(self, index: int, holder: Any, text: str) -> str:
        run = address(holder)
        if (run, text) not in self._symbols:
            colour = [ctypes.c_uint() for _ in range(4)]
            raw.FPDFText_GetFillColor(self.textpage, index, *colour)
            blank = all(part.value == 255 for part in colour[:3])
            shape = shape_of(raw.FPDFTextObj_GetFont(holder), ord(text[0]), blank=blank)
            self._symbols[run, text] = symbol(self.styles[run].font, text[0], shape)
        return self._symbols[run, text]

    def is_unmapped(self, index: int) -> bool:
        return bool(raw.FPDFText_HasUnicodeMapError(self.textpage, index) == 1)

    def _box(self, left: float, bottom: float, right: float, top: float) -> Box:
        # Two corners are enough: the map turns by quarters only.
        x0, y0 = apply_affine(self.to_display, (left, bottom))
        x1, y1 = apply_affine(self.to_display, (right, top))
        if x0 > x1:
            x0, x1 = x1, x0
        if y0 > y1:
            y0, y1 = y1, y0
        return (x0, y0, x1, y1)

    def _style(self, index: int, holder: Any) -> Style:
        matrix = raw.FS_MATRIX()
        raw.FPDFText_GetMatrix(self.textpage, index, matrix)
        a, b, c, d, _, _ = self.to_display
        right = (a * matrix.a + c * matrix.b, b * matrix.a + d * matrix.b)
        em = math.hypot(matrix.c, matrix.d) * raw.FPDFText_GetFontSize(self.textpage, index)
        name, flags = self._font(index)
        weight = raw.FPDFText_GetFontWeight(self.textpage, index)
        unshown = raw.FPDFTextObj_GetTextRenderMode(holder) in _UNSHOWN_MODES
        return Style(
            font=name,
            size=abs(em),
            angle=math.degrees(math.atan2(right[1], right[0])),
            bold=bool(_BOLD.search(name))
            or bool(flags & 1 << 18)
            or weight >= 700
            or address(holder) in self.objects.doubled,
            italic=bool(_ITALIC.search(name)) or bool(flags & 1 << 6),
            hidden=unshown or address(holder) in self.objects.covered,
        )

    def _font(self, index: int) -> tuple[str, int]:
        """Name without the subset's prefix, and the flags of the font's descriptor."""
        buffer = ctypes.create_string_buffer(256)
        flags = ctypes.c_int()
        size = raw.FPDFText_GetFontInfo(self.textpage, index, buffer, len(buffer), flags)
        name = buffer.value.decode("utf-8", "replace") if size else ""
        return re.sub(r"^[A-Z0-9]{6}\+", "", name), flags.value


def _character(code: int) -> str:
    text = chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else "\ufffd"
    if text == _HYPHEN:
        return "-"
    if text.isspace() or unicodedata.category(text) == "Zs":
        return " "
    if _LIGATURES.match(text):
        return unicodedata.normalize("NFKC", text)
    return text


def _is_private(char: str) -> bool:
    return "\ue000" <= char <= "\uf8ff" or char >= "\U000f0000"


def _is_high(code: int) -> bool:
    """Whether it is the first half of a character beyond 16 bits."""
    return 0xD800 <= code < 0xDC00


def _is_low(code: int) -> bool:
    return 0xDC00 <= code < 0xE000


def _within(box: Box, size: Point) -> bool:
    return contains((0, 0, *size), centre(box))


def _same_shape(a: Glyph, b: Glyph) -> bool:
    """Whether two characters come from one glyph: pdfium gives a ligature's letters one by one."""
    return a.run == b.run and a.origin == b.origin and " " not in (a.text, b.text)


def _add_piece(glyph: Glyph, piece: Glyph) -> None:
    # pdfium turns the letters of a right-to-left ligature around with the rest of its line, but
    # not those of lam-alef, where the file names it by its presentation form.
    turned = unicodedata.bidirectional(piece.text[0]) in ("R", "AL")
    if turned and not (glyph.text == _LAM and piece.text in _ALEFS):
        glyph.text = piece.text + glyph.text
    else:
        glyph.text += piece.text
    glyph.box = _union(glyph.box, piece.box)
    glyph.ink = _union(glyph.ink, piece.ink)


def _union(a: Box, b: Box) -> Box:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
