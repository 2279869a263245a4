"""`vlkit train`: a recipe to a model folder, and every way it can be wrong."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.photos import noise, write_photos
from tests.test_shelf import reproduces_its_outputs
from vlkit import models
from vlkit.checkpoint import load_tensors, save_folder, save_tensors
from vlkit.data.bpe import CaptionTokenizer
from vlkit.data.captions import open_captions
from vlkit.errors import (
    CheckpointError,
    InputError,
    ModelError,
    OutputError,
    RecipeError,
    UnknownName,
    VlkitError,
)
from vlkit.models.clip import Clip
from vlkit.models.detailclip import DetailClip
from vlkit.models.trunks import ImageTrunk
from vlkit.recipe import to_table
from vlkit.training import loop
from vlkit.training.batches import sample_at
from vlkit.training.logs import read_log
from vlkit.training.loop import Trained
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
    captions = ["a square of shade {n}", "shade {n} only"]
    folder = write_photos(tmp_path / "data", noise(12), captions)
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
    assert isinstance(whole, Clip)
    trunk = ImageTrunk(whole.image).save_pretrained(tmp_path / "trunk")
    weights = load_tensors(trunk / "model.safetensors")
    settings = [f"output={tmp_path / 'on'}", f"trunk.folder={trunk}"]
    folder = train_recipe(recipe, settings)
    assert not any(name.startswith("image.") for name in load_tensors(folder / "model.safetensors"))
    trunk.rename(folder.parent / "trunk")
    again = models.load(folder).state_dict()
    for name, weight in weights.items():
        assert torch.equal(again[name], weight)


# The captions here give a tokenizer of 284 entries, which a DetailCLIP must have exactly.
DETAIL = [
    *("model.name=detailclip", "data.views=detail", "card.name=toy-detail"),
    *("model.config.width=8", "model.config.freeze_stem=false", "model.config.momentum=0.5"),
    *("model.config.distillation.hidden=8", "model.config.distillation.bottleneck=4"),
    *("model.config.distillation.prototypes=16", "model.config.reconstruction.heads=2"),
    *("model.config.text.vocab_size=284", "shelf.trunk=trunk-image"),
]


def detail_recipe(recipe: Path) -> Path:
    """The same sizes as a DetailCLIP, whose projections have no settings of their own."""
    text = recipe.read_text()
    start, end = text.index("[model.config.image_projection]"), text.index("[data]")
    file = recipe.with_name("detail.toml")
    file.write_text(text[:start] + text[end:])
    return file


def test_the_shelf_gets_the_averaged_tower_and_a_clip_that_names_it(
    recipe: Path, tmp_path: Path
) -> None:
    whole = models.load(train_recipe(detail_recipe(recipe), DETAIL))
    assert isinstance(whole, DetailClip)
    shelf = tmp_path / "run" / "shelf"
    assert {folder.name for folder in shelf.iterdir()} == {"trunk-image", "toy-detail"}

    trunk = load_tensors(shelf / "trunk-image" / "model.safetensors")
    average = whole.teacher.image.state_dict()
    student = whole.student.image.state_dict()
    assert {name.removeprefix("image.") for name in trunk} == set(average)
    assert all(torch.equal(trunk[f"image.{name}"], average[name]) for name in average)
    assert any(not torch.equal(average[name], student[name]) for name in average)

    own = load_tensors(shelf / "toy-detail" / "model.safetensors")
    assert {name.split(".")[0] for name in own} == {
        *("text", "image_projection", "text_projection", "logit_scale")
    }
    pixels, ids = torch.randn(2, 3, 32, 32), torch.randint(1, 283, (2, 12))
    ids[:, -1] = 283
    small = models.load(shelf / "toy-detail")
    assert isinstance(small, Clip)
    expected = whole.eval().encode_image(pixels, teacher=True).pooled
    torch.testing.assert_close(small.encode_image(pixels).pooled, expected)
    expected = whole.encode_text(ids, teacher=True).pooled
    torch.testing.assert_close(small.encode_text(ids).pooled, expected)
    tower = models.load(shelf / "trunk-image")
    assert isinstance(tower, ImageTrunk)
    torch.testing.assert_close(tower(pixels).tokens, small.image(pixels).tokens)
    assert "toy-detail" in (shelf / "trunk-image" / "README.md").read_text()

    for name in ("trunk-image", "toy-detail"):
        reproduces_its_outputs(shelf / name)

    # Another model on the same trunk, and a trunk that is no longer the one it was.
    other = train_recipe(
        recipe,
        [f"output={tmp_path / 'on'}", f"trunk.folder={shelf / 'trunk-image'}"],
    )
    assert not any(n.startswith("image.") for n in load_tensors(other / "model.safetensors"))
    other.rename(shelf / "toy")
    on_it = models.load(shelf / "toy")
    assert isinstance(on_it, Clip)
    torch.testing.assert_close(on_it.image(pixels).tokens, small.image(pixels).tokens)
    save_tensors(shelf / "trunk-image" / "model.safetensors", {**trunk, "more": torch.ones(1)})
    with pytest.raises(CheckpointError, match="stands on another trunk"):
        models.load(shelf / "toy-detail")


def test_what_has_no_place_on_the_shelf_is_found_before_training(
    recipe: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="another epsilon"):
        train_recipe(detail_recipe(recipe), [*DETAIL, "model.config.epsilon=1e-4"])
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_detailclips_tokenizer_ends_in_the_text_towers_last_id(recipe: Path) -> None:
    settings = [*DETAIL, "model.config.text.vocab_size=300"]
    with pytest.raises(RecipeError, match=r"284 entries.*room for 300.*vocab_size to 284"):
        train_recipe(detail_recipe(recipe), settings)


SHELF_RECIPES = Path(__file__).parents[1] / "models"
TOY = [
    *("image_size=32", "patch_size=8", "width=16", "depth=1", "heads=2"),
    *("text.vocab_size=284", "text.width=16", "text.depth=1", "text.heads=2"),
]


def test_the_recipes_of_the_shelf_run_at_toy_size(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """detailclip-nano makes the trunk that clip-nano then stands on."""
    monkeypatch.chdir(tmp_path)
    settings = ["steps=2", "schedule.warmup=1", "batch.size=8", "batch.chunks=2"]
    settings += ["tokens.entries=300", f"data.path={data}", "logging.tensorboard=false"]
    settings += [f"model.config.{t if t.startswith('text') else f'image.{t}'}" for t in TOY]
    monkeypatch.setenv("VLKIT_DATA", str(tmp_path))
    detail = SHELF_RECIPES / "detailclip-nano" / "recipe.toml"
    small = ["model.config.distillation.prototypes=16", "model.config.reconstruction.heads=2"]
    train_recipe(detail, settings + small)
    shutil.copytree("runs/detailclip-nano/shelf", "models")
    folder = train_recipe(SHELF_RECIPES / "clip-nano" / "recipe.toml", settings)
    described = json.loads((folder / "config.json").read_text())
    assert described["trunk"]["name"] == "trunk-image"
    shutil.copytree(folder, "models/clip-nano")
    for name in ("trunk-image", "detailclip-nano", "clip-nano"):
        reproduces_its_outputs(Path("models").absolute() / name)


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
        (["distribution.kind=zero3", "average=0.9"], RecipeError, "does not go with zero3"),
        (["data.split=tset"], InputError, "no split 'tset'"),
        (["data.views=detail"], RecipeError, "Clip asks for 'pixels', but batches hold views"),
        (["model.config.text.vocab_size=258"], RecipeError, "the text tower room for 258"),
        (["tokens.file=nowhere.json"], InputError, "no such tokenizer"),
        (["model.start=nowhere"], CheckpointError, "there is no model here"),
        (["trunk.folder=nowhere"], CheckpointError, "nowhere: there is no such trunk"),
        (["trunk.folder=nowhere", "shelf.trunk=t"], RecipeError, r"\[trunk\] or \[shelf\]"),
        (["stage=first"], VlkitError, "stage"),
        (["seed=-1"], RecipeError, "seed is -1"),
        (["optimizer.rate=-1e-3"], RecipeError, "optimizer: rate is -0.001"),
        (["optimizer.groups.image.rate=-1.0"], RecipeError, "image: rate is -1.0"),
        (["optimizer.betas=[0.9, 1.0]"], RecipeError, "optimizer: betas are"),
        (["optimizer.clip=0"], RecipeError, "optimizer: clip is 0.0, but must be more than 0"),
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
    """Of another number of heads too, whose weights have the same names and shapes."""
    folder = train_recipe(recipe)
    whole = models.load(folder)
    assert isinstance(whole, Clip)
    trunk = ImageTrunk(whole.image).save_pretrained(tmp_path / "trunk")
    output = f"output={tmp_path / 'b'}"
    for weights in (f"model.start={folder}", f"trunk.folder={trunk}"):
        for key, here, there in (("heads", 4, 2), ("width", 32, 16)):
            message = rf"model\.config\.image\.{key} is {there} there and {here} here"
            with pytest.raises(CheckpointError, match=message):
                train_recipe(recipe, [output, weights, f"model.config.image.{key}={here}"])
    with pytest.raises(CheckpointError, match="holds a clip, not the image-trunk that is needed"):
        train_recipe(recipe, [output, f"trunk.folder={folder}"])
    with pytest.raises(CheckpointError, match="holds a image-trunk, not a clip"):
        train_recipe(recipe, [output, f"model.start={trunk}"])
    other = [output, f"trunk.folder={trunk}", "trunk.prefix=tower."]
    with pytest.raises(CheckpointError, match=r"does not have \(tower\.image\."):
        train_recipe(recipe, other)


def test_a_model_that_starts_from_another_reads_as_it_does(
    recipe: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train_recipe(recipe)
    captions = [f"{index}.png\tnothing of what was before" for index in range(12)]
    (data / "captions.tsv").write_text("\n".join(captions))  # which train another tokenizer
    settings = [f"output={tmp_path / 'b'}", f"model.start={first}", "model.config.chunk=4"]
    second = train_recipe(recipe, settings)
    assert (second / "tokenizer.json").read_bytes() == (first / "tokenizer.json").read_bytes()

    # A model whose trunk lies on the shelf and not beside it.
    whole = models.load(first)
    assert isinstance(whole, Clip)
    monkeypatch.setenv("VLKIT_MODELS", str(tmp_path / "shelf"))
    trunk = ImageTrunk(whole.image).save_pretrained(tmp_path / "shelf" / "toy-trunk")
    on_it = save_folder(
        tmp_path / "on",
        model="clip",
        config=to_table(whole.config),
        weights=whole.state_dict(),
        tokenizer=first / "tokenizer.json",
        trunk=(trunk, ""),
    )
    assert train_recipe(recipe, [f"output={tmp_path / 'c'}", f"model.start={on_it}"]).exists()


def test_the_remedies_of_errors_can_be_followed(recipe: Path, data: Path, tmp_path: Path) -> None:
    settings = ["steps=5", "checkpoints.every=1"]
    examples = open_captions(data, "train").examples
    for position in (8, 9):  # in the second step
        picture = data / "images" / examples[sample_at(position, 10, seed=1)].key
        picture.write_bytes(picture.read_bytes()[:200])
    with pytest.raises(VlkitError, match="or raise broken_limit"):
        train_recipe(recipe, settings)
    assert (tmp_path / "run" / "checkpoints").exists()
    train_recipe(recipe, [*settings, "broken_limit=0.5"])
    # One example less would put all of them into another order.
    (data / "train.txt").write_text("\n".join(f"{index}.png" for index in range(9)))
    with pytest.raises(CheckpointError, match=r"data\.examples = 10, the recipe has 9"):
        train_recipe(recipe, [*settings, "broken_limit=0.5"])


def test_the_card_counts_parameters_that_training_takes_apart(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models.load(train_recipe(recipe))
    expected = sum(parameter.numel() for parameter in model.parameters())

    def sharding(task: Any, *rest: Any) -> Trained:
        trained = loop.train(task, *rest)
        for parameter in task.parameters():  # as under ZeRO-3
            parameter.data = torch.empty(0)
        return trained

    monkeypatch.setattr("vlkit.training.train.train", sharding)
    card = (train_recipe(recipe) / "README.md").read_text()
    assert f"{expected:,} parameters" in card
