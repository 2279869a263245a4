"""Pages turned and leant by us: how well they are read, against the same pages upright."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from rapidfuzz.distance import Levenshtein

import vlkit
from benchmarks.table import Row, show
from vlkit.evaluation.reading import read_examples
from vlkit.images import Pixels
from vlkit.reading.orientation import find_rotation, find_skew, to_gray

ROTATIONS = (90, 180, 270)
SKEWS = (-15, -10, -3, 3, 10, 15)
SETS = ("funsd/images", "sroie/img", "docbank", "publaynet")


def rows(data: Path | None, quick: bool) -> list[Row]:
    if data is None:
        return []
    return [_error_rate(data, quick), *_decisions(data, 6 if quick else 30)]


def _error_rate(data: Path, quick: bool) -> Row:
    """The largest rise of a page's CER over its upright reading."""
    examples = read_examples(data / "tesseract_test")
    rises: dict[str, float] = {}
    levels: dict[str, float] = {}
    for example in examples[:2] if quick else examples:
        pixels = np.asarray(Image.open(example.image).convert("RGB"))
        upright = levels[example.name] = _cer(pixels, example.page.text)
        for rotation in ROTATIONS:
            turned = np.ascontiguousarray(np.rot90(pixels, -rotation // 90))
            rises[f"{example.name} {rotation}°"] = _cer(turned, example.page.text) - upright
        for skew in SKEWS:
            rises[f"{example.name} {skew:+}°"] = _cer(lean(pixels, skew), example.page.text) - (
                upright
            )
    worst = max(rises.values())
    return Row(
        on=f"{len(rises)} pages of tesseract_test, turned and leant",
        figure="largest rise of CER over upright",
        ours=worst,
        wanted="≤ .01",
        reached=worst <= 0.01,
        detail={"upright": levels, "rises": rises},
    )


def _cer(pixels: Pixels, truth: str) -> float:
    text = " ".join(vlkit.read(pixels).text.split())
    truth = " ".join(truth.split())
    return Levenshtein.distance(text, truth) / len(truth)


def _decisions(data: Path, count: int) -> list[Row]:
    """Shares of pages whose quarter turn is found, and the error of the skew."""
    found: list[Row] = []
    for name in SETS:
        paths = sorted(path for path in (data / name).iterdir() if path.suffix != ".txt")
        paths = [path for path in paths if path.suffix in {".png", ".jpg"}]
        pages = [
            np.asarray(Image.open(path).convert("RGB"))
            for path in paths[:: max(1, len(paths) // count)]
        ]
        upright = [find_rotation(to_gray(page)) == 0 for page in pages]
        turned = [
            find_rotation(to_gray(np.ascontiguousarray(np.rot90(page, -r // 90)))) == r
            for page in pages
            for r in ROTATIONS
        ]
        errors = [
            abs(find_skew(to_gray(lean(page, 5.0))) - find_skew(to_gray(lean(page, -5.0))) - 10)
            for page in pages
        ]
        on = f"{len(pages)} pages of {name.split('/')[0]}"
        found += [
            Row(on, "upright pages left alone", float(np.mean(upright)), wanted="1"),
            Row(on, "quarter turns found", float(np.mean(turned))),
            Row(on, "median error of skew over 10°", float(np.median(errors)), wanted="≤ .1"),
        ]
    return found


def lean(pixels: Pixels, degrees: float) -> Pixels:
    """The page turned clockwise, on white that holds all of it."""
    height, width = pixels.shape[:2]
    angle = np.radians(abs(degrees))
    wide = round(width * np.cos(angle) + height * np.sin(angle))
    high = round(width * np.sin(angle) + height * np.cos(angle))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    matrix[:, 2] += (wide - width) / 2, (high - height) / 2
    leant = cv2.warpAffine(
        pixels, matrix, (wide, high), flags=cv2.INTER_CUBIC, borderValue=(255, 255, 255)
    )
    return leant.astype(np.uint8, copy=False)


if __name__ == "__main__":
    show(rows(Path(os.environ["VLKIT_DATA"]), quick="quick" in sys.argv))
