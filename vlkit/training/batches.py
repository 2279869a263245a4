"""Batches as a function of seed and step, whoever loads them and however often a run is killed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from vlkit.errors import VlkitError
from vlkit.training.task import Batch

Item = TypeVar("Item")


@dataclass(frozen=True)
class Batching:
    """How many samples an optimizer step sees, and in what pieces.

    Attributes:
        size: Samples a step, of all processes together.
        chunks: Pieces that a process encodes one after the other, to save memory.
        gradcache: Whether the loss is still that of the whole batch (it must be where samples
            are compared with each other); without it, the chunks' own losses are averaged.
        workers: Processes that load ahead; 0 loads in between. The data are the same.
    """

    size: int = 64
    chunks: int = 1
    gradcache: bool = True
    workers: int = 0

    def __post_init__(self) -> None:
        if self.size < 1 or self.chunks < 1 or self.workers < 0:
            raise ValueError("size and chunks must be at least 1, workers at least 0")
        if self.size % self.chunks:
            raise ValueError(f"size {self.size} does not divide into {self.chunks} chunks")

    def positions(self, step: int, rank: int, world: int) -> range:
        """Places in the endless stream of samples that a process takes in a step, from 0."""
        local = self.size // world
        first = step * self.size + rank * local
        return range(first, first + local)


@dataclass(frozen=True)
class Broken:
    """A sample that could not be read, and why."""

    key: str
    reason: str


@dataclass
class Loaded:
    """A batch, the names of its samples, and the broken ones that another took the place of."""

    batch: Batch
    keys: list[str]
    broken: list[Broken] = field(default_factory=list)

    def pin_memory(self) -> Loaded:
        """The same in memory that an accelerator can copy from while it computes."""
        pinned = {name: tensor.pin_memory() for name, tensor in self.batch.items()}
        return replace(self, batch=pinned)


class Source(Protocol):
    """An endless stream of samples with random access."""

    def load(self, positions: range) -> Loaded: ...


@lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(count)


def sample_at(position: int, count: int, seed: int) -> int:
    """Which of ``count`` samples stands at a position: every epoch another permutation."""
    epoch, place = divmod(position, count)
    return int(_order(count, seed, epoch)[place])


class Pools(Generic[Item]):
    """Numbered samples in batches of such as are about as long.

    Samples are drawn by their position's number, a pool of several steps at a time, and each of
    the pool's steps gets a run of them as sorted by length: so little of a batch is padding. Steps
    take turns among ``lanes``, each with its own pools; so processes that load steps in turn draw
    every sample once, as long as their number divides that of the lanes. While a pool is handed
    out, the next is drawn, a batch at each step.

    Args:
        draw: Gives the sample of a number.
        length: Of a sample.
        size: Samples of a step, of all processes together.
        pool: Steps of a pool.
    """

    def __init__(
        self,
        draw: Callable[[int], Item],
        length: Callable[[Item], int],
        size: int,
        pool: int,
        lanes: int,
    ) -> None:
        self.draw = draw
        self.length = length
        self.size = size
        self.pool = pool
        self.lanes = lanes
        self._drawn: dict[int, list[Item]] = {}  # by the first sample's number

    def take(self, positions: range) -> list[tuple[int, Item]]:
        """The samples of a step or of a process's part of it, each with its number."""
        step, offset = divmod(positions.start, self.size)
        turn, lane = divmod(step, self.lanes)
        pool, place = divmod(turn, self.pool)
        count = len(positions)

        def starts(pool: int) -> list[int]:
            turns = range(pool * self.pool, (pool + 1) * self.pool)
            return [(turn * self.lanes + lane) * self.size + offset for turn in turns]

        numbers = [start + each for start in starts(pool) for each in range(count)]
        items = [item for start in starts(pool) for item in self._draw(start, count)]
        self._draw(starts(pool + 1)[place], count)
        if place == self.pool - 1:
            for start in starts(pool):
                del self._drawn[start]
        by_length = sorted(range(len(items)), key=lambda index: self.length(items[index]))
        # Not from the shortest to the longest, pool by pool.
        turns = np.random.default_rng((lane, pool)).permutation(self.pool)
        chosen = by_length[turns[place] * count : (turns[place] + 1) * count]
        return [(numbers[index], items[index]) for index in chosen]

    def _draw(self, start: int, count: int) -> list[Item]:
        if start not in self._drawn:
            self._drawn[start] = [self.draw(start + each) for each in range(count)]
        return self._drawn[start]


def stream(
    source: Source, batching: Batching, steps: range, rank: int, world: int, *, pin: bool = False
) -> Generator[Loaded, None, None]:
    """A process's batches of the given steps, in order.

    Closing it ends the processes that load ahead.

    Args:
        pin: Put them where an accelerator can copy from while it computes.

    Raises:
        VlkitError: As the source raised it, in whatever process.
    """
    loader = DataLoader(
        _Steps(source, batching, rank, world),
        batch_size=None,
        sampler=list(steps),
        num_workers=batching.workers,
        worker_init_fn=_alone,
        pin_memory=pin,
    )
    for loaded in loader:
        if isinstance(loaded, VlkitError):
            raise loaded
        yield loaded


class _Steps(Dataset[Loaded | VlkitError]):
    """Step → the whole local batch, so that a worker makes one at a time.

    An error is given and not raised: out of a worker, it would come as the text of a traceback.
    """

    def __init__(self, source: Source, batching: Batching, rank: int, world: int) -> None:
        self.source = source
        self.batching = batching
        self.rank = rank
        self.world = world

    def __getitem__(self, step: int) -> Loaded | VlkitError:
        try:
            return self.source.load(self.batching.positions(step, self.rank, self.world))
        except VlkitError as error:
            return error


def _alone(_: int) -> None:
    # Workers are the parallelism; threads of each would fight over the cores.
    torch.set_num_threads(1)
