"""Models that are trained alike on four folds of the forms and measured on the fifth.

Each is trained by the loop of ``vlkit train`` as ``models/lilt-forms/recipe.toml`` says: the same
documents in the same order, as many steps. Arms differ in what is put in the place of our flows,
in what of it is trained, and in what it starts from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LiltConfig as TheirConfig
from transformers import LiltModel

from vlkit import recipe
from vlkit.checkpoint import TOKENIZER, load_weights
from vlkit.entities.pieces import WordPieces
from vlkit.models.lilt import Layer, Lilt, LiltConfig
from vlkit.models.lilt_heads import Flows
from vlkit.shelves import weight_files, weights_sha256
from vlkit.training.documents import document_samples
from vlkit.training.loop import train
from vlkit.training.pages import Speller
from vlkit.training.start import build_model
from vlkit.training.train import Recipe

RECIPE = Path("models/lilt-forms/recipe.toml")
WHOLE = ("stage=full", "optimizer.groups.text.rate=5e-5")
QUICK = ("steps=2", "batch.size=2", "checkpoints.every=2")


@dataclass(frozen=True)
class Arm:
    """What is trained.

    Attributes:
        settings: On top of the recipe's.
        start: Whether it starts from the pre-trained layout flow.
        text_head: Whether entities are read from the text flow alone, and links not at all.
        instead: What stands in the place of our flows, given our model with its first weights.
    """

    settings: tuple[str, ...] = ()
    start: bool = True
    text_head: bool = False
    instead: Callable[[Lilt], Lilt] | None = None

    @property
    def settled(self) -> dict[str, object]:
        """What figures depend on, as JSON can hold it."""
        folder = Path(recipe.read(RECIPE)["model"]["start"])
        known = self.start and weight_files(folder)
        start = weights_sha256(folder) if known else ""
        return {"settings": self.settings, "start": start, "text head": self.text_head}


class Alternative(Lilt):
    """Another trunk under our heads, tuned as a whole."""

    def set_stage(self, name: str) -> None:
        """All is trained, whatever the stage."""
        self.requires_grad_(requires_grad=True)


class OnTransformers(Alternative):
    """Transformers' LiLT in the place of our flows; it gives text alone."""

    def __init__(self, config: LiltConfig) -> None:
        super().__init__(config)
        self.theirs = LiltModel(their_config(config), add_pooling_layer=False)
        words = self.theirs.embeddings.word_embeddings
        self.layers, self.layout, self.text = nn.ModuleList(), nn.Identity(), _Words(words)

    @classmethod
    def like(cls, model: Lilt) -> OnTransformers:
        """With the model's weights."""
        found = cls(model.config)
        found.theirs.load_state_dict(their_weights(model))
        found.heads.load_state_dict(model.heads.state_dict())
        return found

    def forward(
        self,
        ids: Tensor,
        boxes: Tensor,
        mask: Tensor | None = None,
        documents: Tensor | None = None,
        *,
        detached: bool = False,
    ) -> Flows:
        assert mask is not None
        assert documents is None
        boxes = boxes.masked_fill(~mask[..., None], 0)
        text = self.theirs(ids, boxes, mask.long()).last_hidden_state
        return Flows(text, text[..., :0], mask)

    def _by_group(self) -> Iterator[tuple[str, nn.Parameter]]:
        """By their names, which are not ours."""
        for name, parameter in self.named_parameters():
            flow = "layout" if "layout" in name else "text"
            yield "heads" if name.startswith("heads.") else flow, parameter


class TextAlone(Alternative):
    """Our text flow without a layout flow: the trunk as it was trained, BERT's attention."""

    def __init__(self, config: LiltConfig) -> None:
        super().__init__(config)
        self.layout = nn.Identity()
        for layer in self.layers:
            layer.layout = nn.Identity()

    @classmethod
    def like(cls, model: Lilt) -> TextAlone:
        """With the model's weights."""
        found = cls(model.config)
        theirs = model.state_dict()
        found.load_state_dict({name: theirs[name] for name in found.state_dict()})
        return found

    def forward(
        self,
        ids: Tensor,
        boxes: Tensor,
        mask: Tensor | None = None,
        documents: Tensor | None = None,
        *,
        detached: bool = False,
    ) -> Flows:
        assert mask is not None
        assert documents is None
        text = self.text(ids, mask.cumsum(dim=1) * mask - 1)
        for layer in self.layers:
            assert isinstance(layer, Layer)
            q, k, v = layer.text.project(text)
            rate = layer.attention_dropout if self.training else 0.0
            attended = functional.scaled_dot_product_attention(
                q, k, v, attn_mask=mask[:, None, None], dropout_p=rate
            )
            text = layer.text.finish(text, attended)
        return Flows(text, text[..., :0], mask)


class _Words(nn.Module):
    """A table of words under the name that ours has."""

    def __init__(self, words: nn.Embedding) -> None:
        super().__init__()
        self.words = words


def their_config(config: LiltConfig) -> TheirConfig:
    """Transformers' of the same sizes. Its first position comes after the padding id, so where
    ours is 0, as in BERT, its table has a row more."""
    found = TheirConfig(
        vocab_size=config.vocab,
        hidden_size=config.width,
        num_hidden_layers=config.depth,
        num_attention_heads=config.attention_heads,
        intermediate_size=config.hidden,
        channel_shrink_ratio=config.shrink,
        max_position_embeddings=config.positions - config.first + config.pad_id + 1,
        pad_token_id=config.pad_id,
        type_vocab_size=config.token_types,
        layer_norm_eps=config.epsilon,
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.attention_dropout,
        max_2d_position_embeddings=config.coordinates,
    )
    found._attn_implementation = "eager"
    return found


def their_weights(model: Lilt) -> dict[str, Tensor]:
    """Our weights under transformers' names."""
    config = model.config
    missing = config.pad_id + 1 - config.first
    of_layout = config.pad_id + 1 - config.layout_first
    text, layout = model.text, model.layout
    found = {
        "embeddings.word_embeddings.weight": text.words.weight,
        "embeddings.position_embeddings.weight": _after(text.positions.weight, missing),
        "embeddings.token_type_embeddings.weight": text.types.weight,
        "layout_embeddings.box_position_embeddings.weight": _after(
            layout.positions.weight, of_layout
        ),
        **_module("embeddings.LayerNorm", text.norm),
        **_module("layout_embeddings.LayerNorm", layout.norm),
        **_module("layout_embeddings.box_linear_embeddings", layout.linear),
    }
    for side in "xyhw":
        table = getattr(layout, side).weight
        found[f"layout_embeddings.{side}_position_embeddings.weight"] = table
    for number, layer in enumerate(model.layers):
        for flow, prefix in ((layer.text, ""), (layer.layout, "layout_")):
            place = f"encoder.layer.{number}"
            for kind in ("weight", "bias"):
                thirds = getattr(flow.qkv, kind).chunk(3)
                for name, third in zip(("query", "key", "value"), thirds, strict=True):
                    found[f"{place}.attention.self.{prefix}{name}.{kind}"] = third
            found |= _module(f"{place}.attention.{prefix}output.dense", flow.out)
            found |= _module(f"{place}.attention.{prefix}output.LayerNorm", flow.norm1)
            found |= _module(f"{place}.{prefix}intermediate.dense", flow.fc1)
            found |= _module(f"{place}.{prefix}output.dense", flow.fc2)
            found |= _module(f"{place}.{prefix}output.LayerNorm", flow.norm2)
    return {name: weight.detach().clone() for name, weight in found.items()}


def _module(name: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{name}.{kind}": weight for kind, weight in module.named_parameters()}


def _after(table: Tensor, rows: int) -> Tensor:
    """A table after rows that are never looked up."""
    return torch.cat([table.new_zeros(rows, table.shape[1]), table])


ARMS = {
    "ours, adapter": Arm(),
    "ours, full": Arm(WHOLE),
    "ours, full, layout not pre-trained": Arm(WHOLE, start=False),
    "transformers": Arm(WHOLE, start=False, text_head=True, instead=OnTransformers.like),
    "text alone": Arm(WHOLE, start=False, text_head=True, instead=TextAlone.like),
}


def plan_of(arm: Arm, fold: int, output: Path, extra: Sequence[str] = ()) -> Recipe:
    """The recipe of an arm and a fold."""
    table = recipe.read(RECIPE)
    if not arm.start:
        table["model"].pop("start", None)
    if arm.text_head:
        heads = table["model"]["config"]["heads"]
        kept = [head | {"flows": "text"} for head in heads if head["kind"] == "tokens"]
        table["model"]["config"]["heads"] = kept
    settings = [*arm.settings, f"documents.fold={fold}", f'output="{output}"', *extra]
    return recipe.parse(recipe.expand(recipe.override(table, settings)), Recipe)


def speller(plan: Recipe, model: Lilt) -> Speller:
    """Pages to what the model reads, as it was trained."""
    assert plan.documents is not None
    assert plan.trunk is not None
    words = WordPieces(plan.trunk.folder / TOKENIZER)
    return Speller(words, plan.documents.boxes, model.config)


def trained(plan: Recipe, arm: Arm) -> Lilt:
    """An arm's model at the end of its plan; a run that was stopped goes on."""
    model = build_model(plan.model, plan.trunk, plan.seed)
    assert isinstance(model, Lilt)
    assert plan.documents is not None
    assert plan.trunk is not None
    task = arm.instead(model) if arm.instead else model
    places = [plan.trunk.folder]
    samples = document_samples(
        plan.documents, plan.tokens, places, task, plan.batch.size, plan.seed
    )
    done = train(task, samples.source, plan, {}, None)
    load_weights(task, done.weights)
    return task.eval()
