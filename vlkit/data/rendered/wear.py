"""All that happens between a line of type and the picture that an engine cuts out.

Kinds of wear are chosen by name and chance; how hard a line is hit is drawn once for the line, so
that most are fair and some are as bad as the worst receipts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.data.rendered import marks, scan, shape
from vlkit.data.rendered.typeset import Pixels, Type

HEIGHT = 32
"""Rows of every picture."""

CHANCES: dict[str, float] = {
    "strokes": 0.35,
    "typewriter": 0.06,
    "photocopy": 0.15,
    "broken": 0.1,
    "dot-matrix": 0.04,
    "thermal": 0.07,
    "underline": 0.06,
    "rules": 0.1,
    "neighbours": 0.35,
    "skew": 0.3,
    "curl": 0.08,
    "perspective": 0.06,
    "crop": 0.9,
    "resolution": 0.5,
    "ground": 0.25,
    "texture": 0.1,
    "inverted": 0.06,
    "bleed": 0.05,
    "stamp": 0.05,
    "light": 0.15,
    "blur": 0.4,
    "halo": 0.1,
    "noise": 0.35,
    "fax": 0.05,
    "jpeg": 0.4,
}
"""Each kind of wear for training, with the share of lines that it takes part in."""

UNSEEN = ("motion", "crease", "halftone")
"""Kinds that training does without unless told otherwise, so that a benchmark has new ones."""

KNOWN = (*CHANCES, *UNSEEN)

_ON_INK: dict[str, Callable[[Type, float, Random], None]] = {
    "strokes": marks.strokes,
    "typewriter": marks.typewriter,
    "photocopy": marks.photocopy,
    "broken": marks.broken,
    "dot-matrix": marks.dot_matrix,
    "thermal": marks.thermal,
    "underline": marks.underline,
    "rules": marks.rules,
}
_ON_PAPER: dict[str, Callable[[scan.Scan, float, Random], None]] = {
    "stamp": scan.stamp,
    "light": scan.light,
    "blur": scan.blur,
    "motion": scan.motion,
    "crease": scan.crease,
    "halftone": scan.halftone,
    "halo": scan.halo,
    "noise": scan.noise,
    "fax": scan.fax,
    "jpeg": scan.jpeg,
}
_LOSSY = {
    "resolution",
    "photocopy",
    "broken",
    "thermal",
    "dot-matrix",
    "blur",
    "motion",
    "noise",
    "fax",
    "jpeg",
}


def wear(
    line: Type, chances: Mapping[str, float], hardness: float, least_em: float, rng: Random
) -> tuple[Pixels, NDArray[np.float32]]:
    """The picture of the line, ``HEIGHT`` rows, and the characters' edges in it.

    Args:
        chances: Kind → share of lines.
        hardness: 0 for lines as good as they come, 1 for the worst that can still be read.
        least_em: The fewest pixels an em that its characters can be read at.
    """
    kinds = [kind for kind in KNOWN if rng.random() < chances.get(kind, 0.0)]
    if "fax" in kinds:  # one threshold for a shaded page leaves nothing to be read of it
        kinds = [kind for kind in kinds if kind not in ("light", "texture")]
    # What is lost adds up: many kinds at once must each be milder.
    share = min(1.0, (2.7 / max(1, len(_LOSSY.intersection(kinds)))) ** 0.7)
    hits = {
        kind: hardness * rng.uniform(0.5, 1) * (share if kind in _LOSSY else 1) for kind in kinds
    }
    text_rows = _inked_rows(line.ink)
    for kind, mark in _ON_INK.items():
        if kind in hits:
            mark(line, hits[kind], rng)
    if rng.random() < 0.6:  # engines take rules for text, and cut around both
        text_rows = _inked_rows(line.ink)
    if "neighbours" in hits:
        marks.neighbours(line, hits["neighbours"], rng)
    bend = _bend(line, hits, rng)
    bend.apply(line)
    crowded = "neighbours" in hits
    box = shape.cut(line, text_rows, bend, hits.get("crop", 0.0), rng, crowded=crowded)
    ink, em = _scanned(line, box, hits.get("resolution"), least_em, rng)
    page = _printed(ink, em, hits, rng)
    for kind, spoil in _ON_PAPER.items():
        if kind in hits:
            spoil(page, hits[kind], rng)
    pixels = _brought_to_height(page.picture, rng)
    edges = (line.edges - box.x0) * (pixels.shape[1] / (box.x1 - box.x0))
    return pixels, np.clip(edges, 0, pixels.shape[1]).astype(np.float32)


def _inked_rows(ink: Pixels) -> tuple[int, int]:
    rows = np.flatnonzero(ink.max(axis=1) > 64)
    return (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)


def _bend(line: Type, hits: Mapping[str, float], rng: Random) -> shape.Bend:
    bend = shape.Bend()
    if "skew" in hits:
        shape.skew(bend, line.ink.shape[1] / line.em, hits["skew"], rng)
    if "curl" in hits:
        shape.curl(bend, hits["curl"], rng)
    if "perspective" in hits:
        shape.perspective(bend, hits["perspective"], rng)
    return bend


def _scanned(
    line: Type, box: shape.Cut, severity: float | None, least_em: float, rng: Random
) -> tuple[scan.Picture, float]:
    """The cut's ink, 0…1, at the scan's resolution, and its pixels an em."""
    inside = line.ink[box.y0 : box.y1, box.x0 : box.x1]
    if severity is None:
        em = min(line.em, rng.uniform(24, 34))
    else:
        em = min(line.em, max(least_em, 26 - (26 - least_em) * severity * rng.uniform(0.7, 1.1)))
    scale = em / line.em
    wide = scale * _stretch(rng)
    size = (max(1, round(inside.shape[1] * wide)), max(1, round(inside.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    ink = np.asarray(cv2.resize(inside, size, interpolation=how), np.float32)
    return ink / np.float32(255), em


def _stretch(rng: Random) -> float:
    """How wide the type is set: now and then as tall as a receipt's, or as wide as a banner's."""
    if rng.random() < 0.8:
        return min(1.2, max(0.8, rng.gauss(1, 0.06)))
    return rng.uniform(0.65, 1.35)


def _printed(ink: scan.Picture, em: float, hits: Mapping[str, float], rng: Random) -> scan.Scan:
    """Ink on paper."""
    paper, black = scan.ground(hits["ground"], rng) if "ground" in hits else scan.plain(rng)
    if "inverted" in hits:
        paper, black = 1 - paper, 1 - black
    page = scan.Scan(np.full(ink.shape, paper, np.float32), em, abs(paper - black))
    if "texture" in hits:
        scan.texture(page, hits["texture"], rng)
    if "bleed" in hits:
        scan.bleed(page, ink, hits["bleed"], rng)
    page.picture = page.picture + (np.float32(black) - page.picture) * ink
    return page


def _brought_to_height(picture: scan.Picture, rng: Random) -> Pixels:
    rows, columns = picture.shape
    pixels = np.clip(picture * 255, 0, 255).astype(np.uint8)
    if rows == HEIGHT:
        return pixels
    enlarging = rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC))
    how = cv2.INTER_AREA if rows > HEIGHT else enlarging
    size = (max(1, round(columns * HEIGHT / rows)), HEIGHT)
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)
