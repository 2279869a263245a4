"""Elements of a page together with what their texts are, so that the typeset page is labelled.

Every text of the page is a piece; the pieces stand in reading order. Since the page's words come
in that order too, each word's piece follows from counting characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vlkit.data.degrade import moved, scan
from vlkit.data.elements import (
    Align,
    Element,
    Form,
    Heading,
    Paragraph,
    Rules,
    Style,
    TableCell,
    TableSpec,
    Title,
)
from vlkit.data.labelled.documents import LabelledDocument, LabelledField, WordAt, entity
from vlkit.data.lines import Setting
from vlkit.data.pages import DrawnPage, Typeset, scaled, typeset
from vlkit.document import Page, Relation
from vlkit.errors import InputError
from vlkit.evaluation.entities import LINK
from vlkit.images import Pixels

_SMALLER = 0.88
_TRIES = 6


@dataclass(eq=False)
class Piece:
    """A text and what it is.

    Attributes:
        label: One of ``forms.FORM_LABELS``, or none.
        field: Name of the field that it is the value of.
        row: See ``LabelledField``.
        head: What it is linked from: an answer's question, a question's header.
    """

    text: str
    label: str = ""
    field: str = ""
    row: int | None = None
    head: Piece | None = None


def header(text: str) -> Piece:
    return Piece(text, "header")


def question(text: str, head: Piece | None = None) -> Piece:
    return Piece(text, "question", head=head)


def answer(text: str, head: Piece | None, field: str = "", row: int | None = None) -> Piece:
    return Piece(text, "answer", field, row, head)


Pair = tuple[Piece, Piece | None]
"""A question and its answer, which may be missing."""


@dataclass
class Draft:
    """What will stand on a page, in reading order."""

    style: Style
    elements: list[Element] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)

    def title(self, piece: Piece) -> None:
        self._add(Title(piece.text), [piece])

    def heading(self, piece: Piece, level: int = 2) -> None:
        self._add(Heading(piece.text, level), [piece])

    def paragraph(self, lines: Sequence[Sequence[Piece]], align: Align = "start") -> None:
        """Lines of pieces with a space between them."""
        text = "\n".join(" ".join(piece.text for piece in line) for line in lines)
        self._add(Paragraph(text, align=align), [piece for line in lines for piece in line])

    def pairs(self, pairs: Sequence[Pair], per_row: int, *, boxed: bool) -> None:
        """Answers on rules or in boxes; in a table where one has no room on its line."""
        left, _, right, _ = self.style.margins
        width = self.style.size[0] - left - right
        room = (width - self.style.font_size * (per_row - 1)) / per_row
        if not all(self._has_room(pair, room) for pair in pairs):
            self.pairs_in_table(pairs, per_row, "all" if boxed else "horizontal")
            return
        texts = tuple((asked.text, told.text if told else "") for asked, told in pairs)
        found = [piece for pair in pairs for piece in pair if piece]
        self._add(Form(texts, per_row, boxed), found)

    def pairs_in_table(self, pairs: Sequence[Pair], per_row: int, rules: Rules) -> None:
        """A cell for each question and one beside it for its answer."""
        rows = [pairs[start : start + per_row] for start in range(0, len(pairs), per_row)]
        self.table([[piece for pair in row for piece in pair] for row in rows], rules=rules)

    def table(
        self,
        rows: Sequence[Sequence[Piece | None]],
        *,
        rules: Rules = "all",
        header_rows: int = 0,
        fill: bool = False,
        tight: bool = False,
    ) -> None:
        """A grid of pieces; questions are bold, figures stand at the right."""
        cells = [
            TableCell(
                piece.text, row, column, header=piece.label == "question", align=_align(piece)
            )
            for row, pieces in enumerate(rows)
            for column, piece in enumerate(pieces)
            if piece
        ]
        self.cells(
            TableSpec(
                tuple(cells),
                rules=rules,
                header_rows=header_rows,
                header_fill=fill,
                padding=(1.5, 1.5) if tight else (5.0, 3.0),
                font_scale=1.0 if tight else 0.9,
            ),
            [piece for pieces in rows for piece in pieces if piece],
        )

    def cells(self, table: TableSpec, pieces: Sequence[Piece]) -> None:
        """Any table; pieces in the order of its cells, row by row."""
        self._add(table, pieces)

    def finish(self, name: str, *, cut: bool = False) -> GeneratedDocument:
        """The page, in a smaller type where it would not hold all.

        Args:
            cut: Cut the paper below the last line, as a roll's.

        Raises:
            InputError: It does not fit, or a character that no font has.
        """
        style = self.style
        for _ in range(_TRIES):
            drawn = typeset(self.elements, style, name)
            if len(drawn.pages) == 1:
                return GeneratedDocument(*_label(_cut(drawn, style) if cut else drawn, self.pieces))
            style = replace(style, font_size=style.font_size * _SMALLER)
        raise InputError("the document does not fit on a page", file=name)

    def _add(self, element: Element, pieces: Sequence[Piece]) -> None:
        self.elements.append(element)
        self.pieces += pieces

    def _has_room(self, pair: Pair, room: float) -> bool:
        asked, told = pair
        size = self.style.font_size
        taken = Setting.of(self.style, bold=True).width(asked.text) + 0.6 * size + 6.0
        return taken + Setting.of(self.style).width(told.text if told else "") < room - 2 * size


@dataclass(frozen=True)
class GeneratedDocument:
    """A page that was drawn.

    Attributes:
        drawn: Gives pictures and PDFs.
        labelled: In points.
    """

    drawn: Typeset
    labelled: LabelledDocument

    def picture(
        self, dpi: float, seed: int = 0, strength: float = 0.0
    ) -> tuple[Pixels, LabelledDocument]:
        """The page as a scanner of that resolution gives it, and its truth in pixels.

        Args:
            strength: Of the scan's wear, 0…2; 0 leaves the page as it was drawn.
        """
        pixels = self.drawn.to_image(0, dpi)
        document = scaled(self.labelled.document, dpi)
        if strength:
            pixels, matrix = scan(pixels, seed, strength=strength)
            document = moved(document, matrix, (pixels.shape[1], pixels.shape[0]))
        return pixels, replace(self.labelled, pages=tuple(document.pages))


def _align(piece: Piece) -> Align:
    digits = sum(character.isdigit() for character in piece.text)
    return "end" if piece.label == "answer" and digits > len(piece.text) / 2 else "start"


def _cut(drawn: Typeset, style: Style) -> Typeset:
    page, truth = drawn.pages[0], drawn.truth.pages[0]
    height = max(item.box[3] for item in truth.items) + style.margins[3]
    shorter = truth.model_copy(update={"height": height})
    document = drawn.truth.model_copy(update={"pages": [shorter]})
    return Typeset([DrawnPage(page.width, height, page.ops)], document, drawn.sources)


def _label(drawn: Typeset, pieces: Sequence[Piece]) -> tuple[Typeset, LabelledDocument]:
    """The truth with its entities, links and fields."""
    page = drawn.truth.pages[0]
    places = _places(page, pieces)
    words = page.words
    entities = [
        entity(f"e{number}", piece.label, places[number], words)
        for number, piece in enumerate(pieces)
        if piece.label
    ]
    numbers = {id(piece): number for number, piece in enumerate(pieces)}
    relations = [
        Relation(head=f"e{numbers[id(piece.head)]}", tail=f"e{number}", label=LINK)
        for number, piece in enumerate(pieces)
        if piece.head and piece.label
    ]
    fields = tuple(
        LabelledField(
            piece.field,
            " ".join(piece.text.split()),
            tuple(WordAt(1, index) for index in places[number]),
            piece.row,
        )
        for number, piece in enumerate(pieces)
        if piece.field
    )
    page = page.model_copy(update={"entities": entities, "relations": relations})
    truth = drawn.truth.model_copy(update={"pages": [page]})
    return replace(drawn, truth=truth), LabelledDocument(truth.name, (page,), fields)


def _places(page: Page, pieces: Sequence[Piece]) -> list[list[int]]:
    """The words of each piece; a word may have been cut at a line's end."""
    places: list[list[int]] = [[] for _ in pieces]
    words = iter(enumerate(page.words))
    for found, piece in zip(places, pieces, strict=True):
        wanted, said = "".join(piece.text.split()), ""
        while len(said) < len(wanted):
            index, word = next(words)
            found.append(index)
            said += word.text
        if said != wanted:
            raise AssertionError(f"'{said}' was set where '{wanted}' was drafted")
    if next(words, None) is not None:
        raise AssertionError("more was set than drafted")
    return places
