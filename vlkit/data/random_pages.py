"""Seeded random documents with their truth, for benchmarks and tests.

The same seed and arguments give the same document, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from vlkit.data.elements import (
    A4,
    LETTER,
    Align,
    CheckBoxes,
    Drawing,
    Element,
    Form,
    Heading,
    ListItem,
    Paragraph,
    Rules,
    Sidebar,
    Style,
    TableCell,
    TableSpec,
    Title,
)
from vlkit.data.pages import Typeset, typeset
from vlkit.data.typefaces import Family
from vlkit.data.vocabulary import Language, Writer

TableKind = Literal["ruled", "horizontal", "borderless", "shaded"]


def random_style(
    rng: np.random.Generator,
    language: Language,
    columns: int | None = None,
    families: Sequence[Family] = (),
) -> Style:
    """Page size, margins, font size, leading, running lines: as real pages vary."""
    count = int(rng.integers(1, 4)) if columns is None else columns
    side = float(rng.uniform(42, 72))
    size = float(rng.uniform(8.5, 10) if count == 3 else rng.uniform(9, 12))
    return Style(
        size=A4 if rng.random() < 0.6 else LETTER,
        margins=(side, float(rng.uniform(60, 80)), side, float(rng.uniform(60, 80))),
        columns=count,
        gutter=float(rng.uniform(14, 26)),
        font_size=round(size, 1),
        leading=float(rng.uniform(1.2, 1.5)),
        justify=bool(rng.random() < 0.5),
        families=tuple(families),
        direction="rtl" if language == "heb" else "ltr",
        indent=float(rng.choice([0.0, 0.0, 12.0])),
        paragraph_space=float(rng.uniform(0.3, 0.8)),
    )


def random_document(
    seed: int,
    language: Language = "eng",
    *,
    columns: int | None = None,
    families: Sequence[Family] = (),
    length: int = 10,
    style: Style | None = None,
) -> Typeset:
    """A report of one to three columns: for reading order and layout.

    Title over all columns, headings of levels 1 to 3, paragraphs, lists, a table, floats of
    the columns' and the page's width with captions, sidebars in the column or the margin,
    footnotes, header, footer, page numbers; each with some probability. ``length`` is about
    the number of paragraphs; ten fill one to two pages. A ``style`` of the caller's is used as
    it is, but for running lines and margin column.
    """
    rng = np.random.default_rng([seed, 1])
    writer = Writer(language, rng)
    style = style or random_style(rng, language, columns, families)
    company = writer.pick("company")
    style = _running(style, company, writer)
    elements: list[Element] = []
    if rng.random() < 0.8:
        elements.append(Title(f"{company}: {writer.heading()}"))
    if style.margin_column:
        inside = (Heading(writer.heading(), 3), Paragraph(writer.prose(2)))
        elements.append(Sidebar(inside, place="margin"))
    body = _Body(writer, style)
    for index in range(length):
        elements += body.part(index)
    return typeset(elements, style, f"order-{language}-{seed}.pdf")


def _running(style: Style, company: str, writer: Writer) -> Style:
    """The style with running lines, and sometimes a margin column."""
    rng = writer.rng
    side: Literal["left", "right"] = "left" if rng.random() < 0.5 else "right"
    return replace(
        style,
        header=f"{company} · {writer.heading()}" if rng.random() < 0.6 else "",
        footer=writer.address() if rng.random() < 0.4 else "",
        page_number=str(rng.choice(["", "{page}", "{page} / {pages}", "- {page} -"])),
        margin_column=side if style.columns < 3 and rng.random() < 0.2 else None,
    )


class _Body:
    """Parts of a report, one after the other, with counters for notes and captions."""

    def __init__(self, writer: Writer, style: Style) -> None:
        self.writer, self.rng, self.style = writer, writer.rng, style
        self.notes = self.figures = 0

    def part(self, index: int) -> list[Element]:
        found: list[Element] = []
        if index == 0 or self.rng.random() < 0.35:
            level = 1 if index == 0 else int(self.rng.integers(1, 4))
            found.append(Heading(self.writer.heading(), level))
        found.append(self.paragraph())
        chance = self.rng.random()
        if chance < 0.12:
            found += self.list_items()
        elif chance < 0.24:
            found.append(self.drawing())
        elif chance < 0.32:
            found.append(
                random_table(self.writer, rows=5, columns=2 if self.style.columns == 3 else 3)
            )
        elif chance < 0.38:
            text = self.writer.prose(2)
            found.append(Sidebar((Heading(self.writer.heading(), 3), Paragraph(text))))
        elif chance < 0.42 and self.style.columns > 1:
            found.append(Heading(self.writer.heading(), 1, full_width=True))
        return found

    def paragraph(self) -> Paragraph:
        text = self.writer.prose(int(self.rng.integers(1, 6)))
        if self.rng.random() > 0.12:
            return Paragraph(text)
        self.notes += 1
        note = f"{self.notes} {self.writer.sentence()}"
        return Paragraph(f"{text[:-1]} {self.notes}.", footnote=note)

    def list_items(self) -> list[Element]:
        count = int(self.rng.integers(2, 6))
        kind = int(self.rng.integers(3))
        markers = ["•"] * count if kind == 0 else ["–"] * count
        if kind == 2:
            markers = [f"{number}." for number in range(1, count + 1)]
        return [ListItem(self.writer.sentence(), marker) for marker in markers]

    def drawing(self) -> Drawing:
        self.figures += 1
        word = {"kor": "그림", "heb": "איור", "eng": "Figure"}[self.writer.language]
        wide = self.style.columns > 1 and self.rng.random() < 0.4
        place = self.rng.choice(["top", "bottom"]) if wide else "here"
        kinds: list[Literal["bars", "lines", "boxes", "photo"]]
        kinds = ["bars", "lines", "boxes", "photo"]
        return Drawing(
            kind=kinds[int(self.rng.integers(4))],
            caption=f"{word} {self.figures}. {self.writer.sentence()}",
            height=float(self.rng.uniform(80, 160)),
            seed=int(self.rng.integers(1 << 30)),
            float_to="top" if place == "top" else "bottom" if place == "bottom" else "here",
        )


def random_table(
    writer: Writer,
    *,
    rows: int,
    columns: int,
    kind: TableKind | None = None,
    spans: bool | None = None,
    caption: str = "",
) -> TableSpec:
    """A table of items and figures; ``spans`` gives a two-row header with a spanning cell,
    row spans in the first column and a spanning total."""
    rng = writer.rng
    kinds: list[TableKind] = ["ruled", "horizontal", "borderless", "shaded"]
    kind = kind or kinds[int(rng.integers(4))]
    spans = bool(rng.random() < 0.3) if spans is None else spans
    right: Align = "end" if rng.random() < 0.6 else "start"
    head = 2 if spans and columns >= 3 else 1
    cells = _header_cells(writer, columns, head, right)
    cells += _body(writer, head, rows, columns, right, spans=spans and columns > 2)
    rules: dict[TableKind, Rules] = {
        "ruled": "all",
        "horizontal": "horizontal",
        "borderless": "none",
        "shaded": "outer" if rng.random() < 0.5 else "none",
    }
    return TableSpec(
        cells=tuple(cells),
        caption=caption,
        rules=rules[kind],
        header_rows=head,
        rule_width=float(rng.choice([0.3, 0.5, 0.75, 1.0])),
        shading=kind == "shaded",
        header_fill=bool(kind in ("ruled", "shaded") and rng.random() < 0.5),
        padding=(float(rng.uniform(4, 8)), float(rng.uniform(1.5, 5))),
        font_scale=float(rng.uniform(0.8, 1.0)),
        stretch=bool(rng.random() < 0.7),
    )


def _header_cells(writer: Writer, columns: int, head: int, right: Align) -> list[TableCell]:
    if head == 1:
        return [
            TableCell(writer.heading(), 0, column, header=True, align=right if column else "start")
            for column in range(columns)
        ]
    years = [str(2026 - columns + column) for column in range(1, columns)]
    return [
        TableCell(writer.heading(), 0, 0, row_span=2, header=True),
        TableCell(writer.heading(), 0, 1, column_span=columns - 1, header=True, align="centre"),
        *(
            TableCell(year, 1, column, header=True, align=right)
            for column, year in enumerate(years, start=1)
        ),
    ]


def _body(
    writer: Writer, head: int, rows: int, columns: int, right: Align, *, spans: bool
) -> list[TableCell]:
    """The rows under the header; with spans, some first cells reach over two or three rows, and
    there is a total."""
    rng = writer.rng
    cells: list[TableCell] = []
    row = head
    while row < rows + head:
        group = min(int(rng.integers(2, 4)), rows + head - row) if spans else 1
        group = group if rng.random() < 0.5 else 1
        cells.append(TableCell(writer.pick("item"), row, 0, row_span=group))
        for inner in range(row, row + group):
            cells += _body_cells(writer, inner, columns, right, empty=0.05)
        row += group
    if spans:
        word = {"kor": "합계", "heb": "סך הכל", "eng": "Total"}[writer.language]
        cells.append(TableCell(word, row, 0, column_span=columns - 1))
        cells.append(TableCell(writer.amount(), row, columns - 1, align=right))
    return cells


def _body_cells(
    writer: Writer, row: int, columns: int, right: Align, *, empty: float
) -> list[TableCell]:
    makers: list[Callable[[], str]] = [
        writer.percent,
        writer.amount,
        writer.date,
        writer.quantity,
        lambda: writer.pick("person"),
        writer.number,
    ]
    found = []
    for column in range(1, columns):
        text = "" if writer.rng.random() < empty else makers[column % len(makers)]()
        found.append(TableCell(text, row, column, align=right))
    return found


def random_table_page(
    seed: int,
    language: Language = "eng",
    *,
    kind: TableKind | None = None,
    spans: bool | None = None,
    across_pages: bool = False,
    families: Sequence[Family] = (),
) -> Typeset:
    """A page with prose around one table; ``across_pages`` makes it run over a page's end,
    with its header repeated there."""
    rng = np.random.default_rng([seed, 2])
    writer = Writer(language, rng)
    style = random_style(rng, language, 1, families)
    columns = int(rng.integers(2, 7))
    rows = int(rng.integers(38, 60)) if across_pages else int(rng.integers(3, 16))
    word = {"kor": "표", "heb": "טבלה", "eng": "Table"}[language]
    caption = f"{word} 1. {writer.heading()}" if rng.random() < 0.5 else ""
    table = random_table(
        writer, rows=rows, columns=columns, kind=kind, spans=spans, caption=caption
    )
    elements: list[Element] = [
        Heading(writer.heading()),
        Paragraph(writer.prose(int(rng.integers(2, 8)))),
        table,
        Paragraph(writer.prose(4)),
    ]
    return typeset(elements, style, f"table-{language}-{seed}.pdf")


def random_text_page(
    seed: int,
    language: Language = "eng",
    *,
    columns: int | None = None,
    ligatures: bool = True,
    hyphens: Literal["none", "plain", "soft"] = "soft",
    families: Sequence[Family] = (),
) -> Typeset:
    """Columns of prose under headings for text-layer PDFs, with ligatures and hyphens at line
    ends; ``Typeset.sources`` has each paragraph unbroken."""
    rng = np.random.default_rng([seed, 3])
    writer = Writer(language, rng)
    style = replace(
        random_style(rng, language, columns, families),
        ligatures=ligatures,
        hyphenate=hyphens != "none",
        soft_hyphens=hyphens == "soft",
        page_number="{page}",
    )
    elements: list[Element] = [Title(f"{writer.pick('company')}: {writer.heading()}")]
    for _ in range(int(rng.integers(4, 8))):
        elements += [Heading(writer.heading()), Paragraph(writer.prose(int(rng.integers(3, 7))))]
    return typeset(elements, style, f"text-{language}-{seed}.pdf")


def random_business_page(
    seed: int,
    language: Language = "eng",
    *,
    families: Sequence[Family] = (),
    font_size: float | None = None,
) -> Typeset:
    """A letter with an invoice table or a form: names, addresses, dates, amounts, prose."""
    rng = np.random.default_rng([seed, 4])
    writer = Writer(language, rng)
    style = replace(
        random_style(rng, language, 1, families),
        font_size=font_size or round(float(rng.uniform(9, 12)), 1),
        footer=f"{writer.pick('company')} · {writer.phone()}",
    )
    sender = f"{writer.pick('company')}\n{writer.address()}\n{writer.phone()}"
    elements: list[Element] = [
        Paragraph(sender),
        Paragraph(f"{writer.pick('person')}\n{writer.address()}"),
        Paragraph(writer.date(), align="end"),
        Heading(f"{writer.heading()} {writer.number(1000, 99999)}"),
        Paragraph(writer.prose(int(rng.integers(3, 7)))),
    ]
    if rng.random() < 0.6:
        elements.append(random_table(writer, rows=int(rng.integers(3, 8)), columns=4, spans=False))
    if rng.random() < 0.5:
        labels = list(dict.fromkeys(writer.pick("label") for _ in range(6)))
        pairs = tuple((label, writer.value(label)) for label in labels)
        boxed = bool(rng.random() < 0.3)
        elements.append(Form(pairs, per_row=int(rng.integers(1, 3)), boxed=boxed))
    if rng.random() < 0.4:
        choices = dict.fromkeys(writer.pick("choice") for _ in range(4))
        elements.append(CheckBoxes(tuple((text, bool(rng.random() < 0.4)) for text in choices)))
    elements += [Paragraph(writer.prose(3)), Paragraph(writer.pick("person"))]
    return typeset(elements, style, f"business-{language}-{seed}.pdf")
