"""Pages whose every word has a class of DocBank's: DocBank itself, and generated pages.

An entity is a run of words of one class, in the order in which they come. DocBank's come in
raster order, so that a paragraph beside another one is as many runs as it has lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from PIL import Image

from vlkit.data.crops import on_one_line
from vlkit.data.labelled.documents import (
    LabelledDocument,
    LabelledSet,
    checked_box,
    checked_label,
    entity,
    read_each,
)
from vlkit.document import Block, Box, Document, Entity, Line, Page, Word, box_union
from vlkit.errors import DamagedInput, InputError
from vlkit.evaluation.layout import DOCBANK_CLASSES, docbank_labels, read_docbank

_FIGURE = "##LTFigure##"
_THINNEST = 0.001


def read_docbank_pages(folder: Path, names: Iterable[str] | None = None) -> LabelledSet:
    """DocBank's pages, boxes in the pictures' pixels; lines are cut by place, not by class.

    Its boxes are whole thousandths of the page: what is thinner is made one thousandth thick.
    Figures, which are tokens without text, are left out.

    Args:
        folder: With ``NAME.jpg`` and ``NAME.txt``.
        names: Only these pages; all by default.

    Raises:
        InputError: No such page, or none that could be read.
    """

    def read(path: Path) -> LabelledDocument:
        try:
            found = read_docbank(folder, [path.stem])[0]
        except ValueError as error:
            raise DamagedInput(f"not a readable page ({error})") from error
        with Image.open(found.picture) as picture:
            width, height = picture.size
        words, labels = [], []
        for number, ((text, box), label) in enumerate(zip(found.tokens, found.labels, strict=True)):
            if text == _FIGURE:
                continue
            what = f"token {number}, '{text}'"
            x0, y0, x1, y1 = box
            thick = (x0, y0, max(x1, x0 + _THINNEST), max(y1, y0 + _THINNEST))
            inside = checked_box(thick, 1.0, 1.0, what)
            words.append(Word(text=text, box=_times(inside, width, height)))
            labels.append(checked_label(label, DOCBANK_CLASSES, what))
        if not words:
            raise InputError("the page has no words")
        page = Page(number=1, width=width, height=height, items=list(_blocks(words)))
        page = page.model_copy(update={"entities": list(class_entities(words, labels))})
        return LabelledDocument(path.stem, (page,), pictures=(found.picture,))

    return read_each(folder, folder.glob("*.txt"), read, DOCBANK_CLASSES, names)


def classed(document: Document) -> LabelledDocument:
    """A generated document with DocBank's class of every word, from the items' roles.

    Words whose class the roles do not tell are in no entity.
    """
    pages = []
    for page in document.pages:
        words = page.words
        tokens = [(word.text, _times(word.box, 1 / page.width, 1 / page.height)) for word in words]
        entities = class_entities(words, docbank_labels(page, tokens), f"{page.number}-")
        pages.append(page.model_copy(update={"entities": list(entities)}))
    return LabelledDocument(document.name, tuple(pages))


def class_entities(
    words: Sequence[Word], labels: Sequence[str | None], prefix: str = ""
) -> Iterator[Entity]:
    """Runs of words of one label; none of those without a label."""
    runs = groupby(range(len(words)), key=lambda index: labels[index])
    for number, (label, run) in enumerate(runs):
        if label is not None:
            yield entity(f"{prefix}{number}", label, list(run), words)


def _blocks(words: Sequence[Word]) -> Iterator[Block]:
    for line in on_one_line(words):
        box = box_union(word.box for word in line)
        yield Block(lines=[Line(words=line, box=box)], box=box)


def _times(box: Box, x: float, y: float) -> Box:
    return (box[0] * x, box[1] * y, box[2] * x, box[3] * y)
