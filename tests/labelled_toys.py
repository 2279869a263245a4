"""Forms and receipts in the formats of labelled sets, made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vlkit.data.labelled import (
    LabelledDocument,
)


def put(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")


def put_picture(path: Path, width: int = 400, height: int = 300) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width), 255, np.uint8))


def entities(document: LabelledDocument) -> list[tuple[str, str]]:
    return [(each.label, each.text) for page in document.pages for each in page.entities]


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
