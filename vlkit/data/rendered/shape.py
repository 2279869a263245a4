"""The way of a line from its canvas into a cut: skewed, bent, and cropped as engines crop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import cv2
import numpy as np

from vlkit.data.rendered.typeset import Type


@dataclass
class Bend:
    """How rows move along the line, in ems; added up by the kinds of wear, applied at once.

    Attributes:
        slope: Rise from the line's start to its end.
        sag: Depth of one bow along the whole line.
        wave: Depth of a wave, and its length in ems.
        taper: Share by which the line's end is smaller than its start.
        slant: Shift of the top against the base line.
    """

    slope: float = 0.0
    sag: float = 0.0
    wave: float = 0.0
    length: float = 1.0
    taper: float = 0.0
    slant: float = 0.0

    def apply(self, line: Type) -> None:
        """Move the ink; the characters' places along the line stay."""
        if self == Bend():
            return
        rows, columns = line.ink.shape
        x = np.arange(columns, dtype=np.float32)
        along = x / columns - 0.5
        lift = self.slope * along + self.sag * (1 - 4 * along**2)
        lift += self.wave * np.sin(2 * math.pi * x / (self.length * line.em), dtype=np.float32)
        y = np.arange(rows, dtype=np.float32)[:, None]
        middle = line.baseline - 0.35 * line.em
        grown = 1 + self.taper * along
        map_y = middle + (y - middle) * grown.astype(np.float32) + lift * np.float32(line.em)
        map_x = np.broadcast_to(x, (rows, columns)) + np.float32(self.slant) * (y - middle)
        line.ink = np.asarray(
            cv2.remap(
                line.ink, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR
            ),
            np.uint8,
        )


def skew(bend: Bend, ems: float, severity: float, rng: Random) -> None:
    """Turned by up to 2°, as far as a cut would still hold the line."""
    angle = math.radians(2 * severity) * rng.uniform(-1, 1)
    most = 0.1 + 0.35 * severity
    bend.slope += max(-most, min(most, math.tan(angle) * ems))
    bend.slant += math.tan(angle)


def curl(bend: Bend, severity: float, rng: Random) -> None:
    """Paper that does not lie flat."""
    bend.sag += rng.uniform(-0.25, 0.25) * severity
    bend.wave += rng.uniform(-0.1, 0.1) * severity
    bend.length = rng.uniform(6, 20)


def perspective(bend: Bend, severity: float, rng: Random) -> None:
    """Seen from a side."""
    bend.taper += rng.uniform(-0.3, 0.3) * severity
    bend.slant += rng.uniform(-0.2, 0.2) * severity


@dataclass(frozen=True)
class Cut:
    """A box on the canvas, in whole pixels."""

    x0: int
    y0: int
    x1: int
    y1: int


def cut(
    line: Type,
    text_rows: tuple[int, int],
    bend: Bend,
    severity: float,
    rng: Random,
    *,
    crowded: bool,
) -> Cut:
    """The box that an engine might cut out: by the face's height or by the ink's, with room to
    spare or a pixel short.

    Args:
        text_rows: First and last row of the text's own ink, before anything was added.
        severity: 0 cuts by the face's height with a little room.
        crowded: Other lines are near; the cut must leave no doubt about which is meant.
    """
    em = line.em
    drift = abs(bend.slope) / 2 + abs(bend.sag) / 2 + abs(bend.wave)
    by_ink = rng.random() < 0.6 * min(1.0, 2 * severity)
    if by_ink and text_rows[1] - text_rows[0] > 0.5 * em:
        top, bottom = float(text_rows[0]), float(text_rows[1])
        low, high = -0.02 - 0.05 * severity, 0.06 + 0.34 * severity
    else:
        top, bottom = line.top, line.bottom
        low, high = -0.03, 0.04 + 0.26 * severity
    above, below = (em * (rng.triangular(low, high, low + 0.05) + drift) for _ in range(2))
    if crowded:
        above = min(above, em * (1.15 + drift) - line.baseline + top)
        below = min(below, em * (0.45 + drift) + line.baseline - bottom)
    before, behind = (em * rng.triangular(-0.01, 0.15 + 0.6 * severity, 0.08) for _ in range(2))
    rows, columns = line.ink.shape
    return Cut(
        max(0, math.floor(line.edges[0, 0] - before)),
        max(0, math.floor(top - above)),
        min(columns, math.ceil(line.edges[-1, 1] + behind)),
        min(rows, math.ceil(bottom + below)),
    )
