"""Layout: what each word belongs to (DocBank), and where regions stand (PubLayNet).

DocBank's classes from ours (``docbank_labels``): title → title; heading → section; list item →
list; caption, table and figure → the same; footnote, footer and page number → footer; paragraph
and header → paragraph. Beyond roles: what follows a heading "References" is reference; what
follows "Abstract" up to the next heading is abstract; what stands between the title and the
abstract or first heading is author. Dates and equations are not told apart and count as missed.

PubLayNet's classes from ours (``publaynet_regions``): paragraph, caption and footnote → text;
title and heading → title; neighbouring list items together → list; table; figure. Headers,
footers and page numbers are not annotated there and left out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vlkit.document import Block, Box, Figure, Item, Page, Table, box_union
from vlkit.errors import InputError

DOCBANK_CLASSES = (
    "abstract",
    "author",
    "caption",
    "date",
    "equation",
    "figure",
    "footer",
    "list",
    "paragraph",
    "reference",
    "section",
    "table",
    "title",
)
PUBLAYNET_CLASSES = ("text", "title", "list", "table", "figure")
LEAST_IOU = 0.5

_DOCBANK_ROLE = {
    "title": "title",
    "heading": "section",
    "list_item": "list",
    "caption": "caption",
    "footnote": "footer",
    "footer": "footer",
    "page_number": "footer",
    "paragraph": "paragraph",
    "header": "paragraph",
    "code": "paragraph",
}
_PUBLAYNET_ROLE = {
    "paragraph": "text",
    "caption": "text",
    "footnote": "text",
    "title": "title",
    "heading": "title",
    "list_item": "list",
    "code": "text",
}
_REFERENCES = re.compile(r"[\dIVX.\s]*(references|bibliography|literature cited)\W*", re.I)
_ABSTRACT = re.compile(r"(abstract|summary)\b", re.I)
_ENTRY = re.compile(r"\[\d{1,3}\]")


@dataclass
class ClassCounts:
    """Per class: how many are right, predicted and true; to be added up over pages."""

    found: Counter[str] = field(default_factory=Counter)
    predicted: Counter[str] = field(default_factory=Counter)
    true: Counter[str] = field(default_factory=Counter)

    def add(self, other: ClassCounts) -> None:
        self.found.update(other.found)
        self.predicted.update(other.predicted)
        self.true.update(other.true)

    def metrics(self) -> dict[str, float]:
        """``f1.<class>`` of every class that is true somewhere, and their mean ``macro_f1``."""
        scores = {
            f"f1.{name}": 2 * self.found[name] / (self.predicted[name] + self.true[name])
            for name in sorted(self.true)
        }
        macro = sum(scores.values()) / len(scores) if scores else 0.0
        return scores | {"macro_f1": macro}


def count_labels(predicted: Sequence[str | None], true: Sequence[str]) -> ClassCounts:
    """Compare the labels of the same words, one by one; None is no prediction."""
    counts = ClassCounts()
    for ours, theirs in zip(predicted, true, strict=True):
        counts.true[theirs] += 1
        if ours is not None:
            counts.predicted[ours] += 1
        if ours == theirs:
            counts.found[theirs] += 1
    return counts


def count_regions(
    predicted: Sequence[tuple[str, Box]], true: Sequence[tuple[str, Box]]
) -> ClassCounts:
    """Match regions of one class one to one at IoU ≥ 0.5, the best pairs first."""
    counts = ClassCounts()
    counts.predicted.update(label for label, _ in predicted)
    counts.true.update(label for label, _ in true)
    pairs = [
        (iou(ours, theirs), i, j)
        for i, (label, ours) in enumerate(predicted)
        for j, (other, theirs) in enumerate(true)
        if label == other
    ]
    taken: set[int] = set()
    matched: set[int] = set()
    for value, i, j in sorted(pairs, reverse=True):
        if value >= LEAST_IOU and i not in taken and j not in matched:
            taken.add(i)
            matched.add(j)
            counts.found[true[j][0]] += 1
    return counts


def iou(a: Box, b: Box) -> float:
    """Area of the intersection ÷ area of the union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0 else 0.0


@dataclass(frozen=True)
class LabelledPage:
    """A DocBank page: boxes in parts of the page's width and height (0…1)."""

    name: str
    picture: Path
    tokens: list[tuple[str, Box]]
    labels: list[str]


def read_docbank(folder: Path, names: Sequence[str] | None = None) -> list[LabelledPage]:
    """Pages with a picture and a token file each, by name.

    Raises:
        InputError: The folder holds no such page.
    """
    files = sorted(folder.glob("*.txt"))
    chosen = [f for f in files if f.with_suffix(".jpg").exists() and _wanted(f, names)]
    if not chosen:
        raise InputError("there is no DocBank page (NAME.jpg with NAME.txt)", file=folder)
    return [_read_tokens(file) for file in chosen]


def _wanted(file: Path, names: Sequence[str] | None) -> bool:
    return names is None or file.stem in names or file.name in names


def _read_tokens(file: Path) -> LabelledPage:
    tokens, labels = [], []
    for row in file.read_text(encoding="utf-8").splitlines():
        text, x0, y0, x1, y1, *_, label = row.split("\t")
        # Rules are no words; figures stand as one token each.
        if not text.strip() or text == "##LTLine##":
            continue
        x, y = sorted((int(x0), int(x1))), sorted((int(y0), int(y1)))
        tokens.append((text, (x[0] / 1000, y[0] / 1000, x[1] / 1000, y[1] / 1000)))
        labels.append(label)
    return LabelledPage(file.stem, file.with_suffix(".jpg"), tokens, labels)


def docbank_labels(page: Page, tokens: Sequence[tuple[str, Box]]) -> list[str | None]:
    """What class each token has on a page that was read; None where nothing was read.

    Args:
        tokens: With boxes in parts of the page's width and height. A token belongs to the item
            with the word nearest to its middle, among words that cover it; else to the
            smallest item that covers it.
    """
    labels = _item_labels(page.items)
    found: list[str | None] = []
    for _, (x0, y0, x1, y1) in tokens:
        place = (
            (x0 + x1) / 2 * page.width,
            (y0 + y1) / 2 * page.height,
        )
        index = _item_at(place, page.items)
        found.append(None if index is None else labels[index])
    return found


def _item_at(place: tuple[float, float], items: Sequence[Item]) -> int | None:
    covering = [i for i, item in enumerate(items) if _covers(item.box, place)]
    for i in covering:
        if any(_covers(word.box, place) for word in items[i].words):
            return i
    return min(covering, key=lambda i: _area(items[i].box), default=None)


def _covers(box: Box, place: tuple[float, float]) -> bool:
    return box[0] <= place[0] <= box[2] and box[1] <= place[1] <= box[3]


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _item_labels(items: Sequence[Item]) -> list[str]:
    """DocBank's class of each item, from its role and the headings before it."""
    labels: list[str] = []
    under = ""
    for item in items:
        if not isinstance(item, Block):
            labels.append(item.kind)
            continue
        text = item.text.strip()
        label = _DOCBANK_ROLE[item.role]
        if label == "title":
            under = "author"
        elif label == "section":
            under = _section(text)
        elif label in ("paragraph", "list"):
            if under in ("", "author") and _ABSTRACT.match(text):
                under = "abstract"
            if _ENTRY.match(text):
                label = "reference"
            elif under:
                label = under
        labels.append(label)
    return labels


def _section(heading: str) -> str:
    if _REFERENCES.fullmatch(heading):
        return "reference"
    return "abstract" if _ABSTRACT.match(heading) else ""


@dataclass(frozen=True)
class RegionPage:
    """A PubLayNet page: regions in the picture's pixels."""

    name: str
    picture: Path
    regions: list[tuple[str, Box]]


def read_publaynet(folder: Path, names: Sequence[str] | None = None) -> list[RegionPage]:
    """Pages of the folder's COCO file.

    Raises:
        InputError: The folder holds no COCO file with pictures beside it.
    """
    for file in sorted(folder.glob("*.json")):
        coco = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(coco, dict) or not {"images", "annotations", "categories"} <= set(coco):
            continue
        classes = {entry["id"]: entry["name"] for entry in coco["categories"]}
        regions: dict[int, list[tuple[str, Box]]] = {entry["id"]: [] for entry in coco["images"]}
        for entry in coco["annotations"]:
            x, y, width, height = entry["bbox"]
            box = (x, y, x + width, y + height)
            regions[entry["image_id"]].append((classes[entry["category_id"]], box))
        pages = [
            RegionPage(picture.stem, picture, regions[entry["id"]])
            for entry in coco["images"]
            if _wanted(picture := folder / entry["file_name"], names) and picture.exists()
        ]
        if pages:
            return pages
    raise InputError("there is no COCO file with its pictures beside it", file=folder)


def publaynet_regions(page: Page) -> list[tuple[str, Box]]:
    """The page's items as PubLayNet would draw them."""
    regions: list[tuple[str, Box]] = []
    previous: Item | None = None
    for item in page.items:
        label = _region_label(item)
        if label == "list" and regions and regions[-1][0] == "list" and _joins(previous, item):
            regions[-1] = ("list", box_union([regions[-1][1], item.box]))
        elif label:
            regions.append((label, item.box))
        previous = item
    return regions


def _region_label(item: Item) -> str | None:
    if isinstance(item, Table | Figure):
        return item.kind
    return _PUBLAYNET_ROLE.get(item.role)


def _joins(previous: Item | None, item: Item) -> bool:
    """Whether a list goes on right below, in the same column."""
    return (
        isinstance(previous, Block)
        and previous.role == "list_item"
        and previous.box[1] < item.box[1]
        and min(previous.box[2], item.box[2]) > max(previous.box[0], item.box[0])
    )


def total(counts: Iterable[ClassCounts]) -> ClassCounts:
    """The sum over pages."""
    added = ClassCounts()
    for part in counts:
        added.add(part)
    return added
