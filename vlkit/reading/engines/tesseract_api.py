"""The two ways to call Tesseract: its library through tesserocr, or its program.

Both give Tesseract's TSV. The library saves a process and a model load per call; where
tesserocr isn't installed, one process reads many pictures.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import cv2

from vlkit.errors import EngineError, MissingDependency
from vlkit.reading.lines import Gray

INSTALL = (
    "Install Tesseract (Debian and Ubuntu: apt install tesseract-ocr; macOS: brew install "
    "tesseract; Windows: winget install UB-Mannheim.TesseractOCR) and see `vlkit doctor`"
)
INSTALL_LANGUAGE = (
    "Install its data (Debian and Ubuntu: apt install tesseract-ocr-{name}; macOS: brew install "
    "tesseract-lang; Windows: tick it in the installer), or put {file}.traineddata into the "
    "folder that TESSDATA_PREFIX names"
)
WINDOWS_PROGRAM = Path(r"C:\Program Files\Tesseract-OCR\tesseract.exe")
TESSDATA = (
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/share/tesseract/tessdata",
    "/usr/local/share/tessdata",
    "/opt/homebrew/share/tessdata",
    "/opt/local/share/tessdata",
    str(WINDOWS_PROGRAM.parent / "tessdata"),
)
BLOCK, SINGLE_LINE = 6, 7
"""Page segmentation modes."""
DPI = 300
"""What Tesseract is told; it only guards sizes that we have set already."""


@dataclass(frozen=True)
class RawWord:
    """A word as Tesseract gives it.

    Attributes:
        text: Without white space.
        box: (x0, y0, x1, y1) in the picture's pixels.
        confidence: 0 to 1, Tesseract's own, not a probability.
        line: Number of its line within the picture.
    """

    text: str
    box: tuple[float, float, float, float]
    confidence: float
    line: int

    def placed(self, scale: float, origin: tuple[float, float], line: int) -> RawWord:
        """The word in pixels of the page, of which the picture shows a part from ``origin`` on,
        enlarged by ``scale``.
        """
        x, y = origin
        x0, y0, x1, y1 = self.box
        box = (x0 / scale + x, y0 / scale + y, x1 / scale + x, y1 / scale + y)
        return RawWord(self.text, box, self.confidence, line)


class Api(Protocol):
    """One way to call Tesseract."""

    version: str

    def read(
        self, pictures: Sequence[Gray], languages: Sequence[str], mode: int
    ) -> list[list[RawWord]]:
        """Words of each picture. ``mode`` is Tesseract's page segmentation mode."""
        ...


def read_lines(api: Api, pictures: Sequence[Gray], languages: Sequence[str]) -> list[list[RawWord]]:
    """Words of each picture of a single line.

    Now and then Tesseract sees nothing in a line when told that it is one; it is then read as a
    block of text.
    """
    read = api.read(pictures, languages, SINGLE_LINE)
    empty = [number for number, words in enumerate(read) if not words]
    again = api.read([pictures[number] for number in empty], languages, BLOCK)
    for number, words in zip(empty, again, strict=True):
        read[number] = words
    return read


def find_tessdata() -> Path:
    """The folder of the language data.

    Raises:
        MissingDependency: There is none.
    """
    prefix = os.environ.get("TESSDATA_PREFIX")
    places = [prefix, str(Path(prefix) / "tessdata")] if prefix else []
    program = find_program()
    beside = [str(program.resolve().parent / "tessdata")] if program else []
    for place in [*places, *TESSDATA, *beside]:
        folder = Path(place)
        if folder.is_dir() and any(folder.glob("*.traineddata")):
            return folder
    raise MissingDependency("no Tesseract language data was found", remedy=INSTALL)


def find_program() -> Path | None:
    """The ``tesseract`` program, if it is installed."""
    found = shutil.which("tesseract")
    if found:
        return Path(found)
    return WINDOWS_PROGRAM if sys.platform == "win32" and WINDOWS_PROGRAM.exists() else None


def installed_languages() -> frozenset[str]:
    """Codes of the languages whose data is installed."""
    names = (path.stem for path in find_tessdata().glob("*.traineddata"))
    return frozenset(name for name in names if name not in {"osd", "equ"})


def open_api() -> Api:
    """tesserocr where installed, else the program.

    Raises:
        MissingDependency: Neither is there, or no language data.
    """
    tessdata = find_tessdata()
    if find_spec("tesserocr"):
        return Library(tessdata)
    program = find_program()
    if program is None:
        raise MissingDependency("Tesseract is not installed", remedy=INSTALL)
    return Program(program)


def require(languages: Sequence[str]) -> None:
    """Raises MissingDependency for the first language without data."""
    known = installed_languages()
    for language in languages:
        if language not in known:
            raise MissingDependency(
                f"Tesseract has no data for language '{language}' "
                f"(installed: {', '.join(sorted(known)) or 'none'})",
                remedy=INSTALL_LANGUAGE.format(
                    name=language.lower().replace("_", "-"), file=language
                ),
            )


class Library:
    """Tesseract's library in this process; one loaded model per set of languages."""

    def __init__(self, tessdata: Path) -> None:
        with _one_thread():
            import tesserocr

        self._tesserocr = tesserocr
        self._tessdata = tessdata
        self.version = tesserocr.tesseract_version().split("\n")[0].removeprefix("tesseract ")
        tesserocr.set_leptonica_log_level(tesserocr.LeptLogLevel.NONE)
        self._open = cache(self._load)

    def _load(self, languages: str) -> Any:
        try:
            api = self._tesserocr.PyTessBaseAPI(path=str(self._tessdata), lang=languages)
        except RuntimeError as error:
            raise MissingDependency(
                f"Tesseract can't load '{languages}' from {self._tessdata}: {error}",
                remedy=INSTALL,
            ) from error
        api.SetVariable("debug_file", os.devnull)
        return api

    def read(
        self, pictures: Sequence[Gray], languages: Sequence[str], mode: int
    ) -> list[list[RawWord]]:
        api = self._open("+".join(languages))
        api.SetPageSegMode(mode)
        pages = []
        for picture in pictures:
            height, width = picture.shape
            api.SetImageBytes(picture.tobytes(), width, height, 1, width)
            api.SetSourceResolution(DPI)
            if not api.Recognize():
                raise EngineError("Tesseract failed on this page")
            pages.append(parse_tsv(api.GetTSVText(0), 1)[0])
            api.Clear()
        return pages


class Program:
    """The ``tesseract`` program through pytesseract, one process for all pictures of a call."""

    def __init__(self, program: Path) -> None:
        import pytesseract

        self._pytesseract = pytesseract
        pytesseract.pytesseract.tesseract_cmd = str(program)
        self.version = str(pytesseract.get_tesseract_version())

    def read(
        self, pictures: Sequence[Gray], languages: Sequence[str], mode: int
    ) -> list[list[RawWord]]:
        if not pictures:
            return []
        with tempfile.TemporaryDirectory(prefix="vlkit-") as folder, _one_thread():
            paths = [Path(folder) / f"{number}.pgm" for number in range(len(pictures))]
            for path, picture in zip(paths, pictures, strict=True):
                cv2.imwrite(str(path), picture)
            listing = Path(folder) / "pictures.txt"
            listing.write_text("".join(f"{path}\n" for path in paths))
            try:
                tsv = self._pytesseract.image_to_data(
                    str(listing), lang="+".join(languages), config=f"--psm {mode} --dpi {DPI}"
                )
            except self._pytesseract.TesseractError as error:
                raise EngineError(
                    f"Tesseract failed on this page: {error.message.strip()}"
                ) from error
        return parse_tsv(tsv, len(pictures))


def parse_tsv(tsv: str, pages: int) -> list[list[RawWord]]:
    """Words of each of ``pages`` pictures from Tesseract's TSV (page_num counts from 1)."""
    found: list[list[RawWord]] = [[] for _ in range(pages)]
    lines: dict[tuple[str, ...], int] = {}
    for row in tsv.splitlines():
        cells = row.split("\t")
        if len(cells) != 12 or cells[0] != "5" or not cells[11].strip():
            continue
        line = lines.setdefault(tuple(cells[1:5]), len(lines))
        x, y, width, height = (float(cell) for cell in cells[6:10])
        page = int(cells[1]) - 1 if pages > 1 else 0
        box = (x, y, x + width, y + height)
        confidence = max(0.0, float(cells[10])) / 100
        found[page].append(RawWord(cells[11].strip(), box, confidence, line))
    return found


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep Tesseract from spinning on threads, which makes it several times slower."""
    before = os.environ.get("OMP_THREAD_LIMIT")
    os.environ["OMP_THREAD_LIMIT"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_THREAD_LIMIT"]
        else:
            os.environ["OMP_THREAD_LIMIT"] = before
