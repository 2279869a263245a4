"""The neutral harness for anyone's Markdown or JSON."""

from pathlib import Path

import pytest

from vlkit.errors import DamagedInput, InputError
from vlkit.evaluation.parse import (
    pair_files,
    parse_markdown,
    read_parsed,
    score_parse,
    summarise,
)

PAGE = """# A title

First paragraph with **bold** and a [link](x).

- one
- two
  - nested

| a | b |
|---|---|
| 1 | 2 |

Last words.
"""
HTML_TABLE = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"


def test_markdown_is_taken_apart_into_text_and_tables() -> None:
    parsed = parse_markdown(PAGE)
    assert parsed.texts == [
        "A title",
        "First paragraph with bold and a link.",
        "one",
        "two",
        "nested",
        "Last words.",
    ]
    assert len(parsed.tables) == 1


def test_the_same_page_scores_perfectly_whatever_the_markup() -> None:
    other = PAGE.replace("# A title", "A title\n=======").replace("**bold**", "bold")
    start, end = other.index("| a"), other.index("Last")
    other = other[:start] + HTML_TABLE + "\n\n" + other[end:]
    figures = summarise([score_parse(parse_markdown(PAGE), parse_markdown(other))])
    assert figures == {"edit_distance": 0, "order_distance": 0, "teds": 1, "teds_s": 1}


def test_wrong_order_and_wrong_text_cost_what_they_should() -> None:
    truth = parse_markdown("first piece\n\nsecond part\n\nthird thing\n")
    swapped = parse_markdown("second part\n\nfirst piece\n\nthird thing\n")
    figures = summarise([score_parse(truth, swapped)])
    assert figures["order_distance"] == pytest.approx(2 / 3)
    typo = parse_markdown("first piece\n\nsecond pant\n\nthird thing\n")
    figures = summarise([score_parse(truth, typo)])
    assert figures["order_distance"] == 0
    assert figures["edit_distance"] == pytest.approx(1 / len("first piece second part third thing"))


def test_missed_and_made_up_tables_count_as_wrong() -> None:
    truth, empty = parse_markdown(PAGE), parse_markdown("nothing")
    assert summarise([score_parse(truth, empty)])["teds"] == 0
    assert summarise([score_parse(empty, truth)])["teds"] == 0


def test_files_pair_by_stem(tmp_path: Path) -> None:
    truth, answers = tmp_path / "truth", tmp_path / "answers"
    for folder in (truth, answers):
        folder.mkdir()
    (truth / "a.md").write_text(PAGE)
    (truth / "b.md").write_text(PAGE)
    (answers / "a.md").write_text(PAGE)
    assert pair_files(truth, answers) == [
        (truth / "a.md", answers / "a.md"),
        (truth / "b.md", None),
    ]
    with pytest.raises(InputError, match="no truth for 'c'"):
        pair_files(truth, answers, ["c"])


def test_json_of_docling_is_read(tmp_path: Path) -> None:
    docling = pytest.importorskip("docling_core.types.doc.document", reason="extra docling")
    document = docling.DoclingDocument(name="page")
    document.add_text(label="paragraph", text="Words that Docling found.")
    path = tmp_path / "page.json"
    path.write_text(document.model_dump_json())
    assert read_parsed(path).texts == ["Words that Docling found."]


def test_json_that_is_no_document_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.json"
    path.write_text("{broken")
    with pytest.raises(DamagedInput, match="no JSON"):
        read_parsed(path)
