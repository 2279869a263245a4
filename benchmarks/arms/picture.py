"""A grid as a picture: a panel for each metric, a row for each arm, a dot for each seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev

from PIL import Image, ImageDraw, ImageFont

from benchmarks.arms.grid import Results, Study
from benchmarks.arms.summary import values

NAMES, PANEL, GAP, ROW, HEAD, FOOT = 190, 180, 30, 24, 34, 26
INK, FAINT, MARK = (30, 30, 30), (205, 205, 205), (30, 90, 170)


def draw_grid(study: Study, results: Results, file: Path) -> None:
    """Seeds' values, their mean as a tall mark with its deviation as a bar, and a line through
    all rows at the first arm's mean."""
    arms = [arm for arm in study.arms if any(run.arm == arm for run in results)]
    found = {
        m: {arm: list(values(results, arm, m).values()) for arm in arms} for m in study.metrics
    }
    metrics = [metric for metric in study.metrics if any(found[metric].values())]
    size = (NAMES + len(metrics) * (PANEL + GAP), HEAD + len(arms) * ROW + FOOT)
    picture = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    for row, arm in enumerate(arms):
        draw.text((8, HEAD + row * ROW + ROW / 2), arm, INK, font, anchor="lm")
    for column, metric in enumerate(metrics):
        left = NAMES + column * (PANEL + GAP)
        draw.text((left + PANEL / 2, 16), study.metrics[metric], INK, font, anchor="mm")
        _panel(draw, font, left, list(found[metric].values()))
    picture.save(file)


def _panel(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    left: int,
    rows: list[list[float]],
) -> None:
    low, high = min(min(row) for row in rows if row), max(max(row) for row in rows if row)
    bottom = HEAD + len(rows) * ROW

    def at(value: float) -> float:
        share = (value - low) / ((high - low) or 1)
        return left + 6 + (PANEL - 12) * min(max(share, 0), 1)

    draw.rectangle((left, HEAD, left + PANEL, bottom), outline=FAINT)
    for value, anchor, x in ((low, "lt", left), (high, "rt", left + PANEL)):
        draw.text((x, bottom + 5), f"{value:.3g}", INK, font, anchor=anchor)
    if rows[0]:
        draw.line((at(mean(rows[0])), HEAD, at(mean(rows[0])), bottom), FAINT, 2)
    for number, row in enumerate(rows):
        if row:
            _row(draw, at, HEAD + number * ROW + ROW // 2, row)


def _row(draw: ImageDraw.ImageDraw, at: Callable[[float], float], y: int, row: list[float]) -> None:
    middle, spread = mean(row), stdev(row) if len(row) > 1 else 0.0
    draw.line((at(middle - spread), y, at(middle + spread), y), MARK, 2)
    draw.line((at(middle), y - 7, at(middle), y + 7), MARK, 3)
    for value in row:
        draw.ellipse((at(value) - 3, y - 3, at(value) + 3, y + 3), "white", INK)
