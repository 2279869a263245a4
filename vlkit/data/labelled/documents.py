"""Documents of which entities, links and fields are known, and sets of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from vlkit.data.crops import FOLDS, company_folds
from vlkit.document import Box, Document, Entity, Field, Page, Place, Word, box_union, join_words
from vlkit.errors import DamagedInput, InputError, VlkitError


class WordAt(NamedTuple):
    """A word of a document: its page's number, from 1, and its index in that page's words."""

    page: int
    word: int


@dataclass(frozen=True)
class LabelledField:
    """A value of a document, by name.

    Attributes:
        value: As annotated; what is printed may differ in case, spaces and format.
        words: Where it stands; none where it was not found. They may hold more than the value,
            as ``Date:19/10/2018`` does.
        row: Of fields that come once for each line of goods: which of them, from 0.
    """

    name: str
    value: str
    words: tuple[WordAt, ...]
    row: int | None = None


@dataclass(frozen=True)
class LabelledDocument:
    """A document and what is known of it.

    Attributes:
        pages: With entities, and relations between them; an entity's id is the document's own.
            A block of a page is a segment as the set has it, and its line's box the segment's.
        pictures: Of the pages, where there are any.
        group: Documents of a group look alike and belong into one fold.
    """

    name: str
    pages: tuple[Page, ...]
    fields: tuple[LabelledField, ...] = ()
    pictures: tuple[Path, ...] = ()
    group: str = ""

    @property
    def document(self) -> Document:
        """With the fields' places."""
        fields = [
            Field(name=field.name, value=field.value, text=self._text(field), places=places)
            for field in self.fields
            for places in [list(self._places(field))]
        ]
        return Document(name=self.name, pages=list(self.pages), fields=fields)

    def word(self, at: WordAt) -> Word:
        return self.pages[at.page - 1].words[at.word]

    def _text(self, field: LabelledField) -> str:
        return join_words(self.word(at) for at in field.words)

    def _places(self, field: LabelledField) -> Iterator[Place]:
        for number in sorted({at.page for at in field.words}):
            boxes = [self.word(at).box for at in field.words if at.page == number]
            yield Place(page=number, box=box_union(boxes))


@dataclass(frozen=True)
class LabelledSet:
    """Documents labelled alike.

    Attributes:
        labels: All that an entity of the set may have.
        skipped: Why documents are missing.
    """

    documents: tuple[LabelledDocument, ...]
    labels: tuple[str, ...]
    skipped: tuple[VlkitError, ...] = ()

    @property
    def not_found(self) -> Counter[str]:
        """How often a field's value was found nowhere in its document, by name."""
        fields = (field for document in self.documents for field in document.fields)
        return Counter(field.name for field in fields if not field.words)


def folds(documents: Sequence[LabelledDocument], count: int = FOLDS) -> list[int]:
    """A fold for each document, of so many, as for crops: the same for all of a group."""
    return company_folds([document.group or document.name for document in documents], count)


def with_fields_as_entities(
    document: LabelledDocument, names: Iterable[str] | None = None
) -> LabelledDocument:
    """The document with its fields for entities, and without links.

    Args:
        names: Only these fields; all by default.

    Raises:
        InputError: A field of that name is nowhere in the document.
    """
    known = {field.name for field in document.fields}
    wanted = known if names is None else set(names)
    if unknown := sorted(wanted - known):
        raise InputError(
            f"there is no field '{unknown[0]}'",
            remedy=f"Known: {', '.join(sorted(known)) or 'none'}",
            file=document.name,
        )
    pages = []
    for page in document.pages:
        words = page.words
        entities = [
            entity(f"f{number}", field.name, indices, words)
            for number, field in enumerate(document.fields)
            if field.name in wanted
            and (indices := [at.word for at in field.words if at.page == page.number])
        ]
        pages.append(page.model_copy(update={"entities": entities, "relations": []}))
    return replace(document, pages=tuple(pages))


def entity(name: str, label: str, indices: Sequence[int], words: Sequence[Word]) -> Entity:
    """An entity of these words of a page."""
    its = [words[index] for index in indices]
    return Entity(
        id=name,
        label=label,
        text=join_words(its),
        words=list(indices),
        box=box_union(word.box for word in its),
    )


# Reading


class Annotation(BaseModel):
    """A part of an annotation file; what else stands there is left alone."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


Content = TypeVar("Content", bound=Annotation)


def parse(kind: type[Content], path: Path) -> Content:
    """An annotation file's content.

    Raises:
        InputError: The file can't be read.
        DamagedInput: It is no JSON, or not of that kind; it names the place.
    """
    return validated(kind, load(path), path)


def load(path: Path) -> object:
    """A JSON file's content.

    Raises:
        InputError: The file can't be read.
        DamagedInput: It is no JSON.
    """
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the file can't be read: {error.strerror or error}", file=path) from error
    except (ValueError, RecursionError) as error:
        raise DamagedInput(f"not a readable annotation ({error})", file=path) from error
    return content


def validated(kind: type[Content], content: object, path: Path) -> Content:
    """A file's content as what it should be.

    Raises:
        DamagedInput: It is something else; it names the place.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise DamagedInput(
            f"not a readable annotation: {where}: {first['msg']}", file=path
        ) from error


def read_each(
    folder: Path,
    files: Iterable[Path],
    read: Callable[[Path], LabelledDocument],
    labels: tuple[str, ...],
    names: Iterable[str] | None,
) -> LabelledSet:
    """The documents of annotation files, by name.

    Args:
        read: Gives a file's document; an error of vlkit's, or a picture that can't be opened,
            costs that document alone.
        names: Only those of these names; all by default.

    Raises:
        InputError: None of that name, or none that could be read.
    """
    found = {path.stem: path for path in sorted(files)}
    chosen = sorted(found) if names is None else list(names)
    if missing := [name for name in chosen if name not in found]:
        raise InputError(f"no annotation named '{missing[0]}'", file=folder)
    documents: list[LabelledDocument] = []
    skipped: list[VlkitError] = []
    for name in chosen:
        try:
            documents.append(read(found[name]))
        except VlkitError as error:
            skipped.append(error.at(file=found[name]))
        except OSError as error:
            skipped.append(DamagedInput(f"its picture can't be read ({error})", file=found[name]))
    return labelled_set(folder, documents, labels, skipped)


def labelled_set(
    folder: Path,
    documents: Sequence[LabelledDocument],
    labels: tuple[str, ...],
    skipped: Sequence[VlkitError],
) -> LabelledSet:
    """The set.

    Raises:
        InputError: It holds no document.
    """
    if not documents:
        if skipped:
            raise skipped[0]
        raise InputError("there are no labelled documents here", file=folder)
    return LabelledSet(tuple(documents), labels, tuple(skipped))


def picture_of(folder: Path, name: str) -> tuple[Path, ...]:
    """The picture of that name in the folder, whatever its suffix, if there is one."""
    found = (folder / f"{name}{suffix}" for suffix in (".png", ".jpg", ".jpeg", ".tif"))
    return tuple(path for path in found if path.is_file())[:1]


def checked_box(box: Sequence[float], width: float, height: float, what: str) -> Box:
    """A box, cut off at the page's edge as its pixels would be.

    Raises:
        InputError: It has no area, or lies off the page.
    """
    x0, y0, x1, y1 = box
    if not (x1 > x0 and y1 > y0):  # also of what is no number
        raise InputError(f"{what} has a box without area: {tuple(box)}")
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        raise InputError(f"{what} lies off the page of {width:g} x {height:g}: {tuple(box)}")
    return (max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height))


def checked_label(label: str, labels: Sequence[str], what: str) -> str:
    """The label in the set's spelling.

    Raises:
        InputError: It is none of the set's.
    """
    known = {each.casefold(): each for each in labels}
    if label.casefold() not in known:
        raise InputError(
            f"{what} has the label '{label}'", remedy=f"The set's are: {', '.join(labels)}"
        )
    return known[label.casefold()]
