"""DeepSpeed ZeRO: optimizer state, gradients and parameters sharded by stage 1, 2 or 3.

Source: Rajbhandari et al., 2020, "ZeRO: Memory Optimizations Toward Training Trillion Parameter
Models", arXiv 1910.02054.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.distributed import get_rank, get_world_size
from torch.nn import functional

from vlkit.errors import MissingDependency
from vlkit.training import optimizer as optimizers
from vlkit.training.task import Batch, Encoding, Reps, Task, as_module

if TYPE_CHECKING:
    from accelerate import Accelerator

_KINDS = ("exp_avg", "exp_avg_sq")


class ZeroEngine:
    """A task under DeepSpeed, which owns its optimizer step.

    Its shards are put together for checkpoints, which are the same files as everybody's, so that
    a run may go on under another distribution.
    """

    scale = 1.0

    def __init__(
        self, task: Task, config: optimizers.Optimizer, accelerator: Accelerator, *, stage: int
    ) -> None:
        deepspeed = _deepspeed()
        self.task = task
        self.stage = stage
        self.scalars = [
            parameter for _, parameter in task.named_parameters() if parameter.ndim == 0
        ]
        groups = optimizers.groups_of(task, config)
        self.peaks = [group["lr"] for group in groups]
        with _scalars_hidden(task, stage):
            self.engine, *_ = deepspeed.initialize(
                model=Encoding(task).to(accelerator.device),
                optimizer=optimizers.adamw(groups, config),
                config=_settings(stage, config.clip, bf16=accelerator.mixed_precision == "bf16"),
                dist_init_required=False,
            )
        self._prepare_state()

    def encode(self, batch: Batch) -> Reps:
        reps: Reps = self.engine(batch)
        return {name: rep.float() if rep.is_floating_point() else rep for name, rep in reps.items()}

    def backward(self, value: Tensor, last: bool) -> None:
        self.engine.set_gradient_accumulation_boundary(is_boundary=last)
        self.engine.backward(value)

    @contextmanager
    def part(self, last: bool) -> Iterator[None]:
        yield

    def step(self, factor: float) -> float:
        for group, peak in zip(self.engine.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor
        self.engine.step()
        norm = self.engine.get_global_grad_norm()
        return float("nan") if norm is None else float(norm)

    @contextmanager
    def changing(self) -> Iterator[None]:
        with self._gathered(modifier_rank=0):
            before = [scalar.detach().clone() for scalar in self.scalars]
            yield
            after = [scalar.detach().clone() for scalar in self.scalars]
            if self.stage == 3:
                _give_dimension(self.scalars)
        for scalar, old, new in zip(self.scalars, before, after, strict=True):
            # What trains has a master copy, which would undo a clamp in the next step.
            if scalar.requires_grad and not torch.equal(old, new):
                self._set_master(scalar, new)

    def weights(self) -> dict[str, Tensor]:
        with self._gathered(modifier_rank=None):
            return self.whole(as_module(self.task).state_dict())

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: tensor.detach().to("cpu", copy=True).contiguous()
            for name, tensor in tensors.items()
        }

    def optimizer_state(self) -> dict[str, Tensor]:
        from deepspeed.utils import safe_get_full_optimizer_state

        steps = self._flat_states()[0]["step"]
        state: dict[str, Tensor] = {}
        for name, parameter in self.task.named_parameters():
            if parameter.requires_grad:
                for kind in _KINDS:
                    value = safe_get_full_optimizer_state(parameter, kind)
                    state[f"{name}/{kind}"] = value.detach().cpu().clone()
                state[f"{name}/step"] = steps.cpu().clone()
        return state

    def load_optimizer_state(self, state: Mapping[str, Tensor]) -> None:
        for name, parameter in self.task.named_parameters():
            if f"{name}/step" in state:
                for kind in _KINDS:
                    self._set_state(parameter, state[f"{name}/{kind}"], kind)
                self._set_steps(int(state[f"{name}/step"]))

    def bytes_held(self) -> dict[str, int]:
        """Of the shards that DeepSpeed keeps between steps.

        Gradients are counted where they stay after their reduction: whole in stage 1, the
        process's own part in stages 2 and 3.
        """
        # DeepSpeed hangs its shard on the parameter, which types don't know.
        parameters: list[Any] = [parameter for _, parameter in self.task.named_parameters()]
        training = [parameter for parameter in parameters if parameter.requires_grad]
        whole = sum(_whole_bytes(parameter) for parameter in training)
        states = [state[kind] for state in self._flat_states() for kind in _KINDS]
        held = sum(_whole_bytes(parameter) for parameter in parameters)
        if self.stage == 3:
            held = sum(parameter.ds_tensor.nbytes for parameter in parameters)
        part = sum(state["exp_avg"].nbytes for state in self._flat_states())
        return {
            "parameters": held,
            "gradients": whole if self.stage == 1 else part,
            "optimizer": sum(state.nbytes for state in states),
        }

    def _flats(self) -> list[Tensor]:
        """This process's shards of what trains, one for each of DeepSpeed's groups."""
        zero = self.engine.optimizer
        found: list[Tensor] = (
            zero.fp32_partitioned_groups_flat
            if self.stage == 3
            else zero.single_partition_of_fp32_groups
        )
        return found

    def _flat_states(self) -> list[dict[str, Any]]:
        return [self.engine.optimizer.optimizer.state[flat] for flat in self._flats()]

    def _prepare_state(self) -> None:
        """State of zeros, so that a checkpoint can be read into it and written before a step.

        Stages 1 and 2 link parameters to their state after the first group's step, when other
        groups have none yet; so they are linked here.
        """
        zero = self.engine.optimizer
        for flat in self._flats():
            zeros = {kind: torch.zeros_like(flat.data) for kind in _KINDS}
            zero.optimizer.state[flat] = {"step": torch.tensor(0.0), **zeros}
        if self.stage < 3:
            from deepspeed.utils import lazy_init_hp_params_optimizer_state

            for parameters, flat in zip(zero.bit16_groups, self._flats(), strict=True):
                lazy_init_hp_params_optimizer_state(parameters, flat, zero.optimizer.state)
            zero._hp_optimizer_states_linked = True

    def _set_master(self, parameter: Any, value: Tensor) -> None:
        from deepspeed.utils import safe_set_full_fp32_param, safe_set_local_fp32_param

        if self.stage < 3:
            safe_set_full_fp32_param(parameter, value)
        else:
            safe_set_local_fp32_param(parameter, _part(value, parameter))

    def _set_state(self, parameter: Any, value: Tensor, kind: str) -> None:
        from deepspeed.utils import safe_set_full_optimizer_state, safe_set_local_optimizer_state

        if self.stage < 3:
            safe_set_full_optimizer_state(parameter, value, kind)
        else:
            safe_set_local_optimizer_state(parameter, _part(value, parameter), kind)

    def _set_steps(self, steps: int) -> None:
        for state in self._flat_states():
            state["step"] = torch.tensor(float(steps))

    def _gathered(self, modifier_rank: int | None) -> Any:
        """All parameters whole; changes that a process makes are sent to the others."""
        import deepspeed

        parameters = list(as_module(self.task).parameters())
        return deepspeed.zero.GatheredParameters(
            parameters, modifier_rank=modifier_rank, enabled=self.stage == 3
        )


@contextmanager
def _scalars_hidden(task: Task, stage: int) -> Iterator[None]:
    """DeepSpeed sends first weights as bytes, and fails at parameters without a dimension.

    In stages 1 and 2 it is told not to send them, since they are the same everywhere by seed or
    checkpoint; in stage 3 they have a dimension while it cuts them up.
    """
    scalars: list[Any] = [p for _, p in task.named_parameters() if p.ndim == 0]
    for scalar in scalars:
        scalar.ds_optim_param = True
    if stage == 3:
        _give_dimension(scalars)
    try:
        yield
    finally:
        for scalar in scalars:
            del scalar.ds_optim_param
            if stage == 3:
                scalar.ds_shape = torch.Size(())


def _part(value: Tensor, parameter: Any) -> Tensor:
    """This process's part of a value under stage 3, the last one filled up with zeros.

    DeepSpeed cuts whole values itself, but fails where they don't divide by the processes.
    """
    size = parameter.ds_tensor.ds_numel
    missing = size * get_world_size() - value.numel()
    return functional.pad(value.flatten(), (0, missing)).narrow(0, get_rank() * size, size)


def _give_dimension(scalars: list[torch.nn.Parameter]) -> None:
    for scalar in scalars:
        scalar.data = scalar.data.reshape(1)


def _whole_bytes(parameter: Any) -> int:
    count = parameter.ds_numel if hasattr(parameter, "ds_numel") else parameter.numel()
    return int(count) * int(parameter.element_size())


def _settings(stage: int, clip: float | None, *, bf16: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "zero_optimization": {"stage": stage, "stage3_param_persistence_threshold": 0},
        "zero_force_ds_cpu_optimizer": False,
        "gradient_clipping": clip or 0.0,
        "steps_per_print": 2**31,
    }
    if bf16:
        settings["torch_autocast"] = {"enabled": True, "dtype": "bfloat16"}
    return settings


def _deepspeed() -> Any:
    try:
        import deepspeed
    except ImportError as error:
        raise MissingDependency(
            "distribution.kind asks for ZeRO, and DeepSpeed is not installed",
            remedy="pip install 'vlkit[deepspeed]', or take fsdp2, which shards as ZeRO-3 does",
        ) from error
    # Its own collectives for the CPU would be compiled here, for minutes; gloo's serve.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed
