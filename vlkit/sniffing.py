"""What a file is, by its first bytes; its suffix is not asked."""

from __future__ import annotations

import re

from vlkit.errors import DamagedInput, InputError

HEAD = 4096
"""Bytes that ``sniff`` wants to see."""

READABLE_SUFFIXES = frozenset(
    [".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"]
) | {".pdf"}
"""What files that can be read are usually called."""

_SIGNATURES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("WebP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("BMP", re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL)),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    # Readers accept rubbish before a PDF's header, within the first kilobyte.
    ("PDF", re.compile(rb".{0,1019}%PDF-", re.DOTALL)),
)

_PDF_REMEDY = "Save it as PDF in the program it comes from and read that"
_PICTURE_REMEDY = "Convert it to JPEG, PNG or PDF and read that"
_STRANGERS: tuple[tuple[str, re.Pattern[bytes], str], ...] = (
    ("an Office document or other ZIP archive", re.compile(rb"PK\x03\x04"), _PDF_REMEDY),
    ("an old Office document", re.compile(rb"\xd0\xcf\x11\xe0"), _PDF_REMEDY),
    ("an RTF document", re.compile(rb"\{\\rtf"), _PDF_REMEDY),
    ("PostScript", re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"), _PDF_REMEDY),
    ("DjVu", re.compile(rb"AT&TFORM"), _PDF_REMEDY),
    (
        "a HEIC or AVIF photo",
        re.compile(rb".{4}ftyp(?:hei|hev|mif|msf|avi)", re.S),
        _PICTURE_REMEDY,
    ),
    ("a video", re.compile(rb".{4}ftyp", re.DOTALL), "Save the frame as a picture and read that"),
    ("JPEG 2000", re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"), _PICTURE_REMEDY),
    ("a Photoshop file", re.compile(rb"8BPS"), _PICTURE_REMEDY),
    ("a compressed archive", re.compile(rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!"), "Unpack it"),
    ("an SVG drawing", re.compile(rb"[^\0]{0,2000}<svg[\s>]", re.IGNORECASE), _PICTURE_REMEDY),
    ("a web page", re.compile(rb"\s*(?:<!doctype html|<html)", re.IGNORECASE), _PDF_REMEDY),
)


def sniff(head: bytes) -> str:
    """The format of a file, by its first ``HEAD`` bytes.

    Returns:
        ``PNG``, ``JPEG``, ``GIF``, ``WebP``, ``BMP``, ``TIFF`` or ``PDF``.

    Raises:
        DamagedInput: There are no bytes at all.
        InputError: It is something else; says what, where that can be told.
    """
    if not head:
        raise DamagedInput("the file is empty (0 bytes)", remedy="Get the file again")
    for name, pattern in _SIGNATURES:
        if pattern.match(head):
            return name
    for what, pattern, remedy in _STRANGERS:
        if pattern.match(head):
            raise InputError(f"it is {what}, which is not read", remedy=remedy)
    what = "plain text" if _is_text(head) else "no picture or PDF"
    raise InputError(
        f"by its content it is {what}",
        remedy="Give PNG, JPEG, WebP, BMP, GIF, TIFF or PDF, whatever the file is called",
    )


def _is_text(head: bytes) -> bool:
    try:
        text = head[: len(head) & ~3 or len(head)].decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\n\r\f" for character in text)
