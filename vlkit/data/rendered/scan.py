"""What happens to a picture: paper, light, lens, sensor, coder.

Every function but those that choose levels takes the scan, a severity from 0 to 1 and the chance
it uses, and changes the scan's picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.data.rendered.marks import chance, clouds

Picture = NDArray[np.float32]


@dataclass
class Scan:
    """A line at the resolution it is scanned at.

    Attributes:
        picture: [H, W], 0 black, 1 white, now and then beyond.
        em: Size of the type in pixels.
        contrast: Between paper and ink.
    """

    picture: Picture
    em: float
    contrast: float

    @property
    def shape(self) -> tuple[int, int]:
        return (self.picture.shape[0], self.picture.shape[1])


def _float(values: NDArray[Any]) -> Picture:
    return np.asarray(values, np.float32)


def plain(rng: Random) -> tuple[float, float]:
    """Levels of paper and ink where nothing is wrong with them."""
    return rng.uniform(0.9, 1.0), rng.uniform(0.0, 0.25)


def ground(severity: float, rng: Random) -> tuple[float, float]:
    """Levels of a coloured or grey ground and of ink on it, in contrast enough to be read."""
    paper = rng.uniform(0.95 - 0.5 * severity, 0.97)
    contrast = rng.uniform(0.85 - 0.6 * severity, 0.9)
    return paper, max(0.0, paper - max(0.2, contrast * paper))


def texture(scan: Scan, severity: float, rng: Random) -> None:
    """A printed or woven ground: clouds, hatching or dots, paler than the ink."""
    rows, columns = scan.shape
    depth = scan.contrast * (0.03 + 0.25 * severity * rng.random())
    kind = rng.random()
    if kind < 0.5:
        pattern = clouds(rng, scan.shape, rng.uniform(2, rows))
    else:
        y, x = np.mgrid[:rows, :columns].astype(np.float32)
        period, angle = rng.uniform(2.5, 8), rng.uniform(0, math.pi)
        wave = np.sin((x * math.cos(angle) + y * math.sin(angle)) * (2 * math.pi / period))
        if kind < 0.75:
            wave *= np.sin((y * math.cos(angle) - x * math.sin(angle)) * (2 * math.pi / period))
        pattern = _float(wave > 0.3)
    scan.picture = _float(scan.picture - depth * pattern)


def bleed(scan: Scan, ink: Picture, severity: float, rng: Random) -> None:
    """The other side's print, in mirror writing, pale and soft."""
    shift = (rng.randrange(-9, 9), rng.randrange(ink.shape[1]))
    back = cv2.GaussianBlur(np.roll(ink[:, ::-1], shift, axis=(0, 1)), (0, 0), 0.8)
    scan.picture = _float(scan.picture - scan.contrast * (0.05 + 0.2 * severity) * back)


def stamp(scan: Scan, severity: float, rng: Random) -> None:
    """A seal over the text: ring or frame, with bars in it as of letters, in a paler ink."""
    rows, columns = scan.shape
    layer = np.zeros((rows, columns), np.uint8)
    size = rows * rng.uniform(0.5, 1.4)
    x, y = rng.randrange(columns), round(rows * rng.uniform(-0.1, 1.1))
    thick, around = max(1, round(rows * 0.05)), round(size)
    if rng.random() < 0.6:
        cv2.circle(layer, (x, y), around, 255, thick, cv2.LINE_AA)
    else:
        corners = ((x - around, y - around), (x + around, y + around))
        cv2.rectangle(layer, *corners, 255, thick, cv2.LINE_AA)
    for _ in range(rng.randrange(2, 7)):
        start = (round(rng.gauss(x, size / 3)), round(rng.gauss(y, size / 3)))
        step = rng.choice(((size / 3, 0), (0, size / 3), (size / 5, size / 5)))
        end = (round(start[0] + step[0]), round(start[1] + step[1]))
        cv2.line(layer, start, end, 255, thick, cv2.LINE_AA)
    scan.picture = _float(scan.picture - scan.contrast * (0.2 + 0.35 * severity) / 255 * layer)


def light(scan: Scan, severity: float, rng: Random) -> None:
    """A shadow that falls off along the line, or across it as at a book's fold."""
    rows, columns = scan.shape
    ramp = np.linspace(rng.uniform(-1, 1), rng.uniform(-1, 1), columns, dtype=np.float32)
    across = np.linspace(rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4), rows, dtype=np.float32)
    shade = np.clip(ramp + across[:, None], 0, 1)
    scan.picture = _float(scan.picture * (1 - 0.5 * severity * shade))


def blur(scan: Scan, severity: float, rng: Random) -> None:
    """Out of focus: by up to a twentieth of an em, and half a pixel."""
    sigma = 0.3 + (0.2 + 0.05 * scan.em) * severity * rng.uniform(0.4, 1)
    scan.picture = _float(cv2.GaussianBlur(scan.picture, (0, 0), sigma))


def halo(scan: Scan, severity: float, rng: Random) -> None:
    """Sharpened by a scanner's own software."""
    soft = cv2.GaussianBlur(scan.picture, (0, 0), rng.uniform(0.7, 1.6))
    scan.picture = _float(scan.picture + (0.3 + 1.2 * severity) * (scan.picture - soft))


def noise(scan: Scan, severity: float, rng: Random) -> None:
    """Grain, fine or coarse, and at times specks."""
    sigma = scan.contrast * (0.01 + 0.16 * severity * rng.random())
    grain = chance(rng).standard_normal(scan.shape, dtype=np.float32)
    if rng.random() < 0.3:
        grain = _float(cv2.GaussianBlur(grain, (0, 0), 0.8) * 2)
    found = _float(scan.picture + sigma * grain)
    if rng.random() < 0.25:
        share = 0.012 * severity
        struck = chance(rng).random(scan.shape, dtype=np.float32)
        found[struck < share] = 0.1
        found[struck > 1 - share] = 0.95
    scan.picture = found


def fax(scan: Scan, severity: float, rng: Random) -> None:
    """One bit a pixel, the threshold a little off; in standard mode with half of the rows."""
    picture, (rows, columns) = scan.picture, scan.shape
    coarse = scan.em > 20 and rng.random() < 0.4 * severity
    if coarse:
        picture = _float(cv2.resize(picture, (columns, rows // 2), interpolation=cv2.INTER_AREA))
    low, high = (float(level) for level in np.percentile(picture, (2, 98)))
    level = low + (high - low) * (0.55 + rng.uniform(-0.13, 0.13) * severity)
    if rng.random() < 0.5:
        rough = chance(rng).random(picture.shape, dtype=np.float32) - 0.5
        picture = _float(picture + 0.15 * severity * (high - low) * rough)
    bits = _float(picture > level)
    if coarse:
        bits = _float(cv2.resize(bits, (columns, rows), interpolation=cv2.INTER_NEAREST))
    scan.picture = bits


def jpeg(scan: Scan, severity: float, rng: Random) -> None:
    """Through JPEG and back, down to quality 8."""
    quality = round(90 - 82 * severity * rng.uniform(0.4, 1))
    pixels = np.clip(scan.picture * 255, 0, 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.float32)
    scan.picture = decoded / np.float32(255)


def motion(scan: Scan, severity: float, rng: Random) -> None:
    """A hand that moved: blurred one way by up to an eighth of an em."""
    length = 1 + scan.em * (0.03 + 0.1 * severity)
    angle = rng.uniform(0, math.pi)
    reach = math.ceil(length / 2)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    step = (math.cos(angle) * length / 2, math.sin(angle) * length / 2)
    for part in np.linspace(-1, 1, 4 * reach + 1):
        kernel[round(reach + part * step[1]), round(reach + part * step[0])] += 1
    scan.picture = _float(
        cv2.filter2D(scan.picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    )


def crease(scan: Scan, severity: float, rng: Random) -> None:
    """Folds: bright where the print cracked, with a shadow along one side."""
    rows, columns = scan.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    for _ in range(rng.randrange(1, 2 + round(3 * severity))):
        angle = rng.uniform(0.2, math.pi - 0.2)
        away = (x - rng.randrange(columns)) * math.sin(angle) - (y - rows / 2) * math.cos(angle)
        crack = np.exp(-((away / (0.5 + 0.8 * severity)) ** 2))
        shadow = np.where(away > 0, np.exp(-np.abs(away) / (0.3 * rows)), 0)
        shaded = scan.picture * (1 - 0.35 * severity * shadow)
        scan.picture = _float(shaded * (1 - crack) + 0.92 * crack)


def halftone(scan: Scan, severity: float, rng: Random) -> None:
    """Printed through a screen of dots, as grey type is in papers and magazines."""
    rows, columns = scan.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    period = max(2.0, scan.em * (0.06 + 0.05 * severity))
    angle = rng.uniform(0.2, 1.3)
    u = (x * math.cos(angle) + y * math.sin(angle)) * (2 * math.pi / period)
    v = (y * math.cos(angle) - x * math.sin(angle)) * (2 * math.pi / period)
    screen = 0.5 + 0.25 * (np.cos(u) + np.cos(v))
    dots = np.clip((0.12 + 0.8 * scan.picture - screen) * 3 + 0.5, 0, 1)
    share = 0.4 + 0.4 * severity
    scan.picture = _float(share * dots + (1 - share) * scan.picture)
