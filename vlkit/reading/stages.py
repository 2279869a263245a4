"""What a reading stage and a recognition engine are, and where they are found."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from vlkit.document import Document, Line, Page
from vlkit.errors import UnknownName
from vlkit.images import PageImage


@runtime_checkable
class Stage(Protocol):
    """One step of reading a page.

    Between stages the page is upright: whoever runs them turns the picture as soon as a stage
    sets ``page.rotation`` or ``page.skew``, and maps every box back to the page as given at
    the end. A stage returns the page that it was given, changed, or a new one.
    """

    name: str
    version: str

    def __call__(self, image: PageImage, page: Page) -> Page: ...


@runtime_checkable
class DocumentStage(Protocol):
    """One step over a whole document, for what may go on from page to page.

    It runs when all pages are read and laid out, so that no word moves any more, and boxes are on
    the pages as given. It is made with the name or the folder of the model that it runs.
    """

    name: str

    @property
    def version(self) -> str: ...

    def __call__(self, document: Document) -> Document: ...


@runtime_checkable
class Engine(Protocol):
    """Finds and reads the text of an upright page.

    Attributes:
        name, version: Written into every word's ``source``.
    """

    name: str

    @property
    def version(self) -> str: ...

    def languages(self) -> frozenset[str]:
        """Codes that can be read here and now, as Tesseract spells them (``eng``, ``kor``)."""
        ...

    def recognise(self, image: PageImage, languages: Sequence[str]) -> list[Line]:
        """Lines in page coordinates, with words, quads and calibrated confidence, top to bottom.

        Raises:
            EngineError: The engine failed on this page.
            MissingDependency: A program, package or language data file is missing.
        """
        ...


def load_engine(name: str) -> Engine:
    """The engine of that name, from the entry points ``vlkit.engines``."""
    found = entry_points(group="vlkit.engines")
    if name not in found.names:
        raise UnknownName("engine", name, [*found.names, "auto"])
    engine: Engine = found[name].load()()
    return engine


def load_stage(name: str) -> Stage:
    """The stage of that name, from the entry points ``vlkit.stages``."""
    found = entry_points(group="vlkit.stages")
    if name not in found.names:
        raise UnknownName("stage", name, [*found.names, "recognise"])
    stage: Stage = found[name].load()()
    return stage


def load_document_stage(name: str, model: str) -> DocumentStage:
    """The stage of that name, from the entry points ``vlkit.document_stages``, with its model."""
    found = entry_points(group="vlkit.document_stages")
    if name not in found.names:
        raise UnknownName("stage", name, found.names)
    stage: DocumentStage = found[name].load()(model)
    return stage
