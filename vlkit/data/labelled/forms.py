"""Forms: FUNSD as it was published, its revision EC-FUNSD, and XFUND.

Of FUNSD and XFUND each segment is an entity; what is labelled ``other`` is none. EC-FUNSD's
segments are lines as an engine would read them, and entities run over as many as they need:
scores on it and on FUNSD do not compare. Words that nobody could read are written ``<unk>`` in
EC-FUNSD and stay words, since some entities hold nothing else; FUNSD's without text are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from PIL import Image

from vlkit.data.labelled.documents import (
    Annotation,
    LabelledDocument,
    LabelledSet,
    checked_label,
    entity,
    labelled_set,
    load,
    parse,
    picture_of,
    read_each,
    validated,
)
from vlkit.data.labelled.segments import (
    Laid,
    Piece,
    Segment,
    Size,
    Spanned,
    check_distinct,
    lay_out,
    links,
    spanned_page,
)
from vlkit.document import Entity, Page
from vlkit.errors import InputError, VlkitError

FORM_LABELS = ("header", "question", "answer")
XFUND_LANGUAGES = ("zh", "ja", "es", "fr", "it", "de", "pt")

_OTHER = "other"


class _Form(Annotation):
    form: list[Segment]


class _XfundForm(Annotation):
    id: str
    document: list[Segment]
    img: Size


class _XfundFile(Annotation):
    documents: list[_XfundForm]


def read_forms(folder: Path, names: Iterable[str] | None = None) -> LabelledSet:
    """FUNSD's or EC-FUNSD's forms, as their files are.

    Args:
        folder: With ``annotations/*.json``, and ``images/*.png``, which EC-FUNSD can do without.
        names: Only these forms; all by default.

    Raises:
        InputError: No such form, or none that could be read.
    """

    def read(path: Path) -> LabelledDocument:
        pictures = picture_of(folder / "images", path.stem)
        content = load(path)
        if not (isinstance(content, dict) and "form" in content):
            page = _spanned_page(validated(Spanned, content, path))
        elif pictures:
            page = _form_page(validated(_Form, content, path).form, *_size(pictures[0]))
        else:
            raise InputError("the annotation has no picture beside it")
        return LabelledDocument(path.stem, (page,), pictures=pictures)

    return read_each(folder, (folder / "annotations").glob("*.json"), read, FORM_LABELS, names)


def read_xfund(folder: Path, names: Iterable[str] | None = None) -> LabelledSet:
    """XFUND's forms out of its files ``LANGUAGE.train.json`` and ``LANGUAGE.val.json``.

    Args:
        folder: With the files and, if they are wanted, the pictures ``LANGUAGE_train_0.jpg``.
        names: Only these forms, such as ``zh_train_0``; all by default.

    Raises:
        InputError: No such form, or none that could be read.
    """
    documents: list[LabelledDocument] = []
    skipped: list[VlkitError] = []
    wanted = None if names is None else set(names)
    seen: set[str] = set()
    for path in _xfund_files(folder):
        try:
            forms = parse(_XfundFile, path).documents
        except VlkitError as error:
            skipped.append(error)
            continue
        for form in forms:
            seen.add(form.id)
            if wanted is not None and form.id not in wanted:
                continue
            try:
                page = _form_page(form.document, form.img.width, form.img.height)
            except VlkitError as error:
                skipped.append(
                    InputError(f"{form.id}: {error.problem}", remedy=error.remedy, file=path)
                )
                continue
            pictures = picture_of(folder, form.id)
            documents.append(LabelledDocument(form.id, (page,), pictures=pictures))
    if wanted is not None and wanted - seen and not skipped:
        raise InputError(f"no form named '{min(wanted - seen)}'", file=folder)
    return labelled_set(folder, documents, FORM_LABELS, skipped)


def _xfund_files(folder: Path) -> list[Path]:
    parts = [f"{language}.{part}.json" for language in XFUND_LANGUAGES for part in ("train", "val")]
    return [path for name in parts if (path := folder / name).is_file()]


def _size(picture: Path) -> tuple[float, float]:
    with Image.open(picture) as opened:
        return opened.size


def _spanned_page(content: Spanned) -> Page:
    rows = [
        (segment, [Piece((word.id,), word.text, word.box) for word in segment.words])
        for segment in content.document
    ]
    return spanned_page(content, rows, FORM_LABELS)


def _form_page(form: Sequence[Segment], width: float, height: float) -> Page:
    """A page whose segments are its entities.

    Raises:
        InputError: Two segments have one id, a label or a linked segment does not exist, or a
            box is no place on the page.
    """
    check_distinct((segment.id for segment in form), "segments")
    rows = [(segment, list(spaced(segment))) for segment in form]
    laid = lay_out(rows, width, height)
    entities = list(_segment_entities(rows, laid))
    pairs = _directed([pair for segment in form for pair in segment.linking], entities)
    relations = links(pairs, {segment.id for segment in form}, entities)
    return laid.page.model_copy(update={"entities": entities, "relations": relations})


def spaced(segment: Segment) -> Iterator[Piece]:
    """A segment's words, with the white space that its text has between them.

    XFUND's words of Chinese and Japanese are single characters. Where words and text disagree,
    there is a space after each.
    """
    text, at = segment.text, 0
    agree = "".join(text.split()) == "".join("".join(word.text.split()) for word in segment.words)
    for word in segment.words:
        for character in "".join(word.text.split()) if agree else "":
            at = text.index(character, at) + 1
        apart = not agree or at == len(text) or text[at].isspace()
        yield Piece((), word.text, word.box, apart)


def _segment_entities(
    rows: Sequence[tuple[Segment, Sequence[Piece]]], laid: Laid
) -> Iterator[Entity]:
    words, start = laid.page.words, 0
    for segment, pieces in rows:
        label = checked_label(segment.label, (*FORM_LABELS, _OTHER), f"segment {segment.id}")
        stop = start + sum(1 for piece in pieces if piece.text.strip())
        if label != _OTHER and stop > start:
            yield entity(str(segment.id), label, range(start, stop), words)
        start = stop


def _directed(
    pairs: Sequence[tuple[int, int]], entities: Sequence[Entity]
) -> Iterator[tuple[int, int]]:
    """Links from header to question to answer, which the annotators wrote at both ends."""
    rank = {int(each.id): FORM_LABELS.index(each.label) for each in entities}
    seen: set[frozenset[int]] = set()
    for pair in pairs:
        if frozenset(pair) not in seen:
            seen.add(frozenset(pair))
            head, tail = pair
            yield (tail, head) if rank.get(tail, 9) < rank.get(head, 9) else pair
