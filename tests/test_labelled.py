"""Labelled documents: every format read, of real files and of made-up ones, and what is wrong."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vlkit.data.labelled import (
    LabelledDocument,
    LabelledSet,
    classed,
    folds,
    read_cord,
    read_docbank_pages,
    read_forms,
    read_labelled,
    read_sroie,
    read_xfund,
    with_fields_as_entities,
)
from vlkit.data.random_pages import random_document
from vlkit.errors import DamagedInput, InputError

DATA = Path(os.environ.get("VLKIT_DATA", "nowhere"))


def real(name: str) -> Path:
    if not (DATA / name).is_dir():
        pytest.skip(f"no {name} in VLKIT_DATA")
    return DATA / name


def put(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")


def put_picture(path: Path, width: int = 400, height: int = 300) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width), 255, np.uint8))


def entities(document: LabelledDocument) -> list[tuple[str, str]]:
    return [(each.label, each.text) for page in document.pages for each in page.entities]


def linked(document: LabelledDocument) -> list[tuple[str, str]]:
    texts = {each.id: each.text for page in document.pages for each in page.entities}
    return [(texts[r.head], texts[r.tail]) for page in document.pages for r in page.relations]


# Forms


def segment(number: int, label: str, texts: list[str], y: int, **more: Any) -> dict[str, Any]:
    words = [
        {"text": text, "box": [20 + 60 * x, y, 70 + 60 * x, y + 12]} for x, text in enumerate(texts)
    ]
    box = [20, y, 20 + 60 * len(texts), y + 12]
    return {
        "id": number,
        "box": box,
        "text": " ".join(texts),
        "label": label,
        "words": words,
    } | more


FORM = [
    segment(0, "header", ["FORM"], 10, linking=[[0, 1]]),
    segment(1, "question", ["Full", "name:"], 40, linking=[[0, 1], [2, 1]]),
    segment(2, "answer", ["Ann", "", "Lee"], 60, linking=[[2, 1]]),
    segment(3, "other", ["page", "1"], 90, linking=[[3, 1]]),
    segment(4, "answer", [""], 120, linking=[]),
]


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


def spanned(**changes: Any) -> dict[str, Any]:
    """A form as EC-FUNSD writes it: an answer of two segments, and a word nobody could read."""
    rows = [["Name:", "Ann"], ["Lee", "<unk>"]]
    number = iter(range(9))
    segments = [segment(n, "", texts, 20 + 30 * n) for n, texts in enumerate(rows)]
    for each in segments:
        for word in each["words"]:
            word["id"] = next(number)
    spans = [
        {"entity_id": 7, "label": "question", "word_idx": [0]},
        {"entity_id": 5, "label": "answer", "word_idx": [1, 2]},
        {"entity_id": 6, "label": "answer", "word_idx": [3]},
    ]
    return {
        "document": segments,
        "label_entities": spans,
        "label_linkings": [[7, 5]],
        "img": {"width": 400, "height": 300},
    } | changes


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


def cord_line(category: str, group: int, y: int, *texts: str, keys: int = 0) -> dict[str, Any]:
    words = []
    for x, text in enumerate(texts):
        left, right = 10 + 50 * x, 55 + 50 * x
        corners = {"x1": left, "y1": y, "x2": right, "y2": y, "x3": right, "y3": y + 9}
        quad = corners | {"x4": left, "y4": y + 9}
        words.append({"quad": quad, "is_key": int(x < keys), "row_id": y, "text": text})
    return {"words": words, "category": category, "group_id": group, "sub_group_id": 0}


def cord(**changes: Any) -> dict[str, Any]:
    lines = [
        cord_line("menu.nm", 12, 10, "Iced", "tea"),
        cord_line("menu.price", 12, 10, "9,000"),
        cord_line("menu.nm", 30, 30, "Soup"),
        cord_line("total.total_price", 40, 50, "TOTAL", "24,000", keys=1),
    ]
    size = {"image_size": {"width": 300, "height": 100}}
    return {"valid_line": lines, "meta": size, "gt_parse": {}, "dontcare": []} | changes


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


LINES = (
    "MR. DIY SDN BHD",
    "12 JALAN BESAR",
    "43300 SELANGOR",
    "05-03-18 10:20",
    "SUB TOTAL",
    "TOTAL",
)


def put_receipt(folder: Path, name: str, **key: str) -> None:
    rows = [(10, 20 + 20 * place, text) for place, text in enumerate(LINES)]
    rows += [(150, 100, "RM12.50"), (150, 120, "12.50"), (10, 140, "CASH 12.50, CARD")]
    boxes = []
    for x, y, text in rows:
        right, bottom = x + 7 * len(text), y + 14
        boxes.append(",".join(map(str, [x, y, right, y, right, bottom, x, bottom, text])))
    put(folder / f"box/{name}.csv", "\n".join(boxes))
    put(folder / f"key/{name}.json", key)
    put_picture(folder / f"img/{name}.jpg")


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


# What is wrong


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
