"""The command line: `vlkit --help`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from vlkit import __version__, cli_extract, cli_models
from vlkit.errors import InputError, OutputError, UnknownName, VlkitError
from vlkit.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vlkit.document import Document
    from vlkit.reading.batch import Result

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Read documents, offline; train and measure the models that do it.",
)

app.add_typer(cli_models.models, name="models")
app.command()(cli_models.verify)
app.command()(cli_extract.extract)

ALL_DONE, NONE_DONE, SOME_DONE = 0, 1, 3
INTERRUPTED = 130


def main() -> None:
    """The entry point: one line and exit code 1 for what the user can mend, no traceback."""
    try:
        app()
    except VlkitError as error:
        _complain(error)
        sys.exit(NONE_DONE)


@app.command()
def read(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="Pictures, PDFs, folders or globs; - is the standard input. "
            "None reads the sample page that vlkit brings.",
        ),
    ] = None,
    to: Annotated[
        str, typer.Option(help="Formats, with commas: md, json, html, csv, hocr, alto, page, pdf.")
    ] = "md",
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the results; a stopped run goes on where it stopped. "
            "Without it, text is printed."
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="auto, lines, rapidocr, tesseract, pdf-text, or a plugin's.")
    ] = "auto",
    lang: Annotated[
        str | None,
        typer.Option(
            help="Languages as Tesseract spells them, joined by +: deu+fra. Without it, Korean "
            "and English, as far as the engine reads them."
        ),
    ] = None,
    pages: Annotated[str | None, typer.Option(help="Pages, from 1: 1-4,7,9-")] = None,
    password: Annotated[
        str | None,
        typer.Option(
            envvar="VLKIT_PASSWORD",
            help="Opens an encrypted PDF. The variable keeps it out of the list of processes.",
        ),
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Also draw what was found on each page, as PNG.")
    ] = False,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let PATH be an http(s) address.")
    ] = False,
    entities: Annotated[
        str | None,
        typer.Option(
            help="Name or folder of a model that finds entities and links; they stand in JSON, "
            "in the overlay, and as a list below Markdown."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one for each core if not given.")
    ] = None,
) -> None:
    """Read pictures and PDFs: text, tables and layout, in reading order.

    Exit code 0: all was read; 3: some files or pages were not; 1: nothing was; 2: the command
    can't be understood; 130: Ctrl-C.
    """
    from vlkit.reading.batch import read_many
    from vlkit.sources import expand

    formats = [form.strip() for form in to.split(",") if form.strip()]
    _check_formats(formats, output, overlay)
    with _Progress() as progress:
        inputs = progress.keep_usable(expand(paths or [_sample()], allow_remote=allow_remote))
        if len(inputs) > 1 and not output and formats != ["md"]:
            raise OutputError(
                "several documents can only be printed as Markdown",
                remedy="Name a folder for them with --output",
            )
        results = read_many(
            inputs,
            engine=engine,
            lang=lang,
            pages=pages,
            password=password,
            allow_remote=allow_remote,
            entities=entities,
            output=output,
            formats=formats,
            overlay=overlay,
            workers=workers,
            on_pages=progress.expect,
            on_page=progress.advance,
        )
        try:
            for result in results if output else _in_order(results, inputs):
                progress.report(result)
                if "csv" in formats and result.document:
                    progress.warn_of_formulas(result.path, result.document)
                if result.document and not output and result.readable:
                    _print(result.document, formats[0], result.path if len(inputs) > 1 else "")
        except KeyboardInterrupt:
            progress.interrupted(output is not None)
            raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(progress.exit_code)


@app.command("eval")
def evaluate_task(
    task: Annotated[
        str,
        typer.Argument(
            help="reading, reading-order, layout, tables, parse, entities, relations, fields or "
            "retrieval."
        ),
    ],
    model: Annotated[
        str,
        typer.Argument(
            help="An engine's name; for reading-order: order; for parse a folder of .md or .json; "
            "for entities, relations and fields a model's folder or name, or rules; for retrieval "
            "a model's folder or name."
        ),
    ],
    data: Annotated[Path, typer.Option(help="Folder of pages or pictures and their truth.")],
    split: Annotated[
        str | None, typer.Option(help="NAME of DATA/NAME.txt, with one item a line.")
    ] = None,
    lang: Annotated[
        str, typer.Option(help="Languages as Tesseract spells them, joined by +: kor+eng.")
    ] = "eng",
    boxes: Annotated[
        str | None,
        typer.Option(
            help="For entities and relations words, segments or pixels alone; for fields words or "
            "pixels."
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            help="For entities, relations and fields: means over so many parts of the data."
        ),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="With --folds: the field whose values stay in one part.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the result as JSON.")] = None,
) -> None:
    """Measure reading, layout, tables, search, or anyone's Markdown and JSON, on your own data.

    reading: {word,detection}_{recall,precision}, cer, wer, ece, seconds_per_page.

    reading-order: relation_f1, from gold words.

    layout: f1.<class> and macro_f1: words of DocBank, regions of PubLayNet.

    tables: teds, teds_s, of NAME.pdf or NAME.png against NAME.html.

    parse: edit_distance, order_distance, teds, teds_s, of NAME.md or NAME.json.

    entities, relations: {precision,recall,f1}.{words,segments,pixels}: gold words with their own
    boxes, gold words with their segment's, and words read from the pictures. An entity is right
    with its words and label, a relation with both its ends, which the model has to find too.
    The labels of EC-FUNSD's revision do not compare with figures published for FUNSD.

    fields: exact_match, coverage_at_98, ece, of the values that vlkit extract finds in words read
    from the pictures; DATA/schema.json says what is asked for, else the names of DATA's fields.

    retrieval: {t2i,i2t}_{r1,r5,r10}, of pictures with captions.
    """
    with _Progress() as progress:
        if task in ("entities", "relations", "fields"):
            from vlkit.extraction.evaluate import evaluate_fields
            from vlkit.reading.evaluate_entities import evaluate_entities

            score = evaluate_fields if task == "fields" else partial(evaluate_entities, task)
            result = score(
                model,
                data,
                split=split,
                lang=lang,
                boxes=boxes,
                folds=folds,
                group=group,
                on_total=progress.expect,
                on_item=progress.advance,
            )
        elif (boxes, folds, group) != (None, None, None):
            raise InputError(
                f"{task} takes no --boxes, --folds or --group", remedy="Leave them out"
            )
        elif task == "retrieval":
            require("models")
            from vlkit.retrieval.evaluate import evaluate_retrieval

            result = evaluate_retrieval(
                model, data, split=split, on_total=progress.expect, on_item=progress.advance
            )
        else:
            from vlkit.reading.evaluate import evaluate

            result = evaluate(
                task,
                model,
                data,
                split=split,
                lang=lang,
                on_total=progress.expect,
                on_item=progress.advance,
            )
    for name, value in result.metrics.items():
        typer.echo(f"{name:24} {value:.4f}")
    typer.echo("  ".join(f"{name} {count}" for name, count in result.counts.items()))
    if result.note:
        typer.echo(result.note)
    if json:
        from vlkit.files import write_atomically

        write_atomically(json, (result.model_dump_json(indent=1) + "\n").encode())


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe.toml, as models/*/recipe.toml.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key: --set batch.size=64."),
    ] = None,
) -> None:
    """Train a model as its recipe says; a stopped run goes on from its last checkpoint."""
    require("train")
    from vlkit.training.train import train_recipe

    try:
        train_recipe(recipe, set_ or [])
    except KeyboardInterrupt:
        typer.echo("stopped. Run the same command again to go on.", err=True)
        raise typer.Exit(INTERRUPTED) from None


@app.command()
def doctor() -> None:
    """Show which engines, languages and models are here, and what to install for the rest."""
    from rich.console import Console

    from vlkit.doctor import examine

    console = Console(highlight=False, soft_wrap=True)
    console.print(f"vlkit {__version__}")
    for finding in examine():
        mark = "[green]works[/]  " if finding.works else "[yellow]missing[/]"
        console.print(f"{mark} {finding.what}: {escape(finding.detail)}")
        if finding.remedy:
            console.print(f"        {escape(finding.remedy)}")


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _check_formats(formats: list[str], output: Path | None, overlay: bool) -> None:
    from vlkit.document import export_formats

    known = export_formats()
    if not formats:
        raise UnknownName("format", "", known)
    for form in formats:
        if form not in known:
            raise UnknownName("format", form, known)
    if output:
        return
    if len(formats) != 1 or overlay or formats[0] in ("pdf", "overlay"):
        raise OutputError(
            "several formats, a PDF or an overlay can't be printed",
            remedy="Name a folder for them with --output",
        )


def _in_order(results: Iterable[Result], inputs: list[str]) -> Iterator[Result]:
    """The results in the order of the inputs, each as soon as those before it are there."""
    early: dict[str, Result] = {}
    waiting = iter(dict.fromkeys(inputs))
    awaited = next(waiting, None)
    for result in results:
        early[result.path] = result
        while awaited in early:
            yield early.pop(awaited)
            awaited = next(waiting, None)


def _sample() -> str:
    from vlkit.data.samples import SAMPLE_PDF

    typer.echo("No path given: reading the sample page.", err=True)
    return str(SAMPLE_PDF)


def _print(document: Document, form: str, name: str) -> None:
    """Print a document; of several, each under its name in a Markdown comment."""
    if name:
        typer.echo(f"<!-- {name.replace('--', '- -')} -->\n")
    content = document.export(form)
    # CSV gives a text for every table and PAGE one for every page: a blank line between them.
    parts = content if isinstance(content, list) else [content]
    if not parts:
        typer.echo("There are no tables in it.", err=True)
        return
    typer.echo("\n\n".join(str(part).rstrip("\r\n") for part in parts))


def _complain(error: VlkitError) -> None:
    typer.echo(f"{typer.style('error', fg='red')}: {error}", err=True)


class _Progress:
    """A bar of pages on stderr, errors above it as they come, and the exit code at the end."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self.done = self.failed = 0
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = Progress(
            "[progress.description]{task.description}",
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task("pages", total=None)
        self._total = 0

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @property
    def exit_code(self) -> int:
        if not self.failed:
            return ALL_DONE
        return SOME_DONE if self.done else NONE_DONE

    def keep_usable(self, found: Iterable[str | VlkitError]) -> list[str]:
        """Report the inputs that can't be used; give the others."""
        usable = []
        for item in found:
            if isinstance(item, VlkitError):
                self.complain(item)
            else:
                usable.append(item)
        return usable

    def expect(self, name: str, pages: int) -> None:
        self._total += pages
        self._bar.update(self._task, total=self._total, description=escape(Path(name).name))

    def advance(self, name: str) -> None:
        self._bar.advance(self._task)

    def complain(self, error: VlkitError) -> None:
        self.failed += 1
        self.console.print(f"[red]error[/]: {escape(str(error))}")

    def interrupted(self, resumable: bool) -> None:
        remedy = "Run the same command again to go on." if resumable else ""
        self.console.print(f"[yellow]stopped[/] after {self.done} files. {remedy}")

    def warn_of_formulas(self, path: str, document: Document) -> None:
        from vlkit.export.csv import formulas

        if cells := formulas(document):
            more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
            self._warn(
                f"{path}: a spreadsheet would take the table cell {cells[0]!r:.40}{more} for a "
                "formula: import the CSV as text"
            )

    def _warn(self, text: str) -> None:
        self.console.print(f"[yellow]warning[/]: {escape(text)}")

    def report(self, result: Result) -> None:
        """Say what became of a file: its errors, or where its results are."""
        if result.error:
            self.complain(result.error)
            return
        pages = result.document.pages if result.document else []
        failed = 0
        for page in pages:
            if page.error:
                failed += 1
                problem, remedy = page.error.problem, page.error.remedy
                error = VlkitError(problem, remedy=remedy, file=result.path, page=page.number)
                self.console.print(f"[red]error[/]: {escape(str(error))}")
            for warning in page.warnings:
                self._warn(f"{result.path}, page {page.number}: {warning}")
        self.failed += bool(failed)
        self.done += result.readable
        state = "done before:" if result.skipped else "→"
        if result.written:
            more = f" and {len(result.written) - 3} more" if len(result.written) > 3 else ""
            text = f"{result.path} {state} {', '.join(result.written[:3])}{more}"
            self.console.print(escape(text))
