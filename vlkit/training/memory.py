"""What a process holds of a model in training, beside what ZeRO's formulae say it should.

Rajbhandari et al. 2020 (arXiv 1910.02054), section 3, in fp32 AdamW: Ψ trained parameters take
4Ψ bytes, their gradients 4Ψ, the two moments 8Ψ; stage 1 divides the moments by the number of
processes, stage 2 the gradients too, stage 3 (and FSDP2) the parameters too.
"""

from __future__ import annotations

from collections.abc import Mapping

from vlkit.training.distribution import Kind

PARTS = ("parameters", "gradients", "optimizer")
_SHARDED = {"ddp": 0, "zero1": 1, "zero2": 2, "zero3": 3, "fsdp2": 3}


def formula(kind: Kind, trained: int, frozen: int, processes: int) -> dict[str, float]:
    """Bytes of each part that a process should hold.

    Args:
        trained, frozen: Numbers of parameters that train, and that don't.
    """
    stage = _SHARDED[kind]
    return {
        "parameters": 4 * (trained + frozen) / (processes if stage >= 3 else 1),
        "gradients": 4 * trained / (processes if stage >= 2 else 1),
        "optimizer": 8 * trained / (processes if stage >= 1 else 1),
    }


def table(held: Mapping[str, list[Mapping[str, int]]], trained: int, frozen: int) -> str:
    """Markdown: a row for each kind and process, measured / by formula.

    Args:
        held: Kind → what each process holds, as ``Engine.bytes_held`` gives it.
    """
    rows = ["| kind | process | " + " | ".join(PARTS) + " |", "|---|---|---|---|---|"]
    for kind, processes in held.items():
        expected = formula(kind, trained, frozen, len(processes))  # type: ignore[arg-type]
        for rank, measured in enumerate(processes):
            cells = " | ".join(f"{measured[part]:,} / {expected[part]:,.0f}" for part in PARTS)
            rows.append(f"| {kind} | {rank} | {cells} |")
    return "\n".join(rows)
