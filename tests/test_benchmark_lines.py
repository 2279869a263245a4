"""The benchmark of lines: sets that are unseen as they say, figures that are right, nothing read
twice by those who don't change."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.line_rows import documents, kept, readers, sets, texts
from benchmarks.line_rows.scores import (
    OURS,
    Goal,
    bare_characters,
    characters,
    compare,
    counts,
    gain,
    words,
)
from vlkit.data import typefaces
from vlkit.data.rendered.characters import KNOWN, normalise
from vlkit.data.rendered.words import ENGLISH, KOREAN
from vlkit.data.typefaces import families_in
from vlkit.data.vocabulary import TABLES
from vlkit.document import box_union


def stems(lists: dict[str, list[str]]) -> set[str]:
    return {
        word
        for name, entries in lists.items()
        for entry in entries
        if name != "lines"
        for word in re.findall(r"[^\W\d_]{2,}", re.sub(r"\{\w+\}", " ", entry).lower())
    }


def test_unseen_texts_are_of_other_words() -> None:
    korean, english = stems(texts.LISTS["korean"]), stems(texts.LISTS["english"])
    assert len(korean & (stems(KOREAN) | stems(TABLES["kor"]))) < 0.08 * len(korean)
    # What English can't do without: the, and, of …
    assert len(english & (stems(ENGLISH) | stems(TABLES["eng"]))) < 0.25 * len(english)


@pytest.mark.parametrize("language", ["korean", "english"])
def test_texts_can_be_drawn_and_differ(language: texts.Language) -> None:
    found = texts.lines(language, 600, seed=3)
    assert found == texts.lines(language, 600, seed=3)
    assert len(set(found)) == 600
    for text in found:
        assert KNOWN.issuperset(normalise(text)), text
        assert "{" not in text


@pytest.mark.parametrize("unseen", sets.UNSEEN_IN)
def test_a_set_is_the_same_again_and_begins_a_longer_one(unseen: sets.Unseen) -> None:
    fonts = sets.Fonts((typefaces.FOLDER,), (), (typefaces.FOLDER,), ("*",))
    short, long = (sets.draw("korean", unseen, count, fonts) for count in (4, 9))
    for first, second in zip(short, long, strict=False):
        assert first.text == second.text
        assert any("가" <= char <= "힣" for char in first.text)
        np.testing.assert_array_equal(first.pixels, second.pixels)
    assert len({line.text for line in long}) == 9


def test_fonts_of_the_recipe_are_held_out() -> None:
    fonts = sets.recipe_fonts()
    assert "Noto * CJK KR" in fonts.only
    latin = [family for family in fonts.only if "CJK" not in family]
    assert len(latin) == 2
    assert set(latin) <= set(fonts.without)
    assert any("CJK" in family for family in fonts.without)


def test_accuracy_by_hand() -> None:
    truth, read = ["가나 다", "abc def"], ["가나다", "abd def x"]
    np.testing.assert_array_equal(counts(characters, truth, read), [[1, 4], [3, 7]])
    np.testing.assert_array_equal(counts(bare_characters, truth, read), [[0, 3], [2, 6]])
    np.testing.assert_array_equal(counts(words, truth, read), [[2, 2], [2, 2]])
    goal = Goal({"other": 0.0, "near": 0.5}, 0.4)
    row = compare("", "", characters, truth, {OURS: truth, "other": read, "near": truth}, goal)
    assert row.ours == 1
    assert row.alternatives == {"other": 1 - 4 / 11, "near": 1}
    assert row.reached
    assert not goal.reached(0.6, {"other": 0.6, "near": 0})  # above is above
    assert not goal.reached(0.3, {"other": 0.1, "near": 0})  # .4 in any case
    nobody = compare("", "", characters, truth, {"other": read, "near": read}, goal)
    assert nobody.reached is None


def test_interval_of_a_gain_by_groups_is_wider() -> None:
    rng = np.random.default_rng(0)
    better = np.repeat(rng.integers(0, 2, 20), 10)  # lines of a page are right or wrong together
    ours = np.column_stack([1 - better, np.ones(200, int)])
    theirs = np.column_stack([np.ones(200, int), np.ones(200, int)])
    by_line = gain(ours, theirs)
    by_page = gain(ours, theirs, [str(i // 10) for i in range(200)])
    assert by_line.difference == by_page.difference == pytest.approx(better.mean())
    assert by_page.high - by_page.low > 2 * (by_line.high - by_line.low)
    assert by_line.low < by_line.difference < by_line.high


def test_pictures_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    pictures = [np.full((3, width), 7, np.uint8) for width in (4, 5, 4, 6)]
    asked: list[int] = []

    def read(some: list[kept.Pixels]) -> list[str]:
        asked.extend(picture.shape[1] for picture in some)
        return [str(picture.shape[1]) for picture in some]

    assert kept.kept("reader 1", pictures[:3], read) == ["4", "5", "4"]
    assert kept.kept("reader 1", pictures, read) == ["4", "5", "4", "6"]
    assert sorted(asked) == [4, 5, 6]
    assert kept.kept("reader 2", pictures[:1], read) == ["4"]
    assert sorted(asked) == [4, 4, 5, 6]


def test_frame_is_of_the_lines_own_paper() -> None:
    picture = np.full((64, 200), 30, np.uint8)
    picture[20:40, 50:150] = 230
    wide = readers.framed(picture)
    assert wide.shape[0] == readers.HEIGHT + 2 * readers.BORDER
    assert (wide[: readers.BORDER] == 30).all()


@pytest.mark.parametrize("number", range(3))
def test_words_of_a_document_stand_on_its_ink(number: int) -> None:
    families = families_in(Path("/usr/share/fonts/truetype/nanum"))
    if "NanumGothic" not in families:
        pytest.skip("fonts-nanum is not installed")
    made = documents.document(number, (families["NanumGothic"],))
    again = documents.document(number, (families["NanumGothic"],))
    np.testing.assert_array_equal(made.pixels, again.pixels)
    assert made.kind == list(documents.KINDS)[number]
    assert len(made.page.words) > 40
    gray = made.pixels.min(axis=2)
    bare = gray.copy()
    for word in made.page.words:
        x0, y0, x1, y1 = (round(value) for value in word.box)
        assert gray[y0:y1, x0:x1].min() < 140, word.text
        bare[max(0, y0 - 2) : y1 + 2, max(0, x0 - 2) : x1 + 2] = 255
    whole = box_union(word.box for word in made.page.words)
    assert whole[0] >= 0
    assert whole[2] <= made.page.width
    # Beside the words there are but rules.
    assert (bare < 100).mean() < 0.3 * (gray < 100).mean() + 0.02
    text = " ".join(word.text for word in made.page.words)
    assert {"tax invoice": "공급가액", "receipt": "과세물품가액", "statement": "거래명세서"}[
        made.kind
    ] in text
