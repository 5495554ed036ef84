"""How far something is, on stderr: a bar in a terminal; elsewhere, as in a log file, a line every ten seconds."""

import sys
import time
from types import TracebackType
from typing import Protocol, Self

PERIOD = 10.0
"""Seconds between two lines, and before the first one: what takes less is worth no line."""


class Progress(Protocol):
    """What is told how far something is."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> object: ...

    def update(self, n: float | None = 1, /) -> object:
        """Note that so many more are done."""


def show_progress(
    what: str, *, total: int | None = None, done: int = 0, unit: str = "", is_shown: bool = True
) -> Progress:
    """Return what shows how far something is.

    Args:
        what: What is being done, such as the name of a file.
        total: How many there are, where that is known.
        done: How many were done before.
        unit: What is counted: `"B"` for bytes, which are shown in MiB, else a plural such as `"inputs"`.
        is_shown: Whether to show anything.

    Example:
        >>> from zoo_core._progress import show_progress
        >>> with show_progress("squares", total=3, unit="numbers", is_shown=False) as shown:
        ...     for number in range(3):
        ...         _ = shown.update()
    """
    if not is_shown or sys.stderr is None:
        return _Lines(what, total, done, unit, period=float("inf"))
    if not (
        sys.stderr.isatty() or "ipykernel" in sys.modules
    ):  # notebooks draw bars, and say that they are no terminal
        return _Lines(what, total, done, unit, period=PERIOD)
    from tqdm import tqdm

    is_bytes = unit == "B"
    return tqdm(
        total=total,
        initial=done,
        desc=what,
        unit=unit if is_bytes else f" {unit}",
        unit_scale=is_bytes,
        unit_divisor=1024 if is_bytes else 1000,
        leave=False,
    )


class _Lines:
    """Writes a line when the last one is long enough ago."""

    def __init__(self, what: str, total: int | None, done: int, unit: str, *, period: float) -> None:
        self._what, self._total, self._unit, self._period = what, total, unit, period
        self._first: float = done
        self._done: float = done
        self._began = self._told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to do: what came of it is said by whoever did it."""

    def update(self, n: float | None = 1, /) -> None:
        self._done += n or 0
        now = time.monotonic()
        if now - self._told >= self._period:
            self._told = now
            self._tell(now)

    def _tell(self, now: float) -> None:
        of_all = "" if self._total is None else f" of {self._number(self._total)}"
        unit = "MiB" if self._unit == "B" else self._unit
        line = f"{self._what}: {self._number(self._done)}{of_all} {unit}{self._time_left(now)}"
        try:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        except OSError:  # nobody can be told; the work goes on
            self._period = float("inf")

    def _time_left(self, now: float) -> str:
        if self._total is None or self._done <= self._first:
            return ""
        seconds = (now - self._began) / (self._done - self._first) * max(self._total - self._done, 0)
        return f", {duration(seconds)} left"

    def _number(self, count: float) -> str:
        return f"{count / 2**20:,.1f}" if self._unit == "B" else f"{count:,.0f}"


def duration(seconds: float) -> str:
    """Write seconds as people do.

    Example:
        >>> from zoo_core._progress import duration
        >>> duration(42.3), duration(3661)
        ('0:42', '1:01:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
