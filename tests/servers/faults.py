"""What can go wrong between a server and a client: one small class per behaviour.

A fault gets the request and the function that answers it well, and gives the answer that is sent instead. A new one
needs a frozen dataclass with an `apply` method and nothing else.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from servers.messages import Request, Response, text_response

EVERY_PATH = "*"

Answer = Callable[[Request], Response]


class Fault(Protocol):
    """Something that goes wrong with an answer."""

    def apply(self, request: Request, answer: Answer) -> Response:
        """The answer that is sent instead of `answer(request)`."""


@dataclass(frozen=True)
class Status:
    """Answer with an error status, and `Retry-After` in seconds where it is given."""

    code: int
    retry_after: int | None = None

    def apply(self, request: Request, answer: Answer) -> Response:
        response = text_response(self.code, f"error {self.code}\n")
        return response if self.retry_after is None else response.with_headers(Retry_After=str(self.retry_after))


@dataclass(frozen=True)
class HtmlPage:
    """Answer 200 with a page, as captive portals and login walls do."""

    text: str = "<!doctype html><title>Sign in</title><p>Please sign in to this network."

    def apply(self, request: Request, answer: Answer) -> Response:
        return text_response(200, self.text, "text/html; charset=utf-8")


@dataclass(frozen=True)
class Truncated:
    """Close the connection after so many bytes of the body; `Content-Length` announces all of them."""

    after: int

    def apply(self, request: Request, answer: Answer) -> Response:
        return replace(answer(request), cut_after=self.after)


@dataclass(frozen=True)
class Stalled:
    """Send so many bytes of the body and then nothing, until the server is released or closed."""

    after: int

    def apply(self, request: Request, answer: Answer) -> Response:
        return replace(answer(request), stall_after=self.after)


@dataclass(frozen=True)
class Delayed:
    """Wait before the answer; for ever (`math.inf`) means until the server is released or closed."""

    seconds: float = math.inf

    def apply(self, request: Request, answer: Answer) -> Response:
        return replace(answer(request), delay=self.seconds)


@dataclass(frozen=True)
class Hanging:
    """Do nothing and never answer, until the server is closed; when it is released, say that it is unavailable."""

    def apply(self, request: Request, answer: Answer) -> Response:
        return replace(text_response(503, "unavailable\n"), delay=math.inf)


@dataclass(frozen=True)
class Corrupted:
    """Flip one byte of the body that is sent; its size and its ETag stay what they were."""

    offset: int = 0

    def apply(self, request: Request, answer: Answer) -> Response:
        response = answer(request)
        body = bytearray(response.body)
        if body:
            body[self.offset] ^= 0xFF
        return replace(response, body=bytes(body))


@dataclass(frozen=True)
class WrongEtag:
    """Give the right bytes under an ETag that is not theirs."""

    etag: str = '"0000000000000000"'

    def apply(self, request: Request, answer: Answer) -> Response:
        response = answer(request)
        linked = {"X_Linked_Etag": self.etag} if "X-Linked-Etag" in response.headers else {}
        return response.with_headers(ETag=self.etag, **linked)


@dataclass(frozen=True)
class RangeIgnored:
    """Answer 200 with the whole file to a request for a part of it."""

    def apply(self, request: Request, answer: Answer) -> Response:
        return answer(request.without("range", "if-range"))


@dataclass(frozen=True)
class RedirectLoop:
    """Redirect to the very same address."""

    def apply(self, request: Request, answer: Answer) -> Response:
        return Response(302, {"Location": request.path})


@dataclass(frozen=True)
class RedirectTo:
    """Redirect to the same path at another origin, `http://127.0.0.1:PORT`."""

    origin: str

    def apply(self, request: Request, answer: Answer) -> Response:
        return Response(302, {"Location": self.origin + request.path})


@dataclass(frozen=True)
class RedirectToUrl:
    """Redirect to any address, or to what is none."""

    location: str
    code: int = 302

    def apply(self, request: Request, answer: Answer) -> Response:
        return Response(self.code, {"Location": self.location})


@dataclass(frozen=True)
class Headers:
    """Answer with other headers, and another status where one is given."""

    headers: tuple[tuple[str, str], ...]
    code: int | None = None

    def apply(self, request: Request, answer: Answer) -> Response:
        response = answer(request)
        return replace(
            response, headers={**response.headers, **dict(self.headers)}, status=self.code or response.status
        )


@dataclass
class _Planned:
    """A fault with the requests that it meets and the number of times that are left."""

    path: str
    method: str | None
    fault: Fault
    times_left: float

    def meets(self, request: Request) -> bool:
        return self.times_left > 0 and self.path in {request.path, EVERY_PATH} and self.method in {request.method, None}


@dataclass
class FaultPlan:
    """The faults that are to happen; each request meets the first one planned for it that is not used up."""

    _planned: list[_Planned] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, path: str, fault: Fault, times: int | None, method: str | None) -> None:
        """Plan a fault for so many requests (None: for all) of a path, of one method or (None) of any."""
        with self._lock:
            self._planned.append(_Planned(path, method, fault, math.inf if times is None else times))

    def clear(self) -> None:
        """Let nothing go wrong from now on."""
        with self._lock:
            self._planned.clear()

    def take(self, request: Request) -> Fault | None:
        """The fault that this request meets, used up by one."""
        with self._lock:
            planned = next((each for each in self._planned if each.meets(request)), None)
            if planned is None:
                return None
            planned.times_left -= 1
            return planned.fault
