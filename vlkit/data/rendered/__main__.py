"""A contact sheet of lines with their texts: ``python -m vlkit.data.rendered --fonts DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image, ImageDraw

from vlkit.data.rendered.fonts import Typeface, open_typeface
from vlkit.data.rendered.lines import LineRenderer, LineSettings, RenderedLine
from vlkit.data.rendered.wear import CHANCES
from vlkit.errors import VlkitError

_ROW = 56
_WIDTH = 900


def sheet(lines: list[RenderedLine], face: Typeface, columns: int = 2) -> Image.Image:
    """The lines under each other, each with its text below and its characters' edges ticked."""
    rows = -(-len(lines) // columns)
    page = Image.new("L", (columns * _WIDTH, rows * _ROW), 200)
    draw = ImageDraw.Draw(page)
    font = open_typeface(face.path, face.index, 13)
    for number, line in enumerate(lines):
        x, y = _WIDTH * (number // rows), _ROW * (number % rows)
        page.paste(Image.fromarray(np.ascontiguousarray(line.pixels[:, : _WIDTH - 8])), (x, y))
        for edge in line.edges.ravel():
            if edge < _WIDTH - 8:
                draw.line([(x + float(edge), y + 33), (x + float(edge), y + 36)], fill=90)
        draw.text((x, y + 37), line.text, font=font, fill=0)
    return page


def main(
    fonts: Annotated[list[Path], typer.Option(help="Folder of fonts; may be given again.")],
    sheet_: Annotated[Path, typer.Option("--sheet", help="Picture to write.")] = Path("sheet.png"),
    only: Annotated[list[str] | None, typer.Option(help="Family to take.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Family to leave out.")] = None,
    text: Annotated[list[Path] | None, typer.Option(help="File of text.")] = None,
    wear: Annotated[list[str] | None, typer.Option(help="Wear for every line.")] = None,
    severity: float = 1.0,
    lines: int = 60,
    seed: int = 0,
) -> None:
    """Draw a contact sheet."""
    try:
        settings = LineSettings(
            fonts=tuple(fonts),
            only=tuple(only or ()),
            without=tuple(without or ()),
            texts=tuple(text or ()),
            wear=dict(CHANCES) if wear is None else dict.fromkeys(wear, 1.0),
            severity=severity,
            seed=seed,
        )
        renderer = LineRenderer(settings)
        drawn = [renderer.line(number) for number in range(lines)]
    except (VlkitError, ValueError) as error:
        raise SystemExit(str(error)) from error
    most = max(renderer.faces, key=lambda face: len(face.characters))
    sheet(drawn, most).save(sheet_)


if __name__ == "__main__":
    typer.run(main)
