"""`vlkit eval entities` and `relations`: what is measured, over what, and how it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.entity_toys import folder_with, on_trunk
from tests.labelled_toys import FORM, put, put_picture, put_receipt, segment, spanned
from vlkit.cli import app
from vlkit.data.labelled import read_labelled
from vlkit.document import Document, Entity
from vlkit.entities.model import EntityModel
from vlkit.errors import InputError, UnknownName
from vlkit.evaluation import form_rules
from vlkit.evaluation.result import EvalResult
from vlkit.reading import evaluate_entities as room
from vlkit.reading.evaluate import split_names
from vlkit.reading.evaluate_entities import (
    evaluate_entities,
    over_parts,
    parted,
)


@pytest.fixture
def forms(tmp_path: Path) -> Path:
    """Two forms: one by rules all right, and one with a header and words apart."""
    row = [
        segment(0, "question", ["Name:"], 20, linking=[[0, 1]]),
        segment(1, "answer", ["Ann", "Lee"], 20, linking=[[0, 1]]),
    ]
    for word in row[1]["words"]:
        word["box"] = [word["box"][0] + 100, *word["box"][1:2], word["box"][2] + 100, 32]
    row[1]["box"] = [120, 20, 230, 32]
    for name, form in (("easy", row), ("hard", FORM)):
        put(tmp_path / f"annotations/{name}.json", {"form": form})
        put_picture(tmp_path / f"images/{name}.png")
    put(tmp_path / "one.txt", "easy\n")
    return tmp_path


def test_rules_find_what_has_a_colon(forms: Path) -> None:
    easy, hard = (each.document for each in read_labelled(forms).documents)
    found = form_rules.mark(easy)
    assert [(e.label, e.text) for e in found.pages[0].entities] == [
        ("question", "Name:"),
        ("answer", "Ann Lee"),
    ]
    assert [(r.head, r.tail) for r in found.pages[0].relations] == [("1-0", "1-1")]
    labels = {e.text: e.label for e in form_rules.mark(hard).pages[0].entities}
    assert labels == {"Full name:": "question", "Ann Lee": "answer"}


def test_the_nearest_question_is_left_or_above() -> None:
    def entity(name: str, label: str, x: float, y: float) -> Entity:
        return Entity(id=name, label=label, text="", words=[0], box=(x, y, x + 40, y + 10))

    entities = [
        entity("left", "question", 0, 100),
        entity("above", "question", 100, 60),
        entity("below", "question", 100, 120),
        entity("value", "answer", 100, 100),
        entity("alone", "answer", 300, 0),
    ]
    found = form_rules.nearest_links(entities)
    assert [(each.head, each.tail) for each in found] == [("left", "value")]
    assert form_rules.nearest_links(entities[1:])[0].head == "above"


def test_boxes_without_height_have_no_neighbours() -> None:
    assert form_rules.gap((0, 10, 30, 10), (40, 10, 60, 10)) is None
    assert form_rules.gap((0, 10, 30, 20), (40, 15, 60, 15)) is None


def test_a_split_has_an_item_a_line(tmp_path: Path) -> None:
    put(tmp_path / "some.txt", "a form\n\n 신청서 2 \n")
    assert split_names(tmp_path, "some") == ["a form", "신청서 2"]


def test_figures_are_of_words_and_segments_and_say_so(forms: Path) -> None:
    result = evaluate_entities("entities", "rules", forms, split="one", boxes="segments")
    assert result.metrics == {f"{name}.segments": 1 for name in ("precision", "recall", "f1")}
    both = evaluate_entities("relations", "rules", forms, boxes="segments")
    assert both.metrics["recall.segments"] == pytest.approx(2 / 3)
    assert both.counts == {"documents": 2, "skipped": 0, "relations": 3}
    assert both.command == f"vlkit eval relations rules --data {forms} --boxes segments"
    assert "EC-FUNSD" in both.note


def test_a_model_sees_boxes_and_no_answers(forms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Document] = []

    def look(document: Document) -> Document:
        seen.append(document)
        return document

    monkeypatch.setattr(room, "marker", lambda model: look)
    monkeypatch.setattr(room.Job, "read", lambda self, pictures: Document(pages=[]))
    result = evaluate_entities("entities", "any", forms, split="one")
    assert set(result.metrics) == {
        f"{name}.{kind}"
        for name in ("precision", "recall", "f1")
        for kind in ("words", "segments", "pixels")
    }
    assert not any(page.entities or page.relations for each in seen for page in each.pages)
    own, shared, read = ([w.box for w in each.words] for each in seen)
    # a model that learnt boxes of lines is not to see them here
    assert [len(line.words) for line in seen[0].pages[0].lines] == [1, 1, 1]
    assert own[1:] == [(120, 20, 170, 32), (180, 20, 230, 32)]
    assert shared[1:] == [(120, 20, 230, 32)] * 2
    assert read == []


def test_a_folder_s_model_is_measured(forms: Path, tmp_path: Path) -> None:
    folder = folder_with(on_trunk(), tmp_path / "models" / "toy")
    (document, _) = read_labelled(forms).documents
    marked = EntityModel.open(folder).mark(document.document)
    said = [(each.label, tuple(each.words)) for each in marked.pages[0].entities]
    true = [(each.label, tuple(each.words)) for each in document.pages[0].entities]
    result = evaluate_entities("entities", str(folder), forms, split="one", boxes="words")
    assert result.metrics["precision.words"] == len(set(said) & set(true)) / len(said)


def test_pixels_are_left_out_without_pictures_or_refused(tmp_path: Path) -> None:
    put(tmp_path / "annotations/form.json", spanned())
    result = evaluate_entities("entities", "rules", tmp_path)
    assert {name.split(".")[1] for name in result.metrics} == {"words", "segments"}
    with pytest.raises(InputError, match="'form' has no picture"):
        evaluate_entities("entities", "rules", tmp_path, boxes="pixels")


def test_what_does_not_exist_is_named(forms: Path) -> None:
    with pytest.raises(UnknownName, match="'rulse'"):
        evaluate_entities("entities", "rulse", forms)
    with pytest.raises(UnknownName, match="segments"):
        evaluate_entities("entities", "rules", forms, boxes="segment")
    with pytest.raises(InputError, match="no such split"):
        evaluate_entities("entities", "rules", forms, split="two")
    with pytest.raises(InputError, match="--folds too"):
        evaluate_entities("entities", "rules", forms, group="company")


def test_parts_keep_groups_together(tmp_path: Path) -> None:
    for place, company in enumerate(["ONE", "TWO", "one", "THREE"]):
        put_receipt(tmp_path, f"r{place}", company=company, date="05/03/2018", total="12.50")
    documents = read_labelled(tmp_path).documents
    parts = parted(documents, 3, "company")
    assert parts[0] == parts[2]
    assert sorted(set(parts)) == [0, 1, 2]
    assert len({*parted(documents, 3, None)}) == 3  # the set's own groups are the companies
    with pytest.raises(InputError, match="3 documents or groups"):
        parted(documents, 4, "company")
    with pytest.raises(UnknownName, match="company"):
        parted(documents, 2, "compani")


def test_several_parts_give_means_and_deviations() -> None:
    found = over_parts([{"f1.words": 0.2}, {"f1.words": 0.6}])
    assert found == {
        "f1.words": pytest.approx(0.4),
        "f1.words.deviation": pytest.approx(0.2828, abs=1e-4),
    }
    assert over_parts([{"f1.words": 0.2}]) == {"f1.words": 0.2}


def test_words_are_read_from_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes of what was read are laid over those of the annotation, page by page."""
    put(tmp_path / "annotations/form.json", spanned())
    put_picture(tmp_path / "images/form.png")

    def read(self: room.Job, pictures: tuple[Path, ...]) -> Document:
        assert [path.name for path in pictures] == ["form.png"]
        page = read_labelled(tmp_path).documents[0].pages[0]
        return Document(pages=[page.model_copy(update={"entities": [], "relations": []})])

    monkeypatch.setattr(room.Job, "read", read)
    pixels = evaluate_entities("entities", "rules", tmp_path, boxes="pixels")
    assert pixels.counts["entities"] == 2  # the third is nothing but <unk>


def test_the_command_prints_and_writes(forms: Path, tmp_path: Path) -> None:
    written = tmp_path / "out.json"
    options = ["--data", str(forms), "--boxes", "segments", "--folds", "2", "--json", str(written)]
    done = CliRunner().invoke(app, ["eval", "entities", "rules", *options])
    assert done.exit_code == 0, done.output
    assert "f1.segments.deviation" in done.output
    assert "do not compare" in done.output
    result = EvalResult.model_validate_json(written.read_text())
    assert result.metrics["f1.segments"] == pytest.approx((1 + 0.8) / 2)
