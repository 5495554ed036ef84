"""Downloads over HTTP, from the beginning or from where an earlier one broke off."""

import contextlib
import http.client
import re
import string
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

from ._receive import BrokenOffError, SourceError

TIMEOUT = 20.0
"""Seconds without a byte after which a server is given up."""

CONNECT_TIMEOUT = 5.0
"""Seconds that a server has to accept a connection: those that are not there must not hold up the next source."""

SLOWEST = 1 << 10
"""Bytes a second, over `TIMEOUT` seconds, below which a server is given up as well."""

_BLOCK = 2 << 20
"""Bytes that are read at once, at most: fewer cost more time in passing them to the thread that hashes them."""

_FOR_A_MOMENT = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The statuses that mean: ask again later."""
_BUSY = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file is.

    Args:
        url: What is asked.
        key: What names the file also when `url`, which may be signed for the moment, changes; by default the URL.
        headers: Sent along, to this server only: a redirect to another does not take them with it.
    """

    url: str
    key: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The key, or the URL."""
        return self.key or self.url


@dataclass(frozen=True, slots=True)
class Download:
    """An answer that is about to be read.

    Args:
        blocks: The body, in pieces.
        size: The length of the whole file in bytes, where the server announced it.
        start: Where in the file the body begins.
        validator: The strong ETag, else the date, of this version of the file, if there is one.
    """

    blocks: Iterator[bytes]
    size: int | None
    start: int = 0
    validator: str | None = None


@contextmanager
def open_download(
    address: Address | str, *, start: int = 0, validator: str | None = None, timeout: float | None = None
) -> Iterator[Download]:
    """Ask for a file and give its body.

    Args:
        address: Where it is.
        start: Where to begin; taken into account only with `validator`, and only if the server can.
        validator: Of the version whose first bytes are here. The server answers with the whole of another version.
        timeout: Seconds without a byte after which the server is given up; by default `TIMEOUT`.

    Raises:
        SourceError: No connection, an error status, a web page in place of the file, or a stall; the text says which.
    """
    address = Address(address) if isinstance(address, str) else address
    timeout = TIMEOUT if timeout is None else timeout
    response = _ask(address, timeout, start, validator) if start and validator else _ask(address, timeout)
    with response:
        if response.headers.get_content_type() == "text/html":
            raise SourceError("answered with a web page in place of the file (a login or proxy page?)")
        first, size = _extent(response)
        yield Download(_blocks(response), size, first, _validator(response.headers))


@contextmanager
def open_head(address: Address, *, timeout: float) -> Iterator[Message]:
    """Ask for the headers of a file.

    Raises:
        SourceError: No connection, or an error status; the text says which.
    """
    request = _request(address, "HEAD")
    with explained():
        response: http.client.HTTPResponse = _opener().open(request, timeout=timeout)
    with response:
        yield response.headers


def beginning(blocks: Iterable[bytes], length: int) -> bytes:
    """Return so many bytes of a stream, or all where it is shorter."""
    content = b""
    for block in blocks:
        content += block
        if len(content) >= length:
            break
    return content[:length]


@cache
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
            raise _status_error(error) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise SourceError("cannot be reached: no answer") from None
        raise SourceError(f"cannot be reached: {error.reason}") from None
    except TimeoutError:
        raise SourceError("no byte came for too long", is_temporary=True) from None
    except http.client.IncompleteRead as error:
        raise BrokenOffError(f"the transfer broke off: {error}") from None
    except http.client.HTTPException as error:
        raise SourceError(f"answered with something that is not HTTP: {error!r}") from None
    except OSError as error:
        raise BrokenOffError(f"the connection broke: {error}") from None


def _ask(address: Address, timeout: float, start: int = 0, validator: str | None = None) -> http.client.HTTPResponse:
    """Ask for a file, or for what follows `start` if it is still the same version."""
    request = _request(address)
    if validator is not None:
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", validator)
    with explained():
        try:
            response: http.client.HTTPResponse = _opener().open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            if validator is None or error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            error.close()
            return _ask(address, timeout)
    if response.status == http.client.PARTIAL_CONTENT and not _continues(response, start, validator):
        response.close()
        if validator is None:
            raise SourceError("answered with a part of the file, which was not asked for")
        return _ask(address, timeout)
    return response


def _request(address: Address, method: str = "GET") -> urllib.request.Request:
    url = quote(address.url, safe=string.punctuation)  # what people write, to what may be sent
    headers = {"User-Agent": user_agent(), "Accept-Encoding": "identity"}
    try:
        request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310 # only http(s) gets here
    except ValueError as error:
        raise SourceError(f"is not a URL that can be asked: {error}") from None
    for name, value in address.headers.items():
        request.add_unredirected_header(name, value)
    return request


def _continues(response: http.client.HTTPResponse, start: int, validator: str | None) -> bool:
    """Tell whether a partial answer is what follows `start`, of the same version."""
    return validator is not None and _extent(response)[0] == start and _validator(response.headers) in {validator, None}


def _extent(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Return where in the file the body begins (-1 if that is not said), and the size of the whole."""
    if response.status == http.client.PARTIAL_CONTENT:
        said = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", response.headers.get("Content-Range", ""))
        return (int(said[1]), None if said[2] == "*" else int(said[2])) if said else (-1, None)
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if re.fullmatch(r"\d{1,18}", length) else None


def _validator(headers: Any) -> str | None:  # as urllib gives them
    etag = headers.get("ETag", "")
    if re.fullmatch(r'"[\x21\x23-\x7e]+"', etag):  # a weak one, W/"…", promises no equal bytes
        return str(etag)
    date = headers.get("Last-Modified")
    return str(date) if date and "\n" not in date else None


def _status_error(error: urllib.error.HTTPError) -> SourceError:
    if "infinite loop" in str(error.reason):
        return SourceError(f"HTTP {error.code}: redirects in a circle", status=error.code)
    return answered_with(f"HTTP {error.code} {error.reason}", error.code, error.headers)


def answered_with(reason: str, status: int, headers: Any) -> SourceError:  # of any HTTP library
    """Return the error for a status: it may be temporary, and its headers may say when to come back."""
    wait = _retry_after(headers.get("Retry-After") if headers else None)
    asks = "" if wait is None else f"; it asks to come back in {wait:.0f} s"
    return SourceError(
        f"{reason}{asks}",
        is_temporary=status in _FOR_A_MOMENT,
        retry_after=wait,
        is_busy=status in _BUSY,
        status=status,
    )


def _retry_after(text: str | None) -> float | None:
    """Return the seconds that a header `Retry-After` asks for, as a number or as a date."""
    if text is None:
        return None
    if re.fullmatch(r"\d{1,9}", text.strip()):
        return float(text)
    with contextlib.suppress(ValueError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return None


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    since, count = time.monotonic(), 0
    while True:
        with explained():
            block = response.read1(_BLOCK)
        if not block:
            return
        yield block
        count += len(block)
        if time.monotonic() - since > TIMEOUT:
            if count < SLOWEST * TIMEOUT:
                raise SourceError(f"only {count:,} bytes came in {TIMEOUT:g} seconds", is_temporary=True)
            since, count = time.monotonic(), 0


def _connecting_fast(connection: type[http.client.HTTPConnection]) -> type[http.client.HTTPConnection]:
    """Return a kind of connection that has less time to come about than its server has to answer."""

    class FastConnection(connection):  # type: ignore[misc,valid-type] # HTTP or HTTPS
        def connect(self) -> None:
            self.timeout, timeout = min(CONNECT_TIMEOUT, TIMEOUT), self.timeout
            super().connect()
            self.timeout = timeout
            self.sock.settimeout(timeout)

    return FastConnection


class _HTTPHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connecting_fast(http.client.HTTPConnection), req)


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connecting_fast(http.client.HTTPSConnection), req)


def _opener() -> urllib.request.OpenerDirector:
    """Return what follows redirects and uses the proxies of the environment, as `urllib.request.urlopen` does."""
    return urllib.request.build_opener(_HTTPHandler, _HTTPSHandler)
