"""Bad input: mutated files, what they raise, and what they cost."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fuzz import FAILS_WITHIN, READS_WITHIN, Report, run
from benchmarks.table import Row, show


def rows(data: Path | None, quick: bool) -> list[Row]:
    """2,000 mutated files opened and decoded, and a part of them read with recognition."""
    decoded = run(200 if quick else 2000)
    read = run(46 if quick else 460, whole=True)
    return [*_rows("decoded", decoded), *_rows("read with OCR", read)]


def _rows(how: str, report: Report) -> list[Row]:
    on = f"{len(report.outcomes):,} mutated files, {how}"
    untyped = sum(not outcome.typed for outcome in report.outcomes)
    none, some = report.worst(False), report.worst(True)
    late = sum(report.problem(outcome) == "slow" for outcome in report.outcomes if outcome.pages)
    seconds, megabytes = FAILS_WITHIN
    times, most = READS_WITHIN

    def row(figure: str, value: float, limit: float, detail: dict[str, float]) -> Row:
        return Row(
            on, figure, value, wanted=f"≤ {limit:g}", reached=value <= limit, detail={**detail}
        )

    return [
        row("crashes, hangs and untyped errors", untyped, 0, {}),
        row("no page: most seconds", none["seconds"], seconds, none),
        row("no page: most MB on top", none["megabytes on top"], megabytes, none),
        row(f"pages: files over {times:g} × the intact file's time", late, 0, some),
        row("pages: most MB in all", some["megabytes in all"], most, some),
    ]


if __name__ == "__main__":
    show(rows(None, quick=True))
