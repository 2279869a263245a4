"""Korean business documents with their words: tax invoices, receipts, statements.

Drawn on pages as vlkit's own generator draws them, in other words than readers are trained with,
and scanned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from benchmarks.line_rows.texts import LISTS, write
from vlkit.data.degrade import moved, scan
from vlkit.data.elements import (
    A4,
    Align,
    Element,
    Heading,
    Paragraph,
    Style,
    TableCell,
    TableSpec,
    Title,
)
from vlkit.data.labelled.texts import Sale
from vlkit.data.pages import Typeset, typeset
from vlkit.data.typefaces import Family
from vlkit.document import Page
from vlkit.images import Pixels

DPI = (110, 150, 200)
VAT = 0.1
ROLL = (226.8, 600.0)
"""Points of a receipt: 80 mm wide."""


@dataclass(frozen=True)
class Scanned:
    """A page's picture, and its words in pixels of it.

    Attributes:
        kind: ``tax invoice``, ``receipt`` or ``statement``.
    """

    kind: str
    pixels: Pixels
    page: Page


def document(number: int, families: tuple[Family, ...]) -> Scanned:
    """The document of that number: kinds, typefaces and resolutions in turn and by chance.

    Args:
        families: To draw with; what one lacks is drawn in another.
    """
    rng = Random(f"document {number}")
    kind = list(KINDS)[number % len(KINDS)]
    drawn = KINDS[kind](rng, tuple(rng.sample(families, len(families))))
    dpi = rng.choice(DPI)
    pixels, matrix = scan(drawn.to_image(0, dpi), number, strength=rng.uniform(0, 1.2))
    height, width = pixels.shape[:2]
    page = moved(drawn.truth_in_pixels(dpi), matrix, (width, height)).pages[0]
    return Scanned(kind, pixels, page)


# Texts


def _say(pattern: str, rng: Random) -> str:
    return write("korean", pattern, rng)


def _sales(rng: Random, most: int) -> list[Sale]:
    items = rng.sample(LISTS["korean"]["item"], rng.randrange(2, most))
    return [
        Sale(item, rng.choice((1, 2, 3, 5, 10, 24)), rng.randrange(4, 900) * 50) for item in items
    ]


def _won(value: int) -> str:
    return f"{value:,}"


def _row(row: int, texts: list[str], *, header: bool = False) -> list[TableCell]:
    """Cells side by side; figures at the right, a header in the middle."""

    def align(text: str) -> Align:
        if header:
            return "centre"
        return "end" if text.replace(",", "").isdigit() else "start"

    return [
        TableCell(text, row, column, header=header, align=align(text))
        for column, text in enumerate(texts)
        if text
    ]


def _table(rows: list[list[str]], rng: Random, *, headed: bool = True) -> TableSpec:
    cells = [
        cell
        for number, texts in enumerate(rows)
        for cell in _row(number, texts, header=headed and number == 0)
    ]
    return TableSpec(
        tuple(cells),
        rules=rng.choice(("all", "all", "horizontal", "outer")),
        header_rows=int(headed),
        header_fill=headed and rng.random() < 0.4,
        rule_width=rng.choice((0.3, 0.5, 1.0)),
    )


# Kinds


def tax_invoice(rng: Random, families: tuple[Family, ...]) -> Typeset:
    """Both parties in a ruled form, the sum, and what was supplied with its tax."""
    style = Style(size=A4, font_size=rng.uniform(8.5, 10.5), families=families)
    sales = _sales(rng, 9)
    net, tax = sum(sale.net for sale in sales), sum(sale.tax for sale in sales)
    goods = [["월", "일", "품목", "규격", "수량", "단가", "공급가액", "세액", "비고"]]
    for sale in sales:
        month, day = f"{rng.randrange(1, 13):02d}", f"{rng.randrange(1, 29):02d}"
        size = rng.choice(("EA", "BOX", "kg", "set", ""))
        numbers = [_won(n) for n in (sale.count, sale.price, sale.net, sale.tax)]
        goods.append([month, day, sale.item, size, *numbers])
    elements: list[Element] = [
        Title(rng.choice(("전자세금계산서", "세 금 계 산 서", "세금계산서(공급받는자 보관용)"))),
        Paragraph(_say("승인번호 {year}{month}{day}-{n6}-{n6}", rng), align="end"),
        _parties(rng),
        _table(
            [
                ["작성일자", "공급가액", "세액", "수정사유"],
                [_say("{year}-{month}-{day}", rng), _won(net), _won(tax), "해당없음"],
            ],
            rng,
        ),
        _table(goods, rng),
        _table(
            [
                ["합계금액", "현금", "수표", "어음", "외상미수금"],
                [_won(net + tax), _won(net + tax), "0", "0", "0"],
            ],
            rng,
        ),
        Paragraph(f"이 금액을 ({rng.choice(('영수', '청구'))}) 함"),
    ]
    return typeset(elements, style, "tax-invoice.pdf")


def _parties(rng: Random) -> TableSpec:
    """Supplier and buyer side by side, their name down the side."""
    cells: list[TableCell] = []
    for party, column in (("공급자", 0), ("공급받는자", 3)):
        fields = [
            ("등록번호", _say("{n3}-{n2}-{n5}", rng)),
            ("상호", _say("{company}", rng)),
            ("성명", _say("{person}", rng)),
            ("사업장", _say("{address}", rng)),
            ("업태", rng.choice(("도매 및 소매업", "제조", "숙박 및 음식점업", "서비스"))),
            ("종목", _say("{item}", rng)),
        ]
        down = "\n".join(party)
        cells.append(TableCell(down, 0, column, row_span=len(fields), header=True, align="centre"))
        for row, (label, text) in enumerate(fields):
            cells.append(TableCell(label, row, column + 1, header=True))
            cells.append(TableCell(text, row, column + 2))
    return TableSpec(tuple(cells), rules="all", header_rows=0, rule_width=0.5)


def receipt(rng: Random, families: tuple[Family, ...]) -> Typeset:
    """A shop's, off a narrow roll: goods, sum, tax, card."""
    style = Style(
        size=ROLL,
        margins=(12.0, 14.0, 12.0, 14.0),
        font_size=rng.uniform(7.5, 9),
        families=families,
    )
    sales = _sales(rng, 8)
    total = sum(sale.net for sale in sales)
    goods = [["상품명", "단가", "수량", "금액"]] + [
        [sale.item, _won(sale.price), _won(sale.count), _won(sale.net)] for sale in sales
    ]
    sums = [
        ["과세물품가액", _won(round(total / (1 + VAT)))],
        ["부 가 세", _won(total - round(total / (1 + VAT)))],
        ["합 계", _won(total)],
        ["받을금액", _won(total)],
    ]
    card = [
        ["카드번호", _say("{n4}-****-****-{n4}", rng)],
        ["승인번호", _say("{n6}{n2}", rng)],
        ["거래일시", _say("{year}/{month}/{day} 1{n1}:{month}:{day}", rng)],
    ]
    elements: list[Element] = [
        Heading(_say("{company}", rng)),
        Paragraph(_say("{n3}-{n2}-{n5} {person}\n{address}\nTEL 0{n2}-{n3}-{n4}", rng)),
        Paragraph("[영 수 증]", align="centre"),
        _bare(goods, headed=True),
        _bare(sums),
        _bare(card),
        Paragraph(
            rng.choice(
                (
                    "교환은 구입하신 날부터 보름 안에 영수증을 지참하고 오셔야 합니다.",
                    "포인트가 쌓였습니다. 또 들러 주세요!",
                    "개봉한 물건은 무르지 못합니다.",
                )
            )
        ),
    ]
    return typeset(elements, style, "receipt.pdf")


def _bare(rows: list[list[str]], *, headed: bool = False) -> TableSpec:
    """A receipt's table, without lines but perhaps under its header."""
    cells = [cell for number, texts in enumerate(rows) for cell in _row(number, texts)]
    return TableSpec(
        tuple(cells),
        rules="horizontal" if headed else "none",
        header_rows=int(headed),
        padding=(1.0, 1.5),
        font_scale=1.0,
    )


def statement(rng: Random, families: tuple[Family, ...]) -> Typeset:
    """What was delivered in a month, with prose around it."""
    style = Style(
        size=A4,
        font_size=rng.uniform(9, 11),
        families=families,
        footer=_say("{company} · {address} · 0{n2}-{n3}-{n4}", rng),
    )
    sales = _sales(rng, 15)
    rows = [["번호", "품명", "수량", "단가", "금액"]]
    for number, sale in enumerate(sales, start=1):
        rows.append([str(number), sale.item, _won(sale.count), _won(sale.price), _won(sale.net)])
    rows.append(["", "총액(부가세 별도)", "", "", _won(sum(sale.net for sale in sales))])
    elements: list[Element] = [
        Title("거래명세서"),
        Paragraph(_say("{company} 귀중\n{address}", rng)),
        Paragraph(
            _say("발행일 {year}년 {month}월 {day}일\n담당 {person} {rank}", rng), align="end"
        ),
        Paragraph(_say("{sentence} {sentence}", rng)),
        _table(rows, rng),
        Paragraph(_say("{note}\n{label}: {value}\n{label}: {value}", rng)),
        Paragraph(_say("{sentence}", rng)),
    ]
    return typeset(elements, style, "statement.pdf")


KINDS: dict[str, Callable[[Random, tuple[Family, ...]], Typeset]] = {
    "tax invoice": tax_invoice,
    "receipt": receipt,
    "statement": statement,
}
