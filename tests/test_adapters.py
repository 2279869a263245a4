"""Every adapter on every encoder, and before every decoder, that it claims to fit."""

import copy
import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from vlkit import checkpoint, recipe
from vlkit.adapters import folder
from vlkit.adapters.config import SETTINGS, AdapterConfig
from vlkit.adapters.features import Adapter, Fusion
from vlkit.adapters.folder import create, fingerprint
from vlkit.adapters.tuning import TrunkAdapter
from vlkit.errors import CheckpointError, ModelError, RecipeError
from vlkit.models.trunks import ImageTrunk
from vlkit.nn.features import Features
from vlkit.nn.images import ImageEncoder, ImageTower
from vlkit.nn.texts import TextEncoder, TextTower

SMALL = {"image_size": 32, "patch_size": 8, "width": 48, "depth": 2, "heads": 4}
WORDS = {"vocab_size": 99, "width": 32, "depth": 2, "heads": 4, "context_length": 12}
IMAGES = {
    "timm": ImageTower("timm", "vit_base_patch16_224", **SMALL),
    "open_clip": ImageTower("open_clip", "ViT-B-32", **SMALL),
    "SigLIP": ImageTower("open_clip", "ViT-B-16-SigLIP", **SMALL),
    "hierarchical": ImageTower("timm", "test_resnet", image_size=64),
}
TEXTS = {
    "CLIP": TextTower("open_clip", "ViT-B-32", **WORDS),
    "SigLIP text": TextTower("open_clip", "ViT-B-16-SigLIP", **WORDS),
    "BERT": TextTower("transformers", "bert", **{**WORDS, "context_length": 16}),
}
ADAPTERS = {
    "identity": AdapterConfig("identity"),
    "linear": AdapterConfig("linear", width=24),
    "mlp": AdapterConfig("mlp", width=24, hidden=40),
    "resampler": AdapterConfig("resampler", width=24, queries=5, depth=2, heads=4),
    "latent": AdapterConfig("latent", queries=7, heads=4),
    "late": AdapterConfig("late", width=24),
    "late regions": AdapterConfig("late", width=24, regions=2),
    "pool cls": AdapterConfig("pool", pool="cls"),
    "pool mean": AdapterConfig("pool", pool="mean"),
    "pool eos": AdapterConfig("pool", pool="eos"),
    "pool last": AdapterConfig("pool", pool="last"),
    "lora": AdapterConfig("lora", rank=3),
    "prefix": AdapterConfig("prefix", length=4),
}
DECODERS = {
    "gpt2": {"n_embd": 24, "n_layer": 2, "n_head": 4, "vocab_size": 99, "n_positions": 64},
    "llama": {
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 48,
        "vocab_size": 99,
    },
}
MADE: dict[str, nn.Module] = {}


def encoder(name: str) -> ImageEncoder | TextEncoder:
    """A fresh copy: adapters change encoders."""
    if name not in MADE:
        torch.manual_seed(0)
        made = (
            ImageEncoder.create(IMAGES[name]) if name in IMAGES else TextEncoder.create(TEXTS[name])
        ).eval()
        for parameter in made.parameters():
            parameter.data.add_(0.02 * torch.randn_like(parameter))
        MADE[name] = made
    return copy.deepcopy(MADE[name])


def decoder(name: str) -> nn.Module:
    from transformers import AutoConfig, AutoModelForCausalLM

    tokens = {"bos_token_id": 1, "eos_token_id": 2}
    config = AutoConfig.for_model(name, **DECODERS[name], **tokens)
    return AutoModelForCausalLM.from_config(config).eval()


def inputs(name: str) -> Tensor:
    if name in IMAGES:
        side = 64 if name == "hierarchical" else 32
        return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    ids = torch.randint(3, 90, (2, 12), generator=torch.Generator().manual_seed(1))
    ids[:, 8] = 98
    ids[0, 9:] = 0
    ids[1, 9:] = 0
    return ids


def shaken(adapter: folder.AnyAdapter) -> folder.AnyAdapter:
    """As after training: nothing at zero any more."""
    for parameter in adapter.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return adapter


def run(adapter: folder.AnyAdapter, made: ImageEncoder | TextEncoder, name: str) -> Features:
    features = made(inputs(name))
    return adapter(features) if isinstance(adapter, Adapter) else features


UNFIT = {
    *((name, "pool cls") for name in IMAGES),  # no class token among the tokens
    *((name, "prefix") for name in (*IMAGES, "CLIP", "SigLIP text")),  # only transformers'
    ("hierarchical", "lora"),  # nothing but convolutions
    *((name, "late regions") for name in TEXTS),  # no picture to have parts
}
PAIRS = list(itertools.product([*IMAGES, *TEXTS], ADAPTERS))


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_every_adapter_on_every_encoder(name: str, kind: str, tmp_path: Path) -> None:
    made, config = encoder(name), ADAPTERS[kind]
    if (name, kind) in UNFIT:
        with pytest.raises(ModelError):
            create(config, made)
        return
    plain = made(inputs(name))
    adapter = shaken(create(config, made))
    features = run(adapter, made, name)
    assert features.tokens.shape[0] == 2
    assert features.mask.shape == features.tokens.shape[:2]
    if isinstance(adapter, Adapter):
        assert features.tokens.shape[2] == features.width == adapter.width
        assert features.pooled.shape == (2, adapter.pooled_width)
    if features.boxes is not None:
        assert features.boxes.shape == (*features.tokens.shape[:2], 4)

    # It trains alone, and all of it trains.
    own = list(adapter.parameters())
    if own:
        features.pooled.square().sum().backward()
        assert all(parameter.grad is not None and parameter.grad.any() for parameter in own)
    if isinstance(adapter, TrunkAdapter):
        mine = {id(parameter) for parameter in own}
        assert all(p.grad is None for p in made.parameters() if id(p) not in mine)

    # Saved alone, it comes back on another copy of the trunk, and on no other trunk.
    folder.save(tmp_path / "adapter", adapter, made)
    fresh = encoder(name)
    again = folder.load(tmp_path / "adapter", fresh)
    assert again.config == config
    with torch.no_grad():
        torch.testing.assert_close(run(again, fresh, name).pooled, features.pooled)
    other = encoder(name)
    next(p for p in other.parameters() if p.ndim > 1).data[0] += 1e-3
    with pytest.raises(CheckpointError, match="another trunk"):
        folder.load(tmp_path / "adapter", other)

    if isinstance(adapter, TrunkAdapter):
        if kind == "prefix":
            assert made.context_length == 12  # the prefix takes 4 of 16 places
        adapter.remove()
        assert all(parameter.requires_grad for parameter in made.parameters())
        torch.testing.assert_close(made(inputs(name)).pooled, plain.pooled)
        assert set(made.state_dict()) == set(encoder(name).state_dict())


@pytest.mark.parametrize("name", [n for n in (*IMAGES, *TEXTS) if n != "hierarchical"])
@torch.no_grad()
def test_lora_starts_at_nothing_and_merges_exactly(name: str) -> None:
    made = encoder(name)
    before = made(inputs(name))
    trunk = fingerprint(made)
    adapter = create(ADAPTERS["lora"], made)
    assert isinstance(adapter, TrunkAdapter)
    torch.testing.assert_close(made(inputs(name)).pooled, before.pooled, atol=1e-6, rtol=0)
    shaken(adapter)
    assert fingerprint(made) == trunk
    tuned = made(inputs(name))
    assert (tuned.pooled - before.pooled).abs().max() > 1e-2
    adapter.merge()
    merged = made(inputs(name))
    torch.testing.assert_close(merged.pooled, tuned.pooled, atol=1e-5, rtol=0)
    torch.testing.assert_close(merged.tokens, tuned.tokens, atol=1e-5, rtol=0)
    assert set(made.state_dict()) == set(encoder(name).state_dict())
    assert fingerprint(made) != trunk


@pytest.mark.parametrize("name", [*IMAGES, *TEXTS])
@pytest.mark.parametrize("kind", ["linear", "mlp", "resampler"])
@pytest.mark.parametrize("reader", DECODERS)
def test_adapters_that_give_tokens_feed_decoders(name: str, kind: str, reader: str) -> None:
    """Their tokens stand before the text's; a loss on the text reaches the adapter."""
    made, language = encoder(name), decoder(reader)
    adapter = create(ADAPTERS[kind], made)
    features = run(adapter, made, name)
    ids = torch.randint(3, 90, (2, 6))
    words = language.get_input_embeddings()(ids)
    mask = torch.cat([features.mask, torch.ones_like(ids, dtype=torch.bool)], 1)
    out = language(inputs_embeds=torch.cat([features.tokens, words], 1), attention_mask=mask.long())
    logits = out.logits[:, features.tokens.shape[1] - 1 : -1]
    assert logits.shape == (2, 6, 99)
    functional.cross_entropy(logits.flatten(0, 1), ids.flatten()).backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in adapter.parameters())


@pytest.mark.parametrize("reader", DECODERS)
@pytest.mark.parametrize("kind", ["lora", "prefix"])
def test_decoders_are_tuned(reader: str, kind: str, tmp_path: Path) -> None:
    language = decoder(reader)
    fresh = copy.deepcopy(language)
    words = torch.randn(2, 6, 24)
    plain = language(inputs_embeds=words).logits
    adapter = shaken(create(ADAPTERS[kind], language))
    mask = torch.ones(2, 6, dtype=torch.long)
    tuned = adapter.model(inputs_embeds=words, attention_mask=mask).logits
    assert (tuned - plain).abs().max() > 1e-4
    folder.save(tmp_path / "adapter", adapter, fresh)
    again = folder.load(tmp_path / "adapter", fresh)
    torch.testing.assert_close(again.model(inputs_embeds=words, attention_mask=mask).logits, tuned)
    if kind == "lora":
        merged = adapter.merge()(inputs_embeds=words).logits
        torch.testing.assert_close(merged, tuned, atol=1e-5, rtol=0)
    else:
        with pytest.raises(ModelError, match="prefix can't be merged"):
            adapter.merge()
    torch.testing.assert_close(again.remove()(inputs_embeds=words).logits, plain)


@pytest.mark.parametrize("join", ["channels", "tokens"])
@pytest.mark.parametrize(("first", "second"), [*itertools.combinations([*IMAGES, "CLIP"], 2)])
def test_fusion_joins_two_trunks(first: str, second: str, join: str, tmp_path: Path) -> None:
    config = AdapterConfig("fusion", width=24, join=join)
    trunks = encoder(first), encoder(second)
    adapter = create(config, *trunks)
    features = trunks[0](inputs(first)), trunks[1](inputs(second))
    counts = [each.tokens.shape[1] for each in features]
    if join == "channels" and counts[0] != counts[1]:
        with pytest.raises(ModelError, match=r"join = .tokens."):
            adapter(*features)
        return
    out = adapter(*features)
    assert out.tokens.shape == (2, counts[0] if join == "channels" else sum(counts), 24)
    assert out.pooled.shape == (2, 24)
    folder.save(tmp_path / "adapter", adapter, *trunks)
    again = folder.load(tmp_path / "adapter", *trunks)
    assert isinstance(again, Fusion)
    torch.testing.assert_close(again(*features).tokens, out.tokens)
    with pytest.raises(CheckpointError, match="another trunk"):
        folder.load(tmp_path / "adapter", *reversed(trunks))


def test_the_hash_of_a_trunk_is_that_of_its_file(tmp_path: Path) -> None:
    made = encoder("timm")
    assert isinstance(made, ImageEncoder)
    trunk = ImageTrunk(made).save_pretrained(tmp_path / "trunk")
    assert fingerprint(made) == checkpoint.sha256(trunk / checkpoint.WEIGHTS)
    texts = encoder("CLIP")
    checkpoint.save_folder(tmp_path / "texts", model="x", config={}, weights=texts.state_dict())
    assert fingerprint(texts) == checkpoint.sha256(tmp_path / "texts" / checkpoint.WEIGHTS)


@pytest.mark.parametrize("kind", ["resampler", "latent", "late", "pool mean", "pool eos"])
@torch.no_grad()
def test_padding_changes_nothing(kind: str) -> None:
    made = encoder("BERT")
    adapter = shaken(create(ADAPTERS[kind], made))
    tokens = torch.randn(2, 9, 32)
    mask = torch.arange(9) < torch.tensor([[4], [9]])
    short = adapter(Features(tokens[:1, :4], mask[:1, :4]))
    long = adapter(Features(tokens.masked_fill(~mask[..., None], 7.0), mask))
    torch.testing.assert_close(long.pooled[:1], short.pooled)


@torch.no_grad()
def test_latent_attention_by_its_formula() -> None:
    """NV-Embed's layer written out for one head."""
    made = encoder("BERT")
    adapter = shaken(create(AdapterConfig("latent", queries=7, heads=1), made))
    tokens = torch.randn(1, 5, 32)
    look = adapter.look
    q = look.q(look.norm_q(tokens[0]))
    k, v = look.kv(look.norm_k(adapter.latents)).chunk(2, dim=-1)
    x = tokens[0] + look.proj((q @ k.T / 32**0.5).softmax(-1) @ v)
    x = x + adapter.think(x)
    features = Features(tokens, torch.ones(1, 5, dtype=torch.bool))
    torch.testing.assert_close(adapter(features).pooled[0], x.mean(0))


@torch.no_grad()
def test_late_interaction_averages_regions_of_the_patches_that_are_there() -> None:
    """On a grid of 4 × 4, whole and with patches left out, against slices of the map."""
    made = encoder("timm")
    adapter = shaken(create(ADAPTERS["late regions"], made))
    whole = made(inputs("timm"))
    out = adapter(whole)
    maps = adapter.proj(whole.tokens).unflatten(1, (4, 4))
    parts = [maps[:, r : r + 2, c : c + 2].mean((1, 2)) for r in (0, 2) for c in (0, 2)]
    expected = functional.normalize(torch.stack(parts, 1), dim=-1)
    torch.testing.assert_close(out.tokens, expected)
    torch.testing.assert_close(out.pooled, expected.mean(1))
    torch.testing.assert_close(out.boxes[0, 1], torch.tensor([0.5, 0.0, 1.0, 0.5]))

    keep = torch.tensor([[0, 1, 15], [2, 8, 12]])
    some = made(inputs("timm"), keep)
    out = adapter(some)
    assert out.mask.tolist() == [[True, False, False, True], [False, True, True, False]]
    projected = adapter.proj(some.tokens)
    expected = functional.normalize(projected[0, :2].mean(0), dim=-1)
    torch.testing.assert_close(out.tokens[0, 0], expected)
    torch.testing.assert_close(out.pooled[0], (out.tokens[0, 0] + out.tokens[0, 3]) / 2)


def test_an_adapter_config_is_strict() -> None:
    for kind in SETTINGS:
        needs = {"linear": {"width": 8}, "fusion": {"width": 8}, "resampler": {"width": 8}}
        needs["late"] = {"width": 8}
        needs["mlp"] = {"width": 8, "hidden": 8}
        config = recipe.parse({"kind": kind, **needs.get(kind, {})}, AdapterConfig)
        assert recipe.parse(recipe.to_table(config), AdapterConfig) == config
    with pytest.raises(RecipeError, match="a linear adapter has no rank; it has width, bias"):
        recipe.parse({"kind": "linear", "width": 8, "rank": 4}, AdapterConfig)
    with pytest.raises(RecipeError, match="mlp adapter needs hidden"):
        recipe.parse({"kind": "mlp", "width": 8}, AdapterConfig)
    with pytest.raises(RecipeError, match="widht"):
        recipe.parse({"kind": "linear", "widht": 8}, AdapterConfig)


def test_refusals(tmp_path: Path) -> None:
    made = encoder("timm")
    with pytest.raises(ModelError, match="stands on 2 trunks, not 1"):
        create(AdapterConfig("fusion", width=8), made)
    with pytest.raises(ModelError, match="48 does not divide into 5 heads"):
        create(AdapterConfig("latent", heads=5), made)
    with pytest.raises(ModelError, match=r"no linear layer.*ends in nothing"):
        create(AdapterConfig("lora", targets=("nothing",)), made)
    create(ADAPTERS["lora"], made)
    with pytest.raises(ModelError, match="already"):
        create(ADAPTERS["lora"], made)
    checkpoint.save_folder(tmp_path / "x", model="clip", config={}, weights={"a": torch.ones(1)})
    with pytest.raises(CheckpointError, match="holds a clip, not an adapter"):
        folder.load(tmp_path / "x", made)


def test_lora_takes_only_its_targets() -> None:
    made = encoder("timm")
    adapter = create(AdapterConfig("lora", rank=2, targets=("qkv", "mlp.fc1")), made)
    layers = {name.split(".lora_")[0].partition(".")[2] for name in adapter.state_dict()}
    assert layers == {f"{b}.{part}" for b in (0, 1) for part in ("attn.qkv", "mlp.fc1")}
