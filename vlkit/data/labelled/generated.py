"""Forms, tax invoices, receipts and statements, Korean and English, that know their labels.

    generated(7, "kor", "receipt").picture(dpi=150, strength=1) → pixels and a LabelledDocument

A document is a function of its kind, language, number and seed alone. Questions, answers and
headers are entities, linked; the values that an application would ask for are fields, of which
the issuer's company, address, the date and the total bear SROIE's names. The page's words stand
in reading order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Literal

from vlkit.data.elements import A4, LETTER, Align, Rules, Style, TableCell, TableSpec
from vlkit.data.labelled.drafts import (
    Draft,
    GeneratedDocument,
    Pair,
    Piece,
    answer,
    header,
    question,
)
from vlkit.data.labelled.texts import Hand, Language, Sale
from vlkit.data.typefaces import Family

Kind = Literal["form", "invoice", "receipt", "statement"]

_ROLL = (226.8, 3000.0)
"""Points: 80 mm wide, and longer than any receipt."""

_RULES: tuple[Rules, ...] = ("all", "all", "horizontal", "outer")


def generated(
    number: int,
    language: Language,
    kind: Kind,
    *,
    seed: int = 0,
    families: Sequence[Family] = (),
) -> GeneratedDocument:
    """The document of that number.

    Args:
        families: To draw with, one by chance; what it lacks is drawn in the faces of vlkit.
    """
    rng = Random(f"{kind} {language} {seed} {number}")
    chosen = (rng.choice(families),) if families else ()
    hand = Hand(rng, language, chosen)
    return _KINDS[kind](hand, f"{kind}-{language}-{seed}-{number}")


def _page(hand: Hand, smallest: float = 8.5, largest: float = 11.0) -> Draft:
    rng = hand.rng
    side = rng.uniform(36, 72)
    return Draft(
        Style(
            size=A4 if hand.language == "kor" or rng.random() < 0.5 else LETTER,
            margins=(side, rng.uniform(40, 70), side, 48.0),
            font_size=rng.uniform(smallest, largest),
            families=hand.families,
            leading=rng.uniform(1.2, 1.5),
        )
    )


# Forms


def _form(hand: Hand, name: str) -> GeneratedDocument:
    """Sections of questions, in one of several manners each, with prose between them."""
    rng, draft = hand.rng, _page(hand)
    draft.title(header(hand.say("form")))
    if rng.random() < 0.5:
        draft.paragraph([[Piece(hand.prose())]])
    used: set[str] = set()
    for _ in range(rng.randrange(2, 6)):
        head = header(hand.say("section")) if rng.random() < 0.7 else None
        if head:
            draft.heading(head)
        if rng.random() < 0.25:
            _grid(draft, hand, head)
            continue
        pairs = [_asked(hand, head, used) for _ in range(rng.randrange(3, 8))]
        per_row, manner = rng.choice((1, 1, 2)), rng.random()
        if manner < 0.5:
            draft.pairs(pairs, per_row, boxed=rng.random() < 0.4)
        elif manner < 0.8:
            draft.pairs_in_table(pairs, per_row, rng.choice(("all", "all", "horizontal", "none")))
        else:
            draft.paragraph([[piece for piece in pair if piece] for pair in pairs])
    if rng.random() < 0.6:
        draft.paragraph([[Piece(hand.prose())]])
    signed = question(hand.label("signature"))
    draft.paragraph([[signed, answer(hand.person(), signed, "signature")]], align="end")
    return draft.finish(name)


def _asked(hand: Hand, head: Piece | None, used: set[str]) -> Pair:
    """A question, and an answer if somebody filled it in."""
    term, value = hand.asked()
    asked = question(hand.label(term) if term else hand.any_label(), head)
    if hand.rng.random() < 0.12:
        return asked, None
    field = term if term not in used else ""
    used.add(term)
    return asked, answer(value, asked, field)


def _grid(draft: Draft, hand: Hand, head: Piece | None) -> None:
    """Questions at the columns' heads, answers below."""
    columns = [hand.asked_in_column() for _ in range(hand.rng.randrange(2, 5))]
    heads = [question(label, head) for label, _ in columns]
    body = [
        [answer(make(), asked) for asked, (_, make) in zip(heads, columns, strict=True)]
        for _ in range(hand.rng.randrange(1, 6))
    ]
    rules: Rules = hand.rng.choice(_RULES)
    draft.table([heads, *body], rules=rules, header_rows=1, fill=hand.rng.random() < 0.3)


# Business


def _invoice(hand: Hand, name: str) -> GeneratedDocument:
    """Both parties, the sums, and what was supplied with its tax."""
    rng, draft = hand.rng, _page(hand, 8.0, 10.0)
    sales = hand.sales(9)
    draft.title(header(hand.say("invoice")))
    asked = question(hand.label("approval"))
    draft.paragraph([[asked, answer(hand.digits(14), asked, "approval_number")]], align="end")
    parties = (header(hand.say("supplier")), ""), (header(hand.say("buyer")), "buyer.")
    if rng.random() < 0.6:
        _parties_beside(draft, hand, parties)
    else:
        for head, prefix in parties:
            draft.heading(head, 3)
            draft.pairs_in_table(_party(hand, head, prefix), rng.choice((1, 2)), "all")
    net, tax = sum(sale.net for sale in sales), sum(sale.tax for sale in sales)
    sums = [("date", hand.date(), "date"), ("net", hand.money(net), "net")]
    sums += [("tax", hand.money(tax), "tax"), ("total", hand.money(net + tax), "total")]
    heads = [question(hand.say(term)) for term, _, _ in sums]
    values = [
        answer(text, asked, field) for asked, (_, text, field) in zip(heads, sums, strict=True)
    ]
    draft.table([heads, values], header_rows=1, fill=rng.random() < 0.4)
    _goods(draft, hand, sales, ("day", "item", "size", "count", "price", "amount", "tax"))
    if rng.random() < 0.5:
        draft.paragraph([[Piece(hand.prose())]])
    return draft.finish(name)


def _party(hand: Hand, head: Piece, prefix: str) -> list[Pair]:
    values = {
        "registration": ("registration_number", hand.registration()),
        "company": ("company", hand.company()),
        "person": ("representative", hand.person()),
        "address": ("address", hand.address()),
        "business": ("business", hand.business()),
    }
    found: list[Pair] = []
    for term, (field, text) in values.items():
        asked = question(hand.label(term), head)
        found.append((asked, answer(text, asked, prefix + field)))
    return found


def _parties_beside(draft: Draft, hand: Hand, parties: Sequence[tuple[Piece, str]]) -> None:
    """A ruled form of both, their names down its sides where they are Korean."""
    cells: list[tuple[TableCell, Piece]] = []
    for side, (head, prefix) in enumerate(parties):
        pairs = _party(hand, head, prefix)
        text = "\n".join(head.text) if hand.language == "kor" else head.text
        first = 3 * side
        cells.append(
            (TableCell(text, 0, first, row_span=len(pairs), header=True, align="centre"), head)
        )
        for row, (asked, told) in enumerate(pairs):
            cells.append((TableCell(asked.text, row, first + 1, header=True), asked))
            if told:
                cells.append((TableCell(told.text, row, first + 2), told))
    cells.sort(key=lambda each: (each[0].row, each[0].column))
    table = TableSpec(tuple(cell for cell, _ in cells), header_rows=0)
    draft.cells(table, [piece for _, piece in cells])


def _receipt(hand: Hand, name: str) -> GeneratedDocument:
    """A shop's, off a narrow roll: goods, sums, card."""
    rng = hand.rng
    style = Style(
        size=_ROLL,
        margins=(12.0, 14.0, 12.0, 14.0),
        font_size=rng.uniform(7.5, 9.5),
        families=hand.families,
    )
    draft, sales = Draft(style), hand.sales(8)
    align: Align = rng.choice(("start", "centre"))
    draft.paragraph([[Piece(hand.company(), field="company")]], align=align)
    phone, registration = question(hand.label("phone")), question(hand.label("registration"))
    lines = [
        [Piece(hand.address(), field="address")],
        [phone, answer(hand.phone(), phone, "phone")],
        [registration, answer(hand.registration(), registration, "registration_number")],
    ]
    draft.paragraph(lines[: rng.randrange(1, 4)], align=align)
    draft.paragraph([[header(hand.say("receipt"))]], align="centre")
    when = question(hand.label("date"))
    told = [
        answer(hand.date(), when, "date"),
        *([Piece(hand.time())] if rng.random() < 0.7 else []),
    ]
    dated = [when, *told]
    if early := rng.random() < 0.6:
        draft.paragraph([dated])
    _goods(draft, hand, sales, ("item", "price", "count", "amount"), tight=True)
    _sums(draft, hand, sales)
    if not early:
        draft.paragraph([dated])
    if rng.random() < 0.5:
        card, approval = question(hand.label("card")), question(hand.label("approval"))
        number = f"{hand.digits(4)}-****-****-{hand.digits(4)}"
        pairs: list[Pair] = [(card, answer(number, card, "card_number"))]
        pairs.append((approval, answer(hand.digits(8), approval, "approval_number")))
        draft.table(pairs, rules="none", tight=True)
    draft.paragraph([[Piece(hand.say("thanks"))]], align="centre")
    return draft.finish(name, cut=True)


def _sums(draft: Draft, hand: Hand, sales: Sequence[Sale]) -> None:
    """What it comes to and what was paid: the total stands twice at the least."""
    net, tax = sum(sale.net for sale in sales), sum(sale.tax for sale in sales)
    rows = [("net", net, "net"), ("tax", tax, "tax"), ("total", net + tax, "total")]
    handed = net + tax + hand.rng.choice((0, 0, 100, 500, 1000))
    rows.append(("cash", handed, ""))
    if handed > net + tax:
        rows.append(("change", handed - net - tax, ""))
    pairs: list[Pair] = []
    for term, value, field in rows[0 if hand.rng.random() < 0.6 else 2 :]:
        asked = question(hand.say(term))
        pairs.append((asked, answer(hand.money(value), asked, field)))
    draft.table(pairs, rules="none", tight=True)


def _statement(hand: Hand, name: str) -> GeneratedDocument:
    """What was delivered in a month, with prose around it."""
    rng, draft, sales = hand.rng, _page(hand), hand.sales(14)
    draft.title(header(hand.say("statement")))
    address = [Piece(hand.address(), field="buyer.address")]
    draft.paragraph([[Piece(hand.company(), field="buyer.company")], address])
    when, who = question(hand.label("date")), question(hand.label("contact"))
    dated = [when, answer(hand.date(), when, "date")]
    draft.paragraph([dated, [who, answer(hand.person(), who, "contact")]], align="end")
    draft.paragraph([[Piece(hand.prose())]])
    _goods(draft, hand, sales, ("number", "item", "count", "price", "amount"))
    total = question(hand.label("total"))
    value = hand.money(sum(sale.net for sale in sales))
    draft.paragraph([[total, answer(value, total, "total")]], align="end")
    if rng.random() < 0.5:
        draft.paragraph([[Piece(hand.prose())]])
    draft.paragraph(
        [[Piece(hand.company(), field="company")], [Piece(hand.address(), field="address")]]
    )
    return draft.finish(name)


def _goods(
    draft: Draft,
    hand: Hand,
    sales: Sequence[Sale],
    columns: Sequence[str],
    *,
    tight: bool = False,
) -> None:
    """A row for each sale under the columns' heads."""
    heads = [question(hand.say(column)) for column in columns]
    body = [
        [
            answer(text, asked, f"items.{column}", row) if text else None
            for column, asked in zip(columns, heads, strict=True)
            for text in [_cell(hand, sale, column, row)]
        ]
        for row, sale in enumerate(sales)
    ]
    rules: Rules = "horizontal" if tight else hand.rng.choice(_RULES)
    fill = not tight and hand.rng.random() < 0.4
    draft.table([heads, *body], rules=rules, header_rows=1, fill=fill, tight=tight)


def _cell(hand: Hand, sale: Sale, column: str, row: int) -> str:
    texts: dict[str, Callable[[], str]] = {
        "number": lambda: str(row + 1),
        "day": lambda: f"{hand.rng.randrange(1, 13):02d}/{hand.rng.randrange(1, 29):02d}",
        "item": lambda: sale.item,
        "size": lambda: hand.rng.choice(("EA", "BOX", "kg", "set", "")),
        "count": lambda: str(sale.count),
        "price": lambda: hand.number(sale.price),
        "amount": lambda: hand.number(sale.net),
        "tax": lambda: hand.number(sale.tax),
    }
    return texts[column]()


_KINDS: dict[Kind, Callable[[Hand, str], GeneratedDocument]] = {
    "form": _form,
    "invoice": _invoice,
    "receipt": _receipt,
    "statement": _statement,
}
