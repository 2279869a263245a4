"""DetailCLIP against a plain version of itself, cut into pieces, over processes, on bad input."""

import copy
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("open_clip")

from torch.multiprocessing.spawn import spawn  # noqa: E402

from benchmarks.plain_detailclip import PlainStep, average  # noqa: E402
from vlkit.checkpoint import load_folder, load_tensors, save_tensors  # noqa: E402
from vlkit.errors import ModelError  # noqa: E402
from vlkit.models import load  # noqa: E402
from vlkit.models.detailclip import (  # noqa: E402
    DetailClip,
    DetailClipConfig,
    Distillation,
    Reconstruction,
    Removal,
)
from vlkit.nn.images import ImageTower  # noqa: E402
from vlkit.nn.masking import select  # noqa: E402
from vlkit.nn.texts import TextTower, ended  # noqa: E402
from vlkit.training.gradcache import cached_backward, split  # noqa: E402

TINY = DetailClipConfig(
    image=ImageTower(
        "timm",
        "vit_base_patch16_224",
        image_size=32,
        patch_size=8,
        width=32,
        depth=2,
        heads=2,
        pool="token",
    ),
    text=TextTower(
        "open_clip",
        "ViT-B-16",
        context_length=8,
        vocab_size=50,
        width=16,
        depth=1,
        heads=2,
        activation="quick_gelu",
    ),
    width=16,
    removal=Removal(keep=0.5, cell=1),
    distillation=Distillation(hidden=24, bottleneck=12, prototypes=40, first_steps=2),
    reconstruction=Reconstruction(heads=4),
    momentum=0.9,
    momentum_steps=10,
)


def model_of(config=TINY, seed=0):
    torch.manual_seed(seed)
    model = DetailClip(config)
    with torch.no_grad():  # a teacher that differs, and class tokens that tell pictures apart
        for parameter in model.teacher.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model.train()


def batch_of(size=4, seed=1, config=TINY):
    generator = torch.Generator().manual_seed(seed)
    side = config.image.image_size
    ids = torch.randint(1, 49, (size, 8), generator=generator)
    ids[:, 5], ids[:, 6:] = 49, 0
    return {"views": torch.randn(size, 2, 3, side, side, generator=generator), "ids": ids}


def gradients(model):
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        replace(TINY, removal=Removal(keep=0.3, cell=2)),
        replace(TINY, reconstruction=Reconstruction(depth=2, heads=2)),
        replace(TINY, image=replace(TINY.image, image_size=30, patch_size=6)),
    ],
    ids=["patches", "cells", "two decoder blocks", "odd grid"],
)
def test_a_step_is_the_plain_step(config):
    model, batch = model_of(config), batch_of(config=config)
    model.class_centre.normal_()
    model.patch_centre.normal_()
    plain = PlainStep(model).losses(batch["views"], batch["ids"])
    parts = ("contrast_u", "contrast_v", "reconstruction", "class", "patch")
    wanted = sum(plain[name] * (0.5 if "contrast" in name else 1) for name in parts)
    wanted.backward()
    plain_gradients = gradients(model)
    model.zero_grad()

    loss, logs = model.loss(model.encode(batch), batch)
    loss.backward()
    torch.testing.assert_close(loss, wanted, atol=1e-5, rtol=1e-5)
    for name in parts:
        torch.testing.assert_close(logs[name], plain[name].detach(), atol=1e-5, rtol=1e-5)
    ours = gradients(model)
    assert ours.keys() == plain_gradients.keys()
    for name, gradient in ours.items():
        torch.testing.assert_close(gradient, plain_gradients[name], atol=1e-5, rtol=1e-4)

    centre = 0.9 * model.patch_centre + 0.1 * plain["patch_mean"]
    class_centre = 0.9 * model.class_centre + 0.1 * plain["class_mean"]
    teacher = copy.deepcopy(model.teacher)
    average(teacher, model.student, model.momentum(1))
    model.after_step(1)
    torch.testing.assert_close(model.patch_centre, centre.detach())
    torch.testing.assert_close(model.class_centre, class_centre.detach())
    for ours, theirs in zip(model.teacher.parameters(), teacher.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


class Whole:
    """Passes of a model on one process."""

    scale = 1.0

    def __init__(self, model):
        self.encode = model.encode

    def backward(self, value, last):
        value.backward()

    def part(self, last):
        return nullcontext()


def train(model, chunks, steps=3):
    optimizer = torch.optim.SGD([each for g in model.param_groups().values() for each in g], lr=0.1)
    losses = []
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        batch = batch_of(seed=step)
        losses.append(cached_backward(Whole(model), model.loss, batch, chunks)[0])
        optimizer.step()
        model.after_step(step)
    return torch.stack(losses)


def test_chunks_of_a_batch_train_as_the_whole():
    whole, cut = model_of(), model_of()
    torch.testing.assert_close(train(cut, 2), train(whole, 1), atol=1e-5, rtol=1e-5)
    for (name, ours), theirs in zip(
        cut.state_dict().items(), whole.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5, msg=name)


def test_accumulation_moves_teacher_and_centres_once_a_step():
    model, batch = model_of(), batch_of()
    teacher = copy.deepcopy(model.teacher.state_dict())
    means = []
    for part in split(batch, 2):
        reps = model.encode(part)
        model.loss(reps, part)
        means.append(reps["teacher_patch"])
    for name, value in model.teacher.state_dict().items():
        assert torch.equal(value, teacher[name])
    assert not model.patch_centre.any()
    model.after_step(1)
    wanted = 0.1 * model_of().teacher.head.scores(torch.cat(means).mean(0))
    torch.testing.assert_close(model.patch_centre, wanted.detach())
    centre = model.patch_centre.clone()
    model.after_step(2)  # nothing was seen since
    assert torch.equal(model.patch_centre, centre)


def test_momentum_ends_at_one_and_temperature_changes_after_the_first_steps():
    model = model_of()
    assert model.momentum(0) == pytest.approx(0.9)
    assert model.momentum(5) == pytest.approx(0.95)
    assert model.momentum(10) == model.momentum(99) == 1.0
    assert float(model.patch_temperature) == pytest.approx(0.04)
    model.after_step(1)
    assert float(model.patch_temperature) == pytest.approx(0.04)
    model.after_step(2)
    assert float(model.patch_temperature) == pytest.approx(0.07)


def test_scale_stays_within_a_hundred():
    model = model_of()
    with torch.no_grad():
        model.scale.fill_(9.0)
    model.after_step(1)
    assert float(model.scale.exp().detach()) == pytest.approx(100)


def test_a_run_goes_on_from_its_state_as_if_never_stopped():
    through = model_of()
    train(through, 1)
    stopped = model_of(seed=5)
    stopped.load_state_dict(through.state_dict())
    batch = batch_of(seed=9)
    ours, theirs = (each.loss(each.encode(batch), batch)[0] for each in (stopped, through))
    assert torch.equal(ours, theirs)
    assert through.patch_centre.any()


def test_evaluation_moves_nothing():
    model, batch = model_of().eval(), batch_of()
    model.loss(model.encode(batch), batch)
    model.after_step(1)
    assert not model.patch_centre.any()


def test_what_trains_has_a_group_and_a_gradient():
    model, batch = model_of(), batch_of()
    model.loss(model.encode(batch), batch)[0].backward()
    grouped = [each for group in model.param_groups().values() for each in group]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {each for each in model.parameters() if each.requires_grad}
    assert all(each.grad is not None for each in grouped)
    assert not model.student.image.tower.patch_embed.proj.weight.requires_grad
    assert not any(each.requires_grad for each in model.teacher.parameters())


def test_bfloat16_is_near_and_its_softmaxes_are_fp32():
    model, batch = model_of(), batch_of()
    plain, _ = model.loss(model.encode(batch), batch)
    with torch.autocast("cpu", torch.bfloat16):
        reps = model.encode(batch)
        loss, _ = model.loss(reps, batch)
    loss.backward()
    assert {each.dtype for each in reps.values()} == {torch.float32}
    assert float(loss.detach()) == pytest.approx(float(plain.detach()), rel=0.02)


def test_heads_score_removed_tokens_alone(monkeypatch):
    model, batch = model_of(), batch_of()
    seen = []
    for head in (model.student.head, model.teacher.head):
        scores = head.scores
        monkeypatch.setattr(head, "scores", lambda x, scores=scores: seen.append(x) or scores(x))
    model.encode(batch)
    removed = 16 - (int(16 * 0.5) + 1)
    assert sorted({each.shape[1] for each in seen}) == [1, removed]


def test_nothing_waits_for_the_device():
    from torch._subclasses.fake_tensor import FakeTensorMode

    model, batch = model_of(), batch_of()
    with FakeTensorMode(allow_non_fake_inputs=True):  # reading any value fails here
        reps = model.encode(batch)
    assert reps["patch"].shape == (4,)


@pytest.mark.parametrize(
    ("distillation", "reconstruction", "by", "names"),
    [
        (0, 0, "attention", set()),
        (0, 0, "chance", set()),
        (0, 1, "attention", {"reconstruction"}),
        (1, 0, "chance", {"class", "patch", "teacher_class", "teacher_patch"}),
    ],
)
def test_parts_can_be_left_out(distillation, reconstruction, by, names):
    config = replace(
        TINY,
        removal=replace(TINY.removal, by=by),
        distillation=replace(
            TINY.distillation, class_weight=distillation, patch_weight=distillation
        ),
        reconstruction=replace(TINY.reconstruction, weight=reconstruction),
    )
    model, batch = model_of(config), batch_of()
    reps = model.encode(batch)
    assert reps.keys() == {"image_u", "image_v", "text", "scale"} | names
    model.loss(reps, batch)[0].backward()
    assert all(each.grad is not None for group in model.param_groups().values() for each in group)
    model.after_step(1)


def test_select_keeps_the_cells_looked_at_most():
    scores = torch.rand(3, 24, generator=torch.Generator().manual_seed(0))
    keep, removed = select(scores, (4, 6), share=0.5, cell=2)
    for b in range(3):
        means = {}
        for row in range(2):
            for column in range(3):
                patches = [(2 * row + y) * 6 + 2 * column + x for y in range(2) for x in range(2)]
                means[tuple(patches)] = sum(float(scores[b, each]) for each in patches)
        best = sorted(means, key=lambda cell: -means[cell])[:4]
        wanted = sorted(each for cell in best for each in cell)
        assert keep[b].tolist() == wanted
        assert removed[b].tolist() == sorted(set(range(24)) - set(wanted))


def test_captions_that_were_cut_keep_their_meaning():
    model = model_of()
    long = torch.tensor([[48, 3, 4, 5, 6, 7, 8, 9], [48, 9, 8, 7, 6, 5, 4, 3]])
    first, second = model.encode_text(long).pooled
    assert (first - second).abs().max() > 1e-3
    whole = batch_of()["ids"]
    assert torch.equal(ended(whole, 49, 0), whole)


def test_only_a_tower_that_pools_at_the_end_gets_an_end_and_padding_is_not_read():
    text = TextTower("transformers", "bert", 8, 50, 16, 1, 2, mlp_ratio=2.0)
    model, batch = model_of(replace(TINY, text=text)).eval(), batch_of()
    ids = torch.randint(3, 40, (4, 8))
    read = model.student.text(ids)
    assert torch.equal(model.student.read(ids).tokens, read.tokens)
    real = (torch.arange(8) < 5).expand(4, -1)
    filled = ids.where(real, 41)  # whatever a tokenizer pads with
    batch["views"] = batch["views"].float()
    found = model.encode({**batch, "ids": filled, "mask": real})["text"]
    expected = model.student.texts(ids[:, :5])
    torch.testing.assert_close(found, torch.nn.functional.normalize(expected, dim=-1))


def test_what_is_kept_is_a_clip(tmp_path):
    model, batch = model_of(), batch_of()
    pixels = batch["views"][:, 0]
    for teacher in (False, True):
        model.to_clip(teacher=teacher).save_pretrained(tmp_path / "clip")
        clip = load(tmp_path / "clip")
        for kept, trained in (
            (clip.encode_image(pixels), model.encode_image(pixels, teacher=teacher)),
            (clip.encode_text(batch["ids"]), model.encode_text(batch["ids"], teacher=teacher)),
        ):
            torch.testing.assert_close(kept.pooled, trained.pooled)
            torch.testing.assert_close(kept.tokens, trained.tokens)
    with pytest.raises(ModelError, match="another epsilon"):
        model_of(replace(TINY, epsilon=0.1)).to_clip()


def test_a_saved_model_is_the_same(tmp_path):
    model = model_of().eval()
    model.save_pretrained(tmp_path / "saved")
    loaded = DetailClip.from_folder(load_folder(tmp_path / "saved"))
    batch = batch_of()
    for teacher in (False, True):
        pixels = batch["views"][:, 0]
        assert torch.equal(
            model.encode_image(pixels, teacher=teacher).pooled,
            loaded.encode_image(pixels, teacher=teacher).pooled,
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"removal": Removal(cell=3)}, "does not divide into cells of 3 x 3"),
        ({"removal": Removal(keep=1.0, cell=1)}, "removes nothing"),
        ({"reconstruction": Reconstruction(heads=5)}, "of 5 heads"),
        ({"reconstruction": Reconstruction(depth=0)}, "0 blocks"),
        ({"image": ImageTower("timm", "resnet18", image_size=64)}, "resnet18"),
    ],
)
def test_configurations_that_cannot_be(change, message):
    with pytest.raises(ModelError, match=message):
        DetailClip(replace(TINY, **change))


@pytest.mark.parametrize("keep", [0.5, 1.0])
def test_cells_divide_the_grid_even_where_no_loss_is_of_removed_patches(keep):
    plain = replace(
        TINY,
        distillation=replace(TINY.distillation, class_weight=0, patch_weight=0),
        reconstruction=replace(TINY.reconstruction, weight=0),
    )
    with pytest.raises(ModelError, match="does not divide into cells of 3 x 3"):
        DetailClip(replace(plain, removal=Removal(keep=keep, cell=3)))
    DetailClip(replace(plain, removal=Removal(keep=keep, cell=2)))  # may remove nothing


def _one_of_two(place, store, results):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=place, world_size=2
    )
    model, batch = model_of(), batch_of()
    part = split(batch, 2)[place]
    loss, _ = model.loss(model.encode(part), part)
    loss.backward()
    for gradient in gradients(model).values():
        torch.distributed.all_reduce(gradient)
        gradient /= 2
    torch.distributed.all_reduce(loss := loss.detach())
    model.after_step(1)
    found = {"loss": loss / 2, "patch_centre": model.patch_centre} | gradients(model)
    save_tensors(Path(f"{results}.{place}"), found)
    torch.distributed.destroy_process_group()


def test_two_processes_take_the_step_of_one(tmp_path):
    spawn(_one_of_two, (str(tmp_path / "store"), str(tmp_path / "result")), nprocs=2)
    model, batch = model_of(), batch_of()
    loss, _ = model.loss(model.encode(batch), batch)
    loss.backward()
    model.after_step(1)
    wanted = {"loss": loss.detach(), "patch_centre": model.patch_centre} | gradients(model)
    for place in range(2):
        found = load_tensors(tmp_path / f"result.{place}")
        assert found.keys() == wanted.keys()
        for name, value in found.items():
            torch.testing.assert_close(value, wanted[name], atol=1e-5, rtol=1e-4, msg=name)
