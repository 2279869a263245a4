"""What each field could be, with the evidence for it.

A value stands behind its label in the same line, right of it, below it, or anywhere with nothing
but its type to speak for it. Names of companies and addresses are also sought by what they look
like.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from math import log1p

import numpy as np

from vlkit.extraction.concepts import concepts, letters_of
from vlkit.extraction.labels import SECTIONS, Label, find_labels
from vlkit.extraction.readings import Reading, kind_sought, read_text, read_typed
from vlkit.extraction.schema import Wanted
from vlkit.extraction.shapes import (
    MOST_LINES,
    address_likeness,
    company_likeness,
    is_other,
    joined,
    name_length,
    next_line,
    runs,
)
from vlkit.extraction.sheet import Segment, Sheet
from vlkit.values import Money

Span = tuple[int, tuple[int, ...]]
"""Index of a page, and its words."""

FEATURES = (
    *("same", "right", "below", "alone", "alike", "own", "closed", "first", "distance", "rank"),
    *("share", "doubt", "claimed", "top", "largest", "repeated", "decimals", "currency"),
    *("zero", "section", "other_section", "digits", "length", "lines", "company", "address"),
    *("other", "height", "index", "goes_on", "ends_address", "after_company"),
    *(
        "no_section",
        "is_sum",
        "is_part",
        "is_rest",
        "stack",
        "elsewhere",
        "final",
        "beside",
        "paid",
    ),
)
_RIGHT, _BELOW = 4, 3
_MOST_AMOUNTS = 40
_PAID = {"cash", "change", "discount", "rounding", "deposit"}
_FINAL = re.compile(r"round|payable|due|grand|nett|after|결제|청구|받을", re.IGNORECASE)
"""What a label says of the last of several totals."""
_PARTNERS = {label.casefold() for name in ("buyer", "ship to") for label in concepts()[name].labels}
_LETTERHEAD = 10
_ACROSS = 0.1
"""What a line height to the right of a heading counts, beside one below it: its rows are wide."""


@dataclass(frozen=True)
class Candidate:
    """A value that a field could have.

    Attributes:
        features: ``FEATURES``, each about 0 to 1, or a few units.
    """

    reading: Reading
    text: str
    spans: tuple[Span, ...]
    features: tuple[float, ...]


@dataclass(frozen=True)
class _Found:
    """A value and how it was come by, before its features."""

    reading: Reading
    segments: tuple[Segment, ...]
    how: str
    label: Label | None = None
    rank: int = 0


class Finder:
    """Finds candidates in one document for the fields of one schema."""

    def __init__(self, sheet: Sheet, fields: Sequence[Wanted]) -> None:
        self.sheet = sheet
        self.fields = fields
        self.labels = find_labels(sheet, fields)
        self.by_segment: dict[int, list[Label]] = defaultdict(list)
        for label in self.labels:
            self.by_segment[label.segment.number].append(label)
        self.sections = [label for label in self.labels if label.owners & SECTIONS]
        heights = [segment.height for segment in sheet.segments]
        self.height = float(np.median(heights)) if heights else 1.0

    def candidates(self, number: int) -> list[Candidate]:
        """All candidates for the field of that number."""
        field = self.fields[number]
        found = [each for label in self.labels_of(number) for each in self._by_label(field, label)]
        if kind := kind_sought(field):
            labelled = {(each.segments[0].number, each.reading.start) for each in found}
            found += [
                _Found(read_typed(field, value, segment.text), (segment,), "alone")
                for segment in self.sheet.segments
                for value in self.sheet.values(kind, segment)
                if (segment.number, value.start) not in labelled
            ]
        elif field.sought == "company":
            found += self._letterhead(field)
        elif field.sought == "address":
            found += self._addresses(field)
        elif field.kind == "choice":
            found += [
                _Found(reading, (segment,), "alone")
                for segment in self.sheet.segments
                if (reading := read_text(field, segment.text, 0))
            ]
        return [self._candidate(number, each, found) for each in found]

    def labels_of(self, number: int) -> list[Label]:
        concept = self.fields[number].concept
        whole = self.fields[number].own_labels == len(self.fields[number].labels)
        names = {number} if whole or not concept else {number, concept}
        return [label for label in self.labels if label.owners & names]

    # Where values stand

    def _by_label(self, field: Wanted, label: Label) -> Iterator[_Found]:
        for how, rank, segment, start in self._places(label):
            if kind := kind_sought(field):
                for value in self.sheet.values(kind, segment):
                    if value.start >= start:
                        reading = read_typed(field, value, segment.text)
                        yield _Found(reading, (segment,), how, label, rank)
            elif rank < 2:
                yield from self._texts(field, label, how, rank, segment, start)

    def _places(self, label: Label) -> Iterator[tuple[str, int, Segment, int]]:
        """Segments that may hold a label's value: how, which of them, and from where on."""
        segment = label.segment
        yield "same", 0, segment, label.stop
        for rank, beside in enumerate(self.sheet.right_of(segment)[:_RIGHT]):
            yield "right", rank, beside, 0
        under = self.sheet.below(segment, label.box(self.sheet))[:_BELOW]
        for rank, below in enumerate(under):
            yield "below", rank, below, 0

    def _texts(
        self, field: Wanted, label: Label, how: str, rank: int, segment: Segment, start: int
    ) -> Iterator[_Found]:
        """The rest of a line up to the next label, and with the lines that go on below it."""
        starts = [
            other.start
            for other in self.by_segment[segment.number]
            if other.start > start and other.first
        ]
        text = segment.text[: min(starts, default=len(segment.text))]
        reading = read_text(field, text, start)
        if reading is None:
            return
        yield _Found(reading, (segment,), how, label, rank)
        if field.sought == "address" or field.kind == "text":
            lines = [segment]
            for _ in range(MOST_LINES - 1):
                following = next_line(self.sheet, lines[-1])
                if following is None or self._is_labelled(following):
                    return
                lines.append(following)
                more = f"{reading.value} {joined(lines[1:])}"
                whole = Reading(more, reading.start, reading.stop, reading.doubt)
                yield _Found(whole, tuple(lines), how, label, rank)

    def _letterhead(self, field: Wanted) -> Iterator[_Found]:
        for segment in self.sheet.segments[:_LETTERHEAD]:
            if not self._is_label(segment):
                for run in runs(self.sheet, segment, 2):
                    yield self._alone(field, run)
        for segment in self.sheet.segments[_LETTERHEAD:]:
            if company_likeness(segment.text) and not self._is_label(segment):
                yield self._alone(field, [segment])

    def _addresses(self, field: Wanted) -> Iterator[_Found]:
        for segment in self.sheet.segments:
            if is_other(segment.text):
                continue
            for run in runs(self.sheet, segment):
                if is_other(run[-1].text):
                    break
                if any(address_likeness(line.text) for line in run):
                    yield self._alone(field, run)

    def _alone(self, field: Wanted, run: Sequence[Segment]) -> _Found:
        stop = len(run[0].text)
        value = joined(run)
        if field.sought == "company":
            stop = name_length(run[0].text) if len(run) == 1 else stop
            value = value[: name_length(value)]
        return _Found(Reading(value, 0, stop), tuple(run), "alone")

    def _is_label(self, segment: Segment) -> bool:
        """Whether nothing but a label is printed there: "Company No." is no company."""
        said = letters_of(segment.text)
        return any(
            label.alike == 1 and letters_of(segment.text[label.start : label.stop]) == said
            for label in self.by_segment[segment.number]
        )

    def _is_labelled(self, segment: Segment) -> bool:
        return any(label.first and label.start < 3 for label in self.by_segment[segment.number])

    # Evidence

    @cached_property
    def _sums(self) -> tuple[set[Decimal], ...]:
        """Amounts that are the sum of two others, the larger of such two, and the smaller.

        Net and tax make the total; total and change make what was handed over.
        """
        worths = {
            value.content.amount
            for segment in self.sheet.segments
            for value in self.sheet.values("money", segment)
            if isinstance(value.content, Money) and value.content.amount > 0
        }
        some = sorted(worths)[-_MOST_AMOUNTS:]
        pairs = [
            (large + little, large, little)
            for at, large in enumerate(some)
            for little in some[:at]
            if large + little in worths and little * 100 > large
        ]
        return tuple({pair[which] for pair in pairs} for which in range(3))

    def _candidate(self, number: int, found: _Found, all_found: Sequence[_Found]) -> Candidate:
        first, *rest = found.segments
        reading = found.reading
        whole = not rest and reading.stop <= len(first.text)
        spans = [(first.page, self.sheet.span(first, reading.start, reading.stop))]
        spans += [(segment.page, segment.words) for segment in rest]
        text = first.text[reading.start : reading.stop]
        if not whole or rest:
            text = " ".join([text, *(segment.text for segment in rest)])
        features = {
            **self._of_label(number, found),
            **self._of_value(found, all_found),
            **self._of_place(number, found),
            **self._of_shape(found),
        }
        merged: dict[int, tuple[int, ...]] = {}
        for page, words in spans:
            merged[page] = merged.get(page, ()) + words
        return Candidate(
            reading,
            " ".join(text.split()),
            tuple(merged.items()),
            tuple(float(features.get(name, 0.0)) for name in FEATURES),
        )

    def _of_label(self, number: int, found: _Found) -> dict[str, float]:
        label, value = found.label, found.segments[0]
        if label is None:
            elsewhere = any(each.first and each.closed for each in self.labels_of(number))
            return {
                "alone": 1.0,
                "elsewhere": float(elsewhere),
                "paid": float(self._is_payment(found)),
                "claimed": float(self._claimed(number, found)),
            }
        *_, x1, y1 = label.box(self.sheet)
        left, top, *_ = value.box
        away = max(left - x1, 0.0) if found.how == "right" else max(top - y1, 0.0)
        return {
            found.how: 1.0,
            "alike": label.alike,
            "own": float(number in label.owners),
            "closed": float(label.closed),
            "final": float(bool(_FINAL.search(label.segment.text))),
            "beside": float(self._beside(number, label)),
            "first": float(label.first),
            "stack": float(self._stacked(number, label) if found.how == "below" else 0),
            "distance": 0.0 if found.how == "same" else log1p(away / self.height),
            "rank": float(found.rank),
            "claimed": float(self._claimed(number, found)),
        }

    def _stacked(self, number: int, label: Label) -> int:
        """How many values of the kind stand under a label beside the first: it heads a column."""
        kind = kind_sought(self.fields[number])
        if kind is None:
            return 0
        under = self.sheet.below(label.segment, label.box(self.sheet))[:_BELOW]
        return sum(bool(self.sheet.values(kind, segment)) for segment in under) - 1

    def _beside(self, number: int, label: Label) -> int:
        """How many values of the kind stand in a label's row beside one: it heads a row."""
        kind = kind_sought(self.fields[number])
        row = self.sheet.right_of(label.segment)[:_RIGHT] if kind else []
        return max(sum(len(self.sheet.values(kind or "", each)) for each in row) - 1, 0)

    def _is_payment(self, found: _Found) -> bool:
        """Whether the row says that this is what was handed over, given back or taken off."""
        segment = found.segments[0]
        row = [segment, *self._left_of(segment)]
        return any(label.owners & _PAID for each in row for label in self.by_segment[each.number])

    def _claimed(self, number: int, found: _Found) -> bool:
        """Whether another label stands between the value and its own, or before it."""
        segment, concept = found.segments[0], self.fields[number].concept
        ours = {number, concept}
        before = [
            label
            for label in self.by_segment[segment.number]
            if label.stop <= found.reading.start and label.first
        ]
        if before:
            return not before[-1].owners & ours
        if found.how in ("right", "same"):
            return False
        beside = [other for other in self._left_of(segment) if self.by_segment[other.number]]
        return bool(beside) and not any(
            label.owners & ours for label in self.by_segment[beside[-1].number]
        )

    def _left_of(self, segment: Segment) -> list[Segment]:
        sheet = self.sheet
        x0, y0, _, y1 = sheet.boxes.T
        shared = np.minimum(y1, segment.box[3]) - np.maximum(y0, segment.box[1])
        beside = (shared >= 0.4 * segment.height) & (sheet.pages == segment.page)
        beside &= x0 < segment.box[0]
        return [sheet.segments[each] for each in np.flatnonzero(beside)[np.argsort(x0[beside])]]

    def _of_value(self, found: _Found, all_found: Sequence[_Found]) -> dict[str, float]:
        reading, text = found.reading, found.segments[0].text
        start = found.label.stop if found.label and found.how == "same" else 0
        letters = max(sum(map(str.isalnum, text[start:])), 1)
        said, typed = str(reading.value), reading.worth is not None
        worths = [each.reading.worth for each in all_found if each.reading.worth is not None]
        printed = text[reading.start : reading.stop]
        same = {
            each.segments[0].number for each in all_found if each.reading.value == reading.value
        }
        return {
            "share": sum(map(str.isalnum, printed)) / letters,
            "doubt": float(bool(reading.doubt)),
            "largest": float(reading.worth is not None and reading.worth == max(worths)),
            "repeated": log1p(len(same) - 1),
            "decimals": float("." in printed[-4:-1]),
            "currency": float(any(not c.isdigit() and c not in ",. " for c in printed)),
            "zero": float(reading.worth == 0),
            "is_sum": float(reading.worth in self._sums[0]),
            "is_part": float(reading.worth in self._sums[1]),
            "is_rest": float(reading.worth in self._sums[2]),
            # Of a typed value they would say how large it is.
            "digits": 0.0 if typed else sum(map(str.isdigit, said)) / max(len(said), 1),
            "length": 0.0 if typed else log1p(len(said)) / 4,
        }

    def _of_place(self, number: int, found: _Found) -> dict[str, float]:
        segment, field = found.segments[0], self.fields[number]
        page = self.sheet.document.pages[segment.page]
        section = self._section_of(segment)
        ours = bool(section & {label.casefold() for label in field.sections})
        return {
            "top": segment.box[1] / page.height,
            "section": float(ours),
            "other_section": float(
                bool(section) and not ours if field.sections else section & _PARTNERS != set()
            ),
            "no_section": float(bool(field.sections) and not section),
            "height": segment.height / self.height - 1,
            "index": log1p(segment.number) / 4,
        }

    def _section_of(self, segment: Segment) -> set[str]:
        """What the nearest heading above or left of a segment may be called."""
        best, least = None, 12.0
        for label in self.sections:
            heading = label.segment
            if heading.page != segment.page or not (label.first and label.closed):
                continue
            right = (heading.box[0] - segment.box[0]) / self.height
            down = (segment.box[1] - heading.box[1]) / self.height
            if right > 2:
                continue
            cost = (down if down >= 0 else -2 * down) + _ACROSS * max(-right, 0)
            if cost < least:
                best, least = label, cost
        return _called(best) if best else set()

    def _of_shape(self, found: _Found) -> dict[str, float]:
        following = next_line(self.sheet, found.segments[-1])
        before = self.sheet.segments[max(found.segments[0].number - 1, 0)]
        text = str(found.reading.value)
        goes_on = following is not None and not is_other(following.text)
        return {
            "lines": float(len(found.segments) - 1),
            "company": company_likeness(text),
            "address": address_likeness(text) / 2,
            "other": float(is_other(text)),
            "goes_on": address_likeness(following.text) / 2 if following and goes_on else 0.0,
            "ends_address": address_likeness(found.segments[-1].text) / 2,
            "after_company": float(bool(company_likeness(before.text)) or is_other(before.text)),
        }


def _called(label: Label) -> set[str]:
    names = [name for name in label.owners if isinstance(name, str) and name in SECTIONS]
    return {each.casefold() for name in names for each in concepts()[name].labels}
