"""From a finished run to the shelf: the image tower by itself, and a CLIP that stands on it.

What trained, a teacher and its heads among it, stays whole in the run's own folder; the shelf gets
what is used, and each weight once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from vlkit import recipe
from vlkit.card import Made, render
from vlkit.checkpoint import Pretrained, save_folder
from vlkit.models.pairs import as_clip
from vlkit.models.trunks import ImageTrunk


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
    of_clip = _of(clip, made)
    return save_folder(
        shelf / made.card.name,
        model=clip.model_name,
        config=recipe.to_table(clip.config),
        weights=clip.state_dict(),
        tokenizer=tokenizer,
        card=render(of_clip),
        trunk=(trunk, ""),
        facts={"card": recipe.to_table(of_clip)},
    )


def _of(model: Pretrained, made: Made) -> Made:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return replace(made, model=model.model_name, cost=replace(made.cost, parameters=parameters))
