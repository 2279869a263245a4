"""A small set of captioned pictures on disk, as ``vlkit.data.captions`` reads it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def noise(count: int) -> list[np.ndarray]:
    """Pictures of 48 × 40 pixels, no two alike."""
    draw = np.random.default_rng(0)
    return [draw.integers(0, 255, (40, 48, 3), np.uint8) for _ in range(count)]


def write_photos(folder: Path, pictures: Iterable[np.ndarray], captions: Sequence[str]) -> Path:
    """``images/0.png`` and so on, and ``captions.tsv``; ``{n}`` in a caption is the number."""
    (folder / "images").mkdir(parents=True)
    lines = []
    for n, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / "images" / f"{n}.png")
        lines += [f"{n}.png\t{caption.format(n=n)}" for caption in captions]
    (folder / "captions.tsv").write_text("\n".join(lines))
    return folder
