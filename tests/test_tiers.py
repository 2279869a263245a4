"""The three tiers: what is listed, what can be fetched or carried in, and what `verify` checks.

No weights are at hand here: the published configurations and key lists are, filled at random.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import open_clip
import pytest
import timm
import torch
from huggingface_hub.errors import EntryNotFoundError
from safetensors.torch import save_file
from torch import Tensor
from typer.testing import CliRunner

from tests.photos import noise, write_photos
from vlkit import models, shelves
from vlkit.checkpoint import load_tensors
from vlkit.cli import app
from vlkit.data.bpe import CaptionTokenizer, train_bpe
from vlkit.doctor import examine
from vlkit.errors import CheckpointError, MissingDependency, ModelError, UnknownName
from vlkit.evaluation.result import EvalResult
from vlkit.models import clip as clip_module
from vlkit.models import published, recommended
from vlkit.models.clip import Clip
from vlkit.models.detailclip import DetailClip
from vlkit.models.recommended import RECOMMENDED, UNVERIFIED, Verified, verified
from vlkit.models.tiers import entries, facts, find
from vlkit.models.trunks import ImageTrunk
from vlkit.nn.images import ImageTower
from vlkit.retrieval.verify import Compared, compare, verify

SMALL = ImageTower(
    "timm", "vit_tiny_patch16_224", image_size=32, patch_size=8, width=16, depth=1, heads=2
)
PAIRS = [name for name, each in RECOMMENDED.items() if each.library == "open_clip"]
TOWERS = [name for name, each in RECOMMENDED.items() if each.library == "timm"]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own shelf, a repository's shelf and a working folder that hold nothing; no hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLKIT_MODELS", str(tmp_path / "own"))
    monkeypatch.setattr(shelves, "REPOSITORY", tmp_path / "models")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


# ---- what is recommended ----


@pytest.mark.parametrize("name", PAIRS)
def test_ids_are_those_of_open_clips_table(name: str) -> None:
    wanted = RECOMMENDED[name]
    listed = open_clip.pretrained.get_pretrained_cfg(wanted.architecture, wanted.tag)
    assert listed["hf_hub"].rstrip("/") == wanted.hub


@pytest.mark.parametrize("name", TOWERS)
def test_ids_are_those_of_timms_table(name: str) -> None:
    wanted = RECOMMENDED[name]
    listed = timm.models.get_pretrained_cfg(f"{wanted.architecture}.{wanted.tag}")
    assert listed.hf_hub_id == wanted.hub


@contextmanager
def without_memory() -> Iterator[None]:
    """Shapes alone: the largest of these models has 2 GB of weights."""
    with torch.device("meta"):
        yield


@pytest.mark.parametrize("name", PAIRS)
def test_the_published_keys_and_shapes_are_ours(name: str, alone: Path) -> None:
    architecture = RECOMMENDED[name].architecture
    with without_memory(), pytest.MonkeyPatch.context() as patch:
        theirs = open_clip.create_model(architecture, pretrained_image=False, device="meta")
        state = theirs.state_dict()
        patch.setattr(clip_module, "load_tensors", lambda path: state)
        folder = described(alone / "own" / name, architecture)
        model = published.load_published(name, folder)
    count = sum(tensor.numel() for tensor in theirs.parameters())
    assert sum(parameter.numel() for parameter in model.parameters()) == count


@pytest.mark.parametrize("name", TOWERS)
def test_the_published_towers_keys_are_ours(name: str, alone: Path) -> None:
    with without_memory(), pytest.MonkeyPatch.context() as patch:
        tower = timm.create_model(RECOMMENDED[name].architecture)
        patch.setattr(published, "load_tensors", lambda path: tower.state_dict())
        model = published.load_published(name, alone)
    count = sum(tensor.numel() for tensor in tower.parameters())
    head = sum(tensor.numel() for tensor in tower.get_classifier().parameters())
    assert sum(parameter.numel() for parameter in model.parameters()) == count - head


def original_detailclip() -> dict[str, Tensor]:
    """Names and shapes of DetailCLIP_VITB16, as its training code saves them."""
    tower = timm.create_model("vit_base_patch16_224", num_classes=0).state_dict()
    text = open_clip.create_model("ViT-B-16", device="meta").transformer.state_dict()
    shapes = {
        **dict.fromkeys(["image_projection", "image_projection_e"], (768, 512)),
        **dict.fromkeys(["text_projection", "text_projection_e"], (512, 512)),
        **dict.fromkeys(["ln_final.weight", "ln_final.bias"], (512,)),
        **{"token_embedding.weight": (49408, 512), "positional_embedding": (77, 512)},
        **{"logit_scale": (), "mask_token": (1, 1, 768), "decoder_pos_embed": (1, 197, 768)},
        **dict.fromkeys(["decoder_norm.weight", "decoder_norm.bias"], (768,)),
    }
    for name in ("decoder_embed", "reconstruction_pred"):
        shapes |= {f"{name}.weight": (768, 768), f"{name}.bias": (768,)}
    for head in ("ibot_head", "ibot_head_e"):
        for index, sizes in ((0, (2048, 768)), (2, (2048, 2048)), (4, (256, 2048))):
            shapes |= {f"{head}.mlp.{index}.weight": sizes, f"{head}.mlp.{index}.bias": sizes[:1]}
        for last in ("last_layer", "last_layer2"):
            shapes |= {f"{head}.{last}.weight_g": (8192, 1), f"{head}.{last}.weight_v": (8192, 256)}
    block = {f"decoder_{n}": v for n, v in tower.items() if n.startswith("blocks.0.")}
    return {
        **{name: torch.empty(shape) for name, shape in shapes.items()},
        **block,
        **{f"{side}.{name}": v for side in ("visual", "visual_ema") for name, v in tower.items()},
        **{f"{t}.{n}": v for t in ("transformer", "transformer_e") for n, v in text.items()},
    }


def test_detailclips_published_keys_and_shapes_are_ours(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with without_memory():
        state = original_detailclip()
        assert len(state) == 637  # as its checkpoint has
        monkeypatch.setattr(published, "load_tensors", lambda path: state)
        model = published.load_published("detailclip-vit-b-16", alone)
        assert isinstance(model, DetailClip)
        state["visual.norm.weight"] = torch.empty(3)
        with pytest.raises(CheckpointError, match="of another shape"):
            published.load_published("detailclip-vit-b-16", alone)


# ---- fetching and carrying in ----


def described(folder: Path, architecture: str, readme: str = "") -> Path:
    """A folder as open_clip puts on the hub, without its weights."""
    folder.mkdir(parents=True)
    config = {"model_cfg": open_clip.get_model_config(architecture), "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    (folder / "README.md").write_text(readme)
    return folder


def test_what_can_not_be_fetched_names_the_files_and_where_they_go(alone: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        published.fetch("siglip-vit-b-16")
    said = str(caught.value)
    for part in ("open_clip_config.json", "open_clip_model.safetensors", "can't be fetched"):
        assert part in said
    assert f"timm/ViT-B-16-SigLIP into {alone / 'own' / 'siglip-vit-b-16'}" in said
    with pytest.raises(CheckpointError, match="Run `vlkit models fetch siglip-vit-b-16`"):
        models.load("siglip-vit-b-16")
    with pytest.raises(CheckpointError, match=r"state_dict becomes model\.safetensors"):
        published.fetch("detailclip-vit-b-16")
    with pytest.raises(UnknownName, match="Did you mean 'siglip-vit-b-16'"):
        find("siglip-vit-b16")


def test_a_file_that_was_carried_in_is_no_longer_missing(alone: Path) -> None:
    described(alone / "own" / "siglip-vit-b-16", "ViT-B-16-SigLIP")
    with pytest.raises(CheckpointError) as caught:
        published.fetch("siglip-vit-b-16")
    assert str(caught.value).startswith("open_clip_model.safetensors of siglip-vit-b-16: not here")


def test_fetching_asks_the_hub_for_each_file(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def give(hub: str, name: str, **_: object) -> str:
        asked.append((hub, name))
        place = alone / "snapshots" / "c0ffee" / name
        if name == "tokenizer.json":
            raise FileNotFoundError(name)
        return str(place)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", give)
    assert published.fetch("dinov2-vit-s-14") == alone / "snapshots" / "c0ffee"
    hub = "timm/vit_small_patch14_dinov2.lvd142m"
    helpful = ("tokenizer.json", "tokenizer_config.json", "README.md")
    assert asked == [(hub, name) for name in ("model.safetensors", *helpful)]


@pytest.mark.parametrize("config", [False, True])
def test_a_hub_id_with_open_clips_files_is_loaded(
    alone: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch, config: bool
) -> None:
    """Some have a config.json beside them, without the weights that would go with it."""
    hub = carry_in(state, alone / "hub" / "somebody" / "mobile")
    if config:
        (hub / "config.json").write_text("{}")

    def give(hub_id: str, name: str, **_: object) -> str:
        file = alone / "hub" / hub_id / name
        if not file.exists():
            raise EntryNotFoundError(f"{name} is not there")
        return str(file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", give)
    assert isinstance(models.load("somebody/mobile"), Clip)
    (hub / "open_clip_model.safetensors").unlink()
    with pytest.raises(CheckpointError) as caught:
        models.load("somebody/mobile")
    first = "model.safetensors" if config else "config.json"
    assert str(caught.value).startswith(f"{first} of somebody/mobile is not here")
    assert "; open_clip_model.safetensors of somebody/mobile is not here" in str(caught.value)


# ---- verifying ----


@pytest.fixture
def pictures(alone: Path) -> Path:
    """Twelve drawn pictures with captions, named as a public set is."""
    return write_photos(alone / "coco", noise(12), ["a square of shade {n}"])


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Random weights of the smallest of the pairs."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with torch.device("meta"):
        theirs = open_clip.create_model("MobileCLIP2-S0", pretrained_image=False, device="meta")
    return {
        name: torch.zeros((), dtype=value.dtype)
        if value.dtype == torch.long
        else 0.02 * torch.randn(value.shape)
        if not name.endswith("running_var")
        else torch.ones(value.shape)
        for name, value in theirs.state_dict().items()
    }


def carry_in(state: dict[str, Tensor], folder: Path, readme: str = "") -> Path:
    described(folder, "MobileCLIP2-S0", readme)
    save_file(state, folder / "open_clip_model.safetensors")
    tokenizer = CaptionTokenizer(train_bpe(["a square of shade 1 2 3"] * 9, 260), 77)
    return tokenizer.save(folder / "tokenizer.json").parent


def test_verify_loads_once_scores_and_remembers(
    alone: Path, pictures: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "mobileclip2-s0"
    assert verified(name) == Verified(UNVERIFIED, UNVERIFIED, {})
    readme = "---\nlicense: other\nlicense_name: some-terms\n---\n# It\n"
    folder = carry_in(state, alone / "own" / name, readme)
    read: list[Path] = []

    def read_tensors(path: Path) -> dict[str, Tensor]:
        read.append(path)
        return load_tensors(path)

    monkeypatch.setattr(clip_module, "load_tensors", read_tensors)
    report = verify(name, pictures)
    assert read == [folder / "open_clip_model.safetensors"]
    assert report.folder == folder
    assert report.result is not None
    assert report.result.counts["images"] == 12
    assert report.seen is not None
    assert report.seen.licence == "some-terms"
    assert report.seen.revision.startswith("sha256:")
    assert verified(name) == report.seen
    shown = facts(find(name))
    assert shown["licence"] == "some-terms"
    assert f"t2i_r1 {report.result.metrics['t2i_r1']:.3f}" in shown["measured"]
    assert isinstance(models.load(name), Clip)

    # The same files in the hub's cache: the revision is its commit.
    commit = "0123456789abcdef0123456789abcdef01234567"
    place = alone / "hub" / "models--timm--MobileCLIP2-S0-OpenCLIP"
    (place / "snapshots").mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    folder.rename(place / "snapshots" / commit)
    seen = verify(name).seen
    assert seen is not None
    assert seen.revision == commit


def test_files_of_another_architecture_are_refused(alone: Path, state: dict[str, Tensor]) -> None:
    carry_in(state, alone / "own" / "mobileclip-s1")
    with pytest.raises(CheckpointError, match="not those of MobileCLIP-S1"):
        verify("mobileclip-s1")
    folder = alone / "own" / "mobileclip2-s0"
    fewer = dict(list(state.items())[1:])
    carry_in(fewer, folder)
    with pytest.raises(CheckpointError, match="1 missing"):
        verify("mobileclip2-s0")
    assert verified("mobileclip2-s0").revision == UNVERIFIED


def test_a_score_stands_beside_the_published_one() -> None:
    figure = RECOMMENDED["detailclip-vit-b-16"].figure
    metrics = {"i2t_r1": 0.385, "t2i_r1": 0.2, "t2i_r5": 0.5}
    result = EvalResult(
        task="retrieval",
        model="m",
        data="coco",
        counts={},
        metrics=metrics,
        command="",
        versions={},
    )
    rows = compare(result, figure)
    assert rows == (Compared("i2t_r1", 0.383, 0.385), Compared("t2i_r1", 0.229, 0.2))
    assert [row.near for row in rows] == [True, False]
    assert compare(result.model_copy(update={"data": "flickr8k"}), figure) == ()
    assert compare(result, None) == compare(None, figure) == ()


# ---- what is here ----


def test_each_tier_is_listed_and_a_name_stands_in_the_first(alone: Path) -> None:
    tower = ImageTrunk.from_config(SMALL)
    tower.save_pretrained(alone / "models" / "a-trunk")
    tower.save_pretrained(alone / "own" / "mine")
    tower.save_pretrained(alone / "own" / "a-trunk")
    tower.save_pretrained(alone / "runs" / "a-run" / "model")
    tower.save_pretrained(alone / "models" / ".writing-a-model")
    (alone / "models" / "recipe-only").mkdir()
    found = {entry.name: entry for entry in entries()}
    assert set(found) == {"a-trunk", "mine", "a-run", *RECOMMENDED}
    assert found["a-trunk"].folder == alone / "models" / "a-trunk"
    assert [found[name].tier for name in ("a-trunk", "mine", "a-run")] == ["bundled", "own", "own"]
    assert all(found[name].folder is None for name in RECOMMENDED)
    for name in ("a-trunk", "mine", "a-run"):
        assert isinstance(models.load(name), ImageTrunk)
    report = verify("mine")
    assert report.parameters == sum(p.numel() for p in tower.parameters())
    assert report.seen is None
    findings = {finding.what: finding for finding in examine()}
    assert findings["bundled models"].detail == "a-trunk"
    assert findings["own models"].detail == "a-run, mine"
    assert not findings["recommended models"].works
    assert "fetch" in findings["recommended models"].remedy


def test_a_trunk_alone_has_no_score(alone: Path, pictures: Path) -> None:
    ImageTrunk.from_config(SMALL).save_pretrained(alone / "own" / "mine")
    with pytest.raises(ModelError, match="image-trunk has no vectors"):
        verify("mine", pictures)


def test_the_commands(alone: Path) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.output

    ImageTrunk.from_config(SMALL).save_pretrained(alone / "own" / "mine")
    for listed in (run("models"), run("models", "list")):
        assert "recommended  siglip-vit-b-16            to fetch  ViT-B-16-SigLIP" in listed
        assert "own          mine                       here      image-trunk" in listed
    shown = run("models", "info", "siglip-vit-b-16")
    assert "revision       unverified" in shown
    assert "licence        unverified" in shown
    assert "not here" in shown
    assert run("models", "fetch", "mine").strip() == str(alone / "own" / "mine")
    assert "as they should be" in run("verify", "mine")
    failed = CliRunner().invoke(app, ["models", "fetch", "siglip-vit-b-16"])
    assert isinstance(failed.exception, CheckpointError)


def test_listing_imports_no_torch() -> None:
    code = "import sys; from vlkit.models.tiers import entries; entries(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "timm", "open_clip", "transformers"} & set(done.stdout.split())


def test_without_the_extra_models_are_listed_and_loading_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vlkit.extras.find_spec", lambda name: None)
    monkeypatch.setattr(recommended, "find_spec", lambda name: None)
    assert {entry.tier for entry in entries()} == {"recommended"}
    with pytest.raises(MissingDependency, match=r"vlkit\[models\]"):
        models.load("siglip-vit-b-16")
