"""Packages that come with the extras of vlkit alone."""

from __future__ import annotations

from importlib.util import find_spec

from vlkit.errors import MissingDependency

EXTRAS = {
    "models": ("torch", "torchvision", "timm", "open_clip", "transformers", "safetensors"),
    "train": (
        *("torch", "torchvision", "timm", "open_clip", "transformers", "safetensors"),
        *("accelerate", "onnx", "onnxscript", "peft", "tensorboard"),
    ),
}


def require(extra: str) -> None:
    """Raise ``MissingDependency`` unless the extra's packages are installed; imports none."""
    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        raise MissingDependency(
            f"this needs {', '.join(missing)}: not installed",
            remedy=f"Install the extra: pip install 'vlkit[{extra}]', in a checkout '.[{extra}]'",
        )
