"""Lines of text drawn for training and measuring readers, Korean and English."""

from vlkit.data.rendered.characters import HANGUL, OTHERS, normalise
from vlkit.data.rendered.lines import LineRenderer, LineSettings, RenderedLine
from vlkit.data.rendered.wear import HEIGHT

__all__ = [
    "HANGUL",
    "HEIGHT",
    "OTHERS",
    "LineRenderer",
    "LineSettings",
    "RenderedLine",
    "normalise",
]
