"""The tokenizer that a model learns with and is saved with."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from vlkit.entities.pieces import WordPieces
from vlkit.errors import RecipeError
from vlkit.models.lilt_pretraining import Vocabulary

MASK = ("[MASK]", "<mask>")


class LearntPieces(WordPieces):
    """A tokenizer for words, as of ``WordPieces``, and its file."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.file = file

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.file.read_bytes()).hexdigest()

    def vocabulary(self) -> Vocabulary:
        """What may be masked and drawn in pre-training.

        Raises:
            RecipeError: It has no token for what is masked.
        """
        masks = [self.tokenizer.token_to_id(name) for name in MASK]
        known = [number for number in masks if number is not None]
        if not known:
            raise RecipeError(
                f"the tokenizer has no token {' or '.join(MASK)}, which pre-training needs",
                remedy="Take one of BERT's or RoBERTa's kind",
                file=self.file,
            )
        added = self.tokenizer.get_added_tokens_decoder()
        special = {number for number, token in added.items() if token.special}
        return Vocabulary(
            self.entries, known[0], tuple(sorted({*special, *self.special, known[0]}))
        )

    def save(self, path: Path) -> Path:
        """Copy the file as it was read."""
        if path.resolve() != self.file.resolve():
            shutil.copyfile(self.file, path)
        return path
