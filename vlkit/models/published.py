"""Published weights: fetching them, loading them, checking that they are what they should be."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from vlkit import recipe
from vlkit.checkpoint import Pretrained, download, load_tensors, sha256
from vlkit.errors import CheckpointError
from vlkit.models.clip import Clip, ClipConfig
from vlkit.models.convert.clip import open_clip_table
from vlkit.models.detailclip import DetailClip
from vlkit.models.recommended import (
    HELPFUL,
    UNVERIFIED,
    Verified,
    folder_of,
    missing,
    recommended,
)
from vlkit.models.trunks import ImageTrunk


def fetch(name: str) -> Path:
    """The folder of recommended weights, brought into the hub's cache if they are not here.

    Raises:
        UnknownName: if none are recommended by that name.
        CheckpointError: if they can't be fetched: which file, and how to carry it in.
    """
    wanted, here = recommended(name), folder_of(name)
    if here is not None:
        return here
    if wanted.hub is None:
        raise missing(name)
    try:
        return download(wanted.hub, wanted.needed, HELPFUL)
    except CheckpointError as error:
        reason = str(error.__cause__ or error).strip().splitlines() or ["the hub gave no answer"]
        raise missing(name, reason[0].rstrip(".")) from error


def load_published(name: str, folder: Path) -> Pretrained:
    """The model, once every key and shape of the files is that of the published architecture.

    Raises:
        CheckpointError: if a file is missing, damaged or pickled, or is of another architecture.
    """
    wanted = recommended(name)
    weights = folder / wanted.needed[-1]
    if wanted.library == "timm":
        return ImageTrunk.from_original(
            load_tensors(weights), {"architecture": wanted.architecture}
        )
    if wanted.library == "detailclip":
        return DetailClip.from_original(load_tensors(weights), {}).eval()
    clip = Clip.from_open_clip_folder(folder)
    _same_architecture(clip, wanted.architecture, folder)
    return clip


def _same_architecture(clip: Clip, architecture: str, folder: Path) -> None:
    """The folder describes itself; what it describes must be what is recommended."""
    with torch.device("meta"):
        table = open_clip_table({"architecture": architecture})
        expected = Clip(recipe.parse(table, ClipConfig)).state_dict()
    found = clip.state_dict()
    differ = [
        name
        for name in [*expected, *(name for name in found if name not in expected)]
        if name not in found or name not in expected or found[name].shape != expected[name].shape
    ]
    if differ:
        raise CheckpointError(
            f"the files are not those of {architecture}: {len(differ)} weights have another name "
            f"or shape ({differ[0]})",
            remedy="Fetch them again",
            file=folder,
        )


def provenance(name: str, folder: Path) -> Verified:
    """Revision and licence as the files tell them.

    The revision is the hub's commit where its cache holds the files, else the SHA-256 of weights
    that were carried in; the licence stands in their README.md.
    """
    revision = folder.name
    if folder.parent.name != "snapshots":
        revision = f"sha256:{sha256(folder / recommended(name).needed[-1])}"
    return Verified(revision, _licence(folder / "README.md"))


def _licence(readme: Path) -> str:
    try:
        front = readme.read_text(encoding="utf-8").split("---")[1]
    except (OSError, ValueError, IndexError):
        return UNVERIFIED
    lines = dict(re.findall(r"^(license(?:_name)?):[ \t]*(\S+)", front, re.MULTILINE))
    # "other" stands for a licence that has a name of its own.
    return str(lines.get("license_name") or lines.get("license") or UNVERIFIED).strip("\"'")
