"""Recipes of generated pages into folders: pictures, PDFs and their truth.

    python -m vlkit.data.folders datasets/pages/recipe.toml OUTPUT [--tiny]

On disk: ``images/NAME-PAGE.png`` (``.jpg`` where scanned), ``truth/NAME-PAGE.json`` (a one-page
``Document`` in that picture's pixels), ``pdf/NAME.pdf`` (born digital, where asked for), and
``SPLIT.txt`` with a ``NAME-PAGE`` a line.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as pydantic_field

from vlkit.data import degrade
from vlkit.data.pages import TextLayer, Typeset
from vlkit.data.random_pages import (
    random_business_page,
    random_document,
    random_table_page,
    random_text_page,
)
from vlkit.data.vocabulary import Language
from vlkit.document import Document
from vlkit.errors import InputError

MAKERS: dict[str, Callable[[int, Language], Typeset]] = {
    "document": random_document,
    "table": random_table_page,
    "text": random_text_page,
    "business": random_business_page,
}


class Part(BaseModel):
    """Some pages of one kind.

    Attributes:
        split: Name of the split that they belong to.
        kind: Which of ``vlkit.data.random_pages``.
        seeds: First seed, and the one after the last.
        dpi: Of the pictures.
        scan: Strength of ``degrade.scan``; 0 leaves the pictures clean.
        pdf: Kind of text layer of the PDF; none is written without.
    """

    model_config = ConfigDict(extra="forbid")

    split: str = pydantic_field(pattern=r"^\w+$")
    kind: Literal["document", "table", "text", "business"]
    language: Language = "eng"
    seeds: tuple[int, int]
    dpi: float = pydantic_field(default=150.0, ge=36, le=600)
    scan: float = pydantic_field(default=0.0, ge=0, le=2)
    pdf: TextLayer | None = None


class Recipe(BaseModel):
    """What a recipe file says."""

    model_config = ConfigDict(extra="forbid")

    pages: list[Part]


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        InputError: No such file, no TOML, or a key or value that no recipe has.
    """
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"can't read the recipe: {error.strerror}", file=path) from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"the recipe is no TOML: {error}", file=path) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"the recipe's {where}: {first['msg']}", file=path) from error


def write_folder(recipe: Recipe, folder: Path, *, tiny: bool = False) -> dict[str, list[str]]:
    """Write all pages; gives the names of each split.

    Args:
        tiny: The first seed of each part alone, its first page, at 60 dpi.
    """
    splits: dict[str, list[str]] = defaultdict(list)
    for name in ("images", "truth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for part in recipe.pages:
        first, end = part.seeds
        for seed in range(first, first + 1 if tiny else end):
            splits[part.split] += _write(part, seed, folder, tiny=tiny)
    for split, names in splits.items():
        (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    return dict(splits)


def _write(part: Part, seed: int, folder: Path, *, tiny: bool) -> list[str]:
    made: Typeset = MAKERS[part.kind](seed, part.language)
    stem = f"{part.kind}-{part.language}-{seed:05d}"
    dpi = 60.0 if tiny else part.dpi
    if part.pdf:
        (folder / "pdf").mkdir(exist_ok=True)
        (folder / "pdf" / f"{stem}.pdf").write_bytes(made.to_pdf(part.pdf, dpi=dpi))
    names = []
    for index, page in enumerate(made.truth_in_pixels(dpi).pages[: 1 if tiny else None]):
        name = f"{stem}-{index + 1}"
        pixels, suffix = made.to_image(index, dpi), "png"
        alone = page.model_copy(update={"number": 1})
        truth = Document(pages=[alone], metadata={"seed": str(seed)})
        if part.scan:
            pixels, matrix = degrade.scan(pixels, seed, strength=part.scan)
            suffix = "jpg"
            truth = degrade.moved(truth, matrix, (pixels.shape[1], pixels.shape[0]))
        truth.name = f"{name}.{suffix}"
        Image.fromarray(pixels).save(folder / "images" / truth.name, quality=90)
        (folder / "truth" / f"{name}.json").write_text(_json(truth), encoding="utf-8")
        names.append(name)
    return names


def _json(document: Document) -> str:
    """Lossless but for digits behind the hundredth of a pixel."""
    text = document.model_dump_json(exclude_none=True)
    short = json.loads(text, parse_float=lambda digits: round(float(digits), 2))
    return json.dumps(short, ensure_ascii=False, separators=(",", ":")) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m vlkit.data.folders", description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tiny", action="store_true", help="a sample: one page of each part")
    given = parser.parse_args()
    splits = write_folder(read_recipe(given.recipe), given.folder, tiny=given.tiny)
    for split, names in splits.items():
        print(f"{split}: {len(names)} pages")


if __name__ == "__main__":
    main()
