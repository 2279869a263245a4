"""One configuration for all adapters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vlkit.errors import ModelError
from vlkit.nn.pooling import Pooling

Kind = Literal[
    "identity",
    "linear",
    "mlp",
    "fusion",
    "resampler",
    "latent",
    "late",
    "pool",
    "lora",
    "prefix",
]
NEEDED = object()

# What each kind reads, with its default; NEEDED has none, and None says that it is left out.
SETTINGS: Mapping[Kind, Mapping[str, Any]] = {
    "identity": {},
    "linear": {"width": NEEDED, "bias": True},
    "mlp": {"width": NEEDED, "hidden": NEEDED, "bias": True, "hidden_bias": True},
    "fusion": {"width": NEEDED, "join": "channels", "bias": True},
    "resampler": {"width": NEEDED, "queries": 64, "depth": 2, "heads": 8},
    "latent": {"queries": 512, "heads": 8},
    "late": {"width": NEEDED, "regions": None},
    "pool": {"pool": "mean"},
    "lora": {"rank": 8, "alpha": 16.0, "dropout": 0.0, "targets": ()},
    "prefix": {"length": 16},
}


@dataclass(frozen=True)
class AdapterConfig:
    """An adapter. A setting that its kind does not read must be left out.

    Attributes:
        kind: On features: ``identity``; ``linear`` and ``mlp`` projectors; ``fusion`` of two
            trunks; ``resampler`` to a fixed number of tokens; ``latent`` attention pooling;
            ``late`` interaction's vectors; ``pool`` without parameters. In the trunk: ``lora``,
            ``prefix``.
        width: Of what comes out.
        hidden: Width of the hidden layer.
        bias: Whether the last layer has one.
        hidden_bias: Whether the hidden layer has one.
        join: How ``fusion`` joins its branches: side by side in the channels, or one after the
            other as tokens.
        queries: Tokens that come out of ``resampler``; latents of ``latent``.
        depth: Number of blocks.
        heads: Attention heads.
        regions: ``late`` makes one vector of each of ``regions`` × ``regions`` parts of the
            picture; without it, one of each token.
        pool: How one vector is made.
        rank: Of the update that ``lora`` learns.
        alpha: The update is scaled by alpha ÷ rank.
        dropout: On what goes into the update, while training.
        targets: Ends of names of layers that get an update; none: all linear layers and
            attentions within the trunk.
        length: Tokens of the prefix.
    """

    kind: Kind
    width: int | None = None
    hidden: int | None = None
    bias: bool | None = None
    hidden_bias: bool | None = None
    join: Literal["channels", "tokens"] | None = None
    queries: int | None = None
    depth: int | None = None
    heads: int | None = None
    regions: int | None = None
    pool: Pooling | None = None
    rank: int | None = None
    alpha: float | None = None
    dropout: float | None = None
    targets: tuple[str, ...] | None = None
    length: int | None = None

    def __post_init__(self) -> None:
        known = SETTINGS.get(self.kind)
        if known is None:
            raise ValueError(f"'{self.kind}' is no kind of adapter: {', '.join(SETTINGS)}")
        for name, value in vars(self).items():
            if name != "kind" and value is not None and name not in known:
                reads = ", ".join(known) or "nothing"
                raise ValueError(f"a {self.kind} adapter has no {name}; it has {reads}")
        for name, default in known.items():
            if getattr(self, name) is None:
                if default is NEEDED:
                    raise ValueError(f"a {self.kind} adapter needs {name}")
                object.__setattr__(self, name, default)

    def integer(self, name: str) -> int:
        """A setting that the kind has, as a whole number."""
        value = vars(self)[name]
        if not isinstance(value, int):
            raise ModelError(f"a {self.kind} adapter has no {name}")
        return value
