"""The benchmark of LiLT: arms that do the same work, figures that are right, runs that go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.lilt_rows import (
    arms,
    boosting,
    entities,
    links,
    memory,
    models,
    relations,
    scoring,
)
from benchmarks.lilt_rows.boosting import Boosting, Trees, tags_of
from benchmarks.lilt_rows.forms import Form, f1, gain
from benchmarks.lilt_rows.kept import kept, key_of, of_folds
from benchmarks.lilt_rows.run import Run
from benchmarks.lilt_rows.speed import THEIRS, Arm, Taken, by_turns, ratio_row
from tests.lilt_toys import TINY, random_batch, shaken
from vlkit.document import Block, Entity, Line, Page, Relation, Word, box_union
from vlkit.entities.pieces import WordPieces
from vlkit.models.convert.lilt import is_layout
from vlkit.models.lilt import Lilt
from vlkit.models.lilt_heads import HeadConfig
from vlkit.training.pages import Speller


def page(rows: list[tuple[float, float, str, str]]) -> Page:
    """Lines (x, y, text, label), each an entity where it has a label."""
    blocks, entities, count = [], [], 0
    for x, y, text, label in rows:
        words = [
            Word(text=each, box=(x + 50 * at, y, x + 50 * at + 45, y + 10))
            for at, each in enumerate(text.split())
        ]
        box = box_union(word.box for word in words)
        blocks.append(Block(lines=[Line(words=words, box=box)], box=box))
        indices = list(range(count, count + len(words)))
        count += len(words)
        if label:
            name = f"e{len(entities)}"
            entities.append(Entity(id=name, label=label, text=text, words=indices, box=box))
    return Page(number=1, width=600, height=400, items=list(blocks), entities=entities)


def form(seed: int) -> Page:
    """A header on top, questions on the left, answers on their right, a foot line without label."""
    draw = np.random.default_rng(seed)
    rows = [(200.0, 10.0, "ORDER FORM", "header")]
    for at in range(5):
        y = 60.0 + 40 * at + float(draw.integers(0, 9))
        rows.append((20.0, y, "".join(draw.choice(list("abcdef"), 4)) + " no", "question"))
        rows.append((250.0, y, f"{draw.integers(100, 999)} x", "answer"))
    return page([*rows, (20.0, 380.0, "page one", "")])


def test_boosting_tells_words_by_where_they_stand() -> None:
    learnt = [form(seed) for seed in range(9)]
    model = Boosting(learnt, [tags_of(each) for each in learnt], Trees(rounds=8, leaves=8))
    unseen = form(99)
    assert model.tags(unseen) == tags_of(unseen)
    assert tags_of(unseen)[:5] == ["B-header", "I-header", "B-question", "I-question", "B-answer"]


def test_neighbours_are_the_nearest_lines_on_each_side() -> None:
    cross = page([(200, 100, "mid", ""), (20, 100, "l", ""), (90, 100, "near", "")])
    (left, right, above, below), gaps = boosting._neighbours(cross)
    assert (left[0], right[1], right[2]) == (2, 2, 0)
    assert (above == -1).all()
    assert (below == -1).all()
    assert gaps[0, 0] == pytest.approx((200 - 135) / 10)
    assert gaps[0, 1] == boosting.FAR


def test_f1_and_its_interval_by_hand() -> None:
    ours, theirs = np.array([[3, 4, 4], [1, 1, 2]]), np.array([[3, 4, 4], [0, 1, 2]])
    assert f1(ours) == pytest.approx(8 / 11)
    over = gain(ours, theirs)
    assert over.difference == pytest.approx(2 / 11)
    assert over.low == 0  # where the form on which they differ was not drawn
    assert over.high == pytest.approx(2 / 3)


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    file, calls = tmp_path / "out" / "arms.jsonl", []

    def measure(arm: str, fold: int, key: str) -> dict[str, dict[str, list[int]]]:
        def work() -> dict[str, dict[str, list[int]]]:
            calls.append((arm, fold, key))
            return {"entities": {f"form{fold}": [fold, 2, 3]}}

        return kept(file, key, arm, fold, work)  # type: ignore[arg-type, return-value]

    one, other = key_of({"rounds": 1}), key_of({"rounds": 2})
    first = [measure("a", fold, one) for fold in (1, 0)]
    file.write_text(file.read_text() + '{"key": "cut sho')
    measure("a", 2, one)
    assert [measure("a", fold, one) for fold in (1, 0)] == first
    measure("a", 0, other)
    measure("b", 0, one)
    assert calls == [("a", 1, one), ("a", 0, one), ("a", 2, one), ("a", 0, other), ("b", 0, one)]
    np.testing.assert_array_equal(of_folds(first, "entities"), [[0, 2, 3], [1, 2, 3]])


def test_links_count_by_what_they_link() -> None:
    found = page(
        [(0, 0, "h", "header"), (0, 20, "q", "question"), (60, 20, "a", "answer")]
    ).model_copy(
        update={
            "relations": [
                Relation(head="e0", tail="e1", label="link"),
                Relation(head="e1", tail="e2", label="link"),
            ]
        }
    )
    said = [Relation(head="e1", tail="e2", label="link")]
    counts = [
        links.count_links(Form("f", found, 0), said, kind)
        for kind in ("question to answer", "all links")
    ]
    assert [each.f1 for each in counts] == [1, pytest.approx(2 / 3)]


def documents() -> list[dict[str, torch.Tensor]]:
    forms = [Form("f", form(seed), 0) for seed in range(3)]
    return models.documents([*forms, Form("g", page([(0, 0, "one word", "")]), 0)])


def test_both_ways_to_batch_hold_the_same_documents_and_give_the_same() -> None:
    found = documents()
    lengths = [len(each["ids"]) for each in found]
    assert lengths == sorted(lengths)
    theirs, ours = (model.eval() for model in models.pair(models.SIZES["tiny"]))
    (row,), (packed,) = models.unpacked(found, 8), models.packed_rows(found, 8)
    assert len(packed["ids"]) == 1
    with torch.no_grad():
        expected = theirs(row["ids"], row["boxes"], row["mask"].long()).last_hidden_state
        single = ours(row["ids"], row["boxes"], row["mask"]).text
        together = ours(packed["ids"], packed["boxes"], documents=packed["documents"]).text
    longest = together[0, : lengths[-1]]  # rows are filled from the longest on
    torch.testing.assert_close(single[row["mask"]], expected[row["mask"]], atol=1e-5, rtol=0)
    torch.testing.assert_close(longest, expected[-1, : lengths[-1]], atol=1e-5, rtol=0)


def test_arms_take_turns_and_leave_no_gradients() -> None:
    model = torch.nn.Linear(2, 2)
    seen: list[int] = []

    def text(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        seen.append(int(batch["at"]))
        out: torch.Tensor = model(torch.ones(2))
        return out

    arms = {
        name: Arm(model, text, [{"at": torch.tensor(at)}])
        for at, name in enumerate((THEIRS, "packed"))
    }
    taken = by_turns(arms, 2)
    assert seen == [0, 1, 1, 0, 0, 1]
    assert {name: len(each) for name, each in taken.items()} == {THEIRS: 2, "packed": 2}
    assert model.weight.grad is None


def test_a_ratio_is_the_median_of_rounds() -> None:
    taken = {
        THEIRS: [Taken(4, 4), Taken(6, 6), Taken(90, 90)],
        "packed": [Taken(2, 2), Taken(2, 2), Taken(9, 9)],
    }
    row = ratio_row("packed", 1.5, taken, 100, "here")
    assert (row.ours, row.alternatives) == (50, {THEIRS: 100 / 6, "ratio": 3})
    assert row.reached
    assert row.detail["ratios by round"] == [2, 3, 10]


@pytest.mark.parametrize("arm", memory.ARMS)
def test_every_arm_of_memory_steps(arm: str) -> None:
    model = memory._model(arm, models.SIZES["tiny"])
    assert model.training
    assert memory._steps(model, models.SIZES["tiny"]) > 0
    assert all(parameter.grad is None for parameter in model.parameters())


# Arms that are trained alike

HEADS = (HeadConfig("tokens", labels=("O", "B-X", "I-X"), flows="text"),)
SMALL = replace(TINY, heads=HEADS, pad_id=0, first=0, layout_first=0, token_types=2)


def test_transformers_in_our_place_gives_the_same() -> None:
    ours = shaken(Lilt(SMALL))
    assert isinstance(ours, Lilt)
    theirs = arms.OnTransformers.like(ours).eval()
    batch = random_batch(SMALL.vocab, [9, 5], pad=0)
    mask = batch["mask"]
    torch.testing.assert_close(theirs(**batch).text[mask], ours(**batch).text[mask])
    torch.testing.assert_close(
        theirs.encode(batch)["tokens"][mask], ours.encode(batch)["tokens"][mask]
    )
    theirs.set_stage("full")
    groups = theirs.param_groups()
    layout = sum(parameter.numel() for parameter in groups["layout"])
    own = sum(p.numel() for n, p in ours.named_parameters() if is_layout(n))
    assert layout == own + SMALL.layout_width  # the row of positions before the first
    assert all(parameter.requires_grad for each in groups.values() for parameter in each)


def test_text_alone_is_our_text_flow_without_layouts_scores() -> None:
    ours = shaken(Lilt(SMALL))
    assert isinstance(ours, Lilt)
    with torch.no_grad():
        for layer in ours.layers:
            layer.layout.qkv.weight.zero_()
            layer.layout.qkv.bias.zero_()
    alone = arms.TextAlone.like(ours).eval()
    batch = random_batch(SMALL.vocab, [9, 5], pad=0)
    mask = batch["mask"]
    torch.testing.assert_close(alone(**batch).text[mask], ours(**batch).text[mask])
    assert not any(is_layout(name) for name, _ in alone.named_parameters())


def test_a_plan_is_the_recipes_but_for_what_the_arm_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLKIT_DATA", str(tmp_path))
    ours = arms.plan_of(arms.ARMS["ours, adapter"], 3, tmp_path / "out")
    theirs = arms.plan_of(arms.ARMS["transformers"], 3, tmp_path / "out", ["steps=7"])
    assert ours.documents == theirs.documents
    assert ours.documents is not None
    assert ours.documents.fold == 3
    assert (ours.batch, ours.schedule) == (theirs.batch, theirs.schedule)
    assert (ours.stage, theirs.stage, theirs.steps) == ("adapter", "full", 7)
    assert ours.model.start is not None
    assert theirs.model.start is None
    (head,) = theirs.model.config["heads"]
    assert (head["kind"], head["flows"]) == ("tokens", "text")


def test_other_weights_to_start_from_are_another_arm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = tmp_path / "flow"
    start.mkdir()
    monkeypatch.setattr(arms, "RECIPE", tmp_path / "recipe.toml")
    arms.RECIPE.write_text(f'[model]\nstart = "{start}"\n')
    keys = []
    for content in (b"one", b"two"):
        (start / "model.safetensors").write_bytes(content)
        keys.append([key_of(arms.ARMS[name].settled) for name in ("ours, full", "text alone")])
    assert keys[0][0] != keys[1][0]
    assert keys[0][1] == keys[1][1]


def test_every_entity_and_link_of_a_form_is_counted() -> None:
    kinds = ("HEADER", "QUESTION", "ANSWER")
    relation = HeadConfig("relations", labels=kinds, links=(("QUESTION", "ANSWER"),))
    labels = ("O", *(f"{part}-{name}" for name in kinds for part in "BI"))
    config = replace(
        SMALL, vocab=30522, positions=512, layout_positions=512,
        heads=(HeadConfig("tokens", labels=labels), relation),
    )  # fmt: skip
    model = Lilt(config).eval()
    spelled = Speller(WordPieces(models.TOKENIZER), "segments", config)
    truth = form(0)
    linked = truth.model_copy(update={"relations": [Relation(head="e1", tail="e2", label="link")]})
    found = scoring.measure(model, [Form("f", linked, 0)], spelled)
    assert found[scoring.ENTITIES]["f"][2] == len(truth.entities)
    for kind in links.KINDS:
        for decoder in scoring.DECODERS:
            assert found[scoring.figure_of(kind, decoder)]["f"][2] == 1
    one = found[scoring.figure_of("all links", scoring.OURS)]["f"][1]
    assert one <= 5  # an answer has one question at the most


# Rows


def of_forms(**right: int) -> list[dict[str, dict[str, list[int]]]]:
    """A fold of forms of four entities and four links each, so many of them right."""
    figures = [scoring.ENTITIES] + [
        scoring.figure_of(kind, decoder) for kind in links.KINDS for decoder in scoring.DECODERS
    ]
    return [{figure: {name: [n, 4, 4] for name, n in right.items()} for figure in figures}]


def test_entities_are_compared_form_by_form_with_all_four(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {name: of_forms(a=2, b=2) for name in arms.ARMS} | {
        "ours, adapter": of_forms(b=3, a=4),
        "ours, full": of_forms(b=2, a=2),
    }
    monkeypatch.setattr(entities, "of_arm", lambda run, name: known[name])
    monkeypatch.setattr(entities, "of_boosting", lambda run: of_forms(a=1, b=1))
    run = Run(Path(), quick=False, forms=1, rounds=1)
    adapter, full = entities.entity_rows(run)
    assert (adapter.ours, adapter.reached) == (7 / 8, True)
    assert adapter.alternatives == {
        "gradient boosting": 0.25,
        "ours, full, layout not pre-trained": 0.5,
        "transformers": 0.5,
        "text alone": 0.5,
    }
    over = adapter.detail["over"]
    assert isinstance(over, dict)
    assert over["transformers"] == pytest.approx((0.375, 0.25, 0.5))
    assert full.reached is False
    known["transformers"] = []
    assert next(entities.entity_rows(run)).reached is None  # not all four are there
    known |= {"ours, adapter": [], "ours, full": []}
    (alone,) = entities.entity_rows(run)
    assert "gradient boosting" in alone.alternatives


def test_links_of_models_stand_beside_the_nearest_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    linked = form(0).model_copy(
        update={"relations": [Relation(head="e1", tail="e2", label="link")]}
    )
    known = (Form("a", linked, 0),)
    monkeypatch.setattr(relations.forms, "read", lambda data: known)
    monkeypatch.setattr(
        relations, "of_arm", lambda run, arm: of_forms(a=3) if arm == "ours, full" else []
    )
    nearest, every, ours, _ = relations.relation_rows(Run(Path(), True, 1, 1))
    # each of five answers has a question on its left, and one of them is annotated
    assert nearest.alternatives == every.alternatives == {relations.NEAREST: 2 * 1 / (5 + 1)}
    assert ours.ours == 0.75
    assert ours.alternatives == {scoring.PUBLISHED: 0.75, relations.NEAREST: 1 / 3}
    assert ours.reached is False
