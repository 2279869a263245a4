"""Weights of DetailCLIP's original repository, read by its names and at its sizes."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("open_clip")

from tests.test_detailclip import batch_of, model_of  # noqa: E402
from vlkit import recipe  # noqa: E402
from vlkit.errors import CheckpointError  # noqa: E402
from vlkit.models.convert.detailclip import PUBLISHED, config_table  # noqa: E402
from vlkit.models.detailclip import DetailClip, DetailClipConfig  # noqa: E402


def original_weights(model):
    """What the original repository would have saved, by its names."""
    state = model.state_dict()
    found = {"logit_scale": state["scale"], "decoder_pos_embed": state["decoder.positions"][None]}
    for side, short in (("student", ""), ("teacher", "_e")):
        for kind in ("image", "text"):
            found[f"{kind}_projection{short}"] = state[f"{side}.{kind}_projection.proj.weight"].T
        for layer in ("last_layer", "last_layer2"):
            found[f"ibot_head{short}.{layer}.weight_v"] = state[f"{side}.head.prototypes"] * 3
            found[f"ibot_head{short}.{layer}.weight_g"] = torch.ones(40, 1)
    renamed = {
        "student.image.tower.": "visual.",
        "teacher.image.tower.": "visual_ema.",
        "student.text.tower.": "",
        "teacher.text.tower.transformer.": "transformer_e.",
        "student.head.mlp.": "ibot_head.mlp.",
        "teacher.head.mlp.": "ibot_head_e.mlp.",
        "decoder.mask_token": "mask_token",
        "decoder.embed.": "decoder_embed.",
        "decoder.norm.": "decoder_norm.",
        "decoder.blocks.": "decoder_blocks.",
        "pixels.": "reconstruction_pred.",
    }
    parts = {"qkv": "attn.qkv", "proj": "attn.proj", "fc1": "mlp.fc1", "fc2": "mlp.fc2"}
    for name, value in state.items():
        for ours in (each for each in renamed if name.startswith(each)):
            theirs = name.replace(ours, renamed[ours])
            if theirs.startswith("decoder_blocks"):
                layer = theirs.split(".")[-2]
                theirs = theirs.replace(f".{layer}.", f".{parts.get(layer, layer)}.")
            found[theirs] = value
    return found


SIZES = {
    "img_size": 32,
    "patch_size": 8,
    "vision_width": 32,
    "vision_layers": 2,
    "vision_heads": 2,
    "embed_dim": 16,
    "text_width": 16,
    "text_heads": 2,
    "text_layers": 1,
    "context_length": 8,
    "vocab_size": 50,
    "head_out": 40,
    "head_hidden": 24,
    "head_bottleneck": 12,
    "decoder_heads": 4,
}


def test_original_names_are_read_whole():
    model, batch = model_of(), batch_of()
    weights = {f"module.{name}": value for name, value in original_weights(model).items()}
    loaded = DetailClip.from_original(weights, SIZES)
    assert loaded.config.removal.cell == 2
    for ours, theirs in (
        (loaded.encode_image(batch["views"][:, 0], teacher=True).pooled,) * 2,
        (
            loaded.encode_image(batch["views"][:, 0]).pooled,
            model.encode_image(batch["views"][:, 0]).pooled,
        ),
        (loaded.encode_text(batch["ids"]).pooled, model.encode_text(batch["ids"]).pooled),
    ):
        torch.testing.assert_close(ours, theirs)
    bottleneck = torch.randn(3, 12)
    torch.testing.assert_close(
        loaded.teacher.head.scores(bottleneck), model.teacher.head.scores(bottleneck)
    )


def test_the_published_sizes_give_the_published_parameters():
    with torch.device("meta"):
        model = DetailClip.from_config(recipe.parse(config_table({}), DetailClipConfig))
    shared = sum(
        each.numel()
        for name, each in model.teacher.text.tower.named_parameters()
        if not name.startswith("transformer.")
    )
    gains = 2 * PUBLISHED["head_out"]
    total = sum(each.numel() for each in model.parameters()) - shared + gains
    total += model.decoder.positions.numel()
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    assert round(total / 1e6, 1) == 299.1
    assert round(trained / 1e6, 1) == 165.7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"visual.other": torch.ones(1)}, "'visual.other|student.image.tower.other"),
        ({"nonsense": torch.ones(1)}, "'nonsense' is no weight of DetailCLIP"),
        ({"mask_token": torch.ones(1, 1, 7)}, "decoder.mask_token is"),
    ],
)
def test_other_weights_are_refused(change, message):
    with pytest.raises(CheckpointError, match=message):
        DetailClip.from_original(original_weights(model_of()) | change, SIZES)


def test_missing_weights_are_refused():
    weights = original_weights(model_of())
    del weights["logit_scale"]
    with pytest.raises(CheckpointError, match=r"missing \(scale\)"):
        DetailClip.from_original(weights, SIZES)
