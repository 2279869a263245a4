"""`vlkit eval fields`: what is asked for, of which words, and how right values are counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.labelled_toys import FORM, put, put_picture, put_receipt
from vlkit.data.labelled import read_labelled
from vlkit.errors import InputError
from vlkit.extraction import evaluate as room
from vlkit.extraction.evaluate import evaluate_fields
from vlkit.reading.evaluate_entities import Job


@pytest.fixture
def receipts(tmp_path: Path) -> Path:
    key = {"company": "MR. DIY SDN BHD", "date": "05/03/2018", "total": "12.50"}
    put_receipt(tmp_path, "one", **key)
    put_receipt(tmp_path, "two", **key | {"date": "06/03/2018"})
    return tmp_path


def test_values_of_gold_words_are_scored(receipts: Path) -> None:
    result = evaluate_fields("rules", receipts, boxes="words")
    assert result.counts == {"documents": 2, "skipped": 0, "fields": 6}
    assert result.note == "Words are the gold ones."
    # the second receipt's date is not what is printed on it
    assert 0 < result.metrics["exact_match"] <= 5 / 6
    assert {"coverage_at_98", "ece"} <= result.metrics.keys()


def test_the_schema_in_the_folder_says_what_is_asked_for(receipts: Path) -> None:
    put(
        receipts / "schema.json",
        {"type": "object", "properties": {"date": {"type": "string", "format": "date"}}},
    )
    result = evaluate_fields("rules", receipts, boxes="words")
    assert result.metrics["exact_match"] == pytest.approx(1 / 6)


def test_pictures_are_read_where_there_are_any(
    receipts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = {each.pictures: each.document for each in read_labelled(receipts).documents}
    seen = []

    def read(self: Job, pictures: tuple[Path, ...]) -> object:
        seen.append(pictures)
        return documents[pictures]

    monkeypatch.setattr(room.Job, "read", read)
    result = evaluate_fields("rules", receipts)
    assert len(seen) == 2
    assert result.note == "Words are read from the pictures."


def test_what_has_no_fields_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "annotations/form.json", {"form": FORM})
    put_picture(tmp_path / "images/form.png")
    with pytest.raises(InputError, match="no fields"):
        evaluate_fields("rules", tmp_path)
    with pytest.raises(InputError, match="no boxes of segments"):
        evaluate_fields("rules", tmp_path, boxes="segments")
