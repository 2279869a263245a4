"""Model folders: what is saved comes back, and what does not fit is refused in one sentence."""

import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from huggingface_hub import HfApi
from huggingface_hub.errors import EntryNotFoundError
from huggingface_hub.utils import filter_repo_objects
from torch import nn

from vlkit.checkpoint import (
    Pretrained,
    load_folder,
    load_tensors,
    load_weights,
    resolve,
    save_folder,
    save_tensors,
    sha256,
)
from vlkit.errors import CheckpointError, OutputError, RecipeError
from vlkit.training import state


@dataclass(frozen=True)
class SmallConfig:
    width: int = 4


class Small(Pretrained):
    model_name: ClassVar[str] = "small"
    Config: ClassVar[type[Any]] = SmallConfig

    def __init__(self, config: SmallConfig) -> None:
        super().__init__()
        self.config = config
        self.image = nn.Linear(config.width, config.width)
        self.head = nn.Linear(config.width, 2)

    @classmethod
    def from_config(cls, config: SmallConfig) -> "Small":
        return cls(config)


class Other(Small):
    model_name: ClassVar[str] = "other"


def trunk(folder: Path, model: Small) -> Path:
    weights = model.image.state_dict()
    return save_folder(folder, model="tower", config={}, weights=weights)


def test_a_model_comes_back(tmp_path: Path) -> None:
    model = Small(SmallConfig(6))
    tokenizer = tmp_path / "t.json"
    tokenizer.write_text("{}")
    folder = model.save_pretrained(tmp_path / "small", tokenizer=tokenizer)
    assert {file.name for file in folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }
    again = Small.from_pretrained(folder)
    assert again.config == SmallConfig(6)
    assert not again.training
    x = torch.randn(3, 6)
    assert torch.equal(again.head(again.image(x)), model.head(model.image(x)))
    described = load_folder(folder)
    assert described.tokenizer == folder / "tokenizer.json"
    assert described.model == "small"


def test_shared_and_sliced_tensors_are_saved_by_themselves(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    tensors = {"whole": whole, "again": whole, "row": whole[1], "turned": whole.T}
    save_tensors(tmp_path / "a.safetensors", tensors)
    for name, tensor in load_tensors(tmp_path / "a.safetensors").items():
        assert torch.equal(tensor, tensors[name])


def test_a_trunk_is_saved_once_and_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Small(SmallConfig())
    stem = trunk(tmp_path / "trunk", model)
    folder = save_folder(
        tmp_path / "small",
        model="small",
        config={"width": 4},
        weights=model.state_dict(),
        trunk=(stem, "image."),
    )
    assert set(load_tensors(folder / "model.safetensors")) == {"head.weight", "head.bias"}
    again = Small.from_pretrained(folder)
    for name, weight in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight)
    # On a shelf it is found too, even if another of its name lies beside the model.
    (tmp_path / "shelf").mkdir()
    stem.rename(tmp_path / "shelf" / "trunk")
    with pytest.raises(CheckpointError, match=r"its trunk trunk is missing: .*model\.safetensors"):
        load_folder(folder)
    monkeypatch.setenv("VLKIT_MODELS", str(tmp_path / "shelf"))
    assert load_folder(folder).trunk
    trunk(tmp_path / "trunk", Small(SmallConfig()))
    again = Small.from_pretrained(folder)
    for name, weight in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight)


def test_another_trunk_is_refused(tmp_path: Path) -> None:
    model = Small(SmallConfig())
    stem = trunk(tmp_path / "trunk", model)
    arguments = {"model": "small", "config": {"width": 4}, "trunk": (stem, "image.")}
    folder = save_folder(tmp_path / "small", weights=model.state_dict(), **arguments)  # type: ignore[arg-type]
    before = sha256(stem / "model.safetensors")
    trunk(tmp_path / "trunk", Small(SmallConfig()))
    with pytest.raises(CheckpointError, match=f"another trunk.*{before[:12]}… is needed"):
        load_folder(folder)
    with pytest.raises(CheckpointError, match=r"image\.(weight|bias) is not the trunk's"):
        save_folder(tmp_path / "new", weights=model.state_dict(), **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


def test_another_architecture_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    folder = Small(SmallConfig(4)).save_pretrained(tmp_path / "small")
    wide = Small(SmallConfig(5))
    before = {name: weight.clone() for name, weight in wide.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"3 of another shape \(image\.weight is \(4, 4\)"):
        load_weights(wide, load_tensors(folder / "model.safetensors"))
    with pytest.raises(CheckpointError, match=r"2 missing \(head\.weight\)"):
        load_weights(wide, wide.image.state_dict(prefix="image."))
    with pytest.raises(CheckpointError, match=r"1 that it does not have \(more\)"):
        load_weights(wide, {**wide.state_dict(), "more": torch.zeros(1)})
    for name, weight in wide.state_dict().items():
        assert torch.equal(weight, before[name])
    with pytest.raises(CheckpointError, match="holds a small, not a other"):
        Other.from_pretrained(folder)


def test_pickles_are_refused_unopened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    folder = Small(SmallConfig()).save_pretrained(tmp_path / "small")
    for write in (
        lambda file: torch.save({"bomb": Bomb()}, file),
        lambda file: torch.save({}, file, _use_new_zipfile_serialization=False),
        lambda file: file.write_bytes(pickle.dumps(Bomb())),
    ):
        write(folder / "model.safetensors")
        with pytest.raises(CheckpointError, match=r"model\.safetensors: this is a pickled file"):
            load_folder(folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin: this is a pickled file"):
        load_folder(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("length", [0x280, 0x380, 0x480, 0x580, 0x10280])
def test_a_header_whose_length_begins_like_a_pickle_is_none(tmp_path: Path, length: int) -> None:
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(length)
    file = tmp_path / "model.safetensors"
    file.write_bytes(length.to_bytes(8, "little") + header + bytes(4))
    assert torch.equal(load_tensors(file)["a"], torch.zeros(1))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "config.json can't be read"),
        ("{}", "is not that of a vlkit model"),
        ('{"model_type": "bert"}', "is not that of a vlkit model"),
    ],
)
def test_a_config_that_is_none_is_refused(tmp_path: Path, config: str, message: str) -> None:
    folder = Small(SmallConfig()).save_pretrained(tmp_path / "small")
    (folder / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=message):
        load_folder(folder)


def test_a_config_of_unknown_keys_names_them(tmp_path: Path) -> None:
    folder = Small(SmallConfig()).save_pretrained(tmp_path / "small")
    described = json.loads((folder / "config.json").read_text())
    described["config"] = {"widht": 4}
    (folder / "config.json").write_text(json.dumps(described))
    with pytest.raises(RecipeError, match=r"config\.widht'. Did you mean 'width'"):
        Small.from_pretrained(folder)


@pytest.mark.parametrize("size", [0, 7, 60, 150])
def test_a_cut_off_file_is_refused(tmp_path: Path, size: int) -> None:
    folder = Small(SmallConfig()).save_pretrained(tmp_path / "small")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="no whole safetensors file"):
        load_folder(folder)
    file.unlink()
    with pytest.raises(CheckpointError, match="can't be read"):
        load_folder(folder)


def test_a_hub_that_can_not_be_reached_names_the_file_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        resolve("nobody/nothing", cache_dir=tmp_path, local_files_only=True)
    assert "config.json of nobody/nothing" in str(caught.value)
    assert "vlkit models fetch nobody/nothing" in str(caught.value)
    with pytest.raises(CheckpointError, match="there is no model here"):
        resolve(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="there is no model here"):
        resolve(tmp_path)


class Hub:
    """A folder that plays the hub: what is uploaded to it can be fetched from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.private: dict[str, bool] = {}

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        assert exist_ok
        self.private[repo_id] = private
        (self.folder / repo_id).mkdir(parents=True, exist_ok=True)

    def upload_folder(
        self, *, repo_id: str, folder_path: Path, allow_patterns: list[str], commit_message: str
    ) -> str:
        names = [file.name for file in folder_path.iterdir()]
        for name in filter_repo_objects(names, allow_patterns=allow_patterns):
            shutil.copyfile(folder_path / name, self.folder / repo_id / name)
        return f"https://hub/{repo_id}/commit/1: {commit_message}"

    def download(self, repo_id: str, name: str, **_: object) -> str:
        file = self.folder / repo_id / name
        if not file.exists():
            raise EntryNotFoundError(name)
        return str(file)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    played = Hub(tmp_path / "hub")
    monkeypatch.setattr(
        HfApi, "create_repo", lambda _, *a, **named: played.create_repo(*a, **named)
    )
    monkeypatch.setattr(HfApi, "upload_folder", lambda _, **named: played.upload_folder(**named))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", played.download)
    return played


def test_a_model_comes_back_from_the_hub(tmp_path: Path, hub: Hub) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "tokenizer.json").write_text("{}")
    (folder / "README.md").write_text("# Small")
    torch.save({}, folder / "optimizer.pt")
    (folder / "notes.txt").write_text("mine")
    model = Small(SmallConfig(6))
    address = model.push_to_hub("somebody/small", folder, commit_message="First")
    assert address == "https://hub/somebody/small/commit/1: First"
    assert hub.private == {"somebody/small": True}
    uploaded = {file.name for file in (hub.folder / "somebody/small").iterdir()}
    assert uploaded == {"config.json", "model.safetensors", "tokenizer.json", "README.md"}
    again = Small.from_pretrained("somebody/small")
    assert again.config == model.config
    for name, weight in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight)
    assert load_folder(resolve("somebody/small")).tokenizer is not None
    # Without a tokenizer and a card it is a model as well.
    model.push_to_hub("somebody/bare", tmp_path / "bare", private=False)
    assert hub.private["somebody/bare"] is False
    assert load_folder(resolve("somebody/bare")).tokenizer is None


def test_a_trained_model_keeps_its_card_when_it_is_saved_again(tmp_path: Path) -> None:
    model, facts = Small(SmallConfig(6)), {"card": {"steps": 3}}
    trained = {"config": {"width": 6}, "weights": model.state_dict(), "card": "# Small"}
    folder = save_folder(tmp_path / "small", model="small", facts=facts, **trained)
    model.save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["card"] == {"steps": 3}
    assert (folder / "README.md").read_text() == "# Small"
    Other(SmallConfig(6)).save_pretrained(folder)
    assert "card" not in json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize(
    ("setting", "value"),
    [("ENDPOINT", "http://127.0.0.1:9"), ("HF_HUB_OFFLINE", True)],
)
def test_what_can_not_be_uploaded_stays_and_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: object
) -> None:
    monkeypatch.setattr(f"huggingface_hub.constants.{setting}", value)
    folder = tmp_path / "small"
    model = Small(SmallConfig())
    with pytest.raises(CheckpointError, match="somebody/small can't be uploaded: ") as caught:
        model.push_to_hub("somebody/small", folder, token="none")
    assert f"`hf upload somebody/small {folder}`" in str(caught.value)
    assert "\n" not in str(caught.value)
    Small.from_pretrained(folder)
    with pytest.raises(CheckpointError, match="can't be uploaded"):
        model.push_to_hub("no such/name/at all", folder, token="none")


def test_a_folder_that_can_not_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    model = Small(SmallConfig())
    folder = model.save_pretrained(tmp_path / "small")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(OutputError):
        model.save_pretrained(folder, tokenizer=tmp_path / "missing.json")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


class Killed(BaseException):
    """As a kill, nothing catches it."""


@pytest.mark.parametrize("survived", range(4))
def test_a_save_that_is_killed_leaves_no_mixture(tmp_path: Path, survived: int) -> None:
    """The old model or the new one, or none until the next save; never weights of the other."""
    folder = tmp_path / "small"
    old, new = Small(SmallConfig(4)), Small(SmallConfig(5))
    old.save_pretrained(folder)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "notes.txt").write_text("mine")
    calls = 0

    def counted(name: str) -> Any:
        move = getattr(Path, name)

        def killing(self: Path, target: Path) -> Path:
            nonlocal calls
            calls += 1
            if calls > survived:
                raise Killed
            moved: Path = move(self, target)
            return moved

        return killing

    with pytest.MonkeyPatch.context() as patch:
        for name in ("rename", "replace"):
            patch.setattr(Path, name, counted(name))
        if survived < 3:  # aside, into the place, the notes
            with pytest.raises(Killed):
                new.save_pretrained(folder)
        else:
            new.save_pretrained(folder)
    if folder.exists():
        assert Small.from_pretrained(folder).config == (old if survived < 1 else new).config
        assert load_folder(folder).tokenizer is not None
    new.save_pretrained(folder)
    assert Small.from_pretrained(folder).config == new.config
    assert load_folder(folder).tokenizer is not None
    assert (folder / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_a_model_is_replaced_behind_a_link(tmp_path: Path) -> None:
    Small(SmallConfig(4)).save_pretrained(tmp_path / "shelf" / "small")
    link = tmp_path / "small"
    link.symlink_to(tmp_path / "shelf" / "small")
    Small(SmallConfig(5)).save_pretrained(link)
    assert link.is_symlink()
    assert Small.from_pretrained(tmp_path / "shelf" / "small").config == SmallConfig(5)


def test_an_old_checkpoint_that_can_not_be_removed_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = {"weights": {"a": torch.ones(2)}, "optimizer": {"b": torch.ones(2)}}
    state.save(tmp_path, state.State(1, tensors), keep=1)

    def refuse(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refuse)
        with pytest.raises(OutputError, match="step-00000001 is no longer needed and can't be"):
            state.save(tmp_path, state.State(2, tensors), keep=1)
    last = state.latest(tmp_path)
    assert last
    assert last.step == 2
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]


FULL = """
import resource
import sys
from pathlib import Path

import torch

from vlkit.checkpoint import save_folder
from vlkit.errors import OutputError
from vlkit.training.state import State, latest, save

def tensors(size):
    return {"weights": {"a": torch.ones(size)}, "optimizer": {"b": torch.ones(2)}}

place = Path(sys.argv[1])
save(place / "run", State(1, tensors(2), {}), 2)
save_folder(place / "model", model="m", config={}, weights={"a": torch.ones(2)})
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for attempt in (
    lambda: save(place / "run", State(2, tensors(100_000), {}), 2),
    lambda: save_folder(place / "model", model="m", config={}, weights=tensors(100_000)["weights"]),
):
    try:
        attempt()
    except OutputError as error:
        print(error)
assert latest(place / "run").step == 1
"""


def test_a_full_disk_says_so_and_leaves_what_stood(tmp_path: Path) -> None:
    """A limit on the size of files does what a full disk does."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    checkpoint, model = done.stdout.splitlines()
    assert "the checkpoint of step 2 can't be written: " in checkpoint
    assert "Make room" in checkpoint
    assert "the model can't be written: " in model
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["step-00000001"]
    assert {path.name for path in tmp_path.iterdir()} == {"run", "model"}
    assert len(load_tensors(tmp_path / "model" / "model.safetensors")["a"]) == 2
