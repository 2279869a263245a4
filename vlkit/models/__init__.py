"""The models, and the one way in: ``vlkit.load(name | folder | hub id)``."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from vlkit.errors import UnknownName
from vlkit.extras import require
from vlkit.models.recommended import NEEDED, RECOMMENDED, folder_of, missing
from vlkit.models.tiers import find

if TYPE_CHECKING:
    from vlkit.checkpoint import Pretrained

MODELS = {
    "clip": "vlkit.models.clip:Clip",
    "cgvlm": "vlkit.models.cgvlm:CgVlm",
    "detailclip": "vlkit.models.detailclip:DetailClip",
    "lilt": "vlkit.models.lilt:Lilt",
    "lines": "vlkit.models.lines:LineReader",
    "image-trunk": "vlkit.models.trunks:ImageTrunk",
    "trunk-text": "vlkit.models.trunks:TextTrunk",
}


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
    """The model of that name, in that folder, or behind that hub id.

    A name is that of a bundled model, of recommended weights that were fetched or carried in, or
    of a model of one's own. Besides vlkit's own folders it reads those of open_clip
    (``open_clip_config.json``) and Hugging Face's CLIP, SigLIP and LiLT.

    Raises:
        UnknownName: if nothing has that name.
        CheckpointError: if the folder holds no model that is known here, another trunk's weights
            or pickled ones, if recommended weights are not here, or if the hub can't be reached.
        MissingDependency: without the extra ``models``.
    """
    require("models")
    from vlkit import checkpoint
    from vlkit.models.published import load_published

    folder = local_folder(source)
    if str(source) in RECOMMENDED and folder == folder_of(str(source)):
        return load_published(str(source), folder)
    if foreign := _foreign(folder):
        return foreign
    described = checkpoint.load_folder(folder)
    return model_class(described.model).from_folder(described)


def local_folder(source: str | Path) -> Path:
    """The model's folder: as given, by its name, or where the hub's files were put.

    Raises:
        UnknownName, CheckpointError: As ``load``.
    """
    from vlkit import checkpoint

    path = Path(source)
    if path.is_dir():
        return path
    if path.name != str(source):  # no plain name
        ours = (checkpoint.CONFIG, checkpoint.WEIGHTS)  # and Hugging Face's
        return checkpoint.resolve(source, kinds=(ours, NEEDED["open_clip"]))
    entry = find(path.name)
    if entry.folder is None:
        raise missing(entry.name)
    return entry.folder


def _foreign(folder: Path) -> Pretrained | None:
    """The model, if the folder is one of open_clip's or Hugging Face's."""
    from vlkit.models.clip import HUGGING_FACE_KINDS, Clip

    if (folder / "open_clip_config.json").is_file():
        return Clip.from_open_clip_folder(folder)
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        return None  # `load_folder` says what is wrong
    if kind == "lilt":
        from vlkit.models.lilt import Lilt

        return Lilt.from_hugging_face(folder)
    return Clip.from_hugging_face(folder) if kind in HUGGING_FACE_KINDS else None
