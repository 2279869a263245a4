"""Text encoders equal the library's own forward pass; padding stays unseen."""

from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vlkit.errors import CheckpointError, ModelError, UnknownName
from vlkit.nn.pooling import last_real, pool
from vlkit.nn.texts import TextEncoder, TextTower

SMALL = {"vocab_size": 99, "width": 32, "depth": 2, "heads": 4, "context_length": 12}
TOWERS = {
    "CLIP": TextTower("open_clip", "ViT-B-32", **SMALL, activation="quick_gelu"),
    "SigLIP": TextTower("open_clip", "ViT-B-16-SigLIP", **SMALL),
    "end by id": TextTower("open_clip", "ViT-L-14-worldwide", **SMALL),
    "CoCa": TextTower("open_clip", "coca_ViT-B-32", **SMALL),
    "BERT": TextTower("transformers", "bert", **SMALL, mlp_ratio=2.0),
    "RoBERTa": TextTower("transformers", "roberta", **SMALL, pool="eos"),
}


@cache
def encoder(name: str) -> TextEncoder:
    torch.manual_seed(0)
    made = TextEncoder.create(TOWERS[name]).eval()
    for parameter in made.parameters():
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    return made


def texts(length: int = 12, real: tuple[int, ...] = (5, 9)) -> Tensor:
    """Ids that end in the highest one, as CLIP's do, and are then filled up with 1."""
    ids = torch.ones(len(real), length, dtype=torch.long)
    for row, n in enumerate(real):
        ids[row, :n] = torch.randint(3, 90, (n,))
        ids[row, n - 1] = 98
    return ids


@pytest.mark.parametrize("name", ["CLIP", "SigLIP", "end by id", "CoCa"])
@torch.no_grad()
def test_open_clip_towers_equal_their_own_forward(name: str) -> None:
    made, ids = encoder(name), texts()
    features = made(ids)
    pooled, tokens = made.tower(ids)
    torch.testing.assert_close(features.pooled, pooled, atol=1e-5, rtol=0)
    assert features.tokens.shape == (2, 12, 32)
    if name != "CoCa":
        torch.testing.assert_close(features.tokens, tokens, atol=1e-5, rtol=0)


@torch.no_grad()
def test_clip_reads_short_batches_and_knows_its_real_tokens() -> None:
    made, ids = encoder("CLIP"), texts()
    features = made(ids)
    assert features.mask.sum(1).tolist() == [5, 9]
    short = made(ids[:, :9])  # causal: what follows the end changes nothing before it
    torch.testing.assert_close(short.pooled, features.pooled, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["BERT", "RoBERTa"])
@torch.no_grad()
def test_hugging_face_encoders_do_not_see_padding(name: str) -> None:
    made = encoder(name)
    ids = texts()
    mask = torch.arange(12) < torch.tensor([[5], [9]])
    features = made(ids, mask)
    assert features.tokens.shape == (2, 12, 32)
    alone = made(ids[:1, :5], mask[:1, :5])
    torch.testing.assert_close(features.pooled[:1], alone.pooled, atol=1e-5, rtol=0)
    torch.testing.assert_close(features.tokens[:1, :5], alone.tokens, atol=1e-5, rtol=0)
    padded = torch.where(mask, ids, made.pad_id)
    torch.testing.assert_close(made(padded).pooled, features.pooled, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_folder_gives_its_weights_and_a_config_without_the_folder(tmp_path: Path) -> None:
    made, ids = encoder("BERT"), texts()
    made.tower.save_pretrained(tmp_path)
    again = TextEncoder.from_folder(tmp_path).eval()
    torch.testing.assert_close(again(ids).pooled, made(ids).pooled)
    rebuilt = TextEncoder.create(again.config).eval()
    rebuilt.load_state_dict(again.state_dict())
    torch.testing.assert_close(rebuilt(ids).pooled, made(ids).pooled)


def test_pooling_by_hand() -> None:
    tokens = torch.arange(12.0).reshape(2, 3, 2)
    mask = torch.tensor([[True, True, False], [False, True, True]])
    assert last_real(mask).tolist() == [1, 2]
    assert pool(tokens, mask, "cls").tolist() == [[0, 1], [6, 7]]
    assert pool(tokens, mask, "mean").tolist() == [[1, 2], [9, 10]]
    assert pool(tokens, mask, "eos").tolist() == [[2, 3], [10, 11]]
    assert pool(tokens, mask, "last").tolist() == [[4, 5], [10, 11]]


def test_refusals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLIP", "BERT"):
        with pytest.raises(ModelError, match="texts of 12 tokens here, not 13"):
            encoder(name)(torch.ones(1, 13, dtype=torch.long))
    with pytest.raises(UnknownName, match="ViT-B-32"):
        TextEncoder.create(TextTower("open_clip", "ViT-B-33"))
    with pytest.raises(CheckpointError, match=r"`hf download xlm-roberta-base config\.json`"):
        TextEncoder.create(TextTower("open_clip", "xlm-roberta-base-ViT-B-32"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="model type"):
        TextEncoder.create(TextTower("transformers", str(tmp_path)))
    with pytest.raises(ModelError, match=r"config\.json"):
        TextEncoder.from_folder(tmp_path)
