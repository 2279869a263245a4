"""Adapters on an encoder's features: Features in, Features out.

Shapes: B items, N tokens, D wide in, W wide out, Q queries.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlkit.adapters.config import AdapterConfig
from vlkit.errors import ModelError
from vlkit.nn.attention import attention
from vlkit.nn.features import Features, all_real, grid_boxes, pooled_of
from vlkit.nn.pooling import pool


@dataclass(frozen=True)
class Widths:
    """What an encoder gives: width of its tokens and of its pooled vector."""

    tokens: int
    pooled: int


class Adapter(nn.Module):
    """Features [B, N, D] to features [B, M, W]; made by `create`.

    Attributes:
        width: W, of the tokens that come out.
        pooled_width: Of the pooled vector that comes out; None where none does.
    """

    config: AdapterConfig
    width: int
    pooled_width: int | None

    @staticmethod
    def create(config: AdapterConfig, source: Widths) -> Adapter:
        """The adapter with random weights.

        Raises:
            ModelError: if it does not fit on features of these widths.
        """
        made = _KINDS.get(config.kind)
        if made is None:
            remedy = "Give a Fusion" if config.kind == "fusion" else "Use vlkit.adapters.tuning"
            raise ModelError(
                f"a {config.kind} adapter is none on one encoder's features", remedy=remedy
            )
        adapter = made(config, source)
        adapter.config = config
        return adapter

    def forward(self, features: Features) -> Features:
        raise NotImplementedError

    def pooled(self, features: Features) -> Tensor:
        """The pooled vector [B, W] alone, for those who need no tokens.

        Raises:
            ModelError: if none comes out.
        """
        return pooled_of(self(features))


class Identity(Adapter):
    """What comes in goes out."""

    def __init__(self, config: AdapterConfig, source: Widths) -> None:
        super().__init__()
        self.width, self.pooled_width = source.tokens, source.pooled

    def forward(self, features: Features) -> Features:
        return features


class _Projector(Adapter):
    """The same layers on each token and on the pooled vector."""

    def __init__(self, config: AdapterConfig, source: Widths) -> None:
        super().__init__()
        if source.tokens != source.pooled:
            raise ModelError(
                f"tokens of width {source.tokens} and a pooled vector of width {source.pooled} "
                "can't share a projection",
                remedy="Use a pool adapter first, or an identity",
            )
        self.width = self.pooled_width = config.integer("width")

    def project(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, features: Features) -> Features:
        pooled = None if features.pooled is None else self.project(features.pooled)
        return features._replace(tokens=self.project(features.tokens), pooled=pooled)

    def pooled(self, features: Features) -> Tensor:
        return self.project(pooled_of(features))


class Linear(_Projector):
    """x·A + b, CLIP's projection."""

    def __init__(self, config: AdapterConfig, source: Widths) -> None:
        super().__init__(config, source)
        self.proj = nn.Linear(source.tokens, self.width, bias=bool(config.bias))
        nn.init.normal_(self.proj.weight, std=source.tokens**-0.5)
        if config.bias:
            nn.init.zeros_(self.proj.bias)

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.proj(x)
        return projected


class Mlp(_Projector):
    """Linear, GELU, linear, as LLaVA-1.5's projector (arXiv 2310.03744)."""

    def __init__(self, config: AdapterConfig, source: Widths) -> None:
        super().__init__(config, source)
        hidden = config.integer("hidden")
        self.fc1 = nn.Linear(source.tokens, hidden, bias=bool(config.hidden_bias))
        self.fc2 = nn.Linear(hidden, self.width, bias=bool(config.bias))

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return projected


class Pool(Adapter):
    """One vector by a rule, without parameters; tokens stay as they are."""

    def __init__(self, config: AdapterConfig, source: Widths) -> None:
        super().__init__()
        assert config.pool is not None
        self.how = config.pool
        self.width = self.pooled_width = source.tokens

    def forward(self, features: Features) -> Features:
        return features._replace(pooled=pool(features.tokens, features.mask, self.how))


class _CrossAttention(nn.Module):
    """Queries [B, Q, W] look at keys [B, M, W]; both are normalised before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ModelError(
                f"a width of {width} does not divide into {heads} heads",
                remedy="Choose heads that divide the width",
            )
        self.heads = heads
        self.norm_q, self.norm_k = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
        """[B, Q, W]; mask: [B, M] bool, True where a key may be seen."""
        q = self.q(self.norm_q(queries)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        kv = self.kv(self.norm_k(keys)).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = None if mask is None else mask[:, None, None]
        out: Tensor = self.proj(attention(q, kv[0], kv[1], seen).transpose(1, 2).flatten(2))
        return out


def _feed_forward(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
    )


class _ResamplerBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.look = _CrossAttention(width, heads)
        self.think = _feed_forward(width)

    def forward(self, x: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        x = x + self.look(x, torch.cat([keys, x], dim=1), mask)
        thought: Tensor = self.think(x)
        return x + thought


class Resampler(Adapter):
    """Any number of tokens to Q learned queries: the perceiver resampler.

    Each block: queries attend to the tokens and to themselves at once, then a feed-forward
    layer, both with residuals. Source: Alayrac et al., "Flamingo", arXiv 2204.14198, section
    3.1.1 and figure 5 (without time embeddings). The pooled vector is the queries' mean.
    """

    def __init__(self, config: AdapterConfig, source: Widths) -> None:
        super().__init__()
        self.width = self.pooled_width = width = config.integer("width")
        self.proj = nn.Linear(source.tokens, width)
        self.queries = nn.Parameter(torch.randn(config.integer("queries"), width) * width**-0.5)
        heads, depth = config.integer("heads"), config.integer("depth")
        self.blocks = nn.ModuleList(_ResamplerBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Features) -> Features:
        keys = self.proj(features.tokens)
        x = self.queries.expand(len(keys), -1, -1)
        mask = torch.cat([features.mask, all_real(x)], dim=1)
        for block in self.blocks:
            x = block(x, keys, mask)
        x = self.norm(x)
        return Features(x, all_real(x), x.mean(dim=1))


class LatentAttention(Adapter):
    """Latent-attention pooling: tokens look up a learned dictionary of Q latents, then the mean.

    ``O = softmax(Q·Kᵀ/√d)·V`` with queries from the tokens, keys and values from the latents;
    then a feed-forward layer; both with residuals; then the mean over real tokens. Source: Lee
    et al., "NV-Embed", arXiv 2405.17428, section 3.2.
    """

    def __init__(self, config: AdapterConfig, source: Widths) -> None:
        super().__init__()
        self.width = self.pooled_width = width = source.tokens
        self.latents = nn.Parameter(torch.randn(config.integer("queries"), width) * width**-0.5)
        self.look = _CrossAttention(width, config.integer("heads"))
        self.think = _feed_forward(width)

    def forward(self, features: Features) -> Features:
        x = features.tokens
        x = x + self.look(x, self.latents.expand(len(x), -1, -1))
        x = x + self.think(x)
        return features._replace(tokens=x, pooled=pool(x, features.mask, "mean"))


class LateInteraction(Adapter):
    """A short vector of length 1 for each token, to be compared by `losses.late_interaction`.

    A linear layer without bias, then the norm, as ColBERT's (arXiv 2004.12832, section 3.2).
    Where ``regions`` are asked for, projected tokens that look into the same of regions ×
    regions parts of the picture are averaged before the norm; a part that no token looks into is
    masked. The pooled vector is the mean of all vectors: two such means give the mean of all
    products, good enough to choose what is worth comparing vector by vector.
    """

    def __init__(self, config: AdapterConfig, source: Widths) -> None:
        super().__init__()
        self.width = self.pooled_width = config.integer("width")
        self.regions = config.regions
        self.proj = nn.Linear(source.tokens, self.width, bias=False)
        nn.init.normal_(self.proj.weight, std=source.tokens**-0.5)

    def forward(self, features: Features) -> Features:
        """Raises ModelError if regions are asked for of tokens that look nowhere (texts)."""
        made = features._replace(tokens=self.proj(features.tokens))
        if self.regions is not None:
            made = averaged_over_regions(made, self.regions)
        tokens = functional.normalize(made.tokens, dim=-1)
        return made._replace(tokens=tokens, pooled=pool(tokens, made.mask, "mean"))


def averaged_over_regions(features: Features, side: int) -> Features:
    """One token for each of side × side parts of the picture: the mean of those that look there.

    Args:
        features: Tokens [B, N, D] with boxes; a token belongs where its box has its middle, so
            that patches may be left out, or lie on a grid that side does not divide.

    Returns:
        Tokens [B, side · side, D], row by row; the mask is False where no token belongs.

    Raises:
        ModelError: if the tokens have no boxes.
    """
    boxes, tokens = features.boxes, features.tokens
    if boxes is None:
        raise ModelError(
            "these tokens look at no part of a picture, so there are no regions to average",
            remedy="Leave regions out",
        )
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    x, y = (middle * side).long().clamp(0, side - 1).unbind(-1)
    belongs = functional.one_hot(y * side + x, side * side) * features.mask[..., None]
    counts = belongs.sum(dim=1)  # [B, side · side]
    total = torch.einsum("bnr,bnd->brd", belongs.to(tokens.dtype), tokens)
    mean = total / counts.clamp(min=1)[..., None]
    cells = grid_boxes(side, side).to(boxes).expand(len(tokens), -1, -1)
    return Features(mean, counts > 0, boxes=cells)


class Fusion(nn.Module):
    """Two trunks' features in one: each projected, then joined.

    ``channels`` (as Vary joins CLIP and its vocabulary, arXiv 2312.06109): both have
    as many tokens; each branch gives half the width. ``tokens``: one sequence after the other,
    each branch giving the full width; the pooled vector is the branches' mean.
    """

    def __init__(self, config: AdapterConfig, first: Widths, second: Widths) -> None:
        super().__init__()
        if config.kind != "fusion":
            raise ModelError(f"a {config.kind} adapter joins no two trunks")
        self.config = config
        self.join = config.join
        self.width = self.pooled_width = config.integer("width")
        if self.join == "channels" and self.width % 2:
            raise ModelError(f"two branches can't share a width of {self.width}, which is odd")
        half = self.width // 2 if self.join == "channels" else self.width
        branch = AdapterConfig("linear", width=half, bias=config.bias)
        self.first, self.second = Linear(branch, first), Linear(branch, second)

    def forward(self, first: Features, second: Features) -> Features:
        """Raises ModelError if channels are joined of unequally many tokens."""
        a, b = self.first(first), self.second(second)
        if self.join == "tokens":
            tokens, mask = torch.cat([a.tokens, b.tokens], 1), torch.cat([a.mask, b.mask], 1)
            boxes = None if a.boxes is None or b.boxes is None else torch.cat([a.boxes, b.boxes], 1)
            none = a.pooled is None or b.pooled is None
            return Features(tokens, mask, None if none else (a.pooled + b.pooled) / 2, boxes)
        if a.tokens.shape[1] != b.tokens.shape[1]:
            raise ModelError(
                f"{a.tokens.shape[1]} tokens of one trunk and {b.tokens.shape[1]} of the other "
                "can't be joined in the channels",
                remedy='Join them as tokens (join = "tokens"), or choose trunks of the same grid',
            )
        pooled = (
            None
            if a.pooled is None or b.pooled is None
            else torch.cat([a.pooled, b.pooled], dim=-1)
        )
        return Features(torch.cat([a.tokens, b.tokens], -1), a.mask & b.mask, pooled, a.boxes)


_KINDS: dict[str, type[Adapter]] = {
    "identity": Identity,
    "linear": Linear,
    "mlp": Mlp,
    "pool": Pool,
    "resampler": Resampler,
    "latent": LatentAttention,
    "late": LateInteraction,
}
