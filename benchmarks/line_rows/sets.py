"""The six sets of rendered lines, three for each language: unseen text, fonts, kinds of wear.

Each is unseen in one way and like training in the others. What training has is read from the
recipe, so that what is held out there is what is measured here.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import count as numbers
from pathlib import Path
from typing import Literal

from benchmarks.line_rows import texts
from benchmarks.line_rows.texts import Language
from vlkit.data.rendered import LineRenderer, LineSettings
from vlkit.data.rendered.wear import UNSEEN
from vlkit.onnx import Gray

RECIPE = Path("models/lines-ko-en/recipe.toml")
SEED = 20_261
"""Far from the recipe's, so that no line of these was trained on."""
TEXTS = 4000
KINDS: Mapping[Language, Mapping[str, float]] = {
    "korean": {"korean-prose": 0.5, "korean-field": 0.3, "korean-cell": 0.2},
    "english": {
        "english-prose": 0.45,
        "english-words": 0.15,
        "english-field": 0.25,
        "english-cell": 0.15,
    },
}
WEAR = {"crop": 0.9, "neighbours": 0.35, "resolution": 0.5}
"""What an unseen kind of wear comes with."""

Unseen = Literal["text", "fonts", "wear"]
UNSEEN_IN: tuple[Unseen, ...] = ("text", "fonts", "wear")


@dataclass(frozen=True)
class Line:
    """A picture and what it says."""

    pixels: Gray
    text: str


@dataclass(frozen=True)
class Fonts:
    """Folders, and the families in them that training leaves out and takes."""

    training: tuple[Path, ...]
    without: tuple[str, ...]
    held_out: tuple[Path, ...]
    only: tuple[str, ...]


def recipe_fonts(recipe: Path = RECIPE) -> Fonts:
    """What the recipe draws for training and for validation."""
    lines = tomllib.loads(recipe.read_text(encoding="utf-8"))["lines"]
    drawn, validation = lines["drawn"], lines["validation"]
    return Fonts(
        tuple(map(Path, drawn["fonts"])),
        tuple(drawn["without"]),
        tuple(map(Path, validation["fonts"])),
        tuple(validation["only"]),
    )


def draw(language: Language, unseen: Unseen, count: int, fonts: Fonts) -> list[Line]:
    """The first lines of a set; a longer one begins with the same."""
    renderers = _renderers(language, unseen, fonts)
    found: list[Line] = []
    for number in numbers():
        drawn = renderers[number % len(renderers)].line(number)
        if language == "english" or any("가" <= char <= "힣" for char in drawn.text):
            found.append(Line(drawn.pixels, drawn.text))
        if len(found) == count:
            return found
    raise AssertionError


@cache
def _renderers(language: Language, unseen: Unseen, fonts: Fonts) -> list[LineRenderer]:
    seen = LineSettings(
        fonts.training, without=fonts.without, kinds=dict(KINDS[language]), seed=SEED
    )
    if unseen == "fonts":
        return [LineRenderer(replace(seen, fonts=fonts.held_out, without=(), only=fonts.only))]
    if unseen == "wear":
        return [LineRenderer(replace(seen, wear={**WEAR, kind: 1.0})) for kind in UNSEEN]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.txt"
        file.write_text("\n".join(texts.lines(language, TEXTS, SEED)), encoding="utf-8")
        return [LineRenderer(replace(seen, texts=(file,), kinds={"files": 1.0}))]
