"""Where model folders lie: on the shelf that comes with vlkit, and on the user's own.

No torch here: `vlkit doctor` looks without it.
"""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

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
