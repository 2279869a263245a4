"""Public weights that vlkit loads, by id, and whether they are here.

Ids, architectures and tags are those of open_clip's and timm's installed tables, which a test
compares; figures are those that the papers' own repositories publish. Revision and licence are
``unverified`` until `vlkit verify` has seen the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from vlkit.errors import CheckpointError, UnknownName
from vlkit.files import write_atomically
from vlkit.shelves import own_shelf

UNVERIFIED = "unverified"
RECORD = "verified.json"

NEEDED = {
    "open_clip": ("open_clip_config.json", "open_clip_model.safetensors"),
    "timm": ("model.safetensors",),
    "detailclip": ("model.safetensors",),
}
HELPFUL = ("tokenizer.json", "tokenizer_config.json", "README.md")


@dataclass(frozen=True)
class Figure:
    """What was published: metrics by the names of ``vlkit eval``, of a data set by name."""

    task: str
    data: str
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Recommended:
    """Public weights.

    Attributes:
        library: Whose names the weights have.
        architecture: As the library lists it.
        tag: Of the weights, as the library lists them.
        hub: Id on the hub; None where they must be carried in.
        what: What they are, in a few words.
        figure: What was published of them, where that is known here.
    """

    library: Literal["open_clip", "timm", "detailclip"]
    architecture: str
    tag: str
    hub: str | None
    what: str
    figure: Figure | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """Files without which they can't be loaded."""
        return NEEDED[self.library]


@dataclass(frozen=True)
class Verified:
    """What `vlkit verify` saw."""

    revision: str = UNVERIFIED
    licence: str = UNVERIFIED
    metrics: Mapping[str, float] = field(default_factory=dict)


PAIR, TRUNK = "pictures and texts in one space", "an image tower"


def _detailclip(i2t: float, t2i: float) -> Figure:
    # Its README's table says "COCO I2T/T2I" and no rank; taken for the first.
    return Figure("retrieval", "coco", {"i2t_r1": i2t, "t2i_r1": t2i})


RECOMMENDED = {
    "clip-vit-b-32": Recommended(
        "open_clip", "ViT-B-32", "laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", PAIR
    ),
    "clip-vit-b-32-datacomp": Recommended(
        "open_clip",
        "ViT-B-32",
        "datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
        PAIR,
    ),
    "siglip-vit-b-16": Recommended(
        "open_clip", "ViT-B-16-SigLIP", "webli", "timm/ViT-B-16-SigLIP", PAIR
    ),
    "siglip2-vit-b-16": Recommended(
        "open_clip", "ViT-B-16-SigLIP2", "webli", "timm/ViT-B-16-SigLIP2", PAIR
    ),
    "mobileclip-s1": Recommended(
        "open_clip", "MobileCLIP-S1", "datacompdr", "apple/MobileCLIP-S1-OpenCLIP", PAIR
    ),
    "mobileclip2-s0": Recommended(
        "open_clip", "MobileCLIP2-S0", "dfndr2b", "timm/MobileCLIP2-S0-OpenCLIP", PAIR
    ),
    "detailclip-vit-b-16": Recommended(
        "detailclip", "DetailCLIP_VITB16", "yfcc15m-25ep", None, PAIR, _detailclip(0.383, 0.229)
    ),
    "detailclip-vit-b-16-50ep": Recommended(
        "detailclip", "DetailCLIP_VITB16", "yfcc15m-50ep", None, PAIR, _detailclip(0.398, 0.249)
    ),
    "dinov2-vit-s-14": Recommended(
        "timm",
        "vit_small_patch14_dinov2",
        "lvd142m",
        "timm/vit_small_patch14_dinov2.lvd142m",
        TRUNK,
    ),
    "siglip-image-vit-b-16": Recommended(
        "timm",
        "vit_base_patch16_siglip_224",
        "webli",
        "timm/vit_base_patch16_siglip_224.webli",
        TRUNK,
    ),
}


def recommended(name: str) -> Recommended:
    """What is recommended by that name.

    Raises:
        UnknownName: if there is nothing.
    """
    if name not in RECOMMENDED:
        raise UnknownName("recommended model", name, RECOMMENDED)
    return RECOMMENDED[name]


def folder_of(name: str) -> Path | None:
    """Where the files lie, if all that are needed are here: carried in, or in the hub's cache."""
    wanted = recommended(name)
    carried = own_shelf() / name
    if all((carried / file).is_file() for file in wanted.needed):
        return carried
    cached = [_cached(wanted.hub, file) for file in wanted.needed]
    first = cached[0]
    if first is None or any(file is None or file.parent != first.parent for file in cached):
        return None
    return first.parent


def _cached(hub: str | None, file: str) -> Path | None:
    if hub is None or find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(hub, file)
    return Path(found) if isinstance(found, str) else None


def missing(name: str, reason: str = "") -> CheckpointError:
    """The error that says which file is not here, and how it gets here.

    Args:
        reason: Why it can't be fetched, where that was tried.
    """
    wanted, place = recommended(name), own_shelf() / name
    absent = " and ".join(file for file in wanted.needed if not (place / file).is_file())
    files = f"{absent}, with {HELPFUL[0]} and {HELPFUL[1]} if they are there,"
    carry = f"put {files} of {wanted.hub} into {place}"
    if wanted.hub is None:
        carry = (
            f"Put {files} into {place}; the checkpoint's state_dict becomes {absent} by "
            "safetensors.torch.save_file, where you trust it"
        )
    elif reason:
        carry = f"Where there is no network, {carry}"
    else:
        carry = f"Run `vlkit models fetch {name}`; where there is no network, {carry}"
    tried = f" and can't be fetched: {reason}" if reason else ""
    return CheckpointError(f"{absent} of {name}: not here{tried}", remedy=carry)


def verified(name: str) -> Verified:
    """What was seen of it on this machine."""
    found = _records().get(name)
    return Verified(**found) if found else Verified()


def record(name: str, seen: Verified) -> None:
    """Remember it.

    Raises:
        OutputError: if the own shelf can't be written.
    """
    file = own_shelf() / RECORD
    text = json.dumps(_records() | {name: asdict(seen)}, indent=1, ensure_ascii=False)
    with suppress(OSError):  # writing says what is wrong
        file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, (text + "\n").encode())


def _records() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((own_shelf() / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
