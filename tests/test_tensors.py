"""Weights in several files and as int8 are those of one float file, to half a step of each row."""

import hashlib
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from vlkit.checkpoint import load_folder, save_folder
from vlkit.errors import CheckpointError
from vlkit.shelves import Trunk, trunk_folder, weight_files, weights_sha256
from vlkit.tensors import dequantised, load_weight_files, quantised, save_tensors

WEIGHT = torch.tensor([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [1e-3, 2e-3, -3e-3]])


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_rows_move_by_half_a_step_at_the_most(seed: int) -> None:
    torch.manual_seed(seed)
    weight = torch.randn(7, 5) * 10.0 ** torch.randint(-4, 3, (7, 1))
    whole, scale = quantised(weight)
    assert whole.dtype == torch.int8
    again = dequantised({"w": whole, "w.scale": scale})
    assert list(again) == ["w"]
    off = (again["w"] - weight).abs() / weight.abs().amax(dim=1, keepdim=True)
    assert float(off.max()) <= 0.5 / 127 + 1e-6


def int8_folder(folder: Path) -> dict[str, torch.Tensor]:
    whole, scale = quantised(WEIGHT)
    save_folder(folder, model="stem", config={}, weights={})
    (folder / "model.safetensors").unlink()
    save_tensors(folder / "model-words.safetensors", {"w": whole, "w.scale": scale})
    save_tensors(folder / "model-layers.safetensors", {"b": torch.ones(2)})
    save_tensors(folder / "golden.safetensors", {"not": torch.ones(1)})
    return {"w": whole * scale[:, None], "b": torch.ones(2)}


def test_several_files_are_one_models(tmp_path: Path) -> None:
    weights = int8_folder(tmp_path / "stem")
    files = [tmp_path / "stem" / f"model-{name}.safetensors" for name in ("layers", "words")]
    assert weight_files(tmp_path / "stem") == files
    read = load_weight_files(tmp_path / "stem")
    assert set(read) == set(weights)
    assert all(torch.equal(read[name], weight) for name, weight in weights.items())
    both = files[0].read_bytes() + files[1].read_bytes()
    assert weights_sha256(tmp_path / "stem") == hashlib.sha256(both).hexdigest()
    assert (load_file(files[1])["w"][1] == 0).all()  # a row of zeros is no row of nothing


def test_a_model_stands_on_int8_and_takes_the_floats(tmp_path: Path) -> None:
    weights = int8_folder(tmp_path / "stem")
    mine = {**{f"in.{name}": weight for name, weight in weights.items()}, "head": torch.ones(3)}
    folder = save_folder(
        tmp_path / "mine", model="m", config={}, weights=mine, trunk=(tmp_path / "stem", "in.")
    )
    read = load_folder(folder)
    assert set(read.weights) == set(mine)
    assert torch.equal(read.weights["in.w"], weights["w"])
    assert read.trunk is not None
    assert trunk_folder(read.trunk, folder) == tmp_path / "stem"
    moved = {**mine, "in.w": mine["in.w"] + 1e-6}
    with pytest.raises(CheckpointError, match=r"in\.w is not the trunk's"):
        save_folder(folder, model="m", config={}, weights=moved, trunk=(tmp_path / "stem", "in."))
    with pytest.raises(CheckpointError, match="SHA-256 0000"):
        trunk_folder(Trunk("stem", "0" * 64, ""), folder)


def test_int8_without_its_scales(tmp_path: Path) -> None:
    for scales in ({}, {"w.scale": torch.ones(2)}):
        with pytest.raises(CheckpointError, match="w is int8 without a scale for each row"):
            dequantised({"w": torch.ones(3, 2, dtype=torch.int8), **scales})
    with pytest.raises(CheckpointError, match="can't be read"):
        load_weight_files(tmp_path)
