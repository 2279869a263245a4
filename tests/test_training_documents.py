"""`vlkit train` on recipes with [documents]: on a trunk, whole, pre-trained, or wrong."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import vlkit.models
from tests.document_toys import CONFIG, HEADS, TAGS, write_tokenizer
from tests.labelled_toys import put, put_receipt, spanned
from tests.test_shelf import reproduces_its_outputs
from vlkit.checkpoint import load_tensors, save_folder
from vlkit.data.labelled import read_labelled
from vlkit.entities.pieces import WordPieces
from vlkit.errors import CheckpointError, InputError, RecipeError, VlkitError
from vlkit.models.lilt import Lilt
from vlkit.models.trunks import TextTrunk
from vlkit.recipe import to_table
from vlkit.training.entities import EntityValidation
from vlkit.training.logs import read_log
from vlkit.training.pages import Speller, Taught
from vlkit.training.train import train_recipe

RECIPE = """
output = "{root}/run"
steps = 4
seed = 1
stage = "adapter"
[model]
name = "lilt"
[model.config]
vocab = 81
width = 24
depth = 2
attention_heads = 3
hidden = 48
shrink = 2
positions = 34
layout_positions = 34
[[model.config.heads]]
kind = "tokens"
labels = {tags}
[[model.config.heads]]
kind = "relations"
labels = ["HEADER", "QUESTION", "ANSWER"]
one_parent = false
[trunk]
folder = "{root}/toy-trunk"
[documents]
boxes = "words"
pool = 2
[documents.sets.forms]
folder = "{root}/forms"
[batch]
size = 4
gradcache = false
[schedule]
warmup = 0.1
decay = "linear"
[checkpoints]
every = 2
[logging]
every = 1
tensorboard = false
[card]
name = "toy"
summary = "Knows forms."
data = "Forms made up here."
data_licence = "CC0"
"""
NOT_TEXT = ("shrink", "layout_positions", "layout_first", "coordinates", "heads")
FOR_PRETRAINING = [
    *("stage=pretraining", "documents.objective=pretraining", "documents.sets={}"),
    'documents.generated={languages=["eng"], kinds=["receipt"]}',
    'model.config.heads=[{kind="masked"}, {kind="regions"}, {kind="alignment"}]',
]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    for number in range(10):
        put(tmp_path / "forms" / "annotations" / f"form{number}.json", spanned())
    torch.manual_seed(0)
    config = {key: value for key, value in to_table(CONFIG).items() if key not in NOT_TEXT}
    save_folder(
        tmp_path / "toy-trunk",
        model="trunk-text",
        config=config,
        weights=TextTrunk(CONFIG).state_dict(),
        tokenizer=write_tokenizer(tmp_path / "tokenizer.json"),
    )
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE.format(root=tmp_path, tags=json.dumps(TAGS)))
    return file


def test_a_recipe_becomes_a_model_on_its_trunk_and_goes_on(recipe: Path, tmp_path: Path) -> None:
    folder = train_recipe(recipe, ["documents.fold=1"])
    own = load_tensors(folder / "model.safetensors")
    assert own
    assert all("layout" in name or name.startswith("heads.") for name in own)
    trunk = load_tensors(tmp_path / "toy-trunk" / "model.safetensors")
    shutil.copytree(tmp_path / "toy-trunk", folder.parent / "toy-trunk")
    reproduces_its_outputs(folder)
    model = vlkit.models.load(folder)
    assert isinstance(model, Lilt)
    assert all(torch.equal(model.state_dict()[name], weight) for name, weight in trunk.items())

    records = read_log(tmp_path / "run" / "log.jsonl")
    measured = [record for record in records if record.get("event") == "validation"]
    assert [record["step"] for record in measured] == [2, 4]
    speller = Speller(WordPieces(folder / "tokenizer.json"), "words", model.config)
    left_out = [d for d in read_labelled(tmp_path / "forms").documents if d.name[4] in "16"]
    again = EntityValidation(left_out, speller, Taught.of(HEADS))(model)  # type: ignore[arg-type]
    assert again == {name: measured[-1][name] for name in again}
    assert {"entities_f1", "relations_f1"} < set(again)
    card = (folder / "README.md").read_text()
    assert "2 documents of forms left out, fold 1 of 5, boxes of words | relations_f1" in card

    # Stopped after two steps, it comes to the same.
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-00000004")
    shutil.rmtree(folder)
    train_recipe(recipe, ["documents.fold=1"])
    once_more = load_tensors(folder / "model.safetensors")
    assert all(torch.equal(once_more[name], weight) for name, weight in own.items())
    assert (folder / "README.md").read_text().count("relations_f1") == 1


def test_it_learns_entities_and_links(recipe: Path, tmp_path: Path) -> None:
    """Neighbouring answers among them, which count as two."""
    settings = ["steps=80", "checkpoints.every=80", "documents.fold=0", "logging.every=80"]
    settings += ["optimizer.rate=5e-3", "documents.jitter=0.05"]
    train_recipe(recipe, settings)
    last = read_log(tmp_path / "run" / "log.jsonl")[-1]
    assert last["entities_f1"] == last["relations_f1"] == 1


def test_full_tuning_from_a_pretrained_layout_flow_stands_alone(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = [f"output={tmp_path / 'flow'}", "steps=2"]
    # The trunk learns a little in pre-training, so that it is saved whole.
    start = train_recipe(recipe, [*flow, *FOR_PRETRAINING])
    pretrained = load_tensors(start / "model.safetensors")
    assert "text.words.weight" in pretrained
    logged = read_log(tmp_path / "flow" / "log.jsonl")[0]
    assert {"masked", "regions", "alignment"} <= set(logged)
    capsys.readouterr()

    tuned = [f"output={tmp_path / 'full'}", f"model.start={start}", "optimizer.rate=0", "steps=1"]
    folder = train_recipe(recipe, [*tuned, "stage=full", "model.config.dropout=0.3"])
    said = capsys.readouterr().err
    assert "heads tokens, relations begin with random weights" in said
    assert "heads masked, regions, alignment of the start are left out" in said
    own = load_tensors(folder / "model.safetensors")
    trunk = load_tensors(tmp_path / "toy-trunk" / "model.safetensors")
    for name, weight in own.items():
        if not name.startswith("heads."):
            assert torch.equal(weight, trunk.get(name, pretrained[name])), name
    assert "trunk" not in json.loads((folder / "config.json").read_text())

    # Heads of the same labels go on; of others they begin anew, and nothing else may.
    tuned[:2] = [f"output={tmp_path / 'on'}", f"model.start={folder}"]
    on = load_tensors(train_recipe(recipe, tuned) / "model.safetensors")
    assert "begin with random" not in capsys.readouterr().err
    assert all(torch.equal(weight, own[name]) for name, weight in on.items())
    other = [*tuned, f"output={tmp_path / 'other'}", 'model.config.heads=[{kind="tokens", '
             f'labels={json.dumps([TAGS[0], *TAGS[:0:-1]])}}}]']  # fmt: skip
    train_recipe(recipe, other)
    assert "heads tokens begin with random weights" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match=r"model\.config\.shrink is 2 there and 4 here"):
        train_recipe(recipe, [*tuned, f"output={tmp_path / 'no'}", "model.config.shrink=4"])


def test_receipts_learn_their_fields_and_a_company_is_in_one_fold(
    recipe: Path, tmp_path: Path
) -> None:
    for number in range(6):
        company = "MR. DIY SDN BHD" if number % 2 else f"Shop {'abc'[number // 2]}"
        put_receipt(tmp_path / "sroie", f"r{number}", company=company, date="05-03-18")
    fields = ["company", "date"]
    tags = ["O", *(f"{part}-{name}" for name in fields for part in "BI")]
    settings = [
        *(f"output={tmp_path / 'receipts'}", "steps=1", "documents.fold=0", "documents.folds=2"),
        f'documents.sets={{sroie={{folder="{tmp_path / "sroie"}", fields={fields}}}}}',
        f'model.config.heads=[{{kind="tokens", labels={json.dumps(tags)}}}]',
    ]
    folder = train_recipe(recipe, settings)
    facts = json.loads(
        next((tmp_path / "receipts" / "checkpoints").glob("*/state.json")).read_text()
    )
    learnt = facts["facts"]["documents.samples"]["sroie"]
    assert learnt in (1, 2, 4, 5)  # three receipts of one company, and three of others
    assert f"{6 - learnt} documents of sroie left out" in (folder / "README.md").read_text()
    with pytest.raises(RecipeError, match="'sroie' has entities 'date'"):
        train_recipe(recipe, [*settings[:-1], settings[-1].replace("date", "total")])


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        (["documents.sets={}"], RecipeError, "there are no documents"),
        (["documents.fold=5"], RecipeError, "fold is 5, but must be 0 to 4"),
        (["documents.boxes=lines"], RecipeError, "'words' or 'segments'"),
        (["documents.sets.forms.folder=nowhere"], InputError, "nowhere"),
        (["documents.sets.forms.split=dev"], InputError, "no such split"),
        (["documents.sets.forms.validation=d", "documents.fold=0"], RecipeError, "and a split"),
        (["documents.rows=packed", "batch.chunks=2"], RecipeError, "do not fall into chunks"),
        (["tokens.file=nowhere.json"], CheckpointError, "no such tokenizer"),
        (["trunk.folder={root}/forms"], CheckpointError, "no such trunk"),
        (["model.config.depth=3"], CheckpointError, r"model\.config\.depth is 2 there and 3 here"),
        (['model.config.heads=[{kind="answers"}]'], RecipeError, "teach no head 'answers'"),
        (['model.config.heads=[{kind="tokens", labels=["O", "B-X"]}]'], RecipeError, "I-X"),
        (FOR_PRETRAINING[:2], RecipeError, "pre-training has"),
        (["schedule.warmup=1.5"], RecipeError, "neither whole steps"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_clear_error(
    recipe: Path, tmp_path: Path, changes: list[str], kind: type[VlkitError], message: str
) -> None:
    changes = [change.replace("{root}", str(tmp_path)) for change in changes]
    with pytest.raises(kind, match=message):
        train_recipe(recipe, changes)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_split_names_what_is_learnt_and_what_is_measured(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "forms" / "train.txt").write_text("form1\nform2\n")
    annotations = tmp_path / "forms" / "annotations"
    (annotations / "form7.json").rename(annotations / "form 7.json")
    (tmp_path / "forms" / "dev.txt").write_text("form 7\n\n")
    names = ["documents.sets.forms.split=train", "documents.sets.forms.validation=dev"]
    folder = train_recipe(recipe, [*names, "steps=1", "documents.rows=packed"])
    assert "1 documents of forms left out, boxes of words" in (folder / "README.md").read_text()
    few = [*names, f"output={tmp_path / 'few'}", "steps=1", "documents.sets.forms.most=1"]
    train_recipe(recipe, few)
    assert "1 documents of forms; " in capsys.readouterr().err
    (tmp_path / "forms" / "train.txt").write_text("form1\nform99\n")
    with pytest.raises(InputError, match="names 'form99'"):
        train_recipe(recipe, [*names, f"output={tmp_path / 'other'}"])


SHELF = Path(__file__).parents[1] / "models"
TOY = [
    *("vocab=81", "width=24", "depth=2", "attention_heads=3", "hidden=48", "shrink=2"),
    *("positions=34", "first=2", "layout_positions=34", "layout_first=2", "token_types=1"),
    *("pad_id=1", "epsilon=1e-5"),
]


def test_the_recipes_of_the_shelf_run_at_toy_size(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layout flow first, from which the others start."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLKIT_DATA", str(tmp_path))
    (tmp_path / "forms").rename(tmp_path / "funsd")
    for number in range(5):
        put_receipt(tmp_path / "sroie", f"r{number}", company=f"Shop {number}", total="12.50")
    settings = ["steps=1", "batch.size=4", "trunk.folder=toy-trunk", "logging.tensorboard=false"]
    settings += [f"model.config.{setting}" for setting in TOY]
    for name in ("lilt-layout-flow", "lilt-forms", "lilt-receipts"):
        folder = train_recipe(SHELF / name / "recipe.toml", settings)
        described = json.loads((folder / "config.json").read_text())
        assert described["boxes"] == "segments"
        assert ("trunk" in described) == (name != "lilt-layout-flow")
