"""The stage that finds entities and links between them."""

from __future__ import annotations

from vlkit.document import Document
from vlkit.entities.model import EntityModel, folder_of
from vlkit.onnx import usual_threads


class Entities:
    """Runs a model on whole documents, since links may lead from page to page.

    Args:
        model: Its name on a shelf, or its folder.

    Raises:
        UnknownName: There is none of that name.
        CheckpointError: It is damaged, or is no model for entities.
    """

    name = "entities"

    def __init__(self, model: str) -> None:
        self.model = EntityModel.open(folder_of(model), threads=usual_threads())

    @property
    def version(self) -> str:
        source = self.model.source
        return f"{source.name} {source.version}"

    def __call__(self, document: Document) -> Document:
        return self.model.mark(document)
