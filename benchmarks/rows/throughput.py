"""Pages per second on all cores, against a raw process pool of the same engine.

The raw pool is what a user would write in ten lines: one RapidOCR with one thread in each
process, pages as they come (enlarged twice, where it reads FUNSD better, it takes about twice as
long), nothing after recognition. vlkit does the whole of reading: orientation, layout, tables.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.table import Row
from vlkit.data.random_pages import random_document
from vlkit.reading.batch import read_many

WORKERS = min(2, os.cpu_count() or 1)
_raw: Callable[..., Any]


def _start_raw() -> None:
    from rapidocr import RapidOCR

    global _raw
    cv2.setNumThreads(1)
    threads = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
    parameters = {f"EngineConfig.onnxruntime.{key}": value for key, value in threads.items()}
    _raw = RapidOCR(params={"Global.log_level": "error", **parameters})


def _read_raw(path: str) -> int:
    return len(_raw(cv2.imread(path), return_word_box=True).txts or ())


def raw_seconds(paths: list[str]) -> float:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context, initializer=_start_raw) as pool:
        list(pool.map(_read_raw, paths[:WORKERS]))  # the models load outside the clock
        start = time.perf_counter()
        list(pool.map(_read_raw, paths))
        return time.perf_counter() - start


def our_seconds(paths: list[str], engine: str, workers: int) -> float:
    """From the first page's end, so that loading is outside the clock here too."""
    finished: list[float] = []
    for result in read_many(
        paths,
        engine=engine,
        workers=workers,
        on_page=lambda _: finished.append(time.perf_counter()),
    ):
        assert result.complete, result.error
    steady = len(finished) - workers
    return (finished[-1] - finished[workers - 1]) * len(finished) / steady


def pages(data: Path | None, folder: Path, count: int) -> list[str]:
    """FUNSD's pages where they are at hand, else generated ones of the same size."""
    if data:
        found = sorted((data / "funsd" / "images").iterdir())
        return [str(path) for path in found[:count]]
    paths = []
    for seed in range(count):
        pixels = random_document(seed).to_image(0, dpi=90)
        path = folder / f"{seed}.png"
        Image.fromarray(np.asarray(pixels)).save(path)
        paths.append(str(path))
    return paths


def rows(data: Path | None, quick: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        paths = pages(data, Path(folder), 12 if quick else 100)
        found = [_default_engine(paths)]
        from vlkit.reading.stages import load_engine

        if "eng" in load_engine("tesseract").languages():
            found.append(_tesseract(paths))
    return found


def _default_engine(paths: list[str]) -> Row:
    raw, ours = raw_seconds(paths), our_seconds(paths, "rapidocr", WORKERS)
    return Row(
        on=f"{len(paths)} pages, {WORKERS} cores, default engine",
        figure="pages/s ÷ raw pool's",
        ours=raw / ours,
        alternatives={"raw pool, pages/s": len(paths) / raw},
        wanted="≥ .95",
        reached=raw / ours >= 0.95,
        detail={"seconds": ours, "raw_seconds": raw},
    )


def _tesseract(paths: list[str]) -> Row:
    single, ours = our_seconds(paths, "tesseract", 1), our_seconds(paths, "tesseract", WORKERS)
    return Row(
        on=f"{len(paths)} pages, {WORKERS} cores, Tesseract",
        figure="pages/s ÷ one page after the other",
        ours=single / ours,
        alternatives={"one after the other, pages/s": len(paths) / single},
        wanted="≥ 1.7",
        reached=single / ours >= 1.7,
        detail={"seconds": ours, "single_seconds": single},
    )
