"""Where the lines of text stand on an upright page, from its ink alone.

A line here is one run of text: a whole line of a paragraph, one cell of a table row, one label of
a form. Every length is measured in the page's own text height, so that resolution doesn't matter.
The steps: ink by local contrast; ruling lines taken out; connected components; components linked
to the neighbours that stand beside them; small marks (dots, accents, parts of Hangul syllables)
given to the run that they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
"""[H, W], 0 black to 255 white."""
Mask = NDArray[np.uint8]
"""[H, W], 0 or 1."""
Boxes = NDArray[np.int32]
"""[N, 4], x0, y0, x1, y1 in pixels."""


@dataclass(frozen=True)
class TextLine:
    """One run of text.

    Attributes:
        box: (x0, y0, x1, y1) around its ink, in pixels.
        components: Indices of its connected components in ``Segmentation.components``.
    """

    box: tuple[int, int, int, int]
    components: tuple[int, ...]


@dataclass(frozen=True)
class Segmentation:
    """The runs of text of a page and what they were found from.

    Attributes:
        lines: Top to bottom, left to right.
        labels: [H, W], 0 or 1 + the index of the component that the pixel belongs to.
        components: [N, 4] boxes of all components but ruling lines.
        rules: 1 where a ruling line was taken out.
        text_height: Median height of the lines' letters, in pixels; 0 without text.
    """

    lines: list[TextLine]
    labels: NDArray[np.int32]
    components: Boxes
    rules: Mask
    text_height: float


def ink(gray: Gray) -> Mask:
    """1 where the page is darker than its surroundings: uneven light and tinted paper don't count.

    Light text on dark areas isn't ink: of such an area the gaps between its letters are.
    """
    # Paper is what remains when everything thinner than 1/30 of the page is wiped away.
    reach = max(15, min(gray.shape) // 30) | 1
    small = resize(gray, 0.25)
    kernel = np.ones((max(3, reach // 4), max(3, reach // 4)), np.uint8)
    paper = cv2.blur(cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel), kernel.shape)
    paper = cv2.resize(paper, gray.shape[::-1], interpolation=cv2.INTER_LINEAR)
    flat = cv2.divide(gray, np.maximum(paper, 1), scale=255)
    level, _ = cv2.threshold(flat, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    # On an almost blank page Otsu's level falls into the paper's noise.
    level = float(np.clip(level, 90, 215))
    return (flat < level).astype(np.uint8)


def find_rules(page: Mask, letter: float) -> Mask:
    """1 on ruling lines: straight strokes much longer than a letter, and thin.

    Where a letter crosses a rule, the crossing stays ink.
    """
    rules = np.zeros_like(page)
    length = max(12, round(3.5 * letter))
    thickness = max(3.0, 0.5 * letter)
    for kernel, across in (((length, 1), (1, 3)), ((1, length), (3, 1))):
        bridged = cv2.morphologyEx(page, cv2.MORPH_CLOSE, np.ones(across[::-1], np.uint8))
        runs = cv2.morphologyEx(bridged, cv2.MORPH_OPEN, np.ones(kernel[::-1], np.uint8))
        _, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
        long = np.maximum(stats[:, 2:4].max(axis=1), 1)
        # Thickness from the area, since a long rule is seldom exactly level.
        thin = stats[:, 4] / long <= np.minimum(thickness, long / 6)
        thin[0] = False
        straight = thin[labels].astype(np.uint8)
        band = cv2.dilate(straight, np.ones(across[::-1], np.uint8)).astype(np.uint8) & page
        rest = page & (1 - band)
        reach = round(2 * thickness) | 1
        crossing = cv2.morphologyEx(
            rest, cv2.MORPH_CLOSE, np.ones((reach, 1) if kernel[1] == 1 else (1, reach), np.uint8)
        )
        rules |= band & (1 - crossing.astype(np.uint8))
    return rules


# Lengths in text heights.
LETTER = (0.5, 2.2)
"""Heights of what counts as an ordinary letter; lower is a mark, higher a heading's letter."""
GAP = 1.8
"""White this wide ends a run."""
PICTURE = 10.0
"""Nothing higher than this is a letter."""


def segment(gray: Gray) -> Segmentation:
    """Find the runs of text of an upright page ([H, W], 0 black)."""
    page = ink(gray)
    height = text_height(components(page)[1])
    if height == 0:
        empty = np.zeros_like(page)
        return Segmentation([], empty.astype(np.int32), np.zeros((0, 4), np.int32), empty, 0.0)
    rules = find_rules(page, height)
    labels, boxes = components(page & (1 - rules))
    heights = boxes[:, 3] - boxes[:, 1]
    height = text_height(boxes)
    # What fills the page is its background, whatever its colour.
    background = (boxes[:, 2] - boxes[:, 0]) * heights > 0.5 * page.size
    heights = np.where(background, np.iinfo(np.int32).max, heights)
    ordinary = (heights >= LETTER[0] * height) & (heights < LETTER[1] * height)
    tall = (heights >= LETTER[1] * height) & (heights < PICTURE * height)
    run = np.full(len(boxes), -1)
    run[ordinary] = _link(boxes[ordinary], height, page.shape)
    run[tall] = _link(boxes[tall], height, page.shape) + run.max() + 1
    runs = _merge(_grouped(run), boxes)
    runs = _adopt(runs, boxes, np.flatnonzero(heights < LETTER[0] * height), height)
    runs = _beside(_stack(_merge(runs, boxes), boxes), boxes)
    lines = [TextLine(_around(boxes[members]), tuple(members)) for members in runs]
    lines.sort(key=lambda line: (line.box[1] + line.box[3], line.box[0]))
    return Segmentation(lines, labels, boxes, rules, height)


def components(mask: Mask) -> tuple[NDArray[np.int32], Boxes]:
    """Connected components: labels (0 is background) and a box for each."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    x, y, width, height = stats[1:, :4].T
    boxes = np.stack([x, y, x + width, y + height], axis=1).astype(np.int32)
    return labels.astype(np.int32, copy=False), boxes


def text_height(boxes: Boxes) -> float:
    """Median height of components that may be letters, each counted by its width."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    letters = (height >= 4) & (width < 8 * height) & (height < 8 * width)
    if not letters.any():
        return 0.0
    width, height = width[letters], height[letters]
    # Pictures and frames are few but wide: a letter counts at most as one letter.
    weight = np.minimum(width, np.median(width))
    order = np.argsort(height)
    total = np.cumsum(weight[order])
    return float(height[order][np.searchsorted(total, total[-1] / 2)])


def _link(boxes: Boxes, height: float, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """A run's number for each letter: letters are linked that stand beside each other.

    The middle half of each letter's height, drawn out to the right by the widest gap, touches the
    middle of the next letter of the line, and never the line above or below.
    """
    canvas = np.zeros(shape[:2], np.uint8)
    for x0, y0, x1, y1 in boxes.tolist():
        quarter = (y1 - y0) // 4
        reach = round(GAP * max(y1 - y0, height))
        canvas[y0 + quarter : max(y1 - quarter, y0 + quarter + 1), x0 : x1 + reach] = 1
    _, labels = cv2.connectedComponents(canvas, connectivity=4)
    middle = (boxes[:, 1] + boxes[:, 3]) // 2
    return np.asarray(labels[np.minimum(middle, shape[0] - 1), boxes[:, 0]], np.int64)


def _grouped(run: NDArray[np.int64]) -> list[list[int]]:
    """Members of every run; -1 is in none."""
    runs: dict[int, list[int]] = {}
    for index, number in enumerate(run.tolist()):
        if number >= 0:
            runs.setdefault(number, []).append(index)
    return list(runs.values())


def _around(boxes: Boxes) -> tuple[int, int, int, int]:
    x0, y0 = boxes[:, :2].min(axis=0).tolist()
    x1, y1 = boxes[:, 2:].max(axis=0).tolist()
    return x0, y0, x1, y1


def _merge(runs: list[list[int]], boxes: Boxes) -> list[list[int]]:
    """Join runs whose boxes overlap by more than half of the smaller one's height and at all
    in x: superscripts, the halves of syllables, letters broken by a fold.
    """
    runs = sorted(runs, key=lambda members: int(boxes[members, 0].min()))
    around = [_around(boxes[members]) for members in runs]
    merged = True
    while merged:
        merged = False
        for i in range(len(runs)):
            if not runs[i]:
                continue
            for j in _overlapping(around, i):
                if runs[j] and j != i:
                    runs[i] += runs[j]
                    runs[j] = []
                    around[i] = _around(boxes[runs[i]])
                    around[j] = (0, 0, 0, 0)
                    merged = True
    return [sorted(members) for members in runs if members]


def _overlapping(around: list[tuple[int, int, int, int]], index: int) -> list[int]:
    every = np.array(around)
    x0, y0, x1, y1 = around[index]
    across = np.minimum(every[:, 2], x1) - np.maximum(every[:, 0], x0)
    down = np.minimum(every[:, 3], y1) - np.maximum(every[:, 1], y0)
    smaller = np.minimum(every[:, 3] - every[:, 1], y1 - y0)
    return np.flatnonzero((across > 0) & (down > 0.5 * smaller) & (smaller > 0)).tolist()


def _stack(runs: list[list[int]], boxes: Boxes) -> list[list[int]]:
    """Join a run that is too low for a line to one above or below it that completes a line: the
    upper and lower halves of Hangul syllables, rows of accents.
    """
    around = np.array([_around(boxes[members]) for members in runs]).reshape(-1, 4)
    if not len(around):
        return runs
    width, height = (around[:, 2:] - around[:, :2]).T
    order = np.argsort(height)
    total = np.cumsum(width[order])
    usual = height[order][np.searchsorted(total, total[-1] / 2)]
    for low in np.flatnonzero(height < 0.7 * usual).tolist():
        x0, y0, x1, y1 = around[low]
        across = np.minimum(around[:, 2], x1) - np.maximum(around[:, 0], x0)
        apart = np.maximum(around[:, 1] - y1, y0 - around[:, 3])
        both = np.maximum(around[:, 3], y1) - np.minimum(around[:, 1], y0)
        fits = (across > 0.5 * np.minimum(width, x1 - x0)) & (apart < 0.25 * usual)
        fits &= both <= 1.15 * usual
        fits[low] = False
        if fits.any():
            target = int(np.where(fits, apart, np.inf).argmin())
            runs[target] = sorted(runs[target] + runs[low])
            runs[low] = []
            around[target] = _around(boxes[runs[target]])
            around[low] = 0
    return [members for members in runs if members]


def _beside(runs: list[list[int]], boxes: Boxes) -> list[list[int]]:
    """Join runs that stand on one line, less than the line's height apart: where a line's letters
    are of such different heights that their middles don't meet.
    """
    runs = sorted(runs, key=lambda members: int(boxes[members, 0].min()))
    around = np.array([_around(boxes[members]) for members in runs]).reshape(-1, 4)
    for index in range(len(runs)):
        x0, y0, _, y1 = around[index].tolist()
        height = around[:, 3] - around[:, 1]
        down = np.minimum(around[:, 3], y1) - np.maximum(around[:, 1], y0)
        higher = np.maximum(height, y1 - y0)
        before = (around[:, 2] <= x0) & (x0 - around[:, 2] < higher) & (down > 0.7 * higher)
        if before.any():
            # The nearest one to the left; it may have grown by others already.
            last = int(np.where(before, around[:, 2], -1).argmax())
            runs[index] = runs[last] + runs[index]
            runs[last] = []
            around[index] = _around(boxes[runs[index]])
            around[last] = 0
    return [sorted(members) for members in runs if members]


def _adopt(
    runs: list[list[int]], boxes: Boxes, marks: NDArray[np.int64], height: float
) -> list[list[int]]:
    """Give each small mark to the nearest run in reach; wide ones far from all stand alone."""
    around = np.array([_around(boxes[members]) for members in runs]).reshape(-1, 4)
    alone: list[list[int]] = []
    for mark in marks.tolist():
        x0, y0, x1, y1 = boxes[mark].tolist()
        across = np.maximum(np.maximum(around[:, 0] - x1, x0 - around[:, 2]), 0)
        down = np.maximum(np.maximum(around[:, 1] - y1, y0 - around[:, 3]), 0)
        reachable = (across <= GAP * height) & (down <= 0.6 * height)
        if reachable.any():
            cost = np.where(reachable, across + 2.0 * down, np.inf)
            runs[int(cost.argmin())].append(mark)
        elif x1 - x0 >= LETTER[0] * height:
            alone.append([mark])
    return runs + alone


def resize(gray: Gray, scale: float) -> Gray:
    """The picture so many times as large, and a pixel at least."""
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    height, width = (round(side * scale) for side in gray.shape)
    size = None if min(height, width) > 0 else (max(1, width), max(1, height))
    resized = cv2.resize(gray, size, fx=scale, fy=scale, interpolation=way)
    return resized.astype(np.uint8, copy=False)


def cut(
    gray: Gray, box: tuple[int, int, int, int], text_height: float, scale: float
) -> tuple[Gray, tuple[float, float]]:
    """A part of the page on white, enlarged, and where its corner lies on the page."""
    x0, y0, x1, y1 = box
    around = max(1, round(0.1 * text_height))
    top, left = max(0, y0 - around), max(0, x0 - around)
    part = resize(gray[top : y1 + around, left : x1 + around], scale)
    white = round(0.5 * text_height * scale)
    padded = cv2.copyMakeBorder(part, white, white, white, white, cv2.BORDER_CONSTANT, value=(255,))
    return padded.astype(np.uint8, copy=False), (left - white / scale, top - white / scale)
