"""Elements into strips: slices as wide as their column that no column break cuts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vlkit.data.elements import (
    BLACK,
    Align,
    CheckBoxes,
    Colour,
    Form,
    Heading,
    Paragraph,
    Style,
    Title,
)
from vlkit.data.lines import SetLine, Setting, Text, moved_box, set_lines, shifted
from vlkit.document import Box, Cell, Line, Role, box_union


@dataclass(frozen=True)
class Rule:
    """A straight line."""

    x0: float
    y0: float
    x1: float
    y1: float
    width: float = 0.5
    colour: Colour = BLACK

    def moved(self, dx: float, dy: float) -> Rule:
        return replace(self, x0=self.x0 + dx, y0=self.y0 + dy, x1=self.x1 + dx, y1=self.y1 + dy)


@dataclass(frozen=True)
class Fill:
    """A filled rectangle."""

    area: Box
    colour: Colour

    def moved(self, dx: float, dy: float) -> Fill:
        return replace(self, area=moved_box(self.area, dx, dy))


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels, [H, W, 3] RGB uint8, spread over a rectangle; kept as JPEG of that quality."""

    area: Box
    pixels: NDArray[np.uint8]
    quality: int = 90

    def moved(self, dx: float, dy: float) -> Picture:
        return replace(self, area=moved_box(self.area, dx, dy))


Op = Text | Rule | Fill | Picture
Frame = Literal["box", "ends", "none"]
"""A table's outer rules: on all four sides, above and below, nowhere."""


@dataclass(eq=False)
class Owner:
    """The item of the truth that strips belong to.

    Attributes:
        source: The text that was set, before it was broken into lines.
        header: Strips that a table repeats where it goes on.
        caption: The owner of a table's or figure's caption.
        frame: A table's outer rules, drawn around each part.
    """

    kind: Literal["block", "table", "figure"] = "block"
    role: Role = "paragraph"
    level: int | None = None
    marker: str | None = None
    source: str = ""
    header: list[Strip] = field(default_factory=list)
    columns: int = 0
    ruled: bool = False
    frame: Frame = "none"
    rule_width: float = 0.5
    caption: Owner | None = None


@dataclass(eq=False)
class Strip:
    """A slice of a column; everything in it is relative to its top-left corner."""

    owner: Owner
    height: float
    ops: list[Op] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    rows: int = 0
    area: Box | None = None
    before: float = 0.0
    after: float = 0.0
    keep_next: bool = False
    footnote: str = ""


def text_strips(
    lines: list[SetLine], owner: Owner, setting: Setting, leading: float, *, x: float = 0.0
) -> list[Strip]:
    pitch = setting.size * leading
    found = []
    for line in lines:
        at = shifted(line, x, pitch / 2 + setting.size * 0.36)
        found.append(Strip(owner, pitch, [*at.texts], [at.line]))
    # No single first or last line of a paragraph stands alone in a column.
    if len(found) > 1:
        found[0].keep_next = found[-2].keep_next = True
    return found


def spaced(strips: list[Strip], before: float, after: float) -> list[Strip]:
    if strips:
        strips[0].before = before
        strips[-1].after = after
    return strips


def heading_strips(element: Title | Heading, width: float, style: Style) -> list[Strip]:
    title = isinstance(element, Title)
    level = None if isinstance(element, Title) else element.level
    scale = 2.0 if level is None else {1: 1.5, 2: 1.22}.get(level, 1.0)
    setting = Setting.of(style, scale, bold=True)
    owner = Owner(role="title" if title else "heading", level=level, source=element.text)
    strips = text_strips(set_lines(element.text, width, setting), owner, setting, 1.2)
    for strip in strips:
        strip.keep_next = True
    em = style.font_size
    return spaced(
        strips, (0.0 if title else 0.7 + 0.35 * scale) * em, (0.9 if title else 0.45) * em
    )


def paragraph_strips(element: Paragraph, width: float, style: Style) -> list[Strip]:
    setting = Setting.of(style, bold=element.bold, hyphenate=True)
    if element.direction:
        setting = replace(setting, direction=element.direction)
    owner = Owner(source=element.text)
    lines = set_lines(
        element.text,
        width,
        setting,
        align=element.align,
        justify=style.justify and element.align == "start",
        indent=style.indent,
    )
    strips = text_strips(lines, owner, setting, style.leading)
    strips[-1].footnote = element.footnote
    space = style.paragraph_space * style.font_size
    return spaced(strips, space, space)


def list_strips(text: str, marker: str, level: int, width: float, style: Style) -> list[Strip]:
    setting = Setting.of(style)
    owner = Owner(role="list_item", level=level, marker=marker, source=f"{marker} {text}")
    left = (level - 1) * 1.6 * style.font_size
    hang = max(1.4 * style.font_size, setting.width(marker) + 0.5 * style.font_size)
    rtl = style.direction == "rtl"
    room = width - left - hang
    strips = text_strips(
        set_lines(text, room, setting), owner, setting, style.leading, x=0.0 if rtl else left + hang
    )
    mark = text_strips(
        set_lines(marker, hang, setting),
        owner,
        setting,
        style.leading,
        x=room if rtl else left,
    )[0]
    first = strips[0]
    first.ops = [*mark.ops, *first.ops]
    words = [*mark.lines[0].words, *first.lines[0].words]
    box = box_union(word.box for word in words)
    first.lines = [first.lines[0].model_copy(update={"words": words, "box": box})]
    return spaced(strips, 0.2 * style.font_size, 0.2 * style.font_size)


def caption_strips(text: str, width: float, style: Style) -> list[Strip]:
    setting = Setting.of(style, 0.85)
    owner = Owner(role="caption", source=text)
    strips = text_strips(set_lines(text, width, setting), owner, setting, 1.25)
    for strip in strips[:-1]:
        strip.keep_next = True
    return strips


def footnote_strips(text: str, width: float, style: Style) -> list[Strip]:
    setting = Setting.of(style, 0.8)
    owner = Owner(role="footnote", source=text)
    return text_strips(set_lines(text, width, setting), owner, setting, 1.2)


def running_line(text: str, role: Role, y: float, align: Align, style: Style) -> Strip:
    """A header, footer or page number on base line ``y``; its strip is at the page's origin."""
    setting = Setting.of(style, 0.8)
    left, _, right, _ = style.margins
    line = set_lines(text, style.size[0] - left - right, setting, align=align)[0]
    at = shifted(line, left, y)
    return Strip(Owner(role=role, source=text), 0.0, [*at.texts], [at.line])


def checkbox_strips(element: CheckBoxes, width: float, style: Style) -> list[Strip]:
    found: list[Strip] = []
    for label, ticked in element.choices:
        found += list_strips(label, "☒" if ticked else "☐", 1, width, style)
    return found


def form_strips(element: Form, width: float, style: Style) -> list[Strip]:
    """Labels and values; every pair is a block of its own."""
    pitch = style.font_size * (2.1 if element.boxed else 1.8)
    gap = style.font_size
    room = (width - gap * (element.per_row - 1)) / element.per_row
    found: list[Strip] = []
    for number, (label, value) in enumerate(element.fields):
        place = number % element.per_row
        left = place * (room + gap)
        if style.direction == "rtl":
            left = width - left - room
        strip = _field(label, value, left, room, pitch, style, boxed=element.boxed)
        if place < element.per_row - 1 and number < len(element.fields) - 1:
            # The pairs of one row stand side by side: only the last one moves on.
            strip.height, strip.keep_next = 0.0, True
        found.append(strip)
    return spaced(found, 0.6 * style.font_size, 0.6 * style.font_size)


def _field(
    label: str, value: str, left: float, room: float, pitch: float, style: Style, *, boxed: bool
) -> Strip:
    """One pair between ``left`` and ``left + room``."""
    baseline = pitch / 2 + style.font_size * 0.36
    name = set_lines(label, room, Setting.of(style, bold=True))[0]
    taken = name.width + 0.6 * style.font_size
    rtl = style.direction == "rtl"
    parts = [shifted(name, left, baseline)]
    if rtl:
        taken = room - (name.texts[0].x - 0.6 * style.font_size)
    x0, x1 = (left, left + room - taken) if rtl else (left + taken, left + room)
    if value:
        line = set_lines(value, x1 - x0 - 6.0, Setting.of(style))[0]
        parts.append(shifted(line, x0 + 3.0, baseline))
    words = [word for part in parts for word in part.line.words]
    box = box_union(word.box for word in words)
    ops: list[Op] = [text for part in parts for text in part.texts]
    ops += _field_frame(x0, x1, pitch, style, boxed=boxed)
    owner = Owner(source=f"{label} {value}".strip())
    line_of_pair = Line(words=words, box=box, direction=style.direction, script=words[0].script)
    return Strip(owner, pitch, ops, [line_of_pair])


def _field_frame(x0: float, x1: float, pitch: float, style: Style, *, boxed: bool) -> list[Op]:
    base = pitch / 2 + style.font_size * 0.36
    bottom = base + 0.35 * style.font_size
    if not boxed:
        return [Rule(x0, bottom, x1, bottom, 0.4)]
    top = base - 1.1 * style.font_size
    return [
        Rule(x0, top, x1, top, 0.5),
        Rule(x0, bottom, x1, bottom, 0.5),
        Rule(x0, top, x0, bottom, 0.5),
        Rule(x1, top, x1, bottom, 0.5),
    ]
