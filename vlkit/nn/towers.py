"""Building the libraries' towers from our configurations: the only place that reads their tables.

timm takes 7 s to import and open_clip 9 s, so both are imported where they are needed.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from torch import nn

from vlkit.errors import CheckpointError, ModelError, UnknownName
from vlkit.nn.pooling import Pooling

if TYPE_CHECKING:
    from vlkit.nn.images import ImageTower, Rgb
    from vlkit.nn.texts import TextTower

VIT_ONLY = ("patch_size", "width", "depth", "heads", "mlp_ratio", "activation")
TIMM_NAMES = {
    "patch_size": "patch_size",
    "width": "embed_dim",
    "depth": "depth",
    "heads": "num_heads",
    "mlp_ratio": "mlp_ratio",
    "activation": "act_layer",
}


def open_clip_table(architecture: str) -> dict[str, Any]:
    """open_clip's configuration of one of its models, to change at will.

    Raises:
        UnknownName: if it lists no such model.
    """
    import open_clip  # type: ignore[import-untyped]

    found: dict[str, Any] | None = open_clip.get_model_config(architecture)
    if found is None:
        raise _unknown("open_clip architecture", architecture, open_clip.list_models())
    return found


def open_clip_name(table: dict[str, Any]) -> str | None:
    """The model that open_clip lists with this configuration, if it does."""
    import open_clip

    return next((n for n in open_clip.list_models() if open_clip_table(n) == table), None)


def build_image_tower(config: ImageTower) -> tuple[nn.Module, int]:
    """The image tower without projection, and the side of its pictures in pixels."""
    if config.library == "timm":
        return _timm_tower(config.architecture, config, pool=config.pool)
    table = open_clip_table(config.architecture)
    vision = table["vision_cfg"]
    if "timm_model_name" not in vision:
        return _open_clip_tower(table, config)
    # open_clip pools anew where it adds a projection, and else tells timm at once how to pool.
    return _timm_tower(
        vision["timm_model_name"],
        config,
        pool=config.pool or vision.get("timm_pool", "avg") or None,
        pool_after=vision.get("timm_proj", "linear") in ("linear", "mlp"),
        image_size=vision.get("image_size", 224),
    )


def _timm_tower(
    name: str,
    config: ImageTower,
    *,
    pool: str | None,
    pool_after: bool = False,
    image_size: int | None = None,
) -> tuple[nn.Module, int]:
    import timm

    if not timm.is_model(name):
        raise _unknown("timm architecture", name, timm.list_models())
    changes = {ours: value for ours in VIT_ONLY if (value := asdict(config)[ours]) is not None}
    is_vit = timm.models.is_model_in_modules(
        name, ["vision_transformer", "vision_transformer_hybrid", "deit"]
    )
    if changes and not is_vit:
        raise ModelError(
            f"{name} is no plain ViT and cannot be given another {', '.join(changes)}",
            remedy="Leave them out, or choose a vit_… architecture",
        )
    options: dict[str, Any] = {TIMM_NAMES[key]: value for key, value in changes.items()}
    if config.drop_path is not None:
        options["drop_path_rate"] = config.drop_path
    if pool is not None and not pool_after:
        options["global_pool"] = pool
    size = config.image_size or image_size or _timm_image_size(name)
    tower: Any
    try:
        tower = timm.create_model(name, num_classes=0, img_size=size, **options)
    except TypeError:  # convolutional towers take any size and have no such argument
        tower = timm.create_model(name, num_classes=0, **options)
    except AssertionError as error:
        raise ModelError(
            f"{name} cannot have these sizes: {error}",
            remedy="The width must divide by the heads, the picture by the patch",
        ) from error
    if pool is not None and pool_after:
        tower.reset_classifier(0, global_pool=pool)
    return tower, size


def _timm_image_size(name: str) -> int:
    import timm

    found = timm.get_pretrained_cfg(name)
    return int(found.input_size[-1]) if found is not None else 224


def timm_classifier(architecture: str) -> tuple[str, ...]:
    """The modules that classify in published weights of an architecture; perhaps none."""
    import timm

    found = timm.get_pretrained_cfg(architecture)
    names = None if found is None else found.classifier
    return (names,) if isinstance(names, str) else tuple(names or ())


def _open_clip_tower(table: dict[str, Any], config: ImageTower) -> tuple[nn.Module, int]:
    # `create_model` would make the text tower too. This function is private but as old as the
    # library's second major version, and its own CoCa builds on it.
    from open_clip.model import (  # type: ignore[import-untyped]
        CLIPVisionCfg,
        _build_vision_tower,
    )

    vision = dict(table["vision_cfg"])
    if config.pool is not None or config.drop_path is not None:
        raise ModelError(
            f"{config.architecture} pools its own way and has no drop_path",
            remedy="Leave pool and drop_path out, or choose an architecture of timm",
        )
    is_resnet = isinstance(vision.get("layers"), list | tuple)
    if is_resnet and any(asdict(config)[name] is not None for name in VIT_ONLY):
        raise ModelError(
            f"{config.architecture} is no ViT: only its image_size can be changed",
            remedy=f"Leave out {', '.join(VIT_ONLY)}",
        )
    changes = {
        "image_size": config.image_size,
        "patch_size": config.patch_size,
        "width": config.width,
        "layers": config.depth,
        "mlp_ratio": config.mlp_ratio,
    }
    vision |= {name: value for name, value in changes.items() if value is not None}
    if config.heads is not None:
        vision["head_width"] = vision.get("width", CLIPVisionCfg.width) // config.heads
    quick, vision["act_kwargs"] = _activation(config.activation, table, vision)
    tower = _build_vision_tower(table["embed_dim"], CLIPVisionCfg(**vision), quick)
    if not is_resnet:
        tower.proj = None
    return tower, int(vision.get("image_size", 224))


def _activation(
    activation: str | None, table: dict[str, Any], tower: dict[str, Any]
) -> tuple[bool, dict[str, str] | None]:
    """open_clip's way of naming it: quick or not, and arguments of GELU."""
    if activation is None:
        return bool(table.get("quick_gelu", False)), tower.get("act_kwargs")
    return activation == "quick_gelu", (
        {"approximate": "tanh"} if activation == "gelu_tanh" else None
    )


def image_statistics(config: ImageTower) -> tuple[Rgb, Rgb]:
    """Mean and deviation of pixels that the architecture's published weights expect."""
    if config.library == "timm":
        import timm
        from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

        found = timm.get_pretrained_cfg(config.architecture)
        if found is None:
            return IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
        return _rgb(found.mean), _rgb(found.std)
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(config.architecture)
    published = open_clip.get_pretrained_cfg(config.architecture, tags[0]) if tags else {}
    return (
        _rgb(published.get("mean", open_clip.OPENAI_DATASET_MEAN)),
        _rgb(published.get("std", open_clip.OPENAI_DATASET_STD)),
    )


def _rgb(values: Any) -> Rgb:
    red, green, blue = values
    return float(red), float(green), float(blue)


def build_open_clip_text(config: TextTower) -> nn.Module:
    """open_clip's own text tower without projection, giving pooled vector and tokens."""
    from open_clip.model import CLIPTextCfg, _build_text_tower

    table = open_clip_table(config.architecture)
    text = dict(table["text_cfg"])
    changes = {
        "context_length": config.context_length,
        "vocab_size": config.vocab_size,
        "width": config.width,
        "layers": config.depth,
        "heads": config.heads,
        "mlp_ratio": config.mlp_ratio,
    }
    text |= {name: value for name, value in changes.items() if value is not None}
    quick, text["act_kwargs"] = _activation(config.activation, table, text)
    text |= {"proj_type": "none", "output_tokens": True}
    tower: nn.Module = _build_text_tower(table["embed_dim"], CLIPTextCfg(**text), quick)
    return tower


@dataclass(frozen=True)
class Reader:
    """An encoder of transformers that reads for one of open_clip's models.

    Attributes:
        name: Its folder, or its hub id.
        pooler: How one vector is made of its tokens, by open_clip's name.
        projection: Into the joint space, by open_clip's name.
        context_length: The most tokens of a text.
    """

    name: str
    pooler: str
    projection: str | None
    context_length: int


POOLERS: Mapping[str, Pooling] = {
    "mean_pooler": "mean",
    "cls_pooler": "cls",
    "cls_last_hidden_state_pooler": "cls",
}


def open_clip_reader(table: Mapping[str, Any]) -> Reader | None:
    """Who reads in a model of open_clip's with this configuration; None for its own towers.

    Raises:
        ModelError: if it pools in a way that is not known here.
    """
    from open_clip.model import CLIPTextCfg

    text = CLIPTextCfg(**table["text_cfg"])
    if text.hf_model_name is None:
        return None
    if text.hf_pooler_type not in POOLERS:
        raise ModelError(
            f"{text.hf_model_name} pools by {text.hf_pooler_type}",
            remedy=f"Known here are {', '.join(POOLERS)}",
        )
    return Reader(text.hf_model_name, text.hf_pooler_type, text.hf_proj_type, text.context_length)


def build_reader(
    reader: Reader, settings: Mapping[str, Any]
) -> tuple[nn.Module, Pooling | Literal["layer"]]:
    """It with random weights, and how it pools: ``layer`` for a layer of its own.

    Args:
        settings: Its transformers configuration, ``model_type`` among it; none: as it lies in
            its folder, or in the hub's cache.

    Raises:
        CheckpointError: if none are given and none are here.
    """
    from transformers import AutoModel

    found = _configuration(settings or hugging_face_settings(reader.name))
    if found.is_encoder_decoder:
        whole: Any = AutoModel.from_config(found)  # type: ignore[no-untyped-call]
        return whole.encoder, POOLERS[reader.pooler]
    layer = reader.pooler == "cls_pooler"
    tower = AutoModel.from_config(found, add_pooling_layer=layer)  # type: ignore[no-untyped-call]
    return tower, "layer" if layer else POOLERS[reader.pooler]


def hugging_face_settings(name: str) -> dict[str, Any]:
    """The configuration in a folder, or of a hub id in the hub's cache; no network is asked.

    Raises:
        CheckpointError: if it is not here.
    """
    from transformers import AutoConfig

    try:
        return _settings(AutoConfig.from_pretrained(name, local_files_only=True))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"config.json of {name}, which reads the texts, is not here",
            remedy=f"Where there is a network, run `hf download {name} config.json`, or carry it "
            "in and give its folder as the config's text_folder",
        ) from error


def hugging_face_width(settings: Mapping[str, Any]) -> int:
    """D of the encoder with this configuration."""
    return int(_configuration(settings).hidden_size)


def _configuration(settings: Mapping[str, Any]) -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(**settings)


def build_hugging_face_text(config: TextTower) -> nn.Module:
    """An encoder of transformers with random weights.

    Raises:
        ModelError: if there is no such model type or folder, and the hub cannot be reached.
    """
    from transformers import CONFIG_MAPPING, AutoConfig, AutoModel

    changes = {
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads,
        "max_position_embeddings": config.context_length,
    }
    settings = {name: value for name, value in changes.items() if value is not None}
    settings |= config.settings
    if config.architecture in CONFIG_MAPPING:
        found = AutoConfig.for_model(config.architecture, **settings)
    else:
        try:
            found = AutoConfig.from_pretrained(config.architecture, **settings)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"no text encoder '{config.architecture}' can be reached: it is no model type of "
                "transformers, no folder with a config.json, and the hub did not give it",
                remedy="Carry the folder in and give its path, or give a model type such as bert",
            ) from error
    if config.context_length is not None:
        found.max_position_embeddings += unused_positions(found)
    if config.mlp_ratio is not None:
        found.intermediate_size = int(found.hidden_size * config.mlp_ratio)
    tower: nn.Module = AutoModel.from_config(found)  # type: ignore[no-untyped-call]
    return tower


def unused_positions(config: Any) -> int:
    """How many positions of a transformers configuration no token can have."""
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):
        return int(config.pad_token_id) + 1  # theirs begin after the padding id
    return 0


def load_hugging_face_text(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The encoder in a folder, and the settings that make it again.

    Raises:
        ModelError: if there is none that can be read.
    """
    from transformers import AutoModel

    try:
        tower = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"no text encoder can be read there: {error}",
            remedy="Give a folder with config.json and model.safetensors",
            file=folder,
        ) from error
    return tower, _settings(tower.config)


def _settings(config: Any) -> dict[str, Any]:
    """What makes a transformers configuration again, ``model_type`` among it."""
    settings: dict[str, Any] = config.to_diff_dict()
    for name in ("architectures", "transformers_version", "dtype", "_name_or_path"):
        settings.pop(name, None)
    return settings


def _unknown(kind: str, name: str, names: list[str]) -> UnknownName:
    """The error, with the nearest of very many names."""
    return UnknownName(kind, name, difflib.get_close_matches(name, names, n=8, cutoff=0.3))
