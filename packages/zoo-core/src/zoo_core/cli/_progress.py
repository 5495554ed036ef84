"""What a long command does now: one line, kept up to date, on a terminal; a line every ten seconds elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from zoo_core._progress import PERIOD, duration

from ._terminal import note, terminal_line

SOON = 1.0
"""Seconds after which something is told that goes on."""
_TICK = 0.5


class Ticker:
    """Calls a function twice a second, from a thread, as long as it is entered.

    Args:
        tick: It; called a last time, with `is_last`, at the end.
    """

    def __init__(self, tick: "Shown") -> None:
        self._tick = tick
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="zoo-progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        self._tick(is_last=True)

    def _run(self) -> None:
        while not self._ended.wait(_TICK):
            self._tick()


class Shown:
    """Shows texts: over each other on a terminal, and one every ten seconds elsewhere; none before `SOON`.

    Args:
        text: Gives what there is to say at the moment.
        lasts: Whether the first line elsewhere comes soon, too: of a step that has just begun.
    """

    def __init__(self, text: Callable[[float], str], *, lasts: bool = False) -> None:
        self._text = text
        self._started = time.monotonic()
        self._next = self._started + (SOON if lasts or is_terminal() else PERIOD)
        self._is_on_line = False

    def __call__(self, *, is_last: bool = False) -> None:
        """Show the text, if it is time for it; at last, leave nothing of it on a terminal."""
        if is_last:
            if self._is_on_line:
                terminal_line("")
            return
        now = time.monotonic()
        if now < self._next:
            return
        text = self._text(now - self._started)
        if is_terminal():
            terminal_line(text)
            self._is_on_line = True
        else:
            note(text)
            self._next = now + PERIOD


@contextmanager
def step(what: str, *, quiet: bool = False) -> Iterator[None]:
    """Tell what is done inside, if it takes longer than a second."""
    if quiet:
        yield
        return

    def text(seconds: float) -> str:
        return f"{what} … {seconds:.0f} s" if seconds >= 2 * SOON else f"{what} …"

    with Ticker(Shown(text, lasts=True)):
        yield


class Count:
    """How many inputs are done, of how many, and how long it takes until all are.

    Args:
        items: All of them, counted in a thread, which may take long; `None` where that cannot be known.
    """

    def __init__(self, items: Iterable[object] | None) -> None:
        self.done = 0
        self.total: int | None = None
        self._first: float | None = None
        self._is_closed = False
        if items is not None:
            threading.Thread(target=self._find_total, args=(items,), name="zoo-count", daemon=True).start()

    def add(self) -> None:
        """Note that one more is done."""
        if self._first is None:
            self._first = time.monotonic()
        self.done += 1

    def text(self, seconds: float) -> str:
        """Say how far it is."""
        if self.total is None or self._first is None or self.done < 2:
            of_all = f" of {self.total}" if self.total is not None else ""
            return f"{self.done}{of_all} done, {duration(seconds)}"
        rate = (self.done - 1) / max(time.monotonic() - self._first, 1e-3)
        left = max(0, self.total - self.done) / rate if rate else 0
        share = min(1.0, self.done / max(self.total, 1))
        return f"{share:4.0%} {_bar(share)} {self.done} of {self.total} done, {rate:.1f}/s, {duration(left)} left"

    def close(self) -> None:
        """Stop counting."""
        self._is_closed = True

    def _find_total(self, items: Iterable[object]) -> None:
        total = 0
        with suppress(Exception):  # of a folder that changes meanwhile: the run itself tells
            for total, _ in enumerate(items, start=1):  # noqa: B007 # how many there were
                if self._is_closed:
                    return
            self.total = total


def is_terminal() -> bool:
    """Tell whether people see what is written to stderr at once."""
    return bool(sys.stderr is not None and sys.stderr.isatty())


def _bar(share: float, width: int = 20) -> str:
    filled = round(share * width)
    return f"[{'#' * filled}{'.' * (width - filled)}]"
