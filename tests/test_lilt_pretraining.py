"""Documents are masked as LiLT's paper has it, and nothing that is shown gives the answer away."""

import tomllib
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.lilt_toys import TINY, equal
from vlkit import recipe
from vlkit.errors import InputError, ModelError
from vlkit.models import lilt_pretraining
from vlkit.models.lilt import Lilt
from vlkit.models.lilt_batches import packed, padded
from vlkit.models.lilt_heads import NONE
from vlkit.models.lilt_pretraining import HEADS, Vocabulary, masked, regions
from vlkit.training.gradcache import split
from vlkit.training.optimizer import Group, Optimizer, groups_of

START, PAD, END, MASK = range(4)
WORDS = Vocabulary(60, MASK, (START, PAD, END, MASK))
LEARNER = replace(TINY, heads=HEADS, dropout=0.0, attention_dropout=0.0)
Batch = dict[str, Tensor]


def document(segments: list[int], first: int = 0) -> Batch:
    """Segments of so many tokens; boxes differ from any other segment's, from the first on."""
    n = sum(segments)
    places = np.arange(first, first + len(segments))
    corners = np.stack([places * 13 % 900, places * 7 % 900], axis=1)
    boxes = np.concatenate([corners, corners + 1 + places[:, None] % 90], axis=1)
    spread = torch.from_numpy(np.repeat(boxes, segments, axis=0))
    ends = torch.tensor([[0] * 4]), torch.tensor([[1000] * 4])
    ids = torch.from_numpy(4 + np.arange(n) * 17 % 56)
    return {
        "ids": torch.cat([torch.tensor([START]), ids, torch.tensor([END])]),
        "boxes": torch.cat([ends[0], spread, ends[1]]),
    }


def some_documents() -> list[Batch]:
    return [
        document([2, 1, 3, 1, 2, 4, 1, 1, 3, 2, 1, 2], first=12 * number) for number in range(8)
    ]


pages = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=30), min_size=1, max_size=4).map(
    lambda lengths: [document(each, 100 * i) for i, each in enumerate(lengths)]
)
seeds = st.integers(0, 2**31)


def tuples(boxes: Tensor) -> list[tuple[int, ...]]:
    return [tuple(box) for box in boxes.tolist()]


# Regions


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4))
@settings(deadline=None)
def test_regions_divide_the_page_equally(edges: list[int]) -> None:
    x0, x1, y0, y1 = *sorted(edges[:2]), *sorted(edges[2:])

    def cell(at: Fraction) -> int:
        inside = [k for k in range(7) if Fraction(1000 * k, 7) <= at]
        return inside[-1]

    points = [(x0, y0), (x1, y1), (Fraction(x0 + x1, 2), Fraction(y0 + y1, 2))]
    expected = [7 * cell(Fraction(y)) + cell(Fraction(x)) for x, y in points]
    assert regions(np.array([[x0, y0, x1, y1]])).tolist() == [expected]


# Masking


@given(pages, seeds)
@settings(max_examples=60, deadline=None)
def test_what_is_asked_is_what_stood_there(documents: list[Batch], seed: int) -> None:
    spared = []
    done = masked(documents, range(len(documents)), WORDS, seed)
    for was, now in zip(documents, done, strict=True):
        asked = {box for box, wanted in zip(tuples(was["boxes"]), now["regions"], strict=True)
                 if wanted[0] != NONE}  # fmt: skip
        spared += [box for box in tuples(was["boxes"])[1:-1] if box not in asked]
    for was, now in zip(documents, done, strict=True):
        whole = regions(was["boxes"].numpy()).tolist()
        shown: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
        for place in range(len(was["ids"])):
            id_was, id_now = int(was["ids"][place]), int(now["ids"][place])
            box_was, box_now = tuples(was["boxes"])[place], tuples(now["boxes"])[place]
            target, wanted = int(now["targets"][place]), now["regions"][place].tolist()
            assert target in (NONE, id_was)
            assert wanted in ([NONE] * 3, whole[place])
            if target == NONE:
                assert id_now == id_was
            if wanted[0] == NONE:
                assert box_now == box_was
            if id_was in WORDS.special:
                assert target == wanted[0] == now["aligned"][place] == NONE
                continue
            assert id_now == MASK or id_now not in WORDS.special
            assert box_now in ((0,) * 4, box_was, *spared)
            shown.setdefault(box_was, set()).add(box_now)
            chosen = target != NONE or wanted[0] != NONE
            blank = id_now == MASK or (box_now == (0,) * 4 != box_was)
            aligned = int(id_now == id_was and box_now == box_was)
            assert now["aligned"][place] == (aligned if chosen and not blank else NONE)
        assert all(len(boxes) == 1 for boxes in shown.values())  # a segment's have one fate


@given(pages, seeds, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_nothing_that_is_shown_depends_on_the_answers(
    documents: list[Batch], seed: int, random: object
) -> None:
    """Other words and other places under the masks, and the model is given the same."""
    numbers = range(len(documents))
    done = masked(documents, numbers, WORDS, seed)
    others = [{name: table.clone() for name, table in each.items()} for each in documents]
    hidden = set()
    for was, now, other in zip(documents, done, others, strict=True):
        changed = (now["targets"] != NONE) & (now["ids"] != was["ids"])
        other["ids"][changed] = 4 + (was["ids"][changed] - 3) % 56
        moved = (now["regions"][:, 0] != NONE) & (now["boxes"] != was["boxes"]).any(dim=1)
        hidden |= set(tuples(was["boxes"][moved]))
        other["boxes"][moved] = 1000 - was["boxes"][moved][:, [2, 3, 0, 1]]
    again = masked(others, numbers, WORDS, seed)
    for one, two in zip(done, again, strict=True):
        assert torch.equal(one["boxes"], two["boxes"])
        # An id that is drawn may happen to be the one that stood there.
        assert torch.equal(one["ids"], two["ids"])
    assert not hidden & {box for now in done for box in tuples(now["boxes"])}


def test_shares_are_the_papers() -> None:
    page = document([1] * 40_000)
    page["boxes"][1:-1, 0] = torch.arange(40_000) // 1000  # each its own segment
    page["boxes"][1:-1, 1] = torch.arange(40_000) % 1000
    page["boxes"][1:-1, 2:] = 1000
    now = masked([page], [0], WORDS, 1)[0]
    for asked, blank, same in (
        (now["targets"] != NONE, now["ids"] == MASK, now["ids"] == page["ids"]),
        (
            now["regions"][:, 0] != NONE,
            (now["boxes"] == 0).all(dim=1),
            (now["boxes"] == page["boxes"]).all(dim=1),
        ),
    ):
        assert float(asked.float().mean()) == pytest.approx(0.15, abs=0.007)
        assert float(blank[asked].float().mean()) == pytest.approx(0.8, abs=0.02)
        assert float(same[asked].float().mean()) == pytest.approx(0.1, abs=0.02)
    aligned = now["aligned"]
    assert 0.3 < float((aligned[aligned != NONE] == 1).float().mean()) < 0.9


def test_masks_are_a_function_of_seed_and_number() -> None:
    one, two, *_ = some_documents()
    first = masked([one, two], [3, 4], WORDS, 7)
    again = masked([one, two], [3, 4], WORDS, 7)
    assert all(torch.equal(a[n], b[n]) for a, b in zip(first, again, strict=True) for n in a)
    alone = masked([two], [4], WORDS, 7)[0]
    for name in ("ids", "targets", "regions"):
        assert torch.equal(alone[name], first[1][name])
    assert not torch.equal(masked([two], [5], WORDS, 7)[0]["targets"], alone["targets"])
    assert not torch.equal(masked([two], [4], WORDS, 8)[0]["targets"], alone["targets"])
    assert torch.equal(one["ids"], some_documents()[0]["ids"])  # what was given stays


# Learning


def learner(stage: str = "pretraining") -> Lilt:
    torch.manual_seed(0)
    model = Lilt(LEARNER)
    model.set_stage(stage)
    return model


def test_layout_does_not_teach_text_its_scores() -> None:
    """Equation 6: of what heads read off layout nothing comes back to text, in pre-training."""
    batch = padded(masked(some_documents(), range(8), WORDS, 1), PAD)
    for stage, reached in (("pretraining", False), ("full", True)):
        model = learner(stage)
        head = model.head("regions")
        head.linear.weight.data[:, : LEARNER.width] = 0  # it reads layout alone
        loss, _ = head.loss(model.encode(batch)["regions"], batch)
        loss.backward()
        layers = [p for n, p in model.layers.named_parameters() if ".text." in n]
        assert any(p.grad is not None and bool(p.grad.any()) for p in layers) == reached
        model.zero_grad()
        flows = model(batch["ids"], batch["boxes"], batch["mask"], detached=model.detached)
        flows.text.square().sum().backward()  # equation 5 holds in both
        assert bool(model.layers[0].layout.qkv.weight.grad.any())


def test_steps_lower_each_loss_and_hardly_move_text() -> None:
    model = learner()
    batch = padded(masked(some_documents(), range(8), WORDS, 1), PAD)
    optimizer = Optimizer(rate=5e-3, groups={"text": Group(rate=5e-6)})
    steps = torch.optim.AdamW(groups_of(model, optimizer))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    losses = []
    for _ in range(21):
        loss, logs = model.loss(model.encode(batch), batch)
        losses.append(logs)
        steps.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in model.parameters())
        steps.step()
    for kind in ("masked", "regions", "alignment"):
        assert losses[-1][kind] < 0.9 * losses[0][kind]
        assert 0 <= losses[-1][f"{kind}_right"] <= 1
    of_text = {id(p) for p in model.param_groups()["text"]}
    for name, p in model.named_parameters():
        moved = float((p.detach() - before[name]).abs().max())
        assert (moved < 21 * 6e-6) if id(p) in of_text else (moved > 1e-3), name


def test_the_settings_of_the_paper_are_a_recipe() -> None:
    said = (lilt_pretraining.__doc__ or "").split("::\n")[1].split("\n\nThe paper")[0]
    table = tomllib.loads(said)
    optimizer = recipe.parse(table["optimizer"], Optimizer)
    model = learner(table["stage"])
    rates = {id(p): group["lr"] for group in groups_of(model, optimizer) for p in group["params"]}
    for name, parameters in model.param_groups().items():
        assert {rates[id(p)] for p in parameters} == {2e-8 if name == "text" else 2e-5}


def test_only_masked_tokens_are_spelt() -> None:
    model = learner()
    batch = padded(masked(some_documents()[:4], range(4), WORDS, 1), PAD)
    some = model.encode(batch)["masked"]
    asked = batch["targets"] != NONE
    assert some.shape[:2] == (4, int(asked.sum(dim=1).max()))
    places = batch.pop("masked_at")
    every = model.encode(batch)["masked"]
    equal(some[places >= 0], every[asked])
    head = model.head("masked")
    of_all = head.loss(every, batch)
    of_some = head.loss(some, batch | {"masked_at": places})
    equal(of_some[0], of_all[0])
    assert of_some[1] == of_all[1]
    # So the loop can cut it into chunks.
    parts = [model.encode(part)["masked"] for part in split(batch | {"masked_at": places}, 2)]
    equal(torch.cat(parts), some)


def test_nothing_may_be_masked() -> None:
    model = learner()
    batch = padded(masked([document([1])], [0], WORDS, 1), PAD)
    assert batch["masked_at"].shape == (1, 0)
    loss, _ = model.loss(model.encode(batch), batch)
    assert loss.item() == 0
    loss.backward()


def test_packed_documents_learn_as_if_alone() -> None:
    documents = masked([document([2] * n, 20 * n) for n in (3, 9, 5, 12)], range(4), WORDS, 2)
    model = learner().double()
    found = []
    for batch in (padded(documents, PAD), packed(documents, 32, PAD)):
        model.zero_grad()
        loss, _ = model.loss(model.encode(batch), batch)
        loss.backward()
        found.append((len(batch["ids"]), loss, [p.grad.clone() for p in model.parameters()]))
    assert found[1][0] < found[0][0]
    equal(found[1][1], found[0][1], 1e-6)
    for ours, theirs in zip(found[1][2], found[0][2], strict=True):
        equal(ours, theirs, 1e-6)


# What can't be masked


def test_documents_that_can_not_be_masked() -> None:
    page = document([2, 1])
    with pytest.raises(InputError, match="no document"):
        masked([], [], WORDS, 1)
    with pytest.raises(ValueError, match="zip"):
        masked([page], [0, 1], WORDS, 1)
    with pytest.raises(ModelError, match="id 60 of document 1, token 0"):
        masked([page, page | {"ids": page["ids"] + 60}], [0, 1], WORDS, 1)
    with pytest.raises(InputError, match="whole numbers"):
        masked([page | {"boxes": page["boxes"] / 2}], [0], WORDS, 1)
    with pytest.raises(InputError, match="document 1, token 4"):
        masked([page, page | {"boxes": page["boxes"] * 2}], [0, 1], WORDS, 1)


@pytest.mark.parametrize(
    ("size", "mask", "special", "said"),
    [
        (60, 3, (1, 2), "mask token 3"),
        (60, 60, (1, 60), "special id 60"),
        (60, -1, (-1,), "special id -1"),
        (2, 0, (0, 1), "none is left"),
    ],
)
def test_vocabularies_that_can_not_be(
    size: int, mask: int, special: tuple[int, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Vocabulary(size, mask, special)
