"""What every kind of data in a recipe comes to, and the tokenizer that it may need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from vlkit.training.batches import Source
from vlkit.training.loop import Validation


@dataclass(frozen=True)
class Tokens:
    """The tokenizer: a ``tokenizer.json``, or one trained on the captions.

    Attributes:
        entries: Of a vocabulary that is trained.
    """

    file: Path | None = None
    entries: int = 8192


class Saved(Protocol):
    """A tokenizer that goes with its model."""

    def save(self, path: Path) -> Path:
        """Write the ``tokenizer.json``."""


@dataclass(frozen=True)
class Samples:
    """What a model is trained on.

    Attributes:
        said: What they are, in a word for the terminal.
        facts: What must be the same when a run goes on.
        skipped: What could not be read, and why.
        described: What a reader of the model has to know of them, for ``config.json``.
        measured_on: What the validation measures on, where its figures belong on the card.
    """

    source: Source
    said: str
    facts: Mapping[str, Any]
    skipped: Sequence[tuple[str, str]] = ()
    tokenizer: Saved | None = None
    validation: Validation | None = None
    described: Mapping[str, Any] = field(default_factory=dict)
    measured_on: str = ""
