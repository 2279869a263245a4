"""`vlkit verify NAME`: are these the weights they should be, and as good as was published?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from vlkit.evaluation.result import EvalResult
from vlkit.models import load
from vlkit.models.published import fetch, load_published, provenance
from vlkit.models.recommended import Figure, Verified, recommended, record
from vlkit.models.tiers import find
from vlkit.retrieval.evaluate import evaluate_retrieval

NEAR = 0.01
"""Farther from a published recall than this is another result: 50 of COCO's 5,000 pictures."""


@dataclass(frozen=True)
class Compared:
    """A metric beside what was published of it."""

    metric: str
    published: float
    measured: float

    @property
    def near(self) -> bool:
        return abs(self.measured - self.published) <= NEAR


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        folder: Where the files lie.
        tensors: How many have the names and shapes that they should have: all of them.
        seen: Revision and licence of recommended weights; None for others.
        result: Figures, where data were given.
        compared: Those of them that were published for the same data.
    """

    folder: Path
    tensors: int
    parameters: int
    seen: Verified | None
    result: EvalResult | None
    compared: tuple[Compared, ...]


def verify(
    name: str,
    data: Path | None = None,
    *,
    split: str | None = None,
    on_total: Callable[[str, int], None] = lambda name, total: None,
    on_item: Callable[[str], None] = lambda name: None,
) -> Report:
    """Load a model of any tier with every name and shape checked; score it where data are given.

    Recommended weights are fetched if they are not here, and what was seen of them is remembered
    for `vlkit models info`.

    Args:
        data: Pictures with captions; the folder's name says which set they are.

    Raises:
        UnknownName: No tier has that name.
        CheckpointError: The files are not here and can't be fetched, or are not what they should
            be.
        ModelError: Data are given and the model has no vectors of pictures and texts.
    """
    entry = find(name)
    public = entry.tier == "recommended"
    folder = entry.folder or fetch(name)
    model = load_published(name, folder) if public else load(folder)
    weights = model.state_dict()
    result = None
    if data is not None:
        result = evaluate_retrieval(
            name, data, split=split, loaded=model, on_total=on_total, on_item=on_item
        )
    seen = None
    if public:
        seen = provenance(name, folder)
        seen = seen if result is None else replace(seen, metrics=result.metrics)
        record(name, seen)
    return Report(
        folder,
        len(weights),
        sum(parameter.numel() for parameter in model.parameters()),
        seen,
        result,
        compare(result, recommended(name).figure if public else None),
    )


def compare(result: EvalResult | None, published: Figure | None) -> tuple[Compared, ...]:
    """The metrics that were published for the same task on the same data, beside ours."""
    if result is None or published is None:
        return ()
    if (result.task, result.data) != (published.task, published.data):
        return ()
    return tuple(
        Compared(metric, value, result.metrics[metric])
        for metric, value in published.metrics.items()
    )
