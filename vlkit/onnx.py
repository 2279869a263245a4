"""Shelf models without torch: their ONNX files run by onnxruntime.

    model = LineModel.open(Path("models/lines-ko-en"))
    [line] = model.read([picture])   # grey pixels of one line
    line.text, line.characters[0].confidence

Writing such files needs torch, and is done by ``vlkit.models.convert.onnx``.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.errors import CheckpointError, MissingDependency

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Gray = NDArray[np.uint8]
"""[H, W], paper 255."""

FILE = "model.onnx"
"""Its name in a model's folder."""
EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
HEIGHT = 32
"""Pixels of a line's picture as the model sees it."""
FRAME = 4
"""Pixels of it for each of the model's frames."""
BATCH_WIDTH = 1024
"""Pixels of all lines of a batch together; a longer line has one by itself."""
LEAST_HEIGHT = 4
"""Pixels under which a picture holds no text that anything could read."""
WIDEST_HALF = 16.0
"""Pixels, at a height of 32, from a character's middle to where it ends at the latest."""
FIRST_SYLLABLE, SYLLABLES = 0xAC00, 11_172
UNKNOWN = "\ufffd"
"""What a model reads in place of a character that its alphabet lacks."""


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


class ReadCharacter(NamedTuple):
    """A character, where it begins and ends in pixels of the picture, and how probable it is."""

    text: str
    x0: float
    x1: float
    confidence: float


@dataclass(frozen=True)
class ReadLine:
    """What a picture says; nothing where it holds no text."""

    text: str
    characters: tuple[ReadCharacter, ...]


class LineModel:
    """A line reader as ``vlkit.models.lines`` trains and ``models.convert.onnx`` writes it.

    Args:
        session: Of its ONNX file.
        alphabet: What its codes stand for.
    """

    def __init__(self, session: InferenceSession, alphabet: Alphabet) -> None:
        self.session = session
        self.alphabet = alphabet

    @classmethod
    def open(cls, folder: Path, *, threads: int = 1) -> LineModel:
        """The model in a folder with ``config.json`` and ``model.onnx``.

        Args:
            threads: As of ``open_session``.

        Raises:
            CheckpointError: A file is missing or damaged, or of another kind of model.
            MissingDependency: onnxruntime is not installed.
        """
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))["config"]
            alphabet = Alphabet(config["characters"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"config.json is not that of a line reader: {error}",
                remedy="Name a folder that `vlkit train` wrote for a model of lines",
                file=folder,
            ) from error
        return cls(open_session(folder / FILE, threads), alphabet)

    def read(self, pictures: Sequence[Gray]) -> list[ReadLine]:
        """What the pictures say, each of one line [H, W] of any size, in their order."""
        lines = [ReadLine("", ())] * len(pictures)
        usable = [i for i, each in enumerate(pictures) if min(each.shape) >= LEAST_HEIGHT]
        scaled = [to_height(pictures[index]) for index in usable]
        for chosen in batches_by_width([picture.shape[1] for picture in scaled]):
            batch, widths = in_batch([scaled[index] for index in chosen])
            codes, probabilities = self.session.run(None, {"pixels": batch, "widths": widths})
            for row, index in enumerate(chosen):
                width = pictures[usable[index]].shape[1]
                scale = width / scaled[index].shape[1]
                found = self._characters(codes[row], probabilities[row], scale, width)
                text = "".join(character.text for character in found)
                lines[usable[index]] = ReadLine(text, found)
        return lines

    def _characters(
        self, codes: NDArray[Any], probabilities: NDArray[Any], scale: float, width: int
    ) -> tuple[ReadCharacter, ...]:
        path = list(runs(codes, probabilities))
        texts = [self.alphabet.decode(run.code) for run in path]
        middles = np.array([(run.frame + 0.5) * FRAME for run in path])
        edges = np.array(extents(middles, [text == " " for text in texts])).reshape(-1, 2)
        places = (edges.clip(min=0) * scale).clip(max=width).tolist()
        return tuple(
            ReadCharacter(text, x0, x1, run.probability)
            for run, text, (x0, x1) in zip(path, texts, places, strict=True)
        )


def extents(middles: NDArray[np.float64], spaces: Sequence[bool]) -> list[tuple[float, float]]:
    """Where characters begin and end, from where their middles are.

    Neighbours meet half-way between their middles, but no character is wider than can be; spaces
    take what is left between those beside them.
    """
    if not len(middles):
        return []
    meet = (middles[1:] + middles[:-1]) / 2
    # The outermost reach as far out as they reach in.
    first = 2 * middles[0] - meet[0] if len(meet) else middles[0] - WIDEST_HALF / 2
    last = 2 * middles[-1] - meet[-1] if len(meet) else middles[0] + WIDEST_HALF / 2
    starts = np.maximum([first, *meet], middles - WIDEST_HALF)
    ends = np.minimum([*meet, last], middles + WIDEST_HALF)
    for index in np.flatnonzero(spaces):
        starts[index] = ends[index - 1] if index else starts[index]
        ends[index] = starts[index + 1] if index + 1 < len(starts) else ends[index]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def to_height(picture: Gray) -> Gray:
    """A picture scaled to 32 pixels' height."""
    height, width = picture.shape
    if height == HEIGHT:
        return picture
    how = cv2.INTER_AREA if height > HEIGHT else cv2.INTER_CUBIC
    size = (max(1, round(width * HEIGHT / height)), HEIGHT)
    return np.asarray(cv2.resize(picture, size, interpolation=how), dtype=np.uint8)


def usual_threads() -> int:
    """``OMP_NUM_THREADS`` where that is set (a pool of processes sets 1), else 0."""
    return int(os.environ.get("OMP_NUM_THREADS") or 0)


def open_session(file: Path, threads: int, weights: Path | None = None) -> InferenceSession:
    """An ONNX file, ready to run on the processor.

    Args:
        threads: How many it runs on; 0 for one on each core.
        weights: Folder of the files that it refers to, where that is another than its own.

    Raises:
        CheckpointError: It is missing or damaged.
        MissingDependency: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency(
            "onnxruntime is not installed", remedy="Install it with: pip install onnxruntime"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # pictures differ in size, and the arena never shrinks
    model: Path | bytes = file
    try:
        if weights is not None:  # which is looked at only where a model comes as bytes
            options.add_session_config_entry(EXTERNAL_FOLDER, str(weights))
            model = file.read_bytes()
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no base of their own
        raise CheckpointError(
            f"the model can't be opened: {error}", remedy="Fetch or export it again", file=file
        ) from error
