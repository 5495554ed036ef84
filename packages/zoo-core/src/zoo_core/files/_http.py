"""Downloads over HTTP."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from ._receive import SourceError

TIMEOUT = 20.0
"""Seconds without a byte after which a server is given up."""

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Download:
    """An answer that is about to be read.

    Args:
        blocks: The body, in pieces.
        size: Its length in bytes, where the server announced it.
    """

    blocks: Iterator[bytes]
    size: int | None


@contextmanager
def open_download(url: str, *, timeout: float = TIMEOUT) -> Iterator[Download]:
    """Ask for `url` and give its body; a server that sends no byte for `timeout` seconds is given up.

    Raises:
        SourceError: No connection, an error status, a web page in place of a file, or a stall; the text says which.
    """
    request = urllib.request.Request(url, headers={"User-Agent": user_agent(), "Accept-Encoding": "identity"})  # noqa: S310
    with explained():
        response = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310 # only http(s) gets here
    with response:
        if response.headers.get_content_type() == "text/html":
            raise SourceError("answered with a web page in place of the file (a login or proxy page?)")
        length = response.headers["Content-Length"]
        yield Download(_blocks(response), int(length) if length and length.isdecimal() else None)


def user_agent() -> str:
    """Return what zoo calls itself to servers."""
    try:
        return f"zoo/{version('zoo-core')}"
    except PackageNotFoundError:
        return "zoo"


@contextmanager
def explained() -> Iterator[None]:
    """Turn what goes wrong on the network into a `SourceError` with a reason that people understand."""
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            raise SourceError(f"HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise SourceError(f"cannot be reached: {error.reason}") from None
    except TimeoutError:
        raise SourceError(f"no byte came for {TIMEOUT:g} seconds") from None
    except http.client.HTTPException as error:
        raise SourceError(f"answered with something that is not HTTP: {error!r}") from None
    except ConnectionError as error:
        raise SourceError(f"the connection broke: {error}") from None


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        with explained():
            block = response.read(_BLOCK)
        if not block:
            return
        yield block
