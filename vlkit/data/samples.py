"""The sample that comes with vlkit: one page with a bit of everything, and its truth.

``sample.pdf`` and ``sample.png`` beside this file are what ``sample_page()`` draws.
"""

from __future__ import annotations

from pathlib import Path

from vlkit.data.elements import (
    CheckBoxes,
    Drawing,
    Element,
    Form,
    Heading,
    ListItem,
    Paragraph,
    Style,
    TableCell,
    TableSpec,
    Title,
)
from vlkit.data.pages import Typeset, typeset

SAMPLE_PDF = Path(__file__).parent / "sample.pdf"
SAMPLE_PNG = Path(__file__).parent / "sample.png"
SAMPLE_DPI = 150

STYLE = Style(
    margins=(54.0, 62.0, 54.0, 60.0),
    columns=2,
    gutter=22.0,
    font_size=9.6,
    leading=1.34,
    justify=True,
    paragraph_space=0.45,
    header="Hanbit Paper · Annual note 2025",
    footer="Hanbit Paper Co., 18 Mill Road, Jeonju",
    page_number="Page {page}",
)

TABLE = TableSpec(
    cells=(
        TableCell("Mill", 0, 0, row_span=2, header=True),
        TableCell("Sold (tonnes)", 0, 1, column_span=2, header=True, align="centre"),
        TableCell("Change", 0, 3, row_span=2, header=True, align="end"),
        TableCell("2024", 1, 1, header=True, align="end"),
        TableCell("2025", 1, 2, header=True, align="end"),
        *(
            TableCell(text, row, column, align="end" if column else "start")
            for row, texts in enumerate(
                (
                    ("Jeonju", "41,200", "44,950", "+9.1%"),
                    ("Cheongju", "18,730", "19,080", "+1.9%"),
                    ("Ulsan", "9,410", "8,660", "-8.0%"),
                    ("Total", "69,340", "72,690", "+4.8%"),
                ),
                start=2,
            )
            for column, text in enumerate(texts)
        ),
    ),
    caption="Table 1. Paper sold, by mill",
    header_rows=2,
    header_fill=True,
    padding=(5.0, 2.6),
)

ELEMENTS: tuple[Element, ...] = (
    Title("A quiet year, and a good one"),
    Heading("1 The year in brief", 1),
    Paragraph(
        "Hanbit Paper sold more paper in 2025 than in any year since the Jeonju mill was "
        "rebuilt, and used less water to make it. Prices were steady from March to November. "
        "Two customers left us, eleven came, and the order book for the spring is already full."
    ),
    Paragraph(
        "This note is short on purpose. It says what we sold, what it cost to make, and what we "
        "mean to do next. The full accounts are kept at the office in Jeonju, where anyone may "
        "read them on a weekday between ten and four."
    ),
    Heading("1.1 Sales", 2),
    Paragraph(
        "Most of the growth came from office paper. Label stock did well in the second half, "
        "once the new coating line had been tuned. Newsprint fell again, as we had expected, and "
        "the Ulsan mill will turn one of its two machines over to packing board next year."
    ),
    TABLE,
    Heading("1.1.1 Prices", 3),
    Paragraph(
        "The average price rose by 1.2%. We did not pass on the higher cost of freight, which "
        "we think will come down again.¹ Customers who order for a full year pay the price of "
        "the day on which they sign.",
        footnote="¹ Freight is about 6% of the cost of a tonne; the figures have been audited.",
    ),
    Heading("1.1.2 Deliveries", 3),
    Paragraph(
        "Of 9,318 deliveries, 9,204 came on the day that was promised. Most of the others were "
        "held up by the storm of 7 August, which closed the coast road for three days."
    ),
    Heading("1.2 Energy and water", 2),
    Paragraph(
        "A tonne of paper now takes 8.4 cubic metres of water, down from 9.7. Three changes "
        "made the difference:"
    ),
    ListItem("waste heat from the dryers now warms the pulp;"),
    ListItem("the settling basin, which had leaked for years, was sealed in April;"),
    ListItem("night shifts run two machines at full speed instead of three at half."),
    Drawing(
        "bars",
        "Figure 1. Water used per tonne in 2025, by quarter",
        height=92.0,
        seed=14,
        labels=("January", "April", "July", "October"),
    ),
    Heading("1.3 People", 2),
    Paragraph(
        "We are 412 people, nine more than a year ago. Four apprentices finished their training "
        "and stayed. Nobody was hurt badly enough to miss a day of work, which has not happened "
        "since we began to count in 1987."
    ),
    Heading("2 The year ahead", 1),
    Paragraph(
        "The board has set aside 3.2 million euros for the mills and has asked for three things "
        "in return, in this order:"
    ),
    ListItem("a second filter house at Cheongju before the summer;", marker="1."),
    ListItem("packing board from Ulsan by the end of September;", marker="2."),
    ListItem("no increase in the water that we take from the river.", marker="3."),
    Paragraph(
        "If prices stay where they are, we expect to sell about as much as this year and to "
        "earn a little less."
    ),
    Heading("3 요약", 1),
    Paragraph(
        "한빛제지는 2025년에 종이 72,690톤을 판매하였습니다. 전주 공장의 판매량이 9.1% 늘었고, "
        "용수 사용량은 해마다 줄고 있습니다. 내년 봄 주문은 이미 가득 찼습니다. 자세한 내용은 "
        "전주 사무실에서 확인하실 수 있습니다."
    ),
    Heading("4 Order a printed copy", 1),
    Paragraph("Fill in the form and send it to our office before 31 March 2026."),
    Form(
        (
            ("Name:", "Seo-yeon Park"),
            ("Company:", "Maple Street Books"),
            ("Address:", "27 Maple Street, Busan"),
            ("Date:", "12 January 2026"),
        )
    ),
    CheckBoxes((("English edition", True), ("한국어판", False))),
)


def sample_page() -> Typeset:
    """The sample, set anew: an A4 page of two columns with a title, headings of three levels,
    paragraphs, a list, a ruled table with a spanning header, a figure, a form, check boxes, a
    footnote, running lines, and a section in Korean."""
    return typeset(ELEMENTS, STYLE, "sample.pdf")
