"""LiLT equals the original's outputs and transformers', and refuses what it can't look up."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional
from transformers import (
    AutoModel,
    BertConfig,
    BertModel,
    LiltForQuestionAnswering,
    LiltForSequenceClassification,
    LiltForTokenClassification,
    LiltModel,
    RobertaConfig,
    RobertaForMaskedLM,
)
from transformers import LiltConfig as TheirConfig

import vlkit.models
from tests.golden import Golden, lilt
from tests.lilt_toys import TINY, TYPES, equal, random_batch, shaken
from vlkit.entities.boxes import on_thousand
from vlkit.errors import CheckpointError, InputError, ModelError, UnknownName, VlkitError
from vlkit.models.lilt import Lilt
from vlkit.models.lilt_boxes import check_boxes
from vlkit.models.lilt_heads import HeadConfig
from vlkit.nn import attention
from vlkit.nn.attention import biacm

GOLDEN = Path(os.environ.get("VLKIT_GOLDEN", "none")) / "lilt.safetensors"
SIZES = {
    "vocab_size": 60,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "max_position_embeddings": 40,
}


# The original's outputs


@pytest.mark.skipif(not GOLDEN.is_file(), reason="VLKIT_GOLDEN holds no lilt.safetensors")
@torch.no_grad()
def test_golden() -> None:
    found = list(lilt(Golden.read(GOLDEN)))
    assert len(found) == 8
    assert all(each.ok for each in found), found


@pytest.mark.skipif(not GOLDEN.is_file(), reason="VLKIT_GOLDEN holds no lilt.safetensors")
@torch.no_grad()
def test_names_before_the_originals() -> None:
    """With and without ``lilt.``, a text flow under its own model's name, heads read off."""
    golden = Golden.read(GOLDEN)
    whole = golden.under("token_classification.")
    bare = {n.removeprefix("lilt."): w for n, w in whole.items() if "classifier" not in n}
    merged = {n if "layout" in n else f"roberta.{n.removeprefix('lilt.')}": w
              for n, w in whole.items() if "classifier" not in n}  # fmt: skip
    mask = golden["input.attention_mask"]
    given = golden["input.input_ids"], golden["input.bbox"], mask
    expected = Lilt.from_original(whole, golden.config)(*given)
    for weights in (bare, merged, merged | {"lm_head.bias": torch.zeros(3)}):
        model = Lilt.from_original(weights, golden.config)
        assert model.config.heads == ()
        assert torch.equal(model(*given).layout, expected.layout)
    narrow = whole | {"classifier.weight": whole["classifier.weight"][:, :48]}
    model = Lilt.from_original(narrow, golden.config)
    assert model.config.heads[0].flows == "text"
    assert len(model.config.heads[0].labels) == 7


@pytest.mark.skipif(not GOLDEN.is_file(), reason="VLKIT_GOLDEN holds no lilt.safetensors")
@pytest.mark.parametrize(
    "gone",
    [
        "lilt.embeddings.word_embeddings.weight",
        "lilt.embeddings.position_embeddings.weight",
        "lilt.encoder.layer.1.attention.self.key.bias",
        "lilt.encoder.layer.2.layout_output.LayerNorm.weight",
        "lilt.layout_embeddings.box_position_embeddings.weight",
        "classifier.bias",
    ],
)
def test_a_missing_weight_is_refused(gone: str) -> None:
    golden = Golden.read(GOLDEN)
    weights = golden.under("token_classification.")
    del weights[gone]
    with pytest.raises(CheckpointError):
        Lilt.from_original(weights, golden.config)


# Transformers


def theirs_of(kind: type, **changes: object) -> torch.nn.Module:
    settings = {**SIZES, "pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
    config = TheirConfig(**{**settings, **changes})
    config._attn_implementation = "eager"
    return shaken(kind(config))


def saved(model: torch.nn.Module, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("pad", "length"), [(1, 38), (0, 39)])
@torch.no_grad()
def test_transformers_folder(pad: int, length: int, tmp_path: Path) -> None:
    """The padding id sets where positions begin, and so how many tokens fit."""
    torch.manual_seed(0)
    theirs = theirs_of(LiltModel, pad_token_id=pad)
    ours = vlkit.load(saved(theirs, tmp_path))
    assert ours.config.context_length == length
    batch = random_batch(60, [length, 9], pad)
    expected = theirs(batch["ids"], batch["boxes"], batch["mask"].long()).last_hidden_state
    equal(ours(**batch).text[batch["mask"]], expected[batch["mask"]])
    with pytest.raises(ModelError, match="windows"):
        ours(**random_batch(60, [length + 1], pad))


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        (LiltForTokenClassification, "tokens"),
        (LiltForSequenceClassification, "sequence"),
        (LiltForQuestionAnswering, "answers"),
    ],
)
@torch.no_grad()
def test_transformers_heads(kind: type, head: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    names = {"id2label": {0: "O", 1: "B-KEY", 2: "I-KEY"}} if head == "tokens" else {}
    theirs = theirs_of(kind, **names)
    ours = vlkit.load(saved(theirs, tmp_path))
    if names:
        assert ours.config.heads[0].labels == ("O", "B-KEY", "I-KEY")
    batch = random_batch(60, [11, 20])
    expected = theirs(batch["ids"], batch["boxes"], batch["mask"].long())
    found = ours.encode(batch)[head]
    if head == "sequence":
        equal(found, expected.logits)
    elif head == "tokens":
        equal(found[batch["mask"]], expected.logits[batch["mask"]])
    else:
        both = torch.stack([expected.start_logits, expected.end_logits], dim=-1)
        equal(found[batch["mask"]], both[batch["mask"]])


@torch.no_grad()
def test_base_size_equals_transformers() -> None:
    """Beyond the rows that are short enough for the plain formula, with padding."""
    torch.manual_seed(0)
    settings = {"vocab_size": 200, "pad_token_id": 1, "max_position_embeddings": 514}
    config = TheirConfig(**settings, type_vocab_size=1, layer_norm_eps=1e-5)
    config._attn_implementation = "eager"
    theirs = LiltModel(config, add_pooling_layer=False).eval()
    ours = Lilt.from_original(theirs.state_dict(), config.to_dict())
    batch = random_batch(200, [132, 40])
    expected = theirs(batch["ids"], batch["boxes"], batch["mask"].long()).last_hidden_state
    equal(ours(**batch).text[batch["mask"]], expected[batch["mask"]])
    layout = sum(p.numel() for p in ours.param_groups()["layout"])
    assert layout == 6_109_376  # the paper's 6.1 M


def test_a_width_that_six_does_not_divide() -> None:
    wide = replace(TINY, width=1024, attention_heads=16, hidden=64, shrink=4, depth=1)
    flows = Lilt(wide)(**random_batch(60, [5]))
    assert flows.layout.shape == (1, 5, 256)


# Attention


def naive(text: list[Tensor], layout: list[Tensor], seen: Tensor) -> tuple[Tensor, Tensor]:
    """The paper's formula, a query at a time."""
    outs = [torch.zeros_like(text[2]), torch.zeros_like(layout[2])]
    b, h, n, _ = text[0].shape
    for i in range(b):
        for j in range(h):
            for query in range(n):
                keys = [key for key in range(n) if seen[i, query, key]]
                score = sum(
                    flow[1][i, j, keys] @ flow[0][i, j, query] / flow[0].shape[-1] ** 0.5
                    for flow in (text, layout)
                )
                for out, flow in zip(outs, (text, layout), strict=True):
                    out[i, j, query] = score.softmax(0) @ flow[2][i, j, keys]
    return outs[0], outs[1]


def projected(n: int = 7) -> tuple[list[Tensor], list[Tensor]]:
    def make(width: int) -> list[Tensor]:
        return [torch.randn(2, 3, n, width).double().requires_grad_() for _ in range(3)]

    return make(8), make(2)


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("detached", [True, False])
def test_biacm_is_the_formula(plain: bool, detached: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(attention, "PLAIN_BIACM_UP_TO", 100 if plain else 0)
    text, layout = projected()
    documents = torch.tensor([[1, 1, 1, 2, 2, 0, 0], [1, 1, 1, 1, 1, 1, 1]])
    seen = documents[:, :, None] == documents[:, None]
    expected = naive(text, layout, seen)
    found = biacm(text, layout, seen[:, None], detached=detached)
    for ours, theirs in zip(found, expected, strict=True):
        equal(ours, theirs, 1e-12)
    # What layout loses: its gradient to the text's queries, keys and values.
    grads = torch.autograd.grad(found[1].square().sum(), [*text[:2], *layout], allow_unused=True)
    if detached:
        wanted = torch.autograd.grad(expected[1].square().sum(), layout)
        assert grads[:2] == (None, None)
        for ours, theirs in zip(grads[2:], wanted, strict=True):
            equal(ours, theirs, 1e-10)
    else:
        wanted = torch.autograd.grad(expected[1].square().sum(), [*text[:2], *layout])
        for ours, theirs in zip(grads, wanted, strict=True):
            equal(ours, theirs, 1e-10)


def test_one_call_serves_both_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    kernel = functional.scaled_dot_product_attention
    monkeypatch.setattr(attention, "PLAIN_BIACM_UP_TO", 0)
    monkeypatch.setattr(
        functional,
        "scaled_dot_product_attention",
        lambda q, *a, **k: calls.append(q.shape[-1]) or kernel(q, *a, **k),
    )
    biacm(*projected(), None)
    assert calls == [10]
    biacm(*projected(), None, detached=True)
    assert calls == [10, 10, 10]


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    model = shaken(Lilt(TINY))
    batch = random_batch(60, [6, 13])
    alone = model(batch["ids"][:1, :6], batch["boxes"][:1, :6])
    both = model(**batch)
    equal(both.text[0, :6], alone.text[0], 1e-5)
    equal(both.layout[0, :6], alone.layout[0], 1e-5)
    garbage = batch["boxes"].masked_fill(~batch["mask"][..., None], -7)
    assert torch.equal(model(batch["ids"], garbage, batch["mask"]).text, both.text)


# Text models


def text_model(kind: str, folder: Path) -> torch.nn.Module:
    torch.manual_seed(0)
    if kind == "bert":
        model = BertModel(BertConfig(**SIZES), add_pooling_layer=True)
    else:
        model = RobertaForMaskedLM(RobertaConfig(**SIZES, pad_token_id=1, type_vocab_size=1))
    shaken(model).save_pretrained(folder)
    return AutoModel.from_pretrained(folder).eval()


@pytest.mark.parametrize(("kind", "length"), [("bert", 40), ("roberta", 38)])
@torch.no_grad()
def test_layout_goes_on_a_text_model(kind: str, length: int, tmp_path: Path) -> None:
    """With layout's queries at zero its text is the text model's, to the last position."""
    theirs = text_model(kind, tmp_path)
    head = HeadConfig("tokens", ("O", "KEY"))
    model = Lilt.from_text_model(tmp_path, heads=[head])
    assert model.config.context_length == length
    assert model.encode(random_batch(60, [4]))["tokens"].shape == (1, 4, 2)
    for layer in model.layers:
        layer.layout.qkv.weight.zero_()
        layer.layout.qkv.bias.zero_()
    batch = random_batch(60, [length, 9], model.config.pad_id)
    expected = theirs(batch["ids"], batch["mask"].long()).last_hidden_state
    equal(model(**batch).text[batch["mask"]], expected[batch["mask"]])


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_text_model_without_a_weight_is_refused(kind: str, tmp_path: Path) -> None:
    text_model(kind, tmp_path)
    whole = load_file(tmp_path / "model.safetensors")
    backbone = [n for n in whole if "pooler" not in n and "lm_head" not in n]
    for gone in backbone:
        left = {name: tensor for name, tensor in whole.items() if name != gone}
        save_file(left, tmp_path / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(CheckpointError):
            Lilt.from_text_model(tmp_path)


def test_old_names_of_layer_norms(tmp_path: Path) -> None:
    text_model("bert", tmp_path)
    new = Lilt.from_text_model(tmp_path)
    file = tmp_path / "model.safetensors"
    old = {
        f"bert.{n}".replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): w
        for n, w in load_file(file).items()
    }
    save_file(old, file, metadata={"format": "pt"})
    assert torch.equal(Lilt.from_text_model(tmp_path).text.norm.weight, new.text.norm.weight)


@torch.no_grad()
def test_a_published_layout_flow_on_another_trunk(tmp_path: Path) -> None:
    """Its positions begin where they were trained to, the trunk's where it has them."""
    text_model("bert", tmp_path)
    theirs = theirs_of(LiltModel, max_position_embeddings=42)
    flow = {f"lilt.{n}": w for n, w in theirs.state_dict().items() if "layout" in n}
    model = Lilt.from_text_model(tmp_path, layout=flow)
    assert (model.config.first, model.config.layout_first) == (0, 2)
    assert model.config.context_length == 40
    equal(model.layout.x.weight, theirs.layout_embeddings.x_position_embeddings.weight, 0)
    del flow["lilt.encoder.layer.1.layout_output.dense.bias"]
    with pytest.raises(CheckpointError, match=r"layers\.1\.layout\.fc2\.bias"):
        Lilt.from_text_model(tmp_path, layout=flow)


def test_other_text_models_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    file = tmp_path / "model.safetensors"
    save_file({"embeddings.word_embeddings.weight": torch.zeros(2, 2)}, file)
    with pytest.raises(UnknownName, match="roberta"):
        Lilt.from_text_model(tmp_path)


# Folders and stages


def test_saved_and_loaded(tmp_path: Path) -> None:
    heads = (
        HeadConfig("tokens", ("O", "B"), flows="text"),
        HeadConfig("relations", TYPES, links=(("HEADER", "QUESTION"), ("QUESTION", "ANSWER"))),
        HeadConfig("masked"),
    )
    model = shaken(Lilt(replace(TINY, heads=heads)))
    loaded = vlkit.load(model.save_pretrained(tmp_path / "one"))
    assert loaded.config == model.config
    batch = random_batch(60, [8, 5])
    batch |= {"starts": torch.tensor([[1, 4], [2, -1]]), "types": torch.tensor([[1, 2], [0, -1]])}
    expected = model.encode(batch)
    for kind, logits in loaded.encode(batch).items():
        assert torch.equal(logits, expected[kind])


def test_the_adapter_trains_alone() -> None:
    model = Lilt(replace(TINY, heads=(HeadConfig("tokens", ("O", "B")),)))
    text = sum(p.numel() for p in model.param_groups()["text"])
    model.set_stage("adapter")
    groups = model.param_groups()
    assert groups["text"] == []
    rest = sum(p.numel() for group in groups.values() for p in group)
    assert text + rest == sum(p.numel() for p in model.parameters())
    batch = random_batch(60, [8, 5]) | {"labels": torch.tensor([[0, 1] * 4, [1] * 5 + [-100] * 3])}
    loss, _ = model.loss(model.encode(batch), batch)
    loss.backward()
    assert all(p.grad is not None for group in groups.values() for p in group)
    model.set_stage("full")
    assert len(model.param_groups()["text"]) > 0


def test_text_heads_leave_no_parameter_without_gradient() -> None:
    """What only the last layer's unread layout would need does not train."""
    model = Lilt(replace(TINY, heads=(HeadConfig("tokens", ("O", "B"), flows="text"),)))
    batch = random_batch(60, [8]) | {"labels": torch.tensor([[0, 1] * 4])}
    loss, _ = model.loss(model.encode(batch), batch)
    loss.backward()
    unused = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert unused == []


@pytest.mark.parametrize(
    "wrong",
    [{"width": 25}, {"heads": (HeadConfig("masked"), HeadConfig("masked"))}],
)
def test_settings_that_do_not_fit(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"divide|twice"):
        replace(TINY, **wrong)


# What can't be looked up


def test_strange_documents() -> None:
    model = Lilt(TINY)
    batch = random_batch(60, [6, 4])
    with pytest.raises(ModelError, match="60"):
        model(**batch | {"ids": batch["ids"] + 30})
    with pytest.raises(ModelError, match="document 1 has no token"):
        model(batch["ids"], batch["boxes"], batch["mask"] & torch.tensor([[True], [False]]))
    with pytest.raises(ModelError, match="positions"):
        model(**random_batch(60, [33]))
    with pytest.raises(ModelError, match="no head 'tokens'"):
        model.head("tokens")


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((5, 5, 4, 9), "before"),
        ((5, 9, 8, 5), "before"),
        ((0, 0, 1001, 9), "beyond"),
        ((-1, 0, 3, 9), "beyond"),
    ],
)
def test_wrong_boxes_name_their_token(box: tuple[int, ...], said: str) -> None:
    batch = random_batch(60, [6, 4])
    batch["boxes"][1, 2] = torch.tensor(box)
    with pytest.raises(InputError, match=f"document 1, token 2 .*{said}"):
        Lilt(TINY)(**batch)
    check_boxes(torch.tensor([[[0, 0, 1000, 1000], [1000, 1000, 1000, 1000]]]))


def test_float_boxes_are_refused() -> None:
    batch = random_batch(60, [6])
    with pytest.raises(InputError, match="whole numbers"):
        Lilt(TINY)(batch["ids"], batch["boxes"].float())


def test_pages_become_thousandths() -> None:
    page = [(0, 0, 612, 792), (-3.5, 10, 306.4, 800), (612, 792, 612, 792)]
    expected = [(0, 0, 1000, 1000), (0, 12, 500, 1000), (1000, 1000, 1000, 1000)]
    assert on_thousand(page, 612, 792) == expected


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((9, 0, 3, 4), "comes before"),
        ((110, 0, 120, 4), "off the page"),
        ((float("nan"), 0, 3, 4), "no number"),
        ((0, 0, 3), "3 numbers"),
    ],
)
def test_wrong_boxes_name_page_and_word(box: tuple[float, ...], said: str) -> None:
    with pytest.raises(InputError, match=f"page 3: word 1 \\('total'\\) .*{said}"):
        on_thousand([(0, 0, 1, 1), box], 100, 50, page=3, words=["the", "total"])


def test_words_without_boxes_and_pages_without_size() -> None:
    with pytest.raises(VlkitError, match="page 2: 2 words have 1 boxes"):
        on_thousand([(0, 0, 1, 1)], 100, 50, page=2, words=["the", "total"])
    with pytest.raises(InputError, match="0 x 50"):
        on_thousand([], 0, 50)
