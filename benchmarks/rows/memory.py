"""Resident memory of one process that reads page after page: page 1,000 against page 50."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.table import Row
from vlkit.data.random_pages import random_document
from vlkit.reading.read import Reader, ReadOptions
from vlkit.sources import open_source

KINDS = 10
SAMPLE_EVERY = 10


def resident() -> float:
    """Bytes that the process holds now (not its peak)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * resource.getpagesize())


def read_pages(count: int, folder: Path) -> list[float]:
    """Read ``count`` pages, pictures and text-layer PDFs by turns; memory after each tenth."""
    files = []
    for seed in range(KINDS):
        document = random_document(seed)
        picture, pdf = folder / f"{seed}.png", folder / f"{seed}.pdf"
        Image.fromarray(document.to_image(0, dpi=72)).save(picture)
        pdf.write_bytes(document.to_pdf())
        files += [picture, pdf]
    reader = Reader(ReadOptions())
    held: list[float] = []
    for number in range(count):
        with open_source(files[number % len(files)], pages="1") as source:
            for page in reader.pages(source):
                assert not page.error, page.error
        if (number + 1) % SAMPLE_EVERY == 0:
            held.append(resident())
    return held


def rows(data: Path | None, quick: bool) -> list[Row]:
    count = 200 if quick else 1000
    command = [sys.executable, "-m", "benchmarks.rows.memory", str(count)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    held = [float(part) for part in output.split()]
    early, late = held[50 // SAMPLE_EVERY - 1], held[-1]
    growth = late / early - 1
    return [
        Row(
            on=f"{count} pages, pictures and PDFs",
            figure="growth of memory since page 50",
            ours=growth,
            alternatives={"MB at page 50": early / 1e6, f"MB at page {count}": late / 1e6},
            wanted="≤ .05",
            reached=growth <= 0.05,
            detail={"bytes": held},
        )
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(*read_pages(int(sys.argv[1]), Path(scratch)))
