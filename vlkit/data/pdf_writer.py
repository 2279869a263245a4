"""Drawing operations into a PDF: text with or without a sound ToUnicode, rules, pictures.

Source: ISO 32000-1, 9.7 (composite fonts), 9.10.3 (ToUnicode CMaps), 9.3.6 (rendering mode 3).
The same pages give the same bytes: no dates, no random ids.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray
from PIL import Image

from vlkit.data.lines import Text
from vlkit.data.strips import Fill, Op, Picture, Rule
from vlkit.data.typefaces import Face

Mapping = Literal["good", "garbled", "shifted", "private", "unmapped"]
"""How a font's codes map to Unicode: rightly, to other letters of the text, to letters 29 code
points off (glyph numbers taken for letters), to the private use area, not at all."""
TextLayer = Mapping | Literal["none", "hidden", "stale"]


@dataclass(frozen=True)
class PdfPage:
    """``layer`` says how its text is mapped; ``hidden`` text is invisible and mapped well."""

    width: float
    height: float
    ops: tuple[Op, ...]
    layer: Mapping | Literal["hidden"] = "good"


@dataclass(eq=False)
class _Font:
    """A face as one mapping of the file uses it: codes are given as glyphs come up."""

    face: Face
    mapping: Mapping
    number: int
    codes: dict[tuple[str, str], int] = field(default_factory=dict)

    def code(self, char: str, said: str) -> int:
        return self.codes.setdefault((char, said), len(self.codes) + 1)


class _File:
    """Numbered objects and the file made of them."""

    def __init__(self) -> None:
        self.objects: list[bytes] = []

    def reserve(self) -> int:
        self.objects.append(b"")
        return len(self.objects)

    def add(self, body: str | bytes) -> int:
        self.objects.append(body.encode("latin-1") if isinstance(body, str) else body)
        return len(self.objects)

    def stream(self, data: bytes, entries: str = "", *, packed: bool = False) -> int:
        if not packed:
            data = zlib.compress(data, 6)
            entries += " /Filter /FlateDecode"
        head = f"<< /Length {len(data)} {entries} >>\nstream\n".encode("latin-1")
        return self.add(head + data + b"\nendstream")

    def bytes(self, root: int) -> bytes:
        out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        places = []
        for number, body in enumerate(self.objects, start=1):
            places.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        out += b"".join(b"%010d 00000 n \n" % place for place in places)
        size = len(places) + 1
        out += b"trailer\n<< /Size %d /Root %d 0 R >>\n" % (size, root)
        out += b"startxref\n%d\n%%%%EOF\n" % start
        return bytes(out)


def write_pdf(pages: Sequence[PdfPage]) -> bytes:
    """The file; fonts are embedded with the outlines that are used."""
    file = _File()
    fonts: dict[tuple[int, Mapping], _Font] = {}
    tree = file.reserve()
    kids = []
    for page in pages:
        content, images = _content(page, fonts, file)
        stream = file.stream(content.encode("latin-1"))
        names = " ".join(f"/I{number} {image} 0 R" for number, image in enumerate(images))
        kids.append((page, stream, names))
    listed = [(font, file.reserve()) for font in fonts.values()]
    resources = " ".join(f"/F{font.number} {place} 0 R" for font, place in listed)
    numbers = [
        file.add(
            f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 {page.width:g} {page.height:g}] "
            f"/Contents {stream} 0 R /Resources << /Font << {resources} >> "
            f"/XObject << {names} >> >> >>"
        )
        for page, stream, names in kids
    ]
    for font, place in listed:
        file.objects[place - 1] = _font(font, file)
    refs = " ".join(f"{number} 0 R" for number in numbers)
    pages_node = f"<< /Type /Pages /Kids [{refs}] /Count {len(numbers)} >>"
    file.objects[tree - 1] = pages_node.encode("latin-1")
    return file.bytes(file.add(f"<< /Type /Catalog /Pages {tree} 0 R >>"))


def _content(
    page: PdfPage, fonts: dict[tuple[int, Mapping], _Font], file: _File
) -> tuple[str, list[int]]:
    mapping: Mapping = "good" if page.layer == "hidden" else page.layer
    lines: list[str] = []
    images: list[int] = []
    high = page.height
    for op in page.ops:
        match op:
            case Fill():
                x0, y0, x1, y1 = op.area
                box = f"{x0:.2f} {high - y1:.2f} {x1 - x0:.2f} {y1 - y0:.2f}"
                lines.append(f"{_colour(op.colour)} rg {box} re f")
            case Rule():
                ends = f"{op.x0:.2f} {high - op.y0:.2f} m {op.x1:.2f} {high - op.y1:.2f} l"
                lines.append(f"{_colour(op.colour)} RG {op.width:.2f} w 2 J {ends} S")
            case Picture():
                x0, y0, x1, y1 = op.area
                place = f"{x1 - x0:.2f} 0 0 {y1 - y0:.2f} {x0:.2f} {high - y1:.2f} cm"
                lines.append(f"q {place} /I{len(images)} Do Q")
                images.append(_image(op, file))
            case Text():
                key = (id(op.face), mapping)
                font = fonts.setdefault(key, _Font(op.face, mapping, len(fonts)))
                lines.append(_show(op, font, high, hidden=page.layer == "hidden"))
    return "\n".join(lines), images


def _colour(colour: tuple[float, float, float]) -> str:
    return " ".join(f"{part:.3g}" for part in colour)


def _show(op: Text, font: _Font, high: float, *, hidden: bool) -> str:
    pairs = list(zip(op.text, op.unicode, strict=True))
    if op.space and op.face.has(" "):
        pairs.append((" ", " "))
    codes = "".join(f"{font.code(char, said):04X}" for char, said in pairs)
    mode = 3 if hidden else 0
    return (
        f"BT {_colour(op.colour)} rg {mode} Tr /F{font.number} {op.size:.3f} Tf "
        f"1 0 0 1 {op.x:.3f} {high - op.baseline:.3f} Tm <{codes}> Tj ET"
    )


def _image(op: Picture, file: _File) -> int:
    buffer = io.BytesIO()
    Image.fromarray(op.pixels).save(buffer, "JPEG", quality=op.quality)
    rows, columns = op.pixels.shape[:2]
    entries = (
        f"/Type /XObject /Subtype /Image /Width {columns} /Height {rows} "
        "/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode"
    )
    return file.stream(buffer.getvalue(), entries, packed=True)


def _font(font: _Font, file: _File) -> bytes:
    face = font.face
    glyphs = {code: face.glyph_ids[ord(char)] for (char, _), code in font.codes.items()}
    data = face.subset(glyphs.values())
    program = file.stream(data, f"/Length1 {len(data)}")
    # A subset's tag is six capital letters.
    tag = "".join(chr(ord("A") + int(digit)) for digit in f"{font.number:06d}")
    name = f"/{tag}+{face.name}".replace(" ", "")
    up, down = (round(1000 * value / face.units) for value in (face.ascent, face.descent))
    descriptor = file.add(
        f"<< /Type /FontDescriptor /FontName {name} /Flags 4 /FontBBox [-500 {down} 1500 {up}] "
        f"/ItalicAngle 0 /Ascent {up} /Descent {down} /CapHeight {up} /StemV 80 "
        f"/FontFile2 {program} 0 R >>"
    )
    to_glyph = file.stream(
        np.array([0, *(glyphs[code] for code in sorted(glyphs))], dtype=">u2").tobytes()
    )
    widths = " ".join(
        f"{1000 * face.advances[glyphs[code]] / face.units:g}" for code in sorted(glyphs)
    )
    descendant = file.add(
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont {name} "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
        f"/FontDescriptor {descriptor} 0 R /DW 1000 /W [1 [{widths}]] "
        f"/CIDToGIDMap {to_glyph} 0 R >>"
    )
    unicode = ""
    if font.mapping != "unmapped":
        unicode = f" /ToUnicode {file.stream(_to_unicode(font).encode('ascii'))} 0 R"
    return (
        f"<< /Type /Font /Subtype /Type0 /BaseFont {name} /Encoding /Identity-H "
        f"/DescendantFonts [{descendant} 0 R]{unicode} >>"
    ).encode("latin-1")


def _to_unicode(font: _Font) -> str:
    """The CMap of a font's codes."""
    said = {code: text for (_, text), code in font.codes.items()}
    if font.mapping == "shifted":
        said = {code: chr(max(1, ord(text) - 29)) for code, text in said.items()}
    if font.mapping == "private":
        said = {code: chr(0xF000 + code) for code in said}
    if font.mapping == "garbled":
        solid = [code for code in sorted(said) if said[code] != " "]
        moved = [said[code] for code in [*solid[7:], *solid[:7]]]
        said |= dict(zip(solid, moved, strict=True))
    rows = [
        f"<{code:04X}> <{text.encode('utf-16-be').hex().upper()}>"
        for code, text in sorted(said.items())
    ]
    parts = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    listed = "\n".join(
        f"{len(part)} beginbfchar\n" + "\n".join(part) + "\nendbfchar" for part in parts
    )
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        f"{listed}\nendcmap CMapName currentdict /CMap defineresource pop end end"
    )


def render(pdf: bytes, dpi: float, *, page: int = 0, grey: bool = False) -> NDArray[np.uint8]:
    """Picture of a page of a PDF, [H, W, 3] RGB or [H, W] grey."""
    with pdfium.PdfDocument(pdf) as document:
        bitmap = document[page].render(scale=dpi / 72.0, grayscale=grey, rev_byteorder=True)
        pixels: NDArray[np.uint8] = bitmap.to_numpy().copy()
    return pixels[..., 0] if grey and pixels.ndim == 3 else pixels
