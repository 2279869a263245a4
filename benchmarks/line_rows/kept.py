"""What alternatives read, kept on disk picture by picture: it stays the same while our model
changes. Remove ``benchmarks/out/lines`` to have it read anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vlkit.files import write_together

FOLDER = Path("benchmarks/out/lines")
PORTION = 50
"""Pictures that are read before what was read is written down."""

Pixels = NDArray[np.uint8]
Reading = TypeVar("Reading")


def kept(
    name: str, pictures: Sequence[Pixels], read: Callable[[list[Pixels]], list[Reading]]
) -> list[Reading]:
    """What ``read`` gives for each picture, from disk where it was read before.

    Args:
        name: Who reads, of which version, and how.
        read: Gives what JSON can hold.
    """
    place = FOLDER / f"{name.replace(' ', '-')}.json"
    known: dict[str, Reading] = json.loads(place.read_text()) if place.is_file() else {}
    keys = [key_of(picture) for picture in pictures]
    missing = [
        (key, i) for key, i in {k: i for i, k in enumerate(keys)}.items() if key not in known
    ]
    for start in range(0, len(missing), PORTION):
        some = missing[start : start + PORTION]
        found = read([pictures[i] for _, i in some])
        known |= {key: each for (key, _), each in zip(some, found, strict=True)}
        _write(place, known)
    return [known[key] for key in keys]


def key_of(picture: Pixels) -> str:
    return hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest()[:24]


def _write(place: Path, known: dict[str, Reading]) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    write_together({place: json.dumps(known, ensure_ascii=False).encode()})
