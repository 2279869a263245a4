"""Receipts: CORD as it was published, its revision with characters for words, and SROIE.

SROIE gives four values of each receipt and the text of its lines. Its values are sought among the
words (``vlkit.data.labelled.values``). Where one stands in several places, it is labelled in one:
the company and the address where they need the fewest edits, first of all; the date in the first
place that is written like it, or else the first that can mean it; the total in the first place
with the same digits whose row says "total" and not "sub", or, where no row says so, the largest
printed, the first of several. A word's box is its share of the line's by its letters: the
annotators boxed whole lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from vlkit.data.crops import company_key
from vlkit.data.labelled.documents import (
    Annotation,
    LabelledDocument,
    LabelledField,
    LabelledSet,
    WordAt,
    checked_box,
    checked_label,
    entity,
    load,
    picture_of,
    read_each,
    validated,
    with_fields_as_entities,
)
from vlkit.data.labelled.segments import Piece, Segment, Spanned, lay_out, spanned_page
from vlkit.data.labelled.values import Found, find_amounts, find_dates, find_text
from vlkit.document import Block, Box, Line, Page, Word, box_union
from vlkit.errors import DamagedInput, InputError
from vlkit.evaluation.reading import read_examples

SROIE_LABELS = ("company", "date", "address", "total")
CORD_LABELS = (
    "menu.nm",
    "menu.num",
    "menu.unitprice",
    "menu.cnt",
    "menu.discountprice",
    "menu.price",
    "menu.itemsubtotal",
    "menu.vatyn",
    "menu.etc",
    "menu.sub.nm",
    "menu.sub.num",
    "menu.sub.unitprice",
    "menu.sub.cnt",
    "menu.sub.discountprice",
    "menu.sub.price",
    "menu.sub.etc",
    "void_menu.nm",
    "void_menu.num",
    "void_menu.unitprice",
    "void_menu.cnt",
    "void_menu.price",
    "void_menu.etc",
    "sub_total.subtotal_price",
    "sub_total.discount_price",
    "sub_total.service_price",
    "sub_total.othersvc_price",
    "sub_total.tax_price",
    "sub_total.tax_and_service",
    "sub_total.etc",
    "total.total_price",
    "total.total_etc",
    "total.cashprice",
    "total.changeprice",
    "total.creditcardprice",
    "total.emoneyprice",
    "total.menutype_cnt",
    "total.menuqty_cnt",
)


# CORD


class _Quad(Annotation):
    x1: float
    y1: float
    x2: float
    y2: float
    x3: float
    y3: float
    x4: float
    y4: float

    @property
    def box(self) -> Box:
        xs, ys = (self.x1, self.x2, self.x3, self.x4), (self.y1, self.y2, self.y3, self.y4)
        return (min(xs), min(ys), max(xs), max(ys))


class _CordWord(Annotation):
    quad: _Quad
    text: str
    is_key: Literal[0, 1] = 0


class _CordLine(Annotation):
    words: list[_CordWord]
    category: str
    group_id: int


class _CordSize(Annotation):
    width: float
    height: float


class _CordMeta(Annotation):
    image_size: _CordSize


class _Cord(Annotation):
    valid_line: list[_CordLine]
    meta: _CordMeta


def read_cord(folder: Path, names: Iterable[str] | None = None) -> LabelledSet:
    """CORD's receipts: ``json/*.json`` as published, or ``annotations/*.json`` as revised.

    As published, a line of a category is an entity but for its words that are keys, and entities
    of one group, of goods, are fields of one row. The revision knows no groups; its words are
    single characters, here put together at its spaces and entities' ends. Pictures, if there are
    any, are in ``image`` or ``images``.

    Raises:
        InputError: No such receipt, or none that could be read.
    """

    def read(path: Path) -> LabelledDocument:
        content = load(path)
        if isinstance(content, dict) and "valid_line" in content:
            page, rows = _published(validated(_Cord, content, path))
        else:
            page, rows = _revised(validated(Spanned, content, path)), {}
        fields = tuple(
            LabelledField(
                each.label, each.text, tuple(WordAt(1, i) for i in each.words), rows.get(each.id)
            )
            for each in page.entities
        )
        places = (folder / "image", folder / "images")
        pictures = tuple(found for place in places for found in picture_of(place, path.stem))
        return LabelledDocument(path.stem, (page,), fields, pictures)

    files = [*(folder / "json").glob("*.json"), *(folder / "annotations").glob("*.json")]
    return read_each(folder, files, read, CORD_LABELS, names)


def _published(content: _Cord) -> tuple[Page, dict[str, int]]:
    """The page, and for each entity of goods its row."""
    size = content.meta.image_size
    rows = [
        (
            Segment(id=number, box=box_union(word.quad.box for word in line.words), words=[]),
            [Piece((), word.text, word.quad.box) for word in line.words],
        )
        for number, line in enumerate(content.valid_line)
        if line.words
    ]
    laid = lay_out(rows, size.width, size.height)
    words = laid.page.words
    entities, groups, start = [], {}, 0
    for segment, _ in rows:
        line = content.valid_line[segment.id]
        label = checked_label(line.category, CORD_LABELS, f"line {segment.id}")
        kept = [word for word in line.words if word.text.strip()]
        indices = [start + number for number, word in enumerate(kept) if not word.is_key]
        start += len(kept)
        if indices:
            entities.append(entity(str(segment.id), label, indices, words))
            if label.startswith(("menu.", "void_menu.")):
                groups[str(segment.id)] = line.group_id
    order = {group: row for row, group in enumerate(dict.fromkeys(groups.values()))}
    page = laid.page.model_copy(update={"entities": entities})
    return page, {name: order[group] for name, group in groups.items()}


def _revised(content: Spanned) -> Page:
    owner = {index: span.entity_id for span in content.label_entities for index in span.word_idx}
    rows = [(segment, list(_joined(segment, owner))) for segment in content.document]
    return spanned_page(content, rows, CORD_LABELS)


def _joined(segment: Segment, owner: dict[int, int]) -> Iterator[Piece]:
    """Words out of characters: they end at a space, and where another entity begins."""
    piece: Piece | None = None
    before: int | None = None
    for character in segment.words:
        if not character.text.strip():
            if piece:
                yield piece
            piece = None
            continue
        belongs = owner.get(character.id)
        if piece and belongs != before:
            yield piece._replace(space_after=False)
            piece = None
        before = belongs
        single = Piece((character.id,), character.text, character.box)
        piece = _with(piece, single) if piece else single
    if piece:
        yield piece


def _with(piece: Piece, character: Piece) -> Piece:
    return Piece(
        piece.ids + character.ids,
        piece.text + character.text,
        box_union([piece.box, character.box]),
    )


# SROIE


class _Key(Annotation):
    """Some receipts have no address."""

    company: str
    date: str = ""
    address: str = ""
    total: str = ""


def read_sroie(folder: Path, names: Iterable[str] | None = None) -> LabelledSet:
    """SROIE's receipts, their values sought among their words; grouped by company.

    Args:
        folder: With ``img/*.jpg``, ``box/*.csv`` and ``key/*.json``.
        names: Only these receipts; all by default.

    Raises:
        InputError: No such receipt, or none that could be read.
    """

    def read(path: Path) -> LabelledDocument:
        file = folder / "key" / f"{path.stem}.json"
        content = load(file)
        if isinstance(content, dict) and (unknown := sorted(content.keys() - set(SROIE_LABELS))):
            raise DamagedInput(
                f"the receipt has a value '{unknown[0]}'",
                remedy=f"The set's are: {', '.join(SROIE_LABELS)}",
                file=file,
            )
        key = validated(_Key, content, file)
        example = read_examples(folder, [path.stem])[0]
        page = _with_word_boxes(example.page)
        values = {name: value for name, value in key.model_dump().items() if value}
        fields = tuple(
            LabelledField(name, value, tuple(WordAt(1, i) for i in _place(name, value, page)))
            for name, value in values.items()
        )
        group = company_key(key.company)
        document = LabelledDocument(path.stem, (page,), fields, (example.image,), group)
        return with_fields_as_entities(document)

    if not (folder / "key").is_dir():
        raise InputError("the folder has no values of receipts in 'key'", file=folder)
    return read_each(folder, (folder / "box").glob("*.csv"), read, SROIE_LABELS, names)


def _with_word_boxes(page: Page) -> Page:
    blocks = []
    for number, line in enumerate(page.lines):
        box = checked_box(line.box, page.width, page.height, f"line {number}, '{line.text}'")
        blocks.append(Block(lines=[Line(words=list(_shared(line, box)), box=box)], box=box))
    return page.model_copy(update={"items": blocks})


def _shared(line: Line, box: Box) -> Iterator[Word]:
    """The line's words, each with its letters' share of the box."""
    x0, y0, x1, y1 = box
    width = (x1 - x0) / len(line.text)
    at = 0
    for word in line.words:
        stop = at + len(word.text)
        yield word.model_copy(update={"box": (x0 + at * width, y0, x0 + stop * width, y1)})
        at = stop + 1


def _place(name: str, value: str, page: Page) -> Sequence[int]:
    """Indices of the words that say the value; none where it is not found."""
    lines = [[word.text for word in line.words] for line in page.lines]
    found: Found | None = None
    if name == "total":
        found = _choose_total(find_amounts(value, lines), page)
    elif name == "date":
        found = min(find_dates(value, lines), key=lambda each: not each.exact, default=None)
    else:
        found = find_text(value, [word for words in lines for word in words])
    return found.words if found else ()


def _choose_total(places: Sequence[Found], page: Page) -> Found | None:
    words = page.words

    def rank(place: Found) -> tuple[bool, bool, float]:
        box = words[place.words[0]].box
        says_so = _says_total(box, page)
        return not place.exact, not says_so, 0.0 if says_so else box[1] - box[3]

    return min(places, key=rank, default=None)


def _says_total(box: Box, page: Page) -> bool:
    """Whether a line at the box's height says "total", and none says "sub"."""
    middle = (box[1] + box[3]) / 2
    row = [line.text.casefold() for line in page.lines if line.box[1] < middle < line.box[3]]
    text = " ".join(row)
    return "total" in text and not re.search(r"\bsub", text)
