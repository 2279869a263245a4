"""Mutated files: whatever is done to a file, reading it ends in pages or in one typed error.

    python -m benchmarks.fuzz --count 2000            opening, decoding and text layers
    python -m benchmarks.fuzz --count 2000 --read     vlkit.read, recognition included

Each file is read in a child process, which survives the files before it and whose death, by a
crash or by silence, is blamed on the file that it was reading.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import selectors
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
from PIL import Image

import vlkit
from vlkit.data.elements import Paragraph, Style, Title
from vlkit.data.pages import Typeset, typeset
from vlkit.data.random_pages import random_document
from vlkit.errors import VlkitError
from vlkit.images import PageImage
from vlkit.sources import open_source

SILENCE_SECONDS = 300.0
"""A file that takes longer has hung its decoder, on a busy machine too."""
FAILS_WITHIN = (2.0, 300.0)
"""Seconds, and megabytes on top of what the process held, of a file that yields no page."""
READS_WITHIN = (2.0, 2000.0)
"""Times the intact file's time, and megabytes in all, of a file that yields pages. A PDF that lost
its page's size is a Letter page, and a changed header can be that of a large one: where the pages
are larger than the intact ones, their time may be so, too."""
TIMER_SECONDS = 0.25
"""Below this, times of single files say more about the machine's other work."""
TRIALS = 3
"""Times that a file is read before it counts as slow: other work adds to processor time too, by
emptying the caches."""


# --- Files to mutate -----------------------------------------------------------------------------


def intact_files(small: bool = False) -> dict[str, bytes]:
    """A generated page in every format and compression, the TIFFs with three pages.

    Args:
        small: A few words on a card, which are quickly recognised.
    """
    document = _card() if small else random_document(7)
    page = Image.fromarray(document.to_image(0, dpi=100 if small else 60)).convert("RGB")
    grey, line_art, palette = page.convert("L"), page.convert("1"), page.quantize(16)

    def save(picture: Image.Image, form: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        picture.save(buffer, form, **options)
        return buffer.getvalue()

    def tiff(picture: Image.Image, compression: str) -> bytes:
        more = [picture, picture]
        return save(picture, "TIFF", compression=compression, save_all=True, append_images=more)

    return {
        "png": save(page, "PNG"),
        "png-palette": save(palette, "PNG"),
        "png-16": save(grey.convert("I;16"), "PNG"),
        "jpeg": save(page, "JPEG", quality=80),
        "jpeg-progressive": save(grey, "JPEG", progressive=True),
        "jpeg-cmyk": save(page.convert("CMYK"), "JPEG"),
        "webp": save(page, "WEBP"),
        "webp-lossless": save(page, "WEBP", lossless=True),
        "bmp": save(page, "BMP"),
        "bmp-1": save(line_art, "BMP"),
        "gif": save(palette, "GIF"),
        "tiff-raw": tiff(grey, "raw"),
        "tiff-lzw": tiff(page, "tiff_lzw"),
        "tiff-deflate": tiff(page, "tiff_adobe_deflate"),
        "tiff-packbits": tiff(grey, "packbits"),
        "tiff-jpeg": tiff(page, "jpeg"),
        "tiff-g3": tiff(line_art, "group3"),
        "tiff-g4": tiff(line_art, "group4"),
        "pdf-scan": document.to_pdf("none", dpi=60),
        "pdf-text": document.to_pdf(),
        "pdf-hidden": document.to_pdf("hidden", dpi=60),
        "pdf-encrypted": _encrypted_pdf(CARD if small else LETTER),
        "pdf-xref-stream": _xref_stream_pdf(CARD if small else LETTER),
    }


CARD, LETTER = (200, 120), (612, 792)


def _card() -> Typeset:
    style = Style(size=CARD, margins=(12, 12, 12, 12))
    text = "Received 3 May 2024 at the office in Harrow, file 20-118."
    return typeset([Title("Delivery note"), Paragraph(text)], style)


def _encrypted_pdf(size: tuple[int, int]) -> bytes:
    """Encrypted with an empty user password, as forms often are: opens without asking."""
    from reportlab.pdfgen.canvas import Canvas

    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size, encrypt="", invariant=1)
    for number in range(1, 4):
        for line, y in enumerate(range(size[1] - 32, 20, -20)):
            canvas.drawString(size[0] // 10, y, f"Line {line} of page {number} is printed here.")
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _xref_stream_pdf(size: tuple[int, int]) -> bytes:
    """PDF 1.5: objects within an object stream, places in a cross-reference stream."""
    text = "".join(
        f"1 0 0 1 {size[0] // 10} {y} Tm (Line {line} of it.) Tj "
        for line, y in enumerate(range(size[1] - 32, 20, -20))
    )
    content = zlib.compress(f"BT /F 12 Tf {text}ET".encode())
    packed = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents 6 0 R" % size
        + b"/Resources<</Font<</F 4 0 R>>>>>>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    starts = [sum(len(item) + 1 for item in packed[:index]) for index in range(len(packed))]
    index = " ".join(f"{number} {start}" for number, start in enumerate(starts, 1)).encode() + b" "
    objects = zlib.compress(index + b"\n".join(packed))
    out = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    places = {}

    def add(number: int, entries: bytes, data: bytes) -> None:
        places[number] = len(out)
        out.extend(b"%d 0 obj\n<<%s/Length %d>>\nstream\n" % (number, entries, len(data)))
        out.extend(data + b"\nendstream\nendobj\n")

    flate = b"/Filter/FlateDecode"
    add(5, flate + b"/Type/ObjStm/N 4/First %d" % len(index), objects)
    add(6, flate, content)
    rows = [struct.pack(">BIH", 0, 0, 65535)]
    rows += [struct.pack(">BIH", 2, 5, place) for place in range(4)]
    rows += [struct.pack(">BIH", 1, places[number], 0) for number in (5, 6)]
    rows += [struct.pack(">BIH", 1, len(out), 0)]
    add(7, flate + b"/Type/XRef/Size 8/W[1 4 2]/Root 1 0 R", zlib.compress(b"".join(rows)))
    out.extend(b"startxref\n%d\n%%%%EOF\n" % places[7])
    return bytes(out)


# --- Mutations -----------------------------------------------------------------------------------


def mutate(data: bytes, chance: random.Random) -> bytes:
    """One to three kinds of damage, each drawn by ``chance``."""
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        data = chance.choice(_MUTATIONS)(data, chance)
    return data


def _flip_bits(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(min(chance.choice([1, 4, 32, 256]), len(data))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def _truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _swap_blocks(data: bytes, chance: random.Random) -> bytes:
    size = max(1, min(chance.choice([16, 512, 8192]), len(data) // 3))
    if len(data) < 2 * size:
        return data
    first = chance.randrange(len(data) - 2 * size + 1)
    second = chance.randrange(first + size, len(data) - size + 1)
    middle = data[first + size : second]
    a, b = data[first : first + size], data[second : second + size]
    return data[:first] + b + middle + a + data[second + size :]


def _edit_header(data: bytes, chance: random.Random) -> bytes:
    """Extreme numbers where sizes and offsets stand; PNG's checksums are made right again."""
    damaged = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4])):
        value = chance.choice([0, 1, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 60_000])
        form = chance.choice(["<B", "<H", ">H", "<I", ">I"])
        packed = struct.pack(form, value & (256 ** struct.calcsize(form) - 1))
        place = chance.randrange(4, max(5, min(256, len(damaged))))
        damaged[place : place + len(packed)] = packed
    if data.startswith(b"\x89PNG") and len(damaged) > 33:
        damaged[29:33] = struct.pack(">I", zlib.crc32(damaged[12:29]))
    return bytes(damaged)


def _edit_number(data: bytes, chance: random.Random) -> bytes:
    """Another number in the place of one written in digits: the grammar of PDF."""
    numbers = list(re.finditer(rb"\d+", data))
    if not numbers:
        return data
    found = chance.choice(numbers)
    number = chance.choice([b"0", b"-1", b"1", b"7", b"65536", b"99999999", b"1e9"])
    return data[: found.start()] + number + data[found.end() :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.randbytes(chance.choice([1, 3, 64, 4096])) + data[place:]


def _blank(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    size = min(chance.choice([8, 256, 4096]), len(data) - place)
    return data[:place] + bytes(size) + data[place + size :]


_MUTATIONS = [_flip_bits, _truncate, _swap_blocks, _edit_header, _edit_number, _insert, _blank]


def mutated_files(count: int, seed: int = 0, small: bool = False) -> Iterator[tuple[str, bytes]]:
    """(kind, bytes): the kinds by turns, each file drawn by its own seed."""
    files = list(intact_files(small).items())
    for number in range(count):
        kind, data = files[number % len(files)]
        yield kind, mutate(data, random.Random(f"{seed}/{number}"))


# --- Reading them --------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What reading one file came to.

    Attributes:
        pages, failed: Pages that came and pages that gave an error.
        area: Of the pages that came, in their own unit.
        error: The type of the error of the whole file; empty where there is none.
        typed: Whether every error was a VlkitError.
        seconds: Of processor time, which other processes do not add to.
        grown, peak: Megabytes: peak on top of what the process held before, and in all.
    """

    kind: str
    pages: int = 0
    failed: int = 0
    area: float = 0.0
    error: str = ""
    typed: bool = True
    seconds: float = 0.0
    grown: float = 0.0
    peak: float = 0.0


def try_source(data: bytes) -> tuple[int, int, float]:
    """Open, decode and read text layers: pages that came, that failed, and the former's area."""
    good = failed = 0
    area = 0.0
    with open_source(data) as source:
        for page in source:
            try:
                if isinstance(page, VlkitError):
                    raise page
                good += _look(page)
                area += page.width * page.height
            except VlkitError:
                failed += 1
    return good, failed, area


def _look(page: PageImage) -> bool:
    if page.text_layer:
        _ = page.text_layer.content
    return page.pixels.size > 0


def try_read(data: bytes) -> tuple[int, int, float]:
    """The same by ``vlkit.read``, recognition included."""
    pages = vlkit.read(data).pages
    good = [page for page in pages if page.error is None]
    return len(good), len(pages) - len(good), sum(page.width * page.height for page in good)


def measure(kind: str, data: bytes, whole: bool) -> Outcome:
    """Read one file in this process."""
    outcome = Outcome(kind)
    # Linux: start the peak anew from what is held now.
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS")
    start = time.process_time()
    try:
        outcome.pages, outcome.failed, outcome.area = (try_read if whole else try_source)(data)
    except VlkitError as error:
        outcome.error = type(error).__name__
    except Exception as error:  # what this looks for
        outcome.error, outcome.typed = f"{type(error).__name__}: {error}"[:200], False
    outcome.seconds = time.process_time() - start
    outcome.peak = _memory("VmHWM")
    outcome.grown = outcome.peak - before
    return outcome


def _memory(what: str) -> float:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def _child(whole: bool) -> None:
    """Read the files named on standard input; answer each with a line of JSON."""
    warnings.simplefilter("ignore")
    cv2.setNumThreads(1)
    for kind, data in intact_files(small=whole).items():
        measure(kind, data, whole)  # what is loaded once is no file's cost
    print(json.dumps({}), flush=True)
    for line in sys.stdin:
        kind, path = json.loads(line)
        print(json.dumps(asdict(measure(kind, Path(path).read_bytes(), whole))), flush=True)


class _Children:
    """A child process and, where it dies, the next."""

    def __init__(self, whole: bool) -> None:
        self._command = [sys.executable, "-m", "benchmarks.fuzz", "--child"]
        self._command += ["--read"] if whole else []
        self._start()

    def _start(self) -> None:
        # One thread: threads that wait for each other spin, and so add processor time of no use.
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, bufsize=1,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        if self._answer(600.0) is None:
            raise RuntimeError("the child process can't read the intact files")

    def _answer(self, seconds: float) -> dict[str, object] | None:
        assert self._process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            line = self._process.stdout.readline() if selector.select(seconds) else ""
        return json.loads(line) if line else None

    def read(self, kind: str, path: Path) -> Outcome:
        assert self._process.stdin
        self._process.stdin.write(json.dumps([kind, str(path)]) + "\n")
        self._process.stdin.flush()
        answer = self._answer(SILENCE_SECONDS)
        if answer is not None:
            return Outcome(**answer)  # type: ignore[arg-type]
        code = self._process.poll()
        self.close()
        self._start()
        return Outcome(kind, error="hang" if code is None else f"died: {code}", typed=False)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def run(count: int, *, seed: int = 0, whole: bool = False, keep: Path | None = None) -> Report:
    """Read ``count`` mutated files and, for comparison, the intact ones three times each.

    Args:
        whole: Recognise the text too, by ``vlkit.read``, of smaller pages.
        keep: A folder for files whose outcome breaks a rule.
    """
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        children = _Children(whole)
        try:
            intact: dict[str, Outcome] = {}
            for kind, data in intact_files(small=whole).items():
                path.write_bytes(data)
                trials = [children.read(kind, path) for _ in range(TRIALS)]
                assert all(trial.pages and not trial.failed for trial in trials), trials
                trials.sort(key=lambda trial: trial.seconds)
                intact[kind] = trials[len(trials) // 2]
                if whole and kind.startswith("pdf-"):
                    # A damaged text layer is left for OCR: the intact scan's time is what counts.
                    scan = intact["pdf-scan"].seconds * intact[kind].pages
                    intact[kind].seconds = max(intact[kind].seconds, scan)
            report = Report(outcomes, intact)
            for number, (kind, data) in enumerate(mutated_files(count, seed, small=whole)):
                path.write_bytes(data)
                outcome = _settled(children, report, kind, path)
                outcomes.append(outcome)
                if keep and (problem := report.problem(outcome)):
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{seed}-{number}-{kind}").write_bytes(data)
                    print(f"{number} {kind}: {problem} {outcome}", file=sys.stderr)
        finally:
            children.close()
    return report


def _settled(children: _Children, report: Report, kind: str, path: Path) -> Outcome:
    """The file's outcome, the fastest of several where the first was too slow."""
    outcome = children.read(kind, path)
    for _ in range(TRIALS - 1):
        if report.problem(outcome) != "slow":
            break
        outcome = min(outcome, children.read(kind, path), key=lambda trial: trial.seconds)
    return outcome


@dataclass
class Report:
    """Outcomes beside the rules that they should keep."""

    outcomes: list[Outcome]
    intact: dict[str, Outcome]

    def problem(self, outcome: Outcome) -> str:
        """Which rule an outcome breaks; empty for none."""
        if not outcome.typed:
            return "untyped" if not outcome.error.startswith(("died", "hang")) else "crash"
        if outcome.pages == 0:
            slow, big = outcome.seconds > FAILS_WITHIN[0], outcome.grown > FAILS_WITHIN[1]
        else:
            intact = self.intact[outcome.kind]
            larger = max(outcome.area / intact.area, 1.0)
            allowed = max(READS_WITHIN[0] * intact.seconds * larger, TIMER_SECONDS)
            slow, big = outcome.seconds > allowed, outcome.peak > READS_WITHIN[1]
        return "slow" if slow else "big" if big else ""

    def problems(self) -> Counter[str]:
        found = Counter(self.problem(outcome) for outcome in self.outcomes)
        del found[""]
        return found

    def worst(self, yields_pages: bool) -> dict[str, float]:
        chosen = [outcome for outcome in self.outcomes if bool(outcome.pages) == yields_pages]
        return {
            "files": len(chosen),
            "seconds": max((outcome.seconds for outcome in chosen), default=0.0),
            "megabytes on top": max((outcome.grown for outcome in chosen), default=0.0),
            "megabytes in all": max((outcome.peak for outcome in chosen), default=0.0),
            "times the intact file's time": max(
                (outcome.seconds / self.intact[outcome.kind].seconds for outcome in chosen),
                default=0.0,
            ),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--read", action="store_true", help="recognise the text too")
    parser.add_argument("--keep", type=Path, help="folder for files that break a rule")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _child(arguments.read)
        return
    report = run(arguments.count, seed=arguments.seed, whole=arguments.read, keep=arguments.keep)
    print("errors", dict(Counter(o.error or "none" for o in report.outcomes).most_common()))
    print("no page", {name: round(value, 2) for name, value in report.worst(False).items()})
    print("pages", {name: round(value, 2) for name, value in report.worst(True).items()})
    print("problems", dict(report.problems()))
    sys.exit(1 if report.problems() else 0)


if __name__ == "__main__":
    main()
