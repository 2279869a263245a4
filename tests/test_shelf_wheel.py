"""`make shelf`: the wheel builds without a network, and vlkit finds the models in it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from vlkit import models, shelves
from vlkit.models.tiers import find
from vlkit.models.trunks import ImageTrunk
from vlkit.nn.images import ImageTower

ROOT = Path(__file__).parents[1]
TOWER = ImageTower(
    "timm", "vit_tiny_patch16_224", image_size=32, patch_size=8, width=16, depth=1, heads=2
)


def build(out: Path) -> Path:
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    done = subprocess.run(command, cwd=ROOT / "shelf", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("*.whl")
    return wheel


def test_an_installed_shelf_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = build(tmp_path / "dist")
    with zipfile.ZipFile(wheel) as file:
        recipe = file.read("vlkit_shelf/models/clip-nano/recipe.toml")
        file.extractall(tmp_path / "site")
    assert recipe == (ROOT / "models" / "clip-nano" / "recipe.toml").read_bytes()

    place = tmp_path / "site" / "vlkit_shelf" / "models" / "a-tower"
    torch.manual_seed(0)
    tower = ImageTrunk.from_config(TOWER).eval()
    tower.save_pretrained(place)
    monkeypatch.setattr(shelves, "REPOSITORY", tmp_path / "none")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    try:
        entry = find("a-tower")
        assert (entry.tier, entry.folder) == ("bundled", place)
        pixels = torch.randn(1, 3, 32, 32)
        again = models.load("a-tower")
        assert isinstance(again, ImageTrunk)
        torch.testing.assert_close(again(pixels).tokens, tower(pixels).tokens)
    finally:
        sys.modules.pop("vlkit_shelf", None)


def test_the_wheel_has_the_version_of_vlkit(tmp_path: Path) -> None:
    from vlkit import __version__

    assert build(tmp_path).name == f"vlkit_shelf-{__version__}-py3-none-any.whl"
