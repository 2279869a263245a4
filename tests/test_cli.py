"""The command line as a user meets it: output, messages, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlkit.data.pages import Paragraph, Style, TableSpec, Title, simple_table, typeset
from vlkit.document import Document


def vlkit(
    *arguments: object, cwd: Path | None = None, stdin: Path = Path(os.devnull)
) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("vlkit")), *map(str, arguments)]
    with stdin.open("rb") as file:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=cwd, stdin=file
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two PDFs with a text layer, a picture, and four things that can't be read."""
    folder = tmp_path_factory.mktemp("in")
    for name in ("one", "two"):
        page = typeset(
            [Title(f"Number {name}"), Paragraph("Some plain words stand here.")], Style()
        )
        (folder / f"{name}.pdf").write_bytes(page.to_pdf())
    small = typeset([Paragraph("Picture words")], Style()).to_image(0, dpi=100)
    Image.fromarray(np.asarray(small)).save(folder / "three.png")
    (folder / "text.png").write_text("this is no picture\n" * 20)
    (folder / "empty.pdf").write_bytes(b"")
    (folder / "cut.pdf").write_bytes((folder / "one.pdf").read_bytes()[:300])
    return folder


def test_one_file_is_printed(folder: Path) -> None:
    done = vlkit("read", folder / "one.pdf")
    assert done.returncode == 0, done.stderr
    assert "Number one" in done.stdout
    assert "Some plain words stand here." in done.stdout


def test_the_standard_input_is_read(folder: Path, tmp_path: Path) -> None:
    printed = vlkit("read", "-", "--to", "json", stdin=folder / "one.pdf")
    assert printed.returncode == 0, printed.stderr
    document = Document.from_json(printed.stdout)
    assert document.name == "stdin"
    assert "Number one" in document.text

    formats = ["--to", "md,pdf,overlay"]
    done = vlkit("read", "-", *formats, "--output", tmp_path, stdin=folder / "one.pdf")
    assert done.returncode == 0, done.stderr
    assert "Number one" in (tmp_path / "stdin.md").read_text()
    assert (tmp_path / "stdin.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "stdin.overlay.png").is_file()

    failed = vlkit("read", "-", stdin=folder / "cut.pdf")
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: standard input: ")


def test_a_folder_is_read_and_what_fails_is_told(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = vlkit("read", folder, "--to", "md,json", "--output", out)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    for name in ("text.png", "empty.pdf", "cut.pdf"):
        assert sum(name in line and "error" in line for line in done.stderr.splitlines()) == 1
    written = {path.name for path in out.iterdir()}
    assert {"one.md", "one.json", "two.md", "three.md", "three.json"} <= written
    assert not [name for name in written if name.startswith(("text", "empty", "cut", "."))]
    document = Document.load(out / "one.json")
    assert document.pages[0].words
    assert Document.from_json(document.to_json()) == document

    before = {path: path.stat().st_mtime_ns for path in out.iterdir() if path.suffix == ".md"}
    again = vlkit("read", folder, "--to", "md,json", "--output", out)
    assert again.returncode == 3
    assert again.stderr.count("done before") == 3
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_nothing_read_is_exit_code_1(folder: Path, tmp_path: Path) -> None:
    for arguments in (
        [folder / "text.png"],
        [tmp_path / "missing.pdf"],
        [folder / "one.pdf", "--engine", "rapidcor"],
        [folder / "three.png", "--lang", "tlh"],
        [folder / "one.pdf", "--to", "docx"],
        [folder / "one.pdf", "--to", "md,json"],
        ["http://localhost:1/a.pdf"],
        [folder / "one.pdf", "--pages", "9"],
    ):
        done = vlkit("read", *arguments)
        assert done.returncode == 1, (arguments, done.stdout, done.stderr)
        assert "error" in done.stderr
        assert "Traceback" not in done.stderr


def test_errors_say_what_to_do(folder: Path) -> None:
    assert "Did you mean 'rapidocr'?" in vlkit("read", folder, "--engine", "rapidcor").stderr
    assert "vlkit doctor" in vlkit("read", folder / "three.png", "--lang", "tlh").stderr
    assert "--allow-remote" in vlkit("read", "http://localhost:1/a.pdf").stderr


def test_doctor_names_every_engine() -> None:
    done = vlkit("doctor")
    assert done.returncode == 0
    for name in ("rapidocr", "tesseract", "pdf-text"):
        assert f"engine {name}" in done.stdout


def test_eval_writes_its_result(folder: Path, tmp_path: Path) -> None:
    truth, answers, result = tmp_path / "truth", tmp_path / "answers", tmp_path / "result.json"
    for place in (truth, answers):
        place.mkdir()
        (place / "page.md").write_text("# Title\n\nWords.\n")
    done = vlkit("eval", "parse", answers, "--data", truth, "--json", result)
    assert done.returncode == 0, done.stderr
    written = json.loads(result.read_text())
    assert written["metrics"]["edit_distance"] == 0
    assert written["counts"] == {"documents": 1, "missing": 0}
    assert "eval parse" in written["command"]
    assert vlkit("eval", "prase", answers, "--data", truth).returncode == 1


def test_eval_measures_tables_against_html(tmp_path: Path) -> None:
    html = "<table><tr><td>Name</td><td>Price</td></tr><tr><td>Tea</td><td>12</td></tr></table>"
    spec = TableSpec(simple_table([["Name", "Price"], ["Tea", "12"]]))
    (tmp_path / "menu.pdf").write_bytes(typeset([spec], Style()).to_pdf())
    (tmp_path / "menu.html").write_text(html)
    result = tmp_path / "result.json"
    done = vlkit("eval", "tables", "pdf-text", "--data", tmp_path, "--json", result)
    assert done.returncode == 0, done.stderr
    assert json.loads(result.read_text())["metrics"]["teds"] == pytest.approx(1)


def test_eval_of_real_data(tmp_path: Path) -> None:
    folder = os.environ.get("VLKIT_DATA")
    if not folder:
        pytest.skip("needs VLKIT_DATA")
    data = Path(folder) / "funsd"
    done = vlkit("eval", "reading-order", "order", "--data", data)
    assert done.returncode == 0, done.stderr
    assert "relation_f1" in done.stdout
    assert "pages 149" in done.stdout
