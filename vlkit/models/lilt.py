"""LiLT: a text flow and a narrow layout flow that look at the same places.

Wang et al., "LiLT: A Simple yet Effective Language-Independent Layout Transformer for Structured
Document Understanding", arXiv 2202.13669. The text flow is a BERT or RoBERTa; the layout flow is
its copy ``shrink`` times narrower, on boxes. Both add up their attention scores (BiACM)::

    S = Q_t K_tᵀ / √d_t + Q_l K_lᵀ / √d_l,   text: softmax(S) V_t,   layout: softmax(S) V_l

which is one attention over heads d_t + d_l wide. So any text trunk becomes a reader of documents,
and layouts learnt on one language's trunk serve another's.

Shapes: B documents, N tokens, D channels of text, D / shrink of layout, H attention heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from vlkit import recipe
from vlkit.checkpoint import CONFIG, WEIGHTS, Pretrained, load_tensors, load_weights, resolve
from vlkit.entities.boxes import LARGEST
from vlkit.errors import ModelError
from vlkit.models.convert import lilt as convert
from vlkit.models.lilt_boxes import check_boxes
from vlkit.models.lilt_heads import Batch, Flows, Head, HeadConfig
from vlkit.nn.attention import biacm

ACTIVATIONS = {"gelu": nn.GELU(), "gelu_tanh": nn.GELU(approximate="tanh"), "relu": nn.ReLU()}


@dataclass(frozen=True)
class LiltConfig:
    """Both flows, and what reads them.

    Attributes:
        vocab: Number of token ids.
        width: D.
        depth: Layers.
        attention_heads: H, of both flows.
        hidden: Width of a text layer's hidden layer; that of layout is ``shrink`` times narrower.
        shrink: How many times narrower layout is.
        positions: Rows of the text flow's table of positions.
        first: The row of the first token: 0 in BERT, after the padding id in RoBERTa.
        layout_positions: As ``positions``, of the layout flow.
        layout_first: As ``first``, of the layout flow.
        coordinates: Rows of the tables of coordinates, which are 0..1000.
        token_types: Rows of the text flow's table of token types; all tokens are of the first.
        pad_id: The token that fills up short documents.
        activation: Of hidden layers.
        epsilon: Of layer norms.
        dropout: Of what a layer adds, while training.
        attention_dropout: Of attention, one mask for both flows.
        heads: What is read out, one head of a kind.
    """

    vocab: int
    width: int = 768
    depth: int = 12
    attention_heads: int = 12
    hidden: int = 3072
    shrink: int = 4
    positions: int = 514
    first: int = 2
    layout_positions: int = 514
    layout_first: int = 2
    coordinates: int = 1024
    token_types: int = 1
    pad_id: int = 1
    activation: Literal["gelu", "gelu_tanh", "relu"] = "gelu"
    epsilon: float = 1e-5
    dropout: float = 0.1
    attention_dropout: float = 0.1
    heads: tuple[HeadConfig, ...] = ()

    def __post_init__(self) -> None:
        if self.width % (self.attention_heads * self.shrink) or self.hidden % self.shrink:
            raise ValueError(
                f"width {self.width} and hidden {self.hidden} do not divide into "
                f"{self.attention_heads} attention heads {self.shrink} times narrower"
            )
        kinds = [head.kind for head in self.heads]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"heads hold one kind twice: {', '.join(kinds)}")

    @property
    def layout_width(self) -> int:
        """D / shrink."""
        return self.width // self.shrink

    @property
    def context_length(self) -> int:
        """The most tokens of a document."""
        return min(self.positions - self.first, self.layout_positions - self.layout_first)


class Lilt(Pretrained):
    """Both flows and their heads."""

    model_name: ClassVar[str] = "lilt"
    Config: ClassVar[type[LiltConfig]] = LiltConfig
    stages = ("adapter", "full", "pretraining")

    def __init__(self, config: LiltConfig) -> None:
        super().__init__()
        self.config: LiltConfig = config
        self.detached = False
        self.text = TextEmbeddings(config)
        self.layout = LayoutEmbeddings(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.depth))
        self.heads = nn.ModuleDict()
        for head in config.heads:
            both = config.width + config.layout_width
            width = config.width if head.flows == "text" else both
            self.heads[head.kind] = Head.create(head, width, config.width, config.vocab)
        self.apply(_initialise)
        if config.heads and all(head.flows == "text" for head in config.heads):
            self._freeze_unread()

    def _freeze_unread(self) -> None:
        """What gives the last layer's layout, which text heads do not see."""
        last = self.layers[-1].layout
        assert isinstance(last, FlowLayer)
        for part in (last.out, last.norm1, last.fc1, last.fc2, last.norm2):
            part.requires_grad_(requires_grad=False)

    @classmethod
    def from_config(cls, config: LiltConfig) -> Lilt:
        """The model with random weights."""
        return cls(config)

    # What comes out

    def forward(
        self,
        ids: Tensor,
        boxes: Tensor,
        mask: Tensor | None = None,
        documents: Tensor | None = None,
        *,
        detached: bool = False,
    ) -> Flows:
        """Both flows after the last layer.

        Args:
            ids: [B, N] int64, N up to `context_length`.
            boxes: [B, N, 4] whole numbers 0..1000: left, top, right, bottom, as thousandths of
                the page's width and height.
            mask: [B, N] bool, True where a token is real; by default where it is not padding.
            documents: [B, N], of packed rows: a number for each token's document, 0 for padding.
                Tokens see their own document, and positions count within it.
            detached: Layout does not teach text its scores, as in pre-training.

        Raises:
            ModelError: Documents are too long or empty, or tokens of another vocabulary.
            InputError: A box is out of range or order.
        """
        if mask is None:
            mask = ids != self.config.pad_id if documents is None else documents > 0
        mask = mask.bool()
        seen, places = _seen(ids != self.config.pad_id, mask, documents)
        boxes = boxes.masked_fill(~mask[..., None], 0)
        whole = False
        if not torch.compiler.is_compiling():  # what is wrong is said before it is an index
            whole = self._check(ids, boxes, mask, places) and documents is None
        text, layout = self.text(ids, places), self.layout(boxes, places)
        for layer in self.layers:
            text, layout = layer(text, layout, None if whole else seen, detached)
        return Flows(text, layout, mask)

    def _check(self, ids: Tensor, boxes: Tensor, mask: Tensor, places: Tensor) -> bool:
        """Refuse what can't be looked up; whether nothing is padding."""
        check_boxes(boxes, min(LARGEST, self.config.coordinates - 1))
        if not ids.numel():
            raise ModelError("there is no document", remedy="Give one token at least")
        strange = (ids < 0) | (ids >= self.config.vocab)
        found = (strange.any(), places.max(), mask.any(dim=1).all(), mask.all())
        foreign, last, filled, whole = torch.stack([each.long() for each in found]).tolist()
        if foreign:
            raise ModelError(
                f"token id {int(ids[strange][0])} is not among the model's {self.config.vocab}",
                remedy="Take the tokenizer that belongs to it",
            )
        if last >= self.config.context_length:
            raise ModelError(
                f"a document has {last + 1} tokens, and the model "
                f"{self.config.context_length} positions",
                remedy="Read it in windows, as vlkit.models.lilt_windows does",
            )
        if not filled:
            empty = int((~mask.any(dim=1)).nonzero()[0])
            raise ModelError(f"document {empty} has no token", remedy="Leave out empty pages")
        return bool(whole)

    # Objective

    def encode(self, batch: Batch) -> dict[str, Tensor]:
        """``ids`` [B, N], ``boxes`` [B, N, 4] and perhaps ``mask`` or ``documents`` [B, N] to the
        logits of each head, by its kind.

        Raises:
            ModelError: Documents are packed for a head that reads a row as one document.
        """
        of_rows = [kind for kind in ("sequence", "answers") if kind in self.heads]
        if "documents" in batch and of_rows:
            raise ModelError(
                f"the head '{of_rows[0]}' reads one document a row, but documents are packed",
                remedy="Give it batches that are not packed",
            )
        given = batch["ids"], batch["boxes"], batch.get("mask"), batch.get("documents")
        flows = self(*given, detached=self.detached)
        words = self.text.words.weight
        return {kind: head(flows, batch, words) for kind, head in self.heads.items()}

    def loss(self, reps: dict[str, Tensor], batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the heads' objectives, from what `encode` gave."""
        total = torch.zeros((), device=batch["ids"].device)
        logs: dict[str, Tensor] = {}
        for kind, logits in reps.items():
            loss, more = self.head(kind).loss(logits, batch)
            total = total + loss
            logs |= {kind: loss.detach(), **more}
        return total, logs

    def head(self, kind: str) -> Head:
        """The head of a kind.

        Raises:
            ModelError: The model has none.
        """
        if kind not in self.heads:
            raise ModelError(
                f"this model has no head '{kind}'",
                remedy=f"It has: {', '.join(self.heads) or 'none'}",
            )
        found = self.heads[kind]
        assert isinstance(found, Head)
        return found

    def after_step(self, step: int) -> None:
        """Nothing to do."""

    def set_stage(self, name: str) -> None:
        """``adapter`` trains layout and heads on a frozen text trunk, ``full`` trains all, and
        ``pretraining`` all with text's scores detached from layout.
        """
        self.detached = name == "pretraining"
        for group, parameter in self._by_group():
            if group == "text":
                parameter.requires_grad_(name != "adapter")

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """``text``, ``layout`` and ``heads``: those that train."""
        groups: dict[str, list[nn.Parameter]] = {"text": [], "layout": [], "heads": []}
        for group, parameter in self._by_group():
            if parameter.requires_grad:
                groups[group].append(parameter)
        return groups

    def _by_group(self) -> Iterator[tuple[str, nn.Parameter]]:
        for name, parameter in self.named_parameters():
            flow = "layout" if convert.is_layout(name) else "text"
            yield "heads" if name.startswith("heads.") else flow, parameter

    # Where models come from

    @classmethod
    def from_original(
        cls,
        state_dict: Mapping[str, Tensor],
        config: Mapping[str, Any],
        *,
        file: object = None,
    ) -> Lilt:
        """The model with weights of the original repository or of transformers.

        Heads are those that the weights hold; a token head sees both flows or text alone by its
        width. A masked-token head and a pooler are left out.

        Args:
            state_dict: With the original names, with or without ``lilt.`` before them; a text
                flow's may also be those of its BERT or RoBERTa.
            config: As in config.json of a LiLT of transformers.
            file: Where they lie, for messages.

        Raises:
            CheckpointError: A weight is missing, or is none of LiLT's.
            ModelError: The configuration departs from what can be built here.
        """
        weights = convert.renamed(state_dict)
        model = cls(recipe.parse(convert.lilt_table(config, weights), LiltConfig))
        load_weights(model, weights, file=file)
        return model.eval()

    @classmethod
    def from_hugging_face(cls, folder: Path) -> Lilt:
        """The model in a folder of a LiLT of transformers (config.json, model.safetensors).

        Raises:
            CheckpointError, ModelError: As ``from_original``, or a file is missing or damaged.
        """
        config = convert.read_hugging_face(folder / CONFIG)
        file = folder / WEIGHTS
        return cls.from_original(load_tensors(file), config, file=file)

    @classmethod
    def from_text_model(
        cls,
        source: str | Path,
        *,
        heads: Sequence[HeadConfig] = (),
        shrink: int = 4,
        layout: Mapping[str, Tensor] | None = None,
    ) -> Lilt:
        """A layout flow on a BERT, RoBERTa or XLM-R that was trained without boxes.

        Args:
            source: Its folder (config.json, model.safetensors) or hub id.
            heads: To put on, with random weights.
            shrink: How many times narrower layout is.
            layout: A published layout flow to put on, with the original names; those of a text
                flow or a head beside it are left out. By default a new one with random weights.

        Raises:
            CheckpointError: A weight of the text model or of the layout flow is missing.
            ModelError: It is no text model that a layout flow fits on.
        """
        folder = resolve(source)
        weights = convert.text_weights(load_tensors(folder / WEIGHTS))
        table = convert.text_table(convert.read_hugging_face(folder / CONFIG), weights)
        flow = {} if layout is None else convert.layout_weights(layout)
        table |= convert.layout_table(table, flow, shrink)
        config = recipe.parse(table, LiltConfig)
        model = cls(replace(config, heads=tuple(heads)))
        fresh = {
            name: weight
            for name, weight in model.state_dict().items()
            if name.startswith("heads.") or (layout is None and convert.is_layout(name))
        }
        load_weights(model, {**weights, **flow, **fresh}, file=folder / WEIGHTS)
        return model.eval()


# ---- modules --------------------------------------------------------------------------------


class TextEmbeddings(nn.Module):
    """Ids [B, N] and places [B, N] to text [B, N, D]."""

    def __init__(self, config: LiltConfig) -> None:
        super().__init__()
        self.first = config.first
        self.words = nn.Embedding(config.vocab, config.width)
        self.positions = nn.Embedding(config.positions, config.width)
        self.types = nn.Embedding(config.token_types, config.width)
        self.norm = nn.LayerNorm(config.width, eps=config.epsilon)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, ids: Tensor, places: Tensor) -> Tensor:
        positions = self.positions((places + self.first).clamp(min=0))
        x: Tensor = self.dropout(self.norm(self.words(ids) + self.types.weight[0] + positions))
        return x


class LayoutEmbeddings(nn.Module):
    """Boxes [B, N, 4] and places [B, N] to layout [B, N, D / shrink]."""

    def __init__(self, config: LiltConfig) -> None:
        super().__init__()
        self.first = config.layout_first
        part = config.width // 6  # which need not divide
        self.x, self.y, self.h, self.w = (nn.Embedding(config.coordinates, part) for _ in range(4))
        self.linear = nn.Linear(6 * part, config.layout_width)
        self.positions = nn.Embedding(config.layout_positions, config.layout_width)
        self.norm = nn.LayerNorm(config.layout_width, eps=config.epsilon)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, boxes: Tensor, places: Tensor) -> Tensor:
        x0, y0, x1, y1 = boxes.unbind(dim=-1)
        corners = [self.x(x0), self.y(y0), self.x(x1), self.y(y1)]
        x = self.linear(torch.cat([*corners, self.h(y1 - y0), self.w(x1 - x0)], dim=-1))
        positions = self.positions((places + self.first).clamp(min=0))
        out: Tensor = self.dropout(self.norm(x + positions))
        return out


class Layer(nn.Module):
    """A layer of each flow, with one attention for both."""

    def __init__(self, config: LiltConfig) -> None:
        super().__init__()
        self.attention_dropout = config.attention_dropout
        self.text = FlowLayer(config, config.width, config.hidden)
        self.layout = FlowLayer(config, config.layout_width, config.hidden // config.shrink)

    def forward(
        self, text: Tensor, layout: Tensor, mask: Tensor | None, detached: bool
    ) -> tuple[Tensor, Tensor]:
        """[B, N, D] and [B, N, D / shrink] to the same; ``mask`` broadcasts to [B, H, N, N]."""
        of_text, of_layout = biacm(
            self.text.project(text),
            self.layout.project(layout),
            mask,
            dropout=self.attention_dropout if self.training else 0.0,
            detached=detached,
        )
        return self.text.finish(text, of_text), self.layout.finish(layout, of_layout)


class FlowLayer(nn.Module):
    """What a flow has of its own in a layer: BERT's, norms after the sums."""

    def __init__(self, config: LiltConfig, width: int, hidden: int) -> None:
        super().__init__()
        self.attention_heads = config.attention_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=config.epsilon) for _ in range(2))
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.activation = ACTIVATIONS[config.activation]
        self.dropout = nn.Dropout(config.dropout)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, N, C] to queries, keys and values [B, H, N, C / H]."""
        heads = self.qkv(x).unflatten(-1, (3, self.attention_heads, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        return q, k, v

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """[B, N, C] and what was attended to [B, H, N, C / H] to [B, N, C]."""
        x = self.norm1(x + self.dropout(self.out(attended.transpose(1, 2).flatten(2))))
        hidden = self.fc2(self.activation(self.fc1(x)))
        out: Tensor = self.norm2(x + self.dropout(hidden))
        return out


def _seen(counted: Tensor, mask: Tensor, documents: Tensor | None) -> tuple[Tensor, Tensor]:
    """Which keys may be seen, and each token's place in its document, -1 for padding.

    Args:
        counted: [B, N] bool, tokens that positions count: not the padding id.
        mask: [B, N] bool.
        documents: [B, N], of packed rows.

    Returns:
        A mask that broadcasts to [B, 1, N, N], and [B, N].
    """
    if documents is None:
        return mask[:, None, None], counted.cumsum(dim=1) * counted - 1
    same = documents[:, :, None] == documents[:, None]
    before = (same & counted[:, None]).tril().sum(dim=-1)
    return same[:, None], before * counted - 1


def _initialise(module: nn.Module) -> None:
    """BERT's."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
