"""The one family of exceptions: each says what was wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VlkitError(Exception):
    """Base of everything vlkit raises on purpose.

    Args:
        problem: What was wrong, in one sentence without a final full stop.
        remedy: What the reader can do about it, in one sentence.
        file: The file concerned, as the user named it.
        page: 1-based page number within the file.

    ``str(error)`` is one line: ``file, page N: problem. remedy``.
    """

    def __init__(
        self, problem: str, *, remedy: str = "", file: object = None, page: int | None = None
    ) -> None:
        self.problem = problem.rstrip(".")
        self.remedy = remedy.rstrip(".")
        self.file = None if file is None else str(file)
        self.page = page
        super().__init__(problem)

    def __str__(self) -> str:
        where = ", ".join(
            part for part in (self.file, f"page {self.page}" if self.page else None) if part
        )
        what = " ".join(_sentence(part) for part in (self.problem, self.remedy) if part)
        return f"{where}: {what}" if where else what

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments need help to cross a process pool.
        return (_rebuild, (type(self), self.problem, self.remedy, self.file, self.page))

    def at(self, *, file: object = None, page: int | None = None) -> VlkitError:
        """Name the place, where it was not known yet; returns the error itself."""
        if self.file is None and file is not None:
            self.file = str(file)
        if self.page is None:
            self.page = page
        return self


def _sentence(text: str) -> str:
    return text if text.endswith(("?", "!")) else f"{text}."


def _rebuild(
    kind: type[VlkitError], problem: str, remedy: str, file: str | None, page: int | None
) -> VlkitError:
    error = kind.__new__(kind)
    VlkitError.__init__(error, problem, remedy=remedy, file=file, page=page)
    return error


class InputError(VlkitError):
    """The input is missing, or is nothing that vlkit reads."""


class DamagedInput(InputError):
    """The file starts like a known format but can't be decoded."""


class EncryptedInput(InputError):
    """The PDF needs a password, or another one."""


class TooLarge(InputError):
    """The input would take more pixels, pages or memory than the limits allow."""


class EngineError(VlkitError):
    """A recognition engine failed on a page."""


class UnknownName(VlkitError):
    """No engine, stage, format, task or model goes by that name.

    Args:
        kind: What was looked up, e.g. ``"engine"``.
        name: The name that was not found.
        known: The names that exist; the nearest one is suggested.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        remedy = f"Did you mean '{near[0]}'? " if near else ""
        super().__init__(
            f"unknown {kind} '{name}'", remedy=f"{remedy}Known: {', '.join(names) or 'none'}"
        )


class MissingDependency(VlkitError):
    """A package, program or language data file is not installed."""


class OutputError(VlkitError):
    """A result could not be written; whatever stood there before still stands."""


class RecipeError(VlkitError):
    """A recipe names a key that does not exist, or a value that can't be."""


class SchemaError(VlkitError):
    """A schema of fields can't be read, contradicts itself, or asks for what is not understood."""


class CheckpointError(VlkitError):
    """A model folder or checkpoint is incomplete, damaged, pickled, or of another architecture."""


class TrainingError(VlkitError):
    """A training run can't go on; its last checkpoint is intact."""


class ModelError(VlkitError):
    """A model, encoder or adapter cannot be built, joined or used as asked."""
