"""Names of results, and the journal that lets a stopped run go on."""

import os
from pathlib import Path

import pytest

from vlkit.document import Document, Page
from vlkit.errors import OutputError
from vlkit.reading.options import ReadOptions
from vlkit.reading.output import Journal, Output, output_names, write_outputs


def test_names_drop_what_all_inputs_share() -> None:
    names = output_names(["/in/a/x.pdf", "/in/b/x.pdf", "/in/b/c/y.png"])
    assert list(names.values()) == ["a/x", "b/x", "b/c/y"]
    assert list(output_names(["/in/a/x.pdf"]).values()) == ["x"]


def test_inputs_that_differ_by_suffix_keep_it() -> None:
    names = output_names(["/in/x.pdf", "/in/x.png", "/in/y.png"])
    assert list(names.values()) == ["x.pdf", "x.png", "y"]


def test_names_with_dots_and_addresses() -> None:
    names = output_names(["/in/v1.2 final.pdf", "https://host/deep/x.pdf"])
    assert len(set(names.values())) == 2
    assert names["/in/v1.2 final.pdf"].endswith("v1.2 final")


def journal(folder: Path, lang: str = "eng", formats: tuple[str, ...] = ("md",)) -> Journal:
    return Journal(Output(folder, formats), ReadOptions(lang=lang))


def test_what_is_done_is_known_to_the_next_run(tmp_path: Path) -> None:
    source, result = tmp_path / "in.png", tmp_path / "out" / "in.md"
    source.write_bytes(b"picture")
    first = journal(result.parent)
    assert first.done(str(source)) is None
    result.write_text("text")
    first.begin(str(source), "in")
    first.add(str(source), [str(result)])
    assert journal(result.parent).done(str(source)) == [str(result)]
    assert journal(result.parent, "kor").done(str(source)) is None
    assert journal(result.parent, formats=("md", "json")).done(str(source)) is None


def test_a_changed_input_or_a_lost_result_is_read_again(tmp_path: Path) -> None:
    source, result = tmp_path / "in.png", tmp_path / "out" / "in.md"
    source.write_bytes(b"picture")
    first = journal(result.parent)
    result.write_text("text")
    first.begin(str(source), "in")
    first.add(str(source), [str(result)])
    os.utime(source, ns=(1, 1))
    assert journal(result.parent).done(str(source)) is None
    first.begin(str(source), "in")
    first.add(str(source), [str(result)])
    assert journal(result.parent).done(str(source)) == [str(result)]
    result.unlink()
    assert journal(result.parent).done(str(source)) is None


def test_a_line_cut_short_by_a_killed_process_is_passed_over(tmp_path: Path) -> None:
    source, result = tmp_path / "in.png", tmp_path / "out" / "in.md"
    source.write_bytes(b"picture")
    first = journal(result.parent)
    result.write_text("text")
    first.begin(str(source), "in")
    first.add(str(source), [str(result)])
    first.begin("/some/where/else.png", "else")
    os.truncate(first.path, first.path.stat().st_size - 9)
    again = journal(result.parent)
    assert again.done(str(source)) == [str(result)]
    again.begin("other.png", "other")
    assert journal(result.parent).done(str(source)) == [str(result)]


def test_another_inputs_result_is_not_replaced(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "x.png", tmp_path / "b" / "x.png"
    for path in (first, second):
        path.parent.mkdir()
        path.write_bytes(b"picture")
    out = journal(tmp_path / "out")
    result = tmp_path / "out" / "x.md"
    result.write_text("text")
    out.begin(str(first), "x")
    out.add(str(first), [str(result)])
    again = journal(tmp_path / "out")
    assert again.taken(str(first), "x") is None
    error = again.taken(str(second), "x")
    assert isinstance(error, OutputError)
    assert str(first) in str(error)


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="output folder can't be used"):
        journal(tmp_path / "out")


def test_a_result_replaces_no_file_of_the_user(tmp_path: Path) -> None:
    source = tmp_path / "scan.pdf"
    source.write_bytes(b"document")
    error = journal(tmp_path, formats=("pdf",)).taken(str(source), "scan")
    assert isinstance(error, OutputError)
    assert "a file that vlkit did not write" in str(error)
    assert journal(tmp_path, formats=("md",)).taken(str(source), "scan") is None


def test_inputs_beside_and_above_stay_in_the_output_folder() -> None:
    for name in output_names(["/in/a/../x.pdf", "/in/y.png", "/other/deep/z.png"]).values():
        assert ".." not in Path(name).parts
        assert not Path(name).is_absolute()


def test_a_run_killed_between_writing_and_noting_may_write_again(tmp_path: Path) -> None:
    source = tmp_path / "in" / "scan.png"
    source.parent.mkdir()
    source.write_bytes(b"picture")
    out = journal(tmp_path / "out")
    out.begin(str(source), "scan")
    (tmp_path / "out" / "scan.md").write_text("written, but not noted")
    again = journal(tmp_path / "out")
    assert again.done(str(source)) is None
    assert again.taken(str(source), "scan") is None


def test_numbered_results_of_one_input_are_not_those_of_another() -> None:
    names = output_names(["/in/s.tif", "/in/s-1.png", "/in/t-1.png"])
    assert list(names.values()) == ["s", "s-1.png", "t-1"]


def test_the_output_folder_may_be_spelled_otherwise_and_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.png"
    source.write_bytes(b"picture")
    monkeypatch.chdir(tmp_path)
    first = journal(Path("out"))
    first.begin("in.png", "in")
    (tmp_path / "out" / "in.md").write_text("text")
    first.add("in.png", ["out/in.md"])
    assert journal(tmp_path / "out").done(str(source)) == [str(tmp_path / "out" / "in.md")]
    (tmp_path / "out").rename(tmp_path / "moved")
    assert journal(tmp_path / "moved").done("in.png") == [str(tmp_path / "moved" / "in.md")]


def test_a_journal_of_rubbish_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / Journal.FILE).write_bytes(b"\xff\xfe\x00\nnull\n{}\n[1]\n")
    assert journal(tmp_path).done("in.png") is None


def test_no_password_shapes_the_journal(tmp_path: Path) -> None:
    lines = []
    for password in ("1234", "5678"):
        folder = tmp_path / password
        kept = Journal(Output(folder), ReadOptions(password=password))
        kept.begin("https://host/a.pdf", "a")
        kept.add("https://host/a.pdf", [])
        lines.append((folder / Journal.FILE).read_text())
    assert lines[0] == lines[1]


def part_formats(folder: Path) -> Journal:
    return journal(folder, formats=("md", "csv", "page"))


def in_the_way(folder: Path, name: str = "/in/scan.pdf") -> set[str]:
    return {Path(path).name for path in part_formats(folder).parts_of_others(name, "scan")}


def test_parts_of_others_are_known_before_anything_is_written(tmp_path: Path) -> None:
    for name in ("scan-1.csv", "scan-02.page.xml", "scan-1.md", "scan-a.csv", "other-1.csv"):
        (tmp_path / name).write_text("mine")
    assert in_the_way(tmp_path) == {"scan-1.csv", "scan-02.page.xml"}
    assert journal(tmp_path).parts_of_others("/in/scan.pdf", "scan") == {}, "Markdown is whole"


def test_parts_of_its_own_may_be_replaced_and_those_of_others_not(tmp_path: Path) -> None:
    first = part_formats(tmp_path)
    first.begin("/in/scan.pdf", "scan")
    (tmp_path / "scan-1.csv").write_text("written, but not noted: the run was killed")
    assert in_the_way(tmp_path) == set()
    first.add("/in/scan.pdf", [str(tmp_path / "scan-1.csv")])
    assert in_the_way(tmp_path) == set()
    assert in_the_way(tmp_path, "/elsewhere/scan.pdf") == {"scan-1.csv"}
    (tmp_path / "scan-2.csv").write_text("put there since")
    assert in_the_way(tmp_path) == {"scan-2.csv"}


def test_a_part_in_the_way_keeps_all_formats_from_being_written(tmp_path: Path) -> None:
    document = Document(pages=[Page(number=n, width=9, height=9) for n in (1, 2)])
    wanted = Output(tmp_path, ("md", "page"))
    in_way = {str(tmp_path / "scan-2.page.xml"): None}
    with pytest.raises(OutputError, match="did not write"):
        write_outputs(document, wanted, "scan", in_way)
    assert not list(tmp_path.iterdir())
    single = Document(pages=document.pages[:1])
    written = write_outputs(single, wanted, "scan", in_way)
    assert [Path(path).name for path in written] == ["scan.md", "scan.page.xml"]


def test_two_inputs_of_one_run_never_share_a_place(tmp_path: Path) -> None:
    run = journal(tmp_path)
    run.begin("-", "stdin")
    assert run.taken("/in/stdin", "stdin") is not None


def test_a_link_that_leads_nowhere_is_a_file_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "scan.md").symlink_to(tmp_path / "gone")
    assert journal(tmp_path).taken("/in/scan.pdf", "scan") is not None


def test_the_standard_input_is_called_stdin_and_always_read(tmp_path: Path) -> None:
    assert output_names(["-", "/in/a/x.png", "/in/b/y.png"]) == {
        "-": "stdin",
        "/in/a/x.png": "a/x",
        "/in/b/y.png": "b/y",
    }
    assert output_names(["-"]) == {"-": "stdin"}
    run = journal(tmp_path)
    run.begin("-", "stdin")
    (tmp_path / "stdin.md").write_text("text")
    run.add("-", [str(tmp_path / "stdin.md")])
    assert journal(tmp_path).done("-") is None
    assert journal(tmp_path).taken("-", "stdin") is None
