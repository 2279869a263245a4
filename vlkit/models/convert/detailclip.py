"""Names of weights in DetailCLIP's original checkpoints, and ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from vlkit.errors import CheckpointError

# Original name → ours, one or several: the teacher shares the text's embeddings and last norm.
# `{}` stands for what the group in brackets matched.
SHARED_TEXT = ("student.text.tower.{}", "teacher.text.tower.{}")
NAMES: list[tuple[str, tuple[str, ...]]] = [
    (r"visual\.(.+)", ("student.image.tower.{}",)),
    (r"visual_ema\.(.+)", ("teacher.image.tower.{}",)),
    (r"(transformer\..+)", ("student.text.tower.{}",)),
    (r"transformer_e\.(.+)", ("teacher.text.tower.transformer.{}",)),
    (r"(token_embedding\.weight|positional_embedding|ln_final\..+)", SHARED_TEXT),
    (r"(image|text)_projection", ("student.{}_projection.proj.weight",)),
    (r"(image|text)_projection_e", ("teacher.{}_projection.proj.weight",)),
    (r"ibot_head\.(mlp\..+)", ("student.head.{}",)),
    (r"ibot_head_e\.(mlp\..+)", ("teacher.head.{}",)),
    (r"ibot_head\.last_layer\.(weight_v)", ("student.head.prototypes",)),
    (r"ibot_head_e\.last_layer\.(weight_v)", ("teacher.head.prototypes",)),
    (r"(logit_scale)", ("scale",)),
    (r"(mask_token)", ("decoder.mask_token",)),
    (r"(decoder_pos_embed)", ("decoder.positions",)),
    (r"decoder_embed\.(.+)", ("decoder.embed.{}",)),
    (r"decoder_blocks\.(\d+\.norm[12]\..+)", ("decoder.blocks.{}",)),
    (r"decoder_blocks\.(\d+)\.(?:attn|mlp)\.(.+)", ("decoder.blocks.{}.{}",)),
    (r"decoder_norm\.(.+)", ("decoder.norm.{}",)),
    (r"reconstruction_pred\.(.+)", ("pixels.{}",)),
]
# A gain that is one and frozen, and a second name of the same prototypes.
LEFT_OUT = re.compile(r"ibot_head(_e)?\.(last_layer\.weight_g|last_layer2\..+)")
OURS_ALONE = ("class_centre", "patch_centre", "patch_temperature")

# DetailCLIP_VITB16, where the checkpoint's configuration says nothing else.
PUBLISHED: dict[str, Any] = {
    "img_size": 224,
    "patch_size": 16,
    "vision_width": 768,
    "vision_layers": 12,
    "vision_heads": 12,
    "embed_dim": 512,
    "text_width": 512,
    "text_heads": 8,
    "text_layers": 12,
    "context_length": 77,
    "vocab_size": 49408,
    "keep_ratio": 0.5,
    "head_out": 8192,
    "head_hidden": 2048,
    "head_bottleneck": 256,
    "decoder_depth": 1,
    "decoder_heads": 16,
    "momentum": 0.996,
    "layer_norm_eps": 1e-6,
}


def config_table(config: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a ``DetailClipConfig``; sizes are those of ``PUBLISHED`` where it is silent.

    Cells of removed patches are 2 × 2, as published, or single patches where the grid is odd.
    """
    given = PUBLISHED | dict(config)
    grid = given["img_size"] // given["patch_size"]
    image = {
        "library": "timm",
        "architecture": "vit_base_patch16_224",
        "image_size": given["img_size"],
        "patch_size": given["patch_size"],
        "width": given["vision_width"],
        "depth": given["vision_layers"],
        "heads": given["vision_heads"],
        "pool": "token",
    }
    text = {
        "library": "open_clip",
        "architecture": "ViT-B-16",
        "context_length": given["context_length"],
        "vocab_size": given["vocab_size"],
        "width": given["text_width"],
        "depth": given["text_layers"],
        "heads": given["text_heads"],
        "activation": "quick_gelu",
    }
    return {
        "image": image,
        "text": text,
        "width": given["embed_dim"],
        "removal": {"keep": given["keep_ratio"], "cell": 1 if grid % 2 else 2},
        "distillation": {
            "hidden": given["head_hidden"],
            "bottleneck": given["head_bottleneck"],
            "prototypes": given["head_out"],
        },
        "reconstruction": {"depth": given["decoder_depth"], "heads": given["decoder_heads"]},
        "momentum": given["momentum"],
        "epsilon": given["layer_norm_eps"],
    }


def rename(state_dict: Mapping[str, Tensor], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The original's tensors under our names, in our shapes.

    Args:
        state_dict: The original's.
        fresh: A new model's, for what the original never saved: centres and temperature.

    Raises:
        CheckpointError: A name is not one of DetailCLIP's.
    """
    ours = {name: fresh[name] for name in OURS_ALONE}
    for original, tensor in state_dict.items():
        name = original.removeprefix("module.")
        if LEFT_OUT.fullmatch(name):
            continue
        found = ((re.fullmatch(pattern, name), targets) for pattern, targets in NAMES)
        match, targets = next((each for each in found if each[0]), (None, ()))
        if match is None:
            raise CheckpointError(
                f"'{original}' is no weight of DetailCLIP",
                remedy="Take the checkpoint's `state_dict`, as its training code saved it",
            )
        value = tensor
        if "_projection" in name:
            value = tensor.T.contiguous()
        elif name == "decoder_pos_embed":
            value = tensor[0]
        for target in targets:
            ours[target.format(*match.groups())] = value
    return ours
