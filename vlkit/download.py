"""Fetching an address, carefully: http and https only, limited in size and time."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request

from vlkit.errors import InputError, TooLarge

SILENCE_SECONDS = 20.0
"""A server that says nothing for so long has failed."""
TOTAL_SECONDS = 120.0
"""However it trickles."""
_CHUNK = 1 << 16


def download(address: str, most_bytes: int) -> bytes:
    """The content at an http or https address; redirects to anything else are refused.

    Raises:
        InputError: It can't be had: the server can't be reached, refuses or is too slow.
        TooLarge: It has more than ``most_bytes``.
    """
    deadline = time.monotonic() + TOTAL_SECONDS
    content = bytearray()
    try:
        with _opener().open(address, timeout=SILENCE_SECONDS) as response:
            while chunk := response.read1(_CHUNK):
                content += chunk
                if len(content) > most_bytes:
                    raise TooLarge(
                        f"more than {most_bytes / 1e6:,.0f} MB come from there",
                        remedy="Download it and read the file",
                    )
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not done after {TOTAL_SECONDS:.0f} s")
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise InputError(
            f"the address can't be fetched ({reason})",
            remedy="Check it in a browser, or download it and read the file",
        ) from error
    return bytes(content)


def _opener() -> urllib.request.OpenerDirector:
    """Like urllib's own, without its handlers for files, FTP and data addresses."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener
