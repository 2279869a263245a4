"""Reading thousands of files: pages side by side, resumable, each failure on its own."""

from __future__ import annotations

import faulthandler
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from vlkit.document import Document, Page, export_formats
from vlkit.download import download
from vlkit.errors import EngineError, InputError, UnknownName, VlkitError
from vlkit.paths import ADDRESS, STDIN, STDIN_NAME
from vlkit.reading.options import Pages, ReadOptions, read_options
from vlkit.reading.output import Journal, Output, absolute, output_names, write_outputs
from vlkit.reading.pipeline import failed_page
from vlkit.reading.pool import Pool, Task
from vlkit.reading.read import Reader
from vlkit.sources import Source, expand, name_of, open_source, standard_input

PAGES_PER_TASK = 4
"""Few enough to share one file's pages among processes, enough to open it seldom."""
SECONDS_PER_PAGE = 300
"""A page that takes longer hangs; its process is ended."""
FILES_UNDER_WAY = 4
"""Per worker, so that thousands of files don't wait in memory for their last page."""


@dataclass
class Result:
    """What became of one input.

    Attributes:
        path: The input as it was given.
        document: What was read; None where it failed, or was done by an earlier run.
        error: Why the whole input failed.
        written: The files that hold the result.
        skipped: Done by an earlier run with the same options.
    """

    path: str
    document: Document | None = None
    error: VlkitError | None = None
    written: list[str] = field(default_factory=list)
    skipped: bool = False

    @property
    def readable(self) -> bool:
        """Whether at least one page was read, now or by an earlier run."""
        if self.document:
            return any(not page.error for page in self.document.pages)
        return not self.error

    @property
    def complete(self) -> bool:
        """Whether every page was read."""
        failed = self.document and any(page.error for page in self.document.pages)
        return not self.error and not failed


def read_many(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    engine: str = "auto",
    lang: str | Iterable[str] | None = None,
    pages: Pages = None,
    password: str | None = None,
    allow_remote: bool = False,
    entities: str | Path | None = None,
    output: str | Path | None = None,
    formats: Sequence[str] = ("md",),
    overlay: bool = False,
    workers: int | None = None,
    on_pages: Callable[[str, int], None] | None = None,
    on_page: Callable[[str], None] | None = None,
) -> Iterator[Result]:
    """Read files in worker processes, pages of all of them side by side.

    A script that calls it needs ``if __name__ == "__main__":``, as workers import the script.

    Args:
        paths: Files, folders and patterns; ``-`` is the standard input.
        engine, lang, pages, password, allow_remote, entities: As ``vlkit.read`` takes them.
        output: Folder for the results. It keeps a journal of what is done, so that a run that
            was stopped goes on where it stopped. None writes nothing.
        formats: What to write: ``md``, ``json``, ``hocr``, …
        overlay: Whether to draw what was found over each page, as PNG.
        workers: Processes; None takes one for each core.
        on_pages: Called with a path and its number of pages, once that is known.
        on_page: Called with a path for every page that is done.

    Returns:
        A result for every file as it is done, in any order. What is wrong with a file stands in
        its result; the others go on.

    Raises:
        UnknownName, CheckpointError, MissingDependency, InputError: An argument names what does
            not exist here.
        OutputError: The output folder can't be used.
    """
    options = read_options(engine, lang, pages, password, allow_remote, entities)
    Reader(options)  # what is wrong with the options is wrong for every file: say so now
    if workers is not None and workers < 1:
        raise InputError(f"{workers} processes can't read", remedy="Give at least 1, or None")
    target = Output(Path(output), _known(formats), overlay) if output is not None else None
    journal = Journal(target, options) if target else None
    found = list(expand(_paths(paths), allow_remote=allow_remote))
    return _read_many(found, journal, _Batch(options, target, on_pages, on_page), workers)


def _paths(paths: Any) -> list[str | os.PathLike[str]]:
    several = isinstance(paths, Iterable) and not isinstance(paths, str)
    found: list[str | os.PathLike[str]] = []
    for item in paths if several else [paths]:
        if not isinstance(item, str | os.PathLike):
            raise InputError(
                f"a {type(item).__name__} is no path", remedy="vlkit.read takes what is no file"
            )
        found.append(item)
    return found


def _known(formats: Sequence[str]) -> tuple[str, ...]:
    wanted = formats.split(",") if isinstance(formats, str) else formats
    known = export_formats()
    for form in wanted:
        if form not in known:
            raise UnknownName("format", str(form), known)
    return tuple(wanted)


def _read_many(
    found: list[str | VlkitError],
    journal: Journal | None,
    batch: _Batch,
    workers: int | None,
) -> Iterator[Result]:
    names = [item for item in found if isinstance(item, str)]
    names = list({absolute(name): name for name in names}.values())
    for item in found:
        if isinstance(item, VlkitError):
            yield Result(item.file or "", error=item)
    batch.stems = output_names(names)
    todo = []
    for name in names:
        if journal and (written := journal.done(name)) is not None:
            yield Result(name, written=written, skipped=True)
        elif journal and (error := journal.taken(name, batch.stems[name])):
            yield Result(name, error=error.at(file=_called(name)))
        else:
            todo.append(name)
            if journal:
                batch.others[name] = journal.parts_of_others(name, batch.stems[name])
                journal.begin(name, batch.stems[name])
    for result in batch.run(todo, workers or os.cpu_count() or 1):
        if journal and result.document and result.complete:
            journal.add(result.path, result.written)
        yield result


class _Batch:
    """Hands out the work: count a file's pages, read them a few at a time, put them together."""

    def __init__(
        self,
        options: ReadOptions,
        output: Output | None,
        on_pages: Callable[[str, int], None] | None,
        on_page: Callable[[str], None] | None,
    ) -> None:
        self.options, self.output = options, output
        self.stems: dict[str, str] = {}
        self.others: dict[str, dict[str, str | None]] = {}
        self.on_pages, self.on_page = on_pages, on_page
        self.alone = False
        self.pages: dict[str, list[Page]] = {}
        self.awaited: dict[str, int] = {}

    def run(self, todo: list[str], workers: int) -> Iterator[Result]:
        waiting = iter(todo)
        self.alone = len(todo) == 1
        with (
            tempfile.TemporaryDirectory(prefix="vlkit-") as scratch,
            Pool(workers, _start_worker, (self.options,)) as pool,
        ):
            under_way = 0
            while True:
                while under_way < FILES_UNDER_WAY * workers and (name := next(waiting, None)):
                    if name == STDIN and (error := self._keep_stdin(scratch)):
                        yield Result(name, error=error)
                        continue
                    pool.submit(Task(("count", name), _count_pages, (name, scratch)))
                    under_way += 1
                if not under_way:
                    return
                for task, value in pool.take():
                    assert isinstance(task.key, tuple)
                    step, name = task.key
                    if result := self._advance(pool, step, name, task.arguments, value):
                        under_way -= 1
                        yield result

    def _keep_stdin(self, scratch: str) -> VlkitError | None:
        """Put what is piped in where workers find it; gives the error if it can't be had."""
        try:
            Path(scratch, STDIN_NAME).write_bytes(standard_input(self.options.limits))
        except VlkitError as error:
            return error.at(file=_called(STDIN))
        return None

    def _advance(
        self, pool: Pool, step: str, name: str, arguments: tuple[Any, ...], value: Any
    ) -> Result | None:
        """Take one task's result and submit what follows; gives the file's result at the end."""
        if isinstance(value, BaseException):
            error = _typed(value)
            if step != "write":  # not the file that an address was fetched into
                error.file = None
            error.at(file=_called(name))
            if step != "read":
                return Result(name, error=error)
            _, numbers, threads = arguments
            if len(numbers) > 1:  # one of these pages is the culprit: the others are innocent
                self.awaited[name] += len(numbers) - 1
                for number in numbers:
                    again = (arguments[0], [number], threads)
                    pool.submit(Task(("read", name), _read_pages, again))
                return None
            value = [failed_page(numbers[0], error)]
        if step == "write":
            document, written = value
            return Result(name, document, written=written)
        if step == "count":
            numbers, place = value
            self._submit_pages(pool, name, numbers, place)
            return None
        self.pages[name] += value
        self.awaited[name] -= 1
        for _ in value:
            if self.on_page:
                self.on_page(name)
        if not self.awaited[name]:
            pages = sorted(self.pages.pop(name), key=lambda page: page.number)
            others = self.others.get(name, {})
            job = (name, arguments[0], pages, self.output, self.stems[name], others)
            pool.submit(Task(("write", name), _write, job))
        return None

    def _submit_pages(self, pool: Pool, name: str, numbers: list[int], place: str) -> None:
        if self.on_pages:
            self.on_pages(name, len(numbers))
        spans = [
            numbers[start : start + PAGES_PER_TASK]
            for start in range(0, len(numbers), PAGES_PER_TASK)
        ]
        self.pages[name], self.awaited[name] = [], len(spans)
        # A single page has the whole machine; of several, each has a core.
        threads = (os.cpu_count() or 1) if self.alone and len(numbers) == 1 else 1
        for span in spans:
            pool.submit(Task(("read", name), _read_pages, (place, span, threads)))


_reader: Reader | None = None
"""A worker's own: engines are loaded once in each process."""


def _start_worker(options: ReadOptions) -> None:
    global _reader
    _reader = Reader(options)
    # Decoders written in C print what is reported as a typed error anyway.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _open(place: str, pages: str | None) -> Source:
    assert _reader
    options = _reader.options
    return open_source(place, password=options.password, pages=pages, limits=options.limits)


def _count_pages(name: str, scratch: str) -> tuple[list[int], str]:
    """The numbers of the pages to read, and where: an address is fetched once, into a file."""
    assert _reader
    place = os.path.join(scratch, STDIN_NAME) if name == STDIN else name  # noqa: PTH118
    if ADDRESS.match(name):
        content = download(name, _reader.options.limits.bytes)
        handle, place = tempfile.mkstemp(dir=scratch)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    with _open(place, _reader.options.pages) as source:
        return source.numbers, place


def _read_pages(place: str, numbers: list[int], threads: int) -> list[Page]:
    assert _reader
    # Engines look at it as they load their models, which they do on the first page.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    cv2.setNumThreads(threads)
    # A decoder that hangs holds the interpreter too: only a thread outside it can end that.
    faulthandler.dump_traceback_later(SECONDS_PER_PAGE * len(numbers), exit=True)
    try:
        with _open(place, ",".join(map(str, numbers))) as source:
            return list(_reader.pages(source))
    finally:
        faulthandler.cancel_dump_traceback_later()


def _write(
    name: str,
    place: str,
    pages: list[Page],
    output: Output | None,
    stem: str,
    others: dict[str, str | None],
) -> tuple[Document, list[str]]:
    assert _reader
    called = STDIN_NAME if name == STDIN else name_of(name)[0]
    document = _reader.finish(Document(name=called, pages=pages))
    document.with_source(place, _reader.options.password)
    readable = Result(name, document).readable
    written = write_outputs(document, output, stem, others) if output and readable else []
    # What was piped in is gone when the run ends.
    again = None if name == STDIN else name
    return document.with_source(again, _reader.options.password), written


def _called(name: str) -> str:
    """What errors call an input."""
    return "standard input" if name == STDIN else name


def _typed(error: BaseException) -> VlkitError:
    if isinstance(error, VlkitError):
        return error
    return EngineError(
        f"reading stopped: {type(error).__name__}: {error}",
        remedy="Please report it with the file",
    )
