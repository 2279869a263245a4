"""Adapters inside a trunk, by peft: LoRA (arXiv 2106.09685) and prefix tuning (arXiv 2101.00190).

peft takes 10 s to import, so it is imported where it is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from vlkit.adapters.config import AdapterConfig
from vlkit.errors import ModelError
from vlkit.nn.attention import attention
from vlkit.nn.images import ImageEncoder
from vlkit.nn.texts import TextEncoder

Trunk = ImageEncoder | TextEncoder | nn.Module


class TrunkAdapter:
    """A handle on what was put into a trunk; the trunk's own weights are frozen and unchanged.

    Attributes:
        config: The adapter's.
        model: What to call from now on: the encoder that was given, or, where the trunk is a
            model of transformers and the adapter a prefix, peft's model around it.
    """

    def __init__(self, config: AdapterConfig, trunk: Trunk) -> None:
        """Put a ``lora`` or ``prefix`` adapter into an encoder or a model of transformers.

        Raises:
            ModelError: if it does not fit, or if there is one in it already.
        """
        if config.kind not in ("lora", "prefix"):
            raise ModelError(
                f"a {config.kind} adapter is none inside a trunk",
                remedy="Put it on the trunk's features",
            )
        tower = _tower(trunk)
        if _is_wrapped(tower) or any(".lora_" in name for name in tower.state_dict()):
            raise ModelError(
                "there is an adapter in this trunk already", remedy="Remove or merge it first"
            )
        self.config = config
        self.model = trunk
        self._trained_before = [p for p in tower.parameters() if p.requires_grad]
        if config.kind == "lora":
            _inject(tower, config)
        else:
            self._replace(_with_prefix(tower, config))
            self._lengthen(-config.integer("length"))

    def parameters(self) -> Iterator[nn.Parameter]:
        """The adapter's own, which are all that train."""
        return (parameter for parameter in self.model.parameters() if parameter.requires_grad)

    def state_dict(self) -> dict[str, Tensor]:
        """The adapter's own weights."""
        from peft import get_peft_model_state_dict

        return dict(get_peft_model_state_dict(_tower(self.model)))

    def load_state_dict(self, weights: Mapping[str, Tensor]) -> None:
        """Take weights that `state_dict` of an equal adapter gave.

        Raises:
            ModelError: if they are of another one.
        """
        from peft import set_peft_model_state_dict

        wanted = {name: value.shape for name, value in self.state_dict().items()}
        if {name: value.shape for name, value in weights.items()} != wanted:
            raise ModelError(
                f"these weights are not of this {self.config.kind} adapter",
                remedy="Take the configuration that they were saved with",
            )
        set_peft_model_state_dict(_tower(self.model), dict(weights))

    def merge(self) -> nn.Module:
        """Fold a LoRA into the trunk's weights, which then cost what they did before.

        Raises:
            ModelError: for a prefix, which no weight can hold.
        """
        if self.config.kind != "lora":
            raise ModelError("a prefix can't be merged", remedy="Keep it, or train a LoRA")
        _unload(_tower(self.model), merge=True)
        return self._unfrozen()

    def remove(self) -> nn.Module:
        """Take it out; the trunk is as it was before."""
        if self.config.kind == "lora":
            _unload(_tower(self.model), merge=False)
        else:
            self._replace(_base(_tower(self.model)))
            self._lengthen(self.config.integer("length"))
        return self._unfrozen()

    def _unfrozen(self) -> nn.Module:
        for parameter in self._trained_before:
            parameter.requires_grad_(True)
        return self.model

    def _lengthen(self, tokens: int) -> None:
        """A prefix takes places that texts then lack."""
        if isinstance(self.model, TextEncoder):
            self.model.context_length += tokens

    def _replace(self, tower: nn.Module) -> None:
        if isinstance(self.model, ImageEncoder | TextEncoder):
            self.model.tower = tower
        else:
            self.model = tower


def trunk_weights(trunk: Trunk) -> dict[str, Tensor]:
    """The weights of a trunk under the names that it has without an adapter in it."""
    prefix = "tower." if isinstance(trunk, ImageEncoder | TextEncoder) else ""
    return {
        prefix + _plain_name(name): value
        for name, value in _base(_tower(trunk)).state_dict().items()
        if ".lora_" not in name
    }


def _plain_name(name: str) -> str:
    return name.replace(".base_layer.", ".").replace(".in_proj.", ".in_proj_")


def _tower(trunk: Trunk) -> nn.Module:
    if isinstance(trunk, ImageEncoder | TextEncoder):
        tower: nn.Module = trunk.tower
        return tower
    return trunk


def _is_wrapped(tower: nn.Module) -> bool:
    peft = sys.modules.get("peft")  # without it, nothing can be peft's
    return peft is not None and isinstance(tower, peft.PeftModel)


def _base(tower: nn.Module) -> nn.Module:
    if not _is_wrapped(tower):
        return tower
    wrapped: Any = tower
    base: nn.Module = wrapped.get_base_model()
    return base


def _inject(tower: nn.Module, config: AdapterConfig) -> None:
    from peft import LoraConfig, inject_adapter_in_model

    _split(tower)
    names, transposed = _targets(tower, config.targets or ())
    for parameter in tower.parameters():
        parameter.requires_grad_(False)
    lora = LoraConfig(
        r=config.integer("rank"),
        lora_alpha=config.alpha,  # type: ignore[arg-type]
        lora_dropout=config.dropout or 0.0,
        target_modules=names,
        fan_in_fan_out=transposed,
    )
    inject_adapter_in_model(lora, tower)


def _targets(tower: nn.Module, ends: tuple[str, ...]) -> tuple[list[str], bool]:
    """Names of the layers that get an update, and whether their weights are transposed (GPT-2)."""
    from transformers.pytorch_utils import Conv1D

    found = {
        name: module
        for name, module in tower.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
        and _in_a_block(name)
        and (not ends or any(f".{name}".endswith(f".{end}") for end in ends))
    }
    if not found:
        _join(tower)
        what = f" that ends in {' or '.join(ends)}" if ends else ""
        raise ModelError(
            f"this trunk has no linear layer or attention within its blocks{what}",
            remedy="Leave the targets out, or choose another adapter",
        )
    return list(found), any(isinstance(module, Conv1D) for module in found.values())


def _with_prefix(tower: nn.Module, config: AdapterConfig) -> nn.Module:
    from peft import PrefixTuningConfig, get_peft_model
    from transformers import PreTrainedModel

    if not isinstance(tower, PreTrainedModel):
        raise ModelError(
            "a prefix needs a model of transformers, whose attention takes keys and values",
            remedy="Use LoRA",
        )
    task = "CAUSAL_LM" if tower.can_generate() else "FEATURE_EXTRACTION"
    prefix = PrefixTuningConfig(task_type=task, num_virtual_tokens=config.integer("length"))
    wrapped: nn.Module = get_peft_model(tower, prefix)
    return wrapped


def _unload(tower: nn.Module, *, merge: bool) -> None:
    from peft.tuners.lora.layer import LoraLayer

    for name, layer in list(tower.named_modules()):
        if isinstance(layer, LoraLayer):
            if merge:
                layer.merge()
            tower.set_submodule(name, layer.get_base_layer())
    _join(tower)
    vars(tower).pop("peft_config", None)


def _split(tower: nn.Module) -> None:
    for name, module in list(tower.named_modules()):
        if type(module) is nn.MultiheadAttention and _in_a_block(name):
            tower.set_submodule(name, _SplitAttention(module))


def _join(tower: nn.Module) -> None:
    for name, module in list(tower.named_modules()):
        if isinstance(module, _SplitAttention):
            tower.set_submodule(name, module.joined())


def _in_a_block(name: str) -> bool:
    return any(part.isdigit() for part in name.split("."))


class _SplitAttention(nn.Module):
    """PyTorch's self-attention with its projections as linear layers, so that a LoRA can sit on
    them. (peft's own way with it adds the update to the frozen weights and takes it off again in
    every forward pass, which leaves them changed by rounding.)
    """

    def __init__(self, attn: nn.MultiheadAttention) -> None:
        super().__init__()
        self._attn = [attn]  # in a list, so that it is no part of this module
        self.num_heads = attn.num_heads
        width = attn.embed_dim
        self.in_proj = nn.Linear(width, 3 * width, device="meta")
        self.in_proj.weight, self.in_proj.bias = attn.in_proj_weight, attn.in_proj_bias
        self.out_proj = attn.out_proj

    def forward(
        self,
        x: Tensor,
        keys: Tensor,
        values: Tensor,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """Self-attention on [B, N, D]; mask [N, N] or [B·H, N, N], added to the scores."""
        qkv: Any = self.in_proj(x)
        qkv = qkv.unflatten(-1, (3, self.num_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if attn_mask is not None and attn_mask.ndim == 3:
            attn_mask = attn_mask.reshape(len(x), self.num_heads, *attn_mask.shape[1:])
        return self.out_proj(attention(q, k, v, attn_mask).transpose(1, 2).flatten(2)), None

    def joined(self) -> nn.MultiheadAttention:
        """PyTorch's own module again, with the weights as they are now."""
        attn: Any = self._attn[0]
        attn.in_proj_weight, attn.in_proj_bias = self.in_proj.weight, self.in_proj.bias
        attn.out_proj.weight, attn.out_proj.bias = self.out_proj.weight, self.out_proj.bias
        joined: nn.MultiheadAttention = attn
        return joined
