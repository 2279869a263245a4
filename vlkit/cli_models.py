"""`vlkit models` and `vlkit verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlkit.extras import require

Name = Annotated[str, typer.Argument(help="A name that `vlkit models` lists.")]

models = typer.Typer(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="List the models: bundled, recommended (public weights), and your own.",
)


@models.callback()
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_models()


@models.command("list")
def list_models() -> None:
    """One line for each model: its tier, whether its files are here, and its kind."""
    from vlkit.models.tiers import entries

    for entry in entries():
        here = "here" if entry.folder is not None else "to fetch"
        typer.echo(f"{entry.tier:12} {entry.name:26} {here:9} {entry.what}")


@models.command()
def info(name: Name) -> None:
    """What is known of a model: licence, revision, figures, where it lies."""
    from vlkit.models.tiers import facts, find

    typer.echo(name)
    for what, text in facts(find(name)).items():
        typer.echo(f"  {what:14} {text}")


@models.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name that `vlkit models` lists, or a hub id.")],
) -> None:
    """Bring a model's files here, into the cache that all tools of the hub share."""
    require("models")
    from vlkit.checkpoint import resolve
    from vlkit.models.published import fetch as fetch_published
    from vlkit.models.tiers import find

    if "/" in name:
        folder = resolve(name)
    else:
        folder = find(name).folder or fetch_published(name)
    typer.echo(str(folder))


def verify(
    name: Name,
    data: Annotated[
        Path | None, typer.Option(help="Pictures with captions, to score it on.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="NAME of DATA/NAME.txt, with one picture a line.")
    ] = None,
) -> None:
    """Fetch a model if it must be, check every weight's name and shape, and score it.

    Exit code 1: the files are not what they should be, or the score is not what was published.
    """
    require("models")
    from vlkit.retrieval.verify import NEAR
    from vlkit.retrieval.verify import verify as examine

    report = examine(name, data, split=split)
    typer.echo(f"{'weights':14} {report.tensors} as they should be; {report.parameters:,} numbers")
    if report.seen is not None:
        typer.echo(f"{'revision':14} {report.seen.revision}")
        typer.echo(f"{'licence':14} {report.seen.licence}")
    if report.result is not None:
        for metric, value in report.result.metrics.items():
            typer.echo(f"{metric:14} {value:.4f}")
        if not report.compared:
            typer.echo(f"No figure on {report.result.data} is known here to compare with.")
    for row in report.compared:
        said = "as published" if row.near else f"published {row.published:.3f}: not within {NEAR}"
        typer.echo(f"{row.metric:14} {row.measured:.3f}  {said}")
    if not all(row.near for row in report.compared):
        raise typer.Exit(1)
