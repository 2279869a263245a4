"""Writing files and folders whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from vlkit.errors import OutputError


def write_atomically(path: Path | str, data: bytes) -> None:
    """Write a file so that a reader finds the old content or the new one, never a part.

    Raises:
        OutputError: No room, no permission, no such folder; what stood at ``path`` still stands.
    """
    write_together({Path(path): data})


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write several files; none of them is put in its place before all are safely on disk.

    Raises:
        OutputError: As ``write_atomically``.
    """
    waiting: list[tuple[Path, Path]] = []
    try:
        for path, data in contents.items():
            waiting.append((_write_beside(path, data), path))
        for temporary, path in waiting:
            _replace(temporary, path)
    finally:
        for temporary, _ in waiting:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def replace_folder(place: Path, written: Path) -> None:
    """Put a folder that was written beside it in the place of another, by renaming.

    What is only in the other, subfolders too, goes on lying in its place.

    Raises:
        OSError: It can't be done; call `end_replacing`, as after a kill.
    """
    for path in (*written.iterdir(), written):
        flush(path)
    if place.exists():
        place.rename(_aside(place))
    written.rename(place)
    flush(place.parent)
    end_replacing(place)


def end_replacing(place: Path) -> None:
    """Finish a replacement that was stopped; what was taken away and not replaced comes back."""
    aside = _aside(place)
    if aside.exists() and not place.exists():
        aside.rename(place)
    elif aside.exists():
        for other in aside.iterdir():
            if not (place / other.name).exists():
                other.rename(place / other.name)
        shutil.rmtree(aside)


def _aside(place: Path) -> Path:
    return place.with_name(f".replaced-{place.name}")


def flush(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk itself."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_beside(path: Path, data: bytes) -> Path:
    """A new file in the folder of ``path`` holding ``data``, flushed to the disk."""
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(_mode(path))
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        raise _cannot_write(path, error) from error
    return temporary


def _replace(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced, or those a new file would get."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        return 0o666 & ~_UMASK


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Read once: it can only be read by setting it, which other threads would notice.
_UMASK = _read_umask()


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the file can't be written: {error.strerror or error}",
        remedy="Check that the folder exists, is writable and has room; nothing was changed",
        file=path,
    )
