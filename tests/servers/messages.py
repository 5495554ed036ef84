"""What goes over the wire (requests, responses) and the record that a server keeps of it."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType


@dataclass(frozen=True)
class Request:
    """A request as a server sees it; `path` is decoded and has no query, header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def without(self, *header_names: str) -> "Request":
        """The same request as if it had been sent without these headers."""
        kept = {name: value for name, value in self.headers.items() if name not in header_names}
        return replace(self, headers=kept)


@dataclass(frozen=True)
class Response:
    """An answer, and how it is sent: late, stalled on the way, or cut short with `Content-Length` left as it was."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    stall_after: int | None = None
    cut_after: int | None = None

    def with_headers(self, **headers: str) -> "Response":
        """The same response with these headers set; an underscore stands for the hyphen of the header's name."""
        return replace(self, headers={**self.headers, **{name.replace("_", "-"): headers[name] for name in headers}})


def text_response(status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> Response:
    """A short text with its content type, as error pages are."""
    return Response(status, {"Content-Type": content_type}, text.encode())


def json_response(value: object, status: int = 200) -> Response:
    """A JSON document, as the endpoints under /api answer."""
    return Response(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


@dataclass(frozen=True)
class RecordedRequest:
    """One request that a server has received; `bytes_sent` counts the body alone, as far as it has been sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    status: int
    bytes_sent: int = 0


@dataclass
class RequestLog:
    """A list of recorded requests that many threads write and a test reads.

    A request is added before its answer leaves and bytes are counted before they are sent, so a client that has its
    answer always finds it recorded.
    """

    _records: list[RecordedRequest] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, request: Request, response: Response) -> Callable[[int], None]:
        """Record a request and give the function that counts its bytes."""
        headers = MappingProxyType(dict(request.headers))
        record = RecordedRequest(request.method, request.path, request.query, headers, response.status)
        with self._changed:
            index = len(self._records)
            self._records.append(record)
            self._changed.notify_all()
        return lambda count: self._count_bytes(index, count)

    def _count_bytes(self, index: int, count: int) -> None:
        with self._changed:
            record = self._records[index]
            self._records[index] = replace(record, bytes_sent=record.bytes_sent + count)
            self._changed.notify_all()

    def snapshot(self) -> tuple[RecordedRequest, ...]:
        """The requests so far, in the order in which they were answered."""
        with self._changed:
            return tuple(self._records)

    def wait_for(self, condition: Callable[[RecordedRequest], bool], timeout: float) -> bool:
        """Whether some request meets the condition, now or before the timeout in seconds is over."""
        with self._changed:
            return self._changed.wait_for(lambda: any(map(condition, self._records)), timeout)
