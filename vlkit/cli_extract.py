"""`vlkit extract`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from vlkit.errors import UnknownName, VlkitError

if TYPE_CHECKING:
    from vlkit.extraction.extract import Extraction

_FORMATS = ("json", "csv")


def extract(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Pictures, PDFs, folders or globs, or .json that `vlkit read --to json` wrote.",
        ),
    ],
    schema: Annotated[
        Path, typer.Option(help="JSON Schema of the fields: their names, types and formats.")
    ],
    model: Annotated[
        str | None,
        typer.Option(help="Name or folder of a model whose entities and links count too."),
    ] = None,
    to: Annotated[str, typer.Option(help="json, or csv with a line for every field.")] = "json",
    output: Annotated[
        Path | None, typer.Option(help="File for the result. Without it, it is printed.")
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(min=0, max=1, help="Probability below which a value is left to a person."),
    ] = 0.5,
    engine: Annotated[
        str, typer.Option(help="auto, lines, rapidocr, tesseract, pdf-text, or a plugin's.")
    ] = "auto",
    lang: Annotated[
        str | None,
        typer.Option(help="Languages as Tesseract spells them, joined by +: deu+fra."),
    ] = None,
) -> None:
    """Take typed values out of documents: dates, money, numbers of all kinds, names, tables.

    Each with its page, box, printed text and probability; below the threshold it is null and
    needs review, as it does where a check digit does not hold.

    Exit code 0: all was read; 3: some files were not; 1: nothing was; 2: the command can't be
    understood.
    """
    from rich.console import Console

    from vlkit.extraction.extract import document_of, fill, marker_of
    from vlkit.extraction.schema import read_schema
    from vlkit.sources import expand

    if to not in _FORMATS:
        raise UnknownName("format", to, _FORMATS)
    wanted = read_schema(schema)
    mark = marker_of(model)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    found: list[tuple[str, Extraction]] = []
    failed = 0
    for path in expand(paths):
        try:
            if isinstance(path, VlkitError):
                raise path
            document = mark(document_of(path, engine=engine, lang=lang))
            found.append((path, fill(document, wanted, threshold)))
        except VlkitError as error:
            failed += 1
            console.print(f"[red]error[/]: {escape(str(error.at(file=path)))}")
            continue
        for page in document.pages:
            if page.error:
                failed += 1
                console.print(
                    f"[red]error[/]: {escape(f'{path}, page {page.number}: {page.error.problem}')}"
                )
    if found:
        text = _as_csv(found) if to == "csv" else _as_json(found)
        _give(text, output)
    if failed:
        raise typer.Exit(3 if found else 1)


def _as_json(found: list[tuple[str, Extraction]]) -> str:
    files = [
        {
            "file": path,
            "data": each.data,
            "missing": list(each.missing),
            "fields": [
                field.model_dump(exclude_none=True, mode="json") | {"value": field.value}
                for field in each.fields
            ],
        }
        for path, each in found
    ]
    return json.dumps(files, indent=1, ensure_ascii=False) + "\n"


def _as_csv(found: list[tuple[str, Extraction]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    head = ("file", "name", "value", "text", "page", "x0", "y0", "x1", "y1")
    writer.writerow((*head, "confidence", "needs_review", "reason"))
    for path, each in found:
        for field in each.fields:
            place: tuple[Any, ...] = ("",) * 5
            if field.places:
                place = (field.places[0].page, *(round(edge, 1) for edge in field.places[0].box))
            value = "" if field.value is None else field.value
            confidence = "" if field.confidence is None else field.confidence
            writer.writerow(
                (
                    path,
                    field.name,
                    value,
                    field.text,
                    *place,
                    confidence,
                    str(field.needs_review).lower(),
                    field.reason,
                )
            )
    return stream.getvalue()


def _give(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    from vlkit.files import write_atomically

    write_atomically(output, text.encode())
    typer.echo(str(output), err=True)
