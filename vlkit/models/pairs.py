"""Models with one space for pictures and texts, seen as the CLIP that each of them holds."""

from __future__ import annotations

from vlkit.checkpoint import Pretrained
from vlkit.errors import ModelError
from vlkit.models.clip import Clip
from vlkit.models.detailclip import DetailClip


def as_clip(model: Pretrained) -> Clip:
    """The towers and projections of a CLIP, or of a DetailCLIP's average.

    Raises:
        ModelError: The model has no vectors of pictures and texts to compare.
    """
    if isinstance(model, DetailClip):
        return model.to_clip()
    if isinstance(model, Clip):
        return model.eval()
    raise ModelError(
        f"a {model.model_name} has no vectors of pictures and texts to compare",
        remedy="Name a clip or a detailclip",
    )
