"""Values out of documents: where they stand, how sure they are, and that a schema is filled."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

import vlkit
from vlkit.data.labelled import generated, read_sroie
from vlkit.document import Block, Cell, Document, Entity, Line, Page, Relation, Table, Word
from vlkit.errors import InputError, SchemaError, UnknownName
from vlkit.extraction.extract import Extraction, extract
from vlkit.extraction.scoring import scorers
from vlkit.reading.entities import Entities

DATA = Path(os.environ.get("VLKIT_DATA", "nowhere"))
SIZE = 10.0


def word(text: str, x: float, y: float, confidence: float | None = None) -> Word:
    return Word(text=text, box=(x, y, x + 6 * len(text), y + SIZE), confidence=confidence)


def line(text: str, x: float, y: float, confidence: float | None = None) -> Line:
    words = []
    for each in text.split():
        words.append(word(each, x, y, confidence))
        x = words[-1].box[2] + 4
    return Line(words=words, box=(words[0].box[0], y, words[-1].box[2], y + SIZE))


def page(*pieces: tuple[str, float, float], confidence: float | None = None) -> Document:
    """A page of texts at places."""
    lines = [line(text, x, y, confidence) for text, x, y in pieces]
    items = [Block(lines=[each], box=each.box) for each in lines]
    return Document(name="a", pages=[Page(number=1, width=600, height=800, items=items)])


def wanting(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


TEXT = {"type": "string"}
DATE = {"type": "string", "format": "date"}
MONEY = {"type": "string", "format": "money"}


RECEIPT = (
    ("SUNRISE TRADING SDN BHD", 100, 20),
    ("12 JALAN MERAH, 50000 KUALA LUMPUR", 80, 34),
    ("TEL: 03-8888 1234", 120, 48),
    ("Invoice No: AB-1234", 20, 80),
    ("Date: 21/11/2018 10:30 PM", 20, 94),
    ("Sub Total", 20, 200),
    ("RM 50.00", 300, 200),
    ("GST 6%", 20, 214),
    ("3.00", 320, 214),
    ("Total", 20, 228),
    ("RM 53.00", 300, 228),
    ("Cash", 20, 242),
    ("100.00", 310, 242),
    ("Change", 20, 256),
    ("47.00", 320, 256),
)


def test_a_receipt() -> None:
    schema = wanting(
        company=TEXT,
        address=TEXT,
        date=DATE,
        time={"type": "string", "format": "time"},
        invoice_no=TEXT,
        phone={"type": "string", "format": "phone"},
        net={"type": "number"},
        tax=MONEY,
        total=MONEY,
    )
    found = extract(page(*RECEIPT), schema, threshold=0.0)
    assert found.data == {
        "company": "SUNRISE TRADING SDN BHD",
        "address": "12 JALAN MERAH, 50000 KUALA LUMPUR",
        "date": "2018-11-21",
        "time": "22:30:00",
        "invoice_no": "AB-1234",
        "phone": "03-8888-1234",
        "net": 50,
        "tax": "3.00 MYR",
        "total": "53.00 MYR",
    }
    by_name = {field.name: field for field in found.fields}
    total = by_name["total"]
    assert (total.text, total.places[0].page) == ("RM 53.00", 1)
    assert total.places[0].box == (300, 228, 346, 238)
    assert total.confidence is not None
    assert Document.from_json(found.document.to_json()) == found.document


def test_below_the_threshold_a_value_is_null_and_needs_review() -> None:
    read_badly = page(*RECEIPT, confidence=0.1)
    found = extract(read_badly, wanting(total=MONEY), threshold=0.5)
    field = found.fields[0]
    assert (field.value, field.needs_review) == (None, True)
    assert field.text == "RM 53.00"  # what a person has to look at, and where
    assert field.places
    assert "is below 0.5" in field.reason
    with pytest.raises(InputError, match="no probability"):
        extract(read_badly, wanting(total=MONEY), threshold=2)


def test_a_wrong_check_digit_needs_review_and_a_letter_is_mended() -> None:
    number = {"type": "string", "format": "business-registration-number"}
    good = extract(page(("등록번호: 220-81-62517", 20, 20)), wanting(brn=number), threshold=0)
    assert (good.data["brn"], good.fields[0].needs_review) == ("220-81-62517", False)
    bad = extract(page(("등록번호: 220-81-62518", 20, 20)), wanting(brn=number), threshold=0)
    assert (bad.data["brn"], bad.fields[0].needs_review) == ("220-81-62518", True)
    assert "check digit" in bad.fields[0].reason
    mended = extract(page(("등록번호: 22O-81-62517", 20, 20)), wanting(brn=number), threshold=0)
    assert (mended.data["brn"], mended.fields[0].needs_review) == ("220-81-62517", False)
    assert mended.fields[0].reason == "'O' read as '0'"


def test_resident_numbers_are_masked_in_value_and_text() -> None:
    number = {"type": "string", "format": "resident-registration-number"}
    document = page(("주민등록번호 900101-1234567", 20, 20))
    for schema in (wanting(x=number), wanting(resident_number=TEXT), wanting(주민등록번호=TEXT)):
        field = extract(document, schema, threshold=0).fields[0]
        assert field.value == field.text == "900101-1******"


def test_no_field_takes_what_another_means() -> None:
    schema = wanting(due_date=DATE, date=DATE, approval_number=TEXT, invoice_no=TEXT)
    found = extract(page(*RECEIPT), schema)
    wanted = {"due_date": None, "date": "2018-11-21", "approval_number": None}
    assert found.data == {**wanted, "invoice_no": "AB-1234"}
    alone = extract(page(*RECEIPT), wanting(due_date=DATE)).fields[0]
    assert (alone.value, alone.needs_review) == (None, True)


def test_the_point_of_a_label_is_not_the_values() -> None:
    found = extract(page(("Invoice No. AB-1234 Ltd.", 20, 20)), wanting(invoice_no=TEXT))
    assert found.data == {"invoice_no": "AB-1234 Ltd."}


@pytest.mark.parametrize("group", sorted(scorers()))
def test_probability_rises_with_the_score_from_none(group: str) -> None:
    curve = scorers()[group].calibrated(np.linspace(0, 1, 101))
    assert curve[0] == 0
    assert (np.diff(curve) >= 0).all()


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["right", "below", "same"]),
    st.integers(100, 10**6),
    st.floats(0, 200),
    st.floats(60, 500),
)
def test_a_labelled_total_is_found_wherever_it_stands(
    how: str, worth: int, x: float, y: float
) -> None:
    printed = f"{worth:,}.50"
    places = {"right": (x + 150, y), "below": (x, y + 14)}
    at = (
        [(f"Grand total: {printed}", x, y)]
        if how == "same"
        else [("Grand total", x, y), (printed, *places[how])]
    )
    document = page(("Qty 3", 20, 20), ("12.30", 400, 20), *at)
    assert (
        extract(document, wanting(total={"type": "number"}), threshold=0).data["total"]
        == worth + 0.5
    )


def test_labels_that_the_schema_names_itself() -> None:
    document = page(("Plot ref: 77", 20, 20), ("Zone code: 88", 20, 40))
    schema = wanting(
        a={"type": "integer", "x-labels": ["Zone code"]}, b={"type": "integer", "title": "Plot ref"}
    )
    assert extract(document, schema, threshold=0).data == {"a": 88, "b": 77}


def test_choices_truths_and_limits() -> None:
    document = page(("Paid: yes", 20, 20), ("Method: bank transfer", 20, 40), ("Age: 17", 20, 60))
    schema = wanting(
        paid={"type": "boolean"},
        method={"enum": ["cash", "Bank Transfer"]},
        age={"type": "integer"},
    )
    found = extract(document, schema, threshold=0)
    assert found.data == {"paid": True, "method": "Bank Transfer", "age": 17}
    limits = [("minimum", 17, 18), ("maximum", 17, 16)]
    limits += [("exclusiveMinimum", 16, 17), ("exclusiveMaximum", 18, 17)]
    for key, kept, broken in limits:
        for limit, review in ((kept, False), (broken, True)):
            age = {"type": "integer", key: limit}
            field = extract(document, wanting(age=age), threshold=0).fields[0]
            assert field.needs_review == review, key
            assert ("not in the range" in field.reason) == review


class Item(BaseModel):
    item: str
    quantity: int
    amount: Decimal


class Bill(BaseModel):
    date: date
    total: Decimal
    note: str = "none"
    items: list[Item] = Field(default_factory=list)


def table(*rows: tuple[str, ...]) -> Document:
    cells = [
        Cell(
            row=r,
            column=c,
            lines=[line(text, 20 + 150 * c, 100 + 20 * r)],
            box=(20 + 150 * c, 100 + 20 * r, 160 + 150 * c, 115 + 20 * r),
        )
        for r, row in enumerate(rows)
        for c, text in enumerate(row)
        if text
    ]
    grid = Table(rows=len(rows), columns=len(rows[0]), cells=cells, box=(20, 100, 600, 400))
    head = line("Date: 2025-03-14", 20, 20)
    last = line("Total: 53.00", 20, 500)
    items = [Block(lines=[head], box=head.box), grid, Block(lines=[last], box=last.box)]
    return Document(name="a", pages=[Page(number=1, width=600, height=800, items=items)])


GOODS = (("Description", "Qty", "Amount"), ("Green tea", "2", "20.00"), ("Black tea", "3", "33.00"))


@pytest.mark.parametrize("flat", [False, True])
def test_a_table_fills_a_list_of_objects(flat: bool) -> None:
    document = table(*GOODS) if flat else table(*GOODS, ("Total", "", "53.00"))
    if flat:  # as lines without a table around them
        lines = document.pages[0].lines
        document.pages[0].items = [Block(lines=[each], box=each.box) for each in lines]
    found = extract(document, Bill, threshold=0)
    assert isinstance(found.instance, Bill)
    assert found.instance == Bill(
        date=date(2025, 3, 14),
        total=Decimal(53),
        items=[
            Item(item="Green tea", quantity=2, amount=Decimal(20)),
            Item(item="Black tea", quantity=3, amount=Decimal(33)),
        ],
    )
    names = [field.name for field in found.fields]
    assert "items.1.amount" in names
    assert found.missing == ()


def test_what_is_missing() -> None:
    found = extract(page(("Hello", 20, 20)), Bill)
    assert found.instance is None
    assert set(found.missing) == {"date", "total"}
    assert [field.reason for field in found.fields if field.needs_review] == [
        "nothing was found"
    ] * 2


def test_a_models_entities_and_links_count() -> None:
    document = page(("Somewhere 11.00", 20, 20), ("Ref of ours", 20, 40), ("ZX 81", 300, 600))
    first = document.pages[0]
    first.entities = [
        Entity(
            id="e1",
            label="deposit_paid",
            text="11.00",
            words=[1],
            box=(80, 20, 110, 30),
            confidence=0.9,
        ),
        Entity(
            id="e2",
            label="question",
            text="Ref of ours",
            words=[2, 3, 4],
            box=(20, 40, 90, 50),
            confidence=0.9,
        ),
        Entity(
            id="e3",
            label="answer",
            text="ZX 81",
            words=[5, 6],
            box=(300, 600, 340, 610),
            confidence=0.9,
        ),
    ]
    first.relations = [Relation(head="e2", tail="e3", label="link", confidence=0.9)]
    schema = wanting(deposit_paid={"type": "number"}, ref_of_ours=TEXT)
    found = extract(document, schema, threshold=0.5)
    assert found.data == {"deposit_paid": 11, "ref_of_ours": "ZX 81"}


def test_a_model_marks_the_document_first(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.entity_toys import folder_with, on_trunk

    folder = str(folder_with(on_trunk(), tmp_path / "forms"))
    found = extract(page(*RECEIPT), wanting(total=MONEY), model=folder, threshold=0)
    assert found.document.pages == Entities(folder)(page(*RECEIPT)).pages
    with pytest.raises(UnknownName, match="model"):
        extract(page(*RECEIPT), wanting(total=MONEY), model="no-such-model")


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=12), st.floats(0, 500), st.floats(0, 700)),
        max_size=8,
    )
)
def test_any_page_gives_every_field(pieces: list[tuple[str, float, float]]) -> None:
    document = page(*[piece for piece in pieces if piece[0].split()])
    schema = wanting(company=TEXT, address=TEXT, date=DATE, total=MONEY, paid={"type": "boolean"})
    found = extract(document, schema)
    assert [field.name for field in found.fields] == list(schema["properties"])
    for field in found.fields:
        assert field.confidence is None or 0 <= field.confidence <= 1
        assert field.value is None or field.places


# Real and drawn documents

BUSINESS = wanting(
    date=DATE,
    # Other numbers' labels too, under which generated invoices print it.
    approval_number={"type": "string", "x-labels": ["승인번호", "문서번호", "전표번호"]},
    registration_number={"type": "string", "format": "business-registration-number"},
)


def wanted_of(number: int, kind: Any) -> tuple[Extraction, dict[str, str]]:
    made = generated(number, "kor", kind).labelled
    truth: dict[str, str] = {}
    for field in made.fields:
        truth.setdefault(field.name, field.value)
    return extract(without_entities(made.document), BUSINESS, threshold=0), truth


def test_korean_tax_invoices() -> None:
    right = asked = 0
    for number in range(3):
        found, truth = wanted_of(number, "invoice")
        for name, value in found.data.items():
            asked += name in truth
            right += name in truth and letters(str(value)) == letters(truth[name])
    assert asked == 9
    assert right >= 7


def letters(text: str) -> str:
    return "".join(filter(str.isdigit, text))


NUMBER = {"type": "string", "format": "business-registration-number"}
PARTIES = (
    {"seller": wanting(registration_number=NUMBER), "buyer": wanting(registration_number=NUMBER)},
    {"공급자": wanting(등록번호=NUMBER), "공급받는자": wanting(등록번호=NUMBER)},
)


@pytest.mark.parametrize("parties", PARTIES)
def test_sellers_and_buyers_numbers_are_told_apart(parties: dict[str, Any]) -> None:
    for number in (7, 20, 22):  # of the first the sections are as wide as the page
        made = generated(number, "kor", "invoice").labelled
        truth: dict[str, str] = {}
        for each in made.fields:
            truth.setdefault(each.name, each.value)
        found = extract(without_entities(made.document), wanting(**parties))
        said = [next(iter(party.values())) for party in found.data.values()]
        assert said == [truth["registration_number"], truth["buyer.registration_number"]]


def without_entities(document: Document) -> Document:
    pages = [each.model_copy(update={"entities": [], "relations": []}) for each in document.pages]
    return document.model_copy(update={"fields": [], "pages": pages})


def test_receipts_from_gold_words() -> None:
    if not (DATA / "sroie").is_dir():
        pytest.skip("no sroie in VLKIT_DATA")
    names = sorted(path.stem for path in (DATA / "sroie/key").glob("*.json"))[:12]
    documents = read_sroie(DATA / "sroie", names).documents
    schema = wanting(date=DATE, total={"type": "number"})
    right = 0
    started = time.process_time()
    for each in documents:
        read = Document(
            name=each.name, pages=[p.model_copy(update={"entities": []}) for p in each.pages]
        )
        found = extract(read, schema, threshold=0)
        truth = {field.name: field.value for field in each.fields}
        right += found.data["total"] == float(truth["total"].replace(",", "").strip("RM "))
        assert found.data["date"] is not None
    print(f"{(time.process_time() - started) / len(documents):.3f} s a receipt")
    assert right >= 6


def test_a_drawn_receipt_through_pixels() -> None:
    pytest.importorskip("rapidocr")
    made = generated(3, "kor", "receipt")
    pixels, truth = made.picture(150)
    found = extract(pixels, BUSINESS, threshold=0)
    said = next(field.value for field in truth.fields if field.name == "date")
    assert letters(str(found.data["date"])) == letters(said)


# Doors


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vlkit", "extract", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(wanting(total=MONEY, date=DATE)))
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    page(*RECEIPT).save(good)
    bad.write_text("{}")
    done = run(good, bad, "--schema", schema, "--threshold", "0")
    assert done.returncode == 3, done.stderr
    assert "bad.json" in done.stderr
    (result,) = json.loads(done.stdout)
    assert result["file"] == str(good)
    assert result["data"] == {"total": "53.00 MYR", "date": "2018-11-21"}
    assert result["fields"][0]["places"] == [{"page": 1, "box": [300, 228, 346, 238]}]

    out = tmp_path / "out.csv"
    done = run(good, "--schema", schema, "--to", "csv", "--output", out, "--threshold", "0")
    assert done.returncode == 0, done.stderr
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["value"], row["page"]) for row in rows] == [
        ("total", "53.00 MYR", "1"),
        ("date", "2018-11-21", "1"),
    ]
    assert run(bad, "--schema", schema).returncode == 1


def test_the_door_of_the_package() -> None:
    assert vlkit.extract is extract
    with pytest.raises(SchemaError, match="asks for no fields"):
        vlkit.extract(page(*RECEIPT), {})


def test_no_torch() -> None:
    code = "import sys, vlkit; vlkit.extract; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
