"""Recipes: strict types, helpful refusals, overrides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlkit import recipe
from vlkit.errors import RecipeError


@dataclass(frozen=True)
class Views:
    size: int
    scale: tuple[float, float] = (0.2, 1.0)
    kind: Literal["plain", "crop"] = "plain"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size is {self.size}, but must be at least 1")


@dataclass(frozen=True)
class Run:
    views: Views
    rate: float = 1e-3
    compiled: bool = False
    folder: Path | None = None
    names: tuple[str, ...] = ()
    groups: dict[str, Views] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)


def test_reads_every_kind_of_value(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(
        'rate = 1\nfolder = "a/b"\nnames = ["x", "y"]\nmodel = {a = {b = [1]}}\n'
        '[views]\nsize = 8\nscale = [0, 1]\nkind = "crop"\n[groups.head]\nsize = 3\n'
    )
    assert recipe.load(file, Run) == Run(
        Views(8, (0.0, 1.0), "crop"),
        rate=1.0,
        folder=Path("a/b"),
        names=("x", "y"),
        groups={"head": Views(3)},
        model={"a": {"b": [1]}},
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"views": {"size": 1}, "raet": 1.0}, "no key 'raet'. Did you mean 'rate'"),
        ({"views": {"sise": 1}}, "no key 'views.sise'. Did you mean 'size'"),
        ({"groups": {"a": {"skale": 1}}, "views": {"size": 1}}, "groups.a.skale"),
        ({}, "views is missing"),
        ({"views": {"size": "8"}}, "views.size is '8', but must be a whole number"),
        ({"views": {"size": True}}, "views.size is True, but must be a whole number"),
        ({"views": {"size": 8.0}}, "views.size is 8.0"),
        ({"views": {"size": 8, "scale": [1]}}, "a list of 2"),
        ({"views": {"size": 8, "scale": [0, "1"]}}, r"views.scale\[1\] is '1'"),
        ({"views": {"size": 8, "kind": "corp"}}, "Did you mean 'crop'"),
        ({"views": {"size": 0}}, "views: size is 0, but must be at least 1"),
        ({"views": {"size": 8}, "compiled": 1}, "compiled is 1, but must be true or false"),
        ({"views": {"size": 8}, "folder": 1}, "folder is 1, but must be a path"),
        ({"views": 8}, "views is 8, but must be a table"),
        ({"views": {"size": 8}, "names": "x"}, "names is 'x', but must be a list"),
    ],
)
def test_names_what_is_wrong_and_where(table: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe.parse(table, Run)
    assert message.replace("\\", "") in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("views.size=9", Views(9)),
        ("views.scale=[0.5, 1]", Views(8, (0.5, 1.0))),
        ("views.kind=crop", Views(8, kind="crop")),
        ('views.kind="crop"', Views(8, kind="crop")),
    ],
)
def test_overrides(setting: str, expected: Views) -> None:
    table = {"views": {"size": 8}}
    assert recipe.parse(recipe.override(table, [setting]), Run).views == expected
    assert table == {"views": {"size": 8}}


def test_overrides_make_tables_and_keep_paths() -> None:
    table = recipe.override({"views": {"size": 8}}, ["groups.head.size=3", "folder=/a/b c"])
    parsed = recipe.parse(table, Run)
    assert parsed.groups == {"head": Views(3)}
    assert parsed.folder == Path("/a/b c")


@pytest.mark.parametrize("setting", ["views.size", "=3", "views..size=3", "views.size.more=1"])
def test_refuses_settings_that_set_nothing(setting: str) -> None:
    with pytest.raises(RecipeError):
        recipe.override({"views": {"size": 8}}, [setting])


def test_takes_variables_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('folder = "${VLKIT_NOWHERE}/photos"\nviews = {size = 1}\n')
    monkeypatch.delenv("VLKIT_NOWHERE", raising=False)
    with pytest.raises(RecipeError, match="folder needs the environment variable VLKIT_NOWHERE"):
        recipe.load(file, Run)
    assert recipe.load(file, Run, ["folder=here"]).folder == Path("here")
    monkeypatch.setenv("VLKIT_NOWHERE", "/data")
    assert recipe.load(file, Run).folder == Path("/data/photos")


@pytest.mark.parametrize("content", [None, b"rate = ", b"\xff\xfe"])
def test_a_file_that_is_no_recipe_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "recipe.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RecipeError, match=r"recipe") as caught:
        recipe.load(file, Run)
    assert str(caught.value).startswith(str(file))


@given(
    st.builds(
        Run,
        views=st.builds(
            Views,
            size=st.integers(1, 99),
            scale=st.tuples(st.floats(0, 1), st.floats(0, 1)),
            kind=st.sampled_from(["plain", "crop"]),
        ),
        rate=st.floats(0, 1),
        folder=st.none() | st.just(Path("a/b")),
        names=st.lists(st.text(max_size=3)).map(tuple),
    )
)
def test_a_table_gives_back_its_config(run: Run) -> None:
    assert recipe.parse(recipe.to_table(run), Run) == run
