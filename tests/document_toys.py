"""A tokenizer of letters, pages of labelled words, and a small LiLT for both."""

from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.lilt_toys import TINY
from vlkit.document import Block, Entity, Line, Page, Relation, Word
from vlkit.models.lilt_heads import HeadConfig

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789:."
MARKS = ("[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]")
TAGS = ("O", *(f"{part}-{name}" for name in ("HEADER", "QUESTION", "ANSWER") for part in "BI"))
HEADS = (
    HeadConfig("tokens", TAGS),
    HeadConfig("relations", ("HEADER", "QUESTION", "ANSWER"), one_parent=False),
)
CONFIG = replace(TINY, vocab=81, heads=HEADS)


def write_tokenizer(file: Path) -> Path:
    """A letter is a token; words begin with another one than they go on with."""
    vocab = {token: number for number, token in enumerate(MARKS)}
    for letter in [*LETTERS, *(f"##{letter}" for letter in LETTERS)]:
        vocab[letter] = len(vocab)
    made = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(list(MARKS))
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.save(str(file))
    return file


def page_of(*segments: list[str], entities: str = "", links: tuple[str, ...] = ()) -> Page:
    """Segments below each other; entities as in ``"q0-1 a2"``, links as in ``"q0 a2"``."""
    blocks = []
    for row, texts in enumerate(segments):
        line = [
            Word(text=text, box=(100.0 * at, 50.0 * row, 100.0 * at + 80, 50.0 * row + 40))
            for at, text in enumerate(texts)
        ]
        box = (0.0, 50.0 * row, 100.0 * len(texts), 50.0 * row + 45)
        blocks.append(Block(lines=[Line(words=line, box=box)], box=box))
    kinds = {"h": "header", "q": "question", "a": "answer"}
    found = []
    for name in entities.split():
        first, _, last = name[1:].partition("-")
        its = list(range(int(first), int(last or first) + 1))
        kind = kinds[name[0]]
        found.append(Entity(id=name, label=kind, text="", words=its, box=(0, 0, 1, 1)))
    pairs = [link.split() for link in links]
    return Page(
        number=1, width=1000, height=1000, items=list(blocks), entities=found,
        relations=[Relation(head=head, tail=tail, label="link") for head, tail in pairs],
    )  # fmt: skip


PAGE = page_of(
    ["Name:", "ab"], ["c한", "no"], entities="q0 a1-2", links=("q0 a1-2",)
)  # fmt: skip
