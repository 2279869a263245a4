"""Pictures of pages: decoding them right, and turning them upright and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, TiffImagePlugin

from vlkit.bounds import check_claim, missing_share, open_file
from vlkit.document import IDENTITY, Affine, compose, invert
from vlkit.errors import DamagedInput, InputError, TooLarge, VlkitError
from vlkit.text_layer import TextLayer

Pixels = NDArray[np.uint8]
"""[H, W, 3], RGB."""


@dataclass(frozen=True)
class Limits:
    """How much one source may take.

    The defaults keep reading under 2 GB: a page of A0 at 300 dpi (140 megapixels) is read, one
    of 60,000 × 60,000 pixels is refused by its header.

    Attributes:
        pixels: Most pixels of a picture; decoding takes up to seven bytes for each. Pillow
            itself decodes no more than the default.
        page_pixels: A larger page is reduced to this many when decoded or rendered (A3 at
            390 dpi): 90 MB of RGB.
        pages: Most pages read from one source.
        bytes: Most bytes held in memory, of a stream, a download or ``bytes``. A file on disk
            is read piece by piece and may be larger.
    """

    pixels: int = 178_000_000
    page_pixels: int = 30_000_000
    pages: int = 10_000
    bytes: int = 1 << 30


@dataclass(eq=False)
class PageImage:
    """One page as the stages see it; pixels are rendered or decoded when first asked for.

    Attributes:
        number: 1-based.
        width, height, unit: The page's own measure, as in ``vlkit.document.Page``.
        render: Gives the pixels, [H, W, 3] RGB uint8, H = height · scale.
        scale: Pixels per page unit.
        dpi: Pixels per inch of those pixels, where known.
        to_source: Page coordinates → the file's own.
        to_given: This picture's page coordinates → those of the page as given; the identity
            until the page is turned upright.
        text_layer: The text that a PDF page carries, if it carries any.
        encoded: The file's own JPEG stream, where it holds exactly this picture: grey or RGB,
            neither turned nor reduced.
        warnings: Why it may show less than the page does.
    """

    number: int
    width: float
    height: float
    render: Callable[[], Pixels]
    unit: Literal["pixel", "point"] = "pixel"
    scale: float = 1.0
    dpi: float | None = None
    to_source: Affine = IDENTITY
    to_given: Affine = IDENTITY
    text_layer: TextLayer | None = field(default=None, repr=False)
    encoded: bytes | None = field(default=None, repr=False)
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def pixels(self) -> Pixels:
        return self.render()

    def turned(self, rotation: int, skew: float) -> PageImage:
        """The page with text standing ``rotation + skew`` degrees clockwise set upright.

        Quarter turns move pixels without loss; skew resamples on a white canvas that holds
        the whole page. Coordinates of the result map back through ``to_given``.
        """
        if rotation % 360 == 0 and skew == 0:
            return self
        angle = math.radians(rotation % 360 + skew)
        cos, sin = math.cos(angle), math.sin(angle)
        # Upright coordinates are the given ones turned counter-clockwise by the angle, then
        # moved so that the page's corners are not negative.
        corners = [(0.0, 0.0), (self.width, 0.0), (self.width, self.height), (0.0, self.height)]
        xs = [cos * x + sin * y for x, y in corners]
        ys = [-sin * x + cos * y for x, y in corners]
        to_upright: Affine = (cos, -sin, sin, cos, -min(xs), -min(ys))
        width, height = max(xs) - min(xs), max(ys) - min(ys)

        def render() -> Pixels:
            quarters = rotation % 360 // 90
            if skew == 0:
                return np.ascontiguousarray(np.rot90(self.pixels, quarters))
            a, b, c, d, e, f = to_upright
            # OpenCV counts from the middle of the first pixel, a page from its corner.
            right = e * self.scale + (a + c - 1) / 2
            down = f * self.scale + (b + d - 1) / 2
            matrix = np.array([[a, c, right], [b, d, down]])
            size = (round(width * self.scale), round(height * self.scale))
            turned = cv2.warpAffine(
                self.pixels, matrix, size, flags=cv2.INTER_CUBIC, borderValue=(255, 255, 255)
            )
            return turned.astype(np.uint8, copy=False)

        return replace(
            self,
            width=width,
            height=height,
            render=render,
            to_given=compose(invert(to_upright), self.to_given),
            text_layer=self.text_layer.mapped(to_upright) if self.text_layer else None,
            encoded=None,
        )


# --- Pictures: Pillow's and arrays ---------------------------------------------------------------

_BAND_PIXELS = 1 << 22
"""Pictures are converted in bands of rows of this size, so that no second copy is made."""
_WEBP_COST = 3
"""Decoding WebP takes three times the memory of other formats: two canvases and a copy."""
_CUT_OFF = "{:.0%} of the picture is blank: the file seems to be cut off or damaged"
_ORIENTATION_TAG = 0x0112
_PHOTOMETRIC_TAG = 0x0106

_ORIENTATIONS: dict[int, tuple[bool, bool, bool]] = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
"""What to do to see a picture with that tag (EXIF 2.32) as meant: whether rows and columns change
places, and whether rows and columns then run backwards."""


def page_from_picture(
    picture: Image.Image,
    number: int = 1,
    *,
    limits: Limits | None = None,
    encoded: bytes | None = None,
) -> PageImage:
    """Decode a Pillow picture (its current frame) into a page.

    Orientation tags are applied and transparency is laid on white. Colour profiles are not
    applied: they move hues, not strokes. Grey levels deeper than 8 bits are scaled so that white
    is the greatest value of the fewest of 8, 10, 12, 14, 16 or 32 bits that hold the brightest.
    Fax pages with other resolutions across than down are stretched to square pixels.

    Args:
        number: The page's number, from 1.
        limits: What is refused and what is reduced.
        encoded: The JPEG stream that the picture comes from, if it is one.

    Raises:
        TooLarge: More pixels than the limits allow.
        DamagedInput: The pixels can't be decoded, or the file is too short to hold them.
    """
    limits = limits or Limits()
    with decoding(picture.format or "picture"):
        width, height = picture.size
        cost = _WEBP_COST if picture.format == "WEBP" else 1
        check_pixels(width, height, limits.pixels // cost)  # first: a PNG is decoded for its EXIF
        check_claim(picture)
        file = open_file(picture)
        orientation = _orientation(picture)
        swapped = _ORIENTATIONS[orientation][0]
        # Pillow turns TIFFs itself and gives their turned size beforehand.
        turned_by_pillow = isinstance(picture, TiffImagePlugin.TiffImageFile)
        if swapped and not turned_by_pillow:
            width, height = height, width
        dpi, stretch = _resolution(picture)
        given_stretch = stretch[::-1] if swapped else stretch
        page_width, page_height = width * given_stretch[0], height * given_stretch[1]
        scale = _reduction(page_width, page_height, limits)
        if isinstance(picture, JpegImagePlugin.JpegImageFile) and scale < 1:
            across, down = picture.size
            picture.draft(None, (math.ceil(across * scale), math.ceil(down * scale)))
        pixels = _decode(picture)
        missing = missing_share(picture, file, pixels)
        if not turned_by_pillow:
            pixels = _oriented(pixels, orientation)
        pixels = _resized(pixels, page_width * scale, page_height * scale)
    exact = orientation == 1 and stretch == (1, 1) and scale == 1 and picture.mode in ("L", "RGB")
    return PageImage(
        number=number,
        width=page_width,
        height=page_height,
        render=lambda: pixels,
        scale=scale,
        dpi=dpi * scale if dpi else None,
        to_source=_to_source(orientation, (page_width, page_height), stretch),
        encoded=encoded if exact else None,
        warnings=[_CUT_OFF.format(missing)] if missing else [],
    )


def page_from_array(array: NDArray[Any], *, limits: Limits | None = None) -> PageImage:
    """Make a page of an array.

    Args:
        array: Grey [H, W] or [H, W, 1], RGB [H, W, 3] or RGBA [H, W, 4]; of uint8, uint16, bool
            (True is white) or floats from 0 to 1.

    Raises:
        InputError: Another shape or type, or floats outside 0 to 1.
        TooLarge: More pixels than the limits allow.
    """
    limits = limits or Limits()
    channels = array[..., None] if array.ndim == 2 else array
    if channels.ndim != 3 or channels.shape[2] not in (1, 3, 4) or 0 in channels.shape:
        raise InputError(
            f"an array of shape {list(array.shape)} is no picture",
            remedy="Give [H, W] (grey), [H, W, 3] (RGB) or [H, W, 4] (RGBA), channels last",
        )
    height, width = channels.shape[:2]
    check_pixels(width, height, limits.pixels)
    levels = _array_levels(channels)
    if levels.shape[2] == 4:
        with decoding("array"):
            levels = _decode(Image.fromarray(levels))
    pixels = np.array(np.broadcast_to(levels, (height, width, 3)), order="C")
    scale = _reduction(width, height, limits)
    pixels = _resized(pixels, width * scale, height * scale)
    return PageImage(number=1, width=width, height=height, render=lambda: pixels, scale=scale)


def check_pixels(width: float, height: float, most: int) -> None:
    """Refuse a picture by the size that its header states.

    Raises:
        TooLarge: More than ``most`` pixels.
    """
    if width * height > most:
        raise TooLarge(
            f"a picture of {width:,.0f} × {height:,.0f} pixels is more than the"
            f" {most / 1e6:,.0f} megapixels that are read",
            remedy="Scan or export it at a lower resolution, or cut it into pages",
        )


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turn whatever a decoder raises on bad data into one of this project's errors."""
    try:
        yield
    except VlkitError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise TooLarge(
            f"the {what} needs more memory than there is",
            remedy="Scan or export it at a lower resolution",
        ) from error
    except Exception as error:  # damaged data makes decoders raise nearly every type there is
        reason = str(error) or type(error).__name__
        raise DamagedInput(
            f"the {what} is damaged or of a kind that is not read ({reason})",
            remedy="Open it in another program and save it again, or get a fresh copy",
        ) from error


def _reduction(width: float, height: float, limits: Limits) -> float:
    return min(1.0, math.sqrt(limits.page_pixels / (width * height)))


def _orientation(picture: Image.Image) -> int:
    try:
        orientation = picture.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a damaged EXIF block is no reason to refuse the picture
        return 1
    return orientation if orientation in _ORIENTATIONS else 1


def _resolution(picture: Image.Image) -> tuple[float | None, tuple[float, float]]:
    """Pixels per inch where the file's word for it is plausible, and how far a fax page is to be
    stretched across and down for square pixels."""
    try:
        across, down = (float(value) for value in picture.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None, (1, 1)
    if not (30 <= across <= 2400 and 30 <= down <= 2400):
        return None, (1, 1)
    dpi = max(across, down)
    # Programs write a screen's resolution where they know none: trust it up to A3's size.
    if dpi <= 96 and max(picture.size) / dpi > 17:
        return None, (1, 1)
    if dpi / min(across, down) < 1.1:
        return dpi, (1, 1)
    if picture.format == "TIFF" and dpi / min(across, down) < 3:
        return dpi, (dpi / across, dpi / down)
    return None, (1, 1)


def _to_source(orientation: int, size: tuple[float, float], stretch: tuple[float, float]) -> Affine:
    """Page coordinates → the file's pixels before its orientation tag was applied."""
    swap, rows_back, columns_back = _ORIENTATIONS[orientation]
    x = (-1.0, size[0]) if columns_back else (1.0, 0.0)
    y = (-1.0, size[1]) if rows_back else (1.0, 0.0)
    unflip: Affine = (x[0], 0.0, 0.0, y[0], x[1], y[1])
    unswap: Affine = (0.0, 1.0, 1.0, 0.0, 0.0, 0.0) if swap else IDENTITY
    unstretch: Affine = (1 / stretch[0], 0.0, 0.0, 1 / stretch[1], 0.0, 0.0)
    return compose(compose(unflip, unswap), unstretch)


def _oriented(pixels: Pixels, orientation: int) -> Pixels:
    swap, rows_back, columns_back = _ORIENTATIONS[orientation]
    turned = pixels.transpose(1, 0, 2) if swap else pixels
    turned = turned[:: -1 if rows_back else 1, :: -1 if columns_back else 1]
    return np.ascontiguousarray(turned)


def _resized(pixels: Pixels, width: float, height: float) -> Pixels:
    size = (max(1, round(width)), max(1, round(height)))
    if size == pixels.shape[1::-1]:
        return pixels
    shrinks = size[0] * size[1] < pixels.shape[0] * pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=method), dtype=np.uint8)


def _decode(picture: Image.Image) -> Pixels:
    picture.load()
    width, height = picture.size
    pixels = np.empty((height, width, 3), np.uint8)
    if picture.mode.startswith("I") or picture.mode == "F":
        lowest, highest = _extremes(picture)
        for top, band in _bands(picture):
            levels = _levels(np.asarray(band), lowest, highest)
            pixels[top : top + band.height] = levels[..., None]
        if picture.format == "TIFF" and picture.getexif().get(_PHOTOMETRIC_TAG) == 0:
            np.subtract(255, pixels, out=pixels)  # white is zero, which Pillow heeds up to 8 bits
        return pixels
    for top, band in _bands(picture):
        pixels[top : top + band.height] = np.asarray(_on_white(band))
    return pixels


def _bands(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    width, height = picture.size
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield top, picture.crop((0, top, width, min(height, top + rows)))


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    paint = picture.convert("RGBA")
    canvas = Image.new("RGB", picture.size, "white")
    canvas.paste(paint, mask=paint)
    return canvas


def _extremes(picture: Image.Image) -> tuple[float, float]:
    extremes = [
        (float(np.nanmin(values)), float(np.nanmax(values)))
        for values in (np.asarray(band) for _, band in _bands(picture))
    ]
    return min(low for low, _ in extremes), max(high for _, high in extremes)


def _levels(values: NDArray[Any], lowest: float, highest: float) -> Pixels:
    """Values of more than 8 bits as 8-bit levels; what is no number is white."""
    whites = [1.0] if values.dtype.kind == "f" else []
    whites += [2.0**bits - 1 for bits in (8, 10, 12, 14, 16, 32)]
    white = next((white for white in whites if highest <= white), highest)
    black = min(0.0, lowest)
    scaled = (values.astype(np.float32) - black) * (255 / (white - black))
    levels: Pixels = np.nan_to_num(scaled, nan=255).clip(0, 255).round().astype(np.uint8)
    return levels


def _array_levels(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return _levels(array, 0, float(array.max()))
    if array.dtype.kind == "f":
        if array.min() >= 0 and array.max() <= 1:  # false where there is a NaN
            return _levels(array, 0, 1)
        raise InputError(
            "an array of floats has values outside 0 to 1",
            remedy="Scale it: 0 is black and 1 is white",
        )
    raise InputError(
        f"an array of {array.dtype} is no picture",
        remedy="Give uint8, uint16, bool or floats from 0 to 1; see array.astype(np.uint8)",
    )
