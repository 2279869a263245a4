"""Glyphs of symbol fonts: by their outlines, by their fonts' charts, by where they stand."""

import io
import os
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from vlkit.document import Line, Word
from vlkit.pdf import PdfFile
from vlkit.pdf.symbols import name_bullets

Corners = list[tuple[float, float]]


def square(size: float, inset: float = 0) -> Corners:
    low, high = inset, size - inset
    return [(low, low), (low, high), (high, high), (high, low)]


SQUARE, SMALL = [square(700)], [square(300)]
FRAME = [square(700), square(700, 60)[::-1]]
OFF_CENTRE = [square(700), square(400, 60)[::-1]]
DIAMOND = [[(0, 350), (350, 700), (700, 350), (350, 0)]]
RIGHT, LEFT = [[(0, 0), (0, 700), (600, 350)]], [[(600, 0), (0, 350), (600, 700)]]
UP, DOWN = [[(0, 0), (350, 600), (700, 0)]], [[(0, 600), (700, 600), (350, 0)]]
ANGLE = [[(0, 0), (0, 700), (100, 700), (100, 100), (600, 100), (600, 0)]]
BAR = [[(0, 200), (0, 300), (800, 300), (800, 200)]]


def disc(size: float) -> list[Corners]:
    """By quadratic curves, whose control points are an octagon's corners."""
    r = size / 2
    k = r * 0.4142
    around = [(k, r), (r, k), (r, -k), (k, -r), (-k, -r), (-r, -k), (-r, k), (-k, r)]
    return [[(x + r, y + r) for x, y in around]]


def font(name: str, shapes: dict[str, list[Corners]]) -> str:
    """Register a font of that name whose characters have those shapes."""
    if name in pdfmetrics.getRegisteredFontNames():
        return name
    names = {char: f"g{index}" for index, char in enumerate(shapes, 1)}
    empty = TTGlyphPen(None).glyph()
    glyphs = {".notdef": empty, "space": empty}
    for char, contours in shapes.items():
        pen = TTGlyphPen(None)
        for corners in contours:
            if len(corners) == 8:
                pen.qCurveTo(*corners, None)
            else:
                pen.moveTo(corners[0])
                for corner in corners[1:]:
                    pen.lineTo(corner)
            pen.closePath()
        glyphs[names[char]] = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    cmap = {32: "space"} | {ord(char): glyph for char, glyph in names.items()}
    builder.setupCharacterMap(cmap)
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (900, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": name, "styleName": "Regular", "psName": name})
    builder.setupOS2()
    builder.setupPost()
    buffer = io.BytesIO()
    builder.save(buffer)
    buffer.seek(0)
    pdfmetrics.registerFont(TTFont(name, buffer))
    return name


def shown(name: str, text: str, *, white: bool = False) -> str:
    """What is read of those characters in that font."""
    return read(drawn(name, text, white=white))


def drawn(name: str, text: str, *, white: bool = False) -> bytes:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(400, 100), pageCompression=0)
    canvas.setFillGray(0.5)
    canvas.rect(0, 0, 400, 100, fill=1, stroke=0)
    canvas.setFillGray(1 if white else 0)
    canvas.setFont(name, 12)
    canvas.drawString(20, 40, text)
    canvas.save()
    return buffer.getvalue()


def read(data: bytes) -> str:
    with PdfFile(data) as file:
        layer = file.page(1).text_layer
        assert layer
        return "".join(word.text for line in layer.content.lines for word in line.words)


SHAPES = {
    **dict(zip("abcdefgh", (SQUARE, SMALL, FRAME, DIAMOND, RIGHT, LEFT, UP, DOWN), strict=True)),
    **dict(zip("ijklm", (disc(700), disc(300), ANGLE, BAR, OFF_CENTRE), strict=True)),
}


def test_outlines_of_bullets_and_boxes_are_known_in_any_dingbats_font() -> None:
    name = font("TestDingbats", SHAPES)
    assert shown(name, "abcdefghij") == "■▪☐◆▶◀▲▼●•"


def test_other_outlines_keep_their_characters() -> None:
    assert shown(font("TestDingbats", SHAPES), "klm") == "klm"


def test_a_square_drawn_in_white_is_an_empty_box() -> None:
    assert shown(font("TestDingbats", SHAPES), "a", white=True) == "☐"


def test_letters_of_ordinary_fonts_stay_whatever_they_look_like() -> None:
    assert shown(font("TestSans", SHAPES), "abcdefghij") == "abcdefghij"


def test_wingdings_by_its_chart() -> None:
    name = font("Wingdings-Regular", dict.fromkeys("üþýØ\uf0fc\uf0fe\uf0a8\uf0e0", ANGLE))
    assert shown(name, "üþýØ\uf0fc\uf0fe\uf0a8\uf0e0") == "✓☑☒➢✓☑☐→"


def test_symbol_by_its_chart() -> None:
    name = font("SymbolMT", dict.fromkeys("ab\uf0ae\uf0b7\uf0a3\uf028°", ANGLE))
    assert shown(name, "ab\uf0ae\uf0b7\uf0a3\uf028°") == "αβ→•≤(°"


def test_standard_symbol_fonts() -> None:
    assert shown("Symbol", "αβ→") == "αβ→"
    assert shown("ZapfDingbats", "✓❏■●➔") == "✓❏■●➔"


def test_private_characters_of_ordinary_fonts_are_told_by_shape_or_stay() -> None:
    name = font("TestSerif", {"\uf0a7": SMALL, "\uf0d0": ANGLE, "\ue123": ANGLE})
    assert shown(name, "\uf0a7\uf0d0\ue123") == "▪\uf0d0\ue123"


def test_characters_beyond_sixteen_bits_are_one() -> None:
    data = drawn(font("TestMath", dict.fromkeys("ABC", ANGLE)), "ABC")
    for char, wanted in zip("ABC", "\U0001d434\U000f0854\U000f0855", strict=True):
        found = b"<%04X>" % ord(char)
        assert found in data
        data = data.replace(found, b"<%s>" % wanted.encode("utf-16-be").hex().encode())
    assert read(data) == "\U0001d434『』"


def line(*texts: str) -> Line:
    boxes = [(30.0 * at, 0.0, 30.0 * at + 20, 10.0) for at in range(len(texts))]
    words = [Word(text=text, box=box, font="F") for text, box in zip(texts, boxes, strict=True)]
    return Line(words=words, box=(0, 0, 30.0 * len(texts), 10))


@pytest.mark.parametrize("mark", ["\ufffd", "\ue02a", "\x84"])
def test_nameless_marks_that_begin_lines_are_bullets(mark: str) -> None:
    lines = [line(mark, "one"), line("Text"), line(mark, "two")]
    name_bullets(lines)
    assert [found.text for found in lines] == ["• one", "Text", "• two"]


@pytest.mark.parametrize(
    "texts",
    [
        [("\ufffd", "one"), ("two",)],  # once
        [("\ufffd", "one"), ("\ufffd", "two"), ("a\ufffdb", "\ufffdc")],  # in words too
        [("\ufffd",), ("\ufffd",)],  # nothing follows
        [("a", "\ufffd"), ("b", "\ufffd")],  # at lines' ends
        [("a", "one"), ("a", "two")],  # has a name
    ],
)
def test_what_is_no_bullet_stays(texts: list[tuple[str, ...]]) -> None:
    lines = [line(*words) for words in texts]
    name_bullets(lines)
    assert lines == [line(*words) for words in texts]


@pytest.mark.skipif("VLKIT_DATA" not in os.environ, reason="needs VLKIT_DATA")
@pytest.mark.parametrize(
    ("name", "number", "text"),
    [
        ("normal_4pages.pdf", 4, "『이슈와 논점』은"),
        ("redp5110_sampled.pdf", 5, "•"),
        ("redp5110_sampled.pdf", 14, "→ HR_SCHEMA →"),
        ("table_mislabeled_as_picture.pdf", 1, "☐"),
    ],
)
def test_real_pages_have_no_nameless_glyphs(name: str, number: int, text: str) -> None:
    with PdfFile(Path(os.environ["VLKIT_DATA"], "pdfs", name)) as file:
        layer = file.page(number).text_layer
        assert layer
        found = "\n".join(found.text for found in layer.content.lines)
    assert text in found
    assert not any(char == "\ufffd" or "\ue000" <= char <= "\uf8ff" for char in found)
