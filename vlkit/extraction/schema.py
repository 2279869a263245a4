"""What is wanted: a JSON Schema, or a pydantic class, as a tree of fields.

Of JSON Schema 2020-12 this understands objects, arrays of objects, strings, numbers, integers and
booleans, ``format``, ``enum``, ``const``, ``pattern``, ``minimum``, ``maximum``,
``exclusiveMinimum``, ``exclusiveMaximum``, ``minLength``, ``maxLength``, ``required``,
``default``, null as a type or in ``anyOf``, ``title``, ``description`` and local ``$ref``. Beside
the usual formats there are the kinds of ``vlkit.values``, and ``x-labels`` lists what a field is
called on paper.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from vlkit.errors import SchemaError
from vlkit.extraction.concepts import Concept, concept_of, concepts, spelled_out
from vlkit.values import KINDS

Node = Mapping[str, Any]
Schema = Node | type[BaseModel] | str | os.PathLike[str]

MOST_FIELDS = 200
MOST_DEPTH = 8
_ALIASES = {"idn-email": "email", "url": "uri", "iri": "uri", "telephone": "phone", "tel": "phone"}
_TYPES = ("string", "number", "integer", "boolean", "object", "array")
_NOT_UNDERSTOOD = (
    *("oneOf", "not", "if", "patternProperties", "prefixItems", "dependentSchemas"),
    *("propertyNames", "unevaluatedProperties", "contains", "multipleOf", "$dynamicRef"),
)


@dataclass(frozen=True)
class Wanted:
    """A field of a schema.

    Attributes:
        name: Its properties' names from the top, joined by points: ``buyer.address``.
        pointer: Where it stands in the schema.
        type: JSON Schema's.
        kind: How its value is read: a kind of ``vlkit.values``, ``text``, ``integer``,
            ``boolean`` or ``choice``.
        sought: Which texts can be it, where its name says more than its type does: ``company``,
            ``money``, …; else the same as ``kind``.
        labels: What it may be called on paper.
        own_labels: How many of them, from the first, the schema itself gives.
        sections: What the group of fields that it belongs to may be called.
        columns: Of an array, what each of its objects holds.
        rule: The schema's own limits.
    """

    name: str
    pointer: str
    type: str
    kind: str
    sought: str
    labels: tuple[str, ...] = ()
    own_labels: int = 0
    concept: str = ""
    sections: tuple[str, ...] = ()
    required: bool = False
    nullable: bool = False
    choices: tuple[Any, ...] = ()
    columns: tuple[Wanted, ...] = ()
    rule: Node = field(default_factory=dict)


@dataclass(frozen=True)
class WantedSet:
    """All that a schema asks for: its fields, flat, in its order.

    Attributes:
        model: The pydantic class that it came from.
    """

    title: str
    fields: tuple[Wanted, ...]
    model: type[BaseModel] | None = None


def read_schema(schema: Schema) -> WantedSet:
    """The fields of a schema.

    Args:
        schema: A JSON Schema as a mapping or the file that holds it, or a pydantic class.

    Raises:
        SchemaError: It can't be read, asks for nothing, for more than ``MOST_FIELDS`` fields or
            deeper than ``MOST_DEPTH``, contradicts itself, or says what is not understood here.
    """
    model = None
    if isinstance(schema, type):
        if not issubclass(schema, BaseModel):
            raise SchemaError(
                f"{schema.__name__} is no pydantic class", remedy="Derive it from BaseModel"
            )
        model, root = schema, schema.model_json_schema()
    elif isinstance(schema, Mapping):
        root = dict(schema)
    elif isinstance(schema, str | os.PathLike):
        root = _load(schema)
    else:
        raise SchemaError(
            f"{schema} is no schema", remedy="Give a JSON Schema, its file, or a pydantic class"
        )
    try:
        fields = tuple(_Reader(root).fields())
    except SchemaError as error:
        raise error.at(file=schema if isinstance(schema, str | os.PathLike) else None) from None
    return WantedSet(str(root.get("title", "")), fields, model)


def _load(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SchemaError(
            f"the schema can't be read: {error.strerror or error}", file=path
        ) from error
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"the schema is not JSON: {error}", file=path) from error
    if not isinstance(content, dict):
        raise SchemaError("the schema is no JSON object", file=path)
    return content


class _Reader:
    """Walks a schema."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.count = 0

    def fields(self) -> Iterator[Wanted]:
        node = self.resolved(self.root, "#", ())
        if node.get("type", "object") != "object" or not isinstance(node.get("properties"), dict):
            raise SchemaError(
                "#: the schema asks for no fields", remedy="Give an object with properties"
            )
        yield from self.properties(node, "#", "", ())

    def properties(
        self, node: Node, pointer: str, prefix: str, trail: tuple[str, ...], *, column: bool = False
    ) -> Iterator[Wanted]:
        found = node.get("properties")
        if not isinstance(found, dict) or not found:
            raise SchemaError(
                f"{pointer}: the object has no properties, so there is nothing to find"
            )
        required = node.get("required", [])
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise SchemaError(f"{pointer}/required: this is no list of names")
        if missing := [name for name in required if name not in found]:
            raise SchemaError(f"{pointer}/required: there is no property '{missing[0]}'")
        for name, child in found.items():
            place = f"{pointer}/properties/{name.replace('~', '~0').replace('/', '~1')}"
            if "." in name:
                raise SchemaError(
                    f"{place}: a name with a point can't be told from an object's property",
                    remedy="Rename it, or make it an object",
                )
            if len(trail) >= MOST_DEPTH:
                raise SchemaError(
                    f"{place}: the schema goes deeper than {MOST_DEPTH} levels",
                    remedy="Leave out a $ref that leads back to itself",
                )
            yield from self.field(
                child, place, prefix + name, (*trail, place), name in required, column
            )

    def field(
        self,
        raw: object,
        pointer: str,
        name: str,
        trail: tuple[str, ...],
        required: bool,
        column: bool,
    ) -> Iterator[Wanted]:
        node = self.resolved(raw, pointer, ())
        type_, nullable = _type_of(node, pointer)
        if type_ == "object":
            if column:
                raise SchemaError(f"{pointer}: an object inside a list's objects is not understood")
            yield from self.properties(node, pointer, f"{name}.", trail)
            return
        self.count += 1
        if self.count > MOST_FIELDS:
            raise SchemaError(
                f"{pointer}: the schema asks for more than {MOST_FIELDS} fields",
                remedy="Give several schemas",
            )
        if type_ == "array":
            yield self.array(node, pointer, name, trail, required, column)
            return
        yield _scalar(node, pointer, name, type_, required, nullable, column)

    def array(
        self,
        node: Node,
        pointer: str,
        name: str,
        trail: tuple[str, ...],
        required: bool,
        column: bool,
    ) -> Wanted:
        place = f"{pointer}/items"
        items = self.resolved(node.get("items"), place, ())
        if column or _type_of(items, place)[0] != "object":
            raise SchemaError(
                f"{place}: only lists of objects with single values are understood",
                remedy="Describe a row of the table as an object",
            )
        columns = tuple(self.properties(items, place, "", trail, column=True))
        labels, own, _ = _labels(node, name, column=False)
        return Wanted(
            name,
            pointer,
            "array",
            "table",
            "table",
            labels,
            own,
            required=required,
            columns=columns,
        )

    def resolved(self, node: object, pointer: str, seen: tuple[str, ...]) -> dict[str, Any]:
        """The node with what it refers to, and without null among its alternatives."""
        if not isinstance(node, Mapping):
            raise SchemaError(f"{pointer}: a schema is a JSON object, not {json.dumps(node)[:40]}")
        if strange := [key for key in _NOT_UNDERSTOOD if key in node]:
            raise SchemaError(f"{pointer}: '{strange[0]}' is not understood here")
        if "$ref" in node:
            target = str(node["$ref"])
            if target in seen or len(seen) > MOST_DEPTH:
                raise SchemaError(f"{pointer}: '{target}' refers to itself")
            rest = {key: value for key, value in node.items() if key != "$ref"}
            found = self.resolved(self.lookup(target, pointer), target, (*seen, target))
            return {**found, **rest}
        for key in ("anyOf", "allOf"):
            if key in node:
                return self.alternative(node, key, pointer, seen)
        return dict(node)

    def alternative(
        self, node: Node, key: str, pointer: str, seen: tuple[str, ...]
    ) -> dict[str, Any]:
        """``anyOf`` a type and null; a number that may also be written as text is a number."""
        parts = node[key]
        if not isinstance(parts, list) or not parts:
            raise SchemaError(f"{pointer}/{key}: this is no list of schemas")
        rest = {name: value for name, value in node.items() if name != key}
        read = [
            self.resolved(part, f"{pointer}/{key}/{number}", seen)
            for number, part in enumerate(parts)
        ]
        others = [part for part in read if part.get("type") != "null"]
        if len(others) == 2 and {part.get("type") for part in others} == {"number", "string"}:
            others = [part for part in others if part["type"] == "number"]
        if len(others) != 1:
            raise SchemaError(f"{pointer}/{key}: only one alternative beside null is understood")
        nullable = {"x-nullable": True} if any(p.get("type") == "null" for p in read) else {}
        return {**others[0], **rest, **nullable}

    def lookup(self, target: str, pointer: str) -> object:
        if target != "#" and not target.startswith("#/"):
            raise SchemaError(f"{pointer}: '{target}' is in another file", remedy="Use local $defs")
        node: object = self.root
        for part in target.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, Mapping) or key not in node:
                raise SchemaError(f"{pointer}: there is no '{target}'")
            node = node[key]
        return node


def _type_of(node: Node, pointer: str) -> tuple[str, bool]:
    """The type, and whether null is allowed beside it."""
    said = node.get("type")
    types = said if isinstance(said, list) else [said] if said is not None else []
    nullable = "null" in types or bool(node.get("x-nullable"))
    found = [each for each in types if each != "null"]
    if not found:
        found = _implied(node)
    if len(found) != 1 or found[0] not in _TYPES:
        what = f"the type {json.dumps(said)}" if said is not None else "a field without a type"
        raise SchemaError(
            f"{pointer}: {what} is not understood", remedy=f"Known: {', '.join(_TYPES)}, and null"
        )
    return found[0], nullable


def _implied(node: Node) -> list[str]:
    if "properties" in node:
        return ["object"]
    if "items" in node:
        return ["array"]
    names = {bool: "boolean", int: "integer", float: "number", str: "string"}
    values = [node["const"]] if "const" in node else node.get("enum", [])
    return sorted({names.get(type(value), "") for value in values if value is not None})


def _scalar(
    node: Node,
    pointer: str,
    name: str,
    type_: str,
    required: bool,
    nullable: bool,
    column: bool,
) -> Wanted:
    labels, own, concept = _labels(node, name, column=column)
    choices = _choices(node, pointer, type_)
    kind = _kind(node, pointer, type_, bool(choices))
    sections = _sections(name)
    return Wanted(
        name=name,
        pointer=pointer,
        type=type_,
        kind=kind,
        sought=_sought(kind, concept),
        labels=labels,
        own_labels=own,
        concept=concept.name if concept else "",
        sections=sections,
        required=required,
        nullable=nullable,
        choices=choices,
        rule=_rule(node, pointer),
    )


def _kind(node: Node, pointer: str, type_: str, chosen: bool) -> str:
    if chosen:
        return "choice"
    if type_ != "string":
        return type_
    form = node.get("format")
    if form is None:
        return "text"
    form = _ALIASES.get(str(form), str(form))
    if form not in KINDS:
        raise SchemaError(
            f"{pointer}: the format '{form}' is not known", remedy=f"Known: {', '.join(KINDS)}"
        )
    return form


def _sought(kind: str, concept: Concept | None) -> str:
    if concept is None:
        return "number" if kind == "integer" else kind
    if kind in ("number", "integer"):
        return concept.kind if concept.kind in ("money", "number") else "number"
    return concept.kind if kind == "text" else kind


def _choices(node: Node, pointer: str, type_: str) -> tuple[Any, ...]:
    if "const" in node:
        choices = [node["const"]]
    else:
        choices = node.get("enum", [])
        if not isinstance(choices, list) or ("enum" in node and not choices):
            raise SchemaError(f"{pointer}/enum: this is no list of values")
    kept = tuple(choice for choice in choices if choice is not None)
    fits = {"string": str, "number": int | float, "integer": int, "boolean": bool}[type_]
    for choice in kept:
        if not isinstance(choice, fits) or (isinstance(choice, bool) and type_ != "boolean"):
            raise SchemaError(f"{pointer}: {json.dumps(choice)} is no {type_}")
    return kept


def _rule(node: Node, pointer: str) -> Node:
    limits = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    sizes = ("minLength", "maxLength")
    rule = {key: node[key] for key in ("pattern", "default", *limits, *sizes) if key in node}
    try:
        re.compile(str(rule.get("pattern", "")))
    except re.error as error:
        raise SchemaError(f"{pointer}/pattern: {error}") from error
    for key in (*limits, *sizes):
        if not isinstance(rule.get(key, 0), int | float) or isinstance(rule.get(key), bool):
            raise SchemaError(f"{pointer}/{key}: this is no number")
    for low, high in (limits[:2], sizes):
        if low in rule and high in rule and rule[low] > rule[high]:
            raise SchemaError(f"{pointer}: {low} {rule[low]} is above {high} {rule[high]}")
    return rule


def _labels(node: Node, name: str, *, column: bool) -> tuple[tuple[str, ...], int, Concept | None]:
    """What the field may be called on paper, how many of these the schema says, its concept."""
    given = node.get("x-labels", [])
    if not isinstance(given, list) or not all(isinstance(label, str) for label in given):
        raise SchemaError(f"{name}: x-labels is no list of texts")
    last = name.split(".")[-1]
    title, description = str(node.get("title", "")), str(node.get("description", ""))
    concept = concept_of(last, column=column) or concept_of(title, column=column)
    own = [*given, title, spelled_out(last)]
    if description and len(description.split()) <= 4:
        own.append(description)
    own = list(dict.fromkeys(label for label in own if label))
    if concept is None:
        concept = _concept_in(spelled_out(last), column=column)
    known = concept.labels if concept and not given else ()
    return tuple(dict.fromkeys((*own, *known))), len(own), concept


def _concept_in(said: str, *, column: bool) -> Concept | None:
    """Of ``buyer address`` or ``supplier phone number`` the part behind the section's name."""
    first, _, rest = said.partition(" ")
    return concept_of(rest, column=column) if rest and concept_of(first, section=True) else None


def _sections(name: str) -> tuple[str, ...]:
    """Labels of the group that the field is in: by its parents' names, or its own first word."""
    *parents, last = name.split(".")
    said = [*map(spelled_out, parents), spelled_out(last).partition(" ")[0]]
    found = [concept for each in said if (concept := concept_of(each, section=True))]
    if " " not in spelled_out(last) and found and not parents:
        return ()
    if found:
        return concepts()[found[0].name].labels
    return tuple(map(spelled_out, parents))
