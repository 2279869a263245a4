"""Crops of scans: what is cut out, what of it is learnt from, and folds that share nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tests.scans import COMPANIES, write_scans
from vlkit.data import crops
from vlkit.data.crops import Crop, CropSettings, choose_crops
from vlkit.data.rendered import OTHERS
from vlkit.document import Word
from vlkit.errors import DamagedInput, InputError
from vlkit.onnx import Alphabet

ALPHABET = Alphabet(OTHERS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scans(tmp_path_factory.mktemp("scans"))


def word(text: str, x: float, y: float) -> Word:
    return Word(text=text, box=(x, y, x + 20, y + 10))


def crop(text: str = "Total", box=(20, 20, 80, 36), *, cased: bool = True) -> Crop:
    page = np.random.default_rng(0).integers(0, 256, (60, 120), dtype=np.uint8)
    return Crop(page, box, text, "a", 0, cased)


def test_no_company_is_in_two_folds() -> None:
    companies = [str(Random(i).randrange(40)) for i in range(200)]
    folds = crops.company_folds(companies)
    assert len(set(zip(companies, folds, strict=True))) == len(set(companies))
    assert set(folds) == set(range(crops.FOLDS))


def test_lines_of_a_segment() -> None:
    segment = [
        word("a", 0, 0),
        word("b", 25, 3),
        word("c", 50, 1),
        word("d", 0, 12),
        word("e", 25, 14),
    ]
    found = [[word.text for word in line] for line in crops.on_one_line(segment)]
    assert found == [["a", "b", "c"], ["d", "e"]]


@pytest.mark.parametrize(
    ("first", "second", "gap", "sure"),
    [
        ("Name", "of", 0, True),
        ("6.", "382", 1, False),
        ("6.", "382", 4, True),
        ("CAT-", "A", 1, False),
        ("$", "5", 0, False),
    ],
)
def test_spaces_are_sure_between_letters_or_where_wide(
    first: str, second: str, gap: int, sure: bool
) -> None:
    assert crops.spaces_are_sure([word(first, 0, 0), word(second, 20 + gap, 0)]) is sure


def test_what_is_cut_is_the_box_and_some_of_the_page() -> None:
    whole = crop()
    np.testing.assert_array_equal(whole.cut(0, 0, 0, 0), whole.page[20:36, 20:80])
    np.testing.assert_array_equal(whole.cut(1, 0.5, 0.25, 0), whole.page[12:36, 4:84])
    assert crop(box=(0, 0, 120, 60)).pixels.shape == (60, 120)  # not beyond the page


def test_each_part_of_a_set_is_there_once(folder: Path) -> None:
    settings = CropSettings(folder)
    found = list(crops.training_crops(settings))
    of_forms = [each.text for each in found if each.document == "form0"]
    # Words, then a line of two; the lines of one word are among the words.
    assert of_forms == ["Total", "Date:", "AMOUNT", "Total", "Total Date:"]
    assert [each.text for each in found if each.document == "receipt1"] == [
        "BETA",
        "TOTAL 12.50",
        "CASH",
    ]
    for each in found:
        assert each.cased == each.document.startswith("form")
        assert each.cut(0, 0, 0, 0).min() < 100  # there is ink
    only = [each.text for each in crops.training_crops(replace(settings, sets=("sroie",)))]
    assert only == [each.text for each in found if not each.cased]


@pytest.mark.parametrize("fold", range(crops.FOLDS))
def test_nothing_is_learnt_of_a_document_that_is_measured(folder: Path, fold: int) -> None:
    chosen = choose_crops(CropSettings(folder, without_fold=fold), ALPHABET)
    learnt = {each.document for each in chosen.learnt}
    measured = {each.document for each in chosen.measured}
    assert learnt
    assert measured
    assert not learnt & measured
    # Receipts of one company, whose name is not always written alike.
    same = {f"receipt{i}" for i, name in enumerate(COMPANIES) if name.startswith("ALPHA")}
    assert len(same) == 2
    assert same <= learnt or same <= measured
    every = choose_crops(CropSettings(folder), ALPHABET)
    assert len(every.learnt) == len(chosen.learnt) + len(chosen.measured)
    assert every.measured == ()


def test_folds_are_those_of_the_benchmark(folder: Path) -> None:
    chosen = choose_crops(CropSettings(folder, without_fold=2), ALPHABET)
    sets = (crops.funsd_words, crops.funsd_lines, crops.sroie_lines)
    measured = {each.document for every in sets for each in every(folder) if each.fold == 2}
    assert {each.document for each in chosen.measured} == measured


def test_what_nothing_can_be_learnt_from_is_named() -> None:
    assert crops.unfit(crop(), ALPHABET) is None
    upright = crops.unfit(crop("12345678", (20, 5, 32, 55)), ALPHABET)
    assert upright
    assert "too narrow" in upright
    assert "'ж'" in str(crops.unfit(crop("Totaж"), ALPHABET))
    assert crops.unfit(crop(".", (20, 20, 22, 22)), ALPHABET) == "too few pixels"


def test_a_crop_is_varied_by_its_number_alone() -> None:
    one, again, other = (crops.varied(crop(), Random(seed)) for seed in ("1", "1", "2"))
    np.testing.assert_array_equal(one.pixels, again.pixels)
    assert one.pixels.shape[0] == other.pixels.shape[0] == 32
    assert one.pixels.shape != other.pixels.shape or (one.pixels != other.pixels).any()


def test_texts_of_unknown_case_are_in_capitals() -> None:
    assert crops.varied(crop("Total"), Random(0)).text == "Total"
    uncased = crops.varied(crop("Total", cased=False), Random(0))
    assert (uncased.text, uncased.cased) == ("TOTAL", False)


@pytest.mark.parametrize("box", [(50, 30, 50, 45), (0, 0, 120, 60), (118, 2, 150, 70)])
def test_odd_boxes_can_be_varied(box) -> None:
    found = [crops.varied(crop("l", box), Random(seed)) for seed in range(40)]
    assert all(each.pixels.shape[0] == 32 and each.pixels.shape[1] for each in found)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"share": 0.0}, "share is 0.0"),
        ({"share": 1.5}, "share is 1.5"),
        ({"without_fold": 5}, "from 0 to 4"),
        ({"without_fold": -1}, "from 0 to 4"),
        ({"sets": ()}, "sets"),
        ({"sets": ("funsd", "funsd")}, "sets"),
    ],
)
def test_settings_that_can_not_be(wrong, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CropSettings(Path(), **wrong)


def test_a_folder_without_crops_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        choose_crops(CropSettings(tmp_path), ALPHABET)
    write_scans(tmp_path / "one", forms=1)
    with pytest.raises(InputError, match="no crops are left"):
        choose_crops(CropSettings(tmp_path / "one", ("funsd",), without_fold=0), ALPHABET)
    (tmp_path / "one/sroie/key/receipt0.json").unlink()
    with pytest.raises(DamagedInput, match="company"):
        choose_crops(CropSettings(tmp_path / "one"), ALPHABET)


def test_real_crops_fit() -> None:
    if "VLKIT_DATA" not in os.environ:
        pytest.skip("needs VLKIT_DATA")
    chosen = choose_crops(CropSettings(Path(os.environ["VLKIT_DATA"]), without_fold=0), ALPHABET)
    assert len(chosen.skipped) < 0.005 * len(chosen.learnt)
    assert 0.1 < len(chosen.measured) / len(chosen.learnt) < 0.4
    assert not {c.document for c in chosen.learnt} & {c.document for c in chosen.measured}
    for number, each in enumerate(crops.sample(chosen.learnt, 300)):
        line = crops.varied(each, Random(number))
        assert ALPHABET.encode(line.text)
        assert line.pixels.shape[0] == 32
