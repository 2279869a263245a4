"""The text layer of a PDF page as an engine."""

from __future__ import annotations

from collections.abc import Sequence

from vlkit.document import Line, Source
from vlkit.errors import EngineError
from vlkit.images import PageImage


class PdfText:
    """Takes the words that the PDF itself carries; needs no recognition and knows all languages.

    A page's hidden text (a scan's invisible OCR layer) counts where the page shows no other.
    """

    name = "pdf-text"
    version = "1"

    def languages(self) -> frozenset[str]:
        """Empty: no language is asked for, none is refused."""
        return frozenset()

    def recognise(self, image: PageImage, languages: Sequence[str]) -> list[Line]:
        """The lines in page coordinates, top to bottom; none on an empty PDF page.

        Raises:
            EngineError: The page is a picture.
        """
        if image.text_layer is None:
            raise EngineError(
                "a picture has no text layer",
                remedy="Read it with --engine auto",
                page=image.number,
            )
        content = image.text_layer.content
        source = Source(name=self.name, version=self.version)
        return [_signed(line, source) for line in content.lines + content.hidden]


def _signed(line: Line, source: Source) -> Line:
    words = [word.model_copy(update={"source": source}) for word in line.words]
    return line.model_copy(update={"words": words})
