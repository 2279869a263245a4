"""DetailCLIP's step done plainly, as published: what ours is measured and tested against.

Full attention maps of the teacher, both heads on all tokens, a decoder over all tokens put back
into order, the patch centre from all scores, one view after the other. The same weights give the
same losses.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from vlkit.models.detailclip import DetailClip, Side
from vlkit.nn.heads import PrototypeHead


class PlainStep:
    """Losses of a batch with the weights of a model of ours; its images are a ViT of timm's."""

    def __init__(self, model: DetailClip) -> None:
        self.model = model
        tower = model.student.image.tower
        self.side = tower.patch_embed.grid_size[0]
        self.patch = tower.patch_embed.patch_size[0]

    def losses(self, views: Tensor, ids: Tensor) -> dict[str, Tensor]:
        """``views [B, 2, 3, H, W]``, ``ids [B, L]`` to the terms of the loss and the centres."""
        model, config = self.model, self.model.config
        text = functional.normalize(model.student.texts(ids), dim=-1)
        seen = [self._view(views[:, number]) for number in range(2)]
        removed = torch.cat([each["mask"] for each in seen])
        student = torch.cat([each["student"] for each in seen])
        teacher = torch.cat([each["teacher"] for each in seen])
        mine, its = all_scores(model.student.head, student), all_scores(model.teacher.head, teacher)
        rates = config.distillation
        b = len(ids)
        crossed = torch.cat([its[b:, 0], its[:b, 0]])
        classes = cross_entropy(
            mine[:, 0],
            crossed,
            model.class_centre,
            rates.student_temperature,
            rates.class_temperature,
        )
        patches = cross_entropy(
            mine[:, 1:],
            its[:, 1:],
            model.patch_centre,
            rates.student_temperature,
            float(model.patch_temperature),
        )
        weight = removed.to(patches.dtype)
        return {
            "contrast_u": contrast(seen[0]["image"], text, model.scale.exp()),
            "contrast_v": contrast(seen[1]["image"], text, model.scale.exp()),
            "reconstruction": (seen[0]["pixels"] + seen[1]["pixels"]) / 2,
            "class": classes.mean(),
            "patch": ((patches * weight).sum(-1) / weight.sum(-1)).mean(),
            "class_mean": its[:, 0].mean(0),
            "patch_mean": its[:, 1:].mean((0, 1)),
        }

    def _view(self, pixels: Tensor) -> dict[str, Tensor]:
        model = self.model
        with torch.no_grad():
            teacher, maps = with_maps(model.teacher.image.tower, pixels)
            looked = torch.stack(maps).mean((0, 2))[:, 0, 1:]
            mask = self._removed(looked)
        tower = model.student.image.tower
        x = tower.patch_embed(pixels) + tower.pos_embed[:, 1:]
        kept = x[~mask].reshape(len(x), -1, x.shape[-1])
        first = (tower.cls_token + tower.pos_embed[:, :1]).expand(len(x), -1, -1)
        encoded = tower.norm(tower.blocks(torch.cat([first, kept], dim=1)))
        decoded = self._decode(encoded, mask)
        predicted = model.pixels(decoded[:, 1:])
        return {
            "image": functional.normalize(
                model.student.image_projection.project(encoded[:, 0]), dim=-1
            ),
            "pixels": self._pixels(predicted, pixels, mask),
            "student": torch.cat([encoded[:, :1], decoded[:, 1:]], dim=1),
            "teacher": teacher,
            "mask": mask,
        }

    def _removed(self, looked: Tensor) -> Tensor:
        """[B, N] bool from attention averaged over blocks and heads."""
        removal = self.model.config.removal
        maps = looked.reshape(-1, 1, self.side, self.side)
        cells = functional.interpolate(maps, scale_factor=1 / removal.cell, mode="bilinear")
        count = int(cells[0].numel() * removal.keep) + 1
        place = cells.flatten(1).argsort(descending=True).argsort()
        coarse = (place >= count).reshape(cells.shape).float()
        return functional.interpolate(coarse, scale_factor=removal.cell).flatten(1).bool()

    def _decode(self, encoded: Tensor, mask: Tensor) -> Tensor:
        decoder = self.model.decoder
        embedded = decoder.embed(encoded)
        full = decoder.mask_token.to(embedded.dtype).repeat(len(mask), mask.shape[1], 1)
        full = full.masked_scatter(~mask[..., None], embedded[:, 1:])
        x = torch.cat([embedded[:, :1], full], dim=1) + decoder.positions
        for block in decoder.blocks:
            b, n, width = x.shape
            qkv = block.qkv(block.norm1(x)).reshape(b, n, 3, block.heads, -1).permute(2, 0, 3, 1, 4)
            h = functional.scaled_dot_product_attention(*qkv.unbind(0))
            x = x + block.proj(h.transpose(1, 2).reshape(b, n, width))
            x = x + block.fc2(functional.gelu(block.fc1(block.norm2(x))))
        return decoder.norm(x)

    def _pixels(self, predicted: Tensor, pixels: Tensor, mask: Tensor) -> Tensor:
        b, c, p = len(pixels), 3, self.patch
        cut = pixels.reshape(b, c, self.side, p, self.side, p)
        target = torch.einsum("nchpwq->nhwpqc", cut).reshape(b, self.side**2, p * p * c)
        mean, variance = target.mean(-1, keepdim=True), target.var(-1, keepdim=True)
        error = ((predicted - (target - mean) / (variance + 1e-6) ** 0.5) ** 2).mean(-1)
        return (error * mask).sum() / mask.sum()


def with_maps(tower: torch.nn.Module, pixels: Tensor) -> tuple[Tensor, list[Tensor]]:
    """All tokens of a ViT of timm's, and every block's full attention map [B, H, 1 + N, 1 + N]."""
    x = tower.patch_embed(pixels) + tower.pos_embed[:, 1:]
    x = torch.cat([(tower.cls_token + tower.pos_embed[:, :1]).expand(len(x), -1, -1), x], dim=1)
    maps = []
    for block in tower.blocks:
        attn = block.attn
        b, n, width = x.shape
        qkv = attn.qkv(block.norm1(x)).reshape(b, n, 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        maps.append((q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(dim=-1))
        x = x + attn.proj((maps[-1] @ v).transpose(1, 2).reshape(b, n, width))
        x = x + block.mlp(block.norm2(x))
    return tower.norm(x), maps


def all_scores(head: PrototypeHead, tokens: Tensor) -> Tensor:
    """[B, 1 + N, D] → [B, 1 + N, P]."""
    hidden = functional.normalize(head.mlp(tokens), dim=-1)
    return hidden @ (head.prototypes / head.prototypes.norm(dim=1, keepdim=True)).T


def cross_entropy(
    student: Tensor, teacher: Tensor, centre: Tensor, student_rate: float, teacher_rate: float
) -> Tensor:
    target = ((teacher.detach() - centre) / teacher_rate).softmax(dim=-1)
    return -(target * (student / student_rate).log_softmax(dim=-1)).sum(-1)


def contrast(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    own = torch.arange(len(image), device=image.device)
    return (
        functional.cross_entropy(scale * image @ text.T, own)
        + functional.cross_entropy(scale * text @ image.T, own)
    ) / 2


@torch.no_grad()
def average(teacher: Side, student: Side, momentum: float) -> None:
    """One parameter after the other."""
    for its, mine in zip(teacher.parameters(), student.parameters(), strict=True):
        its.mul_(momentum).add_(mine, alpha=1 - momentum)
