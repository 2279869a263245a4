"""Paths, folders, patterns and addresses: what stands behind them, or why nothing does."""

from __future__ import annotations

import difflib
import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from vlkit.errors import InputError, VlkitError
from vlkit.sniffing import HEAD, READABLE_SUFFIXES, sniff

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
STDIN = "-"
"""Stands for the standard input; a file of that name is ``./-``."""
STDIN_NAME = "stdin"
"""What the document that comes from there is called, as files are by their names."""


def expand(
    inputs: Iterable[str | os.PathLike[str]], *, allow_remote: bool = False
) -> list[str | VlkitError]:
    """What stands behind paths, folders, patterns and addresses, each input once, in order.

    ``-``, the standard input, is given as it is.

    Folders are searched to the bottom; of them, and of patterns, only files that are read by
    their content or called so by their suffix are taken, hidden ones left out, and sorted as
    people number them: page 2 before page 10. ``**`` in a pattern matches any depth of folders.
    A file that is named itself is always taken, whatever it is.

    Returns:
        Paths and addresses; in the place of one that gives nothing, the error that says why.
    """
    found: dict[str, str | VlkitError] = {}
    for item in inputs:
        name = os.fspath(item)
        try:
            for path in _expand_one(name, allow_remote):
                found.setdefault(path, path)
        except VlkitError as error:
            found.setdefault(name, error.at(file=name))
    return list(found.values())


def _expand_one(name: str, allow_remote: bool) -> list[str]:
    if name == STDIN:
        return [name]
    if ADDRESS.match(name):
        check_address(name, allow_remote)
        return [name]
    if not name:
        raise InputError("an empty name names no file", remedy="Look for an unset variable")
    path = Path(name)
    if glob.has_magic(name) and not os.path.lexists(name):
        # Path.glob takes no absolute patterns.
        matches = [Path(match) for match in glob.iglob(name, recursive=True)]  # noqa: PTH207
        files = {file for match in matches for file in _readable_within(match)}
        if not files:
            what = "nothing" if not matches else "no picture or PDF"
            raise InputError(f"{what} matches this pattern", remedy="Check it, and its quotes")
        return [str(file) for file in sorted(files, key=_natural_key)]
    if not path.is_dir():
        check_file(path)
        return [name]
    files_inside = list(_readable_within(path))
    if not files_inside:
        raise InputError(
            "there is no picture or PDF in this folder",
            remedy="PNG, JPEG, WebP, BMP, GIF, TIFF and PDF are read; hidden files are not",
        )
    return [str(file) for file in sorted(files_inside, key=_natural_key)]


def _readable_within(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        if _looks_readable(path):
            yield path
        return

    def fail(error: OSError) -> None:
        raise unreadable(error).at(file=error.filename) from error

    for folder, subfolders, names in os.walk(path, onerror=fail):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and _looks_readable(file := Path(folder, name)):
                yield file


def _looks_readable(path: Path) -> bool:
    """By its suffix, so that a damaged scan.pdf is reported, or else by its content."""
    if not path.is_file():
        return False
    if path.suffix.lower() in READABLE_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            sniff(file.read(HEAD))
    except (OSError, InputError):
        return False
    return True


def _natural_key(path: Path) -> list[list[tuple[int, int, str]]]:
    """Numbers within names compare as numbers; otherwise case does not matter."""
    return [
        [
            (0, int(piece), "") if piece.isdecimal() else (1, 0, piece.casefold())
            for piece in re.split(r"(\d+)", part)
            if piece
        ]
        for part in path.parts
    ]


def check_file(path: Path) -> None:
    """Raise an InputError where there is no such file; says what is there instead."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        if path.is_symlink():
            raise InputError(
                f"it is a link to {path.readlink()}, which is not there",
                remedy="Give the file that was meant",
            ) from error
        raise InputError("there is no such file", remedy=_similar(path)) from error
    except (OSError, ValueError) as error:
        raise unreadable(error) from error
    if stat.S_ISDIR(mode):
        raise InputError(
            "it is a folder, not a file",
            remedy="Read it with `vlkit read`, or open what `expand` finds in it",
        )
    if not stat.S_ISREG(mode):
        raise InputError("it is no regular file", remedy="Save what comes from it to a file")


def check_address(address: str, allow_remote: bool) -> None:
    """Raise an InputError for an address that may not or can't be fetched."""
    scheme = address.partition(":")[0].lower()
    if scheme not in ("http", "https"):
        raise InputError(
            f"addresses of the kind {scheme}:// are not read",
            remedy="Download it and read the file",
        )
    if not allow_remote:
        raise InputError(
            "addresses are fetched only where that is allowed",
            remedy="Allow it (--allow-remote, or allow_remote=True), or download it first",
        )


def unreadable(error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else None
    return InputError(
        f"the file can't be opened ({reason or error})", remedy="Check its name and permissions"
    )


def _similar(path: Path) -> str:
    try:
        names = [entry.name for entry in os.scandir(path.parent)]
    except OSError:
        return f"There is no folder {path.parent} that can be looked into either"
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"Did you mean '{near[0]}'?" if near else "Check the name"
