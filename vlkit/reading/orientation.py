"""Which way up a page is, and by how much it leans.

Both work on words as blobs of ink: letters closed up until a word is one blob, whose long axis is
the direction of reading. Upright and upside down are told apart by the classifier of line
pictures that RapidOCR's wheel carries. A page that gives no clear answer stays as it is, since to
turn an upright page is the worst error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.document import Page
from vlkit.images import PageImage, Pixels
from vlkit.reading.lines import Gray, Mask, components, ink, resize, text_height

Rotation = Literal[0, 90, 180, 270]

WORKING_SIZE = 1700
"""Longest side, in pixels, of the picture that is looked at: 150 dpi for A4."""
MAX_SKEW = 15.0
MIN_SKEW = 0.3
"""Less than this neither hurts an engine nor is worth resampling the page for."""
CLEAR = 2.0
"""Text that runs one way and this many times what runs the other way decides by itself."""
MARGIN = 0.2
"""By how much (see ``_uprightness``) a page must look wrong before it is turned."""
DOUBT = 6
"""Words' worth of doubt: few words, as photographs may seem to have, don't turn a page."""
CLASSIFIED = 16
"""Words, the longest ones, that the classifier sees."""
CLASSIFIER = "models/ch_ppocr_mobile_v2.0_cls_mobile.onnx"


class Orient:
    """Sets ``page.rotation`` by quarter turns; a page with a text layer is left alone."""

    name = "orient"
    version = "1"

    def __call__(self, image: PageImage, page: Page) -> Page:
        if image.text_layer is None:
            page.rotation = find_rotation(to_gray(image.pixels))
        return page


class Deskew:
    """Sets ``page.skew`` within ±15°; a page with a text layer is left alone."""

    name = "deskew"
    version = "1"

    def __call__(self, image: PageImage, page: Page) -> Page:
        if image.text_layer is None:
            page.skew = find_skew(to_gray(image.pixels))
        return page


def find_rotation(gray: Gray) -> Rotation:
    """Quarter turns clockwise by which the text of the page stands turned, in degrees."""
    words = find_words(gray)
    up = words.length[words.steep].sum()
    across = words.length[~words.steep].sum()
    upright = _uprightness(words, ~words.steep) if up <= CLEAR * across else 0.0
    turned = _uprightness(words, words.steep) if across < CLEAR * up else 0.0
    # Where the direction is clear by itself, only a sign of text is asked for.
    clear = up > CLEAR * across and abs(turned) > MARGIN / 2
    if clear or abs(turned) > abs(upright) + MARGIN:
        return 90 if turned > 0 else 270
    return 180 if upright < -MARGIN else 0


def find_skew(gray: Gray) -> float:
    """Degrees clockwise, within ±15, by which the lines of a page lean; 0 if under 0.3."""
    words = find_words(gray)
    level = np.abs(words.angle) < MAX_SKEW + 5
    if not level.any():
        return 0.0
    coarse = _weighted_median(words.angle[level], words.length[level])
    skew = _refine(words.letters, words.height, coarse)
    return round(skew, 2) if MIN_SKEW <= abs(skew) <= MAX_SKEW + 1 else 0.0


@dataclass(frozen=True)
class Words:
    """Blobs that are longer than high: words and short phrases.

    Attributes:
        angle: [N] degrees clockwise from level, -90 to 90, of each blob's long axis.
        length: [N] along that axis, in pixels of ``page``.
        centre: [N, 2] x, y.
        thickness: [N] across the axis.
        letters: [M, 4] boxes of all letters.
        height: Median height of a letter.
        page: The picture that was looked at, which may be smaller than the given one.
    """

    angle: NDArray[np.float64]
    length: NDArray[np.float64]
    centre: NDArray[np.float64]
    thickness: NDArray[np.float64]
    letters: NDArray[np.int32]
    height: float
    page: Gray

    @property
    def steep(self) -> NDArray[np.bool_]:
        """[N] whether the blob runs up the page rather than across it."""
        return np.abs(self.angle) > 45


def find_words(gray: Gray) -> Words:
    """Close up the letters of a page to words, in whatever direction they run."""
    shrink = WORKING_SIZE / max(gray.shape)
    if shrink < 1:
        gray = resize(gray, shrink)
    labels, boxes = components(ink(gray))
    height = text_height(boxes)
    size = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    letter = (size >= 0.5 * height) & (size < 4 * height)
    if height == 0 or not letter.any():
        none = np.zeros(0)
        return Words(none, none, np.zeros((0, 2)), none, boxes[:0], 0.0, gray)
    kept = np.concatenate([[False], letter])[labels].astype(np.uint8)
    angle, length, thickness, centre = _axes(_closed(kept, max(1, round(0.3 * height))))
    word = (length > 2.5 * thickness) & (length > 2.5 * height)
    return Words(
        angle[word], length[word], centre[word], thickness[word], boxes[letter], height, gray
    )


def _closed(mask: Mask, radius: int) -> Mask:
    side = 2 * radius + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    wide = cv2.copyMakeBorder(mask, radius, radius, radius, radius, cv2.BORDER_CONSTANT)
    closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, kernel)
    return closed[radius:-radius, radius:-radius].astype(np.uint8, copy=False)


def _axes(
    mask: Mask,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Angle, length, thickness and centre of every blob, from its second moments: those of a
    filled rectangle of that size.
    """
    count, labels = cv2.connectedComponents(mask)
    y, x = np.nonzero(mask)
    blob = labels[y, x]
    area = np.maximum(np.bincount(blob, minlength=count), 1).astype(np.float64)
    mean_x = np.bincount(blob, x, count) / area
    mean_y = np.bincount(blob, y, count) / area
    dx, dy = x - mean_x[blob], y - mean_y[blob]
    xx = np.bincount(blob, dx * dx, count) / area
    yy = np.bincount(blob, dy * dy, count) / area
    xy = np.bincount(blob, dx * dy, count) / area
    spread = np.hypot((xx - yy) / 2, xy)
    long, short = (xx + yy) / 2 + spread, np.maximum((xx + yy) / 2 - spread, 0)
    angle = np.degrees(np.arctan2(2 * xy, xx - yy) / 2)
    centre = np.stack([mean_x, mean_y], axis=1)
    # The background is blob 0.
    return angle[1:], np.sqrt(12 * long)[1:], np.sqrt(12 * short)[1:], centre[1:]


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


# ---------------------------------------------------------------------------------------------
# Skew


def _refine(letters: NDArray[np.int32], height: float, coarse: float) -> float:
    """The angle near ``coarse`` at which the letters' feet fall into the fewest rows."""
    feet = np.stack([(letters[:, 0] + letters[:, 2]) / 2, letters[:, 3]], axis=1)
    skew = coarse
    for reach, step in ((2.0, 0.2), (0.3, 0.05)):
        angles = np.arange(skew - reach, skew + reach + step / 2, step)
        sharp = np.array([_sharpness(feet, angle, height) for angle in angles])
        skew = float(angles[sharp.argmax()])
    return skew


def _sharpness(feet: NDArray[np.float64], angle: float, height: float) -> float:
    """Sum of squares of the letters' count per row, along rows that lean by ``angle``."""
    lean = np.radians(angle)
    row = (feet[:, 1] * np.cos(lean) - feet[:, 0] * np.sin(lean)) / max(0.15 * height, 1.0)
    row -= row.min()
    # Shared between two neighbouring rows, so that the rows' borders don't matter.
    low = row.astype(np.int64)
    part = row - low
    count = np.bincount(low, 1 - part, low.max() + 2) + np.bincount(low + 1, part, low.max() + 2)
    return float((count**2).sum())


# ---------------------------------------------------------------------------------------------
# Upside down


def _uprightness(words: Words, chosen: NDArray[np.bool_]) -> float:
    """-1 where the classifier holds the chosen words to stand on their heads, 1 upright; 0 if it
    can't tell, or without words or classifier.

    Steep words are read down the page, as text does that was turned clockwise. Each is seen both
    ways up, so that what looks alike both ways counts for nothing.
    """
    classifier = _classifier()
    longest = np.flatnonzero(chosen)
    longest = longest[np.argsort(-words.length[longest])][:CLASSIFIED]
    if classifier is None or not len(longest):
        return 0.0
    batch = np.stack(
        [_word_picture(words, index, turn) for turn in (0, 180) for index in longest.tolist()]
    )
    (probability,) = classifier.run(None, {classifier.get_inputs()[0].name: batch})
    as_is, turned = probability[:, 0].reshape(2, -1)
    return float((as_is - turned).sum() / (len(longest) + DOUBT))


def _word_picture(words: Words, index: int, turn: int) -> NDArray[np.float32]:
    """One word set level, as the classifier wants it: [3, 48, 192], -1 to 1, 0 beyond it."""
    angle = words.angle[index]
    angle += turn + (180 if angle < -45 else 0)
    high = 1.5 * max(words.thickness[index], words.height)
    wide = words.length[index] + 0.5 * high
    scale = 48 / high
    width = int(min(192, np.ceil(wide * scale)))
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    # A picture point (u, v) shows the page at centre + right · u + down · v.
    across = wide / width
    down = 1 / scale
    x, y = words.centre[index]
    matrix = np.array(
        [
            [cos * across, -sin * down, x - cos * wide / 2 + sin * high / 2],
            [sin * across, cos * down, y - sin * wide / 2 - cos * high / 2],
        ]
    )
    picture = cv2.warpAffine(
        words.page,
        matrix,
        (width, 48),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    padded = np.zeros((3, 48, 192), np.float32)
    padded[:, :, :width] = picture / 127.5 - 1
    return padded


@cache
def _classifier() -> Any | None:
    """The line classifier of RapidOCR's wheel: probabilities of 0° and 180°."""
    package = find_spec("rapidocr")
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / CLASSIFIER
    if not path.exists():
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def to_gray(pixels: Pixels) -> Gray:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
