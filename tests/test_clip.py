"""CLIP equals open_clip's and Hugging Face's, given their weights; its objective is theirs."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import normalize
from transformers import AutoConfig

import vlkit.models
from vlkit import recipe
from vlkit.adapters.config import AdapterConfig
from vlkit.errors import CheckpointError, ModelError, UnknownName
from vlkit.models.clip import Clip, ClipConfig
from vlkit.models.convert import clip as convert
from vlkit.nn.images import ImageTower
from vlkit.nn.texts import TextEncoder, TextTower

SMALL = {"image_size": 32, "patch_size": 8, "width": 48, "depth": 2, "heads": 3}
WORDS = {"vocab_size": 99, "width": 32, "depth": 2, "heads": 4, "context_length": 12}
TINY = ClipConfig(
    ImageTower("timm", "vit_base_patch16_224", **SMALL),
    TextTower("open_clip", "ViT-B-32", **WORDS),
    AdapterConfig("linear", width=24, bias=False),
    AdapterConfig("linear", width=24, bias=False),
)


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    """Random weights without zeros and ones for anything to hide behind."""
    for parameter in model.parameters():
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    for name, buffer in model.named_buffers():
        if name.endswith("running_var"):
            buffer.data.uniform_(0.5, 2.0)
    return model.eval()


def batch(model: Clip, size: int = 2) -> dict[str, Tensor]:
    ids = torch.randint(3, model.text.vocab_size - 1, (size, model.text.context_length))
    ids[:, 7:] = model.text.pad_id
    ids[:, 6] = model.text.vocab_size - 1
    pixels = torch.randn(size, 3, model.image.image_size, model.image.image_size)
    return {"pixels": pixels, "ids": ids}


ARCHITECTURES = ["ViT-B-32", "ViT-B-16-SigLIP", "MobileCLIP-S1", "vit_medium_patch16_gap_256"]
MORE = ["ViT-B-32-quickgelu", "RN50", "coca_ViT-B-32", "MobileCLIP2-B", "EVA02-B-16", "ViTamin-S"]
MORE += ["convnext_large_d", "swin_base_patch4_window7_224", "PE-Core-T-16-384"]


@pytest.mark.parametrize(
    "name",
    [
        *ARCHITECTURES[:1],
        *(pytest.param(n, marks=pytest.mark.slow) for n in MORE + ARCHITECTURES[1:]),
    ],
)
@torch.no_grad()
def test_features_equal_open_clips(name: str) -> None:
    torch.manual_seed(0)
    theirs = shaken(open_clip.create_model(name, pretrained_image=False, pretrained_text=False))
    ours = Clip.from_original(theirs.state_dict(), {"architecture": name})
    inputs = batch(ours)
    image, text = ours.encode_image(inputs["pixels"]), ours.encode_text(inputs["ids"])
    expected = theirs.encode_image(inputs["pixels"], normalize=True)
    torch.testing.assert_close(image.pooled, expected, atol=1e-5, rtol=0)
    expected = theirs.encode_text(inputs["ids"], normalize=True)
    torch.testing.assert_close(text.pooled, expected, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_every_open_clip_architecture_has_our_names() -> None:
    """All of open_clip's table, on shapes alone, but those with a text tower from the hub."""
    with torch.device("meta"):
        for name in open_clip.list_models():
            if "hf_model_name" in open_clip.get_model_config(name)["text_cfg"]:
                continue
            theirs = open_clip.create_model(name, pretrained_image=False, device="meta")
            ours = Clip(recipe.parse(convert.open_clip_table({"architecture": name}), ClipConfig))
            renamed = convert.open_clip_weights(theirs.state_dict())
            assert {n: w.shape for n, w in renamed.items()} == {
                n: w.shape for n, w in ours.state_dict().items()
            }, name


# Encoders of transformers that read for open_clip's models, a few thousand parameters each.
SIZES = {
    "vocab_size": 99,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 20,
}
LAYERS = {"encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 4}
READERS = {
    "roberta": SIZES,
    "xlm-roberta": SIZES,
    "bert": SIZES,
    "m2m_100": {"vocab_size": 99, "d_model": 32, "encoder_ffn_dim": 64, **LAYERS},
    "mt5": {
        "vocab_size": 99,
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 4,
    },
}


def reader(kind: str, folder: Path) -> Path:
    AutoConfig.for_model(kind, **READERS[kind]).save_pretrained(folder)
    return folder


def open_clip_folder(text: dict[str, object], folder: Path, width: int) -> torch.nn.Module:
    """A model of open_clip's in a folder as it puts on the hub, with another encoder's texts."""
    vision = {"image_size": 32, "patch_size": 8, "width": 32, "layers": 1, "head_width": 8}
    text |= {"hf_model_pretrained": False, "context_length": 12}
    config = {"embed_dim": width, "vision_cfg": vision, "text_cfg": text}
    theirs = shaken(open_clip.CustomTextCLIP(**config))
    folder.mkdir()
    described = json.dumps({"model_cfg": config, "preprocess_cfg": {}})
    (folder / "open_clip_config.json").write_text(described)
    save_file(theirs.state_dict(), folder / "open_clip_model.safetensors")
    return theirs


@pytest.mark.parametrize(
    ("kind", "pooler", "projection"),
    [
        ("roberta", "mean_pooler", "mlp"),
        ("xlm-roberta", "mean_pooler", "linear"),
        ("xlm-roberta", "cls_last_hidden_state_pooler", None),
        ("bert", "cls_pooler", "linear"),
        ("m2m_100", "cls_pooler", "linear"),
        ("mt5", "mean_pooler", "mlp"),
    ],
)
@torch.no_grad()
def test_texts_read_by_an_encoder_of_hugging_face_equal_open_clips(
    tmp_path: Path, kind: str, pooler: str, projection: str | None
) -> None:
    torch.manual_seed(0)
    text = {
        "hf_model_name": str(reader(kind, tmp_path / "reader")),
        "hf_pooler_type": pooler,
        "hf_proj_type": projection,
    }
    theirs = open_clip_folder(text, tmp_path / "theirs", 24 if projection else 32)
    ours = Clip.from_open_clip_folder(tmp_path / "theirs")
    inputs = batch(ours)
    expected = theirs.encode_text(inputs["ids"], normalize=True)
    found = ours.encode_text(inputs["ids"])
    torch.testing.assert_close(found.pooled, expected, atol=1e-5, rtol=0)
    expected = theirs.encode_image(inputs["pixels"], normalize=True)
    torch.testing.assert_close(ours.encode_image(inputs["pixels"]).pooled, expected)
    with pytest.raises(ModelError, match="texts of 12 tokens here, not 13"):
        ours.encode_text(torch.ones(1, 13, dtype=torch.long))
    # Its own folder tells all that is needed: the reader's may be gone.
    shutil.rmtree(tmp_path / "reader")
    again = Clip.from_pretrained(ours.save_pretrained(tmp_path / "ours"))
    torch.testing.assert_close(again.encode_text(inputs["ids"]).pooled, found.pooled)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("roberta-ViT-B-32", "roberta"),
        ("coca_roberta-ViT-B-32", "roberta"),
        ("xlm-roberta-base-ViT-B-32", "xlm-roberta"),
        ("nllb-clip-base-siglip", "m2m_100"),
        ("mt5-base-ViT-B-32", "mt5"),
    ],
)
def test_open_clips_table_and_a_folder_with_the_readers_config(
    tmp_path: Path, name: str, kind: str
) -> None:
    folder = reader(kind, tmp_path / "reader")
    table = convert.open_clip_table({"architecture": name, "text_folder": folder})
    config = recipe.parse(table, ClipConfig)
    listed = open_clip.get_model_config(name)
    made = TextEncoder.create(config.text)
    assert made.context_length == 77
    assert made.width == 32
    assert config.text_projection.width == listed["embed_dim"]


def test_a_reader_that_is_not_here_is_named_with_the_command_that_fetches_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError) as caught:
        Clip.from_original({}, {"architecture": "roberta-ViT-B-32"})
    assert "config.json of roberta-base" in str(caught.value)
    assert "`hf download roberta-base config.json`" in str(caught.value)
    with pytest.raises(CheckpointError, match=r"config\.json of .*nowhere"):
        Clip.from_original(
            {}, {"architecture": "roberta-ViT-B-32", "text_folder": tmp_path / "nowhere"}
        )


def hugging_face(kind: str, folder: Path) -> torch.nn.Module:
    """A small CLIP or SigLIP of transformers with random weights, saved into the folder."""
    from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

    sizes = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3}
    vision = {**sizes, "intermediate_size": 77, "image_size": 32, "patch_size": 8}
    text = {**sizes, "intermediate_size": 99, "vocab_size": 99, "max_position_embeddings": 12}
    if kind == "clip":
        text |= {"eos_token_id": 98, "bos_token_id": 97, "pad_token_id": 1}
        config = CLIPConfig(vision_config=vision, text_config=text, projection_dim=24)
        model = CLIPModel(config)
    else:
        text |= {"projection_size": 48}
        model = SiglipModel(SiglipConfig(vision_config=vision, text_config=text))
    shaken(model).save_pretrained(folder)
    statistics = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    (folder / "preprocessor_config.json").write_text(json.dumps(statistics))
    return model


@pytest.mark.parametrize("kind", ["clip", "siglip"])
@torch.no_grad()
def test_features_equal_hugging_faces(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = hugging_face(kind, tmp_path)
    ours = vlkit.models.load(tmp_path)
    assert isinstance(ours, Clip)
    inputs = batch(ours)
    out = theirs(input_ids=inputs["ids"], pixel_values=inputs["pixels"])
    image, text = ours.encode_image(inputs["pixels"]), ours.encode_text(inputs["ids"])
    torch.testing.assert_close(image.pooled, out.image_embeds, atol=1e-5, rtol=0)
    torch.testing.assert_close(text.pooled, out.text_embeds, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.logit_scale.exp(), theirs.logit_scale.exp().reshape(()))
    assert ours.image.mean == (0.1, 0.2, 0.3)


@torch.no_grad()
def test_vlkits_own_folder_round_trip_and_open_clips(tmp_path: Path) -> None:
    model = shaken(Clip(TINY))
    model.save_pretrained(tmp_path / "ours")
    again = vlkit.models.load(tmp_path / "ours")
    inputs = batch(model)
    assert again.config == TINY
    torch.testing.assert_close(again.encode(inputs), model.encode(inputs))

    config = {"embed_dim": 24, "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 64}}
    config["vision_cfg"]["layers"] = 2
    config["text_cfg"] = {"context_length": 12, "vocab_size": 99, "width": 64, "heads": 2}
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": {"mean": [0, 0, 0], "std": [1, 1, 1]}})
    )
    theirs = shaken(open_clip.CLIP(**config))
    save_file(theirs.state_dict(), folder / "open_clip_model.safetensors")
    loaded = vlkit.models.load(folder)
    pixels = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(
        loaded.encode_image(pixels).pooled, theirs.encode_image(pixels, normalize=True)
    )
    assert loaded.image.std == (1.0, 1.0, 1.0)


@torch.no_grad()
def test_multi_vector_outputs_are_the_projected_tokens() -> None:
    model = shaken(Clip(TINY))
    inputs = batch(model)
    image, text = model.encode_image(inputs["pixels"]), model.encode_text(inputs["ids"])
    assert image.tokens.shape == (2, 16, 24)
    assert text.tokens.shape == (2, 12, 24)
    assert text.mask.sum(1).tolist() == [7, 7]
    by_hand = model.image(inputs["pixels"]).tokens @ model.image_projection.proj.weight.T
    torch.testing.assert_close(image.tokens, normalize(by_hand, dim=-1))
    # CLIP's text vector is that of its end token.
    torch.testing.assert_close(text.tokens[:, 6], text.pooled)
    kept = model.encode_image(inputs["pixels"], torch.tensor([[0, 5], [3, 1]]))
    assert kept.tokens.shape == (2, 2, 24)


PROJECTIONS = {
    "linear": AdapterConfig("linear", width=24, bias=False),
    "mlp": AdapterConfig("mlp", width=24, hidden=40),
    "latent": AdapterConfig("latent", queries=5, heads=4),
    "resampler": AdapterConfig("resampler", width=24, queries=3, heads=4),
}


@pytest.mark.parametrize("kind", PROJECTIONS)
@torch.no_grad()
def test_training_encodes_as_using_does_and_projects_no_more_than_it_needs(kind: str) -> None:
    torch.manual_seed(0)
    same_width = {"image": replace(TINY.image, width=32, heads=4)} if kind == "latent" else {}
    both = {"image_projection": PROJECTIONS[kind], "text_projection": PROJECTIONS[kind]}
    model = shaken(Clip(replace(TINY, **same_width, **both)))
    inputs = batch(model)
    expected = {
        "image": model.encode_image(inputs["pixels"]).pooled,
        "text": model.encode_text(inputs["ids"]).pooled,
    }
    rows: list[int] = []
    for adapter in (model.image_projection, model.text_projection):
        layers = [module for module in adapter.modules() if isinstance(module, torch.nn.Linear)]
        layers[-1].register_forward_hook(lambda _, given, out: rows.append(out[..., 0].numel()))
    reps = model.encode(inputs)
    for name, vectors in expected.items():
        torch.testing.assert_close(reps[name], vectors, atol=1e-6, rtol=0)
    if kind in ("linear", "mlp"):
        assert rows == [2, 2]  # one vector a picture, one a text


def test_a_tower_that_does_not_pool_is_refused() -> None:
    """timm's towers may give tokens alone."""
    model = Clip(replace(TINY, image=replace(TINY.image, pool="")))
    with pytest.raises(ModelError, match="gives no pooled vector"):
        model.encode(batch(model))


@pytest.mark.parametrize("objective", ["infonce", "siglip"])
def test_the_objective_is_open_clips(objective: str) -> None:
    model = shaken(
        Clip(recipe.parse({**recipe.to_table(TINY), "objective": objective}, ClipConfig))
    )
    inputs = batch(model, 5)
    reps = model.encode(inputs)
    assert all(len(rep) == 5 for rep in reps.values())
    loss, logs = model.loss(reps, inputs)
    image, text, scale = reps["image"], reps["text"], model.logit_scale.exp()
    if objective == "infonce":
        expected = open_clip.ClipLoss()(image, text, scale)
    else:
        expected = open_clip.loss.SigLipLoss()(image, text, scale, model.logit_bias)
    torch.testing.assert_close(loss, expected)
    assert 0 <= float(logs["accuracy"]) <= 1
    loss.backward()
    named = {id(p) for group in model.param_groups().values() for p in group}
    assert named == {id(p) for p in model.parameters() if p.requires_grad}
    assert all(p.grad is not None for p in model.image_projection.parameters())
    assert model.logit_scale.grad is not None


def test_the_scale_stays_within_the_papers_bounds() -> None:
    model = Clip(TINY)
    for value, kept in ((9.0, math.log(100)), (-1.0, 0.0), (2.0, 2.0)):
        torch.nn.init.constant_(model.logit_scale, value)
        model.after_step(1)
        assert model.logit_scale.item() == pytest.approx(kept)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="vectors of 24 and texts of 32"):
        Clip(ClipConfig(TINY.image, TINY.text, TINY.image_projection, AdapterConfig("identity")))
    with pytest.raises(UnknownName, match="ViT-B-32"):
        Clip.from_original({}, {"architecture": "ViT-B-33"})
    other = Clip(TINY).state_dict()
    with pytest.raises(CheckpointError, match="not of this Clip"):
        Clip.from_original(other, {"architecture": "RN50"})
    with pytest.raises(UnknownName, match="unknown model 'nothing'"):
        vlkit.models.load("nothing")
    with pytest.raises(UnknownName, match="clip"):
        vlkit.models.model_class("clop")
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        vlkit.models.load(tmp_path)
