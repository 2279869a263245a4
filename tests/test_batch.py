"""Many files: each failure on its own, killed runs that go on, the same result as one by one."""

import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import vlkit
from vlkit.data.pages import PageBreak, Paragraph, Style, Title, typeset
from vlkit.document import Document
from vlkit.errors import DamagedInput, InputError, OutputError, UnknownName
from vlkit.reading.batch import read_many


def pdf(name: str, pages: int = 1) -> bytes:
    elements = []
    for number in range(1, pages + 1):
        elements += [Title(f"{name}, page {number}"), Paragraph("Plain words."), PageBreak()]
    return typeset(elements[:-1], Style()).to_pdf()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("in")
    paths = [folder / "long.pdf", folder / "broken.pdf", folder / "short.pdf"]
    for path, content in zip(
        paths, (pdf("long", 9), b"%PDF-1.7 and nothing", pdf("short")), strict=True
    ):
        path.write_bytes(content)
    return paths


def test_every_page_of_every_file_comes_back_in_order(files: list[Path]) -> None:
    expected: dict[str, int] = {}
    seen: list[str] = []
    results = {
        Path(result.path).name: result
        for result in read_many(
            files,
            engine="pdf-text",
            workers=2,
            on_pages=expected.__setitem__,
            on_page=seen.append,
        )
    }
    assert isinstance(results["broken.pdf"].error, DamagedInput)
    assert str(files[1]) in str(results["broken.pdf"].error)
    long = results["long.pdf"].document
    assert long is not None
    assert [page.number for page in long.pages] == list(range(1, 10))
    for page in long.pages:
        assert f"page {page.number}" in page.text
    assert expected == {str(files[0]): 9, str(files[2]): 1}
    assert sorted(seen) == sorted([str(files[0])] * 9 + [str(files[2])])


def test_side_by_side_gives_what_one_by_one_gives(files: list[Path]) -> None:
    for result in read_many([files[0], files[2]], engine="pdf-text", workers=2):
        assert result.document == vlkit.read(result.path, engine="pdf-text")


def test_pages_and_page_ranges(files: list[Path]) -> None:
    found = read_many(files, engine="pdf-text", pages="2-3,9-")
    results = {Path(r.path).name: r for r in found}
    long = results["long.pdf"].document
    assert long is not None
    assert [page.number for page in long.pages] == [2, 3, 9]
    assert isinstance(results["short.pdf"].error, InputError)


def test_what_is_wrong_with_the_options_is_said_once_and_at_once(files: list[Path]) -> None:
    with pytest.raises(UnknownName, match="engine 'pdf-test'"):
        read_many(files, engine="pdf-test")
    with pytest.raises(InputError, match="runs backwards"):
        read_many(files, pages="3-1")


def test_a_folder_and_a_file_twice_are_read_once(files: list[Path]) -> None:
    folder = files[0].parent
    paths = [str(files[2]), f"{folder}/./short.pdf", files[2]]
    assert len(list(read_many(paths, engine="pdf-text"))) == 1
    assert len(list(read_many(folder, engine="pdf-text", pages="1"))) == 3


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.pdf").write_bytes(pdf(f"file {number}"))
    program = Path(sys.executable).with_name("vlkit")
    command = [program, "read", folder, "--output", out, "--engine", "pdf-text"]
    run = subprocess.Popen(
        [*map(str, command), "--workers", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while run.poll() is None and len(list(out.glob("*.md"))) < 3:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    whole = {path: path.read_bytes() for path in out.glob("*.md")}
    assert all(b"Plain words." in content for content in whole.values())

    results = list(read_many(sorted(folder.iterdir()), engine="pdf-text", output=out))
    assert len(results) == 12
    assert all(result.complete for result in results)
    assert sum(result.skipped for result in results) >= 1
    assert len(list(out.glob("*.md"))) == 12
    for path, content in whole.items():
        assert path.read_bytes() == content


def test_a_full_disk_costs_the_file_that_did_not_fit(files: list[Path], tmp_path: Path) -> None:
    code = f"""
import resource, signal
from pathlib import Path
from vlkit.reading.batch import read_many

if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
    paths = {[str(files[0]), str(files[2])]!r}
    for result in read_many(paths, engine="pdf-text", output={str(tmp_path / "out")!r},
                            formats=["json"], workers=1):
        print(Path(result.path).name, type(result.error).__name__)
"""
    script = tmp_path / "run.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert set(done.stdout.splitlines()) == {
        f"long.pdf {OutputError.__name__}",
        "short.pdf NoneType",
    }, done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir() if "journal" not in path.name} == {
        "short.json",
        "vlkit-read.jsonl",
    }
    assert Document.load(tmp_path / "out" / "short.json").pages


@pytest.mark.parametrize("awaited", ["*", "*.md"], ids=["as workers start", "under way"])
def test_ctrl_c_ends_the_run_and_says_how_to_go_on(tmp_path: Path, awaited: str) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.pdf").write_bytes(pdf(f"file {number}"))
    program = Path(sys.executable).with_name("vlkit")
    command = [program, "read", folder, "--output", out, "--engine", "pdf-text", "--workers", "2"]
    run = subprocess.Popen(
        [*map(str, command)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Tests that run in a shell's background inherit that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while run.poll() is None and not list(out.glob(awaited)):
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "Run the same command again to go on" in said
    assert "Traceback" not in said


def test_a_script_without_its_guard_is_told_so(files: list[Path], tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(f"import vlkit\nlist(vlkit.read_many({str(files[2])!r}))\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "worker processes can't start" in done.stderr
    assert "__main__" in done.stderr


def test_an_address_is_fetched_once(files: list[Path]) -> None:
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            asked.append(str(args[0]))

        def translate_path(self, path: str) -> str:
            return str(files[0].parent / Path(path).name)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/long.pdf"
        (result,) = read_many([address], engine="pdf-text", allow_remote=True)
        server.shutdown()
    assert result.document is not None
    assert len(result.document.pages) == 9
    assert result.document.name == "long.pdf"
    assert result.document.source == address
    assert len(asked) == 1
