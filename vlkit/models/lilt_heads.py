"""What LiLT's two flows are read by: heads on text alone or on text and layout side by side.

Token, sequence and question-answering heads are those of the published checkpoints. The relation
head is the published biaffine one (Dozat and Manning, "Deep Biaffine Attention for Neural
Dependency Parsing", arXiv 1611.01734), computed for all pairs of a document at once. Heads that
pre-train get what they learn from ``vlkit.models.lilt_pretraining``.

Shapes: B documents, N tokens, W channels that a head sees, C labels, E entities, V ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlkit.entities.links import Link, decode
from vlkit.losses.tokens import masked_token, token_mean

Batch = dict[str, Tensor]
NONE = -100  # a label that does not count
GRID = 7  # regions along each side of the page
CORNERS = 3  # points of a box that are to be located: two corners and the centre
ENTITIES = ("HEADER", "QUESTION", "ANSWER")


class Flows(NamedTuple):
    """What LiLT gives.

    Attributes:
        text: [B, N, D].
        layout: [B, N, D / shrink].
        mask: [B, N] bool, True where a token is real.
    """

    text: Tensor
    layout: Tensor
    mask: Tensor


@dataclass(frozen=True)
class HeadConfig:
    """One head.

    Attributes:
        kind: ``tokens`` labels each token, ``sequence`` a whole document, ``relations`` links
            entities, ``answers`` finds where an answer begins and ends; ``masked`` gives the ids
            that were masked, ``regions`` where boxes were, ``alignment`` whether a token and a
            box belong together.
        labels: Of ``tokens`` and ``sequence``, in the order of their logits; of ``relations``
            the types of entities.
        flows: What it sees: ``text``, or ``both`` side by side.
        links: Of ``relations``. Which types may be linked, parent first.
        one_parent: Of ``relations``. Whether an entity has at most one parent, as
            ``has_one_parent`` finds in the data.
        dropout: While training.
    """

    kind: Literal["tokens", "sequence", "relations", "answers", "masked", "regions", "alignment"]
    labels: tuple[str, ...] = ()
    flows: Literal["text", "both"] = "both"
    links: tuple[tuple[str, str], ...] = (("QUESTION", "ANSWER"),)
    one_parent: bool = True
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.kind in ("tokens", "sequence", "relations") and not self.labels:
            raise ValueError(f"a head of kind '{self.kind}' needs labels")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels hold one twice")
        unknown = {name for link in self.links for name in link} - set(self.labels)
        if self.kind == "relations" and unknown:
            raise ValueError(f"links name {', '.join(sorted(unknown))}, which labels do not hold")


class Head(nn.Module):
    """A head; made by `create`.

    Args:
        config: Its settings.
        width: W.
        text_width: Channels of the text flow, which hidden layers take as their measure.
        vocab: V.
    """

    def __init__(self, config: HeadConfig, width: int, text_width: int, vocab: int) -> None:
        super().__init__()
        self.config = config
        self.dropout = nn.Dropout(config.dropout)

    @staticmethod
    def create(config: HeadConfig, width: int, text_width: int, vocab: int) -> Head:
        """The head of that kind with random weights."""
        return KINDS[config.kind](config, width, text_width, vocab)

    def seen(self, flows: Flows) -> Tensor:
        """[B, N, W], of the flows that it sees."""
        if self.config.flows == "text":
            return flows.text
        return torch.cat([flows.text, flows.layout], dim=-1)

    def forward(self, flows: Flows, batch: Batch, words: Tensor) -> Tensor:
        """Raw logits.

        Args:
            flows: Of the batch.
            batch: Whatever else the head needs.
            words: [V, D], the table of words.
        """
        raise NotImplementedError

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective, a scalar, and what is worth logging; it uses no parameter."""
        raise NotImplementedError


class TokenHead(Head):
    """A label for each token [B, N, C]; ``labels`` [B, N] of the batch, NONE where none counts."""

    def __init__(self, config: HeadConfig, width: int, text_width: int, vocab: int) -> None:
        super().__init__(config, width, text_width, vocab)
        self.linear = nn.Linear(width, len(config.labels))

    def forward(self, flows: Flows, batch: Batch, words: Tensor) -> Tensor:
        return self.of(self.seen(flows))

    def of(self, seen: Tensor) -> Tensor:
        """[..., W] → [..., C], for what was put together from windows."""
        logits: Tensor = self.linear(self.dropout(seen))
        return logits

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return _per_token(logits, batch["labels"], "tokens")


class MaskedHead(Head):
    """The id that stood at each token [B, N, V]; ``targets`` [B, N] as of ``TokenHead``.

    The table of words is the last layer, as in RoBERTa (arXiv 1907.11692). It costs as much as a
    small trunk, so where the batch says by ``masked_at`` [B, M] which tokens are asked for, -1
    where a document has fewer, logits are theirs alone [B, M, V].
    """

    def __init__(self, config: HeadConfig, width: int, text_width: int, vocab: int) -> None:
        super().__init__(config, width, text_width, vocab)
        self.dense = nn.Linear(width, text_width)
        self.norm = nn.LayerNorm(text_width)
        self.bias = nn.Parameter(torch.zeros(vocab))

    def forward(self, flows: Flows, batch: Batch, words: Tensor) -> Tensor:
        seen = self.seen(flows)
        if "masked_at" in batch:
            places = batch["masked_at"].clamp(min=0)[..., None]
            seen = seen.gather(1, places.expand(-1, -1, seen.shape[-1]))
        x = self.norm(functional.gelu(self.dense(seen)))
        return functional.linear(x, words, self.bias)

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy, a mean over masked tokens: LiLT's section 2.2.1."""
        targets = batch["targets"]
        if "masked_at" in batch:
            places = batch["masked_at"]
            targets = targets.gather(1, places.clamp(min=0)).masked_fill(places < 0, NONE)
        return _per_token(logits, targets, "masked")


class RegionHead(Head):
    """In which of the page's 7 x 7 regions the corners and the centre of each token's box were
    [B, N, 3, 49]; ``regions`` [B, N, 3] of the batch, NONE where nobody asks.
    """

    def __init__(self, config: HeadConfig, width: int, text_width: int, vocab: int) -> None:
        super().__init__(config, width, text_width, vocab)
        self.linear = nn.Linear(width, CORNERS * GRID**2)  # a separate head for each point

    def forward(self, flows: Flows, batch: Batch, words: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.seen(flows))
        return logits.reshape(*logits.shape[:2], CORNERS, GRID**2)

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy, a mean over points of masked boxes: LiLT's section 2.2.2."""
        return _per_token(logits.flatten(1, 2), batch["regions"].flatten(1), "regions")


class AlignmentHead(Head):
    """Whether each token stands in its own box [B, N, 2], logits of no and of yes; ``aligned``
    [B, N] of the batch, 0 or 1, and NONE where nobody asks.
    """

    def __init__(self, config: HeadConfig, width: int, text_width: int, vocab: int) -> None:
        super().__init__(config, width, text_width, vocab)
        self.linear = nn.Linear(width, 2)

    def forward(self, flows: Flows, batch: Batch, words: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.seen(flows))
        return logits

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy, a mean over pairs that were chosen: LiLT's section 2.2.3."""
        return _per_token(logits, batch["aligned"], "alignment")


class SequenceHead(Head):
    """A label for a whole document [B, C] by its first token; ``classes`` [B] of the batch."""

    def __init__(self, config: HeadConfig, width: int, text_width: int, vocab: int) -> None:
        super().__init__(config, width, text_width, vocab)
        self.dense = nn.Linear(width, text_width)
        self.out = nn.Linear(text_width, len(config.labels))

    def forward(self, flows: Flows, batch: Batch, words: Tensor) -> Tensor:
        x = torch.tanh(self.dense(self.dropout(self.seen(flows)[:, 0])))
        logits: Tensor = self.out(self.dropout(x))
        return logits

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        right = (logits.argmax(-1) == batch["classes"]).float().mean()
        return functional.cross_entropy(logits.float(), batch["classes"]), {"classes_right": right}


class AnswerHead(Head):
    """Where an answer begins and ends [B, N, 2]; ``spans`` [B, 2] of the batch, both included."""

    def __init__(self, config: HeadConfig, width: int, text_width: int, vocab: int) -> None:
        super().__init__(config, width, text_width, vocab)
        self.linear = nn.Linear(width, 2)

    def forward(self, flows: Flows, batch: Batch, words: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.seen(flows))
        return logits.masked_fill(~flows.mask[..., None], torch.finfo(logits.dtype).min)

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss = functional.cross_entropy(logits.float(), batch["spans"])
        right = (self.decode(logits) == batch["spans"]).all(dim=-1).float().mean()
        return loss, {"answers_right": right}

    def decode(self, logits: Tensor) -> Tensor:
        """[B, 2]: the most probable first and last token, of those in this order."""
        log_p = logits.float().log_softmax(dim=1)
        pairs = log_p[:, :, None, 0] + log_p[:, None, :, 1]
        n = logits.shape[1]
        backwards = torch.ones(n, n, dtype=torch.bool, device=logits.device).tril(-1)
        best = pairs.masked_fill(backwards, -torch.inf).flatten(1).argmax(dim=1)
        return torch.stack([best // n, best % n], dim=-1)


class RelationHead(Head):
    """Which entities are linked [B, E, E, 2], parent by child; logits of no and of yes.

    The batch holds the entities' first tokens ``starts`` [B, E], their ``types`` [B, E], -1 where
    a document has fewer, and to learn from ``links`` [B, E, E] bool. Of packed documents it holds
    ``documents`` [B, N] too, and links are sought within a document.
    """

    allowed: Tensor

    def __init__(self, config: HeadConfig, width: int, text_width: int, vocab: int) -> None:
        super().__init__(config, width, text_width, vocab)
        self.types = nn.Embedding(len(config.labels), width)
        inner = text_width // 2
        self.parent = self._ffn(2 * width, text_width, inner)
        self.child = self._ffn(2 * width, text_width, inner)
        self.bilinear = nn.Parameter(torch.empty(2, inner, inner))
        nn.init.uniform_(self.bilinear, -(inner**-0.5), inner**-0.5)
        self.linear = nn.Linear(2 * inner, 2)
        allowed = torch.zeros(len(config.labels), len(config.labels), dtype=torch.bool)
        for parent, child in config.links:
            allowed[config.labels.index(parent), config.labels.index(child)] = True
        self.register_buffer("allowed", allowed, persistent=False)

    def _ffn(self, width: int, hidden: int, inner: int) -> nn.Sequential:
        rate = self.config.dropout
        first = (nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(rate))
        return nn.Sequential(*first, nn.Linear(hidden, inner), nn.ReLU(), nn.Dropout(rate))

    def forward(self, flows: Flows, batch: Batch, words: Tensor) -> Tensor:
        seen = self.seen(flows)
        starts = batch["starts"].clamp(min=0)[..., None].expand(-1, -1, seen.shape[-1])
        return self.of(seen.gather(1, starts), batch["types"])

    def of(self, entities: Tensor, types: Tensor) -> Tensor:
        """Logits [B, E, E, 2] of entities from wherever: of all windows and pages together.

        Args:
            entities: [B, E, W], each entity's first token.
            types: [B, E].
        """
        x = torch.cat([entities, self.types(types.clamp(min=0))], dim=-1)
        parents, children = self.parent(x), self.child(x)
        pairs = torch.einsum("bpi,kij,bcj->bpck", parents, self.bilinear, children)
        of_parents, of_children = self.linear.weight.chunk(2, dim=-1)
        alone = functional.linear(parents, of_parents)[:, :, None]
        alone = alone + functional.linear(children, of_children, self.linear.bias)[:, None]
        logits: Tensor = pairs + alone
        return logits

    def candidates(self, batch: Batch) -> Tensor:
        """[B, E, E] bool: a parent and a child whose types, in one document, may be linked."""
        types = batch["types"]
        known, at = types >= 0, types.clamp(min=0)
        pairs = self.allowed[at[:, :, None], at[:, None]] & known[:, :, None] & known[:, None]
        if "documents" in batch:
            document = batch["documents"].gather(1, batch["starts"].clamp(min=0))
            pairs = pairs & (document[:, :, None] == document[:, None])
        return pairs

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy, a mean over all candidates of the batch."""
        candidates = self.candidates(batch)
        linked = batch["links"] & candidates
        losses = functional.cross_entropy(
            logits.float().movedim(-1, 1), linked.long(), reduction="none"
        )
        loss = token_mean((losses * candidates).sum(dim=(1, 2)), candidates.sum(dim=(1, 2)))
        said = (logits[..., 1] > logits[..., 0]) & candidates
        true = (said & linked).sum()
        return loss, {"links_f1": 2 * true / (said.sum() + linked.sum()).clamp(min=1)}

    def decode(self, logits: Tensor, candidates: Tensor) -> list[list[Link]]:
        """The links of each document, as ``vlkit.entities.links.decode`` chooses them.

        Args:
            logits: [B, E, E, 2].
            candidates: [B, E, E] bool.
        """
        odds = (logits[..., 1] - logits[..., 0]).float().masked_fill(~candidates, -torch.inf)
        return [list(decode(each, self.config.one_parent)) for each in odds.cpu().numpy()]


def has_one_parent(documents: Sequence[Sequence[tuple[int, int]]]) -> bool:
    """Whether in no document an entity has two parents.

    Args:
        documents: Of each its links, (parent, child).
    """
    return all(len({child for _, child in set(links)}) == len(set(links)) for links in documents)


def _per_token(logits: Tensor, targets: Tensor, name: str) -> tuple[Tensor, dict[str, Tensor]]:
    wanted = targets != NONE
    sums, counts = masked_token(logits, targets.clamp(min=0), wanted)
    right = ((logits.argmax(-1) == targets) & wanted).sum() / counts.sum().clamp(min=1)
    return token_mean(sums, counts), {f"{name}_right": right}


KINDS: dict[str, type[Head]] = {
    "tokens": TokenHead,
    "sequence": SequenceHead,
    "relations": RelationHead,
    "answers": AnswerHead,
    "masked": MaskedHead,
    "regions": RegionHead,
    "alignment": AlignmentHead,
}
