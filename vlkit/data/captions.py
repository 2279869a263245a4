"""Pictures with captions, from folders, TSV files and webdataset shards.

A data set is one of

- a folder with ``captions.tsv`` (``picture<TAB>caption``, as many lines a picture as it has
  captions) and the pictures in it or in its ``images/``, or such a TSV file by itself;
- a folder of pictures, each with a ``.txt`` of its name: a caption a line;
- a ``.tar`` shard in webdataset's layout, or a folder of them: members of one key, a picture and
  a ``.txt`` or a ``.json`` with ``caption`` or ``captions``.

``NAME.txt`` in the folder, a picture a line, is the split NAME; a picture named twice is in it
once. Shards are indexed once, and read at random after that, so that the order of samples is the
caller's everywhere.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vlkit.errors import DamagedInput, InputError

Pixels = NDArray[np.uint8]
"""[H, W, 3], RGB."""

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


@dataclass(frozen=True)
class Place:
    """Bytes of a file: all of them, or a member of a shard."""

    file: Path
    start: int = 0
    size: int | None = None

    def read(self) -> bytes:
        with self.file.open("rb") as file:
            file.seek(self.start)
            return file.read(-1 if self.size is None else self.size)


@dataclass(frozen=True)
class Example:
    """A picture and its captions.

    Attributes:
        key: Name within the data set, for messages and splits.
    """

    key: str
    captions: tuple[str, ...]
    picture: Place


@dataclass(frozen=True)
class Captions:
    """A data set's examples, in its own order.

    Attributes:
        skipped: Key and reason of what is named but can't be an example: no picture, no caption.
    """

    path: Path
    examples: tuple[Example, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.examples)

    def texts(self) -> Iterator[str]:
        for example in self.examples:
            yield from example.captions


@dataclass
class _Found:
    """Pictures and captions by key, while they are gathered."""

    pictures: dict[str, Place] = field(default_factory=dict)
    captions: dict[str, list[str]] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def add(self, key: str, lines: Iterable[str]) -> None:
        said = [line.strip() for line in lines if line.strip()]
        self.captions.setdefault(key, []).extend(said)


def open_captions(path: Path, split: str | None = None) -> Captions:
    """The examples of a data set; what lacks a picture or a caption is named in ``skipped``.

    Raises:
        InputError: Nothing is there, no picture has a caption, or a split names what is not
            there.
    """
    found = _find(path)
    examples, skipped = [], list(found.skipped)
    for key in {**found.captions, **found.pictures}:
        if key not in found.pictures:
            skipped.append((key, "there is no such picture"))
        elif not found.captions.get(key):
            skipped.append((key, "it has no caption"))
        else:
            examples.append(Example(key, tuple(found.captions[key]), found.pictures[key]))
    if not examples:
        raise _none(path, found)
    captions = Captions(path, tuple(examples), tuple(skipped))
    return captions if split is None else _split(captions, split)


def decode(example: Example, *, least: int | None = None) -> Pixels:
    """The picture's pixels, upright.

    Args:
        least: A JPEG may be decoded smaller, as long as no side falls below this many pixels.

    Raises:
        DamagedInput: It can't be decoded.
    """
    try:
        with Image.open(BytesIO(example.picture.read())) as picture:
            if least is not None:
                picture.draft("RGB", (least, least))
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = str(error).replace("\n", " ") or type(error).__name__
        raise DamagedInput(
            f"the picture can't be decoded: {reason}",
            remedy="Mend it or take it out of the data",
            file=f"{example.picture.file} ({example.key})",
        ) from error


def _find(path: Path) -> _Found:
    if path.is_dir():
        shards = sorted(path.glob("*.tar"))
        if (path / "captions.tsv").exists():
            return _from_tsv(path / "captions.tsv")
        return _from_shards(shards) if shards else _from_pairs(path)
    if not path.exists():
        raise InputError(
            "there is no such folder or file of captions",
            remedy="Check the name, and what data.path says in the recipe",
            file=path,
        )
    return _from_shards([path]) if path.suffix == ".tar" else _from_tsv(path)


def _from_tsv(path: Path) -> _Found:
    found = _Found()
    folders = [folder for folder in (path.parent / "images", path.parent) if folder.is_dir()]
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the captions can't be read: {error}", file=path) from error
    for number, line in enumerate(lines, 1):
        key, tab, caption = line.partition("\t")
        if tab:
            found.add(key.strip(), [caption])
        elif line.strip():
            found.skipped.append((f"line {number}", "it has no tab between picture and caption"))
    names = {folder: {entry.name for entry in folder.iterdir()} for folder in folders}
    for key in found.captions:
        for folder in folders:
            if key in names[folder] or ("/" in key and (folder / key).is_file()):
                found.pictures[key] = Place(folder / key)
                break
    return found


def _from_pairs(path: Path) -> _Found:
    found = _Found()
    for picture in sorted(path.rglob("*")):
        if picture.suffix.lower() in PICTURES:
            key = picture.relative_to(path).as_posix()
            found.pictures[key] = Place(picture)
            said = picture.with_suffix(".txt")
            if said.exists():
                found.add(key, said.read_text(encoding="utf-8", errors="replace").splitlines())
    return found


def _from_shards(shards: list[Path]) -> _Found:
    found = _Found()
    for shard in shards:
        before = len(found.pictures)
        try:
            with tarfile.open(shard, "r:") as tar:
                for member in tar:
                    if member.isfile():
                        _take_member(found, shard, tar, member)
        except (tarfile.TarError, OSError) as error:
            raise InputError(
                f"the shard is damaged: {error}",
                remedy="Fetch it again, uncompressed, or take it out of the data",
                file=shard,
            ) from error
        if len(found.pictures) == before:
            raise InputError(
                "the shard is empty: there is no picture in it",
                remedy="Take it out of the data",
                file=shard,
            )
    return found


def _take_member(found: _Found, shard: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    folder, _, name = member.name.rpartition("/")
    stem, _, kind = name.partition(".")
    key = f"{shard.stem}/{folder}/{stem}" if folder else f"{shard.stem}/{stem}"
    if f".{kind.lower()}" in PICTURES:
        found.pictures[key] = Place(shard, member.offset_data, member.size)
    elif kind in ("txt", "caption", "json"):
        text = tar.extractfile(member).read().decode(errors="replace")  # type: ignore[union-attr]
        found.add(key, _said(text) if kind == "json" else text.splitlines())


def _said(text: str) -> list[str]:
    """The captions in a JSON member; one without any says nothing."""
    try:
        record = json.loads(text)
    except ValueError:
        return []
    if not isinstance(record, dict):
        return []
    said = record.get("captions", record.get("caption", []))
    return [str(item) for item in said] if isinstance(said, list) else [str(said)]


def _split(captions: Captions, split: str) -> Captions:
    folder = captions.path if captions.path.is_dir() else captions.path.parent
    file = folder / f"{split}.txt"
    if not file.exists():
        known = sorted(entry.stem for entry in folder.glob("*.txt"))
        raise InputError(
            f"there is no split '{split}': {file.name} is missing",
            remedy=f"Splits here: {', '.join(known[:9]) or 'none'}",
            file=folder,
        )
    lines = file.read_text(encoding="utf-8").splitlines()
    named = list(dict.fromkeys(line.strip() for line in lines))
    by_key = {example.key: example for example in captions.examples}
    skipped = dict(captions.skipped)
    unknown = [key for key in named if key and key not in by_key and key not in skipped]
    if unknown:
        raise InputError(
            f"the split names {len(unknown)} pictures that the data don't have: {unknown[0]}",
            remedy="Put them there, or take them out of the split",
            file=file,
        )
    chosen = tuple(by_key[key] for key in named if key in by_key)
    if not chosen:
        raise InputError("the split is empty", remedy="Name a picture a line", file=file)
    left_out = tuple((key, skipped[key]) for key in named if key in skipped)
    return Captions(captions.path, chosen, left_out)


def _none(path: Path, found: _Found) -> InputError:
    if found.captions and not found.pictures:
        first = next(iter(found.captions))
        return InputError(
            f"the captions have no pictures: none of {len(found.captions)} is there, such as "
            f"{first}",
            remedy=f"Put them into {(path if path.is_dir() else path.parent) / 'images'}",
            file=path,
        )
    if found.pictures:
        return InputError(
            f"none of {len(found.pictures)} pictures has a caption",
            remedy="Write captions.tsv, or a .txt beside each",
            file=path,
        )
    return InputError(
        "there are no pictures with captions here",
        remedy="Give a folder with captions.tsv, pictures with .txt files, or .tar shards",
        file=path,
    )
