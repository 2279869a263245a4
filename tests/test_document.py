"""Documents: stored, loaded, saved under any suffix, and never half written."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from export_samples import awkward_documents, rich_document
from hypothesis import given, settings
from hypothesis import strategies as st
from random_documents import documents

from vlkit.document import (
    SCHEMA_VERSION,
    Block,
    Document,
    Table,
    apply_affine,
    compose,
    export_formats,
    invert,
)
from vlkit.errors import InputError, OutputError, UnknownName
from vlkit.files import write_atomically

OLD = Path(__file__).parent / "data" / "schema" / "version-0.json"


@settings(max_examples=30, deadline=None)
@given(documents)
def test_json_loads_back_equal(document: Document) -> None:
    assert Document.from_json(document.to_json()) == document


@settings(max_examples=25, deadline=None)
@given(documents)
def test_every_text_format_takes_any_document(document: Document) -> None:
    for name in ("md", "html", "csv", "hocr", "alto", "page"):
        content = document.export(name)
        for part in content if isinstance(content, list) else [content]:
            assert isinstance(part, str)
            part.encode()
    document.chunks(50)


@pytest.mark.parametrize("name", awkward_documents())
def test_json_of_awkward_documents(name: str) -> None:
    document = awkward_documents()[name]
    assert Document.from_json(document.to_json()) == document


def test_source_is_not_content() -> None:
    document = rich_document()
    assert document.with_source("scan.png") == rich_document()
    assert "scan.png" not in document.to_json()
    assert document != Document(pages=[])


def test_old_version_is_migrated() -> None:
    document = Document.load(OLD)
    assert document.schema_version == SCHEMA_VERSION
    heading, table = document.pages[0].items
    assert isinstance(heading, Block)
    assert heading.text == "Ships"
    assert next(heading.words).confidence == 0.75
    assert isinstance(table, Table)
    assert document.pages[1].items == []


def test_newer_version_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "new.json"
    path.write_text(json.dumps({"schema_version": SCHEMA_VERSION + 1, "pages": []}))
    with pytest.raises(InputError, match="Update vlkit") as caught:
        Document.load(path)
    assert caught.value.file == str(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"schema_version": "1"}',
        '{"schema_version": 1}',
        '{"schema_version": 1, "pages": [{"number": 0}]}',
        '{"schema_version": 1, "pages": [], "surprise": 1}',
        '{"schema_version": 0, "pages": [1]}',
        '{"schema_version": 0, "pages": 1}',
        "[" * 100_000,
        b"\xff\xfe{",
    ],
)
def test_what_is_no_document_is_refused(text: str | bytes) -> None:
    with pytest.raises(InputError):
        Document.from_json(text)


def test_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.json"):
        Document.load(tmp_path / "gone.json")


@pytest.mark.parametrize(
    ("file", "start"),
    [
        ("a.md", "# The Harbour"),
        ("a.html", "<!DOCTYPE html>"),
        ("a.json", "{"),
        ("a.HOCR", "<?xml"),
        ("a.hocr.html", "<?xml"),
        ("a.alto", "<?xml"),
        ("v1.2.alto.xml", "<?xml"),
    ],
)
def test_suffix_says_the_format(tmp_path: Path, file: str, start: str) -> None:
    written = rich_document().save(tmp_path / file)
    assert written == [tmp_path / file]
    assert written[0].read_text(encoding="utf-8").startswith(start)
    assert listing(tmp_path) == [file]


def test_formats_of_one_page_or_table_a_file_are_numbered(tmp_path: Path) -> None:
    document = rich_document()
    assert [path.name for path in document.save(tmp_path / "scan.page.xml")] == [
        "scan-1.page.xml",
        "scan-2.page.xml",
    ]
    assert [path.name for path in document.save(tmp_path / "v1.0.csv")] == [
        "v1.0-1.csv",
        "v1.0-2.csv",
    ]
    document.pages = document.pages[:1]
    assert [path.name for path in document.save(tmp_path / "one.csv")] == ["one.csv"]
    document.pages = []
    assert document.save(tmp_path / "none.csv") == []
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize("file", ["a.docx", "a", ".md5", "a.alto.docx", "a.xml"])
def test_unknown_suffix_lists_the_known(tmp_path: Path, file: str) -> None:
    with pytest.raises(UnknownName, match="hocr"):
        rich_document().save(tmp_path / file)
    with pytest.raises(UnknownName, match="Did you mean 'html'"):
        rich_document().export("htm")
    assert set(export_formats()) >= {"md", "html", "json", "csv", "hocr", "alto", "page", "pdf"}


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.md"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left") as caught:
        rich_document().save(path)
    assert caught.value.file == str(path)
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["a.md"]


def test_second_of_two_failing_writes_neither(tmp_path: Path, monkeypatch) -> None:
    sync, calls = os.fsync, []

    def full_later(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full_later)
    with pytest.raises(OutputError):
        rich_document().save(tmp_path / "a.page.xml")
    assert listing(tmp_path) == []


def test_disk_that_fills_up_while_writing(tmp_path: Path) -> None:
    """A real limit on file size, in a process of its own: the write itself comes up short."""
    program = textwrap.dedent(
        """
        import resource, signal, sys
        from pathlib import Path
        from vlkit.errors import OutputError
        from vlkit.files import write_atomically
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        try:
            write_atomically(Path(sys.argv[1]), bytes(1_000_000))
        except OutputError as error:
            print(error)
        """
    )
    path = tmp_path / "big.pdf"
    path.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert "big.pdf: the file can't be written" in done.stdout
    assert path.read_bytes() == b"old"
    assert listing(tmp_path) == ["big.pdf"]


def test_no_folder_and_folder_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Check that the folder exists"):
        rich_document().save(tmp_path / "no" / "a.md")
    (tmp_path / "a.md").mkdir()
    with pytest.raises(OutputError):
        rich_document().save(tmp_path / "a.md")
    assert listing(tmp_path) == ["a.md"]


def test_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    write_atomically(path, b"1")
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    path.chmod(0o640)
    write_atomically(path, b"2")
    assert path.stat().st_mode & 0o777 == 0o640


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


maps = st.tuples(*[st.floats(-5, 5) for _ in range(6)]).filter(
    lambda m: abs(m[0] * m[3] - m[1] * m[2]) > 0.1
)


@given(maps, maps, st.tuples(st.floats(-99, 99), st.floats(-99, 99)))
def test_affine_maps(first, then, point) -> None:
    chained = apply_affine(then, apply_affine(first, point))
    assert apply_affine(compose(first, then), point) == pytest.approx(chained, abs=1e-6)
    assert apply_affine(invert(first), apply_affine(first, point)) == pytest.approx(point, abs=1e-6)


def test_an_error_shows_place_and_remedy_in_a_repr() -> None:
    error = InputError("it is empty", remedy="Get it again", file="a.png", page=2)
    assert repr(error) == "InputError('a.png, page 2: it is empty. Get it again.')"
