"""Image–text retrieval: recall at 1, 5 and 10, both ways."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AT = (1, 5, 10)


def text_to_image_ranks(
    similarity: NDArray[np.floating], owners: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Where each caption's own picture stands among all pictures, from 0.

    Of equal similarities the own one counts as last, so that a model that says the same of
    everything finds nothing.

    Args:
        similarity: ``[images, captions]``, larger is nearer.
        owners: ``[captions]``, the row of each caption's picture.
    """
    own = similarity[owners, np.arange(len(owners))]
    rank: NDArray[np.int64] = (similarity >= own).sum(axis=0) - 1
    return rank


def image_to_text_ranks(
    similarity: NDArray[np.floating], owners: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Where each picture's nearest own caption stands among the captions of others, from 0.

    The picture's other captions don't count: a picture is found at k if any of its captions is
    among the k nearest, and those ahead of its best are all of other pictures.

    Args:
        similarity: ``[images, captions]``, larger is nearer.
        owners: ``[captions]``, the row of each caption's picture; every picture has one.
    """
    images = np.arange(len(similarity))[:, None]
    own = owners[None, :] == images
    best = np.where(own, similarity, -np.inf).max(axis=1, keepdims=True)
    rank: NDArray[np.int64] = ((similarity >= best) & ~own).sum(axis=1)
    return rank


def recalls(similarity: NDArray[np.floating], owners: NDArray[np.integer]) -> dict[str, float]:
    """``t2i_r1``, ``t2i_r5``, ``t2i_r10`` and ``i2t_…``: shares of queries found at k.

    Args:
        similarity: ``[images, captions]``, larger is nearer.
        owners: ``[captions]``, the row of each caption's picture.
    """
    ranks = {
        "t2i": text_to_image_ranks(similarity, owners),
        "i2t": image_to_text_ranks(similarity, owners),
    }
    return {f"{way}_r{k}": float((rank < k).mean()) for way, rank in ranks.items() for k in AT}
