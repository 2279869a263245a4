"""Byte-level BPE for captions: trained on them, the end token its highest id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers.decoders import ByteLevel as ByteLevelDecoder

from vlkit.errors import InputError

START, END = "<start>", "<end>"


def train_bpe(texts: Iterable[str], entries: int = 8192) -> Tokenizer:
    """A byte-level BPE (Sennrich et al. 2016) of lower-cased text.

    Any text has tokens, since the alphabet is all 256 bytes. The last two ids are ``<start>``
    and ``<end>``, so that a text's end is where its ids are greatest.

    Args:
        entries: Of the vocabulary, the two special ones among them; few texts give fewer.

    Raises:
        InputError: Fewer entries than bytes, or no text.
    """
    if entries < 256 + 2:
        raise InputError(
            f"a byte-level vocabulary of {entries} entries has no room for 256 bytes and two marks",
            remedy="Take at least 258",
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = trainers.BpeTrainer(
        vocab_size=entries - 2,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    counted = _Counted(texts)
    tokenizer.train_from_iterator(counted, trainer)
    if not counted.seen:
        raise InputError("there is no text to train a tokenizer on", remedy="Give it captions")
    tokenizer.add_special_tokens([START, END])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (START, END)],
    )
    return tokenizer


class CaptionTokenizer:
    """Texts to ids of one length; a text that is too long loses its tail, never its end token.

    Attributes:
        length: Ids of a text, start and end among them.
        own_pad: The id that the tokenizer says it fills up short texts with; None: it does not.
        pad: The one that does here.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        length: int,
        *,
        pad: int | None = None,
        clean: Callable[[str], str] = str,
    ) -> None:
        """Take a tokenizer as it is.

        Args:
            pad: None for what the tokenizer says itself, and 0 where it says nothing.
            clean: What a text goes through before the tokenizer's own normalisation.
        """
        self.tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self.length = length
        self.own_pad = None if tokenizer.padding is None else int(tokenizer.padding["pad_id"])
        self.pad = self.own_pad or 0 if pad is None else pad
        self.clean = clean
        self.tokenizer.enable_truncation(length)
        self.tokenizer.no_padding()
        # "<end>" in a caption is five letters and two signs, not its end.
        self.tokenizer.encode_special_tokens = True

    @classmethod
    def from_file(cls, path: Path, length: int) -> CaptionTokenizer:
        """From a ``tokenizer.json``.

        Raises:
            InputError: There is none, or it is damaged.
        """
        if not path.is_file():
            raise InputError("there is no such tokenizer", remedy="Check its name", file=path)
        try:
            return cls(Tokenizer.from_file(str(path)), length)
        except Exception as error:  # tokenizers raises nothing more exact
            raise InputError(f"this is no tokenizer: {error}", file=path) from error

    @property
    def entries(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Ids [B, length], `pad` where a text has ended, and the mask [B, length] of the real."""
        ids = np.full((len(texts), self.length), self.pad, np.int64)
        mask = np.zeros((len(texts), self.length), np.bool_)
        for row, text in enumerate(texts):
            found = self.tokenizer.encode(self.clean(text)).ids
            ids[row, : len(found)] = found
            mask[row, : len(found)] = True
        return ids, mask

    def save(self, path: Path) -> Path:
        plain = Tokenizer.from_str(self.tokenizer.to_str())
        plain.no_truncation()
        if self.pad:
            plain.enable_padding(pad_id=self.pad, pad_token=plain.id_to_token(self.pad))
        plain.save(str(path))
        return path


def trained_here(tokenizer: Tokenizer) -> bool:
    """Whether `train_bpe` made it, so that it cleans texts itself and is padded with 0."""
    return bool(tokenizer.token_to_id(END) == tokenizer.get_vocab_size() - 1)


class _Counted:
    """An iterable that knows whether anything came out of it."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = texts
        self.seen = False

    def __iter__(self) -> Iterator[str]:
        for text in self.texts:
            self.seen = True
            yield text
