"""PDF files: opening, geometry, rendering, and words from glyphs."""

import io
import random
import resource
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pdfplumber
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from vlkit.data.random_pages import random_document
from vlkit.document import Line, Word, apply_affine, quad_box
from vlkit.errors import DamagedInput, EncryptedInput, InputError, VlkitError
from vlkit.pdf import PdfFile
from vlkit.pdf.bidi import logical_order, mirror_back
from vlkit.pdf.visual import levels, reorder, visual
from vlkit.text_layer import TextContent

FONT = "Body"
pdfmetrics.registerFont(
    TTFont(FONT, next(Path(str(files("vlkit.data"))).glob("fonts/*Sans-Regular.ttf")))
)
Draw = Callable[[Canvas], object]


def pdf(*draws: Draw, size: tuple[float, float] = (400, 300), **settings: object) -> bytes:
    """A page per function that draws on it."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size, **settings)
    for draw in draws:
        canvas.setFont(FONT, 12)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def content(data: bytes) -> TextContent:
    with PdfFile(data) as file:
        layer = file.page(1).text_layer
        assert layer
        return layer.content


def lines(*draws: Draw) -> list[str]:
    return [line.text for line in content(pdf(*draws)).lines]


def words(found: list[Line]) -> list[Word]:
    return [word for line in found for word in line.words]


# ---- opening ----------------------------------------------------------------------------------


def test_password() -> None:
    data = pdf(
        lambda c: c.drawString(50, 200, "secret"),
        encrypt=StandardEncryption("open sesame", ownerPassword="other", strength=128),
    )
    with pytest.raises(EncryptedInput, match="--password"):
        PdfFile(data, name="safe.pdf")
    with pytest.raises(EncryptedInput, match="the password is wrong"):
        PdfFile(data, password="guess")
    with PdfFile(data, password="open sesame") as file:
        layer = file.page(1).text_layer
        assert layer
        assert [line.text for line in layer.content.lines] == ["secret"]


def no_pages() -> bytes:
    return (
        b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
        b"2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n"
        b"trailer\n<< /Root 1 0 R /Size 3 >>\n%%EOF\n"
    )


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\nnothing more", b"hello", no_pages()])
def test_what_is_no_pdf_is_damaged(data: bytes) -> None:
    with pytest.raises(DamagedInput) as caught:
        PdfFile(data, name="bad.pdf")
    assert caught.value.file == "bad.pdf"


def test_missing_file_and_page(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        PdfFile(tmp_path / "none.pdf")
    path = tmp_path / "one.pdf"
    path.write_bytes(pdf(lambda c: c.drawString(50, 200, "one")))
    with PdfFile(path) as file, pytest.raises(InputError, match="no page 2"):
        file.page(2)


def test_page_numbers_are_kept() -> None:
    data = pdf(*(lambda c, n=n: c.drawString(50, 200, f"page {n}") for n in range(1, 6)))
    with PdfFile(data) as file:
        assert len(file) == 5
        texts = []
        for page in file.pages([4, 2]):
            assert page.text_layer
            texts.append((page.number, page.text_layer.content.lines[0].text))
        assert texts == [(4, "page 4"), (2, "page 2")]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_damaged_bytes_raise_nothing_else(seed: int) -> None:
    data = bytearray(SAMPLE)
    rng = random.Random(seed)
    for _ in range(rng.randint(1, 40)):
        place = rng.randrange(len(data))
        if rng.random() < 0.3:
            del data[place : place + rng.randint(1, 500)]
        else:
            data[place] = rng.randrange(256)
    try:
        with PdfFile(bytes(data)) as file:
            for page in file.pages([1]):
                assert page.text_layer
                _ = page.text_layer.content, page.pixels
    except VlkitError:
        pass


SAMPLE = random_document(3).to_pdf()


# ---- geometry and pixels ----------------------------------------------------------------------


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (30, 40, 350, 280)])
def test_turned_and_cropped_pages_lead_back(
    rotation: int, crop: tuple[int, int, int, int] | None
) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(60, 200, "Somewhere on")
        canvas.drawString(200, 90, "the page")

    def turned(canvas: Canvas) -> None:
        draw(canvas)
        canvas.setPageRotation(rotation)
        if crop:
            canvas.setCropBox(crop)

    with pdfplumber.open(io.BytesIO(pdf(draw))) as plain:
        expected = {
            word["text"]: (word["x0"], 300 - word["bottom"], word["x1"], 300 - word["top"])
            for word in plain.pages[0].extract_words()
        }
    with PdfFile(pdf(turned)) as file:
        page = file.page(1)
        assert page.text_layer
        found = words(page.text_layer.content.lines)
        assert {word.text for word in found} == set(expected)
        for word in found:
            x0, y0, x1, y1 = word.box
            there = [apply_affine(page.to_source, p) for p in ((x0, y0), (x1, y1))]
            box = (*map(min, *there), *map(max, *there))
            assert box == pytest.approx(expected[word.text], abs=4)
            inner = np.array(word.box) * page.scale
            left, top, right, bottom = inner.astype(int)
            assert page.pixels[top:bottom, left:right].min() < 100, "ink where the word is"
        assert page.pixels.shape[:2] == pytest.approx(
            (page.height * page.scale, page.width * page.scale), abs=1.01
        )


def test_scan_keeps_its_pixels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (440, 340, 3), dtype=np.uint8)

    def draw(canvas: Canvas) -> None:
        canvas.drawImage(ImageReader(Image.fromarray(picture)), 0, 0, 204, 264)

    with PdfFile(pdf(draw, size=(204, 264))) as file:
        page = file.page(1)
        assert page.dpi == pytest.approx(120)
        assert np.abs(page.pixels.astype(int) - picture).mean() < 1


def test_huge_page_stays_small() -> None:
    with PdfFile(pdf(lambda c: c.drawString(50, 50, "x"), size=(14_400, 14_400))) as file:
        page = file.page(1)
        assert page.pixels.shape[0] * page.pixels.shape[1] <= 31_000_000


def test_memory_does_not_grow() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc")
    data = pdf(lambda c: c.drawString(50, 200, "over and over " * 3))
    held = []
    for _ in range(60):
        with PdfFile(data) as file:
            page = file.page(1)
            assert page.text_layer
            _ = page.text_layer.content, page.pixels
        held.append(resident())
    assert held[-1] - held[19] < 10e6


# ---- words ------------------------------------------------------------------------------------


def test_generated_pages_read_back_word_for_word() -> None:
    for language, seed in [("eng", 1), ("eng", 2), ("kor", 1)]:
        made = random_document(seed, language)  # type: ignore[arg-type]
        with PdfFile(made.to_pdf()) as file:
            for page, truth in zip(file.pages(), made.truth.pages, strict=True):
                assert page.text_layer
                found = words(page.text_layer.content.lines)
                assert sorted(w.text for w in found) == sorted(w.text for w in truth.words)
                places = {(w.text, *(round(side / 6) for side in w.box[::3])) for w in found}
                assert len(places) > 0.9 * len(found)


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_order_of_drawing_does_not_matter(rng: random.Random) -> None:
    rows = [f"left column line {n}" for n in range(5)], [f"right column line {n}" for n in range(5)]
    places = [
        (30 + 180 * column, 250 - 15 * row - 3 * column, char, index)
        for column, texts in enumerate(rows)
        for row, text in enumerate(texts)
        for index, char in enumerate(text)
    ]
    rng.shuffle(places)

    def draw(canvas: Canvas) -> None:
        for x, y, char, index in places:
            text = rows[0 if x < 100 else 1][0]
            start = pdfmetrics.stringWidth(text[:index], FONT, 12)
            canvas.drawString(x + start, y, char)

    assert sorted(lines(draw)) == sorted([*rows[0], *rows[1]])


def test_gutter_parts_lines_even_where_a_space_ends_the_first() -> None:
    def draw(canvas: Canvas) -> None:
        end = 50 + pdfmetrics.stringWidth("one column ", FONT, 12)
        canvas.drawString(50, 200, "one column ")
        canvas.drawString(end + 9, 200, "another column")

    assert lines(draw) == ["one column", "another column"]


def test_spaced_out_text_is_words() -> None:
    def draw(canvas: Canvas) -> None:
        text = canvas.beginText(50, 200)
        text.setCharSpace(4)
        text.textLine("spaced out words")
        canvas.drawText(text)

    assert lines(draw) == ["spaced out words"]


def test_text_printed_twice_is_bold() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(50, 200, "all or nothing")
        canvas.drawString(50.4, 200, "all or nothing")
        canvas.drawString(50, 150, "plain")

    def after_others(canvas: Canvas) -> None:
        for _ in range(2):
            for row in range(12):
                canvas.drawString(50, 250 - 15 * row, f"row {row}")

    assert sorted(lines(after_others)) == sorted(f"row {row}" for row in range(12))
    found = content(pdf(draw)).lines
    assert [line.text for line in found] == ["all or nothing", "plain"]
    assert [word.bold for word in words(found)] == [True, True, True, False]


def test_footnote_mark_is_a_word_without_a_space() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(50, 200, "see the note")
        end = 50 + pdfmetrics.stringWidth("see the note", FONT, 12)
        canvas.setFont(FONT, 7)
        canvas.drawString(end, 205, "12")
        canvas.setFont(FONT, 12)
        canvas.drawString(end + 11, 200, "below")

    (line,) = content(pdf(draw)).lines
    assert [word.text for word in line.words] == ["see", "the", "note", "12", "below"]
    assert line.text == "see the note12 below"


def test_soft_hyphen_inside_a_line_is_gone_and_at_its_end_stays() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(50, 200, "a cooper\u00adation of under\u00ad")
        canvas.drawString(50, 185, "takings")

    assert lines(draw) == ["a cooperation of under-", "takings"]


def test_accent_drawn_over_its_letter() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(50, 200, "caf")
        x = 50 + pdfmetrics.stringWidth("caf", FONT, 12)
        canvas.drawString(x, 200, "´")
        canvas.drawString(x, 200, "e noir")

    assert lines(draw) == ["café noir"]


def test_hidden_text_counts_only_over_a_picture() -> None:
    def invisible(canvas: Canvas) -> None:
        text = canvas.beginText(50, 200)
        text.setTextRenderMode(3)
        text.textLine("scanned words")
        canvas.drawText(text)

    def scan(canvas: Canvas) -> None:
        canvas.drawInlineImage(Image.new("RGB", (40, 30), "white"), 0, 0, 400, 300)
        invisible(canvas)

    def painted_over(canvas: Canvas) -> None:
        canvas.drawString(50, 200, "painted over")
        canvas.drawInlineImage(Image.new("RGB", (40, 30), "white"), 0, 0, 400, 300)

    assert content(pdf(invisible)) == TextContent()
    found = content(pdf(scan))
    assert [line.text for line in found.hidden] == ["scanned words"]
    assert not found.lines
    assert [line.text for line in content(pdf(painted_over)).hidden] == ["painted over"]


@pytest.mark.parametrize("angle", [90, 180, 270, 30, 45])
def test_turned_text_has_its_quad(angle: int) -> None:
    def draw(canvas: Canvas) -> None:
        canvas.translate(200, 150)
        canvas.rotate(angle)
        canvas.drawString(0, 0, "turned text")

    (line,) = content(pdf(draw)).lines
    assert line.text == "turned text"
    assert line.quad
    (ax, ay), (bx, by), *_ = line.quad
    # PDF turns counter-clockwise, y points up.
    heading = np.degrees(np.arctan2(-(by - ay), bx - ax)) % 360
    assert heading == pytest.approx(angle % 360, abs=1)
    width = pdfmetrics.stringWidth("turned text", FONT, 12)
    assert np.hypot(bx - ax, by - ay) == pytest.approx(width, rel=0.05)
    assert quad_box(line.quad) == pytest.approx(line.box, abs=0.01)


def test_text_outside_of_the_crop_box_is_dropped() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(50, 200, "inside")
        canvas.drawString(50, 20, "outside")
        canvas.setCropBox((0, 50, 400, 300))

    assert lines(draw) == ["inside"]


def test_filled_form_fields_are_text_and_ink() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(50, 200, "Name:")
        canvas.acroForm.textfield(name="who", value="Ada", x=120, y=190, width=120, height=24)

    with PdfFile(pdf(draw)) as file:
        page = file.page(1)
        assert page.text_layer
        found = {word.text: word.box for word in words(page.text_layer.content.lines)}
        assert set(found) == {"Name:", "Ada"}
        x0, y0, x1, y1 = (int(side * page.scale) for side in found["Ada"])
        assert page.pixels[y0:y1, x0:x1].min() < 100


@pytest.mark.parametrize(
    ("visual", "logical"),
    [
        ("ריחמה .1 רויא", "איור 1. המחיר"),
        ("זאמו 3.9%-ב הלע", "עלה ב-3.9% ומאז"),
        ("םויה ₪4,141.46 ריחמ", "מחיר ₪4,141.46 היום"),
        (")سوق( %45.6 باتك", "كتاب 45.6% (قوس)"),
        ("عم Pythonو R ةغلب", "بلغة R وPython مع"),
        ("ךיראתב 20/11/2026", "20/11/2026 בתאריך"),
    ],
)
def test_right_to_left_lines_are_put_in_logical_order(visual: str, logical: str) -> None:
    order = logical_order(visual, rtl=True)
    assert sorted(order) == list(range(len(visual)))
    assert mirror_back("".join(visual[place] for place in order)) == logical


@pytest.mark.parametrize(
    ("logical", "seen"),
    [
        ("עלה ב-3.9% ומאז", "זאמו 3.9%-ב הלע"),
        ("1. סעיף", "ףיעס .1"),
        ("(כמו תמיד) 12", "12 (דימת ומכ)"),
        ("שם Harrow 2.5 סוף", "ףוס Harrow 2.5 םש"),
        ("عام 12-13 ثم 45.6%", "%45.6 مث 13-12 ماع"),
    ],
)
def test_right_to_left_lines_are_shown_in_visual_order(logical: str, seen: str) -> None:
    assert visual(logical, rtl=True) == seen
    order = logical_order(seen, rtl=True)
    assert mirror_back("".join(seen[place] for place in order)) == logical


@given(st.text(alphabet="אבגع abXY 0189.,-+%€₪()[]:;/'!?\u05b0", max_size=16), st.booleans())
def test_visual_order_is_that_of_another_implementation(text: str, rtl: bool) -> None:
    bidi = pytest.importorskip("bidi")
    text = text.strip()
    found = levels(text, rtl)
    order = "".join(text[at] for at in reorder(found))
    assert order == bidi.get_display(text, base_dir="R" if rtl else "L")


@pytest.mark.parametrize(
    ("line", "meant"),
    [(")כמו תמיד", "(כמו תמיד"), ("תמיד(, אבל", "תמיד), אבל"), ("f(x", "f(x"), ("a) b", "a) b")],
)
def test_a_bracket_whose_other_half_is_on_another_line_faces_its_text(
    line: str, meant: str
) -> None:
    assert mirror_back(line) == meant


@given(st.text(alphabet="abc אבג123.-%()", max_size=30), st.booleans())
def test_logical_order_loses_nothing(text: str, rtl: bool) -> None:
    assert sorted(logical_order(text, rtl)) == list(range(len(text)))
    assert len(mirror_back(text)) == len(text)


def test_turned_page_turns_its_text_layer() -> None:
    with PdfFile(pdf(lambda c: c.drawString(60, 200, "sideways"))) as file:
        page = file.page(1)
        turned = page.turned(90, 0)
        assert page.text_layer
        assert turned.text_layer
        (line,) = turned.text_layer.content.lines
        box = np.array(line.box) * turned.scale
        left, top, right, bottom = box.astype(int)
        assert turned.pixels[top:bottom, left:right].min() < 100
        assert line.quad
