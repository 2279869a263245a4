"""Where a task lies: one process, DDP, FSDP2 or ZeRO, applied to it from outside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from vlkit.errors import RecipeError
from vlkit.training import optimizer as optimizers
from vlkit.training.gradcache import Passes
from vlkit.training.task import Batch, Encoding, Reps, Task, blocks

if TYPE_CHECKING:
    from accelerate import Accelerator

Precision = Literal["fp32", "bf16", "fp16"]
Kind = Literal["ddp", "fsdp2", "zero1", "zero2", "zero3"]

# What fp16's loss scaling knows: its factor, and the good steps since it last changed.
_SCALER = ("scale", "_growth_tracker")


@dataclass(frozen=True)
class Distribution:
    """How several processes share the work; one process needs nothing of it.

    Processes are started from outside: ``torchrun --nproc-per-node 2 -m vlkit train …``.
    """

    kind: Kind = "ddp"


def start(precision: Precision, kind: Kind) -> Accelerator:
    """Join the processes; choose the device.

    Raises:
        RecipeError: The precision does not go with the device or the kind.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    cpu = not torch.cuda.is_available()
    if precision == "fp16" and cpu:
        raise RecipeError("precision is 'fp16', which needs an accelerator", remedy="Take 'bf16'")
    if precision == "fp16" and kind != "ddp":
        raise RecipeError(f"precision is 'fp16', which {kind} does not scale", remedy="Take 'bf16'")
    # The state outlives a run, and a process may train twice.
    AcceleratorState._reset_state()
    return Accelerator(cpu=cpu, mixed_precision="no" if precision == "fp32" else precision)


def leave() -> None:
    """Part from the other processes, after the last that they do together."""
    from accelerate.state import AcceleratorState

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        AcceleratorState._reset_state(reset_partial_state=True)


class Engine(Passes, Protocol):
    """A task with its optimizer on the processes."""

    def step(self, factor: float) -> float:
        """Clip, step, forget gradients; gives the gradient's norm.

        A norm that is not finite changes nothing, and is given as it is.
        """

    def changing(self) -> AbstractContextManager[None]:
        """Around what changes weights besides the optimizer: they are whole, or shards alike.

        Under ZeRO, of what trains only scalars may change (a clamped temperature).
        """

    def weights(self) -> dict[str, Tensor]:
        """The task's whole state dict on the CPU; all processes must call it."""

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Whole copies on the CPU of what may be shards; all processes must call it."""

    def optimizer_state(self) -> dict[str, Tensor]:
        """Whole optimizer state, as ``parameter/kind``; all processes must call it."""

    def load_optimizer_state(self, state: Mapping[str, Tensor]) -> None: ...

    def bytes_held(self) -> dict[str, int]:
        """Bytes of parameters, gradients and optimizer state that this process holds."""


def distribute(
    task: Task, config: optimizers.Optimizer, accelerator: Accelerator, kind: Kind
) -> Engine:
    """Put a task on the processes that were started, and build its optimizer."""
    if kind.startswith("zero") and accelerator.num_processes > 1:
        from vlkit.training.zero import ZeroEngine

        return ZeroEngine(task, config, accelerator, stage=int(kind[-1]))
    return TorchEngine(task, config, accelerator, sharded=kind == "fsdp2")


class TorchEngine:
    """One process, DDP or FSDP2."""

    def __init__(
        self,
        task: Task,
        config: optimizers.Optimizer,
        accelerator: Accelerator,
        *,
        sharded: bool,
    ) -> None:
        self.task = task
        self.accelerator = accelerator
        self.clip = config.clip
        self.sharded = sharded and accelerator.num_processes > 1
        self.module: nn.Module = Encoding(task).to(accelerator.device)
        if self.sharded:
            _shard(self.module, task, accelerator.device)
        elif accelerator.num_processes > 1:
            # Buffers such as centres are made equal by the task; sending them in every forward
            # would also disturb the passes of a cached step.
            self.module = nn.parallel.DistributedDataParallel(
                self.module, broadcast_buffers=False, gradient_as_bucket_view=True
            )
        self.optimizer = optimizers.adamw(optimizers.groups_of(task, config), config)
        self.peaks = [group["lr"] for group in self.optimizer.param_groups]
        self.scaler = torch.amp.GradScaler(
            accelerator.device.type, enabled=accelerator.mixed_precision == "fp16"
        )

    @property
    def scale(self) -> float:
        if self.scaler.is_enabled():  # its factor begins with the first tensor that it scales
            self.scaler.scale(torch.ones((), device=self.accelerator.device))
        return self.scaler.get_scale()

    def encode(self, batch: Batch) -> Reps:
        with self.accelerator.autocast():
            reps: Reps = self.module(batch)
        return {name: rep.float() if rep.is_floating_point() else rep for name, rep in reps.items()}

    def backward(self, value: Tensor, last: bool) -> None:
        value.backward()  # type: ignore[no-untyped-call]

    @contextmanager
    def part(self, last: bool) -> Iterator[None]:
        if last or self.accelerator.num_processes == 1:
            yield
        elif isinstance(self.module, nn.parallel.DistributedDataParallel):
            with self.module.no_sync():
                yield
        else:
            # FSDP2 keeps gradients whole until they meet; reducing each part's is as right, and
            # keeps memory sharded.
            yield

    def step(self, factor: float) -> float:
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor
        self.scaler.unscale_(self.optimizer)
        gradients = self._gradients()
        norm = _norm(gradients)
        if self.clip is not None and self.clip < norm < math.inf:
            for gradient in gradients:
                gradient.mul_(self.clip / norm)
        if math.isfinite(norm):
            self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        return norm

    def _gradients(self) -> list[Tensor]:
        """Of all that trains; those that FSDP2 leaves whole meet here."""
        found = [
            parameter.grad
            for group in self.optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        if self.sharded:
            for gradient in found:
                if not isinstance(gradient, DTensor):
                    torch.distributed.all_reduce(gradient)
                    gradient /= self.accelerator.num_processes
        return found

    def changing(self) -> AbstractContextManager[None]:
        return nullcontext()

    def weights(self) -> dict[str, Tensor]:
        return self.whole(self.task.state_dict())

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: _whole(tensor) for name, tensor in tensors.items()}

    def optimizer_state(self) -> dict[str, Tensor]:
        state: dict[str, Tensor] = {}
        for name, parameter in self.task.named_parameters():
            for kind, value in self.optimizer.state.get(parameter, {}).items():
                state[f"{name}/{kind}"] = _whole(value)
        if self.scaler.is_enabled():
            scaler = self.scaler.state_dict()
            state |= {f"/{name}": torch.tensor(scaler[name]) for name in _SCALER}
        return state

    def load_optimizer_state(self, state: Mapping[str, Tensor]) -> None:
        for name, parameter in self.task.named_parameters():
            if not parameter.requires_grad:
                continue
            kinds = {}
            for kind in ("exp_avg", "exp_avg_sq", "step"):
                if f"{name}/{kind}" in state:
                    value = state[f"{name}/{kind}"]
                    # The step counter is whole, and stays on the CPU.
                    kinds[kind] = (
                        value.clone() if kind == "step" else optimizers.laid_as(value, parameter)
                    )
            if kinds:
                self.optimizer.state[parameter] = kinds
        if self.scaler.is_enabled():
            saved = {name: state[f"/{name}"].item() for name in _SCALER}
            self.scaler.load_state_dict({**self.scaler.state_dict(), **saved})

    def bytes_held(self) -> dict[str, int]:
        parameters = [parameter for _, parameter in self.task.named_parameters()]
        training = [parameter for parameter in parameters if parameter.requires_grad]
        states = [
            value
            for parameter in training
            for kind, value in self.optimizer.state.get(parameter, {}).items()
            if kind != "step"
        ]
        return {
            "parameters": sum(map(local_bytes, parameters)),
            # A gradient lies as its parameter does.
            "gradients": sum(map(local_bytes, training)),
            "optimizer": sum(map(local_bytes, states)),
        }


def _shard(module: nn.Module, task: Task, device: torch.device) -> None:
    """FSDP2: each block gathered when it is used, the rest with the whole."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    world = torch.distributed.get_world_size()
    mesh = init_device_mesh(device.type, (world,))
    scalars = {parameter for parameter in module.parameters() if parameter.ndim == 0}
    for block in blocks(task):
        fully_shard(block, mesh=mesh, ignored_params=scalars)
    fully_shard(module, mesh=mesh, ignored_params=scalars)


def _norm(gradients: list[Tensor]) -> float:
    """Of shards and whole tensors together."""
    shards = [gradient for gradient in gradients if isinstance(gradient, DTensor)]
    whole = [gradient for gradient in gradients if not isinstance(gradient, DTensor)]
    squares = 0.0
    for part in (shards, whole):
        if part:
            norm = nn.utils.get_total_norm(part)
            squares += float(norm.full_tensor() if isinstance(norm, DTensor) else norm) ** 2
    return math.sqrt(squares)


def _whole(tensor: Tensor) -> Tensor:
    """On the CPU and the caller's own, so that training may go on."""
    full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return full.detach().to("cpu", copy=True).contiguous()


def local_bytes(tensor: Tensor) -> int:
    local = tensor.to_local() if isinstance(tensor, DTensor) else tensor
    return local.numel() * local.element_size()
