"""Connections whose answers end: a head has so much time, and a body comes at no less than a least rate.

Whatever a server sends is read through one place, `_PacedReader`, so that nothing in it is without a limit: answers
that say "continue" for ever, header bytes one by one, lines between chunks, trailers.
"""

import io
import socket
import threading
import time
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from zoo_core.errors import SourceError

from ._certificates import trusted


class Pace:
    """How much time an answer has: so many seconds for its head, then a least number of bytes in each window."""

    def __init__(self, seconds: float) -> None:
        self._timeout = self._window = seconds
        self._asked = time.monotonic()
        self._is_head = True
        self._ends, self._within = float("inf"), float("inf")
        self._least = self._count = 0
        self._waited = 0.0

    def begin_body(self, timeout: float, *, window: float, rate: float, within: float | None) -> None:
        """The head is here: from now on `rate` bytes a second are wanted over each `window`, and all in `within`."""
        self._is_head = False
        self._timeout, self._window, self._least = timeout, window, int(rate * window)
        if within is not None:
            self._within, self._ends = within, time.monotonic() + within

    def ask(self) -> None:
        """Note that somebody waits for bytes from now on: only that time counts, not what they do with them."""
        self._asked = time.monotonic()

    def got(self, count: int) -> None:
        """Note that so many bytes of the contents came."""
        self._waited += time.monotonic() - self._asked
        self._count += count
        if self._waited > self._window:
            self._check_rate(self._waited)
            self._waited, self._count = 0.0, 0

    def seconds_left(self) -> float:
        """Return how long the next byte may take.

        Raises:
            SourceError: There is no time left.
        """
        now = time.monotonic()
        waiting = now - self._asked
        if self._is_head:
            if waiting >= self._window:
                raise self.too_late()
            return self._window - waiting
        if now >= self._ends:
            raise self.too_late()
        if waiting > self._window:  # lines between chunks, or trailers, and no contents
            raise SourceError(f"no contents came in {self._window:g} seconds", is_temporary=True)
        self._check_rate(self._waited + waiting)
        return min(self._timeout, self._ends - now)

    def too_late(self) -> SourceError:
        """Return the error for the time that is over, or for a byte that did not come."""
        now = time.monotonic()
        if now >= self._ends:
            return SourceError(f"took longer than {self._within:g} seconds", is_temporary=True)
        what = f"no byte came for too long; no whole answer in {self._window:g} seconds" if self._is_head else ""
        return SourceError(what or "no byte came for too long", is_temporary=True)

    def _check_rate(self, waited: float) -> None:
        if waited > self._window and self._count < self._least:
            raise SourceError(f"only {self._count:,} bytes came in {self._window:g} seconds", is_temporary=True)


class PacedResponse(HTTPResponse):
    """An answer with its pace, which begins when the question has been sent."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        self.pace = Pace(sock.gettimeout() or 0.0)
        super().__init__(_PacedSocket(sock, self.pace), *args, **kwargs)  # type: ignore[arg-type]


class _PacedSocket:
    """What an answer wants of a socket: a file to read from."""

    def __init__(self, sock: socket.socket, pace: Pace) -> None:
        self._sock, self._pace = sock, pace

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return the file that is read."""
        del mode
        return io.BufferedReader(_PacedReader(self._sock, self._pace))


class _PacedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, pace: Pace) -> None:
        self._sock, self._pace = sock, pace
        self._bytes = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # a buffer, as for any raw reader
        self._sock.settimeout(self._pace.seconds_left())
        try:
            return self._bytes.readinto(buffer)
        except TimeoutError:
            raise self._pace.too_late() from None

    def close(self) -> None:
        self._bytes.close()
        super().close()


def connect_to_any(
    address: tuple[str, int], timeout: float, source_address: tuple[str, int] | None = None
) -> socket.socket:
    """Connect to a host as `socket.create_connection` does, but in `timeout` seconds: to find its addresses, too.

    Raises:
        OSError: None of them accepts the connection; the last one's reason.
    """
    ends = time.monotonic() + timeout
    found = _addresses(address, timeout)
    failure = OSError(f"{address[0]} has no address")
    for left, (family, kind, protocol, _, place) in zip(range(len(found), 0, -1), found, strict=True):
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as error:  # a family that this machine does not have
            failure = error
            continue
        try:
            if source_address is not None:
                sock.bind(source_address)
            sock.settimeout(max((ends - time.monotonic()) / left, 0.001))
            sock.connect(place)
        except OSError as error:
            failure = error
            sock.close()
        else:
            sock.settimeout(timeout)
            return sock
    raise failure


def _addresses(address: tuple[str, int], timeout: float) -> list[Any]:  # as `socket.getaddrinfo` gives them
    """Ask for the addresses of a host in so many seconds: the system waits much longer for a name server."""
    answers: list[list[Any] | Exception] = []

    def ask() -> None:
        try:
            answers.append(socket.getaddrinfo(*address, 0, socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 # raised where it is waited for
            answers.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(timeout)
    if not answers:
        raise TimeoutError(f"no name server told an address of {address[0]}")
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


def opener(connect_timeout: float) -> OpenerDirector:
    """Return what asks over HTTP and HTTPS alone, by the proxies of the environment, and follows no redirect."""

    def fast(connection: type[HTTPConnection]) -> type[HTTPConnection]:
        class FastConnection(connection):  # type: ignore[misc,valid-type] # HTTP or HTTPS
            response_class = PacedResponse
            timeout: float

            def connect(self) -> None:
                self._create_connection = connect_to_any
                timeout = self.timeout
                self.timeout = min(connect_timeout, timeout)
                super().connect()
                self.timeout = timeout
                self.sock.settimeout(timeout)

        return FastConnection

    class FastHTTPHandler(HTTPHandler):
        def http_open(self, req: Request) -> HTTPResponse:
            return self.do_open(fast(HTTPConnection), req)

    class FastHTTPSHandler(HTTPSHandler):
        def https_open(self, req: Request) -> HTTPResponse:
            return self.do_open(fast(HTTPSConnection), req, context=trusted())

    made = OpenerDirector()
    for handler in (
        ProxyHandler(),
        UnknownHandler(),
        FastHTTPHandler(),
        FastHTTPSHandler(),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
    ):
        made.add_handler(handler)
    return made
