"""Being asked to stop, by Ctrl-C or by the system: at a moment from which training can go on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Turns signals into `KeyboardInterrupt`, but never within what has to be finished, unless asked a second time.

    Args:
        waits: Stop only where `asked` is looked at, as several processes have to do together.

    `tore` tells whether something was left half-done.
    """

    def __init__(self, *, waits: bool = False) -> None:
        self.asked, self.tore = False, False
        self._waits, self._busy = waits, False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._handle) for each in SIGNALS}
        return self

    def __exit__(self, *_error: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        self.tore = self.tore or (again and self._busy)
        if again or not (self._busy or self._waits):
            raise KeyboardInterrupt

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Do something that is not interrupted half-way; who has asked meanwhile is answered afterwards."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self.asked and not self._waits:
            raise KeyboardInterrupt


def leave_to_parent() -> None:
    """In a process that reads samples: the one that trains says when it is over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
