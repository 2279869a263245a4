"""Where a batch's results go, and what of it is done."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel

from vlkit import __version__
from vlkit.document import Document
from vlkit.errors import OutputError
from vlkit.files import write_together
from vlkit.formats import to_files
from vlkit.paths import STDIN, STDIN_NAME
from vlkit.reading.options import ReadOptions

SUFFIXES = {"alto": ".alto.xml", "page": ".page.xml", "overlay": ".overlay.png"}
"""Where other programs expect more of a file's name than the format."""
WHOLE = frozenset(("md", "html", "json", "hocr", "alto", "pdf"))
"""Formats of which a document is one file; of others it may be numbered ones."""
_BEGUN = "begun"


@dataclass(frozen=True)
class Output:
    """Where and in which formats results are written.

    Attributes:
        folder: Made where it is missing. It keeps a journal of what is done, so that a run that
            was stopped goes on where it stopped.
        formats: Names of exports: ``md``, ``json``, ``hocr``, …
        overlay: Whether to draw what was found over each page, as PNG.
    """

    folder: Path
    formats: Sequence[str] = ("md",)
    overlay: bool = False

    @property
    def all_formats(self) -> list[str]:
        return [*self.formats, *(["overlay"] if self.overlay else [])]


def output_names(inputs: Sequence[str]) -> dict[str, str]:
    """Input → the name of its results without a suffix, below the output folder.

    Folders that all inputs share are dropped and the others kept; two inputs that differ by
    their suffix alone keep it (``a.png`` and ``a.pdf`` → ``a.png.md`` and ``a.pdf.md``), and so
    does ``a-1.png`` beside ``a.tif``, whose pages may be called ``a-1``.
    """
    named = [name for name in inputs if name != STDIN]
    paths = {name: Path(absolute(name.replace("://", "/"))) for name in named}
    parents = [path.parent.parts for path in paths.values()]
    shared = 0
    for level in zip(*parents, strict=False):
        if len(set(level)) > 1:
            break
        shared += 1
    short = {name: Path(*path.parts[shared:]) for name, path in paths.items()}
    if STDIN in inputs:
        short[STDIN] = Path(STDIN_NAME)
    stems = Counter(str(path.with_suffix("")) for path in short.values())
    return {name: _stem(path, stems) for name, path in short.items()}


def _stem(path: Path, stems: Counter[str]) -> str:
    """The path without its suffix, unless another input's results would have the same name."""
    stem = str(path.with_suffix(""))
    numbered = _NUMBERED.fullmatch(stem)
    clash = stems[stem] > 1 or (numbered and numbered[1] in stems)
    return str(path) if clash else stem


_NUMBERED = re.compile(r"(.+)-\d+")
"""How the files of a format are called that holds less than a document: ``scan-2.page.xml``."""


def absolute(name: str) -> str:
    """Without ``..``, which must not lead out of a folder; a link keeps its own name."""
    if name == STDIN:
        return name
    return os.path.abspath(name)  # noqa: PTH100 Path.resolve would follow links


def write_outputs(
    document: Document, output: Output, stem: str, others: Mapping[str, str | None]
) -> list[str]:
    """Write every format, or nothing; gives the paths written.

    Args:
        others: Files that are not to be replaced, and whose results they are (see
            ``Journal.parts_of_others``).

    Raises:
        OutputError: One of those would be, the folder can't be made or a file can't be written.
    """
    base = output.folder / stem
    try:
        base.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder can't be made: {error.strerror}",
            remedy="Choose another with --output",
            file=base.parent,
        ) from error
    contents: dict[Path, bytes] = {}
    for form, path in zip(output.all_formats, result_paths(output, stem), strict=True):
        contents |= to_files(document.export(form), path, _suffix(form))
    for path in contents:
        if str(path) in others:
            raise would_replace(path, others[str(path)])
    write_together(contents)
    return [str(path) for path in contents]


def result_paths(output: Output, stem: str) -> list[Path]:
    """Where each format of an input's results goes."""
    base = output.folder / stem
    return [base.with_name(base.name + _suffix(form)) for form in output.all_formats]


def _suffix(form: str) -> str:
    return SUFFIXES.get(form, f".{form}")


def would_replace(path: Path, owner: str | None) -> OutputError:
    what = f"the result of {owner}" if owner else "a file that vlkit did not write"
    return OutputError(
        f"its result {path} would replace {what}", remedy="Choose another folder with --output"
    )


class Entry(BaseModel):
    """A line of the journal: an input, how it was, and its results below the output folder."""

    input: str
    state: str
    written: list[str]


class Journal:
    """A line of JSON for every input that is done, in the output folder.

    An input is done when its size, its time and the options are those of the line, and the files
    written are still there.
    """

    FILE = "vlkit-read.jsonl"

    def __init__(self, output: Output, options: ReadOptions) -> None:
        self.path = output.folder / self.FILE
        self._output = output
        # Without the password: a short one could be found from the hash.
        settings = (__version__, replace(options, password=None), *output.formats, output.overlay)
        self._settings = hashlib.sha256(repr(settings).encode()).hexdigest()[:16]
        self._lines: dict[str, Entry] = {}
        self._owners: dict[str, str] = {}
        self._begun: dict[str, str] = {}
        suffixes = [re.escape(_suffix(form)) for form in output.all_formats if form not in WHOLE]
        self._part = re.compile(rf"(.+)-\d+({'|'.join(suffixes) or '(?!)'})")
        self._parts: dict[Path, dict[str, list[Path]]] = {}
        try:
            output.folder.mkdir(parents=True, exist_ok=True)
            text = self.path.read_text("utf-8", errors="replace") if self.path.exists() else ""
        except OSError as error:
            raise OutputError(
                f"the output folder can't be used: {error.strerror}",
                remedy="Choose another with --output",
                file=output.folder,
            ) from error
        for line in text.splitlines():
            try:
                entry = Entry.model_validate_json(line)
            except ValueError:  # the line that was being written when the machine stopped
                continue
            self._lines[entry.input] = entry
            self._owners |= dict.fromkeys(entry.written, entry.input)

    def done(self, name: str) -> list[str] | None:
        """The files that an earlier run wrote for this input; None if it is to be read."""
        entry = self._lines.get(absolute(name))
        if name == STDIN or not entry or entry.state != self._state(name):
            return None
        written = [self._output.folder / path for path in entry.written]
        return [str(path) for path in written] if all(path.exists() for path in written) else None

    def taken(self, name: str, stem: str) -> OutputError | None:
        """An error where a result would replace a file that is not an earlier one of its own."""
        for path in result_paths(self._output, stem):
            owner = self._owners.get(self._relative(path))
            if owner != absolute(name) and (owner or os.path.lexists(path)):
                return would_replace(path, owner)
        return None

    def parts_of_others(self, name: str, stem: str) -> dict[str, str | None]:
        """Files that stand where its pages or tables could, and whose results they are.

        How many it has, and so whether they are in its way, is known when it is read.
        """
        mine = absolute(name)
        entry = self._lines.get(mine)
        # A run that was killed may have written parts that it did not note.
        cut_short = entry is not None and entry.state == _BEGUN
        parts = [part for path in result_paths(self._output, stem) for part in self._parts_of(path)]
        owners = {str(part): self._owners.get(self._relative(part)) for part in parts}
        return {
            part: owner
            for part, owner in owners.items()
            if owner != mine and (owner or not cut_short)
        }

    def _parts_of(self, path: Path) -> list[Path]:
        """The files that stand where the pages or tables of a document would."""
        folder = path.parent
        if folder not in self._parts:
            self._parts[folder] = defaultdict(list)
            for file in folder.iterdir() if folder.is_dir() else []:
                if numbered := self._part.fullmatch(file.name):
                    self._parts[folder][numbered[1] + numbered[2]].append(file)
        return self._parts[folder][path.name]

    def begin(self, name: str, stem: str) -> None:
        """Claim the places of an input's results, before any of them is written."""
        self._begun[name] = self._state(name)
        places = result_paths(self._output, stem)
        self._owners |= dict.fromkeys(map(self._relative, places), absolute(name))
        self._append(name, _BEGUN, list(map(str, places)))

    def add(self, name: str, written: Sequence[str]) -> None:
        """Note that an input, as it was when it was begun, is done."""
        self._append(name, self._begun[name], written)

    def _append(self, name: str, state: str, written: Sequence[str]) -> None:
        places = [self._relative(Path(path)) for path in written]
        entry = Entry(input=absolute(name), state=state, written=places)
        try:
            with self.path.open("a", encoding="utf-8") as file:
                # The line break stands first, so that a line cut short by a crash ends here.
                file.write("\n" + entry.model_dump_json())
        except OSError as error:
            raise OutputError(
                f"the journal can't be written: {error.strerror}",
                remedy="Check that the folder is writable and has room, then run the same command "
                "again: it goes on from here",
                file=self.path,
            ) from error

    def _relative(self, path: Path) -> str:
        """From the output folder, which may be spelled in many ways and moved."""
        return path.relative_to(self._output.folder).as_posix()

    def _state(self, name: str) -> str:
        try:
            found = Path(name).stat()
        except OSError:  # an address, or gone by now
            return self._settings
        return f"{found.st_size} {found.st_mtime_ns} {self._settings}"
