"""Tensors in files: safetensors and never pickles, which can run code.

A model's weights are one file or several (``shelves.weight_files``). A matrix may be stored as int8
with a float for each row beside it, under its name and ``.scale``: their product is the weight. An
ONNX file can name the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vlkit.errors import CheckpointError
from vlkit.shelves import WEIGHTS, weight_files

SCALE = ".scale"
LARGEST = 127  # of int8, so that rows have a zero in the middle
_PICKLE_HEADS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors, on the CPU and each by itself, even if some share memory.

    Raises:
        OSError: The file can't be written.
    """
    apart: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        whole = plain.untyped_storage().nbytes() == plain.numel() * plain.element_size()
        shared = plain.untyped_storage().data_ptr() in seen or not whole
        apart[name] = plain.clone() if shared else plain
        seen.add(apart[name].untyped_storage().data_ptr())
    try:
        save_file(apart, path, metadata={"format": "pt"})
    except SafetensorError as error:  # a full disk too, which is else an OSError everywhere
        raise OSError(str(error)) from error
    path.chmod(0o644)  # it writes files that nobody else may read


def load_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file as they are stored, on the CPU.

    Raises:
        CheckpointError: No such file, a damaged one, or a pickle.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise CheckpointError(
            f"the weights can't be read: {error.strerror}", remedy="Check the name", file=path
        ) from error
    # The length of a safetensors header may begin as pickles do, but then the header follows.
    if head.startswith(_PICKLE_HEADS) and head[8:] != b"{":
        raise CheckpointError(
            "this is a pickled file, which can run code when it is opened",
            remedy="Save it as safetensors where you trust it, with safetensors.torch.save_file",
            file=path,
        )
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"this is no whole safetensors file: {error}", remedy="Fetch it again", file=path
        ) from error


def load_weight_files(folder: Path) -> dict[str, Tensor]:
    """The weights in a model's folder, as floats: what is int8 is multiplied by its scales.

    Raises:
        CheckpointError: A file is missing, damaged or pickled, or int8 has no scales.
    """
    stored: dict[str, Tensor] = {}
    for file in weight_files(folder) or [folder / WEIGHTS]:
        stored |= load_tensors(file)
    return dequantised(stored, folder)


def quantised(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix [R, C] as int8 [R, C] and the scale of each row [R]."""
    scale = weight.abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny) / LARGEST
    return (weight / scale[:, None]).round().to(torch.int8), scale


def dequantised(stored: Mapping[str, Tensor], file: object = None) -> dict[str, Tensor]:
    """Floats for what is int8, without the scales.

    Raises:
        CheckpointError: There are no scales beside it, or not one for each row.
    """
    weights = dict(stored)
    for name, tensor in stored.items():
        if tensor.dtype != torch.int8:
            continue
        scale = weights.pop(name + SCALE, None)
        if scale is None or scale.shape != tensor.shape[:1]:
            raise CheckpointError(
                f"{name} is int8 without a scale for each row", remedy="Fetch it again", file=file
            )
        weights[name] = tensor * scale[:, None]
    return weights
