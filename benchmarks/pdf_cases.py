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
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from reportlab import rl_config
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

import vlkit.data
from vlkit.data.degrade import scan
from vlkit.data.elements import Paragraph, Title
from vlkit.data.lines import Text
from vlkit.data.pages import to_pdf, typeset
from vlkit.data.random_pages import (
    random_business_page,
    random_document,
    random_style,
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
    return _broken(_saved(canvas, buffer), CHANGES["letters exchanged"], seed)


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
        found.append((f"reportlab: {name}", lambda s, f=change: _broken(_good(s), f, s), False))
    return found


# ---- broken character maps --------------------------------------------------------------------

Change = Callable[[int, np.random.Generator], int]


def _permuted(code: int, rng: np.random.Generator) -> int:
    """Letters exchanged among themselves, in the same way all over a file."""
    order = np.random.default_rng(int(rng.bit_generator.seed_seq.entropy[0])).permutation(26)  # type: ignore[attr-defined]
    for first in (65, 97):
        if first <= code < first + 26:
            return first + int(order[code - first])
    return code


CHANGES: dict[str, Change] = {
    "map shifted by 1": lambda code, _: code + 1 if code > 32 else code,
    "map shifted by 29": lambda code, _: max(code - 29, 33) if code > 32 else code,
    "letters exchanged": _permuted,
    "private characters": lambda code, _: 0xE000 + code if code > 32 else code,
    "replacement characters": lambda code, _: 0xFFFD if code > 32 else code,
}


def _broken(data: bytes, change: Change, seed: int) -> bytes | None:
    """The file with every character map changed; None where text survived it."""
    rng = np.random.default_rng([seed, 9])

    def stream(found: re.Match[bytes]) -> bytes:
        head, body = found.group(1), found.group(2)
        packed = b"FlateDecode" in head
        try:
            plain = zlib.decompress(body) if packed else body
        except zlib.error:
            return found.group(0)
        if b"begincmap" not in plain:
            return found.group(0)
        plain = _changed(plain, lambda code: change(code, rng))
        body = zlib.compress(plain) if packed else plain
        head = re.sub(rb"/Length \d+( \d+ R)?", b"/Length %d" % len(body), head)
        return head + b"stream\n" + body + b"\nendstream"

    pattern = rb"(<<[^<>]*>>\s*)stream\r?\n(.*?)\r?\n?endstream"
    return re.sub(pattern, stream, data, flags=re.DOTALL)


def _changed(cmap: bytes, change: Callable[[int], int]) -> bytes:
    def hexed(code: int) -> bytes:
        return b"<%04X>" % change(code)

    def entry(found: re.Match[bytes]) -> bytes:
        return found.group(1) + b"".join(
            hexed(int(part, 16)) if len(part) == 4 else b"<%s>" % part
            for part in re.findall(rb"<([0-9A-Fa-f]+)>", found.group(2))
        )

    def unrolled(found: re.Match[bytes]) -> bytes:
        # Ranges become single characters, because a change need not keep them in a row.
        pairs = []
        for first, last, to in re.findall(
            rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]{4})>", found.group(1)
        ):
            for step in range(int(last, 16) - int(first, 16) + 1):
                code = b"%0*X" % (len(first), int(first, 16) + step)
                pairs.append(b"<%s> <%04X>" % (code, int(to, 16) + step))
        return b"%d beginbfchar\n%s\nendbfchar" % (len(pairs), b"\n".join(pairs))

    block = rb"\d+ beginbfrange(?=[^\[]*?endbfrange)(.*?)endbfrange"
    cmap = re.sub(block, unrolled, cmap, flags=re.DOTALL)
    chars = re.compile(rb"beginbfchar(.*?)endbfchar", re.DOTALL)
    return chars.sub(
        lambda part: (
            b"beginbfchar"
            + re.sub(rb"(<[0-9A-Fa-f]+>\s*)(<[0-9A-Fa-f]+>)", entry, part.group(1))
            + b"endbfchar"
        ),
        cmap,
    )


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
            broken = _broken(data, CHANGES[name], seed)
            if broken and not _reads(broken, text):
                yield Case(f"Chromium: {name}", broken, False)


def _reads(data: bytes, html: str) -> bool:
    """Whether the words still come out: a change may not have reached every font."""
    truth = Counter(re.sub(r"<[^>]+>", " ", html).split())
    with PdfFile(data) as file:
        layer = file.page(1).text_layer
        assert layer
        found = Counter(w.text for line in layer.content.lines for w in line.words)
    return (truth & found).total() > 0.3 * truth.total()


# ---- text of known wording --------------------------------------------------------------------

SHY = "\u00ad"
COLUMNS = "font-family: 'DejaVu Serif'; font-size: 11px; text-align: justify; column-count: "
SETTINGS = {
    "one column": f"{COLUMNS}1",
    "two columns": f"{COLUMNS}2",
    "three columns, soft hyphens": f"{COLUMNS}3",
    "ligatures": "font-family: 'Liberation Serif', 'DejaVu Serif'; font-size: 15px",
    "spaced out": "font-family: 'DejaVu Sans'; letter-spacing: 3px",
    "positioned": "font-family: 'DejaVu Sans'; font-size: 12px",
}
LIGATURES = (
    "The office staff filed the first official affidavit after a difficult, efficient fight. "
    "Five waffles and a muffin suffice for breakfast; the final flight offers sufficient coffee. "
)


@dataclass(frozen=True)
class Wording:
    """A PDF and the text that it was made from, paragraphs joined by spaces.

    Attributes:
        stored: Whether the file holds the text in reading order, so that reading it as it is
            stored, glyph after glyph, can't do worse.
    """

    kind: str
    pdf: bytes
    text: str
    stored: bool


def wordings(each: int, seed: int = 0) -> Iterator[Wording]:
    """``each`` PDFs of each kind; Chromium's only where it is installed."""
    for index in range(each):
        for language in ("eng", "heb"):
            yield _typeset(language, seed + index)
        for kind in DRAWN:
            yield _drawn(kind, seed + index)
        if CHROMIUM:
            rng = np.random.default_rng([seed + index, 11])
            for kind, style in SETTINGS.items():
                yield _html(kind, style, rng)
            yield _rtl_html(rng)


def _typeset(language: Literal["eng", "heb"], seed: int) -> Wording:
    rng = np.random.default_rng([seed, 12])
    writer = Writer(language, rng)
    texts = [writer.heading(), *(writer.prose(5) for _ in range(6))]
    style = random_style(rng, language)
    made = typeset([Title(texts[0]), *map(Paragraph, texts[1:])], style)
    name = "typeset" if language == "eng" else "typeset, Hebrew"
    return Wording(name, made.to_pdf(), " ".join(texts), stored=True)


Order = Callable[[list[Text], np.random.Generator], list[Text]]


def _by_row(texts: list[Text], _: np.random.Generator) -> list[Text]:
    """Across all columns, as printer drivers and converters write."""
    return sorted(texts, key=lambda text: (round(text.baseline, 1), text.x))


def _without_spaces(texts: list[Text], rng: np.random.Generator) -> list[Text]:
    """Each word put in its own place."""
    return [replace(text, space=False) for text in _by_row(texts, rng)]


def _by_frame(texts: list[Text], rng: np.random.Generator) -> list[Text]:
    """Frames of a few lines in the order in which somebody put them on the page."""
    lines: dict[float, list[Text]] = {}
    column = 0
    for last, text in pairwise([texts[0], *texts]):
        column += text.baseline < last.baseline
        lines.setdefault(text.baseline + 10_000 * column, []).append(text)
    rows = list(lines.values())
    size = int(rng.integers(5, 12))
    frames = [rows[start : start + size] for start in range(0, len(rows), size)]
    return [text for at in rng.permutation(len(frames)) for row in frames[at] for text in row]


DRAWN: dict[str, tuple[Literal["eng", "heb"], Order]] = {
    "row by row": ("eng", _by_row),
    "row by row, Hebrew": ("heb", _by_row),
    "words without spaces": ("eng", _without_spaces),
    "frames in any order": ("eng", _by_frame),
}


def _drawn(kind: str, seed: int) -> Wording:
    """Two and three columns, drawn in another order than they are read in."""
    language, order = DRAWN[kind]
    rng = np.random.default_rng([seed, 13])
    writer = Writer(language, rng)
    texts = [writer.heading(), *(writer.prose(5) for _ in range(12))]
    style = random_style(rng, language, columns=2 + seed % 2)
    if language == "eng":
        style = replace(style, ligatures=True, hyphenate=True, soft_hyphens=True)
    made = typeset([Title(texts[0]), *map(Paragraph, texts[1:])], style)
    pages = [replace(page, ops=tuple(order(page.texts, rng))) for page in made.pages]
    return Wording(f"columns, {kind}", to_pdf(pages), " ".join(texts), stored=False)


def _html(kind: str, style: str, rng: np.random.Generator) -> Wording:
    writer = Writer("eng", rng)
    texts = [writer.prose(6) for _ in range(7)]
    if kind == "ligatures":
        texts = [LIGATURES + text for text in texts]
    parts = [f"<p>{escape(text)}</p>" for text in texts]
    if "hyphens" in kind:
        parts = [re.sub(r"([a-z]{3})(?=[a-z]{3})", rf"\1{SHY}", part) for part in parts]
    if kind == "positioned":
        # Paragraphs written in reverse, side by side by their place alone.
        parts = [
            f"<p style='position: absolute; width: 300px; left: {330 * (i // 4)}px;"
            f" top: {190 * (i % 4)}px'>{escape(text)}</p>"
            for i, text in enumerate(texts)
        ][::-1]
    data = print_html(f'<div style="{style}">{"".join(parts)}</div>')
    stored = kind not in ("spaced out", "positioned")
    return Wording(f"Chromium, {kind}", data, " ".join(texts), stored)


def _rtl_html(rng: np.random.Generator) -> Wording:
    writer = Writer("heb", rng)
    texts = [f"{writer.prose(4)} vlkit {1000 + int(rng.integers(999))}" for _ in range(6)]
    parts = "".join(f"<p>{escape(text)}</p>" for text in texts)
    data = print_html(f"<div dir=rtl style=\"font-family: 'DejaVu Sans'\">{parts}</div>")
    return Wording("Chromium, Hebrew", data, " ".join(texts), stored=False)
