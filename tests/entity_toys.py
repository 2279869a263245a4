"""LiLTs with random layout flows and heads on the shelf's trunk, as folders with ONNX files."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from vlkit.checkpoint import load_weight_files, read_config, save_folder
from vlkit.models.convert.lilt_onnx import write_onnx
from vlkit.models.lilt import Lilt, LiltConfig
from vlkit.models.lilt_heads import HeadConfig, RelationHead, TokenHead
from vlkit.recipe import parse, to_table

STEM = Path(__file__).parents[1] / "models" / "trunk-text"
KINDS = ("header", "question", "answer")
TAGS = ("O", *(f"{part}-{kind}" for kind in KINDS for part in "BI"))
LINKS = (("question", "answer"), ("header", "question"))
HEADS = (HeadConfig("tokens", TAGS), HeadConfig("relations", KINDS, links=LINKS))


@torch.no_grad()
def on_trunk(heads: Sequence[HeadConfig] = HEADS, seed: int = 0) -> Lilt:
    """All labels and some links come up, though nothing was learnt."""
    torch.manual_seed(seed)
    config = parse(read_config(STEM)["config"], LiltConfig)
    model = Lilt(replace(config, layout_positions=512, layout_first=0, heads=tuple(heads)))
    model.load_state_dict(model.state_dict() | load_weight_files(STEM))
    for name, weight in model.named_parameters():
        if "layout" in name or name.startswith("heads."):
            weight.add_(0.1 * torch.randn_like(weight))
    corners = torch.randint(0, 900, (1, 100, 2))
    ids = torch.randint(999, 30_000, (1, 100))
    flows = model.eval()(ids, torch.cat([corners, corners + 90], dim=-1))
    tokens = model.head("tokens")
    assert isinstance(tokens, TokenHead)
    tokens.linear.bias.sub_(tokens.of(tokens.seen(flows))[0].mean(dim=0))
    if "relations" in model.heads:
        relations = model.head("relations")
        assert isinstance(relations, RelationHead)
        logits = relations.of(relations.seen(flows)[:, :20], torch.arange(20)[None] % 3)
        relations.linear.bias.sub_(logits.mean(dim=(0, 1, 2)))
    return model


def folder_with(model: Lilt, folder: Path) -> Path:
    """Its folder, beside the trunk's."""
    if not (folder.parent / STEM.name).exists():
        shutil.copytree(STEM, folder.parent / STEM.name)
    save_folder(
        folder,
        model=model.model_name,
        config=to_table(model.config),
        weights=model.state_dict(),
        trunk=(folder.parent / STEM.name, ""),
    )
    write_onnx(folder)
    return folder
