"""Training line readers on crops of scans beside drawn lines, and letters of unknown case."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from tests.scans import write_scans  # noqa: E402
from tests.test_lines_model import Drawn, picture, small, whole_distribution  # noqa: E402
from vlkit.checkpoint import load_tensors  # noqa: E402
from vlkit.data import typefaces  # noqa: E402
from vlkit.data.crops import Crop, CutLine  # noqa: E402
from vlkit.data.rendered import OTHERS, RenderedLine  # noqa: E402
from vlkit.errors import CheckpointError, InputError, RecipeError  # noqa: E402
from vlkit.losses.ctc import ctc, ctc_of_columns  # noqa: E402
from vlkit.onnx import Alphabet  # noqa: E402
from vlkit.training.lines import (  # noqa: E402
    LineSource,
    LineValidation,
    MixedLines,
    line_batch,
)
from vlkit.training.logs import read_log  # noqa: E402
from vlkit.training.train import train_recipe  # noqa: E402

ALPHABET = Alphabet(OTHERS)


# Letters of unknown case


def test_ctc_of_either_case_is_ctc_where_both_are_one_character():
    model = small()
    draw = torch.Generator().manual_seed(3)
    logits = 3 * torch.randn(2, 12, sum(model.sizes), generator=draw)
    lines = [CutLine(picture(40), text, False) for text in ("CAR 1", "OO")]
    batch = line_batch(lines, model.alphabet)
    codes, either = batch["codes"], batch["either"]
    frames = torch.tensor([12, 9])
    columns = model.columns_of_either(logits, codes, either)
    ours = ctc_of_columns(columns, frames, codes, batch["lengths"])
    merged = whole_distribution(model, logits).exp()
    for large in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        [one], [other] = model.alphabet.encode(large), model.alphabet.encode(large.lower())
        merged[..., one] += merged[..., other]
        merged[..., other] = 1e-30
    naive = ctc(merged.log(), frames, codes, batch["lengths"])
    torch.testing.assert_close(ours, naive, rtol=1e-4, atol=1e-4)


def test_a_small_letter_that_is_read_as_one_costs_nothing():
    """And so a reader of small letters isn't taught to read capitals."""
    model = small()
    batch = line_batch([CutLine(picture(16), "AB", False)], model.alphabet)
    logits = torch.full((1, 4, sum(model.sizes)), -20.0)
    for frame, code in enumerate([*model.alphabet.encode("a"), 0, *model.alphabet.encode("b"), 0]):
        logits[0, frame, code] = 20
    logits.requires_grad_()
    loss, logs = model.loss({"logits": logits, "frames": torch.tensor([4])}, batch)
    assert loss.item() == pytest.approx(0, abs=1e-4)
    assert logs["accuracy"].item() == 1
    loss.backward()
    assert logits.grad.abs().max() < 1e-4


# Batches


def crops(count: int = 7) -> list[Crop]:
    draw = np.random.default_rng(0)
    page = draw.integers(0, 256, (60, 200), dtype=np.uint8)
    return [Crop(page, (10, 10, 90, 30), f"N{i}", "a", 0, i % 2 == 0) for i in range(count)]


def test_crops_take_turns_among_drawn_lines():
    mixed = MixedLines(crops(), 0.25, Drawn(), seed=5)
    lines = [mixed.line(number) for number in range(56)]
    cut = [line for line in lines if isinstance(line, CutLine)]
    for first in range(0, 56, 8):  # in every eight lines as many
        assert sum(isinstance(line, CutLine) for line in lines[first : first + 8]) == 2
    for epoch in (cut[:7], cut[7:]):
        assert sorted(line.text for line in epoch) == [f"N{i}" for i in range(7)]
    assert {line.pixels.tobytes() for line in cut[:7]}.isdisjoint(
        {line.pixels.tobytes() for line in cut[7:]}
    )
    for number, line in enumerate(lines):
        if isinstance(line, RenderedLine):
            np.testing.assert_array_equal(line.pixels, Drawn().line(number).pixels)


def test_mixed_batches_are_functions_of_their_step():
    def source():
        mixed = MixedLines(crops(), 0.5, Drawn(), seed=0)
        return LineSource(mixed, ALPHABET, size=8, pool=2, lanes=1)

    running = source()
    inorder = [running.load(range(step * 8, step * 8 + 8)).batch for step in range(6)]
    assert any("either" in batch for batch in inorder)
    for step in (5, 2):
        alone = source().load(range(step * 8, step * 8 + 8)).batch
        assert alone.keys() == inorder[step].keys()
        assert all(alone[name].equal(inorder[step][name]) for name in alone)


def test_a_batch_knows_no_centres_of_crops():
    lines = [Drawn().line(0), CutLine(picture(60), "Ab", True), CutLine(picture(50), "A1Ÿ", False)]
    batch = line_batch(lines, ALPHABET)
    length = len(lines[0].text)
    assert (batch["centres"][0, :length] >= 0).all()
    assert (batch["centres"][1:] == -1).all()
    codes, either = batch["codes"], batch["either"]
    assert either[:2].equal(codes[:2])
    assert either[2, :3].tolist() == ALPHABET.encode("a1ÿ")
    assert "either" not in line_batch(lines[:2], ALPHABET)


def test_the_anchor_leaves_crops_out():
    model = small()
    batch = line_batch([CutLine(picture(60), "Ab", True)], model.alphabet)
    loss, logs = model.loss(model.encode(batch), batch)
    assert logs["anchor"].item() == 0
    assert loss.item() == pytest.approx(logs["ctc"].item())
    assert loss.item() > 0


def test_validation_counts_no_case_where_the_truth_has_none():
    class Reader(type(small())):
        def read(self, pictures):
            return ["n1" if each.shape[0] == 32 else "" for each in pictures]

    model = Reader(small().config)
    _, uncased, *_ = crops()
    cased = Crop(uncased.page, uncased.box, uncased.text, "a", 0, cased=True)
    for each, right in ((uncased, 1.0), (cased, 0.5)):
        validation = LineValidation(Drawn(), ALPHABET, 2, [each])
        assert validation(model)["crops"] == right
    assert "crops" not in LineValidation(Drawn(), ALPHABET, 2)(model)


# Recipes

RECIPE = """
output = "{output}"
steps = 2
[model]
name = "lines"
config = {{ stem = [4, 6, 8], width = 16, depth = 2, heads = 2, kernel = 5 }}
[lines]
validated = 4
pool = 2
[lines.crops]
data = "${{VLKIT_DATA}}"
without_fold = 1
[lines.drawn]
fonts = ["{fonts}"]
[batch]
size = 4
gradcache = false
[logging]
every = 1
tensorboard = false
[card]
name = "toy"
summary = "Reads hardly anything."
data = "Words drawn here."
data_licence = "CC0"
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLKIT_DATA", str(write_scans(tmp_path / "scans")))
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE.format(output=tmp_path / "run", fonts=typefaces.FOLDER))
    return file


def events(run: Path) -> list[dict]:
    """Validations."""
    return [each for each in read_log(run / "log.jsonl") if each.get("event") == "validation"]


def test_training_starts_from_a_reader_and_measures_the_left_out_fold(recipe, tmp_path):
    base = small().save_pretrained(tmp_path / "base")
    folder = train_recipe(recipe, [f"model.start={base}"])
    (measured,) = events(tmp_path / "run")
    assert {"accuracy", "crops"} <= measured.keys()
    before, after = (load_tensors(each / "model.safetensors") for each in (base, folder))
    moved = [(after[name] - before[name]).abs().max().item() for name in before]
    assert 0 < max(moved[:3]) < 0.1  # two steps from there
    assert json.loads((folder / "config.json").read_text())["model"] == "lines"


def test_a_run_does_not_go_on_with_another_fold(recipe):
    train_recipe(recipe, ["steps=1"])
    with pytest.raises(CheckpointError, match="without_fold"):
        train_recipe(recipe, ["steps=1", "lines.crops.without_fold=2"])


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("lines.crops.shares=0.5", "lines.crops.shares"),
        ("lines.crops.share=2", "lines.crops: share is 2"),
        ("lines.crops.sets=['funds']", "funds"),
        ("lines.crops.without_fold=7", "without_fold is 7"),
        ("model.config.decoder=attention", "known case"),
    ],
)
def test_recipes_that_can_not_be(recipe, setting, said):
    with pytest.raises(RecipeError, match=said):
        train_recipe(recipe, [setting])


def test_data_that_are_not_there_are_named(recipe, tmp_path):
    with pytest.raises(InputError):
        train_recipe(recipe, [f"lines.crops.data={tmp_path / 'nowhere'}"])


def test_a_decoder_learns_from_crops_of_known_case(recipe):
    train_recipe(recipe, ["model.config.decoder=attention", "lines.crops.sets=['funsd']"])


@pytest.fixture
def real_data() -> str:
    folder = os.environ.get("VLKIT_DATA")
    if folder is None:
        pytest.skip("needs VLKIT_DATA")
    return folder


def test_training_on_real_crops(real_data, recipe, tmp_path):
    """Receipts are of unknown case, and of all sizes."""
    train_recipe(recipe, [f"lines.crops.data={real_data}", "lines.crops.sets=['sroie']"])
    (measured,) = events(tmp_path / "run")
    assert measured["step"] == 2
    assert "crops" in measured
