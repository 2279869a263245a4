"""Shelf models without torch: their ONNX files run by onnxruntime.

model = LineModel.open(Path("models/lines-ko-en"))
[line] = model.read([picture])   # grey pixels of one line
line.text, line.characters[0].confidence
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    pass

Gray = NDArray[np.uint8]
"""[H, W], paper 255."""

HEIGHT = 32
"""Pixels of a line's picture as the model sees it."""
FRAME = 4
"""Pixels of it for each of the model's frames."""
BATCH_WIDTH = 4096
"""Pixels of all lines of a batch together; a longer line has one by itself."""
FIRST_SYLLABLE, SYLLABLES = 0xAC00, 11_172


class Alphabet:
    """Codes of characters: 0 for none, then those of a table, then all Hangul syllables."""

    def __init__(self, characters: str) -> None:
        if len(set(characters)) != len(characters):
            raise ValueError("characters name one twice")
        if any(0 <= ord(char) - FIRST_SYLLABLE < SYLLABLES for char in characters):
            raise ValueError("characters name Hangul syllables, which are all read anyway")
        self.characters = characters

    @cached_property
    def _codes(self) -> dict[str, int]:
        symbols = [*self.characters, *map(chr, range(FIRST_SYLLABLE, FIRST_SYLLABLE + SYLLABLES))]
        return {symbol: code for code, symbol in enumerate(symbols, 1)}

    def encode(self, text: str) -> list[int]:
        """The text's codes; raises ``KeyError`` with a character that has none."""
        return [self._codes[char] for char in text]

    def is_syllable(self, char: str) -> bool:
        return self._codes.get(char, 0) > len(self.characters)

    def decode(self, code: int) -> str:
        """The character of a code from 1."""
        syllable = code - 1 - len(self.characters)
        return chr(FIRST_SYLLABLE + syllable) if syllable >= 0 else self.characters[code - 1]


class Run(NamedTuple):
    """Frames in a row that read as one character: its code, its surest frame, how sure."""

    code: int
    frame: int
    probability: float


def runs(codes: NDArray[Any], probabilities: NDArray[Any]) -> Iterator[Run]:
    """The characters on a path: repeats merged, then blanks dropped.

    Args:
        codes: Of each frame, [T].
        probabilities: Of these, [T].
    """
    changes = np.flatnonzero(np.diff(codes)) + 1
    edges = [0, *changes.tolist(), len(codes)]
    for start, end in itertools.pairwise(edges):
        if start < end and codes[start]:
            peak = start + int(probabilities[start:end].argmax())
            yield Run(int(codes[start]), peak, float(probabilities[peak]))


def batches_by_width(widths: Sequence[int]) -> Iterator[list[int]]:
    """Indices of lines in batches of like width, about as many pixels in each."""
    batch: list[int] = []
    for index in sorted(range(len(widths)), key=lambda index: widths[index]):
        if batch and (len(batch) + 1) * widths[index] > BATCH_WIDTH:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def in_batch(pictures: Sequence[Gray]) -> tuple[Gray, NDArray[np.int64]]:
    """Pictures 32 pixels high as one batch [B, 32, W], padded with paper, and their widths [B]."""
    widths = np.array([picture.shape[1] for picture in pictures], np.int64)
    batch = np.full((len(pictures), HEIGHT, -(-int(widths.max()) // FRAME) * FRAME), 255, np.uint8)
    for row, picture in zip(batch, pictures, strict=True):
        row[:, : picture.shape[1]] = picture
    return batch, widths
