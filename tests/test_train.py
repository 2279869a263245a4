"""`vlkit train`: a recipe to a model folder, and every way it can be wrong."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vlkit import models
from vlkit.checkpoint import load_tensors, save_folder
from vlkit.data.bpe import CaptionTokenizer
from vlkit.errors import (
    CheckpointError,
    InputError,
    OutputError,
    RecipeError,
    UnknownName,
    VlkitError,
)
from vlkit.models.clip import Clip
from vlkit.training.logs import read_log
from vlkit.training.train import train_recipe

RECIPE = """
output = "{output}"
steps = 3
seed = 1
[model]
name = "clip"
[model.config.image]
library = "timm"
architecture = "vit_tiny_patch16_224"
image_size = 32
patch_size = 8
width = 16
depth = 1
heads = 2
pool = "token"
[model.config.text]
library = "open_clip"
architecture = "ViT-B-32"
context_length = 12
vocab_size = 300
width = 16
depth = 1
heads = 2
[model.config.image_projection]
kind = "linear"
width = 8
[model.config.text_projection]
kind = "linear"
width = 8
[data]
path = "{data}"
split = "train"
[tokens]
entries = 300
[batch]
size = 8
chunks = 2
[logging]
every = 1
tensorboard = false
[card]
name = "toy"
summary = "Knows shades."
data = "Squares drawn here."
data_licence = "CC0"
"""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    draw = np.random.default_rng(0)
    lines = []
    for index in range(12):
        pixels = draw.integers(0, 255, (40, 48, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{index}.png")
        lines += [f"{index}.png\ta square of shade {index}", f"{index}.png\tshade {index} only"]
    (folder / "captions.tsv").write_text("\n".join(lines))
    (folder / "train.txt").write_text("\n".join(f"{index}.png" for index in range(10)))
    return folder


@pytest.fixture
def recipe(tmp_path: Path, data: Path) -> Path:
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE.format(output=tmp_path / "run", data=data))
    return file


def test_a_recipe_becomes_a_model_folder(recipe: Path, tmp_path: Path) -> None:
    folder = train_recipe(recipe, ["average=0.9"])
    assert folder == tmp_path / "run" / "model"
    model = models.load(folder)
    assert isinstance(model, Clip)
    tokenizer = CaptionTokenizer.from_file(folder / "tokenizer.json", 12)
    ids, mask = tokenizer(["a square of shade 3"])
    vector = model.encode_text(torch.from_numpy(ids), torch.from_numpy(mask)).pooled
    assert vector is not None
    assert vector.shape == (1, 8)
    card = (folder / "README.md").read_text()
    assert "--set average=0.9" in card
    assert "3 steps, 24 samples" in card
    assert "Licence of the data: CC0" in card
    steps = [record["step"] for record in read_log(tmp_path / "run" / "log.jsonl")]
    assert steps == [1, 2, 3]


def test_chunks_and_workers_change_nothing_and_a_run_goes_on(recipe: Path, tmp_path: Path) -> None:
    def losses(name: str) -> list[float]:
        return [record["loss"] for record in read_log(tmp_path / name / "log.jsonl")]

    train_recipe(recipe)
    train_recipe(recipe, ["batch.chunks=4", "batch.workers=1", f"output={tmp_path / 'b'}"])
    assert losses("b") == pytest.approx(losses("run"), abs=1e-5)
    shutil.rmtree(tmp_path / "run" / "model")
    assert train_recipe(recipe).exists()
    with pytest.raises(CheckpointError, match=r"optimizer\.rate = 0\.001, the recipe has 0\.5"):
        train_recipe(recipe, ["optimizer.rate=0.5"])


def test_a_broken_picture_is_named_and_the_run_goes_on(
    recipe: Path, data: Path, tmp_path: Path
) -> None:
    (data / "images" / "4.png").write_bytes((data / "images" / "4.png").read_bytes()[:200])
    (data / "images" / "5.png").unlink()
    folder = train_recipe(recipe, ["steps=5", "broken_limit=0.5"])
    events = [r for r in read_log(tmp_path / "run" / "log.jsonl") if "event" in r]
    assert [event["key"] for event in events] == ["4.png"]
    assert "2 samples could not be read" in (folder / "README.md").read_text()


def test_a_model_on_a_trunk_leaves_it_as_it_is(recipe: Path, tmp_path: Path) -> None:
    whole = models.load(train_recipe(recipe))
    weights = {
        name.removeprefix("image."): weight
        for name, weight in whole.state_dict().items()
        if name.startswith("image.")
    }
    trunk = save_folder(tmp_path / "trunk", model="tower", config={}, weights=weights)
    settings = [f"output={tmp_path / 'on'}", f"trunk.folder={trunk}", "trunk.prefix=image."]
    folder = train_recipe(recipe, settings)
    assert not any(name.startswith("image.") for name in load_tensors(folder / "model.safetensors"))
    trunk.rename(folder.parent / "trunk")
    again = models.load(folder).state_dict()
    for name, weight in weights.items():
        assert torch.equal(again[f"image.{name}"], weight)


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        (["stpes=3"], RecipeError, "no key 'stpes'. Did you mean 'steps'"),
        (["model.name=clp"], UnknownName, "'clip'"),
        (["model.config.image.widht=3"], RecipeError, r"model\.config\.image\.widht"),
        (["batch.size=ten"], RecipeError, "batch.size is 'ten', but must be a whole number"),
        (["batch.size=9"], RecipeError, "9 does not divide into 2 chunks"),
        (["data.path=nowhere"], InputError, "nowhere: there is no such folder"),
        (["data.scale=[0.9, 0.1]"], RecipeError, "data: scale must be"),
        (["output=/dev/null/run"], OutputError, "the run's folder can't be written"),
        (["distribution.kind=zero3"], RecipeError, "Take fsdp2"),
        (["data.split=tset"], InputError, "no split 'tset'"),
        (["data.views=detail"], RecipeError, "Clip asks for 'pixels', but batches hold views"),
        (["model.config.text.vocab_size=258"], RecipeError, "the text tower room for 258"),
        (["tokens.file=nowhere.json"], InputError, "no such tokenizer"),
        (["model.start=nowhere"], CheckpointError, "there is no model here"),
        (["trunk.folder=nowhere", "trunk.prefix=image."], CheckpointError, "can't be read"),
        (["stage=first"], VlkitError, "stage"),
        (["optimizer.groups.imgae.rate=1.0"], UnknownName, "Did you mean 'image'"),
    ],
)
def test_what_is_wrong_is_one_clear_error(
    recipe: Path, tmp_path: Path, settings: list[str], kind: type[VlkitError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        train_recipe(recipe, settings)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_weights_of_another_architecture_are_refused(recipe: Path, tmp_path: Path) -> None:
    folder = train_recipe(recipe)
    other = [f"output={tmp_path / 'b'}", f"model.start={folder}"]
    with pytest.raises(CheckpointError, match="of another shape"):
        train_recipe(recipe, [*other, "model.config.image.width=32"])
    trunk = save_folder(
        tmp_path / "trunk", model="tower", config={}, weights={"nothing": torch.zeros(1)}
    )
    with pytest.raises(CheckpointError, match=r"does not have \(image\.nothing\)"):
        train_recipe(recipe, [*other[:1], f"trunk.folder={trunk}", "trunk.prefix=image."])
