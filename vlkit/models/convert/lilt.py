"""Configurations and weights of LiLT, BERT and RoBERTa, as ours.

The original repository and transformers share the names of LiLT's backbone, and its text flow's
are BERT's. Queries, keys and values are stacked here; all else only changes its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vlkit.errors import CheckpointError, ModelError, UnknownName
from vlkit.models.lilt_heads import ENTITIES
from vlkit.nn.towers import unused_positions

Table = dict[str, Any]

ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"}
ACTIVATIONS |= {"relu": "relu"}
TEXT_MODELS = ("bert", "camembert", "roberta", "xlm-roberta")
PUBLISHED_FIRST = 2  # published layout flows were trained beside RoBERTa, whose padding id is 1

# What a flow's names have before them, found by its first table.
TEXT_MARK = "embeddings.word_embeddings.weight"
LAYOUT_MARK = "layout_embeddings.x_position_embeddings.weight"
LEFT_OUT = re.compile(r"(.+\.)?position_ids|(lilt\.)?pooler\..+|(lm_head|cls)\..+")
NAMES = [
    (r"embeddings\.word_embeddings\.", "text.words."),
    (r"embeddings\.position_embeddings\.", "text.positions."),
    (r"embeddings\.token_type_embeddings\.", "text.types."),
    (r"embeddings\.LayerNorm\.", "text.norm."),
    (r"layout_embeddings\.([xyhw])_position_embeddings\.", r"layout.\1."),
    (r"layout_embeddings\.box_position_embeddings\.", "layout.positions."),
    (r"layout_embeddings\.box_linear_embeddings\.", "layout.linear."),
    (r"layout_embeddings\.LayerNorm\.", "layout.norm."),
    (r"encoder\.layer\.(\d+)\.attention\.self\.layout_", r"layers.\1.layout."),
    (r"encoder\.layer\.(\d+)\.attention\.self\.", r"layers.\1.text."),
    (r"encoder\.layer\.(\d+)\.attention\.layout_output\.dense\.", r"layers.\1.layout.out."),
    (r"encoder\.layer\.(\d+)\.attention\.layout_output\.LayerNorm\.", r"layers.\1.layout.norm1."),
    (r"encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"layers.\1.text.out."),
    (r"encoder\.layer\.(\d+)\.attention\.output\.LayerNorm\.", r"layers.\1.text.norm1."),
    (r"encoder\.layer\.(\d+)\.layout_intermediate\.dense\.", r"layers.\1.layout.fc1."),
    (r"encoder\.layer\.(\d+)\.layout_output\.dense\.", r"layers.\1.layout.fc2."),
    (r"encoder\.layer\.(\d+)\.layout_output\.LayerNorm\.", r"layers.\1.layout.norm2."),
    (r"encoder\.layer\.(\d+)\.intermediate\.dense\.", r"layers.\1.text.fc1."),
    (r"encoder\.layer\.(\d+)\.output\.dense\.", r"layers.\1.text.fc2."),
    (r"encoder\.layer\.(\d+)\.output\.LayerNorm\.", r"layers.\1.text.norm2."),
    (r"classifier\.(dense)\.", r"heads.sequence.\1."),
    (r"classifier\.out_proj\.", "heads.sequence.out."),
    (r"classifier\.", "heads.tokens.linear."),
    (r"qa_outputs\.", "heads.answers.linear."),
    (r"extractor\.entity_emb\.", "heads.relations.types."),
    (r"extractor\.ffnn_head\.", "heads.relations.parent."),
    (r"extractor\.ffnn_tail\.", "heads.relations.child."),
    (r"extractor\.rel_classifier\.bilinear\.weight$", "heads.relations.bilinear"),
    (r"extractor\.rel_classifier\.linear\.", "heads.relations.linear."),
]


# Weights


def renamed(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A LiLT's weights under our names; ones that are not known keep theirs."""
    text, layout = _before(state_dict, TEXT_MARK), _before(state_dict, LAYOUT_MARK)
    names = {}
    for key, value in state_dict.items():
        if LEFT_OUT.fullmatch(key.removeprefix(text)) or LEFT_OUT.fullmatch(key):
            continue
        names[key.removeprefix(layout if "layout" in key else text)] = value
    return _stacked({_rename(name): value for name, value in names.items()})


def text_weights(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A text model's weights under our names, without its heads."""
    before = _before(state_dict, TEXT_MARK)
    names = {
        _rename(key.removeprefix(before).replace("gamma", "weight").replace("beta", "bias")): value
        for key, value in state_dict.items()
        if key.startswith(before)
    }
    return _stacked(
        {
            name: value
            for name, value in names.items()
            if not LEFT_OUT.fullmatch(name) and not name.startswith("heads.")
        }
    )


def layout_weights(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A LiLT's layout flow under our names, from a whole LiLT or from one without text."""
    before = _before(state_dict, LAYOUT_MARK)
    flow = {
        _rename(key.removeprefix(before)): value
        for key, value in state_dict.items()
        if "layout" in key
    }
    return _stacked(flow)


def is_layout(name: str) -> bool:
    """Whether a weight of ours is the layout flow's."""
    return re.match(r"layout\.|layers\.\d+\.layout\.", name) is not None


def _before(keys: Iterable[str], mark: str) -> str:
    found = {key.removesuffix(mark) for key in keys if key.endswith(mark)}
    if not found:
        raise CheckpointError(
            f"the weights hold no {mark}",
            remedy="Take a LiLT with both flows, or put a layout flow on a text model with "
            "Lilt.from_text_model",
        )
    return min(found, key=lambda name: (name != "lilt.", name))  # merged files hold two


def _rename(name: str) -> str:
    for pattern, ours in NAMES:
        changed, found = re.subn(f"^{pattern}", ours, name)
        if found:
            return changed
    return name


def _stacked(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With queries, keys and values as one; a third that is missing leaves the whole missing."""
    stacked = {}
    for name, value in weights.items():
        if not (found := re.fullmatch(r"(layers\.\d+\.\w+)\.(query|key|value)\.(\w+)", name)):
            stacked[name] = value
            continue
        flow, _, kind = found.groups()
        thirds = [f"{flow}.{third}.{kind}" for third in ("query", "key", "value")]
        if all(third in weights for third in thirds):
            stacked[f"{flow}.qkv.{kind}"] = torch.cat([weights[third] for third in thirds])
    return stacked


# Configurations


def read_hugging_face(file: Path) -> Table:
    """A config.json with transformers' defaults filled in, and ``first``, its first position.

    Raises:
        CheckpointError: It is missing, or nothing that transformers knows.
    """
    from transformers import AutoConfig

    try:
        found = AutoConfig.from_pretrained(file.parent, local_files_only=True)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file.name} can't be read: {error}", file=file.parent) from error
    return {**found.to_dict(), "first": unused_positions(found)}


def lilt_table(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Table:
    """The table of a ``LiltConfig`` for a published LiLT.

    Args:
        config: As in its config.json.
        weights: Under our names; what they hold tells the heads, and sizes that config leaves out.
    """
    first = _asked(config, "pad_token_id") + 1
    table = _backbone({**config, "first": first}, weights)
    shrink = config.get("channel_shrink_ratio", 4)
    return {
        **table,
        **_layout_sizes(weights, table["positions"], first),
        "shrink": shrink,
        "heads": list(_heads(config, weights, table["width"])),
    }


def text_table(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Table:
    """The part of a ``LiltConfig``'s table that a text model gives.

    Args:
        config: As ``read_hugging_face`` gives it.
        weights: Under our names.

    Raises:
        UnknownName: It is none of BERT's kind.
        ModelError: Its positions are not a table's, or it sees only what is before.
    """
    kind = config["model_type"]
    if kind not in TEXT_MODELS:
        raise UnknownName("kind of text model", kind, TEXT_MODELS)
    if config.get("position_embedding_type", "absolute") != "absolute" or config.get("is_decoder"):
        raise ModelError(
            "this text model's attention depends on distances or goes one way",
            remedy="Take one that was trained as BERT is",
        )
    return _backbone(config, weights)


def layout_table(text: Mapping[str, Any], flow: Mapping[str, Tensor], shrink: int) -> Table:
    """The part of a ``LiltConfig``'s table that a layout flow gives.

    Args:
        text: The other part.
        flow: A published layout flow's weights under our names; empty for a new one, which has as
            many positions as the text flow can use.
        shrink: Of a new one.
    """
    if not flow:
        usable = text["positions"] - text["first"]
        return {"shrink": shrink, "layout_positions": usable, "layout_first": 0}
    width = _rows(flow, "layout.linear.weight", text["width"] // shrink)
    sizes = _layout_sizes(flow, text["positions"], PUBLISHED_FIRST)
    return {**sizes, "shrink": text["width"] // width}


def _backbone(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Table:
    activation = config.get("hidden_act", "gelu")
    if activation not in ACTIVATIONS:
        raise ModelError(f"its activation {activation} is not known here")
    return {
        "vocab": _asked(config, "vocab_size"),
        "width": _asked(config, "hidden_size"),
        "depth": _asked(config, "num_hidden_layers"),
        "attention_heads": _asked(config, "num_attention_heads"),
        "hidden": _asked(config, "intermediate_size"),
        "positions": _asked(config, "max_position_embeddings"),
        "first": _asked(config, "first"),
        "token_types": _rows(weights, "text.types.weight", config.get("type_vocab_size", 1)),
        "pad_id": _asked(config, "pad_token_id"),
        "activation": ACTIVATIONS[activation],
        "epsilon": _asked(config, "layer_norm_eps"),
        "dropout": config.get("hidden_dropout_prob", 0.1),
        "attention_dropout": config.get("attention_probs_dropout_prob", 0.1),
    }


def _asked(config: Mapping[str, Any], name: str) -> Any:
    if config.get(name) is None:
        raise CheckpointError(
            f"the configuration does not say {name}", remedy="Take the model's own config.json"
        )
    return config[name]


def _layout_sizes(flow: Mapping[str, Tensor], positions: int, first: int) -> Table:
    return {
        "layout_positions": _rows(flow, "layout.positions.weight", positions),
        "layout_first": first,
        "coordinates": _rows(flow, "layout.x.weight", 1024),
    }


def _heads(config: Mapping[str, Any], weights: Mapping[str, Tensor], width: int) -> Iterable[Table]:
    for kind, weight in (("tokens", "linear"), ("sequence", "dense"), ("answers", "linear")):
        if (first := weights.get(f"heads.{kind}.{weight}.weight")) is None:
            continue
        out = weights.get("heads.sequence.out.weight") if kind == "sequence" else first
        flows = "text" if first.shape[1] == width else "both"
        count = 0 if kind == "answers" or out is None else len(out)
        rate = config.get("classifier_dropout")
        dropout = config.get("hidden_dropout_prob", 0.1) if rate is None else rate
        yield {
            "kind": kind,
            "labels": _labels(config, count),
            "flows": flows,
            "dropout": dropout,
        }
    types = weights.get("heads.relations.types.weight")
    if types is not None:
        flows = "text" if types.shape[1] == width else "both"
        yield {"kind": "relations", "labels": list(ENTITIES), "flows": flows}


def _labels(config: Mapping[str, Any], count: int) -> list[str]:
    """The labels' names, numbers where the configuration has none."""
    names = config.get("id2label") or {}
    named = {int(number): name for number, name in names.items()}
    if len(named) == count:
        return [str(named.get(number, number)) for number in range(count)]
    return [f"LABEL_{number}" for number in range(count)]


def _rows(weights: Mapping[str, Tensor], name: str, default: int) -> int:
    """Of a table; what is missing is found when weights are loaded."""
    return len(weights[name]) if name in weights else default
