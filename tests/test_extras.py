import pytest

from vlkit import extras
from vlkit.errors import MissingDependency


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(MissingDependency, match="torch") as raised:
        extras.require("models")
    assert "vlkit[models]" in str(raised.value)
    assert "timm" not in str(raised.value)


def test_what_the_default_recipe_needs_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: name != "tensorboard" or None)
    with pytest.raises(MissingDependency, match="tensorboard"):
        extras.require("train")
