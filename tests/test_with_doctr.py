"""docTR beside vlkit in the words' rows: what it lacks is said, what it reads is placed right."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vlkit.data.pages import Paragraph, Style, typeset


def test_without_doctr_the_run_says_what_to_do_and_goes_on(tmp_path: Path) -> None:
    result = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks.reading", "--with", "doctr"]
    kept = {name: value for name, value in os.environ.items() if name != "VLKIT_DATA"}
    done = subprocess.run(
        [*command, "--only", "words", "--json", str(result)],
        capture_output=True,
        text=True,
        check=False,
        env={**kept, "DOCTR_CACHE_DIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    installed = importlib.util.find_spec("doctr")
    wanted = "ocr_predictor" if installed else "pip install python-doctr"
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("without docTR:"))
    assert wanted in line
    assert result.is_file()
    assert not list(tmp_path.rglob("*.pt")), "nothing is downloaded"


def test_words_of_the_real_package_stand_on_the_page() -> None:
    """With random weights it reads rubbish, but at places that its detection gives."""
    pytest.importorskip("doctr")
    import torch

    from benchmarks.with_doctr import models, predictor, read

    torch.manual_seed(0)
    predict = predictor(*models())
    after = predict.det_predictor.model.postprocessor
    after.bin_thresh = after.box_thresh = 0.0  # random weights are sure of nothing
    page = np.asarray(typeset([Paragraph("Some words")], Style()).to_image(0, dpi=50))
    height, width = page.shape[:2]
    words = read(predict, page)
    assert words
    for word in words:
        x0, y0, x1, y1 = word["box"]
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert word["text"].strip()
        assert 0 <= word["confidence"] <= 1
    assert max(word["box"][2] for word in words) > 1, "in pixels, not in shares"
