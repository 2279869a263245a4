"""Reading metrics against naive versions, and the readers of the three layouts."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vlkit.document import Block, Box, Line, Page, Word
from vlkit.errors import DamagedInput, InputError
from vlkit.evaluation.reading import (
    ReadingExample,
    Truth,
    expected_calibration_error,
    match_boxes,
    paired_bootstrap,
    pairwise_iou,
    read_examples,
    risk_coverage,
    score_page,
    summarise,
)

boxes = st.tuples(*[st.integers(0, 20)] * 4).map(
    lambda b: (float(b[0]), float(b[1]), float(b[0] + b[2] + 1), float(b[1] + b[3] + 1))
)


def example(
    words: list[tuple[str, Box]], truth: Truth = "words", unreadable: tuple[Box, ...] = ()
) -> ReadingExample:
    items = [
        Block(lines=[Line(words=[Word(text=text, box=box)], box=box)], box=box)
        for text, box in words
    ]
    page = Page(number=1, width=100, height=100, items=items)
    return ReadingExample("x", Path("x.png"), page, truth, unreadable)


@given(st.lists(boxes, max_size=6), st.lists(boxes, max_size=6))
@settings(max_examples=100, deadline=None)
def test_iou_counts_pixels(first: list[Box], second: list[Box]) -> None:
    def mask(box: Box) -> np.ndarray:
        x0, y0, x1, y1 = map(int, box)
        canvas = np.zeros((50, 50), bool)
        canvas[y0:y1, x0:x1] = True
        return canvas

    iou = pairwise_iou(first, second)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            expected = (mask(a) & mask(b)).sum() / (mask(a) | mask(b)).sum()
            assert iou[i, j] == pytest.approx(expected)
    pairs = match_boxes(first, second)
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
    assert all(iou[a, b] >= 0.5 for a, b in pairs)


def test_words_found_right_wrong_missed_and_made_up() -> None:
    a, b, c = (0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0), (40.0, 0.0, 50.0, 10.0)
    hidden, elsewhere = (60.0, 0.0, 70.0, 10.0), (80.0, 0.0, 90.0, 10.0)
    truth = example([("one", a), ("two", b), ("three", c)], unreadable=(hidden,))
    read = [("one", a), ("tvo", b), ("x", hidden), ("yy", elsewhere)]
    score = score_page(truth, [Word(text=t, box=box, confidence=0.8) for t, box in read])
    figures = summarise([score])
    assert figures["word_recall"] == pytest.approx(1 / 3)
    assert figures["word_precision"] == pytest.approx(1 / 3)
    assert figures["detection_recall"] == pytest.approx(2 / 3)
    assert figures["detection_precision"] == pytest.approx(2 / 3)
    assert figures["cer"] == pytest.approx((1 + 5 + 2) / 11)
    assert figures["wer"] == pytest.approx(3 / 3)
    assert figures["ece"] == pytest.approx(abs(0.8 - 1 / 3))


def test_lines_and_text_know_words_by_white_space() -> None:
    box = (0.0, 0.0, 50.0, 10.0)
    parts = [
        Word(text="Yes/", box=(0.0, 0.0, 20.0, 10.0), space_after=False),
        Word(text="no", box=(20.0, 0.0, 30.0, 10.0)),
    ]
    assert score_page(example([("YES/NO", box)], "lines"), parts).right == 1
    assert score_page(example([("Yes/no", box)], "text"), parts).edits == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=15, max_size=60))
@settings(max_examples=50, deadline=None)
def test_ece_is_that_of_plain_bins(pairs: list[tuple[float, bool]]) -> None:
    pairs = [(confidence + 1e-6 * i, right) for i, (confidence, right) in enumerate(pairs)]
    pairs.sort()
    if len({confidence for confidence, _ in pairs}) < len(pairs):
        return
    bins = np.array_split(np.arange(len(pairs)), 15)
    expected = sum(
        abs(np.mean([pairs[i][0] for i in part]) - np.mean([pairs[i][1] for i in part])) * len(part)
        for part in bins
    ) / len(pairs)
    got = expected_calibration_error(
        np.array([c for c, _ in pairs]), np.array([r for _, r in pairs])
    )
    assert got == pytest.approx(expected)


def test_risk_falls_with_coverage_of_a_perfect_ranking() -> None:
    coverage, risk = risk_coverage(np.array([0.9, 0.8, 0.1]), np.array([True, True, False]))
    assert coverage.tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert risk.tolist() == pytest.approx([0, 0, 1 / 3])


def test_bootstrap_sees_a_difference_and_none() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    right = score_page(example([("a", box)]), [Word(text="a", box=box)])
    wrong = score_page(example([("a", box)]), [Word(text="b", box=box)])
    same = paired_bootstrap([right, wrong], [right, wrong], "word_recall")
    assert (same.low, same.difference, same.high) == (0, 0, 0)
    better = paired_bootstrap([right] * 9 + [wrong], [wrong] * 10, "word_recall")
    assert better.difference == pytest.approx(0.9)
    assert 0.5 < better.low <= 0.9 <= better.high


def test_reads_the_three_layouts(tmp_path: Path) -> None:
    for folder in ("f/images", "f/annotations", "s/img", "s/box", "t"):
        (tmp_path / folder).mkdir(parents=True)
    picture = Image.new("L", (60, 40))
    for name in ("f/images/a.png", "s/img/a.jpg", "t/a.png"):
        picture.save(tmp_path / name)
    words = [{"text": "Hi", "box": [1, 2, 9, 8]}, {"text": "<unk>", "box": [10, 2, 19, 8]}]
    annotation = tmp_path / "f/annotations/a.json"
    annotation.write_text(json.dumps({"form": [{"words": words}]}))
    (tmp_path / "s/box/a.csv").write_text("1,2,9,2,9,8,1,8,27,JALAN\n")
    (tmp_path / "t/a.txt").write_text("wrong\n")
    (tmp_path / "t/a.gold.txt").write_text("two words\n")
    (funsd,) = read_examples(tmp_path / "f")
    assert [w.text for w in funsd.page.words] == ["Hi"]
    assert funsd.unreadable == ((10.0, 2.0, 19.0, 8.0),)
    assert read_examples(tmp_path / "s")[0].page.text == "27,JALAN"
    assert read_examples(tmp_path / "t")[0].page.text == "two words"
    annotation.write_text('{"form": [{}]}')
    with pytest.raises(DamagedInput):
        read_examples(tmp_path / "f")
    with pytest.raises(InputError):
        read_examples(tmp_path / "f/images")
    with pytest.raises(InputError):
        read_examples(tmp_path / "s", ["b"])
