"""Text lines as a recipe names them: rendered ones and crops, batches of these, and how well they
are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import Any, Protocol

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein

from vlkit.checkpoint import Pretrained
from vlkit.data.crops import Crop, Crops, CropSettings, CutLine, choose_crops, sample, varied
from vlkit.data.rendered import LineRenderer, LineSettings, RenderedLine
from vlkit.errors import InputError, RecipeError
from vlkit.models.lines import LineReader
from vlkit.onnx import FRAME, Alphabet, in_batch, to_height
from vlkit.training.batches import Loaded, Pools, sample_at
from vlkit.training.samples import Samples
from vlkit.training.task import Task, as_module


@dataclass(frozen=True)
class Lines:
    """Text lines that are drawn while the model trains, each once.

    Attributes:
        drawn: What they are like; their seed is the recipe's.
        validation: What lines are like that it is measured on at every checkpoint, such as of
            other fonts; else they are like those of the training, and other ones.
        validated: How many these are.
        crops: Lines of scans to train on besides, whose left-out fold is measured as well.
        pool, lanes: How lines of like width get together, as of ``Pools``.
    """

    drawn: LineSettings
    validation: LineSettings | None = None
    validated: int = 256
    crops: CropSettings | None = None
    pool: int = 16
    lanes: int = 2

    def __post_init__(self) -> None:
        if min(self.validated, self.pool, self.lanes) < 1:
            raise ValueError("validated, pool and lanes must be at least 1")


def line_samples(lines: Lines, model: Pretrained, size: int, seed: int) -> Samples:
    """What a recipe's ``[lines]`` gives a model.

    Args:
        size: Lines of a step, of all processes together.
        seed: Of the run.

    Raises:
        InputError: There are no such fonts or crops.
        RecipeError: The model reads no lines, or not these.
    """
    if not isinstance(model, LineReader):
        raise RecipeError(
            f"'{model.model_name}' reads no lines", remedy="Give it [data] or [documents]"
        )
    alphabet = model.alphabet
    drawn = LineRenderer(replace(lines.drawn, seed=seed))
    others = LineRenderer(replace(lines.validation or lines.drawn, seed=seed + 1))
    said = f"{len(drawn.faces)} faces"
    facts: dict[str, Any] = {"lines.faces": [face.name for face in drawn.faces]}
    trained_on: NumberedLines = drawn
    crops = Crops()
    if lines.crops is not None:
        if model.decoder is not None and "sroie" in lines.crops.sets:
            raise RecipeError(
                "a decoder learns what follows letters of known case, which those of sroie are not",
                remedy="Leave sroie out of lines.crops.sets, or set model.config.decoder to ctc",
            )
        crops = choose_crops(lines.crops, alphabet)
        trained_on = MixedLines(crops.learnt, lines.crops.share, drawn, seed)
        said += f", {len(crops.learnt)} crops"
        facts["lines.crops.examples"] = len(crops.learnt)
    source = LineSource(trained_on, alphabet, size, lines.pool, lines.lanes)
    measured = sample(crops.measured, lines.validated)
    validation = LineValidation(others, alphabet, lines.validated, measured)
    return Samples(source, said, facts, crops.skipped, validation=validation)


class NumberedLines(Protocol):
    """Lines by number, each a function of it."""

    def line(self, number: int) -> RenderedLine | CutLine: ...


class MixedLines:
    """Crops of scans among drawn lines, spread evenly, each in its turn and never twice alike.

    Args:
        share: Of crops.
    """

    def __init__(
        self, crops: Sequence[Crop], share: float, drawn: NumberedLines, seed: int
    ) -> None:
        self.crops = crops
        self.share = share
        self.drawn = drawn
        self.seed = seed

    def line(self, number: int) -> RenderedLine | CutLine:
        turn = int(number * self.share)  # crops that came before
        if int((number + 1) * self.share) == turn:
            return self.drawn.line(number)
        crop = self.crops[sample_at(turn, len(self.crops), self.seed)]
        return varied(crop, Random(f"{self.seed}:{number}:crop"))


class LineSource:
    """Lines in batches of such as are about as wide.

    Args:
        size: Lines of a step, of all processes together.
        pool, lanes: As of ``Pools``.
    """

    def __init__(
        self, lines: NumberedLines, alphabet: Alphabet, size: int, pool: int, lanes: int
    ) -> None:
        self.alphabet = alphabet
        self.pools: Pools[RenderedLine | CutLine] = Pools(lines.line, _width, size, pool, lanes)

    def load(self, positions: range) -> Loaded:
        taken = self.pools.take(positions)
        batch = line_batch([line for _, line in taken], self.alphabet)
        return Loaded(batch, [f"line {number}" for number, _ in taken])


def _width(line: RenderedLine | CutLine) -> int:
    return int(line.pixels.shape[1])


def line_batch(
    lines: Sequence[RenderedLine | CutLine], alphabet: Alphabet
) -> dict[str, torch.Tensor]:
    """Lines as ``LineReader`` trains on them: ``pixels`` [B, 32, W], ``widths`` [B], ``codes``
    [B, S], ``lengths`` [B], ``centres`` [B, S], and ``either`` [B, S] where case is not known.

    Nobody said where the characters of a crop are; their centres are -1.

    Raises:
        InputError: A text has a character that the alphabet lacks.
    """
    pixels, widths = in_batch([line.pixels for line in lines])
    lengths = np.array([len(line.text) for line in lines], np.int64)
    codes = np.zeros((len(lines), max(1, lengths.max())), np.int64)
    centres = np.full(codes.shape, -1, np.int64)
    for row, line in enumerate(lines):
        try:
            codes[row, : len(line.text)] = alphabet.encode(line.text)
        except KeyError as error:
            raise InputError(
                f"the model's characters lack {error.args[0]!r}, of the line {line.text!r}",
                remedy="Add it to model.config.characters",
            ) from error
        if isinstance(line, RenderedLine):
            # The last may end beyond the picture, where that was cut tight.
            last = (line.pixels.shape[1] - 1) // FRAME
            middle = line.edges.mean(axis=1) // FRAME
            centres[row, : len(line.text)] = middle.clip(0, last)
    arrays = {
        "pixels": pixels,
        "widths": widths,
        "codes": codes,
        "lengths": lengths,
        "centres": centres,
    }
    uncased = [i for i, line in enumerate(lines) if isinstance(line, CutLine) and not line.cased]
    if uncased:
        # SROIE's texts are in capitals whatever was printed. Learnt as they are, they would teach
        # to read small letters as capitals; without them, no receipt's letters would be learnt.
        arrays["either"] = either = codes.copy()
        for row in uncased:
            text = _in_small(lines[row].text, alphabet)
            either[row, : len(text)] = alphabet.encode(text)
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _in_small(text: str, alphabet: Alphabet) -> str:
    """Small letters for capitals, of those that the alphabet has, each in its place."""
    small = (char.lower() for char in text)
    return "".join(
        low if low in alphabet.characters else char for char, low in zip(text, small, strict=True)
    )


class LineValidation:
    """Characters read right of rendered lines, all of them and those of lines with Hangul; and of
    crops, if there are any."""

    def __init__(
        self, renderer: LineRenderer, alphabet: Alphabet, count: int, crops: Sequence[Crop] = ()
    ) -> None:
        self.renderer = renderer
        self.alphabet = alphabet
        self.count = count
        self.crops = crops

    @cached_property
    def _lines(self) -> list[RenderedLine]:
        return [self.renderer.line(number) for number in range(self.count)]

    def __call__(self, task: Task) -> dict[str, float]:
        model = as_module(task)
        assert isinstance(model, LineReader)
        read = model.read([line.pixels for line in self._lines])
        errors = np.zeros(2)
        characters = np.zeros(2)
        for line, text in zip(self._lines, read, strict=True):
            kind = int(any(self.alphabet.is_syllable(char) for char in line.text))
            errors[kind] += Levenshtein.distance(line.text, text)
            characters[kind] += len(line.text)
        right = 1 - errors / characters.clip(min=1)
        whole = 1 - errors.sum() / characters.sum()
        figures = {"accuracy": whole, "without_hangul": right[0], "with_hangul": right[1]}
        return figures | ({"crops": self._of_crops(model)} if self.crops else {})

    def _of_crops(self, model: LineReader) -> float:
        """Case is left out where the truth has none."""
        errors = characters = 0
        texts = model.read([to_height(crop.pixels) for crop in self.crops])
        for crop, text in zip(self.crops, texts, strict=True):
            read, said = (text, crop.text) if crop.cased else (text.upper(), crop.text.upper())
            errors += Levenshtein.distance(said, read)
            characters += len(said)
        return 1 - errors / characters
