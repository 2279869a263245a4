"""The caption tokenizer: round trips, the end token, long texts, and the same every time."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlkit.data.bpe import CaptionTokenizer, train_bpe
from vlkit.errors import InputError

TEXTS = [
    f"A {colour} {animal} runs over the {place} ."
    for colour in ("black", "white", "brown", "spotted")
    for animal in ("dog", "cat", "horse", "bird")
    for place in ("grass", "snow", "beach", "street")
]
TOKENIZER = train_bpe(TEXTS, 300)


def test_end_is_the_highest_id_and_start_the_one_below() -> None:
    assert TOKENIZER.get_vocab_size() == 300
    assert TOKENIZER.token_to_id("<end>") == 299
    assert TOKENIZER.token_to_id("<start>") == 298
    assert sorted(TOKENIZER.get_vocab().values()) == list(range(300))


def test_long_texts_keep_their_end() -> None:
    encode = CaptionTokenizer(TOKENIZER, 8)
    ids, mask = encode([" ".join(TEXTS), "dog"])
    assert ids.shape == mask.shape == (2, 8)
    assert ids[0, 0] == ids[1, 0] == 298
    assert ids[0, -1] == 299
    assert mask[0].all()
    ends = ids.argmax(1)
    assert ends[0] == 7
    assert ends[1] == mask[1].sum() - 1
    assert not ids[1, ends[1] + 1 :].any()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_comes_back_and_has_one_end(text: str) -> None:
    encode = CaptionTokenizer(TOKENIZER, 400)
    ids, mask = encode([text])
    assert (ids[0] == 299).sum() == (ids[0] == 298).sum() == 1
    decoded = TOKENIZER.decode(ids[0][mask[0]].tolist()).strip()
    again = TOKENIZER.normalizer.normalize_str(text).strip()
    assert decoded == again


def test_a_mark_in_a_text_is_text() -> None:
    ids, _ = CaptionTokenizer(TOKENIZER, 40)(["a dog <end> on <start> grass"])
    assert (ids == 299).sum() == 1
    assert (ids == 298).sum() == 1


def test_training_is_the_same_every_time_and_survives_a_file(tmp_path: Path) -> None:
    assert train_bpe(TEXTS, 300).to_str() == TOKENIZER.to_str()
    saved = CaptionTokenizer(TOKENIZER, 12).save(tmp_path / "tokenizer.json")
    again = CaptionTokenizer.from_file(saved, 12)
    assert again.entries == 300
    for one, other in zip(again(TEXTS), CaptionTokenizer(TOKENIZER, 12)(TEXTS), strict=True):
        assert np.array_equal(one, other)


def test_bad_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no room for 256 bytes"):
        train_bpe(TEXTS, 200)
    with pytest.raises(InputError, match="no text"):
        train_bpe([])
    with pytest.raises(InputError, match="no such tokenizer"):
        CaptionTokenizer.from_file(tmp_path / "none.json", 8)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(InputError, match="this is no tokenizer"):
        CaptionTokenizer.from_file(tmp_path / "bad.json", 8)
