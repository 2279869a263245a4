"""PDF text layers: characters right in reading order, and the choice that ``auto`` makes."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from statistics import mean
from unicodedata import normalize

from pypdfium2 import PdfDocument
from rapidfuzz.distance import Levenshtein

import vlkit
from benchmarks.pdf_cases import Case, cases, wordings
from benchmarks.table import Row, show
from vlkit.export.flow import Passage, flow
from vlkit.pdf import PdfFile
from vlkit.reading.recognise import ocr_engine
from vlkit.reading.stages import Engine
from vlkit.reading.text_layer import judge

CASES = 260
QUICK = 60


def rows(data: Path | None, quick: bool) -> list[Row]:
    """``data`` is not needed: all pages are generated."""
    return [*characters(2 if quick else 8), choice(list(cases(QUICK if quick else CASES)))]


def characters(each: int) -> list[Row]:
    """Character error rate in reading order, over everything that a reader does."""
    ours: defaultdict[str, list[float]] = defaultdict(list)
    raw: defaultdict[str, list[float]] = defaultdict(list)
    for case in wordings(each):
        document = vlkit.read(case.pdf, engine="pdf-text")
        found = " ".join(node.text for node in flow(document) if isinstance(node, Passage))
        ours[case.kind].append(error_rate(found, case.text))
        raw[case.kind].append(error_rate(_pdfium(case.pdf), case.text))
    rows = []
    for kind, rates in ours.items():
        rate = mean(rates)
        rows.append(
            Row(
                on=f"{len(rates)} PDFs: {kind}",
                figure="CER in reading order",
                ours=rate,
                alternatives={"pypdfium2": mean(raw[kind])},
                wanted="≤ .01",
                reached=rate <= 0.01,
            )
        )
    return rows


def error_rate(found: str, truth: str) -> float:
    """Edits per character of the truth; runs of white space count as one space."""
    found, truth = (" ".join(normalize("NFC", text).split()) for text in (found, truth))
    return Levenshtein.distance(found, truth) / len(truth)


def _pdfium(data: bytes) -> str:
    file = PdfDocument(data)
    try:
        return " ".join(page.get_textpage().get_text_range() for page in file)
    finally:
        file.close()


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
