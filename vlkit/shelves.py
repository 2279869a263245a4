"""Where model folders lie, and the trunks that they stand on: on the shelf that comes with vlkit,
and on the user's own.

No torch here: `vlkit doctor` looks without it, and ONNX models run without it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from vlkit.errors import CheckpointError

WEIGHTS, PARTS = "model.safetensors", "model-*.safetensors"

# Beside the package, where it runs from its repository; in the core's wheel, it is part of it.
REPOSITORY = Path(__file__).parents[1] / "models"
CORE = Path(__file__).parent / "shelf"


def bundled_shelves() -> list[Path]:
    """Folders of bundled model folders: the repository's, the core wheel's, vlkit-shelf's."""
    installed = (point.value for point in entry_points(group="vlkit.shelves"))
    places = [REPOSITORY, CORE, *(Path(str(files(package))) / "models" for package in installed)]
    return [place for place in places if place.is_dir()]


def own_shelf() -> Path:
    """Where users keep models of their own and put those that they carry in."""
    named = os.environ.get("VLKIT_MODELS")
    return Path(named) if named else Path.home() / ".local" / "share" / "vlkit" / "models"


def shelves() -> list[Path]:
    """All of them, in the order in which they are looked through."""
    return [*bundled_shelves(), own_shelf()]


def bundled() -> dict[str, Path]:
    """Folders of the models that come with vlkit, by name."""
    return _models_in(*bundled_shelves())


def own() -> dict[str, Path]:
    """Folders of the user's models: on the own shelf, and those of runs beneath this folder."""
    runs = {path.parents[1].name: path.parent for path in Path("runs").glob("*/model/config.json")}
    return runs | _models_in(own_shelf())


def _models_in(*places: Path) -> dict[str, Path]:
    # What comes first counts: the repository's before what was installed.
    found = [file.parent for place in reversed(places) for file in place.glob("*/config.json")]
    # A name that begins with a dot is of a folder that is only being written.
    whole = [folder for folder in found if not folder.name.startswith(".")]
    return {folder.name: folder for folder in sorted(whole, key=lambda folder: folder.name)}


# Trunks


@dataclass(frozen=True)
class Trunk:
    """The trunk that a model stands on.

    Attributes:
        name: Its folder's name on the shelf.
        sha256: Of its weight files.
        prefix: What its weights' names begin with in the model, e.g. ``"image."``.
    """

    name: str
    sha256: str
    prefix: str


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a folder's weights: one, or several by their names, or none."""
    whole = folder / WEIGHTS
    return [whole] if whole.exists() else sorted(folder.glob(PARTS))


def weights_sha256(folder: Path) -> str:
    """Of the bytes of all its weight files, one after the other."""
    hashed = hashlib.sha256()
    for file in weight_files(folder):
        hashed.update(file.read_bytes())
    return hashed.hexdigest()


def trunk_folder(trunk: Trunk, folder: Path) -> Path:
    """Where the trunk of a model lies.

    Args:
        folder: The model's; the trunk lies beside it or on a shelf.

    Raises:
        CheckpointError: It is nowhere, or another one is.
    """
    places = (folder.parent, *shelves())
    found = [stem for place in places if weight_files(stem := place / trunk.name)]
    hashes = {}
    for stem in found:
        hashes[stem] = weights_sha256(stem)
        if hashes[stem] == trunk.sha256:
            return stem
    if found:
        raise CheckpointError(
            f"this model stands on another trunk than {found[0]}: SHA-256 "
            f"{trunk.sha256[:12]}… is needed, {hashes[found[0]][:12]}… is there",
            remedy="Take the trunk that it was trained with, or train it again on this one",
            file=folder,
        )
    raise CheckpointError(
        f"its trunk {trunk.name} is missing: {places[0] / trunk.name / WEIGHTS}",
        remedy=f"Put the folder {trunk.name} beside it, or install vlkit-shelf (`make shelf`)",
        file=folder,
    )
