"""docTR as one more alternative, where it is installed: ``benchmarks.reading --with doctr``.

Nothing is downloaded: its weights are taken from where docTR itself keeps them.
"""

from __future__ import annotations

import os
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.readings import Kept, Read
from vlkit.errors import MissingDependency
from vlkit.images import Pixels

DETECTION, RECOGNITION = "fast_base", "crnn_vgg16_bn"
"""What docTR's ``ocr_predictor`` takes by default."""


def load_doctr() -> tuple[str, Read]:
    """docTR as it comes: its name with its version, and what reads with it.

    Raises:
        MissingDependency: The package or its weights are not here.
    """
    finder, reader = models()
    for model in (finder, reader):
        model.from_pretrained(str(kept_weights(model.cfg["url"])))
    return f"docTR {version('python-doctr')}", partial(read, predictor(finder, reader))


def models() -> tuple[Any, Any]:
    """docTR's detection and recognition models, with random weights."""
    try:
        from doctr.models import detection, recognition
    except ImportError as error:
        raise MissingDependency(
            f"docTR can't be imported ({error})",
            remedy="Install it: pip install python-doctr (it brings torch)",
        ) from error
    builders = getattr(detection, DETECTION), getattr(recognition, RECOGNITION)
    finder, reader = (build(pretrained=False, pretrained_backbone=False) for build in builders)
    return finder, reader


def kept_weights(address: str) -> Path:
    """Where docTR keeps what it downloads from there.

    Raises:
        MissingDependency: It is not there.
    """
    cache = Path(os.environ.get("DOCTR_CACHE_DIR") or Path.home() / ".cache" / "doctr")
    path = cache / "models" / address.rpartition("/")[2].partition("&")[0]
    if not path.is_file():
        raise MissingDependency(
            "docTR's weights are not here, and are not downloaded by a benchmark",
            remedy="Where there is a network, run `python -c 'from doctr.models import "
            "ocr_predictor as o; o(pretrained=True)'`; or carry the file here",
            file=path,
        )
    return path


def predictor(finder: Any, reader: Any) -> Any:
    """What ``ocr_predictor`` makes of its default models."""
    from doctr.models import ocr_predictor
    from doctr.models.detection import reparameterize

    return ocr_predictor(reparameterize(finder), reader)


def read(predict: Any, pixels: Pixels) -> list[Kept]:
    """The words of an RGB page; docTR gives their boxes as shares of its width and height."""
    height, width = pixels.shape[:2]
    (page,) = predict([pixels]).pages
    words = []
    for word in (word for block in page.blocks for line in block.lines for word in line.words):
        (x0, y0), (x1, y1) = word.geometry
        box = [float(v) for v in (x0 * width, y0 * height, x1 * width, y1 * height)]
        if word.value.strip():
            confidence = min(max(float(word.confidence), 0.0), 1.0)
            words.append({"text": word.value, "box": box, "confidence": confidence})
    return words
