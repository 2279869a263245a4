"""What happens to a picture: paper, light, lens, sensor, coder.

Pictures are float32 [H, W], 0 black, 1 white, at the scan's own resolution. Every function takes
a severity from 0 to 1 and the chance it uses, and gives the changed picture.
"""

from __future__ import annotations

import math
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from vlkit.data.rendered.marks import chance, clouds

Picture = NDArray[np.float32]


def plain(rng: Random) -> tuple[float, float]:
    """Levels of paper and ink where nothing is wrong with them."""
    return rng.uniform(0.93, 1.0), rng.uniform(0.0, 0.25)


def ground(severity: float, rng: Random) -> tuple[float, float]:
    """Levels of a coloured or grey ground and of ink on it, in contrast enough to be read."""
    paper = rng.uniform(0.95 - 0.5 * severity, 0.97)
    contrast = rng.uniform(0.85 - 0.55 * severity, 0.9)
    return paper, max(0.0, paper - max(0.22, contrast * paper))


def texture(paper: Picture, severity: float, rng: Random) -> Picture:
    """A printed or woven ground: clouds, hatching or dots, paler than the ink."""
    rows, columns = paper.shape
    depth = 0.03 + 0.12 * severity * rng.random()
    kind = rng.random()
    if kind < 0.5:
        return paper - np.float32(depth) * clouds(rng, (rows, columns), rng.uniform(2, rows))
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    period = rng.uniform(2.5, 8)
    angle = rng.uniform(0, math.pi)
    wave = np.sin((x * math.cos(angle) + y * math.sin(angle)) * (2 * math.pi / period))
    if kind < 0.75:
        wave *= np.sin((y * math.cos(angle) - x * math.sin(angle)) * (2 * math.pi / period))
    return paper - np.float32(depth) * (wave > 0.3)


def bleed(paper: Picture, ink: Picture, severity: float, rng: Random) -> Picture:
    """The other side's print, in mirror writing, pale and soft."""
    back = np.roll(ink[:, ::-1], (rng.randrange(-9, 9), rng.randrange(ink.shape[1])), axis=(0, 1))
    soft = cv2.GaussianBlur(back, (0, 0), 0.8)
    return paper - np.float32(0.05 + 0.2 * severity) * soft


def stamp(picture: Picture, severity: float, rng: Random) -> Picture:
    """A seal over the text: ring or frame, with bars in it as of letters, in a paler ink."""
    rows, columns = picture.shape
    layer = np.zeros((rows, columns), np.uint8)
    size = rows * rng.uniform(0.5, 1.4)
    centre = (rng.randrange(columns), round(rows * rng.uniform(-0.1, 1.1)))
    thick = max(1, round(rows * 0.05))
    around = round(size)
    if rng.random() < 0.6:
        cv2.circle(layer, centre, around, 255, thick, cv2.LINE_AA)
    else:
        corners = (
            (centre[0] - around, centre[1] - around),
            (centre[0] + around, centre[1] + around),
        )
        cv2.rectangle(layer, *corners, 255, thick, cv2.LINE_AA)
    for _ in range(rng.randrange(2, 7)):
        start = (round(rng.gauss(centre[0], size / 3)), round(rng.gauss(centre[1], size / 3)))
        step = rng.choice(((size / 3, 0), (0, size / 3), (size / 5, size / 5)))
        end = (round(start[0] + step[0]), round(start[1] + step[1]))
        cv2.line(layer, start, end, 255, thick, cv2.LINE_AA)
    shade = np.float32((0.2 + 0.35 * severity) / 255)
    return picture * (1 - shade * layer)


def light(picture: Picture, severity: float, rng: Random) -> Picture:
    """A shadow that falls off along the line, or across it as at a book's fold."""
    rows, columns = picture.shape
    ramp = np.linspace(rng.uniform(-1, 1), rng.uniform(-1, 1), columns, dtype=np.float32)
    across = np.linspace(rng.uniform(-0.4, 0.4), rng.uniform(-0.4, 0.4), rows, dtype=np.float32)
    field = ramp + across[:, None]
    return picture * (1 - np.float32(0.5 * severity) * np.clip(field, 0, 1))


def blur(picture: Picture, em: float, severity: float, rng: Random) -> Picture:
    """Out of focus: by up to a twentieth of an em, and half a pixel."""
    sigma = 0.3 + (0.2 + 0.045 * em) * severity * rng.uniform(0.4, 1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def halo(picture: Picture, severity: float, rng: Random) -> Picture:
    """Sharpened by a scanner's own software."""
    soft = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.7, 1.6))
    return picture + np.float32(0.3 + 1.2 * severity) * (picture - soft)


def noise(picture: Picture, severity: float, rng: Random) -> Picture:
    """Grain, fine or coarse, and at times specks."""
    rows, columns = picture.shape
    sigma = np.float32(0.01 + 0.1 * severity * rng.random())
    grain = chance(rng).standard_normal((rows, columns), dtype=np.float32)
    if rng.random() < 0.3:
        grain = cv2.GaussianBlur(grain, (0, 0), 0.8) * 2
    found = picture + sigma * grain
    if rng.random() < 0.25:
        share = 0.012 * severity
        struck = chance(rng).random((rows, columns), dtype=np.float32)
        found[struck < share] = 0.1
        found[struck > 1 - share] = 0.95
    return np.asarray(found, np.float32)


def fax(picture: Picture, severity: float, rng: Random) -> Picture:
    """One bit a pixel, the threshold a little off; at times with rows repeated or lost."""
    low, high = (float(level) for level in np.percentile(picture, (2, 98)))
    level = low + (high - low) * (0.55 + rng.uniform(-0.13, 0.13) * severity)
    rough = picture
    if rng.random() < 0.5:
        rough = picture + np.float32(0.12 * severity) * (
            chance(rng).random(picture.shape, dtype=np.float32) - 0.5
        )
    return (rough > level).astype(np.float32)


def jpeg(picture: Picture, severity: float, rng: Random) -> Picture:
    """Through JPEG and back, down to quality 12."""
    quality = round(90 - 78 * severity * rng.uniform(0.4, 1))
    pixels = np.clip(picture * 255, 0, 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.float32) / 255


def motion(picture: Picture, em: float, severity: float, rng: Random) -> Picture:
    """A hand that moved: blurred one way by up to an eighth of an em."""
    length = 1 + em * (0.03 + 0.1 * severity)
    angle = rng.uniform(0, math.pi)
    reach = math.ceil(length / 2)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    step = (math.cos(angle) * length / 2, math.sin(angle) * length / 2)
    for part in np.linspace(-1, 1, 4 * reach + 1):
        kernel[round(reach + part * step[1]), round(reach + part * step[0])] += 1
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32)


def crease(picture: Picture, severity: float, rng: Random) -> Picture:
    """Folds: bright where the print cracked, with a shadow along one side."""
    rows, columns = picture.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    for _ in range(rng.randrange(1, 2 + round(3 * severity))):
        angle = rng.uniform(0.2, math.pi - 0.2)
        away = (x - rng.randrange(columns)) * math.sin(angle) - (y - rows / 2) * math.cos(angle)
        crack = np.exp(-((away / (0.5 + 0.8 * severity)) ** 2))
        shadow = np.where(away > 0, np.exp(-away / (0.3 * rows)), 0)
        picture = picture * (1 - 0.35 * severity * shadow) * (1 - crack) + 0.92 * crack
    return np.asarray(picture, np.float32)


def halftone(picture: Picture, em: float, severity: float, rng: Random) -> Picture:
    """Printed through a screen of dots, as grey type is in papers and magazines."""
    rows, columns = picture.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    period = max(2.0, em * (0.06 + 0.05 * severity))
    angle = rng.uniform(0.2, 1.3)
    u = (x * math.cos(angle) + y * math.sin(angle)) * (2 * math.pi / period)
    v = (y * math.cos(angle) - x * math.sin(angle)) * (2 * math.pi / period)
    screen = 0.5 + 0.25 * (np.cos(u) + np.cos(v))
    lifted = 0.12 + 0.8 * picture
    dots = np.clip((lifted - screen) * 3 + 0.5, 0, 1)
    share = 0.4 + 0.4 * severity
    return np.asarray(share * dots + (1 - share) * picture, np.float32)
