"""ONNX files give what torch gives, and of several models on a trunk hold the trunk not once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx.external_data_helper import load_external_data_for_model
from safetensors.numpy import load_file

from tests.entity_toys import HEADS, STEM, TAGS, folder_with, on_trunk
from tests.lilt_toys import TINY, TYPES, random_batch, shaken
from vlkit.checkpoint import save_folder
from vlkit.errors import ModelError
from vlkit.models.convert.lilt_onnx import write_onnx
from vlkit.models.lilt import Lilt, LiltConfig
from vlkit.models.lilt_heads import HeadConfig, RelationHead
from vlkit.onnx import open_session
from vlkit.recipe import to_table

LIMIT = 16e6
BOTH = (HeadConfig("tokens", ("O", "B-ANSWER")), HeadConfig("relations", TYPES))


@torch.no_grad()
def gives_what_torch_gives(model: Lilt, folder: Path, stem: Path, lengths: list[int]) -> None:
    given = random_batch(model.config.vocab, lengths, model.config.pad_id)
    flows = model(given["ids"], given["boxes"], given["mask"])
    session = open_session(folder / "model.onnx", 1, stem)
    outputs = session.run(None, {name: tensor.numpy() for name, tensor in given.items()})
    head = model.head("tokens")
    expected = [head(flows, {}, model.text.words.weight)]
    if "relations" in model.heads:
        expected.append(model.head("relations").seen(flows))
    assert len(outputs) == len(expected)
    for ours, theirs in zip(outputs, expected, strict=True):
        real = given["mask"].numpy()
        np.testing.assert_allclose(ours[real], theirs.numpy()[real], atol=1e-3)
    if "relations" not in model.heads:
        return
    relations = model.head("relations")
    assert isinstance(relations, RelationHead)
    seen, types = expected[1][:1, :7], torch.arange(7)[None] % 3
    logits = relations.of(seen, types)[0, 2:5]
    sides = {"parents": seen[0, 2:5], "parent_types": types[0, 2:5]}
    sides |= {"children": seen[0], "child_types": types[0]}
    session = open_session(folder / "relations.onnx", 1)
    (ours,) = session.run(None, {name: tensor.numpy() for name, tensor in sides.items()})
    np.testing.assert_allclose(ours, logits.numpy(), atol=1e-3)


@pytest.mark.parametrize(
    "config",
    [
        replace(TINY, heads=BOTH),
        replace(TINY, heads=BOTH[:1], activation="gelu_tanh", pad_id=0, first=0, layout_first=0),
        replace(TINY, heads=tuple(replace(head, flows="text") for head in BOTH), activation="relu"),
    ],
    ids=["roberta", "bert", "text heads"],
)
def test_a_standalone_model_is_whole(tmp_path: Path, config: LiltConfig) -> None:
    torch.manual_seed(0)
    model = shaken(Lilt(config))
    assert isinstance(model, Lilt)
    folder = model.save_pretrained(tmp_path / "tiny")
    write_onnx(folder)
    gives_what_torch_gives(model, folder, folder, [9, 20, 3])


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Lilt, Path]]:
    place = tmp_path_factory.mktemp("shelf")
    heads = (HEADS, HEADS[:1], (HeadConfig("tokens", TAGS[:3]),))
    models = [on_trunk(some, seed) for seed, some in enumerate(heads)]
    return [(model, folder_with(model, place / f"m{n}")) for n, model in enumerate(models)]


def test_models_on_the_trunk_are_as_in_torch(three: list[tuple[Lilt, Path]]) -> None:
    model, folder = three[0]
    gives_what_torch_gives(model, folder, folder.parent / STEM.name, [60, 20])


def test_three_models_cost_the_trunk_once(three: list[tuple[Lilt, Path]]) -> None:
    """All that lies on the shelf is the trunk and what each model has of its own."""
    shelf = three[0][1].parent
    sizes = {file: file.stat().st_size for file in shelf.rglob("*") if file.is_file()}
    assert max(sizes.values()) <= LIMIT
    trunk = sum(size for file, size in sizes.items() if file.parent.name == STEM.name)
    alone = 0
    for model, folder in three:
        own = {
            name: weight.numel()
            for name, weight in model.state_dict().items()
            if name.startswith(("heads.", "layout.")) or ".layout." in name
        }
        graph = onnx.load(folder / "model.onnx", load_external_data=False).graph
        shared = [each for each in graph.initializer if each.external_data]
        assert {each.name.removesuffix(".scale") for each in shared} == {
            name for name in model.state_dict() if name not in own
        }
        # As safetensors and as ONNX, in floats; the rest is the graphs themselves.
        alone += 2 * 4 * sum(own.values()) + 200_000
    assert sum(sizes.values()) <= trunk + alone


def test_others_find_the_trunks_bytes(three: list[tuple[Lilt, Path]]) -> None:
    model = onnx.load(three[1][1] / "model.onnx", load_external_data=False)
    load_external_data_for_model(model, str(STEM))
    held = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    stored = load_file(STEM / "model-layers.safetensors") | load_file(
        STEM / "model-words.safetensors"
    )
    for name, tensor in stored.items():
        np.testing.assert_array_equal(held[name], tensor)


def test_files_name_no_place(three: list[tuple[Lilt, Path]]) -> None:
    for file in three[0][1].glob("*.onnx"):
        content = file.read_bytes()
        for place in (str(Path.home()), str(Path.cwd()), str(file.parent), "site-packages"):
            assert place.encode() not in content


def test_a_model_without_labels_is_refused(tmp_path: Path) -> None:
    model = Lilt(replace(TINY, heads=(HeadConfig("answers"),)))
    folder = save_folder(
        tmp_path / "m", model="lilt", config=to_table(model.config), weights=model.state_dict()
    )
    with pytest.raises(ModelError, match="labels no words"):
        write_onnx(folder)
