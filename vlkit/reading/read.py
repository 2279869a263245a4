"""Reading one source: ``vlkit.read``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

from vlkit.document import Document, Page, Source
from vlkit.errors import VlkitError
from vlkit.images import PageImage
from vlkit.layout.finish import finish
from vlkit.reading.options import Pages, ReadOptions, read_options
from vlkit.reading.pipeline import Pipeline, failed_page
from vlkit.reading.recognise import Recognise, languages_of, ocr_engine
from vlkit.reading.stages import Engine, Stage, load_document_stage, load_engine, load_stage
from vlkit.reading.text_layer import judge
from vlkit.sources import Readable, lasting, name_of, open_source


def read(
    source: Readable,
    *,
    engine: str = "auto",
    lang: str | Iterable[str] | None = None,
    pages: Pages = None,
    password: str | None = None,
    allow_remote: bool = False,
    entities: str | Path | None = None,
    on_page: Callable[[Page], None] | None = None,
) -> Document:
    """Read a picture or PDF into a document.

    Args:
        source: A path, an address, bytes, a binary file, a PIL image or an array
            ([H, W] or [H, W, 3 or 4]). The document keeps what was read, for ``overlay`` and
            PDF: of a stream that can't be read again, its bytes.
        on_page: Called with every page as it is done, to show progress.
        engine, lang, pages, password, allow_remote, entities: See ``ReadOptions``. Several
            languages may be a list, and pages a number or a list of them.

    Returns:
        The document. A page that could not be read is there, with its ``error`` set.

    Raises:
        VlkitError: The source as a whole can't be read, or an engine, a language, a model or a
            page range that was asked for does not exist, or is no name or range at all.
    """
    options = read_options(engine, lang, pages, password, allow_remote, entities)
    reader = Reader(options)
    done = []
    kept = lasting(source, options.limits)
    with open_source(
        kept,
        password=password,
        pages=options.pages,
        allow_remote=allow_remote,
        limits=options.limits,
    ) as opened:
        for page in reader.pages(opened):
            done.append(page)
            if on_page:
                on_page(page)
    name, _ = name_of(source)
    return reader.finish(Document(name=name, pages=done)).with_source(kept, password)


class Reader:
    """Reads pages with engines that are loaded once.

    Raises:
        UnknownName: An engine, stage or model of the options does not exist.
        CheckpointError: A model of the options can't be opened.
        MissingDependency: Nothing here reads the languages of the options.
    """

    def __init__(self, options: ReadOptions) -> None:
        self.options = options
        self.languages = languages_of(options.engine, options.lang)
        self.text_engine: Engine | None = None
        if options.engine in ("auto", "pdf-text"):
            # Its OCR engine is chosen on the first page that needs one: a PDF whose text layer
            # is sound can be read in languages that no engine here knows.
            self.text_engine = load_engine("pdf-text")
        else:
            _ = self.ocr
        self.document_stages = (
            [load_document_stage("entities", options.entities)] if options.entities else []
        )

    @cached_property
    def ocr(self) -> Engine:
        return ocr_engine(self.options.engine, self.languages)

    @cached_property
    def _other_stages(self) -> dict[str, Stage]:
        return {name: load_stage(name) for name in self.options.stages if name != "recognise"}

    def pages(self, images: Iterable[PageImage | VlkitError]) -> Iterable[Page]:
        """Read each page; one that could not be opened becomes a page with an error."""
        for number, image in enumerate(images, 1):
            if isinstance(image, VlkitError):
                yield failed_page(image.page or number, image)
            else:
                yield self.page(image)

    def finish(self, document: Document) -> Document:
        """Complete a document whose pages were read; a stage that fails costs what it finds."""
        document = finish(document)
        for stage in self.document_stages:
            try:
                document = stage(document)
            except Exception as error:  # as a page's stage does
                trouble = f"stage '{stage.name}' failed: {error}"
                for page in document.pages:
                    page.warnings.append(trouble)
            else:
                for page in document.pages:
                    page.stages.append(Source(name=stage.name, version=stage.version))
        return document

    def page(self, image: PageImage) -> Page:
        """Read a page. An unsound text layer is taken off the image, for all stages to come."""
        engine, warning = self._choose(image)
        if engine is not self.text_engine:
            image.text_layer = None
        stages = [
            Recognise(engine, self.languages) if name == "recognise" else self._other_stages[name]
            for name in self.options.stages
        ]
        page = Pipeline(stages)(image)
        page.warnings += [warning] if warning else []
        return page

    def _choose(self, image: PageImage) -> tuple[Engine, str]:
        """Who reads the page, and a warning where no one reads it well."""
        if self.text_engine and self.options.engine == "pdf-text":
            return self.text_engine, ""
        if self.text_engine and image.text_layer:
            verdict = judge(image, lambda: self.ocr, self.languages)
            if verdict.sound:
                return self.text_engine, ""
            if not verdict.readable:
                return self.text_engine, (
                    f"the text layer is {verdict.kind} ({verdict.reason}) and was kept: "
                    f"its letters are not those of '{'+'.join(self.languages)}'. Name its language"
                )
        return self.ocr, ""
