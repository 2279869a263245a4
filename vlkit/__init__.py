"""vlkit reads documents, offline, and trains the models that do it.

>>> document = vlkit.read("scan.pdf", lang="kor+eng")
>>> document.to_markdown()
>>> document.pages[0].words[0].quad
>>> document.save("scan.hocr")
>>> vlkit.extract("receipt.jpg", schema="receipt.schema.json").data
>>> model = vlkit.load("photos-clip/")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlkit.document import Block, Cell, Document, Figure, Line, Page, Table, Word
    from vlkit.errors import VlkitError
    from vlkit.extraction.extract import extract
    from vlkit.models import load
    from vlkit.reading.batch import read_many
    from vlkit.reading.read import read

__version__ = "0.1.0"

__all__ = [
    "Block",
    "Cell",
    "Document",
    "Figure",
    "Line",
    "Page",
    "Table",
    "VlkitError",
    "Word",
    "__version__",
    "extract",
    "load",
    "read",
    "read_many",
]

_HOMES = {
    "Block": "vlkit.document",
    "Cell": "vlkit.document",
    "Document": "vlkit.document",
    "Figure": "vlkit.document",
    "Line": "vlkit.document",
    "Page": "vlkit.document",
    "Table": "vlkit.document",
    "VlkitError": "vlkit.errors",
    "Word": "vlkit.document",
    "extract": "vlkit.extraction.extract",
    "load": "vlkit.models",
    "read": "vlkit.reading.read",
    "read_many": "vlkit.reading.batch",
}


def __getattr__(name: str) -> object:
    # Names load when they are used, so that `import vlkit` costs next to nothing.
    if name not in _HOMES:
        raise AttributeError(f"module 'vlkit' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
