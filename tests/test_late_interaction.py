"""A late-interaction head on a trunk: its objective, in chunks, and trained by a recipe."""

import shutil
from pathlib import Path

import pytest
import torch

from tests.photos import noise, write_photos
from tests.test_train import RECIPE
from tests.test_training_models import TOWERS, Noise
from vlkit import recipe
from vlkit.checkpoint import load_tensors
from vlkit.errors import ModelError
from vlkit.losses.late_interaction import late_interaction
from vlkit.models import load
from vlkit.models.clip import Clip, ClipConfig
from vlkit.models.trunks import ImageTrunk
from vlkit.nn.images import ImageEncoder, ImageTower
from vlkit.training.logs import read_log
from vlkit.training.train import Recipe, train_recipe

HEADS = {
    "objective": "late",
    "image_projection": {"kind": "late", "width": 8, "regions": 2},
    "text_projection": {"kind": "late", "width": 8},
}


def model() -> Clip:
    torch.manual_seed(0)
    return Clip(recipe.parse({**TOWERS, **HEADS}, ClipConfig))


def test_the_objective_is_filips_on_what_comes_out() -> None:
    clip = model()
    batch = Noise(views=False).load(range(6)).batch
    loss, logs = clip.loss(clip.encode(batch), batch)
    image, text = clip.encode_image(batch["pixels"]), clip.encode_text(batch["ids"], batch["mask"])
    assert image.tokens.shape == (6, 4, 8)  # 2 × 2 regions
    assert image.pooled is not None
    torch.testing.assert_close(image.pooled.norm(dim=-1), torch.ones(6))
    expected, right = late_interaction(
        image.tokens, image.mask, text.tokens, text.mask, clip.logit_scale.exp()
    )
    torch.testing.assert_close(loss, expected)
    assert logs["accuracy"] == right
    loss.backward()
    assert all(p.grad is not None for p in clip.image_projection.parameters())
    assert all(p.grad is not None for p in clip.text_projection.parameters())


def test_sets_of_vectors_of_other_widths_are_refused() -> None:
    table = {**TOWERS, **HEADS, "text_projection": {"kind": "late", "width": 4}}
    with pytest.raises(ModelError, match="vectors of 8 and texts of 4"):
        Clip(recipe.parse(table, ClipConfig))


def test_a_recipe_trains_it_on_a_trunk_that_stays(tmp_path: Path) -> None:
    """In chunks, with GradCache: the masks go through it too."""
    data = write_photos(tmp_path / "photos", noise(8), ["a picture of noise, number {n}"])
    (data / "train.txt").write_text("\n".join(f"{n}.png" for n in range(8)))
    text = RECIPE.format(output=tmp_path / "run", data=data)
    text = text.replace('kind = "linear"', 'kind = "late"')
    text = text.replace('name = "clip"', 'name = "clip"\nconfig.objective = "late"')
    (tmp_path / "recipe.toml").write_text(text)
    torch.manual_seed(0)
    tower = recipe.load(tmp_path / "recipe.toml", Recipe).model.config["image"]
    trunk = ImageTrunk(ImageEncoder.create(recipe.parse(tower, ImageTower)))
    folder = trunk.save_pretrained(tmp_path / "trunk")
    trained = train_recipe(tmp_path / "recipe.toml", [f"trunk.folder={folder}"])
    shutil.copytree(folder, trained.parent / "trunk")
    clip = load(trained)
    assert isinstance(clip, Clip)
    assert len([line["accuracy"] for line in read_log(tmp_path / "run" / "log.jsonl")]) == 3
    own = load_tensors(trained / "model.safetensors")
    assert "image_projection.proj.weight" in own
    assert not any(name.startswith("image.") for name in own)
