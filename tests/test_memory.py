"""The table of bytes on each process, beside the formulae of ZeRO's paper."""

import pytest

pytest.importorskip("torch")

from vlkit.training.memory import formula, table


def test_formulae_are_the_papers_for_fp32_adam() -> None:
    # 16 bytes a trained parameter, over two processes as much as the stage divides.
    wholes = {"ddp": 16, "zero1": 12, "zero2": 10, "zero3": 8, "fsdp2": 8}
    for kind, bytes_each in wholes.items():
        assert sum(formula(kind, 1000, 0, 2).values()) == 1000 * bytes_each
    assert formula("zero3", 1000, 500, 2)["parameters"] == 3000


def test_a_row_a_process_measured_beside_formula() -> None:
    part = {"parameters": 4000, "gradients": 4000, "optimizer": 8000}
    written = table({"ddp": [part], "zero1": [part, {**part, "optimizer": 4004}]}, 1000, 0)
    assert written.splitlines() == [
        "| kind | process | parameters | gradients | optimizer |",
        "|---|---|---|---|---|",
        "| ddp | 0 | 4,000 / 4,000 | 4,000 / 4,000 | 8,000 / 8,000 |",
        "| zero1 | 0 | 4,000 / 4,000 | 4,000 / 4,000 | 8,000 / 4,000 |",
        "| zero1 | 1 | 4,000 / 4,000 | 4,000 / 4,000 | 4,004 / 4,000 |",
    ]
