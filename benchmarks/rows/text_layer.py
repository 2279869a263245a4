"""PDF text layers: characters right in reading order, and the choice that ``auto`` makes."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from benchmarks.pdf_cases import Case, cases
from benchmarks.table import Row, show
from vlkit.pdf import PdfFile
from vlkit.reading.recognise import ocr_engine
from vlkit.reading.stages import Engine
from vlkit.reading.text_layer import judge

CASES = 260
QUICK = 60


def rows(data: Path | None, quick: bool) -> list[Row]:
    """``data`` is not needed: all pages are generated."""
    return [choice(list(cases(QUICK if quick else CASES)))]


def choice(made: list[Case], engine: Engine | None = None) -> Row:
    """How often ``auto`` takes the text layer where it is right, and OCR where it is not."""
    engine = engine or ocr_engine("auto", ("eng",))
    confusion: defaultdict[str, Counter[str]] = defaultdict(Counter)
    right = 0
    for case in made:
        with PdfFile(case.pdf) as file:
            verdict = judge(file.page(1), lambda: engine, ("eng",))
        right += verdict.sound == case.text
        confusion[f"{case.kind} ({'text' if case.text else 'OCR'})"][verdict.kind] += 1
    text = sum(case.text for case in made)
    share = right / len(made)
    return Row(
        on=f"{len(made)} generated PDFs, sound and not",
        figure="right choice of text layer or OCR",
        ours=share,
        alternatives={"always text": text / len(made), "always OCR": 1 - text / len(made)},
        wanted="≥ .98",
        reached=share >= 0.98,
        detail={"verdicts": {kind: dict(found) for kind, found in sorted(confusion.items())}},
    )


if __name__ == "__main__":
    found = rows(None, quick=False)
    show(found)
    for row in found:
        print(row.detail)
