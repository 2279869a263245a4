"""Labelled documents: what is wrong with one costs that one, and says what and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.labelled_toys import (
    FORM,
    cord,
    cord_line,
    put,
    put_picture,
    put_receipt,
    spanned,
)
from vlkit.data.labelled import (
    LabelledSet,
    read_cord,
    read_docbank_pages,
    read_forms,
    read_labelled,
    read_sroie,
    with_fields_as_entities,
)
from vlkit.errors import DamagedInput, InputError


def skipped(folder: Path) -> str:
    """Why the one bad document of a folder is left out, beside a good one."""
    found: LabelledSet = read_labelled(folder)
    assert len(found.documents) == 1
    assert len(found.skipped) == 1
    return str(found.skipped[0])


def moved(word: int, box: list[float]) -> dict[str, Any]:
    content = spanned()
    content["document"][0]["words"][word]["box"] = box
    return content


def entity(**changes: Any) -> dict[str, Any]:
    content = spanned()
    content["label_entities"][1] |= changes
    return content


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "not a readable annotation"),
        ("[]", "the whole: Input should be"),
        ({"document": []}, "label_entities: Field required"),
        (moved(1, [5, 5, 5, 9]), "segment 0, word 'Ann' has a box without area: (5.0, 5.0, 5.0"),
        (moved(1, [9, 5, 5, 9]), "without area"),
        (moved(0, [500, 5, 600, 9]), "segment 0, word 'Name:' lies off the page of 400 x 300"),
        (moved(0, [5, 5, 9]), "document.0.words.0.box"),
        (moved(0, [5, 5, float("nan"), 9]), "document.0.words.0.box"),
        (entity(label="total"), "entity 5 has the label 'total'. The set's are: header, question"),
        (entity(word_idx=[1, 77]), "entity 5 has word 77, which does not exist"),
        (entity(word_idx=[0, 1]), "of the entities' words, two have the number 0"),
        (entity(entity_id=7), "of the entities, two have the number 7"),
        (spanned(label_linkings=[[7, 8]]), "the link 7 to 8 needs 8, which does not exist"),
        ({"form": FORM}, "the annotation has no picture beside it"),
    ],
)
def test_a_bad_form_costs_itself(tmp_path: Path, content: object, problem: str) -> None:
    put(tmp_path / "annotations/bad.json", content)
    put(tmp_path / "annotations/good.json", spanned())
    reason = skipped(tmp_path)
    assert problem in reason
    assert "bad.json" in reason


def test_a_box_that_juts_out_is_cut(tmp_path: Path) -> None:
    put(tmp_path / "annotations/a.json", moved(0, [-4, 5, 50, 320]))
    document = read_forms(tmp_path).documents[0]
    assert document.pages[0].words[0].box == (0, 5, 50, 300)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (None, "the file can't be read: No such file"),
        ("{", "not a readable annotation"),
        ({"date": "1/2/2018"}, "company: Field required"),
        ({"company": "A", "colour": "red"}, "the receipt has a value 'colour'"),
    ],
)
def test_a_bad_key_costs_its_receipt(tmp_path: Path, key: object, problem: str) -> None:
    put_receipt(tmp_path, "good", company="MR DIY")
    put_receipt(tmp_path, "bad", company="MR DIY")
    (tmp_path / "key/bad.json").unlink()
    if key is not None:
        put(tmp_path / "key/bad.json", key)
    reason = skipped(tmp_path)
    assert problem in reason
    assert str(tmp_path / "key/bad.json") in reason


def test_other_bad_receipts(tmp_path: Path) -> None:
    for name in ("good", "picture", "flat"):
        put_receipt(tmp_path, name, company="MR DIY")
    put(tmp_path / "img/picture.jpg", "no picture")
    put(tmp_path / "box/flat.csv", "10,10,90,10,90,10,10,10,MR DIY")
    found = read_sroie(tmp_path)
    assert [document.name for document in found.documents] == ["good"]
    flat, picture = map(str, found.skipped) if "flat" in str(found.skipped[0]) else ("", "")
    assert "line 0, 'MR DIY' has a box without area" in flat
    assert "its picture can't be read" in picture


def test_receipts_of_cord_with_unknown_categories(tmp_path: Path) -> None:
    put(tmp_path / "json/good.json", cord())
    put(tmp_path / "json/bad.json", cord(valid_line=[cord_line("menu.colour", 1, 10, "red")]))
    assert "line 0 has the label 'menu.colour'" in skipped(tmp_path)


def test_damaged_docbank(tmp_path: Path) -> None:
    for name in ("good", "short"):
        put(tmp_path / f"{name}.txt", "A\t1\t1\t9\t9\t0\t0\t0\tF\ttitle")
        put_picture(tmp_path / f"{name}.jpg")
    put(tmp_path / "short.txt", "A\t1\t1")
    assert "not a readable page" in skipped(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no labelled documents"):
        read_labelled(tmp_path)
    put(tmp_path / "annotations/a.json", "{")
    with pytest.raises(DamagedInput, match=r"not a readable"):
        read_labelled(tmp_path)
    with pytest.raises(InputError, match="no annotation named 'b'"):
        read_forms(tmp_path, ["b"])
    with pytest.raises(InputError, match="no annotation named 'b'"):
        read_cord(tmp_path, ["b"])
    with pytest.raises(InputError, match="no annotation named 'b'"):
        read_docbank_pages(tmp_path, ["b"])
    with pytest.raises(InputError, match="no values of receipts"):
        read_sroie(tmp_path)


def test_a_field_that_no_document_has(tmp_path: Path) -> None:
    put_receipt(tmp_path, "r", company="MR DIY")
    document = read_sroie(tmp_path).documents[0]
    with pytest.raises(InputError, match="no field 'tax'"):
        with_fields_as_entities(document, ["tax"])
