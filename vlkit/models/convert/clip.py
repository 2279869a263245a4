"""Configurations and weights of open_clip's and Hugging Face's CLIP and SigLIP, as ours.

Configurations become plain tables for ``recipe.parse``; weights keep their values, and only their
names change, but for transposed projections and stacked queries, keys and values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vlkit.errors import CheckpointError, ModelError
from vlkit.nn import towers

Table = dict[str, Any]

# open_clip


def open_clip_table(config: Mapping[str, Any], folder: Path | None = None) -> Table:
    """The table of a ``ClipConfig`` for one of open_clip's models.

    Args:
        config: As ``Clip.from_original`` takes it.
        folder: Where its own configuration lies, if open_clip does not list it.
    """
    name = config["architecture"]
    original = towers.open_clip_table(name)
    if folder is not None:
        name = towers.open_clip_name(original) or name
    vision, width = original["vision_cfg"], original["embed_dim"]
    image: Table = {"library": "open_clip", "architecture": name}
    if folder is not None:
        image |= _open_clip_statistics(folder)
    if "image_size" in config:
        image["image_size"] = config["image_size"]
    if config.get("quick_gelu") and "timm_model_name" not in vision:
        image["activation"] = "quick_gelu"
    words, text_projection = _open_clip_text(config, name, original)
    return {
        "image": image,
        "text": words,
        "image_projection": _image_projection(vision, width),
        "text_projection": text_projection,
        "objective": "siglip" if original.get("init_logit_bias") is not None else "infonce",
    }


def _open_clip_text(config: Mapping[str, Any], name: str, original: Table) -> tuple[Table, Table]:
    """The text tower and its projection."""
    width, words = original["embed_dim"], {"library": "open_clip", "architecture": name}
    if "context_length" in config:
        words["context_length"] = config["context_length"]
    reader = towers.open_clip_reader(original)
    if reader is not None:
        settings = towers.hugging_face_settings(config.get("text_folder", reader.name))
        own = towers.hugging_face_width(settings)
        return {**words, "settings": settings}, _reader_projection(reader.projection, own, width)
    if config.get("quick_gelu"):
        words["activation"] = "quick_gelu"
    return words, _text_projection(original["text_cfg"], width)


def _open_clip_statistics(folder: Path) -> Table:
    try:
        described = json.loads((folder / "open_clip_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"open_clip_config.json can't be read: {error}", file=folder
        ) from error
    found = described.get("preprocess_cfg", {})
    return {key: found[key] for key in ("mean", "std") if key in found}


def _image_projection(vision: Mapping[str, Any], width: int) -> Table:
    if isinstance(vision.get("layers"), list):  # ResNets pool into the joint space
        return {"kind": "identity"}
    if "timm_model_name" not in vision:
        return {"kind": "linear", "width": width, "bias": False}
    kind, bias = vision.get("timm_proj", "linear"), bool(vision.get("timm_proj_bias", False))
    if kind == "none":
        return {"kind": "identity"}
    if kind == "mlp":
        return {"kind": "mlp", "width": width, "hidden": 2 * width, "bias": bias}
    if kind == "linear":
        return {"kind": "linear", "width": width, "bias": bias}
    return {"kind": "linear", "width": width, "bias": True}  # timm's own classifier


def _text_projection(text: Mapping[str, Any], width: int) -> Table:
    if text.get("proj_type", "linear") == "none":
        return {"kind": "identity"}
    return {"kind": "linear", "width": width, "bias": bool(text.get("proj_bias", False))}


def _reader_projection(kind: str | None, own: int, width: int) -> Table:
    if kind is None:  # which open_clip allows for equal widths alone
        return {"kind": "identity"}
    projection = {"kind": kind, "width": width, "bias": False}
    if kind == "mlp":
        projection |= {"hidden": (own + width) // 2, "hidden_bias": False}
    return projection


OPEN_CLIP_NAMES = (
    # timm's own classifier, then open_clip's heads
    (r"^visual\.trunk\.head\.(?:fc\.)?(weight|bias)$", r"image_projection.proj.\1"),
    (r"^visual\.head\.proj\.", "image_projection.proj."),
    (r"^visual\.head\.mlp\.", "image_projection."),
    (r"^visual\.proj$", "image_projection.proj.weight"),
    (r"^visual\.(?:trunk\.)?", "image.tower."),
    # an encoder of Hugging Face's that reads; open_clip's own has nothing but blocks there
    (r"^text\.transformer\.(?!resblocks\.)", "text.tower."),
    (r"^text\.proj\.0\.", "text_projection.fc1."),
    (r"^text\.proj\.2\.", "text_projection.fc2."),
    (r"^text\.proj\.", "text_projection.proj."),
    (r"^(?:text\.)?text_projection$", "text_projection.proj.weight"),
    (r"^(?:text\.)?text_projection\.", "text_projection.proj."),
    (r"^(?:text\.)?(transformer|token_embedding|ln_final)\.", r"text.tower.\1."),
    (r"^(?:text\.)?(positional_embedding|cls_emb)$", r"text.tower.\1"),
)
# CoCa's captioner, and numbers that OpenAI's and old checkpoints carry along.
OPEN_CLIP_LEFT_OUT = re.compile(
    r"^(text_decoder\.|(text\.)?attn_mask$|input_resolution$|context_length$|vocab_size$"
    r"|text\.transformer\.embeddings\.position_ids$)"
)


def open_clip_weights(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """open_clip's weights under our names."""
    weights = {}
    for key, value in state_dict.items():
        name = key.removeprefix("module.")
        if OPEN_CLIP_LEFT_OUT.match(name):
            continue
        if name in ("visual.proj", "text_projection", "text.text_projection"):
            value = value.T.contiguous()
        if name in ("logit_scale", "logit_bias"):
            value = value.reshape(())
        weights[_renamed(name, OPEN_CLIP_NAMES)] = value
    return weights


def _renamed(name: str, patterns: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in patterns:
        changed, hits = re.subn(pattern, replacement, name)
        if hits:
            return changed
    return name


# Hugging Face


def hugging_face_table(config: Mapping[str, Any], folder: Path) -> Table:
    """The table of a ``ClipConfig`` for a CLIP or SigLIP of Hugging Face.

    Raises:
        ModelError: if it departs from what the towers here can do.
    """
    sigmoid = config["model_type"] == "siglip"
    vision, text = config["vision_config"], config["text_config"]
    epsilon = 1e-6 if sigmoid else 1e-5
    for tower in (vision, text):
        if abs(tower["layer_norm_eps"] - epsilon) > 1e-9:
            raise ModelError(
                f"its layer norms have an epsilon of {tower['layer_norm_eps']}, not {epsilon}",
                remedy="Open it with transformers",
                file=folder,
            )
    # Old files say 2 for the end token, and mean the highest id.
    if not sigmoid and text["eos_token_id"] not in (2, text["vocab_size"] - 1):
        raise ModelError(
            f"its end token {text['eos_token_id']} is not the highest id",
            remedy="Open it with transformers",
            file=folder,
        )
    shared = {"library": "timm", "architecture": "vit_base_patch16_siglip_224"}
    if not sigmoid:
        shared = {"library": "open_clip", "architecture": "ViT-B-32"}
    words = {"library": "open_clip", "architecture": "ViT-B-16-SigLIP" if sigmoid else "ViT-B-32"}
    picture = {"image_size": vision["image_size"], "patch_size": vision["patch_size"]}
    length = {
        "context_length": text["max_position_embeddings"],
        "vocab_size": text["vocab_size"],
    }
    width = text.get("projection_size") or text["hidden_size"]
    projection = {"kind": "linear", "width": width if sigmoid else config["projection_dim"]}
    return {
        "image": {**shared, **picture, **_hugging_face_blocks(vision), **_pixels(folder)},
        "text": {**words, **length, **_hugging_face_blocks(text)},
        "image_projection": {"kind": "identity"} if sigmoid else {**projection, "bias": False},
        "text_projection": {**projection, "bias": sigmoid},
        "objective": "siglip" if sigmoid else "infonce",
    }


ACTIVATIONS = {
    "gelu": "gelu",
    "quick_gelu": "quick_gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_new": "gelu_tanh",
}


def _hugging_face_blocks(tower: Mapping[str, Any]) -> Table:
    if tower["hidden_act"] not in ACTIVATIONS:
        raise ModelError(f"its activation {tower['hidden_act']} is not known here")
    return {
        "width": tower["hidden_size"],
        "depth": tower["num_hidden_layers"],
        "heads": tower["num_attention_heads"],
        # The half keeps int(width · ratio) from falling below the width that is meant.
        "mlp_ratio": (tower["intermediate_size"] + 0.5) / tower["hidden_size"],
        "activation": ACTIVATIONS[tower["hidden_act"]],
    }


def _pixels(folder: Path) -> Table:
    try:
        found = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    names = {"image_mean": "mean", "image_std": "std"}
    return {ours: found[theirs] for theirs, ours in names.items() if theirs in found}


OPEN_CLIP_BLOCK = (
    (r"\.self_attn\.out_proj\.", ".attn.out_proj."),
    (r"\.self_attn\.in_proj\.", ".attn.in_proj_"),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
)
TIMM_BLOCK = (
    (r"\.self_attn\.out_proj\.", ".attn.proj."),
    (r"\.self_attn\.in_proj\.", ".attn.qkv."),
    (r"\.layer_norm([12])\.", r".norm\1."),
)
TEXT_NAMES = (
    (r"^text_model\.embeddings\.token_embedding\.", "text.tower.token_embedding."),
    (r"^text_model\.embeddings\.position_embedding\.weight$", "text.tower.positional_embedding"),
    (r"^text_model\.encoder\.layers\.", "text.tower.transformer.resblocks."),
    (r"^text_model\.final_layer_norm\.", "text.tower.ln_final."),
    (r"^text_model\.head\.", "text_projection.proj."),
    (r"^text_projection\.", "text_projection.proj."),
)
CLIP_IMAGE_NAMES = (
    (r"^vision_model\.embeddings\.class_embedding$", "image.tower.class_embedding"),
    (r"^vision_model\.embeddings\.patch_embedding\.", "image.tower.conv1."),
    (r"^vision_model\.embeddings\.position_embedding\.weight$", "image.tower.positional_embedding"),
    (r"^vision_model\.pre_layrnorm\.", "image.tower.ln_pre."),
    (r"^vision_model\.encoder\.layers\.", "image.tower.transformer.resblocks."),
    (r"^vision_model\.post_layernorm\.", "image.tower.ln_post."),
    (r"^visual_projection\.", "image_projection.proj."),
)
SIGLIP_IMAGE_NAMES = (
    (r"^vision_model\.embeddings\.patch_embedding\.", "image.tower.patch_embed.proj."),
    (r"^vision_model\.embeddings\.position_embedding\.weight$", "image.tower.pos_embed"),
    (r"^vision_model\.encoder\.layers\.", "image.tower.blocks."),
    (r"^vision_model\.post_layernorm\.", "image.tower.norm."),
    (r"^vision_model\.head\.probe$", "image.tower.attn_pool.latent"),
    (r"^vision_model\.head\.attention\.out_proj\.", "image.tower.attn_pool.proj."),
    (r"^vision_model\.head\.layernorm\.", "image.tower.attn_pool.norm."),
    (r"^vision_model\.head\.", "image.tower.attn_pool."),
)


def hugging_face_weights(state_dict: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Weights of Hugging Face's ``CLIPModel`` or ``SiglipModel`` under our names.

    Args:
        state_dict: As in its model.safetensors.
        kind: ``clip`` or ``siglip``.
    """
    sigmoid = kind == "siglip"
    weights = {}
    for key, value in _stacked(state_dict).items():
        if key.endswith("position_ids"):
            continue
        images = SIGLIP_IMAGE_NAMES if sigmoid else CLIP_IMAGE_NAMES
        name = _renamed(key, TEXT_NAMES + images)
        timm = sigmoid and name.startswith("image.")
        name = _renamed(name, TIMM_BLOCK if timm else OPEN_CLIP_BLOCK)
        if name.startswith("image.tower.attn_pool.attention.in_proj_"):
            part = name.removeprefix("image.tower.attn_pool.attention.in_proj_")
            third = len(value) // 3
            weights[f"image.tower.attn_pool.q.{part}"] = value[:third]
            weights[f"image.tower.attn_pool.kv.{part}"] = value[third:]
            continue
        if name in ("logit_scale", "logit_bias"):
            value = value.reshape(())
        weights[name] = value[None] if name == "image.tower.pos_embed" else value
    return weights


def _stacked(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With ``q_proj``, ``k_proj``, ``v_proj`` as one ``in_proj``."""
    weights = {}
    for key, value in state_dict.items():
        if ".k_proj." in key or ".v_proj." in key:
            continue
        if ".q_proj." in key:
            parts = [state_dict[key.replace(".q_proj.", f".{one}_proj.")] for one in "qkv"]
            weights[key.replace(".q_proj.", ".in_proj.")] = torch.cat(parts)
        else:
            weights[key] = value
    return weights
