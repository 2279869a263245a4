"""Tables: TEDS and TEDS-S of vlkit, pdfplumber and img2table on the same pages.

    python -m benchmarks.rows.tables [--quick]

Generated pages carry one table in prose. Everyone reads the PDF's text layer. Of pdfplumber's
strategies (lines, text) and img2table's (with and without implicit rows; borderless tables on) the
better one of each row is reported.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pdfplumber
from img2table.document import PDF
from img2table.ocr import TesseractOCR

from benchmarks.table import Row, show
from vlkit.data.random_pages import TableKind, random_table_page
from vlkit.document import Table
from vlkit.evaluation.tables import score_tables
from vlkit.layout.tables import find_tables
from vlkit.pdf import PdfFile
from vlkit.reading.engines.pdf_text import PdfText

TRANSCRIBED = Path(__file__).parents[2] / "tests" / "data" / "tables"
KINDS: list[tuple[str, TableKind | None, bool | None, bool]] = [
    ("ruled", "ruled", False, False),
    ("ruled, spans", "ruled", True, False),
    ("horizontal rules", "horizontal", False, False),
    ("horizontal rules, spans", "horizontal", True, False),
    ("borderless", "borderless", False, False),
    ("borderless, spans", "borderless", True, False),
    ("shaded rows", "shaded", False, False),
    ("across pages", None, None, True),
]
Reader = Callable[[Path, int], Sequence[Table | str]]


@dataclass
class Sample:
    """A page of a PDF and its true tables."""

    path: Path
    page: int
    truth: Sequence[Table | str]


def rows(data: Path | None, quick: bool) -> list[Row]:
    """A row for each kind of generated table, and one for the transcribed ones."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, kind, spans, across in KINDS:
            count = 3 if quick else 20
            samples = list(_generated(Path(folder), count, kind, spans, across))
            found += _compare(f"generated tables: {name}", samples)
    if data is not None:
        found += _compare("tables of real PDFs", list(_transcribed(data / "pdfs")))
    return found


def _generated(
    folder: Path, count: int, kind: TableKind | None, spans: bool | None, across: bool
) -> Iterator[Sample]:
    for seed in range(1000, 1000 + count):
        made = random_table_page(seed, kind=kind, spans=spans, across_pages=across)
        path = folder / f"{kind}-{spans}-{across}-{seed}.pdf"
        path.write_bytes(made.to_pdf())
        for page in made.truth.pages:
            yield Sample(path, page.number, page.tables)


def _transcribed(folder: Path) -> Iterator[Sample]:
    pages: dict[tuple[str, int], list[str]] = {}
    with (TRANSCRIBED / "index.tsv").open() as file:
        for entry in csv.DictReader(file, delimiter="\t"):
            tables = pages.setdefault((entry["pdf"], int(entry["page"])), [])
            tables.append((TRANSCRIBED / entry["html"]).read_text())
    for (name, number), tables in sorted(pages.items()):
        yield Sample(folder / name, number, tables)


def _compare(on: str, samples: Sequence[Sample]) -> list[Row]:
    readers: dict[str, Reader] = {
        "vlkit": _vlkit,
        "pdfplumber lines": lambda path, page: _pdfplumber(path, page, "lines"),
        "pdfplumber text": lambda path, page: _pdfplumber(path, page, "text"),
        "img2table": lambda path, page: _img2table(path, page, False),
        "img2table implicit rows": lambda path, page: _img2table(path, page, True),
    }
    scores: dict[str, dict[str, float]] = {"TEDS": {}, "TEDS-S": {}}
    counts: dict[str, object] = {"tables": sum(len(sample.truth) for sample in samples)}
    for name, reader in readers.items():
        read = [reader(sample.path, sample.page) for sample in samples]
        counts[f"found by {name}"] = sum(map(len, read))
        for figure, structure_only in (("TEDS", False), ("TEDS-S", True)):
            values = [
                value
                for sample, tables in zip(samples, read, strict=True)
                for value in score_tables(sample.truth, tables, structure_only=structure_only)
            ]
            scores[figure][name] = sum(values) / max(1, len(values))
    return [_row(on, figure, values, counts) for figure, values in scores.items()]


def _row(on: str, figure: str, values: dict[str, float], counts: dict[str, object]) -> Row:
    others = {
        "pdfplumber": max(values["pdfplumber lines"], values["pdfplumber text"]),
        "img2table": max(values["img2table"], values["img2table implicit rows"]),
    }
    return Row(
        on=on,
        figure=figure,
        ours=values["vlkit"],
        alternatives=others,
        wanted="above both",
        reached=values["vlkit"] > max(others.values()),
        detail={**counts, "every setting": values},
    )


def _vlkit(path: Path, page: int) -> Sequence[Table]:
    with PdfFile(path) as file:
        image = file.page(page)
        lines = PdfText().recognise(image, [])
        return find_tables(lines, image, image.width, image.height)[0]


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


def _img2table(path: Path, page: int, implicit_rows: bool) -> list[str]:
    try:
        document = PDF(src=str(path), pages=[page - 1])
        found = document.extract_tables(implicit_rows=implicit_rows, borderless_tables=True)
    except ValueError:  # its reader of text layers fails on some pages
        document = PDF(src=str(path), pages=[page - 1], pdf_text_extraction=False)
        found = document.extract_tables(
            ocr=TesseractOCR(n_threads=1), implicit_rows=implicit_rows, borderless_tables=True
        )
    return [table.html for tables in found.values() for table in tables]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    data = os.environ.get("VLKIT_DATA")
    show(rows(Path(data) if data else None, parser.parse_args().quick))


if __name__ == "__main__":
    main()
