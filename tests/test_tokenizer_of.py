"""A model's tokenizer.json gives the ids that open_clip gives for its architecture."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
open_clip = pytest.importorskip("open_clip")

from tokenizers import (  # noqa: E402
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from transformers import PreTrainedTokenizerFast  # noqa: E402

from vlkit.data.bpe import CaptionTokenizer, train_bpe  # noqa: E402
from vlkit.errors import ModelError  # noqa: E402
from vlkit.models.words import tokenizer_of  # noqa: E402
from vlkit.nn.texts import TextEncoder, TextTower  # noqa: E402

TEXTS = [
    "A Dog, running -- on the_grass!",
    "two dogs &amp; a   cat",
    " ".join(["the dog on the grass"] * 5),
    "",
]
LENGTH = 12


def tower(architecture: str, vocabulary: int) -> TextEncoder:
    small = {"width": 16, "depth": 1, "heads": 2, "context_length": LENGTH}
    return TextEncoder.create(TextTower("open_clip", architecture, vocab_size=vocabulary, **small))


@pytest.fixture
def siglip(tmp_path: Path) -> Path:
    """As T5's: an end token after the text, which also fills it up."""
    known = ["<pad>", "</s>", "<unk>", "a", "dog", "dogs", "cat", "running", "on", "the", "grass"]
    known += ["A", "Dog", ",", "--", "the_grass", "!", "&", "two"]
    words = models.WordLevel({word: n for n, word in enumerate(known)}, unk_token="<unk>")
    tokenizer = Tokenizer(words)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", None, [("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", pad_token="</s>", unk_token="<unk>"
    ).save_pretrained(tmp_path)
    return tmp_path


def test_siglips_texts_are_cleaned_and_filled_up_as_open_clip_does(siglip: Path) -> None:
    theirs = open_clip.tokenizer.HFTokenizer(
        str(siglip), context_length=LENGTH, clean="canonicalize"
    )
    text = tower("ViT-B-16-SigLIP", 32)
    ours = tokenizer_of(text, siglip / "tokenizer.json")
    ids, mask = ours(TEXTS)
    assert np.array_equal(ids, theirs(TEXTS).numpy())
    assert mask.sum(axis=1).tolist() == [7, 5, LENGTH, 1]
    assert (ids[~mask] == 1).all()
    # What it is padded with stays known where only the tokenizer is kept.
    (siglip / "kept").mkdir()
    again = tokenizer_of(text, ours.save(siglip / "kept" / "tokenizer.json"))
    assert np.array_equal(again(TEXTS)[0], ids)


def test_padding_that_nobody_names_is_refused(siglip: Path) -> None:
    (siglip / "tokenizer_config.json").unlink()
    with pytest.raises(ModelError, match=r"pads with is not known.*tokenizer_config\.json"):
        tokenizer_of(tower("ViT-B-16-SigLIP", 32), siglip / "tokenizer.json")
    (siglip / "tokenizer_config.json").write_text("no JSON")
    with pytest.raises(ModelError, match="can't be read"):
        tokenizer_of(tower("ViT-B-16-SigLIP", 32), siglip / "tokenizer.json")
    (siglip / "tokenizer_config.json").write_text('{"pad_token": "</s>", "padding_side": "left"}')
    with pytest.raises(ModelError, match="before the text"):
        tokenizer_of(tower("ViT-B-16-SigLIP", 32), siglip / "tokenizer.json")


def test_ids_made_in_a_way_not_known_here_are_refused(siglip: Path) -> None:
    with pytest.raises(ModelError, match="not known here: strip_sep_token"):
        tokenizer_of(tower("ViT-L-14-CLIPA", 32), siglip / "tokenizer.json")


def test_clips_own_tokenizer_gives_open_clips_ids_whatever_it_pads_with(tmp_path: Path) -> None:
    theirs = open_clip.tokenizer.SimpleTokenizer(context_length=LENGTH)
    start, end = "<start_of_text>", "<end_of_text>"
    tokenizer = Tokenizer(
        models.BPE(theirs.encoder, list(theirs.bpe_ranks), end_of_word_suffix="</w>")
    )
    tokenizer.normalizer = normalizers.NFC()
    parts = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(parts), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    marks = [(token, theirs.encoder[token]) for token in (start, end)]
    tokenizer.post_processor = processors.TemplateProcessing(f"{start} $A {end}", None, marks)
    tokenizer.enable_padding(pad_id=theirs.encoder[end], pad_token=end)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    ours = tokenizer_of(tower("MobileCLIP-S1", 49408), tmp_path / "tokenizer.json")
    assert np.array_equal(ours(TEXTS)[0], theirs(TEXTS).numpy())


def test_a_tokenizer_that_was_trained_here_stays_as_it_was_trained(tmp_path: Path) -> None:
    plain = CaptionTokenizer(train_bpe(TEXTS, 300), LENGTH)
    file = plain.save(tmp_path / "tokenizer.json")
    found = tokenizer_of(tower("ViT-B-16-SigLIP", plain.entries), file)
    assert np.array_equal(found(TEXTS)[0], plain(TEXTS)[0])
