"""Random pages: what holds for every seed."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlkit.data.pages import Typeset
from vlkit.data.random_pages import (
    random_business_page,
    random_document,
    random_table_page,
    random_text_page,
)
from vlkit.data.typefaces import families_in
from vlkit.data.vocabulary import TABLES, Language
from vlkit.document import Block, Box

LANGUAGES: list[Language] = ["eng", "kor", "heb"]
MAKERS = [random_document, random_table_page, random_text_page, random_business_page]


def overlap(first: Box, second: Box) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(0.0, width) * max(0.0, height)


def check(made: Typeset) -> None:
    """Ids, links, places: nothing off the page, nothing on top of something else."""
    items = [item for page in made.truth.pages for item in page.items]
    ids = [item.id for item in items]
    assert len(set(ids)) == len(ids)
    for item in items:
        links = [item.continues] if isinstance(item, Block) else [item.caption]
        assert all(link in ids for link in links if link)
    for page in made.truth.pages:
        for word in page.words:
            assert 0 < word.box[0] < word.box[2] < page.width, word
            assert 0 < word.box[1] < word.box[3] < page.height, word
        for first, second in combinations(page.items, 2):
            assert overlap(first.box, second.box) < 1.0, (first, second)
        for first, second in combinations(page.words, 2):
            assert overlap(first.box, second.box) < 1.0, (first.text, second.text)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(LANGUAGES), st.sampled_from(MAKERS))
def test_nothing_lies_off_the_page_or_on_something_else(
    seed: int, language: Language, make: type
) -> None:
    check(make(seed, language))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_tables_cover_their_grid(seed: int, spans: bool) -> None:
    made = random_table_page(seed, spans=spans)
    for page in made.truth.pages:
        for table in page.tables:
            covered = Counter(
                (cell.row + r, cell.column + c)
                for cell in table.cells
                for r in range(cell.row_span)
                for c in range(cell.column_span)
            )
            assert set(covered.values()) == {1}
            assert len(covered) == table.rows * table.columns


def test_tables_across_pages_go_on() -> None:
    for seed in range(8):
        made = random_table_page(seed, across_pages=True)
        parts = [table for page in made.truth.pages for table in page.tables]
        assert len(parts) >= 2
        assert all(part.continues for part in parts[1:])


@pytest.mark.parametrize("make", MAKERS)
def test_seeds_decide(make: type) -> None:
    assert make(5, "kor").to_pdf() == make(5, "kor").to_pdf()
    assert make(5).truth != make(6).truth


def test_documents_vary_in_everything_that_readers_stumble_over() -> None:
    made = [random_document(seed) for seed in range(60)]
    roles = Counter(
        block.role for each in made for page in each.truth.pages for block in page.blocks
    )
    assert set(roles) == {
        "paragraph",
        "title",
        "heading",
        "list_item",
        "caption",
        "footnote",
        "header",
        "footer",
        "page_number",
    }
    pages = [page for each in made for page in each.truth.pages]
    assert any(page.tables for page in pages)
    assert any(page.figures for page in pages)
    assert any(block.continues for page in pages for block in page.blocks)
    assert {block.level for page in pages for block in page.blocks} >= {1, 2, 3}


def test_naive_order_is_wrong_on_columns() -> None:
    """Sorting from top to bottom must not give the truth's order by itself."""
    for seed in range(5):
        page = random_document(seed, columns=2).truth.pages[0]
        naive = sorted(page.lines, key=lambda line: (round(line.box[1]), line.box[0]))
        assert [line.text for line in naive] != [line.text for line in page.lines]


def test_other_fonts_by_folder() -> None:
    folder = Path("/usr/share/fonts/truetype/nanum")
    if not folder.exists():
        pytest.skip("the Nanum fonts are not installed")
    family = families_in(folder)["NanumMyeongjo"]
    made = random_business_page(1, "kor", families=[family], font_size=14)
    assert {word.font for word in made.truth.words} <= {
        "NanumMyeongjo",
        "NanumMyeongjoBold",
        "VlkitSans-Regular",
        "VlkitSans-Bold",
    }
    assert 14 in {word.font_size for word in made.truth.words}


def test_every_slot_of_the_vocabulary_can_be_filled() -> None:
    made = {"number", "percent", "amount", "date"}
    for language in LANGUAGES:
        lists = TABLES[language]
        for pattern in lists["sentence"]:
            slots = {part.split("}")[0] for part in pattern.split("{")[1:]}
            assert slots <= made | set(lists)
        assert len(set(lists["sentence"])) == len(lists["sentence"])
    assert sum(len(entries) for entries in TABLES["eng"].values()) > 200
    assert sum(len(entries) for entries in TABLES["kor"].values()) > 150
