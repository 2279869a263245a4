"""The models, and the one way in: ``vlkit.load(name | folder | hub id)``."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from vlkit.errors import UnknownName
from vlkit.extras import require

if TYPE_CHECKING:
    from vlkit.checkpoint import Pretrained

MODELS = {
    "clip": "vlkit.models.clip:Clip",
    "cgvlm": "vlkit.models.cgvlm:CgVlm",
    "detailclip": "vlkit.models.detailclip:DetailClip",
    "image-trunk": "vlkit.models.trunks:ImageTrunk",
}

# Beside the package, where it runs from its repository.
SHELF = Path(__file__).parents[2] / "models"


def model_class(name: str) -> type[Pretrained]:
    """The class of a model, by its name in the table.

    Raises:
        UnknownName: if there is none of that name.
    """
    if name not in MODELS:
        raise UnknownName("model", name, MODELS)
    module, _, attribute = MODELS[name].partition(":")
    found: type[Pretrained] = getattr(import_module(module), attribute)
    return found


def load(source: str | Path) -> Pretrained:
    """The model of that name on the shelf, in that folder, or behind that hub id.

    Besides vlkit's own folders it reads those of open_clip (``open_clip_config.json``) and Hugging
    Face's CLIP and SigLIP.

    Raises:
        UnknownName: if nothing on the shelf has that name.
        CheckpointError: if the folder holds no model that is known here, another trunk's weights
            or pickled ones, or if the hub can't be reached.
        MissingDependency: without the extra ``models``.
    """
    require("models")
    from vlkit import checkpoint

    folder = local_folder(source)
    if foreign := _foreign(folder):
        return foreign
    described = checkpoint.load_folder(folder, shelves=(SHELF,))
    return model_class(described.model).from_folder(described)


def local_folder(source: str | Path) -> Path:
    """The model's folder: as given, on the shelf, or where the hub's files were put.

    Raises:
        UnknownName, CheckpointError: As ``load``.
    """
    from vlkit import checkpoint

    return _local(source) or checkpoint.resolve(source)


def on_the_shelf() -> list[str]:
    """Names of the models that need no network."""
    return sorted(path.parent.name for path in SHELF.glob("*/config.json"))


def _local(source: str | Path) -> Path | None:
    """The folder, if it is one, or one on the shelf; None for a hub id."""
    path = Path(source)
    if path.is_dir():
        return path
    if path.name != str(source):  # no plain name
        return None
    if (SHELF / path.name).is_dir():
        return SHELF / path.name
    raise UnknownName("model on the shelf", path.name, on_the_shelf())


def _foreign(folder: Path) -> Pretrained | None:
    """The model, if the folder is one of open_clip's or Hugging Face's."""
    from vlkit.models.clip import HUGGING_FACE_KINDS, Clip

    if (folder / "open_clip_config.json").is_file():
        return Clip.from_open_clip_folder(folder)
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        return None  # `load_folder` says what is wrong
    return Clip.from_hugging_face(folder) if kind in HUGGING_FACE_KINDS else None
