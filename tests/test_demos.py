"""Every example runs as its first lines say."""

import subprocess
import sys
from pathlib import Path

from vlkit.data.samples import SAMPLE_PDF, SAMPLE_PNG

DEMOS = Path(__file__).parents[1] / "demos"


def run(name: str, *arguments: object) -> str:
    command = [sys.executable, str(DEMOS / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_unsure_words() -> None:
    assert "words are worth a look" in run("unsure_words.py", SAMPLE_PNG)


def test_tables_to_csv(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "note.pdf").write_bytes(SAMPLE_PDF.read_bytes())
    run("tables_to_csv.py", folder, tmp_path / "out")
    assert "Jeonju" in (tmp_path / "out" / "note-1.csv").read_text()


def test_passages() -> None:
    assert "1.1 Sales" in run("passages.py", SAMPLE_PDF)


def test_every_demo_is_tested() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{demo.name}"' in source for demo in DEMOS.glob("*.py"))
