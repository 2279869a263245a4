"""Recipes: TOML files read strictly into frozen dataclasses.

    recipe = load(Path("models/clip-nano/recipe.toml"), TrainingRecipe, ["steps=100"])

Every key must be a field, every value of the field's type; what is wrong is named with its place
in the file (``data.views.size``) and, for a key that no one knows, the nearest that exists.
Understood as types: ``bool int float str Path``, ``Literal``, ``X | None``, ``tuple[X, ...]``,
``tuple[X, Y]``, ``dict[str, X]``, dataclasses, and ``Mapping[str, Any]`` for a table that
somebody else reads. A dataclass's ``__post_init__`` may refuse values with a ``ValueError``.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from vlkit.errors import RecipeError

Config = TypeVar("Config")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def load(path: Path, kind: type[Config], overrides: Iterable[str] = ()) -> Config:
    """The recipe in a TOML file, with ``key=value`` overrides applied.

    Raises:
        RecipeError: No such file, no TOML, or a key or value that the recipe can't have.
    """
    try:
        return parse(expand(override(read(path), overrides)), kind)
    except RecipeError as error:
        error.at(file=path)
        raise


def read(path: Path) -> dict[str, Any]:
    """The table in a TOML file, as it stands there."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError("there is no such recipe", remedy="Check its name", file=path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"the recipe can't be read: {error}", file=path) from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"the recipe is no TOML: {error}", file=path) from error


def expand(table: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the table with the environment's value for every ``${NAME}`` in a string.

    Raises:
        RecipeError: The environment has no such variable.
    """
    return {key: _expand(value, key) for key, value in table.items()}


def override(table: Mapping[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """A copy of the table with settings such as ``data.views.size=128`` applied.

    A value is read as TOML; what is no TOML, such as a bare word or a path, is a string.

    Raises:
        RecipeError: A setting without ``=`` or key, or one that looks into a value.
    """
    changed = _copy(table)
    for setting in settings:
        key, equals, text = setting.partition("=")
        names = key.strip().split(".")
        if not equals or not all(names):
            raise RecipeError(
                f"'{setting}' sets nothing", remedy="Write key=value, as in data.views.size=128"
            )
        inner = changed
        for depth, name in enumerate(names[:-1], 1):
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise RecipeError(
                    f"'{setting}' looks into {'.'.join(names[:depth])}, which is a value"
                )
        inner[names[-1]] = _value(text.strip())
    return changed


def parse(table: Mapping[str, Any], kind: type[Config], *, where: str = "") -> Config:
    """A table as a frozen dataclass, all the way down.

    Args:
        table: Nested mappings and plain values, as TOML and JSON give them.
        kind: The dataclass.
        where: Dotted place of the table in the recipe, for messages.

    Raises:
        RecipeError: An unknown or missing key, or a value of a wrong type.
    """
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            raise _unknown(key, fields, where)
    for name, field in fields.items():
        needed = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if needed and name not in table:
            raise RecipeError(f"{_join(where, name)} is missing", remedy="Give it in the recipe")
    values = {key: _convert(value, hints[key], _join(where, key)) for key, value in table.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise RecipeError(f"{where or 'the recipe'}: {error}") from error


def to_table(config: object) -> dict[str, Any]:
    """A dataclass as plain values for JSON, what is ``None`` left out; ``parse`` takes it back."""
    if not dataclasses.is_dataclass(config):
        raise TypeError(f"{type(config).__name__} is no dataclass")
    table = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {name: _plain(value) for name, value in table.items() if value is not None}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_table(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _convert(value: Any, kind: Any, where: str) -> Any:
    """The value as its type asks for it; no number from a string, no bool from a number."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, inner, where)
    if origin is typing.Literal:
        if not any(value == choice and type(value) is type(choice) for choice in inner):
            raise _wrong(value, " or ".join(repr(choice) for choice in inner), where, inner)
        return value
    if origin is tuple:
        return _convert_tuple(value, inner, where)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, Mapping):
            raise _wrong(value, "a table", where)
        return parse(value, kind, where=where)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(value, "a table", where)
        return {key: _convert(item, inner[1], _join(where, key)) for key, item in value.items()}
    return _convert_plain(value, kind, where)


def _convert_plain(value: Any, kind: Any, where: str) -> Any:
    if kind is Any:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    if type(value) is not kind:
        raise _wrong(value, _NAMES.get(kind, getattr(kind, "__name__", str(kind))), where)
    return value


_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Path: "a path",
}


def _convert_union(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    if value is None and types.NoneType in kinds:
        return None
    choices = [kind for kind in kinds if kind is not types.NoneType]
    errors = []
    for kind in choices:
        try:
            return _convert(value, kind, where)
        except RecipeError as error:
            errors.append(error)
    raise errors[-1]


def _convert_tuple(value: Any, inner: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(value, "a list", where)
    if len(inner) == 2 and inner[1] is Ellipsis:
        kinds: tuple[Any, ...] = (inner[0],) * len(value)
    elif len(value) == len(inner):
        kinds = inner
    else:
        raise _wrong(value, f"a list of {len(inner)}", where)
    pairs = enumerate(zip(value, kinds, strict=True))
    return tuple(_convert(item, kind, f"{where}[{index}]") for index, (item, kind) in pairs)


def _unknown(key: str, known: Iterable[str], where: str) -> RecipeError:
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return RecipeError(
        f"there is no key '{_join(where, key)}'", remedy=f"{hint}Known: {', '.join(names)}"
    )


def _wrong(value: Any, wanted: str, where: str, choices: Iterable[Any] = ()) -> RecipeError:
    near = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1)
    return RecipeError(
        f"{where} is {value!r}, but must be {wanted}",
        remedy=f"Did you mean '{near[0]}'?" if near else "",
    )


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _expand(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _expand(inner, _join(where, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expand(inner, where) for inner in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise RecipeError(
                f"{where} needs the environment variable {match[1]}, which is not set",
                remedy=f"Set it, or give {where} with --set {where}=…",
            )
        return os.environ[match[1]]

    return _VARIABLE.sub(variable, value)


def _copy(table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _copy(value) if isinstance(value, Mapping) else value for key, value in table.items()
    }


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
