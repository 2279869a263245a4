"""Cards: all facts stand there, and figures are written in later."""

import json
from pathlib import Path

import pytest

from vlkit import card, recipe
from vlkit.card import Card, Cost, Made
from vlkit.errors import InputError
from vlkit.evaluation.result import EvalResult

MADE = Made(
    Card("toy", "Finds nothing.", "Twelve squares.", "CC0: do what you like", "apache-2.0"),
    "clip",
    "vlkit train toy.toml --set 'a=b c'",
    Cost(1000, 64000, 7300.0, "1 × abacus", 1234567),
    skipped=3,
    versions={"torch": "2.15"},
)
FIGURES = EvalResult(
    task="retrieval",
    model="toy",
    data="flickr8k",
    split="dev",
    counts={"images": 1000},
    metrics={"t2i_r10": 0.41234},
    command="vlkit eval retrieval toy --data flickr8k --split dev",
    versions={},
)


def test_a_card_says_data_licence_cost_figures_and_command() -> None:
    text = card.render(MADE, [FIGURES])
    front = dict(line.split(": ", 1) for line in text.split("---")[1].strip().splitlines())
    assert json.loads(front["data_licence"]) == "CC0: do what you like"
    assert json.loads(front["license"]) == "apache-2.0"
    for fact in (
        "Twelve squares.",
        "vlkit train toy.toml --set 'a=b c'",
        "1,234,567 parameters; 1,000 steps, 64,000 samples, 2.0 h on 1 × abacus",
        "3 samples could not be read",
        "| retrieval | flickr8k, dev | t2i_r10 | 0.4123 |",
        FIGURES.command,
    ):
        assert fact in text
    assert "None measured yet" in card.render(MADE)


def test_figures_are_written_into_a_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"card": recipe.to_table(MADE)}))
    (tmp_path / "figures.json").write_text(FIGURES.model_dump_json())
    written = card.write(tmp_path, [card.read_figures(tmp_path / "figures.json")])
    assert written.read_text() == card.render(MADE, [FIGURES])


def test_what_is_no_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json can't be read"):
        card.write(tmp_path, [])
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="has no card"):
        card.write(tmp_path, [])
    with pytest.raises(InputError, match="no figures"):
        card.read_figures(tmp_path / "config.json")
