"""PDF pages whose text layer is known to be right or wrong, by several producers.

vlkit's own page renderer, reportlab, and Chromium's print to PDF where it is installed; on top of
them, files whose character maps are broken afterwards, scans with true, noisy, displaced and
foreign hidden text, and pages that are part scan, part text.
"""

from __future__ import annotations

import io
import re
import shutil
import string
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image
from reportlab import rl_config
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

import vlkit.data
from benchmarks.pdf_maps import CHANGES, broken
from vlkit.data.degrade import scan
from vlkit.data.pages import to_pdf
from vlkit.data.random_pages import (
    random_business_page,
    random_document,
    random_text_page,
)
from vlkit.data.vocabulary import Writer
from vlkit.pdf import PdfFile

SIZE = (595.0, 842.0)
Pixels = np.ndarray
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@dataclass(frozen=True)
class Case:
    """A PDF of one page.

    Attributes:
        kind: How it was made.
        text: Whether the text layer is the right choice (else OCR).
    """

    kind: str
    pdf: bytes
    text: bool


def cases(count: int, seed: int = 0) -> Iterator[Case]:
    """About ``count`` cases, every kind in turn."""
    rng = np.random.default_rng([seed, 77])
    makers = [*_own(), *_reportlab()]
    printed = list(_printed(rng, max(count // 12, 4))) if CHROMIUM else []
    yield from printed
    for index in range(count - len(printed)):
        kind, make, text = makers[index % len(makers)]
        made = make(int(rng.integers(1_000_000)))
        if made is not None:
            yield Case(kind, made, text)


# ---- vlkit's own renderer ---------------------------------------------------------------------

Maker = tuple[str, Callable[[int], bytes | None], bool]


def _page(seed: int):  # type: ignore[no-untyped-def]
    maker = (random_document, random_text_page, random_business_page)[seed % 3]
    return maker(seed, "eng").pages[0]


def _own() -> list[Maker]:
    def make(kind: str) -> Callable[[int], bytes]:
        return lambda seed: to_pdf([_page(seed)], kind, other=[_page(seed + 1)])  # type: ignore[arg-type]

    return [
        ("own: good", make("good"), True),
        ("own: unmapped", make("unmapped"), False),
        ("own: garbled", make("garbled"), False),
        ("own: no text", make("none"), False),
        ("own: hidden", make("hidden"), True),
        ("own: stale", make("stale"), False),
    ]


# ---- reportlab --------------------------------------------------------------------------------


def _register() -> str:
    name = "Case"
    if name not in pdfmetrics.getRegisteredFontNames():
        folder = Path(vlkit.data.__file__).parent / "fonts"
        pdfmetrics.registerFont(TTFont(name, folder / "VlkitSans-Regular.ttf"))
    return name


def _canvas() -> tuple[Canvas, io.BytesIO]:
    rl_config.useA85 = 0
    rl_config.invariant = 1
    buffer = io.BytesIO()
    return Canvas(buffer, pagesize=SIZE), buffer


def _saved(canvas: Canvas, buffer: io.BytesIO) -> bytes:
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def prose_lines(seed: int, width: int = 84, count: int = 40) -> list[str]:
    """Lines of generated English of about ``width`` characters."""
    writer = Writer("eng", np.random.default_rng([seed, 5]))
    words = " ".join(writer.prose(4) for _ in range(count)).split()
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines[:count]


def _write(canvas: Canvas, lines: list[str], *, mode: int = 0, top: float = 780) -> None:
    size = 10
    for row, line in enumerate(lines):
        text = canvas.beginText(60, top - 15 * row)
        text.setFont(_register(), size)
        text.setTextRenderMode(mode)
        text.textOut(line)
        canvas.drawText(text)


def _good(seed: int) -> bytes:
    canvas, buffer = _canvas()
    _write(canvas, prose_lines(seed))
    return _saved(canvas, buffer)


def _picture_of(data: bytes, seed: int, strength: float = 0.5) -> ImageReader:
    with PdfFile(data) as file:
        pixels, _ = scan(file.page(1).pixels, seed, strength=strength)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("L").save(buffer, "JPEG", quality=70)
    return ImageReader(buffer)


def _scanned(seed: int, draw: Callable[[Canvas], None], strength: float = 0.0) -> bytes:
    """A picture of the page of that seed with something drawn over it."""
    canvas, buffer = _canvas()
    canvas.drawImage(_picture_of(_good(seed), seed, strength), 0, 0, *SIZE)
    draw(canvas)
    return _saved(canvas, buffer)


def _hidden(lines: list[str], top: float = 780) -> Callable[[Canvas], None]:
    return lambda canvas: _write(canvas, lines, mode=3, top=top)


def _word_by_word(seed: int) -> Callable[[Canvas], None]:
    """Hidden text as OCR programs write it: each word in its own place and size."""

    def draw(canvas: Canvas) -> None:
        rng = np.random.default_rng([seed, 10])
        for row, line in enumerate(_noisy(seed, 0.01)):
            x = 60.0
            for word in line.split():
                size = 10 + rng.uniform(-0.8, 0.8)
                text = canvas.beginText(x + rng.uniform(-1, 1), 780 - 15 * row + rng.uniform(-1, 1))
                text.setFont(_register(), size)
                text.setTextRenderMode(3)
                text.textOut(word)
                canvas.drawText(text)
                x += pdfmetrics.stringWidth(word + " ", _register(), 10)

    return draw


def _body_broken(seed: int) -> bytes | None:
    """Headings in one of the standard fonts, which stay right, over a broken body."""
    canvas, buffer = _canvas()
    canvas.setFont("Helvetica-Bold", 16)
    canvas.drawString(60, 800, "Notes of the meeting")
    for row in range(4):
        canvas.drawString(60, 640 - 150 * row, f"Chapter {row + 2} and what follows from it")
        _write(canvas, prose_lines(seed + row, count=6), top=620 - 150 * row)
    return broken(_saved(canvas, buffer), CHANGES["letters exchanged"], seed)


def _noisy(seed: int, share: float) -> list[str]:
    """The page's lines with that share of their letters misread."""
    rng = np.random.default_rng([seed, 6])
    letters = string.ascii_lowercase
    return [
        "".join(
            letters[rng.integers(26)] if c.isalpha() and rng.random() < share else c for c in line
        )
        for line in prose_lines(seed)
    ]


def _with_photo(seed: int) -> bytes:
    rng = np.random.default_rng([seed, 7])
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    canvas, buffer = _canvas()
    canvas.drawImage(
        ImageReader(small.resize((640, 480), Image.Resampling.BICUBIC)), 60, 60, 475, 330
    )
    _write(canvas, prose_lines(seed, count=24))
    return _saved(canvas, buffer)


def _on_backdrop(seed: int) -> bytes:
    rng = np.random.default_rng([seed, 8])
    shade = np.linspace(190, 250, 200)[:, None, None] + rng.integers(-10, 10, 3)
    backdrop = Image.fromarray(np.broadcast_to(shade, (200, 150, 3)).astype(np.uint8))
    canvas, buffer = _canvas()
    canvas.drawImage(ImageReader(backdrop), 0, 0, *SIZE)
    _write(canvas, prose_lines(seed, 50, int(rng.integers(4, 16))))
    return _saved(canvas, buffer)


def _stamp(canvas: Canvas) -> None:
    _write(canvas, ["Received 3 May 2024, file 20-118"], top=815)


def _half_scan(seed: int) -> bytes:
    """A short text above a scanned page that fills the rest."""
    picture = _picture_of(_good(seed + 1), seed)
    canvas, buffer = _canvas()
    _write(canvas, prose_lines(seed, count=5))
    canvas.drawImage(picture, 40, 30, 515, 660)
    return _saved(canvas, buffer)


def _reportlab() -> list[Maker]:
    found: list[Maker] = [
        ("reportlab: good", _good, True),
        ("reportlab: photo and text", _with_photo, True),
        ("reportlab: text on a backdrop", _on_backdrop, True),
        ("reportlab: body's map broken", _body_broken, False),
        ("scan: hidden, 2 % misread", lambda s: _scanned(s, _hidden(_noisy(s, 0.02))), True),
        ("scan: hidden, word by word", lambda s: _scanned(s, _word_by_word(s), 0.3), True),
        ("scan: hidden, half misread", lambda s: _scanned(s, _hidden(_noisy(s, 0.5))), False),
        ("scan: hidden, displaced", lambda s: _scanned(s, _hidden(prose_lines(s), 600)), False),
        ("scan: hidden, other page", lambda s: _scanned(s, _hidden(prose_lines(s + 1))), False),
        ("scan: header stamp only", lambda s: _scanned(s, _stamp), False),
        ("mixed: text above a scan", _half_scan, False),
    ]
    for name, change in CHANGES.items():
        found.append((f"reportlab: {name}", lambda s, f=change: broken(_good(s), f, s), False))
    return found


# ---- Chromium ---------------------------------------------------------------------------------

STYLES = (
    "font-family: 'DejaVu Serif', serif; column-count: 2; text-align: justify; hyphens: auto",
    "font-family: 'DejaVu Sans', sans-serif; font-size: 12px",
    "font-family: 'Liberation Serif', serif; column-count: 3; font-size: 11px",
    "font-family: monospace; font-size: 11px",
    "font-family: serif; font-variant: small-caps; letter-spacing: 2px",
)


def print_html(body: str) -> bytes:
    """What Chromium prints: real shaping, ligatures, hyphenation, right-to-left text."""
    with tempfile.TemporaryDirectory() as folder:
        page, out = Path(folder) / "page.html", Path(folder) / "page.pdf"
        page.write_text(f"<!doctype html><meta charset=utf-8>{body}", "utf-8")
        command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu"]
        command += ["--no-pdf-header-footer", f"--print-to-pdf={out}", str(page)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        # The same bytes for the same page: the time of printing stands in them.
        return re.sub(rb"D:\d{14}", b"D:20260101000000", out.read_bytes())


def _printed(rng: np.random.Generator, count: int) -> Iterator[Case]:
    """Prose in several scripts and styles, as printed and with its maps broken."""
    for index in range(count):
        seed = int(rng.integers(1_000_000))
        writer = Writer("heb" if index % 4 == 3 else "eng", rng)
        rtl = "dir=rtl" if index % 4 == 3 else ""
        text = "".join(f"<p>{escape(writer.prose(6))}</p>" for _ in range(5))
        data = print_html(f'<div lang=en {rtl} style="{STYLES[index % 5]}">{text}</div>')
        yield Case("Chromium: good", data, True)
        if not rtl:
            name = list(CHANGES)[index % len(CHANGES)]
            changed = broken(data, CHANGES[name], seed)
            if changed and not _reads(changed, text):
                yield Case(f"Chromium: {name}", changed, False)


def _reads(data: bytes, html: str) -> bool:
    """Whether the words still come out: a change may not have reached every font."""
    truth = Counter(re.sub(r"<[^>]+>", " ", html).split())
    with PdfFile(data) as file:
        layer = file.page(1).text_layer
        assert layer
        found = Counter(w.text for line in layer.content.lines for w in line.words)
    return (truth & found).total() > 0.3 * truth.total()
