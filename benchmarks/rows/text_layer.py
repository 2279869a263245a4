"""PDF text layers: characters right in reading order, and the choice that ``auto`` makes."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from pathlib import Path
from statistics import mean
from unicodedata import normalize

from pypdfium2 import PdfDocument
from rapidfuzz.distance import Levenshtein

import vlkit
from benchmarks.pdf_cases import Case, cases
from benchmarks.pdf_wordings import wordings
from benchmarks.table import Row, show
from vlkit.export.flow import Passage, flow
from vlkit.pdf import PdfFile
from vlkit.reading.recognise import ocr_engine
from vlkit.reading.stages import Engine
from vlkit.reading.text_layer import judge

CASES = 260
QUICK = 60
SEED = 9
"""Not one that the verdict was tuned on."""
VISIBLY_WORSE = 0.03
CACHE = Path(__file__).parents[1] / "out" / "verdicts.json"


def rows(data: Path | None, quick: bool) -> list[Row]:
    """``data`` is not needed: all pages are generated."""
    return [*characters(2 if quick else 8), choice(QUICK if quick else CASES)]


def characters(each: int) -> list[Row]:
    """Character error rate in reading order, over everything that a reader does."""
    ours: defaultdict[str, list[float]] = defaultdict(list)
    raw: defaultdict[str, list[float]] = defaultdict(list)
    stored: dict[str, bool] = {}
    for case in wordings(each):
        stored[case.kind] = case.stored
        document = vlkit.read(case.pdf, engine="pdf-text")
        found = " ".join(node.text for node in flow(document) if isinstance(node, Passage))
        ours[case.kind].append(error_rate(found, case.text))
        raw[case.kind].append(error_rate(_pdfium(case.pdf), case.text))
    rows = []
    for kind, rates in ours.items():
        rate, other = mean(rates), mean(raw[kind])
        reached = rate <= 0.01 and (stored[kind] or other >= VISIBLY_WORSE)
        rows.append(
            Row(
                on=f"{len(rates)} PDFs: {kind}" + " (stored in reading order)" * stored[kind],
                figure="CER in reading order",
                ours=rate,
                alternatives={"pypdfium2": other},
                wanted="≤ .01" if stored[kind] else f"≤ .01, raw ≥ {VISIBLY_WORSE:g}",
                reached=reached,
                detail={"each": rates},
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


def choice(count: int, seed: int = SEED) -> Row:
    """How often ``auto`` takes the text layer where it is right, and OCR where it is not.

    Verdicts are kept on disk, so that a run that was stopped goes on where it was; they count
    for the code that gave them and for the file that they were given on.
    """
    engine = ocr_engine("auto", ("eng",))
    kept = _Kept(CACHE)
    confusion: defaultdict[str, Counter[str]] = defaultdict(Counter)
    right = texts = made = 0
    for case in cases(count, seed):
        verdict = kept.verdict(case, engine)
        right += (verdict == "sound") == case.text
        texts += case.text
        made += 1
        confusion[f"{case.kind} ({'text' if case.text else 'OCR'})"][verdict] += 1
    share = right / made
    return Row(
        on=f"{made} generated PDFs, sound and not",
        figure="right choice of text layer or OCR",
        ours=share,
        alternatives={"always text": texts / made, "always OCR": 1 - texts / made},
        wanted="≥ .98",
        reached=share >= 0.98,
        detail={
            "seed": seed,
            "verdicts": {kind: dict(found) for kind, found in sorted(confusion.items())},
        },
    )


class _Kept:
    """Verdicts by the file and the code that they depend on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._code = _digest(*(source.read_bytes() for source in _sources()))
        self._verdicts: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def verdict(self, case: Case, engine: Engine) -> str:
        key = _digest(self._code.encode(), case.pdf)
        if key not in self._verdicts:
            with PdfFile(case.pdf) as file:
                self._verdicts[key] = judge(file.page(1), lambda: engine, ("eng",)).kind
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(self._verdicts))
        return self._verdicts[key]


def _sources() -> list[Path]:
    package = Path(vlkit.__file__).parent
    reading = [package / "reading" / name for name in ("text_layer.py", "letters.py", "prose.txt")]
    engines = sorted((package / "reading" / "engines").glob("*.py"))
    return [*sorted((package / "pdf").glob("*.py")), *reading, *engines]


def _digest(*parts: bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()[:24]


if __name__ == "__main__":
    found = rows(None, quick=False)
    show(found)
    for row in found:
        print(row.detail)
