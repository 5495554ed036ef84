"""A threaded HTTP/1.1 server on 127.0.0.1 that records each request and fails on demand."""

import hashlib
import math
import re
import socket
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import BaseServer, ThreadingTCPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from servers.faults import Fault, FaultPlan
from servers.messages import RecordedRequest, Request, RequestLog, Response, text_response

CHUNK_BYTES = 1 << 16
SECONDS_TO_CLOSE = 5.0


class Server(ABC):
    """What every server here shares: address, threads, faults and the record; a subclass says what it answers.

    Use it as a context manager; on leaving, every connection is closed and every thread has ended.
    """

    def __init__(self) -> None:
        self.log = RequestLog()
        self._faults = FaultPlan()
        self._released = threading.Event()
        self._closing = False
        self._listener = _Listener(("127.0.0.1", 0), partial(_Handler, self))
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True)

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """The answer when nothing goes wrong."""

    @property
    def url(self) -> str:
        """The origin, without a slash at the end."""
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, end what is stalled, close each connection and wait for the threads."""
        self._closing = True
        self._released.set()
        if self._thread.is_alive():
            self._listener.shutdown()
        self._listener.server_close()
        self._thread.join(SECONDS_TO_CLOSE)

    def fail(self, path: str, fault: Fault, *, times: int | None = None, method: str | None = None) -> None:
        """Plan a fault for a path (or EVERY_PATH), for so many requests (None: for all), of one method or of any.

        Faults for the same path follow each other: the second happens when the first is used up.
        """
        self._faults.add(path, fault, times, method)

    def recover(self) -> None:
        """Drop every planned fault and release what is stalled."""
        self._faults.clear()
        self.release()

    def release(self) -> None:
        """Let stalled and delayed answers go on, those of now and those to come."""
        self._released.set()

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """Every request so far."""
        return self.log.snapshot()

    def requests_for(self, path: str, method: str | None = None) -> tuple[RecordedRequest, ...]:
        """The requests for one path, of one method or of any."""
        return tuple(each for each in self.requests if each.path == path and method in {each.method, None})

    def count(self, path: str, method: str | None = None) -> int:
        """How many requests there were for one path, of one method or of any."""
        return len(self.requests_for(path, method))

    def bytes_sent(self, path: str) -> int:
        """How many bytes of bodies have been sent for one path."""
        return sum(each.bytes_sent for each in self.requests_for(path))

    def wait_for(self, path: str, *, bytes_sent: int = 0, timeout: float = 10.0) -> None:
        """Wait until a request for the path has arrived and been sent so many bytes.

        Raises:
            TimeoutError: if that has not happened after `timeout` seconds.
        """
        if not self.log.wait_for(lambda each: each.path == path and each.bytes_sent >= bytes_sent, timeout):
            message = f"expected a request for {path} with {bytes_sent} bytes sent; found {self.requests}"
            raise TimeoutError(message)

    def respond(self, request: Request) -> Response:
        """The answer to send: the planned fault's if there is one."""
        fault = self._faults.take(request)
        return self.answer(request) if fault is None else fault.apply(request, self.answer)

    def pause(self, seconds: float) -> bool:
        """Wait so long, or less when released; whether the server is still open then."""
        self._released.wait(None if seconds == math.inf else seconds)
        return not self._closing


class _Listener(ThreadingTCPServer):
    """The socket, its connections and their threads; unlike `HTTPServer` it looks up no host name."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        self.connections: dict[socket.socket, threading.Thread] = {}
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        work = partial(self.process_request_thread, request, client_address)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.connections = {each: its for each, its in self.connections.items() if its.is_alive()} | {request: thread}

    def server_close(self) -> None:
        super().server_close()
        for connection, thread in self.connections.items():
            with suppress(OSError):  # it may have been closed already
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(SECONDS_TO_CLOSE)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests; anything else is a mistake of ours and is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, sends what the server answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, owner: Server, request: Any, client_address: Any, listener: BaseServer) -> None:
        self._owner = owner
        super().__init__(request, client_address, listener)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing: the server keeps a record."""

    def _exchange(self) -> None:
        request = self._read_request()
        response = self._owner.respond(request)
        count_bytes = self._owner.log.add(request, response)
        if response.delay and not self._owner.pause(response.delay):
            self.close_connection = True
            return
        self._send_head(response)
        if request.method != "HEAD":
            self._send_body(response, count_bytes)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _exchange  # noqa: N815 - the base class looks these up

    def _read_request(self) -> Request:
        target = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        return Request(self.command, unquote(target.path), target.query, headers, body)

    def _send_head(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in {"Content-Length": str(len(response.body)), **response.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_body(self, response: Response, count_bytes: Callable[[int], None]) -> None:
        body = response.body[: response.cut_after]
        stall_at = len(body) if response.stall_after is None else response.stall_after
        self._send_bytes(body[:stall_at], count_bytes)
        if response.stall_after is not None and not self._owner.pause(math.inf):
            self.close_connection = True
            return
        self._send_bytes(body[stall_at:], count_bytes)
        if response.cut_after is not None:
            self.close_connection = True

    def _send_bytes(self, data: bytes, count_bytes: Callable[[int], None]) -> None:
        for start in range(0, len(data), CHUNK_BYTES):
            chunk = data[start : start + CHUNK_BYTES]
            count_bytes(len(chunk))
            self.wfile.write(chunk)


@dataclass(frozen=True)
class Resource:
    """The bytes at an address and their strong ETag, quoted."""

    content: bytes
    etag: str

    @classmethod
    def of(cls, content: bytes) -> "Resource":
        """The resource whose ETag is made of its bytes."""
        return cls(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def resource_response(request: Request, resource: Resource) -> Response:
    """Serve a resource: whole, or the one range asked for, unless `If-Range` names another version of it."""
    response = Response(headers={"ETag": resource.etag, "Accept-Ranges": "bytes"}, body=resource.content)
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", "").strip())
    if asked is None or asked.groups() == ("", "") or request.headers.get("if-range", resource.etag) != resource.etag:
        return response
    size = len(resource.content)
    first, last = _first_and_last(asked[1], asked[2], size)
    if first > last:
        return text_response(416, "no such range\n").with_headers(Content_Range=f"bytes */{size}")
    headers = {**response.headers, "Content-Range": f"bytes {first}-{last}/{size}"}
    return Response(206, headers, resource.content[first : last + 1])


def _first_and_last(first: str, last: str, size: int) -> tuple[int, int]:
    """The offsets of a range's ends, of which one may be left out."""
    if not first:
        return max(size - int(last), 0), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


class FileServer(Server):
    """Serves the files that it is given, or those of a folder, to GET (also of a range) and HEAD.

    Args:
        files: the bytes by path, or a folder, whose files are read when they are asked for.
    """

    def __init__(self, files: Mapping[str, bytes] | Path | None = None) -> None:
        super().__init__()
        self._folder = files.resolve() if isinstance(files, Path) else None
        self._resources: dict[str, Resource] = {}
        if isinstance(files, Mapping):
            for path, content in files.items():
                self.put(path, content)

    def put(self, path: str, content: bytes) -> str:
        """Serve these bytes at this path from now on, and give their URL."""
        path = "/" + path.lstrip("/")
        self._resources[path] = Resource.of(content)
        return self.url + path

    def content(self, path: str) -> bytes | None:
        """The bytes that are served at this path."""
        resource = self._resources.get(path)
        return resource.content if resource else None

    def answer(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return text_response(405, "only GET and HEAD\n").with_headers(Allow="GET, HEAD")
        resource = self._resources.get(request.path) or self._read(request.path)
        return text_response(404, "no such file\n") if resource is None else resource_response(request, resource)

    def _read(self, path: str) -> Resource | None:
        """The file of the folder at this path, if there is one; nothing outside the folder is served."""
        file = self._folder and (self._folder / path.lstrip("/")).resolve()
        if not file or not file.is_relative_to(self._folder or file) or not file.is_file():
            return None
        facts = file.stat()
        return Resource(file.read_bytes(), f'"{facts.st_mtime_ns:x}-{facts.st_size:x}"')
