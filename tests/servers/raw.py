"""A server that says what it is told to, byte by byte if need be: what no HTTP library would send."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, repeat
from types import TracebackType
from typing import Self

from servers.messages import Request, RequestLog, text_response


class RawServer:
    """Accepts connections, reads the head of a question, and sends an answer, whatever it is, piece by piece.

    Args:
        first: What is sent first.
        then: What is sent after that, for ever; nothing (the connection is closed) by default.
        pause: Seconds before each of those pieces.
    """

    def __init__(self, first: bytes, then: bytes = b"", *, pause: float = 0.0) -> None:
        self.log = RequestLog()
        self._pieces = (first, then)
        self._pause = pause
        self._closing = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._closing.is_set():
                connection, _ = self._socket.accept()
                thread = threading.Thread(target=self._answer, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head = connection.recv(1 << 16).decode("latin-1")
            method, path, *_ = head.split(" ")
            self.log.add(Request(method, path), text_response(0, ""))
            for piece in self._said():
                connection.sendall(piece)

    def _said(self) -> Iterator[bytes]:
        first, then = self._pieces
        for number, piece in enumerate(chain([first], repeat(then) if then else ())):
            if number and self._closing.wait(self._pause):
                return
            yield piece
