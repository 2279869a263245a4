"""Resident memory of one process that reads page after page: page 1,000 against page 50.

    python -m benchmarks.rows.memory 1000

Most pages are slips of a few words, which all stages of the default engine read in a fraction of
a second: a picture and a PDF with a text layer by turns. Every fifth is a whole page, so that the
first 50 hold each whole page once: what grows after that is kept, not needed.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.table import Row
from vlkit.data.elements import Paragraph, Style
from vlkit.data.pages import Typeset, typeset
from vlkit.data.random_pages import random_document
from vlkit.data.vocabulary import Writer
from vlkit.reading.options import ReadOptions
from vlkit.reading.read import Reader
from vlkit.sources import open_source

SLIPS, PAGES = 40, 10
WHOLE_EVERY = 5
SAMPLE_EVERY = 10


def resident() -> float:
    """Bytes that the process holds now (not its peak)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * resource.getpagesize())


def slip(seed: int) -> Typeset:
    """A few words on paper of another size each time."""
    rng = np.random.default_rng(seed)
    size = (float(rng.integers(90, 150)), float(rng.integers(45, 60)))
    style = Style(size=size, margins=(5, 5, 5, 5), font_size=7)
    words = " ".join(Writer("eng", rng).prose(1).split()[: int(rng.integers(2, 5))])
    return typeset([Paragraph(words)], style)


def made_files(folder: Path, name: str, documents: Iterable[Typeset], dpi: int) -> list[Path]:
    """Each document's first page as a picture, its path without the suffix; beside it the PDF."""
    stems = []
    for number, document in enumerate(documents):
        stems.append(folder / f"{name}-{number}")
        picture = Image.fromarray(document.to_image(0, dpi=dpi))
        picture.save(stems[-1].with_suffix(".png"))
        stems[-1].with_suffix(".pdf").write_bytes(document.to_pdf())
    return stems


def read_pages(count: int, folder: Path) -> list[float]:
    """Read ``count`` pictures and as many PDF pages; memory after each tenth of both."""
    slips = made_files(folder, "slip", map(slip, range(SLIPS)), dpi=100)
    pages = made_files(folder, "page", map(random_document, range(PAGES)), dpi=72)
    reader = Reader(ReadOptions())
    held: list[float] = []
    for number in range(count):
        turn, rest = divmod(number, WHOLE_EVERY)
        stem = slips[number % SLIPS] if rest else pages[turn % PAGES]
        for suffix in (".png", ".pdf"):
            with open_source(stem.with_suffix(suffix), pages="1") as source:
                for page in reader.pages(source):
                    assert not page.error, page.error
        if (number + 1) % SAMPLE_EVERY == 0:
            held.append(resident())
            print(number + 1, held[-1], file=sys.stderr, flush=True)
    return held


def rows(data: Path | None, quick: bool) -> list[Row]:
    count = 200 if quick else 1000
    command = [sys.executable, "-m", "benchmarks.rows.memory", str(count)]
    # Memory is what counts here: one thread does it with less processor time.
    output = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ).stdout
    held = [float(part) for part in output.split()]
    early, late = held[50 // SAMPLE_EVERY - 1], held[-1]
    growth = late / early - 1
    return [
        Row(
            on=f"{count} pictures and {count} PDF pages",
            figure="growth of memory since the 50th",
            ours=growth,
            alternatives={"MB at the 50th": early / 1e6, f"MB at the {count:,}th": late / 1e6},
            wanted="≤ .05",
            reached=growth <= 0.05,
            detail={"bytes": held},
        )
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(*read_pages(int(sys.argv[1]), Path(scratch)))
