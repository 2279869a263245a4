"""The sharing benchmark: one look says what several say; bytes and parameters are what is there."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("open_clip")
pytest.importorskip("transformers")
pytest.importorskip("peft")

from benchmarks import adapters  # noqa: E402
from benchmarks.arms import photos, tuning  # noqa: E402
from tests.photos import noise, write_photos  # noqa: E402
from vlkit.models import load  # noqa: E402
from vlkit.models.clip import Clip  # noqa: E402
from vlkit.nn.images import ImageEncoder  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve photos, all for training and all for development; what is kept is kept here."""
    captions = ["a photo of noise, number {n}", "noise {n}"]
    folder = write_photos(tmp_path / "data" / photos.PHOTOS, noise(12), captions)
    names = "\n".join(f"{n}.png" for n in range(12))
    for split in ("train", "dev"):
        (folder / f"{split}.txt").write_text(names)
    for function in (photos.tokenizer, photos.photos):
        monkeypatch.setattr(
            function, "__defaults__", (*(function.__defaults__ or ())[:-1], tmp_path / "kept")
        )
    return folder.parent


@pytest.mark.parametrize("names", [("vector", "multi-vector"), tuple(adapters.HEADS)])
def test_one_look_answers_as_the_separate_models_do(names: tuple[str, ...]) -> None:
    size = adapters.serving(quick=True)
    both = dict(zip(("separate", "shared"), adapters.models_of(size), strict=True))
    looks = Counter()
    for arm, models in both.items():
        for trunk in {part for model in models.values() for part in model.modules()}:
            if isinstance(trunk, ImageEncoder):
                trunk.register_forward_hook(lambda *_, arm=arm: looks.update([arm]))
    side = both["separate"]["vector"].image.image_size
    for _ in range(2):  # other pictures, other answers
        pixels = torch.randn(2, 3, side, side)
        looks.clear()
        apart, together = (
            adapters.answer(models, names, pixels, size.tokens) for models in both.values()
        )
        assert looks == {"separate": len(names), "shared": 1}
        assert set(together) == set(names)
        for name in names:
            torch.testing.assert_close(together[name], apart[name], atol=1e-5, rtol=0)
        visual = [models["caption"].see(pixels).tokens for models in both.values()]
        torch.testing.assert_close(*visual, atol=1e-5, rtol=0)


def test_work_counts_a_trunk_as_often_as_it_looks() -> None:
    size = adapters.serving(quick=True)
    separate, shared = adapters.models_of(size)
    side = separate["vector"].image.image_size
    row = adapters.speed_row(
        separate, shared, ("vector", "multi-vector"), torch.randn(2, 3, side, side), 1, rounds=2
    )
    assert 1.5 < row.alternatives["times that the work allows"] < 2
    assert row.ours > 0


def test_bytes_of_a_shelf_that_is_made_here(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = adapters.make_shelf(tmp_path / "shelf", data)
    row = adapters.bytes_of_models(shelf, tmp_path / "alone", "random")
    trunk = (shelf / adapters.TRUNK / "model.safetensors").stat().st_size
    saved = (row.alternatives["standalone"] - row.ours) * adapters.MIB
    assert saved == pytest.approx(trunk, rel=0.01)  # two models and one trunk
    for name in ("clip-nano", "detailclip-nano"):
        here, alone = load(shelf / name), load(tmp_path / "alone" / name)
        assert isinstance(here, Clip)
        for key, value in here.state_dict().items():
            assert torch.equal(alone.state_dict()[key], value), key
    monkeypatch.setattr(adapters, "SHELF", shelf)  # the next time, it is there
    assert [row.on.endswith("(trained weights)") for row in adapters.shelf_rows(data)] == [
        True,
        False,
    ]


def test_arms_train_what_they_say() -> None:
    begun = tuning.start(tuning.QUICK)
    arms = tuning.arms_of(begun.config.image)
    assert (*arms, tuning.BEFORE) == tuning.STUDY.arms
    training = {}
    for name, arm in arms.items():
        clip, loras = tuning.model_of(arm, begun, seed=1)
        assert len(loras) == (2 if name == "lora" else 0)
        for lora in loras:
            assert all(".lora_" in n for n, p in lora.model.named_parameters() if p.requires_grad)
        own = clip.state_dict() if not loras else {}
        assert all(
            torch.equal(own[key], weight)
            for key, weight in begun.weights.items()
            if own and key.startswith(("image.", "text."))
        )
        towers = [*clip.image.parameters(), *clip.text.parameters()]
        training[name] = sum(p.numel() for p in towers if p.requires_grad)
    assert training["linear"] == training["latent"] == training["late"] == 0
    assert 0 < training["lora"] < 0.1 * training["full"]


@pytest.mark.parametrize("arm", ["full", "late", "lora", tuning.BEFORE])
def test_an_arm_runs_through(arm: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(tuning.QUICK, steps=2, batch=4, photos=None)
    monkeypatch.setattr(tuning, "QUICK", small)
    figures = tuning.run(arm, 0, True, data)
    assert {"t2i_r10", "i2t_r10", "steps", "gflop", "seconds"} <= set(figures)
    assert 0 <= figures["t2i_r10"] <= 1
    if arm != tuning.BEFORE:  # AdamW keeps two numbers of four bytes for each that trains
        assert figures["optimizer"] * 2**10 == pytest.approx(8 * figures["thousands"] * 1e3, abs=16)
