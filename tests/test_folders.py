"""Recipes of pages, and the shelf's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlkit.data.folders import Recipe, read_recipe, write_folder
from vlkit.document import Document
from vlkit.errors import InputError

SHELF = Path(__file__).parents[1] / "datasets" / "pages"


def test_the_shelfs_sample_is_what_its_recipe_makes(tmp_path: Path) -> None:
    splits = write_folder(read_recipe(SHELF / "recipe.toml"), tmp_path, tiny=True)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    kept = sorted(path.relative_to(SHELF / "tiny") for path in (SHELF / "tiny").rglob("*.*"))
    assert made == kept
    for split, names in splits.items():
        assert (SHELF / "tiny" / f"{split}.txt").read_text().split() == names
    for path in (SHELF / "tiny" / "truth").iterdir():
        old = Document.model_validate_json(path.read_text())
        assert old == Document.model_validate_json((tmp_path / "truth" / path.name).read_text())
        new, kept_picture = (
            np.asarray(Image.open(folder / "images" / old.name).convert("L")).astype(int)
            for folder in (tmp_path, SHELF / "tiny")
        )
        assert new.shape == kept_picture.shape == (round(old.pages[0].height), new.shape[1])
        assert np.abs(new - kept_picture).mean() < 2


def test_truth_lies_on_the_ink_of_scanned_pictures(tmp_path: Path) -> None:
    part = {"split": "a", "kind": "business", "seeds": (3, 5), "dpi": 100, "scan": 1.5}
    splits = write_folder(Recipe.model_validate({"pages": [part]}), tmp_path)
    for name in splits["a"]:
        truth = Document.model_validate_json((tmp_path / "truth" / f"{name}.json").read_text())
        picture = np.asarray(Image.open(tmp_path / "images" / truth.name).convert("L"))
        paper = np.median(picture)
        for word in truth.words:
            x0, y0, x1, y1 = (int(value) for value in word.box)
            inside = picture[y0 : y1 + 1, x0 : x1 + 1]
            assert inside.min() < paper - 60 or not word.text.isalnum()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("pages = [", "no TOML"),
        ("[[pages]]\nkind = 'poem'\nsplit = 'a'\nseeds = [1, 2]", "pages.0.kind"),
        ("[[pages]]\nkind = 'text'\nsplit = '../a'\nseeds = [1, 2]", "pages.0.split"),
        ("[[pages]]\nkind = 'text'\nsplit = 'a'\nseeds = [1, 2]\ndip = 3", "pages.0.dip"),
    ],
)
def test_wrong_recipes_say_where(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        read_recipe(path)
    with pytest.raises(InputError, match="can't read"):
        read_recipe(tmp_path / "none.toml")
