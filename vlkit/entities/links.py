"""Which entities of a document are linked, from the odds that a relation head gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Link(NamedTuple):
    """Two linked entities by their places in the list of all, and how probable that is."""

    parent: int
    child: int
    probability: float


@dataclass(frozen=True)
class LinkRules:
    """What may be linked.

    Attributes:
        types: Labels of entities, in the head's order.
        links: Pairs of these, parent first.
        one_parent: Whether an entity has at most one parent.
    """

    types: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    one_parent: bool

    @property
    def table(self) -> NDArray[np.bool_]:
        """[types, types], whether a parent of one type may have a child of the other."""
        found = np.zeros((len(self.types), len(self.types)), bool)
        for parent, child in self.links:
            found[self.types.index(parent), self.types.index(child)] = True
        return found


def decode(odds: Floats, one_parent: bool) -> Iterator[Link]:
    """The links, in order of their children.

    With one parent a child's candidates and "none", whose score is 0, share one softmax, so that
    the best of several likely parents is taken and the others are not. Else each pair is judged
    by itself. A child's links depend on no other child's.

    Args:
        odds: [P, C] logarithms of yes against no; minus infinity where no link may be.
    """
    if not odds.size:
        return
    if one_parent:
        highest = np.maximum(odds.max(axis=0), 0)
        shares = np.exp(odds - highest)
        probabilities = shares / (shares.sum(axis=0) + np.exp(-highest))
        parents = odds.argmax(axis=0)
        for child in np.flatnonzero(odds.max(axis=0) > 0):
            parent = parents[child]
            yield Link(int(parent), int(child), float(probabilities[parent, child]))
        return
    for child, parent in np.argwhere(odds.T > 0):
        yield Link(int(parent), int(child), float(1 / (1 + np.exp(-odds[parent, child]))))
