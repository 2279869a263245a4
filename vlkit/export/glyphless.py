"""The smallest TrueType font: one glyph half an em wide, with an extent but no area.

Readers that measure glyphs, such as pdfium, leave out text whose glyphs have no extent.
"""

from __future__ import annotations

import struct
from functools import cache

ADVANCE = 0.5
"""Width of every glyph, in ems."""

_UNITS = 1000
_ASCENT, _DESCENT = 800, -200


@cache
def glyphless_font() -> bytes:
    """A font file with the tables that an embedded CIDFontType2 needs; glyph 1 is the one."""
    advance = int(ADVANCE * _UNITS)
    # One contour, there and back on the diagonal of its box: (0, descent), (advance, ascent),
    # with corners on the curve and coordinates as differences.
    glyph = struct.pack(
        ">hhhhhHHBBhhhh",
        *(1, 0, _DESCENT, advance, _ASCENT, 1, 0, 1, 1),
        *(0, advance, _DESCENT, _ASCENT - _DESCENT),
    )
    tables = {
        # Version, revision, checksum (0: not kept), magic, flags, units, dates, box, style, …
        b"head": struct.pack(
            ">IIIIHHqqhhhhHHhhh",
            *(0x00010000, 0x00010000, 0, 0x5F0F3CF5, 0, _UNITS, 0, 0),
            *(0, _DESCENT, advance, _ASCENT, 0, 8, 2, 0, 0),
        ),
        # Version, ascent, descent, gap, greatest advance, 11 zeros, number of widths.
        b"hhea": struct.pack(">IhhhH11hH", 0x00010000, _ASCENT, _DESCENT, 0, advance, *[0] * 11, 1),
        # Version, glyphs, greatest number of points and contours, …, zones.
        b"maxp": struct.pack(">IH13H", 0x00010000, 2, 2, 1, 0, 0, 2, *[0] * 8),
        b"hmtx": struct.pack(">Hhh", advance, 0, 0),
        # Offsets in units of two bytes.
        b"loca": struct.pack(">HHH", 0, 0, len(glyph) // 2),
        b"glyf": glyph,
    }
    return _assemble(dict(sorted(tables.items())))


def _assemble(tables: dict[bytes, bytes]) -> bytes:
    """The font directory and its tables, each padded to four bytes."""
    count = len(tables)
    power = 1 << (count.bit_length() - 1)
    head = struct.pack(
        ">IHHHH", 0x00010000, count, power * 16, power.bit_length() - 1, (count - power) * 16
    )
    offset = len(head) + 16 * count
    directory, body = b"", b""
    for tag, data in tables.items():
        padded = data + b"\0" * (-len(data) % 4)
        checksum = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += struct.pack(">4sIII", tag, checksum, offset + len(body), len(data))
        body += padded
    return head + directory + body
