"""From glyphs to words and lines, by where the glyphs stand and not by the order in the file.

Lengths are in ems of the text at hand, so nothing depends on size or unit.
"""

from __future__ import annotations

import math
import statistics
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from vlkit.document import Line, Point, Quad, Word, box_quad, box_union, quad_box
from vlkit.pdf.bidi import is_rtl, logical_order, mirror_back
from vlkit.pdf.glyphs import Glyph, Style
from vlkit.pdf.scripts import script_of

WORD_GAP = 0.17
"""Wider than this, beyond the line's letter spacing, is a space. Spaces are .2 to .35 wide."""
LINE_GAP = 0.8
"""Wider than this ends the line: justified lines stretch their spaces less, columns are further
apart."""
SPACED_LINE_GAP = 0.6
"""The same for what a drawn space leaves of the gap."""
MAX_SPACING = 0.6
"""Letters further apart stand in a table's columns."""
OVERPRINT = 0.12
"""The same character this near to itself is one that was drawn twice to look bold."""
SAME_ROW = 0.12
SAME_LINE = 0.25
"""How far baselines of the same row, and of pieces of one line, are apart at most."""

_ACCENTS = dict(
    zip(
        "´`¨ˆ^˜~¯˘˙˚¸ˇ˝",
        "\u0301\u0300\u0308\u0302\u0302\u0303\u0303\u0304\u0306\u0307\u030a\u0327\u030c\u030b",
        strict=True,
    )
)
_FOOTNOTE_MARKS = frozenset("0123456789*†‡§,")


@dataclass(frozen=True)
class Frame:
    """Coordinates along (u) and across (v) the direction in which text is read.

    Attributes:
        angle: Degrees clockwise from left-to-right.
        vertical: Upright characters set from top to bottom.
    """

    angle: float
    vertical: bool = False

    def to(self, point: Point) -> Point:
        x, y = point
        if self.angle == 0:
            return point
        cos, sin = _cos_sin(self.angle)
        return (x * cos + y * sin, y * cos - x * sin)

    def back(self, point: Point) -> Point:
        u, v = point
        if self.angle == 0:
            return point
        cos, sin = _cos_sin(self.angle)
        return (u * cos - v * sin, u * sin + v * cos)


@dataclass(slots=True)
class Cell:
    """A glyph in its frame, with the marks set on it.

    Attributes:
        space: How wide a space was drawn between it and the cell on its left.
        spacing: The gap that letters keep here: more than 0 where they are set spaced out.
    """

    text: str
    u0: float
    u1: float
    v0: float
    v1: float
    base: float
    style: Style
    run: int
    bold: bool
    space: float = 0.0
    spacing: float = 0.0

    @property
    def size(self) -> float:
        return self.style.size

    @property
    def middle(self) -> float:
        return (self.u0 + self.u1) / 2


@dataclass
class Piece:
    """Cells of one baseline and nearly one size, side by side."""

    cells: list[Cell]
    u0: float = field(init=False)
    u1: float = field(init=False)
    base: float = field(init=False)
    size: float = field(init=False)

    def __post_init__(self) -> None:
        self.u0 = min(cell.u0 for cell in self.cells)
        self.u1 = max(cell.u1 for cell in self.cells)
        self.base = statistics.median(cell.base for cell in self.cells)
        self.size = statistics.median(cell.size for cell in self.cells)


def assemble(glyphs: Sequence[Glyph]) -> list[Line]:
    """Lines of words, top to bottom; text of other directions follows the upright one's."""
    lines: list[Line] = []
    rtl = is_rtl("".join(glyph.text for glyph in glyphs))
    for frame, group in _by_frame(glyphs).items():
        cells = _without_overprint([_cell(glyph, frame) for glyph in group])
        found = [_line(line, frame, rtl) for line in _joined(_pieces(_with_marks(cells)))]
        lines += sorted(found, key=lambda line: (line.box[1], line.box[0]))
    return lines


# ---- frames -----------------------------------------------------------------------------------


def _cos_sin(angle: float) -> Point:
    quarter = {0: (1.0, 0.0), 90: (0.0, 1.0), 180: (-1.0, 0.0), 270: (0.0, -1.0)}
    exact = quarter.get(int(angle) if angle == int(angle) else -1)
    return exact or (math.cos(math.radians(angle)), math.sin(math.radians(angle)))


def _by_frame(glyphs: Iterable[Glyph]) -> dict[Frame, list[Glyph]]:
    runs: defaultdict[int, list[Glyph]] = defaultdict(list)
    for glyph in glyphs:
        runs[glyph.run].append(glyph)
    frames: defaultdict[Frame, list[Glyph]] = defaultdict(list)
    for run in runs.values():
        angle = float(round(run[0].style.angle) % 360)
        # A degree or two off is a scan's skew or a slanted baseline, not a direction.
        nearest = round(angle / 90) * 90
        if abs(angle - nearest) <= 2:
            angle = float(nearest % 360)
        vertical = angle == 0 and _runs_down(run)
        frames[Frame(90.0 if vertical else angle, vertical)] += run
    return dict(sorted(frames.items(), key=lambda item: (item[0].angle, item[0].vertical)))


def _runs_down(run: Sequence[Glyph]) -> bool:
    em = run[0].style.size
    steps = [(b.origin[0] - a.origin[0], b.origin[1] - a.origin[1]) for a, b in pairwise(run)]
    return bool(steps) and all(abs(x) < 0.1 * em and y > 0.4 * em for x, y in steps)


def _cell(glyph: Glyph, frame: Frame) -> Cell:
    x0, y0, x1, y1 = glyph.box
    u, v = frame.to(((x0 + x1) / 2, (y0 + y1) / 2))
    width, height = _extent(x1 - x0, y1 - y0, frame.angle, glyph.style.size)
    base = v if frame.vertical else frame.to(glyph.origin)[1]
    return Cell(
        text=glyph.text,
        u0=u - width / 2,
        u1=u + width / 2,
        v0=v - height / 2,
        v1=v + height / 2,
        base=base,
        style=glyph.style,
        run=glyph.run,
        bold=glyph.style.bold,
    )


def _extent(width: float, height: float, angle: float, em: float) -> Point:
    """Sides of the turned box that an axis-aligned box of that size is drawn around."""
    if angle == 0:
        return (width, height)
    cos, sin = (abs(part) for part in _cos_sin(angle))
    if abs(cos - sin) < 0.2:
        side = max((width + height) / (cos + sin) - 1.1 * em, 0.1 * em)
        return (side, 1.1 * em)
    det = cos * cos - sin * sin
    return (
        max((width * cos - height * sin) / det, 0.0),
        max((height * cos - width * sin) / det, 0.0),
    )


# ---- glyphs drawn over glyphs -----------------------------------------------------------------


def _without_overprint(cells: Iterable[Cell]) -> list[Cell]:
    """One of each character that was drawn twice in nearly the same place."""
    kept: list[Cell] = []
    seen: defaultdict[tuple[str, int, int], list[Cell]] = defaultdict(list)

    def near(text: str, column: int, row: int) -> Iterator[Cell]:
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                yield from seen.get((text, column + i, row + j), ())

    for cell in cells:
        reach = max(OVERPRINT * cell.size, 1e-6)
        column, row = math.floor(cell.u0 / reach), math.floor(cell.base / reach)
        twin = next(
            (other for other in near(cell.text, column, row) if _is_twin(other, cell, reach)), None
        )
        if twin is None:
            seen[cell.text, column, row].append(cell)
            kept.append(cell)
        elif twin.text != " ":
            twin.bold = True
    return kept


def _is_twin(a: Cell, b: Cell, reach: float) -> bool:
    return (
        a.run != b.run
        and abs(a.u0 - b.u0) < reach
        and abs(a.base - b.base) < reach
        and abs(a.size - b.size) < reach
    )


def _with_marks(cells: Sequence[Cell]) -> list[Cell]:
    """Combining marks, and accents set over letters, become part of the letter's cell."""
    marks = [cell for cell in cells if _mark(cell.text)]
    if not marks:
        return list(cells)
    letters = [cell for cell in cells if not _mark(cell.text)]
    rows: defaultdict[int, list[Cell]] = defaultdict(list)
    for cell in letters:
        if cell.text != " ":
            rows[round(cell.base / cell.size) if cell.size else 0].append(cell)
    left: list[Cell] = []
    for mark in marks:
        row = round(mark.base / mark.size) if mark.size else 0
        near = [c for k in (-1, 0, 1) for c in rows.get(row + k, ()) if _carries(c, mark)]
        if near:
            letter = min(near, key=lambda cell: abs(cell.middle - mark.middle))
            letter.text = unicodedata.normalize("NFC", letter.text + _mark(mark.text))
        else:
            left.append(mark)
    return letters + left


def _mark(text: str) -> str:
    """The combining character that a glyph may stand for, or nothing."""
    if text and all(unicodedata.combining(char) for char in text):
        return text
    return _ACCENTS.get(text, "")


def _carries(letter: Cell, mark: Cell) -> bool:
    if abs(letter.base - mark.base) > 0.6 * max(letter.size, mark.size):
        return False
    shared = min(letter.u1, mark.u1) - max(letter.u0, mark.u0)
    combining = unicodedata.combining(mark.text[0]) > 0
    if not combining and not letter.text[-1].isalpha():
        return False
    return shared >= (0.0 if combining else 0.5 * (mark.u1 - mark.u0))


# ---- lines ------------------------------------------------------------------------------------


def _pieces(cells: Iterable[Cell]) -> list[Piece]:
    rows: list[list[Cell]] = []
    for cell in sorted(cells, key=lambda cell: cell.base):
        if rows and abs(cell.base - rows[-1][-1].base) <= SAME_ROW * cell.size:
            rows[-1].append(cell)
        else:
            rows.append([cell])
    return [piece for row in rows for piece in _cut(row)]


def _cut(row: list[Cell]) -> Iterator[Piece]:
    """Cells of a row in pieces; drawn spaces are noted on the cell that follows them."""
    row.sort(key=lambda cell: cell.middle)
    _note_spacing(row)
    piece: list[Cell] = []
    space = 0.0
    for cell in row:
        if cell.text == " ":
            space += cell.u1 - cell.u0
        elif piece and not _same_piece(piece[-1], cell, space):
            yield Piece(piece)
            piece, space = [cell], 0.0
        else:
            # Spaces that letters were drawn over are remains of the file's own making.
            gap = cell.u0 - piece[-1].u1 if piece else 0.0
            cell.space = space if gap > 0.04 * cell.size else 0.0
            piece.append(cell)
            space = 0.0
    if piece:
        yield Piece(piece)


def _note_spacing(row: Sequence[Cell]) -> None:
    """Find text that is set spaced out: most letters of a style keep a gap to the next."""
    gaps: defaultdict[Style, list[float]] = defaultdict(list)
    for left, right in pairwise(row):
        if left.style == right.style and left.text.isalpha() and right.text.isalpha():
            gaps[left.style].append(right.u0 - left.u1)
    usual = {
        style: min(max(sorted(found)[len(found) // 4], 0.0), MAX_SPACING * style.size)
        for style, found in gaps.items()
        if len(found) >= 3
    }
    for cell in row:
        cell.spacing = usual.get(cell.style, 0.0)


def _same_piece(left: Cell, right: Cell, space: float) -> bool:
    small, large = sorted((left.size, right.size))
    gap = right.u0 - left.u1 - min(left.spacing, right.spacing) * (2 if space else 1)
    limit = min(space, large) + SPACED_LINE_GAP * large if space else LINE_GAP * large
    return small >= 0.8 * large and gap <= limit


def _joined(pieces: list[Piece]) -> list[list[Cell]]:
    """Pieces of one line together: raised and lowered ones, other sizes, uneven baselines."""
    pieces = sorted(pieces, key=lambda piece: piece.base)
    parent = list(range(len(pieces)))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    largest = max((piece.size for piece in pieces), default=0.0)
    for index, piece in enumerate(pieces):
        for other in range(index + 1, len(pieces)):
            if pieces[other].base - piece.base > 0.7 * largest:
                break
            if _same_line(piece, pieces[other]):
                parent[root(other)] = root(index)
    lines: defaultdict[int, list[Cell]] = defaultdict(list)
    for index, piece in enumerate(pieces):
        lines[root(index)] += piece.cells
    return [sorted(cells, key=lambda cell: cell.middle) for cells in lines.values()]


def _same_line(a: Piece, b: Piece) -> bool:
    small, large = sorted((a, b), key=lambda piece: piece.size)
    gap = max(a.u0, b.u0) - min(a.u1, b.u1)
    em = large.size
    if gap < -0.5 * em or small.size < 0.45 * em:
        return False
    lowered = small.base - large.base
    if small.size >= 0.8 * em:
        return abs(lowered) <= SAME_LINE * em and gap <= LINE_GAP * em
    return -0.65 * em <= lowered <= 0.35 * em and gap <= 0.4 * em


# ---- words ------------------------------------------------------------------------------------


def _line(cells: list[Cell], frame: Frame, page_rtl: bool) -> Line:
    items: list[Cell | None] = [cells[0]]
    for left, right in pairwise(cells):
        if _is_break(left, right):
            items.append(None)
        items.append(right)
    texts = [item.text if item else " " for item in items]
    rtl = _is_rtl_line("".join(texts), page_rtl)
    groups: list[list[Cell]] = [[]]
    for place in logical_order(texts, rtl):
        item = items[place]
        if item is None:
            groups.append([])
        else:
            groups[-1].append(item)
    words = [word for group in groups if group for word in _words(group, frame)]
    if rtl:
        words = _mirrored(words)
    quads = [word.quad or box_quad(word.box) for word in words]
    quad = None if frame.angle == 0 or frame.vertical else _quad(cells, frame)
    return Line(
        words=words,
        box=box_union(quad_box(corners) for corners in quads),
        quad=quad,
        direction="ttb" if frame.vertical else "rtl" if rtl else "ltr",
        script=script_of("".join(word.text for word in words)),
    )


def _is_rtl_line(text: str, page_rtl: bool) -> bool:
    """The line's base direction: its letters' own, the page's where they are mixed or none."""
    letters = [char for char in text if char.isalpha()]
    if page_rtl and (not letters or any(is_rtl(char) for char in letters)):
        return True
    return is_rtl(text)


def _is_break(left: Cell, right: Cell) -> bool:
    gap = (right.u0 - left.u1) / max(left.size, right.size, 1e-6)
    spacing = min(left.spacing, right.spacing) / max(left.size, right.size, 1e-6)
    return gap - spacing > WORD_GAP or (right.space > 0 and gap > 0.04)


def _words(cells: Sequence[Cell], frame: Frame) -> list[Word]:
    """The word, and apart from it a raised footnote mark at its end."""
    body = statistics.mode(cell.size for cell in cells)
    end = len(cells)
    while end > 0 and cells[end - 1].size < 0.8 * body and cells[end - 1].text in _FOOTNOTE_MARKS:
        end -= 1
    if 0 < end < len(cells) and cells[end].base < cells[end - 1].base:
        word = _word(cells[:end], frame).model_copy(update={"space_after": False})
        return [word, _word(cells[end:], frame)]
    return [_word(cells, frame)]


def _word(cells: Sequence[Cell], frame: Frame) -> Word:
    text = unicodedata.normalize("NFC", _clean("".join(cell.text for cell in cells)))
    first = max(cells, key=lambda cell: cell.size)
    quad = _quad(cells, frame)
    turned = frame.angle != 0 and not frame.vertical
    bold = sum(cell.bold for cell in cells) * 2 > len(cells)
    italic = sum(cell.style.italic for cell in cells) * 2 > len(cells)
    return Word(
        text=text,
        box=quad_box(quad),
        quad=quad if turned else None,
        font=first.style.font or None,
        font_size=round(first.size, 3),
        bold=bold,
        italic=italic,
        direction="ttb" if frame.vertical else "rtl" if is_rtl(text) else "ltr",
        script=script_of(text),
    )


def _clean(text: str) -> str:
    """Without soft hyphens that break nothing and other characters that do not show."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc")) or text


def _quad(cells: Sequence[Cell], frame: Frame) -> Quad:
    u0, u1 = min(cell.u0 for cell in cells), max(cell.u1 for cell in cells)
    v0, v1 = min(cell.v0 for cell in cells), max(cell.v1 for cell in cells)
    corners = ((u0, v0), (u1, v0), (u1, v1), (u0, v1))
    a, b, c, d = (frame.back(corner) for corner in corners)
    return (a, b, c, d)


def _mirrored(words: list[Word]) -> list[Word]:
    texts = mirror_back("\n".join(word.text for word in words)).split("\n")
    return [
        word if word.text == text else word.model_copy(update={"text": text})
        for word, text in zip(words, texts, strict=True)
    ]
