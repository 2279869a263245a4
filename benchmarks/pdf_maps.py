"""PDFs whose character maps are broken: the page looks the same, its text says something else."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

import numpy as np

Change = Callable[[int, np.random.Generator], int]


def _permuted(code: int, rng: np.random.Generator) -> int:
    """Letters exchanged among themselves, in the same way all over a file."""
    order = np.random.default_rng(int(rng.bit_generator.seed_seq.entropy[0])).permutation(26)  # type: ignore[attr-defined]
    for first in (65, 97):
        if first <= code < first + 26:
            return first + int(order[code - first])
    return code


CHANGES: dict[str, Change] = {
    "map shifted by 1": lambda code, _: code + 1 if code > 32 else code,
    "map shifted by 29": lambda code, _: max(code - 29, 33) if code > 32 else code,
    "letters exchanged": _permuted,
    "private characters": lambda code, _: 0xE000 + code if code > 32 else code,
    "replacement characters": lambda code, _: 0xFFFD if code > 32 else code,
}


def broken(data: bytes, change: Change, seed: int) -> bytes | None:
    """The file with every character map changed; None where text survived it."""
    rng = np.random.default_rng([seed, 9])

    def stream(found: re.Match[bytes]) -> bytes:
        head, body = found.group(1), found.group(2)
        packed = b"FlateDecode" in head
        try:
            plain = zlib.decompress(body) if packed else body
        except zlib.error:
            return found.group(0)
        if b"begincmap" not in plain:
            return found.group(0)
        plain = _changed(plain, lambda code: change(code, rng))
        body = zlib.compress(plain) if packed else plain
        head = re.sub(rb"/Length \d+( \d+ R)?", b"/Length %d" % len(body), head)
        return head + b"stream\n" + body + b"\nendstream"

    pattern = rb"(<<[^<>]*>>\s*)stream\r?\n(.*?)\r?\n?endstream"
    return re.sub(pattern, stream, data, flags=re.DOTALL)


def _changed(cmap: bytes, change: Callable[[int], int]) -> bytes:
    def hexed(code: int) -> bytes:
        return b"<%04X>" % change(code)

    def entry(found: re.Match[bytes]) -> bytes:
        return found.group(1) + b"".join(
            hexed(int(part, 16)) if len(part) == 4 else b"<%s>" % part
            for part in re.findall(rb"<([0-9A-Fa-f]+)>", found.group(2))
        )

    def unrolled(found: re.Match[bytes]) -> bytes:
        # Ranges become single characters, because a change need not keep them in a row.
        pairs = []
        for first, last, to in re.findall(
            rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]{4})>", found.group(1)
        ):
            for step in range(int(last, 16) - int(first, 16) + 1):
                code = b"%0*X" % (len(first), int(first, 16) + step)
                pairs.append(b"<%s> <%04X>" % (code, int(to, 16) + step))
        return b"%d beginbfchar\n%s\nendbfchar" % (len(pairs), b"\n".join(pairs))

    block = rb"\d+ beginbfrange(?=[^\[]*?endbfrange)(.*?)endbfrange"
    cmap = re.sub(block, unrolled, cmap, flags=re.DOTALL)
    chars = re.compile(rb"beginbfchar(.*?)endbfchar", re.DOTALL)
    return chars.sub(
        lambda part: (
            b"beginbfchar"
            + re.sub(rb"(<[0-9A-Fa-f]+>\s*)(<[0-9A-Fa-f]+>)", entry, part.group(1))
            + b"endbfchar"
        ),
        cmap,
    )
