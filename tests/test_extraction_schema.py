"""Schemas: what they ask for, and what is wrong with them, by its place."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from vlkit.errors import SchemaError
from vlkit.extraction.concepts import concepts, letters_of, spelled_out
from vlkit.extraction.schema import MOST_FIELDS, Wanted, read_schema
from vlkit.values import KINDS


def properties(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


def field_of(node: Any, name: str = "x") -> Wanted:
    return read_schema(properties(**{name: node})).fields[0]


class Colour(Enum):
    red = "red"
    blue = "blue"


class Line(BaseModel):
    item: str
    price: Decimal


class Party(BaseModel):
    company: str
    address: str | None = None


class Invoice(BaseModel):
    """An invoice."""

    invoice_date: date
    total: Decimal = Field(ge=0, json_schema_extra={"x-labels": ["합계금액"]})
    paid: bool = False
    colour: Colour
    currency: Literal["KRW"]
    buyer: Party
    lines: list[Line]


def test_a_pydantic_class() -> None:
    wanted = read_schema(Invoice)
    assert wanted.model is Invoice
    found = {each.name: each for each in wanted.fields}
    assert list(found) == [
        *("invoice_date", "total", "paid", "colour", "currency"),
        *("buyer.company", "buyer.address", "lines"),
    ]
    assert (found["invoice_date"].kind, found["invoice_date"].required) == ("date", True)
    assert (found["total"].type, found["total"].sought) == ("number", "money")
    assert found["total"].labels[0] == "합계금액"
    assert (found["paid"].kind, found["paid"].required) == ("boolean", False)
    assert found["colour"].choices == ("red", "blue")
    assert found["currency"].choices == ("KRW",)
    assert found["buyer.address"].nullable
    assert "공급받는자" in found["buyer.company"].sections
    assert [(column.name, column.sought) for column in found["lines"].columns] == [
        ("item", "text"),
        ("price", "money"),
    ]


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(properties(when={"type": "string", "format": "date"})))
    assert read_schema(path).fields[0].kind == "date"
    with pytest.raises(SchemaError, match=r"gone\.json: the schema can't be read"):
        read_schema(tmp_path / "gone.json")
    path.write_text("{")
    with pytest.raises(SchemaError, match="not JSON"):
        read_schema(path)
    path.write_text(json.dumps(properties(x={"type": "text"})))
    with pytest.raises(SchemaError, match=r"s\.json: #/properties/x"):
        read_schema(path)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"type": "text"}, '#/properties/x: the type "text" is not understood'),
        ({}, "#/properties/x: a field without a type"),
        ({"type": ["string", "number"]}, "#/properties/x: the type"),
        ({"type": "string", "format": "dates"}, "#/properties/x: the format 'dates' is not known"),
        ({"type": "string", "enum": []}, "#/properties/x/enum"),
        ({"type": "string", "enum": ["a", 3]}, "#/properties/x: 3 is no string"),
        ({"type": "integer", "enum": [True]}, "#/properties/x: true is no integer"),
        ({"type": "number", "minimum": 3, "maximum": 1}, "#/properties/x: minimum 3 is above"),
        ({"type": "string", "pattern": "("}, "#/properties/x/pattern"),
        ({"type": "string", "minLength": "a"}, "#/properties/x/minLength"),
        ({"type": "integer", "exclusiveMinimum": True}, "#/properties/x/exclusiveMinimum"),
        ({"type": "integer", "multipleOf": 5}, "#/properties/x: 'multipleOf' is not understood"),
        (properties(**{"a.b": {"type": "string"}}), "#/properties/x/properties/a.b: a name with a"),
        ({**properties(a={"type": "string"}), "required": [[]]}, "#/properties/x/required"),
        ({"type": "object", "properties": {}}, "#/properties/x: the object has no properties"),
        ({"type": "array", "items": {"type": "string"}}, "#/properties/x/items"),
        ({"type": "array"}, "#/properties/x/items"),
        ({"oneOf": [{"type": "string"}]}, "#/properties/x: 'oneOf' is not understood"),
        ({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, "#/properties/x/anyOf"),
        ({"$ref": "#/$defs/gone"}, "there is no '#/$defs/gone'"),
        ({"$ref": "other.json"}, "in another file"),
        (True, "#/properties/x: a schema is a JSON object"),
        ({"type": "string", "x-labels": "No."}, "x-labels"),
    ],
)
def test_what_is_wrong_with_a_field(node: Any, said: str) -> None:
    with pytest.raises(SchemaError) as raised:
        field_of(node)
    assert said in str(raised.value)


def test_what_is_wrong_with_the_whole() -> None:
    for schema in ({}, {"type": "string"}, properties(), {"type": "object"}):
        with pytest.raises(SchemaError, match=r"^#"):
            read_schema(schema)
    with pytest.raises(SchemaError, match="no property 'y'"):
        read_schema({**properties(x={"type": "string"}), "required": ["y"]})
    with pytest.raises(SchemaError, match="no pydantic class"):
        read_schema(int)  # type: ignore[arg-type]
    with pytest.raises(SchemaError, match=r"list\[int\] is no schema"):
        read_schema(list[int])  # type: ignore[arg-type]


def test_limits() -> None:
    many = {f"f{number}": {"type": "string"} for number in range(500)}
    with pytest.raises(SchemaError, match=f"more than {MOST_FIELDS} fields"):
        read_schema(properties(**many))
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
    with pytest.raises(SchemaError, match="deeper than"):
        read_schema({**properties(x={"$ref": "#/$defs/node"}), "$defs": {"node": node}})
    loop = {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}
    with pytest.raises(SchemaError, match="refers to itself"):
        read_schema({**properties(x={"$ref": "#/$defs/a"}), "$defs": loop})


def test_null_and_references() -> None:
    for node in ({"type": ["number", "null"]}, {"anyOf": [{"type": "number"}, {"type": "null"}]}):
        field = field_of(node)
        assert (field.type, field.nullable) == ("number", True)
    found = read_schema(
        {
            **properties(x={"$ref": "#/$defs/day", "title": "Value date"}),
            "$defs": {"day": {"type": "string", "format": "date"}},
        }
    ).fields[0]
    assert (found.kind, found.labels[0]) == ("date", "Value date")


def test_names_say_what_is_meant() -> None:
    assert spelled_out("invoiceNo") == spelled_out("invoice_no") == "invoice no"
    assert field_of({"type": "number"}, "totalAmount").concept == "total"
    assert field_of({"type": "string"}, "buyer_address").sought == "address"
    assert field_of({"type": "string"}, "작성일자").sought == "date"
    assert field_of({"type": "string"}, "공급받는자 주소").sought == "address"
    assert field_of({"type": "string"}, "seal").labels == ("seal",)
    own = field_of({"type": "string", "x-labels": ["문서 번호"]}, "invoice_no")
    assert own.labels == ("문서 번호", "invoice no")  # who says the labels means these alone


def test_the_stored_concepts() -> None:
    known = {*KINDS, "text", "company", "address", "section"}
    for concept in concepts().values():
        assert concept.kind in known
        assert all(name == spelled_out(name) for name in concept.names)
        assert all(letters_of(label) or label == "#" for label in concept.labels)
        assert len(set(concept.labels)) == len(concept.labels)
