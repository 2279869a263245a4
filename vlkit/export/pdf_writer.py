"""The few PDF objects that a searchable PDF needs (ISO 32000-1)."""

from __future__ import annotations

import zlib


class PdfWriter:
    """Collects numbered objects and writes them as one file.

    Numbers are given out before the objects are known, so that objects can name each other.
    """

    def __init__(self) -> None:
        self._objects: list[bytes] = []

    def reserve(self) -> int:
        """The number of an object that is set later."""
        self._objects.append(b"null")
        return len(self._objects)

    def add(self, body: str) -> int:
        """A new object; gives its number."""
        number = self.reserve()
        self.set(number, body)
        return number

    def set(self, number: int, body: str) -> None:
        self._objects[number - 1] = body.encode("ascii")

    def add_stream(self, data: bytes, entries: str = "") -> int:
        """A stream as it is; ``entries`` name its filter."""
        number = self.reserve()
        head = f"<< {entries} /Length {len(data)} >>\nstream\n".encode("ascii")
        self._objects[number - 1] = head + data + b"\nendstream"
        return number

    def add_deflated(self, data: bytes, entries: str = "") -> int:
        return self.add_stream(zlib.compress(data, 9), f"{entries} /Filter /FlateDecode")

    def finish(self, root: int, info: int) -> bytes:
        """The file, with its cross-reference table."""
        pieces = [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"]
        offsets = []
        position = len(pieces[0])
        for number, body in enumerate(self._objects, 1):
            offsets.append(position)
            piece = b"%d 0 obj\n%s\nendobj\n" % (number, body)
            pieces.append(piece)
            position += len(piece)
        table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
        count = len(offsets) + 1
        pieces.append(
            f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n"
            f"<< /Size {count} /Root {root} 0 R /Info {info} 0 R >>\n"
            f"startxref\n{position}\n%%EOF\n".encode("ascii")
        )
        return b"".join(pieces)


def text_string(text: str) -> str:
    """Any text as a PDF string: UTF-16 with a byte order mark, in hexadecimal."""
    return f"<FEFF{text.encode('utf-16-be', 'replace').hex().upper()}>"


def real(value: float) -> str:
    """A number as PDF writes it: no exponent."""
    return f"{value:.4f}".rstrip("0").rstrip(".") or "0"
