"""Program text: blocks of lines set in a monospaced font, kept line by line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from vlkit.document import Block, Line, Page, Word, box_union
from vlkit.layout.measure import height, line_height, overlap_x, same_row, width

EVEN = 0.02
"""In a monospaced font no word's advance per character differs more than this from the usual."""
LEAST_WORDS = 4
"""Fewer words of three letters and more say nothing about a font. Digits are equally wide in most
fonts."""
GAP = 2.2
"""Lines of one listing leave at most this many line heights between them: one blank line."""
REACH = 5.0
"""Pieces beside each other leave at most this many."""
SIGNS = 0.02
ALL_SIGNS = 0.06
"""At least this share of a listing's characters are signs that prose and tables have few of; more
where all the page is monospaced: typewriters wrote letters too."""

_SIGNS = frozenset("(){}[]<>=+*/\\_;#$@&|%^~`")


def find_code(page: Page) -> tuple[list[Block], list[Line]]:
    """The page's listings, and the lines of its other blocks.

    Only fonts tell: on a page that was read by OCR there is none.
    """
    lines = [line for block in page.blocks for line in block.lines]
    fonts = monospaced(word for line in lines for word in line.words)
    found = [line for line in lines if _is_set_in(line, fonts)]
    if not found:
        return [], lines
    others = [line for line in lines if not any(line is one for one in found)]
    all_code = _length(found) > _length(others)
    listings = [_listing(group) for group in _groups(found, others)]
    kept = [block for block in listings if _is_code(block, all_code)]
    inside = {id(word) for block in kept for word in block.words}
    rest = [line for line in lines if not (line.words and id(line.words[0]) in inside)]
    return kept, rest


def monospaced(words: Iterable[Word]) -> set[str]:
    """The fonts whose characters are all equally wide, by the widths of their words."""
    advances: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for word in words:
        if word.font and word.font_size and _letters(word.text) >= 3 and word.text.isascii():
            advance = width(word.box) / len(word.text) / word.font_size
            advances[word.font][word.text] = advance
    return {font for font, found in advances.items() if _is_even(sorted(found.values()))}


def _letters(text: str) -> int:
    return sum(char.isalpha() and char.isascii() for char in text)


def _is_even(advances: Sequence[float]) -> bool:
    """All but the one in twenty that a stray character makes."""
    count = len(advances)
    if count < LEAST_WORDS:
        return False
    low, usual, high = (advances[int(part * (count - 1))] for part in (0.05, 0.5, 0.95))
    return usual > 0 and high - low < 2 * EVEN * usual


def _is_set_in(line: Line, fonts: set[str]) -> bool:
    inside = sum(len(word.text) for word in line.words if word.font in fonts)
    return inside > 0.9 * _length([line])


def _length(lines: Iterable[Line]) -> int:
    return sum(len(word.text) for line in lines for word in line.words)


def _groups(lines: Sequence[Line], others: Sequence[Line]) -> list[list[Line]]:
    """Lines that stand under or beside each other with no other text between."""
    groups: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.box[1]):
        near = [group for group in groups if _belongs(group, line, others)]
        joined = [one for group in near for one in group] + [line]
        groups = [group for group in groups if not any(group is one for one in near)] + [joined]
    return groups


def _belongs(group: Sequence[Line], line: Line, others: Sequence[Line]) -> bool:
    box, unit = box_union(one.box for one in group), line_height(line)
    if line.box[1] - box[3] > GAP * unit or overlap_x(box, line.box) < -REACH * unit:
        return False
    between = box_union([group[-1].box, line.box])
    return not any(
        overlap_x(other.box, between) > 0
        and between[1] < (other.box[1] + other.box[3]) / 2 < between[3]
        for other in others
    )


def _listing(group: Sequence[Line]) -> Block:
    """One line for every row: pieces that stand apart are one line of code."""
    rows: list[list[Line]] = []
    for line in sorted(group, key=lambda line: line.box[1] + height(line.box) / 2):
        if rows and same_row(rows[-1][0].box, line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    lines = [_row(row) for row in rows]
    return Block(role="code", lines=lines, box=box_union(line.box for line in lines))


def _row(pieces: Sequence[Line]) -> Line:
    if len(pieces) == 1:
        return pieces[0]
    words = sorted((word for piece in pieces for word in piece.words), key=lambda w: w.box[0])
    return pieces[0].model_copy(
        update={"words": words, "box": box_union(word.box for word in words), "quad": None}
    )


def _is_code(block: Block, all_code: bool) -> bool:
    text = "".join(word.text for word in block.words)
    # Ideographs and syllables are equally wide in any font.
    if 2 * _letters(text) < sum(char.isalpha() for char in text):
        return False
    least = ALL_SIGNS if all_code else SIGNS
    return sum(char in _SIGNS for char in text) >= least * len(text)
