"""Small LiLTs and their batches."""

import torch
from torch import Tensor

from vlkit.models.lilt import LiltConfig

TYPES = ("HEADER", "QUESTION", "ANSWER")
TINY = LiltConfig(
    vocab=60, width=24, depth=2, attention_heads=3, hidden=48, shrink=2, positions=34,
    layout_positions=34,
)  # fmt: skip


def shaken(model: torch.nn.Module, by: float = 0.2) -> torch.nn.Module:
    """Random weights without zeros and ones for anything to hide behind."""
    for parameter in model.parameters():
        parameter.data.add_(by * torch.randn_like(parameter))
    return model.eval()


def random_batch(vocab: int, lengths: list[int], pad: int = 1) -> dict[str, Tensor]:
    n = max(lengths)
    mask = torch.arange(n) < torch.tensor(lengths)[:, None]
    ids = torch.randint(5, vocab, mask.shape).masked_fill(~mask, pad)
    corner = torch.randint(0, 800, (*mask.shape, 2))
    boxes = torch.cat([corner, corner + torch.randint(0, 200, (*mask.shape, 2))], dim=-1)
    return {"ids": ids, "boxes": boxes * mask[..., None], "mask": mask}


def equal(ours: Tensor, theirs: Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(ours, theirs, atol=atol, rtol=0)
