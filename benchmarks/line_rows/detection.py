"""Which lines our reader is given: those of RapidOCR's bundled detector, or those of our own
segmentation of the page, which needs no model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.line_rows import documents
from benchmarks.line_rows.pages import KOREAN, example_of, families, read_pages, score_rows
from benchmarks.line_rows.run import LeftOut, Run
from benchmarks.line_rows.scores import OURS
from benchmarks.readings import pixels_of
from benchmarks.table import Row
from vlkit.document import Line
from vlkit.evaluation.reading import ReadingExample, read_examples
from vlkit.images import PageImage, Pixels
from vlkit.reading.engines.lines import Lines
from vlkit.reading.engines.regions import Region
from vlkit.reading.engines.strips import top_to_bottom
from vlkit.reading.lines import TextLine, segment
from vlkit.reading.orientation import to_gray

SEGMENTED = "our segmentation's lines"
ROOM = 0.1
"""White around a segment, in its heights, as the detector leaves it: of 0, .1, .2 and .3 what read
most of eight forms."""


def detection_rows(run: Run) -> Iterator[Row]:
    """Forms and Korean documents by the engine ``lines``, on lines found either way."""
    if run.data is None:
        raise LeftOut("VLKIT_DATA names no folder")
    if run.model is None:
        raise LeftOut("there is no model")
    forms = read_examples(run.data / "funsd")[:: run.forms]
    drawn = [documents.document(number, families()) for number in range(run.pages)]
    yield from _compare(run, "FUNSD", forms, [pixels_of(form) for form in forms])
    pictures = [each.pixels for each in drawn]
    yield from _compare(
        run, "Korean documents", [example_of(each.page) for each in drawn], pictures
    )


def _compare(
    run: Run, on: str, examples: Sequence[ReadingExample], pictures: Sequence[Pixels]
) -> Iterator[Row]:
    found = {
        OURS: read_pages(Lines(run.folder), KOREAN, pictures),
        SEGMENTED: read_pages(OnSegments(run.folder), KOREAN, pictures),
    }
    yield from score_rows(f"{on}, lines of the detector", examples, found, SEGMENTED)


class OnSegments:
    """The engine ``lines`` on what our segmentation finds."""

    name = Lines.name
    version = Lines.version

    def __init__(self, folder: Path) -> None:
        self.reader = Lines(folder)

    def languages(self) -> frozenset[str]:
        return self.reader.languages()

    def recognise(self, image: PageImage, languages: Sequence[str]) -> list[Line]:
        regions = [_region(line) for line in segment(to_gray(image.pixels)).lines]
        return top_to_bottom(self.reader.read(image, regions, languages))


def _region(line: TextLine) -> Region:
    x0, y0, x1, y1 = line.box
    room = ROOM * (y1 - y0)
    width, height = x1 - x0 + 2 * room, y1 - y0 + 2 * room
    return Region((x0 + x1) / 2, (y0 + y1) / 2, width, height, 0.0)
