"""Any element into the strips of a column."""

from __future__ import annotations

from vlkit.data.drawings import drawing_strips
from vlkit.data.elements import (
    CheckBoxes,
    Drawing,
    Element,
    Form,
    Heading,
    ListItem,
    PageBreak,
    Paragraph,
    Sidebar,
    Style,
    TableSpec,
    Title,
)
from vlkit.data.lines import moved_line
from vlkit.data.strips import (
    Fill,
    Strip,
    checkbox_strips,
    form_strips,
    heading_strips,
    list_strips,
    paragraph_strips,
    spaced,
)
from vlkit.data.tables import table_strips


def sidebar_strips(element: Sidebar, width: float, style: Style) -> list[Strip]:
    """The sidebar's own strips on a grey ground, kept together."""
    pad = 0.8 * style.font_size
    inner: list[Strip] = []
    for part in element.elements:
        inner += element_strips(part, width - 2 * pad, style)
    for number, strip in enumerate(inner):
        gap = pad if number == 0 else max(strip.before, inner[number - 1].after)
        end = pad if number == len(inner) - 1 else 0.0
        strip.ops = [op.moved(pad, gap) for op in strip.ops]
        strip.lines = [moved_line(line, pad, gap) for line in strip.lines]
        strip.height += gap + end
        strip.before = strip.after = 0.0
        # A hair of overlap: no white line between two strips' grounds.
        strip.ops.insert(0, Fill((0.0, -0.2, width, strip.height), (0.93, 0.93, 0.93)))
        strip.keep_next = number < len(inner) - 1
    return spaced(inner, style.font_size, style.font_size)


def element_strips(element: Element, width: float, style: Style) -> list[Strip]:
    """The strips of one element in a column of that width."""
    match element:
        case Title() | Heading():
            return heading_strips(element, width, style)
        case Paragraph():
            return paragraph_strips(element, width, style)
        case ListItem():
            return list_strips(element.text, element.marker, element.level, width, style)
        case TableSpec():
            return table_strips(element, width, style)
        case Drawing():
            return drawing_strips(element, width, style)
        case Form():
            return form_strips(element, width, style)
        case CheckBoxes():
            return checkbox_strips(element, width, style)
        case Sidebar():
            return sidebar_strips(element, width, style)
        case PageBreak():
            return []
