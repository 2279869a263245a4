"""Words as a ``tokenizer.json`` spells them, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from vlkit.entities.windows import Special
from vlkit.errors import CheckpointError

UNKNOWN = ("[UNK]", "<unk>")


class WordPieces:
    """A tokenizer for words.

    Attributes:
        special: Its ids for a text's start and end, and for what it can't spell.
    """

    def __init__(self, file: Path) -> None:
        """Read a ``tokenizer.json``.

        Raises:
            CheckpointError: There is none, it is damaged, or it is none of BERT's or RoBERTa's
                kind.
        """
        if not file.is_file():
            raise CheckpointError("there is no such tokenizer", remedy="Fetch it again", file=file)
        try:
            self.tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # tokenizers raises nothing more exact
            raise CheckpointError(f"this is no tokenizer: {error}", file=file) from error
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        around = self.tokenizer.encode("").ids
        unknown = [self.tokenizer.token_to_id(name) for name in UNKNOWN]
        known = [number for number in unknown if number is not None]
        if len(around) != 2 or not known:
            raise CheckpointError(
                "the tokenizer has no tokens for a text's start and end and for the unknown",
                remedy="Take one of BERT's or RoBERTa's kind",
                file=file,
            )
        # "[SEP]" on a page is a word, not its end.
        self.tokenizer.encode_special_tokens = True
        self.special = Special(around[0], around[1], known[0])

    @property
    def entries(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    def __call__(self, words: Sequence[str], most: int) -> list[list[int]]:
        """Ids of each word: at least one, which may be that for the unknown, and so many at most.

        Args:
            words: Texts.
            most: Ids of a word; a longer one is cut.
        """
        read = (self.tokenizer.encode(word, add_special_tokens=False).ids for word in words)
        return [list(ids[:most]) or [self.special.unknown] for ids in read]
