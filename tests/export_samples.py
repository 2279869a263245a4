"""Documents to export in tests: every kind of item, and the awkward ones."""

from __future__ import annotations

import math

from vlkit.document import (
    Block,
    Box,
    Cell,
    Document,
    Figure,
    Line,
    Page,
    PageError,
    Quad,
    Role,
    Source,
    Table,
    Word,
    box_union,
    quad_box,
)

OCR = Source(name="rapidocr", version="3.10")
SIZE = 20.0
ADVANCE = 10.0


def line(text: str, x: float, y: float, confidence: float | None = 0.9, **more) -> Line:
    """A line of words, every character ``ADVANCE`` wide; right-to-left ones run leftwards."""
    words = []
    rtl = more.get("direction") == "rtl"
    total = len(text) * ADVANCE
    at = 0.0
    for part in text.split(" "):
        width = len(part) * ADVANCE
        x0 = x + total - at - width if rtl else x + at
        words.append(
            Word(
                text=part,
                box=(x0, y, x0 + width, y + SIZE),
                confidence=confidence,
                source=OCR,
                **more,
            )
        )
        at += width + ADVANCE
    return Line(
        words=words,
        box=box_union(word.box for word in words),
        direction=more.get("direction", "ltr"),
        script=more.get("script"),
    )


def turned(straight: Line, degrees: float) -> Line:
    """The line turned clockwise about its top-left corner, words with quads."""
    x0, y0 = straight.box[:2]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))

    def quad(box: Box) -> Quad:
        corners = [(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])]
        moved = [(x - x0, y - y0) for x, y in corners]
        a, b, c, d = [(x0 + cos * x - sin * y, y0 + sin * x + cos * y) for x, y in moved]
        return a, b, c, d

    words = [
        word.model_copy(update={"quad": quad(word.box), "box": quad_box(quad(word.box))})
        for word in straight.words
    ]
    whole = quad(straight.box)
    return straight.model_copy(update={"words": words, "quad": whole, "box": quad_box(whole)})


def block(role: Role, lines: list[Line], **more) -> Block:
    return Block(role=role, lines=lines, box=box_union(line.box for line in lines), **more)


def table(rows: list[list[str]], x: float, y: float, header: bool = True, **more) -> Table:
    """A table without spans."""
    cells = [
        Cell(
            row=r,
            column=c,
            header=header and r == 0,
            lines=[line(text, x + 150 * c, y + 30 * r)] if text else [],
            box=(x + 150 * c, y + 30 * r, x + 150 * (c + 1), y + 30 * (r + 1)),
        )
        for r, row in enumerate(rows)
        for c, text in enumerate(row)
    ]
    return Table(
        rows=len(rows),
        columns=len(rows[0]),
        cells=cells,
        box=(x, y, x + 150 * len(rows[0]), y + 30 * len(rows)),
        **more,
    )


def spanned_table(x: float, y: float) -> Table:
    def cell(row: int, column: int, text: str, rows: int = 1, columns: int = 1) -> Cell:
        box = (x + 150 * column, y + 30 * row, x + 150 * (column + columns), y + 30 * (row + rows))
        lines = [line(text, box[0], box[1])]
        return Cell(
            row=row,
            column=column,
            row_span=rows,
            column_span=columns,
            header=row < 2,
            lines=lines,
            box=box,
        )

    cells = [
        cell(0, 0, "Region", rows=2),
        cell(0, 1, "Sales", columns=2),
        cell(1, 1, "2024"),
        cell(1, 2, "2025"),
        cell(2, 0, "North & <East>"),
        cell(2, 1, "1,200"),
        cell(2, 2, "1,310"),
    ]
    return Table(id="t2", rows=3, columns=3, cells=cells, box=(x, y, x + 450, y + 90))


def rich_document() -> Document:
    """Two pages with headings, lists, tables across pages, a figure, a footnote, Hebrew, …"""
    first = Page(
        number=1,
        width=800,
        height=1100,
        dpi=100,
        items=[
            block("header", [line("Annual Report 2025", 50, 20)]),
            block("title", [line("The Harbour", 50, 60)]),
            block("heading", [line("1 Ships", 50, 100)], level=1),
            block(
                "paragraph",
                [line("Ships of every size were exam-", 50, 140), line("ined at night¹.", 50, 165)],
            ),
            block("list_item", [line("• Tugs", 50, 200)], level=1, marker="•"),
            block("list_item", [line("1. small", 80, 225)], level=2, marker="1."),
            block("list_item", [line("• Liners", 50, 250)], level=1, marker="•"),
            table([["Ship", "Tons"], ["Ada", "12"]], 50, 300, id="t1", caption="c1"),
            block("caption", [line("Table 1: tonnage", 50, 370)], id="c1"),
            Figure(
                id="f1",
                box=(50, 400, 350, 600),
                lines=[line("North", 100, 420)],
                caption="c2",
            ),
            block("caption", [line("Figure 1: the quay", 50, 610)], id="c2"),
            block("paragraph", [line("The paragraph goes", 50, 650)], id="p1"),
            block("footnote", [line("1 By lamplight.", 50, 1000)]),
            block("page_number", [line("1", 400, 1060)]),
        ],
    )
    second = Page(
        number=2,
        width=800,
        height=1100,
        dpi=100,
        items=[
            block("header", [line("Annual Report 2025", 50, 20)]),
            block("paragraph", [line("on overleaf.", 50, 60)], continues="p1"),
            table([["Ship", "Tons"], ["Eva", "7"]], 50, 100, continues="t1"),
            block("heading", [line("1.1 Crews", 50, 200)], level=2),
            spanned_table(50, 240),
            block(
                "paragraph",
                [line("שלום עולם טוב", 400, 400, direction="rtl", script="Hebr")],
            ),
            block(
                "paragraph", [line("항구의 배 📦 상자", 50, 450, confidence=None, script="Kore")]
            ),
            block("paragraph", [turned(line("turned by a little", 100, 550), 8)]),
            block("paragraph", [turned(line("standing up", 600, 900), -90)]),
            block("footer", [line("Harbour Office", 50, 1040)]),
            block("page_number", [line("2", 400, 1060)]),
        ],
    )
    return Document(name="harbour.png", pages=[first, second])


def awkward_documents() -> dict[str, Document]:
    """What every export has to survive."""
    control = "a\x00b\x0b\x1f\ufffe]]>&<\"'"
    empty_table = Table(rows=0, columns=0, cells=[], box=(0, 0, 1, 1))
    bare = Page(number=2, width=100, height=100, items=[empty_table, Figure(box=(5, 5, 9, 9))])
    return {
        "no pages": Document(pages=[]),
        "blank page": Document(pages=[Page(number=1, width=10, height=10)]),
        "failed page": Document(
            pages=[
                Page(number=1, width=0, height=0, error=PageError(problem="broken & gone")),
                bare,
            ]
        ),
        "control characters": Document(
            name="odd\x01 & <name>.png",
            pages=[
                Page(
                    number=1,
                    width=500,
                    height=100,
                    items=[
                        block("paragraph", [line(control, 5, 5)]),
                        block("list_item", [line(control, 5, 35)], marker="\x02"),
                        table([[control, "|"]], 5, 60),
                    ],
                )
            ],
        ),
        "empty lines": Document(
            pages=[
                Page(
                    number=1,
                    width=500.5,
                    height=100.25,
                    unit="point",
                    items=[
                        Block(lines=[], box=(0, 0, 1, 1)),
                        Block(lines=[Line(words=[], box=(0, 0, 1, 1))], box=(0, 0, 1, 1)),
                        block("heading", [line("", 5, 5)], level=9),
                    ],
                )
            ]
        ),
        "off the page": Document(
            pages=[
                Page(
                    number=1,
                    width=50,
                    height=50,
                    items=[block("paragraph", [turned(line("hanging out", 5, 5), -120)])],
                )
            ]
        ),
    }
