"""The benchmark of lines with a model: every area goes from end to end, by a toy that reads noise.

What its alternatives read is of no interest here, and is left out."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from benchmarks import lines  # noqa: E402
from benchmarks.line_rows import calibration, pages, rendered, sets  # noqa: E402
from benchmarks.line_rows.run import Run  # noqa: E402
from benchmarks.table import Row, show, write  # noqa: E402
from vlkit.card import Card, Cost, Made  # noqa: E402
from vlkit.data import typefaces  # noqa: E402
from vlkit.errors import MissingDependency  # noqa: E402
from vlkit.models.convert.onnx import write_onnx  # noqa: E402
from vlkit.models.lines import LineReader, LineReaderConfig  # noqa: E402
from vlkit.onnx import LineModel  # noqa: E402
from vlkit.reading.engines.tesseract_api import open_api  # noqa: E402

TINY = LineReaderConfig(stem=(4, 8, 16), width=32, depth=1, heads=2, kernel=5)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of runs as ``vlkit train`` leaves them: ``toy``, ``lstm``, and ``crops/fold-0`` …"""
    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    toy = LineReader(TINY)
    with torch.no_grad():
        toy.head.weight *= 30  # so that frames differ, and not all read blank
    saved = toy.save_pretrained(folder / "toy" / "model")
    write_onnx(toy, saved / "model.onnx")
    config = saved / "config.json"
    cost = Cost(steps=0, samples=0, seconds=0, machine="none", parameters=0)
    made = Made(Card("toy", "Reads noise.", "none", "none"), "lines", "none", cost)
    config.write_text(json.dumps(json.loads(config.read_text()) | {"card": asdict(made)}))
    LineReader(replace(TINY, mixer="lstm")).save_pretrained(folder / "lstm" / "model")
    for fold in range(rendered.crops.FOLDS):
        shutil.copytree(folder / "toy", folder / "crops" / f"fold-{fold}")
    return folder


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little of everything, in the typefaces that ship, and alternatives that read nothing."""
    shipped = sets.Fonts((typefaces.FOLDER,), (), (typefaces.FOLDER,), ("*",))
    little = {"lines": 3, "crops": 10, "pages": 3, "timed": 3, "forms": 10**6}
    monkeypatch.setattr(Run, "quick", lambda run: replace(run, **little))
    monkeypatch.setattr(sets, "recipe_fonts", lambda: shipped)
    monkeypatch.setattr(pages, "kept", lambda name, pictures, read: [[] for _ in pictures])
    monkeypatch.setattr(rendered, "alternative", lambda name, pictures: [""] * len(pictures))
    monkeypatch.setattr(rendered, "ROUNDS", 1)
    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT"):  # which the benchmark sets
        monkeypatch.setenv(name, "1")


def measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *arguments: str | Path
) -> list[dict[str, Any]]:
    """The rows of the JSON that the command writes."""

    def refuse(sign: str) -> None:
        raise AssertionError(f"{sign} is not JSON")

    file = tmp_path / "out" / "lines.json"
    argv = ["lines.py", "--quick", "--json", str(file), *map(str, arguments)]
    monkeypatch.setattr("sys.argv", argv)
    lines.main()
    rows: list[dict[str, Any]] = json.loads(file.read_text(), parse_constant=refuse)["rows"]
    return rows


def test_the_toy_reads_something(runs: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 400), dtype=np.uint8)
    [line] = LineModel.open(runs / "toy" / "model").read([noise])
    assert len(line.text) > 3


def test_lines_crops_speed_and_the_exported_file(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.full((20, 90), 255, np.uint8)
    picture[5:15, 10:80:7] = 0
    places = [(f"page {i}", i % rendered.crops.FOLDS) for i in range(10)]
    crops = [rendered.Crop(picture, (8, 3, 82, 17), "Total", *place, True) for place in places]
    names = ("FUNSD words", "SROIE lines")
    monkeypatch.setattr(rendered, "CROPS", dict.fromkeys(names, lambda data: iter(crops)))
    monkeypatch.setenv("VLKIT_DATA", str(tmp_path))
    rows = measured(
        monkeypatch,
        tmp_path,
        *("--only", "rendered,crops,speed,onnx", "--model", runs / "toy"),
        *("--beside", runs / "lstm", "--folded", runs / "crops", "--card"),
    )
    written = (runs / "toy" / "model" / "README.md").read_text(encoding="utf-8")
    assert all(f"{row['on']}: {row['figure']} | {row['ours']:.4g} |" in written for row in rows)
    assert all(row["ours"] is not None and row["reached"] is not None for row in rows)
    drawn = [row for row in rows if "unseen" in row["on"]]
    assert len({row["on"] for row in drawn}) == len(rendered.LANGUAGES) * len(sets.UNSEEN_IN)
    assert all("lstm" in row["alternatives"] for row in drawn)
    for name in names:
        alone, folded = (row for row in rows if row["on"].startswith(name))
        assert alone["ours"] == folded["ours"]  # all folds have the same model here
    [speed] = (row for row in rows if row["on"] == "rendered lines, one core")
    assert all(rate > 0 for rate in speed["alternatives"].values())
    [same] = (row for row in rows if "ONNX" in row["figure"])
    assert same["ours"] > 0.9


def test_documents_by_the_engine_with_the_model(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        open_api()
    except MissingDependency as error:
        pytest.skip(error.problem)
    families = typefaces.families_in(Path("/usr/share/fonts/truetype/nanum"))
    if "NanumGothic" not in families:
        pytest.skip("fonts-nanum is not installed")
    monkeypatch.setattr(pages, "families", lambda: (families["NanumGothic"],))
    rows = measured(monkeypatch, tmp_path, "--only", "documents", "--model", runs / "toy" / "model")
    assert len({row["on"] for row in rows}) == 3
    assert all(0 <= row["ours"] <= 1 for row in rows)
    assert all(row["detail"]["difference, low, high"] for row in rows)


def test_without_a_model_there_are_alternatives_and_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = measured(monkeypatch, tmp_path, "--only", "rendered,speed,onnx", "--model", tmp_path)
    assert {row["ours"] for row in rows} == {None}
    assert {row["reached"] for row in rows} == {None}
    assert all(row["alternatives"] for row in rows)


def test_calibration_is_fitted_to_what_the_engine_reads(
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stored = tmp_path / "stored.json"
    stored.write_text("{}")
    monkeypatch.setattr(calibration, "STORED", stored)
    monkeypatch.setattr(calibration, "FOLDS", 2)
    some = {"Korean letters": map(calibration.letter, range(2))}
    monkeypatch.setattr(calibration, "sets", lambda data, every: some)
    monkeypatch.setenv("VLKIT_DATA", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["calibration", "--model", str(runs / "toy" / "model")])
    calibration.main()
    assert "ECE" in capsys.readouterr().out
    curve = json.loads(stored.read_text())["lines"]
    assert len(curve["scores"]) == len(curve["probabilities"]) > 0


def test_what_is_no_number_is_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    detail: dict[str, object] = {"low, high": (0.5, float("inf")), "of": {"it": np.float64("nan")}}
    row = Row("on", "figure", float("nan"), {"other": float("nan")}, detail=detail)
    write([row], tmp_path / "rows.json")
    [found] = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert found["ours"] is found["alternatives"]["other"] is found["detail"]["of"]["it"] is None
    assert found["detail"]["low, high"] == [0.5, None]
    show([row])
    assert "| figure |  |" in capsys.readouterr().out
