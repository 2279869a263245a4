"""Making adapters for trunks, saving and loading them: one format, refused on another trunk."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from torch import nn

from vlkit import checkpoint, recipe
from vlkit.adapters.config import AdapterConfig
from vlkit.adapters.features import Adapter, Fusion, Widths
from vlkit.adapters.tuning import Trunk, TrunkAdapter, trunk_weights
from vlkit.errors import CheckpointError, ModelError
from vlkit.nn.images import ImageEncoder
from vlkit.nn.texts import TextEncoder

AnyAdapter = Adapter | Fusion | TrunkAdapter
NAME = "adapter"


def create(config: AdapterConfig, *trunks: Trunk) -> AnyAdapter:
    """The adapter for a trunk, or for two (``fusion``), with random weights.

    ``lora`` and ``prefix`` go into the trunk at once.

    Raises:
        ModelError: if it does not fit.
    """
    needed = 2 if config.kind == "fusion" else 1
    if len(trunks) != needed:
        raise ModelError(f"a {config.kind} adapter stands on {needed} trunks, not {len(trunks)}")
    if config.kind in ("lora", "prefix"):
        return TrunkAdapter(config, trunks[0])
    if config.kind == "fusion":
        return Fusion(config, *(_widths(trunk) for trunk in trunks))
    if config.pool == "cls" and isinstance(trunks[0], ImageEncoder):
        raise ModelError(
            "image encoders give no class token among their tokens",
            remedy="Use identity: the tower's own pooled vector is its class token",
        )
    if config.regions is not None and isinstance(trunks[0], TextEncoder):
        raise ModelError("texts have no regions to average", remedy="Leave regions out")
    return Adapter.create(config, _widths(trunks[0]))


def save(folder: str | Path, adapter: AnyAdapter, *trunks: Trunk) -> Path:
    """Write an adapter alone: its configuration, its weights, and the hash of its trunk."""
    return checkpoint.save_folder(
        Path(folder),
        model=NAME,
        config=recipe.to_table(adapter.config),
        weights=adapter.state_dict(),
        facts={"stands_on": [fingerprint(trunk) for trunk in trunks]},
    )


def load(folder: str | Path, *trunks: Trunk) -> AnyAdapter:
    """The adapter in a folder, for the trunk that it was trained on.

    Raises:
        CheckpointError: if it was trained on another trunk, or is no adapter, or is damaged.
        ModelError: if it does not fit.
    """
    found = checkpoint.load_folder(Path(folder))
    if found.model != NAME:
        raise CheckpointError(f"this folder holds a {found.model}, not an adapter", file=folder)
    _check_trunks(found.facts, trunks, folder)
    adapter = create(recipe.parse(found.config, AdapterConfig, where="config"), *trunks)
    if isinstance(adapter, TrunkAdapter):
        adapter.load_state_dict(found.weights)
    else:
        checkpoint.load_weights(adapter, found.weights, file=folder)
    return adapter


def _check_trunks(facts: Any, trunks: tuple[Trunk, ...], folder: str | Path) -> None:
    expected = facts.get("stands_on", [])
    for place, trunk in enumerate(trunks):
        here = fingerprint(trunk)
        if place >= len(expected) or expected[place] != here:
            wanted = expected[place][:12] if place < len(expected) else "none"
            raise CheckpointError(
                f"this adapter stands on another trunk: SHA-256 {wanted}…, not {here[:12]}…",
                remedy="Give it the trunk that it was trained on, or train it again on this one",
                file=folder,
            )


def fingerprint(trunk: Trunk) -> str:
    """SHA-256 of the ``model.safetensors`` that the trunk's weights make, without adapters.

    It is the hash that a shelf trunk of the same weights has (``models.trunks.ImageTrunk``).
    """
    prefix = "image." if isinstance(trunk, ImageEncoder) else ""
    weights = {prefix + name: value for name, value in trunk_weights(trunk).items()}
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / checkpoint.WEIGHTS
        checkpoint.save_tensors(file, weights)
        return checkpoint.sha256(file)


def _widths(trunk: nn.Module) -> Widths:
    if isinstance(trunk, ImageEncoder):
        return Widths(trunk.width, trunk.pooled_width)
    if isinstance(trunk, TextEncoder):
        return Widths(trunk.width, trunk.width)
    raise ModelError(
        f"{type(trunk).__name__} is no encoder that gives features",
        remedy="Give an ImageEncoder or a TextEncoder",
    )
