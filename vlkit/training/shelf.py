"""From a finished run to the shelf: the image tower by itself, and a CLIP that stands on it.

What trained, a teacher and its heads among it, stays whole in the run's own folder; the shelf gets
what is used, and each weight once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from vlkit import recipe
from vlkit.card import Made, render
from vlkit.checkpoint import Pretrained, save_folder, save_tensors
from vlkit.errors import OutputError
from vlkit.models.clip import Clip
from vlkit.models.lilt import Lilt
from vlkit.models.lines import LineReader
from vlkit.models.pairs import as_clip
from vlkit.models.trunks import ImageTrunk, TextTrunk
from vlkit.onnx import HEIGHT

GOLDEN = "golden.safetensors"
TEXT_TOKENS = 32
Golden = Clip | ImageTrunk | Lilt | LineReader | TextTrunk


@dataclass(frozen=True)
class ForShelf:
    """What is written for the shelf when training is over.

    Attributes:
        trunk: Name of the folder for the image tower.
    """

    trunk: str


def save_for_shelf(
    shelf: Path, wanted: ForShelf, model: Pretrained, tokenizer: Path, made: Made
) -> Path:
    """Write the trunk, and beside it the model that names the trunk's hash; gives the latter.

    Args:
        shelf: Folder for both.
        model: With its trained weights; of a DetailCLIP the average is taken.
        tokenizer: A ``tokenizer.json``.
        made: For both cards.

    Raises:
        ModelError: The model holds no CLIP.
        OutputError: A folder can't be written.
    """
    clip = as_clip(model)
    tower = ImageTrunk(clip.image)
    card = replace(
        made.card,
        name=wanted.trunk,
        summary=f"The image tower of {made.card.name} by itself, for models to stand on.",
    )
    of_trunk = _of(tower, replace(made, card=card))
    trunk = save_folder(
        shelf / wanted.trunk,
        model=tower.model_name,
        config=recipe.to_table(tower.config),
        weights=tower.state_dict(),
        card=render(of_trunk),
        facts={"card": recipe.to_table(of_trunk)},
    )
    save_golden(trunk, tower)
    of_clip = _of(clip, made)
    folder = save_folder(
        shelf / made.card.name,
        model=clip.model_name,
        config=recipe.to_table(clip.config),
        weights=clip.state_dict(),
        tokenizer=tokenizer,
        card=render(of_clip),
        trunk=(trunk, ""),
        facts={"card": recipe.to_table(of_clip)},
    )
    save_golden(folder, clip)
    return folder


def save_golden(folder: Path, model: Golden) -> None:
    """Write what the model makes of made-up inputs, for tests to ask for again.

    Raises:
        OutputError: The file can't be written.
    """
    try:
        save_tensors(folder / GOLDEN, golden_outputs(model))
    except OSError as error:
        raise OutputError(
            f"{GOLDEN} can't be written: {error.strerror or error}",
            remedy="Make room; training is done, and the same command writes what is missing",
            file=folder,
        ) from error


@torch.no_grad()
def golden_outputs(model: Golden) -> dict[str, Tensor]:
    """Vectors of a picture of waves and, of a CLIP, of the text whose tokens are 1, 2, 3, …

    Returns:
        ``tokens`` ``[1, N, W]`` and, where the model has them, ``pooled`` and ``text`` ``[1, W]``;
        of a line reader ``frames`` ``[1, T, C]``; of a LiLT ``text`` and ``layout``
        ``[1, N, W]`` and, with a token head, ``tokens`` ``[1, N, C]``.
    """
    model.eval()
    if isinstance(model, TextTrunk):
        read = model(torch.arange(1, TEXT_TOKENS + 1)[None])
        return {"tokens": read.tokens, "pooled": read.pooled}
    if isinstance(model, Lilt):
        return _of_lilt(model)
    if isinstance(model, LineReader):
        waves = torch.linspace(0, 90, HEIGHT * 10 * HEIGHT).sin().reshape(1, HEIGHT, 10 * HEIGHT)
        frames, _ = model.frames((127 * (1 + waves)).byte(), torch.tensor([10 * HEIGHT]))
        return {"frames": frames}
    side = model.image.image_size
    pixels = torch.linspace(0, 60, 3 * side * side).reshape(1, 3, side, side).sin()
    if isinstance(model, ImageTrunk):
        seen, read = model(pixels), None
    else:
        ids = torch.arange(1, model.text.context_length + 1)[None]
        ids[0, -1] = model.text.vocab_size - 1
        seen, read = model.encode_image(pixels), model.encode_text(ids).pooled
    found = {"tokens": seen.tokens, "pooled": seen.pooled, "text": read}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def _of_lilt(model: Lilt) -> dict[str, Tensor]:
    ids = torch.arange(TEXT_TOKENS)[None] % (model.config.vocab - 5) + 5  # past the padding id
    corner = torch.stack([ids * 37 % 800, ids * 53 % 900], dim=-1)
    boxes = torch.cat([corner, corner + torch.tensor([150, 40])], dim=-1)
    flows = model(ids, boxes)
    found = {"text": flows.text, "layout": flows.layout}
    if "tokens" in model.heads:
        head = model.head("tokens")
        found["tokens"] = head(flows, {}, model.text.words.weight)
    return found


def _of(model: Pretrained, made: Made) -> Made:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return replace(made, model=model.model_name, cost=replace(made.cost, parameters=parameters))
