"""Labelled documents: every format read, of real files and of made-up ones."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.labelled_toys import (
    FORM,
    cord,
    entities,
    put,
    put_picture,
    put_receipt,
    spanned,
)
from vlkit.data.labelled import (
    LabelledDocument,
    classed,
    folds,
    read_labelled,
    read_sroie,
    read_xfund,
)
from vlkit.data.random_pages import random_document
from vlkit.errors import InputError

DATA = Path(os.environ.get("VLKIT_DATA", "nowhere"))


def real(name: str) -> Path:
    if not (DATA / name).is_dir():
        pytest.skip(f"no {name} in VLKIT_DATA")
    return DATA / name


def linked(document: LabelledDocument) -> list[tuple[str, str]]:
    texts = {each.id: each.text for page in document.pages for each in page.entities}
    return [(texts[r.head], texts[r.tail]) for page in document.pages for r in page.relations]


# Forms


def test_funsd(tmp_path: Path) -> None:
    put(tmp_path / "annotations/a.json", {"form": FORM})
    put_picture(tmp_path / "images/a.png")
    found = read_labelled(tmp_path)
    document = found.documents[0]
    assert entities(document) == [
        ("header", "FORM"),
        ("question", "Full name:"),
        ("answer", "Ann Lee"),
    ]
    # Once each, from header to question to answer, however they were written.
    assert linked(document) == [("FORM", "Full name:"), ("Full name:", "Ann Lee")]
    page = document.pages[0]
    assert (page.width, page.height) == (400, 300)
    assert [word.text for word in page.words] == [
        "FORM",
        "Full",
        "name:",
        "Ann",
        "Lee",
        "page",
        "1",
    ]
    assert page.lines[1].box == (20, 40, 140, 52)
    assert document.pictures == (tmp_path / "images/a.png",)


def test_ec_funsd(tmp_path: Path) -> None:
    put(tmp_path / "annotations/a.json", spanned())
    document = read_labelled(tmp_path).documents[0]
    assert entities(document) == [("question", "Name:"), ("answer", "Ann Lee"), ("answer", "<unk>")]
    assert linked(document) == [("Name:", "Ann Lee")]
    assert [line.text for line in document.pages[0].lines] == ["Name: Ann", "Lee <unk>"]


def xfund() -> dict[str, Any]:
    words = [
        {"text": c, "box": [10 + 20 * x, 5, 28 + 20 * x, 25]} for x, c in enumerate("姓名李雷")
    ]
    asked = {"id": 3, "box": [10, 5, 50, 25], "text": "姓名", "label": "question"}
    told = {"id": 4, "box": [50, 5, 90, 25], "text": "李 雷", "label": "answer"}
    segments = [
        asked | {"words": words[:2], "linking": [[3, 4]]},
        told | {"words": words[2:], "linking": [[3, 4]]},
    ]
    form = {"id": "zh_train_0", "uid": "0", "document": segments}
    return {
        "lang": "zh",
        "version": "0.1",
        "documents": [form | {"img": {"width": 100, "height": 50}}],
    }


def test_xfund(tmp_path: Path) -> None:
    put(tmp_path / "zh.train.json", xfund())
    document = read_labelled(tmp_path).documents[0]
    assert entities(document) == [
        ("question", "姓名"),
        ("answer", "李 雷"),
    ]  # spaces as in the text
    assert linked(document) == [("姓名", "李 雷")]
    assert document.name == "zh_train_0"


def test_one_bad_form_of_xfund_costs_that_form(tmp_path: Path) -> None:
    content, bad = xfund(), xfund()["documents"][0]
    bad["id"], bad["document"][0]["linking"] = "zh_train_1", [[3, 99]]
    content["documents"].append(bad)
    put(tmp_path / "zh.train.json", content)
    put(tmp_path / "de.val.json", "{")
    found = read_xfund(tmp_path)
    assert [document.name for document in found.documents] == ["zh_train_0"]
    broken, missing = sorted(map(str, found.skipped))
    assert "de.val.json: not a readable annotation" in broken
    assert "zh.train.json: zh_train_1: the link 3 to 99 needs 99, which does not exist" in missing
    with pytest.raises(InputError, match="zh_train_1"):
        read_xfund(tmp_path, ["zh_train_1"])


def test_the_folder_of_forms() -> None:
    """EC-FUNSD's layout and counts: 149 forms, entities over several segments."""
    found = read_labelled(real("funsd"))
    assert (len(found.documents), found.skipped) == (149, ())
    labels = Counter(label for document in found.documents for label, _ in entities(document))
    assert labels == {"question": 3232, "answer": 2763, "header": 434}
    pages = [document.pages[0] for document in found.documents]
    assert sum(len(page.relations) for page in pages) == 4147
    assert sum(len(page.words) for page in pages) == 22360
    assert sum(word.text == "<unk>" for page in pages for word in page.words) == 314
    over_several = 0
    for page in pages:
        home = [number for number, line in enumerate(page.lines) for _ in line.words]
        over_several += sum(len({home[word] for word in each.words}) > 1 for each in page.entities)
    assert over_several == 500
    assert folds(found.documents) == [number % 5 for number in range(149)]


# Receipts


def test_cord_as_published(tmp_path: Path) -> None:
    put(tmp_path / "json/r.json", cord())
    put_picture(tmp_path / "image/r.png")
    document = read_labelled(tmp_path).documents[0]
    assert [(field.name, field.value, field.row) for field in document.fields] == [
        ("menu.nm", "Iced tea", 0),
        ("menu.price", "9,000", 0),
        ("menu.nm", "Soup", 1),
        ("total.total_price", "24,000", None),  # without its key
    ]
    assert [word.text for word in document.pages[0].words][-2:] == ["TOTAL", "24,000"]
    assert document.pictures == (tmp_path / "image/r.png",)


def test_characters_become_words(tmp_path: Path) -> None:
    """They end at spaces and where another entity begins."""
    characters = [
        {"id": x, "text": c, "box": [10 + 5 * x, 9, 14 + 5 * x, 20]}
        for x, c in enumerate("2x Tea 5.0")
    ]
    line = {"id": 0, "box": [10, 9, 60, 20], "text": "2x Tea 5.0", "words": characters}
    spans = [
        {"entity_id": 0, "label": "menu.cnt", "word_idx": [0]},
        {"entity_id": 1, "label": "menu.nm", "word_idx": [3, 4, 5]},
        {"entity_id": 2, "label": "menu.price", "word_idx": [6, 7, 8, 9]},
    ]
    content = {"document": [line], "label_entities": spans, "img": {"width": 99, "height": 30}}
    put(tmp_path / "annotations/r.json", content)
    document = read_labelled(tmp_path).documents[0]
    assert [word.text for word in document.pages[0].words] == ["2", "x", "Tea", "5.0"]
    assert document.pages[0].text == "2x Tea 5.0"
    assert entities(document) == [("menu.cnt", "2"), ("menu.nm", "Tea"), ("menu.price", "5.0")]


def test_the_folder_of_cord() -> None:
    folder = real("cord")
    names = [f"train_{number:04d}" for number in range(60)]
    found = read_labelled(folder, names)
    assert not found.skipped
    for document in found.documents:
        content = json.loads((folder / f"annotations/{document.name}.json").read_text("utf-8"))
        text = {w["id"]: w["text"] for s in content["document"] for w in s["words"]}
        wanted = [
            (span["label"], "".join(text[index] for index in sorted(span["word_idx"])))
            for span in content["label_entities"]
        ]
        assert [(label, "".join(said.split())) for label, said in entities(document)] == [
            (label, "".join(said.split())) for label, said in wanted
        ]


def test_sroie(tmp_path: Path) -> None:
    values = {
        "company": "Mr D.I.Y. Sdn Bhd",
        "date": "05/03/2018",
        "address": "12, JALAN BESSAR, 43300 SELANGOR.",
        "total": "$12.50",
    }
    put_receipt(tmp_path, "r1", **values)
    put_receipt(tmp_path, "r2", **values | {"company": "MR DIY SDN. BHD.", "total": "99.00"})
    found = read_labelled(tmp_path)
    first, second = found.documents
    assert entities(first) == [
        ("company", "MR. DIY SDN BHD"),
        ("date", "05-03-18"),
        ("address", "12 JALAN BESAR 43300 SELANGOR"),
        ("total", "12.50"),
    ]
    assert first.group == second.group  # one company, however it is written
    assert found.not_found == {"total": 1}
    total = next(field for field in first.fields if field.name == "total")
    assert total.value == "$12.50"
    word = first.word(total.words[0])
    assert word.box == (150, 120, 185, 134)  # beside "TOTAL", not "SUB TOTAL" or "CASH"
    place = first.document.fields[3].places[0]
    assert (place.page, place.box) == (1, word.box)


def test_words_share_their_lines_box(tmp_path: Path) -> None:
    put_receipt(tmp_path, "r", company="MR DIY")
    line = read_sroie(tmp_path).documents[0].pages[0].lines[1]
    assert line.box == (10, 40, 108, 54)
    assert [word.box for word in line.words] == [
        (10, 40, 24, 54),
        (31, 40, 66, 54),
        (73, 40, 108, 54),
    ]


def test_the_folder_of_receipts() -> None:
    """All that has a value is found among the words, and no company is in two folds."""
    found = read_labelled(real("sroie"))
    assert (len(found.documents), found.skipped) == (260, ())
    fields = [field for document in found.documents for field in document.fields]
    counts = Counter(field.name for field in fields)
    assert counts == {"company": 260, "date": 260, "address": 259, "total": 259}
    assert sum(found.not_found.values()) <= 0.01 * len(fields)
    groups = {(d.group, f) for d, f in zip(found.documents, folds(found.documents), strict=True)}
    assert len(groups) == len({document.group for document in found.documents}) < 150


# Word classes


def test_docbank(tmp_path: Path) -> None:
    rows = [
        ("A", 100, 100, 140, 120, "title"),
        ("note", 150, 100, 230, 120, "title"),
        ("##LTLine##", 100, 130, 900, 130, "paragraph"),
        ("It", 100, 200, 120, 215, "paragraph"),
        ("|", 130, 200, 130, 215, "paragraph"),
        ("##LTFigure##", 100, 300, 900, 500, "figure"),
        ("E=1", 100, 520, 900, 530, "equation"),
    ]
    text = "\n".join("\t".join(map(str, [*row[:5], 0, 0, 0, "F", row[5]])) for row in rows)
    put(tmp_path / "p.txt", text)
    put_picture(tmp_path / "p.jpg", 500, 1000)
    document = read_labelled(tmp_path).documents[0]
    assert entities(document) == [("title", "A note"), ("paragraph", "It |"), ("equation", "E=1")]
    thin = document.pages[0].words[3].box
    assert thin == pytest.approx((65, 200, 65.5, 215))
    assert [line.text for line in document.pages[0].lines] == ["A note", "It |", "E=1"]


def test_the_folder_of_docbank() -> None:
    found = read_labelled(real("docbank"))
    assert (len(found.documents), found.skipped) == (50, ())
    words = Counter(
        each.label
        for document in found.documents
        for each in document.pages[0].entities
        for _ in each.words
    )
    assert words["paragraph"] > 18000
    assert (words["reference"], words["title"], words["footer"]) == (3431, 71, 263)
    assert sum(words.values()) == sum(len(d.pages[0].words) for d in found.documents)


def test_generated_pages_have_classes() -> None:
    made = random_document(3).truth
    document = classed(made)
    for page in document.pages:
        label = {word: each.label for each in page.entities for word in each.words}
        words = page.words
        inside = {id(word) for table in page.tables for word in table.words}
        tables = [label.get(index) for index, word in enumerate(words) if id(word) in inside]
        assert set(tables) <= {"table"}
        assert len(label) >= 0.98 * len(words)
