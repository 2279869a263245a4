"""Reference outputs, where they are at hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tests.golden import compare  # noqa: E402

SCRIPT = Path(__file__).with_name("golden.py")
FOLDER = os.environ.get("VLKIT_GOLDEN")


@pytest.mark.skipif(not FOLDER, reason="VLKIT_GOLDEN names no folder")
def test_models_reproduce_the_originals() -> None:
    done = subprocess.run([sys.executable, SCRIPT, FOLDER], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " ok" in done.stdout


def test_a_folder_without_references_is_no_success(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no *.safetensors" in done.stderr


def test_nothing_wrong_passes_as_equal() -> None:
    one = torch.ones(2)
    assert compare("same", one, one).ok
    assert not compare("far", one, one + 2e-5).ok
    assert not compare("another shape", one, torch.ones(3)).ok
    assert not compare("not a number", one * torch.nan, one).ok
    assert not compare("another id", torch.tensor([1]), torch.tensor([2])).ok
