"""Searchable PDFs, read back by pdfium and poppler."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pytest
from export_samples import awkward_documents, block, line, rich_document, turned
from PIL import Image
from reportlab.pdfgen import canvas

from vlkit.document import Document, Line, Page, Source, Word
from vlkit.errors import InputError
from vlkit.sources import open_source


def picture(width: int = 800, height: int = 1100) -> np.ndarray:
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[10:30, 10:60] = (200, 30, 30)
    return pixels


def one_page(*lines, **more) -> Document:
    page = Page(number=1, width=800, height=1100, items=[block("paragraph", list(lines))], **more)
    return Document(name="one.png", pages=[page])


def page_text(data: bytes, number: int = 0) -> str:
    with pdfium.PdfDocument(data) as pdf:
        return pdf[number].get_textpage().get_text_range()


def character_boxes(data: bytes) -> list[tuple[str, tuple[float, ...]]]:
    """Characters with loose boxes, in the page's pixels with y down."""
    with pdfium.PdfDocument(data) as pdf:
        page = pdf[0]
        text = page.get_textpage()
        height = page.get_height()
        scale = 1100 / height
        found = []
        for index in range(text.count_chars()):
            left, bottom, right, top = text.get_charbox(index, loose=True)
            box = (left, height - top, right, height - bottom)
            found.append((text.get_text_range(index, 1), tuple(v * scale for v in box)))
        return found


def test_words_come_out_in_order_with_spaces() -> None:
    document = rich_document()
    document.pages = document.pages[1:]
    document.pages[0].number = 1
    text = page_text(document.with_source(picture()).to_pdf())
    assert [part for part in text.split("\r\n") if part][:4] == [
        "Annual Report 2025",
        "on overleaf.",
        "Ship Tons",
        "Eva 7",
    ]
    for expected in ("North & <East> 1,200 1,310", "שלום עולם טוב", "항구의 배 📦 상자"):
        assert expected in text
    assert "turned by a little" in text


def test_poppler_reads_the_same(tmp_path: Path) -> None:
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not installed")
    document = one_page(
        line("Grüße from 항구 📦 𝒳", 50, 100),
        line("שלום עולם (טוב) 12", 200, 200, direction="rtl"),
    )
    path = tmp_path / "one.pdf"
    document.with_source(picture()).save(path)
    text = subprocess.run(
        ["pdftotext", str(path), "-"], capture_output=True, check=True, encoding="utf-8"
    ).stdout
    assert "Grüße from 항구 📦 𝒳" in text
    assert "שלום עולם" in text


@pytest.mark.parametrize("degrees", [0, 3, -12, 90, -90, 180])
def test_letters_lie_where_the_word_is(degrees: float) -> None:
    document = one_page(turned(line("placed well", 400, 500), degrees))
    data = document.with_source(picture()).to_pdf()
    letters = [(c, box) for c, box in character_boxes(data) if c.strip()]
    text = "".join(c for c, _ in letters)
    # pdfium gives the words of a line that stands on its head from left to right.
    assert text in ("placedwell", "wellplaced" if degrees == 180 else "")
    for word in document.words:
        start = text.index(word.text)
        part = letters[start : start + len(word.text)]
        (ax, ay), (bx, by), _, (dx, dy) = word.quad or ()
        for index, (_, box) in enumerate(part):
            # The middle of the letter's box is the middle of its share of the quad.
            share = (index + 0.5) / len(part)
            x = ax + share * (bx - ax) + (dx - ax) / 2
            y = ay + share * (by - ay) + (dy - ay) / 2
            middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            assert math.dist(middle, (x, y)) < 2.5


def test_jpeg_goes_in_as_it_is(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (110, 80, 3), np.uint8)
    path = tmp_path / "scan.jpg"
    Image.fromarray(noise).save(path, quality=70, dpi=(200, 200))
    data = path.read_bytes()
    document = Document(name="scan.jpg", pages=[Page(number=1, width=80, height=110)])
    pdf = document.with_source(path).to_pdf()
    assert data in pdf
    with pdfium.PdfDocument(pdf) as opened:
        assert opened[0].get_size() == pytest.approx((80 * 72 / 200, 110 * 72 / 200), abs=0.01)


@pytest.mark.parametrize("kind", ["colour", "grey", "black and white"])
def test_picture_looks_the_same(kind: str) -> None:
    pixels = picture(401, 307)
    if kind != "colour":
        pixels[10:30, 10:60] = 100 if kind == "grey" else 0
    document = Document(pages=[Page(number=1, width=401, height=307)]).with_source(pixels)
    with pdfium.PdfDocument(document.to_pdf()) as pdf:
        page = pdf[0]
        shown = page.render(scale=401 / page.get_width()).to_numpy()[:307, :401, ::-1][..., -3:]
    difference = np.abs(shown.astype(int) - pixels).mean()
    assert difference < 1.5
    assert len(document.to_pdf()) < 12_000


def born_digital() -> bytes:
    stream = io.BytesIO()
    sheet = canvas.Canvas(stream, pagesize=(300, 400))
    sheet.drawString(50, 300, "digital page")
    sheet.showPage()
    sheet.rect(20, 20, 100, 100)
    hidden = sheet.beginText(50, 300)
    hidden.setTextRenderMode(3)
    hidden.textLine("stale words")
    sheet.drawText(hidden)
    sheet.showPage()
    sheet.save()
    return stream.getvalue()


def test_pages_of_a_pdf_stay_and_scanned_ones_get_text() -> None:
    from_text = Source(name="pdf-text", version="1")
    digital = line("digital page", 50, 90)
    for word in digital.words:
        word.source = from_text
    flipped = (1.0, 0.0, 0.0, -1.0, 0.0, 400.0)
    pages = [
        Page(number=n, width=300, height=400, unit="point", to_source=flipped, items=[item])
        for n, item in (
            (1, block("paragraph", [digital])),
            (2, block("paragraph", [line("fresh words", 60, 100)])),
        )
    ]
    original = born_digital()
    data = Document(pages=pages).with_source(original).to_pdf()
    assert page_text(data, 0) == page_text(original, 0)
    assert page_text(data, 1) == "fresh words"
    with pdfium.PdfDocument(data) as pdf, pdfium.PdfDocument(original) as before:
        assert np.array_equal(pdf[1].render().to_numpy(), before[1].render().to_numpy())
        box = pdf[1].get_textpage().get_charbox(0, loose=True)
        assert box == pytest.approx((60, 400 - 120, 70, 400 - 100), abs=0.5)
    again = Document(pages=pages).with_source(data).to_pdf()
    assert page_text(again, 1) == "fresh words"
    blank = Page(number=2, width=300, height=400, unit="point")
    only_digital = Document(pages=[pages[0], blank]).with_source(original)
    assert only_digital.to_pdf() == original


def test_without_a_source_it_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="with_source"):
        rich_document().to_pdf()
    with pytest.raises(InputError):
        rich_document().with_source(tmp_path / "gone.png").to_pdf()


@pytest.mark.parametrize(
    "name", [name for name, d in awkward_documents().items() if len(d.pages) == 1]
)
def test_awkward_documents_open(name: str) -> None:
    document = awkward_documents()[name].with_source(picture(50, 40))
    with pdfium.PdfDocument(document.to_pdf()) as pdf:
        assert len(pdf) == 1
        pdf[0].get_textpage().get_text_range()


def scanned_page(rotate: int, box: tuple[float, ...], encrypt: str | None = None) -> bytes:
    """A page with a black bar whose lower left corner stands at (100, 200) of user space."""
    stream = io.BytesIO()
    sheet = canvas.Canvas(stream, pagesize=(300, 400), encrypt=encrypt)
    sheet.rect(100, 200, 60, 20, fill=1)
    if rotate:
        sheet.setPageRotation(rotate)
    sheet.showPage()
    sheet.save()
    with pdfium.PdfDocument(stream.getvalue(), password=encrypt) as pdf:
        if encrypt is None:
            pdf[0].set_mediabox(*box)
            pdf[0].gen_content()
            stream = io.BytesIO()
            pdf.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("box", [(0, 0, 300, 400), (20, 50, 320, 450), (-30, -40, 300, 400)])
def test_text_lies_right_on_turned_and_shifted_pages(rotate: int, box: tuple[float, ...]) -> None:
    original = scanned_page(rotate, box)
    with open_source(original) as source:
        image = source[1]
        dark = np.argwhere(image.pixels[..., 0] < 128)
    (y0, x0), (y1, x1) = dark.min(axis=0) / image.scale, dark.max(axis=0) / image.scale
    word = Word(text="bar", box=(x0, y0, x1, y1), source=Source(name="rapidocr", version="1"))
    text_line = Line(words=[word], box=word.box)
    page = Page(
        number=1,
        width=image.width,
        height=image.height,
        unit="point",
        to_source=image.to_source,
        items=[block("paragraph", [text_line])],
    )
    data = Document(pages=[page]).with_source(original).to_pdf()
    with pdfium.PdfDocument(data) as pdf:
        assert pdf[0].get_mediabox() == pytest.approx(box)
        assert pdf[0].get_rotation() == rotate
        text = pdf[0].get_textpage()
        assert text.get_text_range() == "bar"
        boxes = [text.get_charbox(index, loose=True) for index in range(3)]
    left, bottom = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, top = max(b[2] for b in boxes), max(b[3] for b in boxes)
    assert (left, bottom, right, top) == pytest.approx((100, 200, 160, 220), abs=2)


@pytest.mark.parametrize("rotate", [0, 90])
def test_visible_text_that_ocr_read_again_is_there_once(rotate: int) -> None:
    stream = io.BytesIO()
    sheet = canvas.Canvas(stream, pagesize=(300, 400))
    sheet.setPageRotation(rotate)
    sheet.drawString(100, 200, "gqrblfd wprds")
    sheet.showPage()
    sheet.save()
    original = stream.getvalue()
    with open_source(original) as source:
        image = source[1]
    page = Page(
        number=1,
        width=image.width,
        height=image.height,
        unit="point",
        to_source=image.to_source,
        items=[block("paragraph", [line("garbled words", 100, 180)])],
    )
    data = Document(pages=[page]).with_source(original).to_pdf()
    assert page_text(data, 0).split() == ["garbled", "words"]
    with pdfium.PdfDocument(data) as pdf, pdfium.PdfDocument(original) as before:
        seen, expected = (p[0].render(scale=2).to_numpy().astype(int) for p in (pdf, before))
        assert seen.shape == expected.shape
        assert np.abs(seen - expected).mean() < 2


def test_encrypted_pdf_is_read_and_stays_encrypted() -> None:
    original = scanned_page(0, (0, 0, 300, 400), encrypt="secret")
    word = line("bar", 100, 180)
    flipped = (1.0, 0.0, 0.0, -1.0, 0.0, 400.0)
    page = Page(
        number=1,
        width=300,
        height=400,
        unit="point",
        to_source=flipped,
        items=[block("paragraph", [word])],
    )
    data = Document(pages=[page]).with_source(original, "secret").to_pdf()
    with pdfium.PdfDocument(data, password="secret") as pdf:
        assert pdf[0].get_textpage().get_text_range() == "bar"
    with pytest.raises(pdfium.PdfiumError):
        pdfium.PdfDocument(data)


def test_only_the_pages_that_were_read_are_kept() -> None:
    stream = io.BytesIO()
    drawn = canvas.Canvas(stream, pagesize=(300, 400))
    for number in (1, 2, 3):
        drawn.drawString(50, 300, f"page number {number}")
        drawn.showPage()
    drawn.save()
    pages = [Page(number=number, width=300, height=400, unit="point") for number in (2, 3)]
    data = Document(pages=pages).with_source(stream.getvalue()).to_pdf()
    with pdfium.PdfDocument(data) as pdf:
        assert len(pdf) == 2
    assert "page number 2" in page_text(data, 0)
    assert "page number 3" in page_text(data, 1)
