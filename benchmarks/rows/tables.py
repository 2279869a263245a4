"""Tables: TEDS and TEDS-S of vlkit, pdfplumber and img2table on the same pages.

    python -m benchmarks.rows.tables [--quick]

Generated pages carry one table in prose, or are reports in two columns with narrow tables, whose
cells run over several lines. As PDFs everyone reads their text layer; as pictures of 200 dpi, clean
or as an office scanner gives them (skewed, grainy), vlkit reads with its own engine and img2table
with Tesseract (without implicit rows), and pdfplumber can't. Columns of right-to-left tables count
from the right; the others may begin at either side, the better one counts. Of pdfplumber's
strategies (lines, text) and img2table's (with and without implicit rows; borderless tables on) the
better one of each row is reported. Tables over two pages count as one: vlkit's are joined by
``continues``, others say nothing of it.

What alternatives find is kept under ``benchmarks/out/tables``.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import lxml.html
import pdfplumber
from PIL import Image

import vlkit
from benchmarks.table import Row, show
from vlkit.data.degrade import scan
from vlkit.data.pages import Typeset
from vlkit.data.pdf_writer import render
from vlkit.data.random_pages import random_document, random_table_page
from vlkit.document import Document, Table
from vlkit.evaluation.tables import score_tables
from vlkit.layout.finish import finish

try:
    import cv2.ximgproc  # noqa: F401 img2table fails without OpenCV's contributed modules
    from img2table import document as img2table_document
    from img2table.ocr import TesseractOCR
except ImportError as error:
    NO_IMG2TABLE = f"img2table is left out: {error}"
else:
    NO_IMG2TABLE = ""

TRANSCRIBED = Path(__file__).parents[2] / "tests" / "data" / "tables"
KEPT = Path(__file__).parents[1] / "out" / "tables"
PDFS, PICTURES = 10, 4
"""Generated documents of each kind."""
QUICK_PDFS, QUICK_PICTURES = 3, 1
DPI = 200
KINDS: list[tuple[str, Callable[[int], Typeset]]] = [
    ("ruled", partial(random_table_page, kind="ruled", spans=False)),
    ("ruled, spans", partial(random_table_page, kind="ruled", spans=True)),
    ("horizontal rules", partial(random_table_page, kind="horizontal", spans=False)),
    ("horizontal rules, spans", partial(random_table_page, kind="horizontal", spans=True)),
    ("borderless", partial(random_table_page, kind="borderless", spans=False)),
    ("borderless, spans", partial(random_table_page, kind="borderless", spans=True)),
    ("shaded rows", partial(random_table_page, kind="shaded", spans=False)),
    ("across pages", partial(random_table_page, across_pages=True)),
    ("narrow, in two columns", partial(random_document, columns=2)),
]
RIGHT_TO_LEFT: tuple[str, Callable[[int], Typeset]] = (
    "right to left",
    partial(random_table_page, language="heb"),
)
"""As PDFs only: the default engine reads no Hebrew."""
Tables = Sequence[Table | str]
Reader = Callable[[Path, int], list[str]]


@dataclass
class Sample:
    """Pages that are read together, each a file and a number, and their true tables."""

    pages: list[tuple[Path, int]]
    truth: Tables


def rows(data: Path | None, quick: bool) -> list[Row]:
    """Rows for each kind of generated table, as PDF, picture and scan, and the transcribed ones."""
    if NO_IMG2TABLE:
        print(NO_IMG2TABLE, file=sys.stderr)
    pdfs, pictures = (QUICK_PDFS, QUICK_PICTURES) if quick else (PDFS, PICTURES)
    found = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, make in [*KINDS, RIGHT_TO_LEFT]:
            found += _compare(f"PDFs: {name}", list(_generated(folder, pdfs, name, make)))
        if data is not None:
            real = list(_transcribed(data))
            found += _compare("transcribed, PDFs", [s for s in real if _is_pdf(s)])
            found += _compare("transcribed, pictures", [s for s in real if not _is_pdf(s)])
        for look, strength in (("pictures", None), ("scans", 1.0)):
            samples = [s for k in KINDS for s in _generated(folder, pictures, *k)]
            drawn = [_picture(sample, strength) for sample in samples]
            found += _compare(look, drawn)
    return found


def _is_pdf(sample: Sample) -> bool:
    return sample.pages[0][0].suffix == ".pdf"


def _generated(
    folder: Path, count: int, name: str, make: Callable[[int], Typeset]
) -> Iterator[Sample]:
    """``count`` documents with tables, of seeds that no other kind has."""
    names = [kind for kind, _ in [*KINDS, RIGHT_TO_LEFT]]
    first = 1000 + 100 * names.index(name)
    documents = ((seed, make(seed)) for seed in range(first, first + 100))
    tabular = ((seed, made) for seed, made in documents if _has_tables(made))
    for seed, made in islice(tabular, count):
        path = folder / f"{name}-{seed}.pdf"
        path.write_bytes(made.to_pdf())
        numbers = [page.number for page in made.truth.pages if page.tables]
        pages = [(path, number) for number in range(numbers[0], numbers[-1] + 1)]
        yield Sample(pages, _joined(made.truth))


def _has_tables(made: Typeset) -> bool:
    return any(page.tables for page in made.truth.pages)


def _picture(sample: Sample, strength: float | None) -> Sample:
    """The pages as pictures, through a scanner where a strength is given."""
    pages = []
    for index, (pdf, number) in enumerate(sample.pages):
        pixels = render(pdf.read_bytes(), DPI, page=number - 1)
        if strength is not None:
            pixels, _ = scan(pixels, index, strength=strength)
        path = pdf.with_name(f"{pdf.stem}-{number}-{strength}.png")
        Image.fromarray(pixels).save(path, dpi=(DPI, DPI))
        pages.append((path, 1))
    return Sample(pages, sample.truth)


def _transcribed(data: Path) -> Iterator[Sample]:
    pages: dict[tuple[Path, int], list[str]] = {}
    with (TRANSCRIBED / "index.tsv").open() as file:
        for entry in csv.DictReader(file, delimiter="\t"):
            page = (data / entry["folder"] / entry["file"], int(entry["page"]))
            pages.setdefault(page, []).append((TRANSCRIBED / entry["html"]).read_text())
    for page, tables in sorted(pages.items()):
        yield Sample([page], tables)


def _compare(on: str, samples: Sequence[Sample]) -> list[Row]:
    """TEDS and TEDS-S of everyone who can read these files."""
    readers: dict[str, Reader] = {} if NO_IMG2TABLE else {"img2table": _img2table}
    if all(map(_is_pdf, samples)):
        readers |= {"pdfplumber": _lines, "pdfplumber text": _text}
        readers |= {} if NO_IMG2TABLE else {"img2table implicit": _implicit}
    read: dict[str, list[Tables]] = {"vlkit": [_vlkit(sample) for sample in samples]}
    for name, reader in readers.items():
        read[name] = [
            _from_either_side(
                sample,
                [table for path, page in sample.pages for table in _kept(name, reader, path, page)],
            )
            for sample in samples
        ]
    detail: dict[str, object] = {"tables": sum(len(sample.truth) for sample in samples)}
    detail |= {f"found by {name}": sum(map(len, tables)) for name, tables in read.items()}
    return [
        _row(on, figure, {name: _mean(samples, read[name], bare) for name in read}, detail)
        for figure, bare in (("TEDS", False), ("TEDS-S", True))
    ]


def _from_either_side(sample: Sample, tables: list[str]) -> list[str]:
    """The tables, their columns counted from the side from which they score better."""
    mirrored = [_mirrored(table) for table in tables]
    return max(tables, mirrored, key=lambda found: sum(score_tables(sample.truth, found)))


def _mirrored(html: str) -> str:
    """The table with each row's cells in the opposite order."""
    root = lxml.html.fragment_fromstring(html, create_parent=True)
    for row in root.iter("tr"):
        row[:] = row[::-1]
    return str(lxml.html.tostring(root, encoding="unicode"))


def _mean(samples: Sequence[Sample], read: Sequence[Tables], structure_only: bool) -> float:
    values = [
        value
        for sample, tables in zip(samples, read, strict=True)
        for value in score_tables(sample.truth, tables, structure_only=structure_only)
    ]
    return sum(values) / max(1, len(values))


def _row(on: str, figure: str, values: dict[str, float], detail: dict[str, object]) -> Row:
    others: dict[str, float] = {}
    for name, value in values.items():
        if name != "vlkit":
            program = name.split()[0]
            others[program] = max(value, others.get(program, 0.0))
    return Row(
        on=on,
        figure=figure,
        ours=values["vlkit"],
        alternatives=others,
        wanted="above all",
        reached=all(values["vlkit"] > other for other in others.values()),
        detail={**detail, "every setting": values},
    )


def _vlkit(sample: Sample) -> list[Table]:
    """The tables of the sample's pages; those that go on over pages are one."""
    path, number = sample.pages[0]
    if path.suffix != ".pdf":
        pages = [vlkit.read(path).pages[0] for path, _ in sample.pages]
        return _joined(finish(Document(pages=pages)))
    wanted = f"{number}-{sample.pages[-1][1]}"
    return _joined(vlkit.read(path, pages=wanted))


def _joined(document: Document) -> list[Table]:
    """All tables, each with the rows of those that continue it, but for repeated headers."""
    heads: dict[str, Table] = {}
    for page in document.pages:
        for table in page.tables:
            head = heads.get(table.continues or "")
            heads[table.id] = _append(head, table) if head is not None else table.model_copy()
    unique = {id(table): table for table in heads.values()}
    return list(unique.values())


def _append(head: Table, table: Table) -> Table:
    """Adds a table's rows to those of the one that it continues."""
    skip = 0
    while skip < table.rows and _row_text(table, skip) == _row_text(head, skip):
        skip += 1
    down = head.rows - skip
    moved = [c.model_copy(update={"row": c.row + down}) for c in table.cells if c.row >= skip]
    head.cells = [*head.cells, *moved]
    head.rows += table.rows - skip
    return head


def _row_text(table: Table, row: int) -> list[str]:
    cells = sorted((cell for cell in table.cells if cell.row == row), key=lambda c: c.column)
    return [" ".join(cell.text.split()) for cell in cells]


def _kept(name: str, reader: Reader, path: Path, page: int) -> list[str]:
    """What the reader finds, or found on an equal file before."""
    known = f"{name} {version(name.split()[0])} {page}\n".encode()
    digest = hashlib.sha256(known + path.read_bytes()).hexdigest()[:24]
    kept = KEPT / f"{digest}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(reader(path, page)))
    tables: list[str] = json.loads(kept.read_text())
    return tables


def _lines(path: Path, page: int) -> list[str]:
    return _pdfplumber(path, page, "lines")


def _text(path: Path, page: int) -> list[str]:
    return _pdfplumber(path, page, "text")


def _pdfplumber(path: Path, page: int, strategy: str) -> list[str]:
    settings = {"vertical_strategy": strategy, "horizontal_strategy": strategy}
    with pdfplumber.open(path) as pdf:
        tables = pdf.pages[page - 1].extract_tables(settings)
    return [_html(table) for table in tables]


def _html(table: list[list[str | None]]) -> str:
    """pdfplumber's rows; None is a place that the cell before it covers."""
    parts = []
    for row in table:
        cells = "".join(f"<td>{escape(text)}</td>" for text in row if text is not None)
        parts.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(parts)}</table>"


def _img2table(path: Path, page: int, implicit_rows: bool = False) -> list[str]:
    settings = {"implicit_rows": implicit_rows, "borderless_tables": True}
    if path.suffix != ".pdf":
        picture = img2table_document.Image(src=str(path))
        tables = picture.extract_tables(ocr=TesseractOCR(n_threads=1), **settings)
        return [table.html for table in tables]
    try:
        found = img2table_document.PDF(str(path), pages=[page - 1]).extract_tables(**settings)
    except ValueError:  # its reader of text layers fails on some pages
        pdf = img2table_document.PDF(str(path), pages=[page - 1], pdf_text_extraction=False)
        found = pdf.extract_tables(ocr=TesseractOCR(n_threads=1), **settings)
    return [table.html for tables in found.values() for table in tables]


def _implicit(path: Path, page: int) -> list[str]:
    return _img2table(path, page, implicit_rows=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    data = os.environ.get("VLKIT_DATA")
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")  # else Tesseract spins
    show(rows(Path(data) if data else None, parser.parse_args().quick))


if __name__ == "__main__":
    main()
