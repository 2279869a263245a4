"""Every model on the shelf loads, is small, has a card, and gives the vectors it gave when made."""

import json
from pathlib import Path

import pytest
import torch

from vlkit import models
from vlkit.card import Made
from vlkit.checkpoint import load_tensors
from vlkit.recipe import load as load_recipe
from vlkit.recipe import parse
from vlkit.training.shelf import GOLDEN, Golden, golden_outputs
from vlkit.training.train import Recipe

SHELF = Path(__file__).parents[1] / "models"
RECIPES = sorted([*SHELF.glob("*/*.toml"), *SHELF.parent.glob("benchmarks/recipes/*.toml")])
FOLDERS = sorted(file.parent for file in SHELF.glob("*/config.json"))
LIMIT = 16e6


def reproduces_its_outputs(folder: Path) -> None:
    model = models.load(folder)
    assert isinstance(model, Golden)
    stored, now = load_tensors(folder / GOLDEN), golden_outputs(model)
    assert set(stored) == set(now)
    for name, tensor in stored.items():
        torch.testing.assert_close(now[name], tensor, atol=1e-5, rtol=0)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_model_is_what_it_was(folder: Path) -> None:
    torch.set_num_threads(1)
    reproduces_its_outputs(folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_model_is_small_and_says_where_it_is_from(folder: Path) -> None:
    assert all(file.stat().st_size <= LIMIT for file in folder.iterdir())
    made = parse(json.loads((folder / "config.json").read_text())["card"], Made)
    assert made.card.name == folder.name
    assert made.card.data_licence in (folder / "README.md").read_text()


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_recipe_is_one_and_names_its_model(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLKIT_DATA", "data")
    read = load_recipe(file, Recipe)
    parse(read.model.config, models.model_class(read.model.name).Config)
    assert read.card.name == (file.parent.name if file.is_relative_to(SHELF) else file.stem)
