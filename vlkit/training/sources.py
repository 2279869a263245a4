"""Examples of ``vlkit.data`` as batches of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from random import Random
from typing import Protocol

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein

from vlkit.data.bpe import CaptionTokenizer
from vlkit.data.captions import Captions, decode
from vlkit.data.crops import Crop, CutLine, varied
from vlkit.data.rendered import LineRenderer, RenderedLine
from vlkit.data.views import Floats, Views, make_views
from vlkit.errors import DamagedInput, InputError
from vlkit.models.lines import LineReader
from vlkit.onnx import FRAME, Alphabet, in_batch, to_height
from vlkit.training.batches import Broken, Loaded, sample_at
from vlkit.training.task import Task, as_module

_TRIES = 100


class CaptionSource:
    """Pictures with one of their captions each.

    Which sample, which caption and which crop stands at a position is a function of the seed and
    the position. A sample that can't be read is reported as broken; another, drawn by the same
    seed and position, fills its place, so that batches keep their size.

    Batches hold ``pixels`` [B, 3, S, S] (or ``views`` [B, 2, 3, S, S]), ``ids`` [B, L] and
    ``mask`` [B, L].
    """

    def __init__(
        self, captions: Captions, views: Views, tokenizer: CaptionTokenizer, seed: int
    ) -> None:
        self.captions = captions
        self.views = views
        self.tokenizer = tokenizer
        self.seed = seed

    def load(self, positions: range) -> Loaded:
        keys, pictures, texts = [], [], []
        broken: list[Broken] = []
        for position in positions:
            key, picture, text = self._sample(position, broken)
            keys.append(key)
            pictures.append(picture)
            texts.append(text)
        ids, mask = self.tokenizer(texts)
        name = "views" if self.views.kind == "detail" else "pixels"
        batch = {
            name: torch.from_numpy(np.stack(pictures)),
            "ids": torch.from_numpy(ids),
            "mask": torch.from_numpy(mask),
        }
        return Loaded(batch, keys, broken)

    def _sample(self, position: int, broken: list[Broken]) -> tuple[str, Floats, str]:
        draw = np.random.default_rng((self.seed, position))
        count = len(self.captions)
        index = sample_at(position, count, self.seed)
        for _ in range(_TRIES):
            example = self.captions.examples[index]
            try:
                # Twice the view's side, so that a crop of a quarter of the area is not enlarged.
                pixels = decode(example, least=2 * self.views.size)
            except DamagedInput as error:
                broken.append(Broken(example.key, error.problem))
                index = int(draw.integers(count))
                continue
            text = example.captions[int(draw.integers(len(example.captions)))]
            return example.key, make_views(pixels, self.views, draw), text
        raise InputError(
            f"{_TRIES} pictures in a row can't be read, the last of them {example.key}",
            remedy="Mend the data",
            file=self.captions.path,
        )


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

    Lines are drawn by their position's number, a pool of several steps at a time, and each of
    the pool's steps gets a run of them as sorted by width: so little of a batch is padding. Steps
    take turns among ``lanes``, each with its own pools; so processes that load steps in turn draw
    every line once, as long as their number divides that of the lanes. While a pool is handed
    out, the next is drawn, a batch at each step.

    Args:
        size: Lines of a step, of all processes together.
        pool: Steps of a pool.
    """

    def __init__(
        self, lines: NumberedLines, alphabet: Alphabet, size: int, pool: int, lanes: int
    ) -> None:
        self.lines = lines
        self.alphabet = alphabet
        self.size = size
        self.pool = pool
        self.lanes = lanes
        self._drawn: dict[int, list[RenderedLine | CutLine]] = {}  # by the first line's number

    def load(self, positions: range) -> Loaded:
        step, offset = divmod(positions.start, self.size)
        turn, lane = divmod(step, self.lanes)
        pool, place = divmod(turn, self.pool)
        count = len(positions)

        def starts(pool: int) -> list[int]:
            turns = range(pool * self.pool, (pool + 1) * self.pool)
            return [(turn * self.lanes + lane) * self.size + offset for turn in turns]

        numbers = [start + each for start in starts(pool) for each in range(count)]
        lines = [line for start in starts(pool) for line in self._draw(start, count)]
        self._draw(starts(pool + 1)[place], count)
        if place == self.pool - 1:
            for start in starts(pool):
                del self._drawn[start]
        by_width = sorted(range(len(lines)), key=lambda index: lines[index].pixels.shape[1])
        # Not from the narrowest to the widest, pool by pool.
        turns = np.random.default_rng((lane, pool)).permutation(self.pool)
        chosen = by_width[turns[place] * count : (turns[place] + 1) * count]
        batch = line_batch([lines[index] for index in chosen], self.alphabet)
        return Loaded(batch, [f"line {numbers[index]}" for index in chosen])

    def _draw(self, start: int, count: int) -> list[RenderedLine | CutLine]:
        if start not in self._drawn:
            self._drawn[start] = [self.lines.line(start + each) for each in range(count)]
        return self._drawn[start]


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
