"""How LiLT learns from documents without labels: tokens and boxes are masked, and asked for.

Wang et al., "LiLT", arXiv 2202.13669, section 2.2. Three heads share a masked batch:

- ``masked`` (MVLM, 2.2.1): 15 % of tokens; which id was it?
- ``regions`` (KPL, 2.2.2): 15 % of boxes; in which of 7 x 7 regions were the top left corner, the
  bottom right corner and the centre?
- ``alignment`` (CAI, 2.2.3): of those chosen pairs that still show a token and a box; do these
  belong together?

Of what is chosen 80 % is blanked (the mask token, the box of zeros), 10 % replaced and 10 % kept.
In training layout does not teach text its scores (equation 6), and text learns a thousandth as
fast (2.3), so that layout stays fit for other trunks::

    stage = "pretraining"
    [documents]
    objective = "pretraining"
    [optimizer]
    rate = 2e-5
    betas = [0.9, 0.999]
    weight_decay = 1e-2
    [optimizer.groups.text]
    rate = 2e-8
    [schedule]
    warmup = 0.1
    decay = "linear"

The paper leaves open, and here it is so: Boxes are chosen by segment, all tokens of one box
together, since a box that stands at a token's neighbour would be no question. Boxes that replace
others are those of the batch that were not chosen, so that none answers another's question. Pairs
with a mask token or a box of zeros tell by themselves that they are not aligned; they are not
asked about. The three losses count alike.

Shapes: n tokens of a document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from vlkit.entities.boxes import LARGEST
from vlkit.errors import InputError, ModelError
from vlkit.models.lilt_boxes import check_boxes
from vlkit.models.lilt_heads import GRID, NONE, Batch, HeadConfig

HEADS = (HeadConfig("masked"), HeadConfig("regions"), HeadConfig("alignment"))
# Of all, what is chosen; of what is chosen, up to where it is blanked, and up to where replaced.
CHOSEN, BLANKED_TO, REPLACED_TO = 0.15, 0.8, 0.9
LEFT, BLANKED, REPLACED, KEPT = range(4)  # what happens to a token or a box

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """Which ids may be masked and drawn.

    Attributes:
        size: Number of ids.
        mask: That of the mask token.
        special: Of all tokens that stand for no text, the mask token among them.
    """

    size: int
    mask: int
    special: tuple[int, ...]

    def __post_init__(self) -> None:
        outside = [each for each in self.special if not 0 <= each < self.size]
        if outside:
            raise ValueError(f"special id {outside[0]} is not among {self.size}")
        if self.mask not in self.special:
            raise ValueError(f"the mask token {self.mask} is not among the special ids")
        if len(set(self.special)) == self.size:
            raise ValueError("every id is special, and none is left for text")


def masked(
    documents: Sequence[Batch], numbers: Sequence[int], vocabulary: Vocabulary, seed: int
) -> list[Batch]:
    """The documents of a batch with tokens and boxes masked, and what they were.

    What is chosen, and how, is a function of the seed, a document's number and its length.

    Args:
        documents: ``ids`` [n] and ``boxes`` [n, 4] of each, not padded.
        numbers: Of the documents in the endless stream of samples, so that each epoch is masked
            in its own way.
        vocabulary: That of the ids.
        seed: Of the run.

    Returns:
        Copies with other ``ids`` and ``boxes``, with ``targets`` [n], the ids of chosen tokens,
        ``regions`` [n, 3] of chosen boxes, and ``aligned`` [n] of chosen pairs.

    Raises:
        InputError: There is no document, or a box is out of range or order.
        ModelError: An id is not of the vocabulary.
        ValueError: There are not as many numbers as documents.
    """
    _check(documents, vocabulary)
    pages = [
        _Page(document, np.random.default_rng((seed, number)), vocabulary)
        for document, number in zip(documents, numbers, strict=True)
    ]
    texts = np.setdiff1d(np.arange(vocabulary.size), vocabulary.special)
    spared = np.concatenate([page.spared() for page in pages])
    return [page.masked(texts, spared, vocabulary.mask) for page in pages]


class _Page:
    """A document, and the fate of each of its tokens and segments."""

    def __init__(self, document: Batch, draw: Generator, vocabulary: Vocabulary) -> None:
        self.document = document
        self.draw = draw
        self.ids: Integers = document["ids"].numpy()
        self.boxes: Integers = document["boxes"].numpy()
        of_text = ~np.isin(self.ids, vocabulary.special)
        self.segments = _segments(self.boxes, of_text)
        self.of_tokens = np.where(of_text, _fates(draw, len(self.ids)), LEFT)
        self.of_segments = _fates(draw, 1 + self.segments.max(initial=-1))

    def spared(self) -> Integers:
        """Boxes that may stand elsewhere [s, 4], each segment's once."""
        _, firsts = np.unique(self.segments, return_index=True)
        text = firsts[self.segments[firsts] >= 0]
        boxes: Integers = self.boxes[text[self.of_segments[self.segments[text]] == LEFT]]
        return boxes

    def masked(self, texts: Integers, spared: Integers, mask: int) -> Batch:
        """The document as it is shown and asked about.

        Args:
            texts: Ids that may replace others.
            spared: Boxes of the batch that may replace others; without any, zeros do.
            mask: The mask token's id.
        """
        drawn = texts[self.draw.integers(len(texts), size=len(self.ids))]
        ids = np.select(
            [self.of_tokens == BLANKED, self.of_tokens == REPLACED], [mask, drawn], self.ids
        )
        of_segments = self.of_segments
        elsewhere = np.zeros((len(of_segments), 4), np.int64)
        if len(spared):
            elsewhere = spared[self.draw.integers(len(spared), size=len(of_segments))]
        else:
            of_segments = np.where(of_segments == REPLACED, BLANKED, of_segments)
        in_text = self.segments >= 0
        of_boxes = np.full(len(self.ids), LEFT)
        of_boxes[in_text] = of_segments[self.segments[in_text]]
        boxes = self.boxes.copy()
        boxes[of_boxes == BLANKED] = 0
        replaced = of_boxes == REPLACED
        boxes[replaced] = elsewhere[self.segments[replaced]]

        asked = (self.of_tokens != LEFT) | (of_boxes != LEFT)
        shown = (self.of_tokens != BLANKED) & (of_boxes != BLANKED)
        same = (ids == self.ids) & (boxes == self.boxes).all(axis=1)
        tables = {
            "ids": ids,
            "boxes": boxes,
            "targets": np.where(self.of_tokens != LEFT, self.ids, NONE),
            "regions": np.where(of_boxes[:, None] != LEFT, regions(self.boxes), NONE),
            "aligned": np.where(asked & shown, same, NONE),
        }
        return self.document | {
            name: torch.from_numpy(table.astype(np.int64)) for name, table in tables.items()
        }


def regions(boxes: Integers) -> Integers:
    """Regions of boxes' key points, row by row of the page.

    Args:
        boxes: [n, 4].

    Returns:
        [n, 3], of the top left corner, the bottom right corner and the centre, 0..48.
    """
    twice = np.stack([2 * boxes[:, :2], 2 * boxes[:, 2:], boxes[:, :2] + boxes[:, 2:]], axis=1)
    columns, rows = np.moveaxis(np.minimum(twice * GRID // (2 * LARGEST), GRID - 1), -1, 0)
    found: Integers = rows * GRID + columns
    return found


def _segments(boxes: Integers, of_text: NDArray[np.bool_]) -> Integers:
    """A number for each token's segment, -1 for special tokens; equal boxes are one segment.

    Numbers count up as segments appear, so that they say nothing about where these are.
    """
    numbers: dict[tuple[int, ...], int] = {}
    found = np.full(len(boxes), -1)
    for place in of_text.nonzero()[0]:
        found[place] = numbers.setdefault(tuple(boxes[place].tolist()), len(numbers))
    return found


def _fates(draw: Generator, count: int) -> Integers:
    """What happens to each of so many tokens or segments [count]."""
    at = draw.random(count) / CHOSEN
    return np.select([at >= 1, at < BLANKED_TO, at < REPLACED_TO], [LEFT, BLANKED, REPLACED], KEPT)


def _check(documents: Sequence[Batch], vocabulary: Vocabulary) -> None:
    if not documents:
        raise InputError("there is no document", remedy="Leave out empty batches")

    def stacked(name: str) -> Tensor:
        rows = [document[name] for document in documents]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)

    check_boxes(stacked("boxes"))
    ids = stacked("ids")
    strange = (ids < 0) | (ids >= vocabulary.size)
    if bool(strange.any()):
        document, token = strange.nonzero()[0].tolist()
        raise ModelError(
            f"token id {int(ids[document, token])} of document {document}, token {token} is not "
            f"among the vocabulary's {vocabulary.size}",
            remedy="Take the tokenizer that belongs to it",
        )
