"""Whether the process that owns an unfinished file still runs."""

import os
import platform
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

SILENCE = 120.0
"""Seconds after which a process of another machine, whose file has not grown since, counts as ended."""

_SELF = Path("/proc/self")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process.

    Args:
        machine: Where its number counts: a boot of a machine, and in it a container.
        process: Its number.
        started: When it started, in the system's own unit, so that a number given away again is noticed; 0 if unknown.
    """

    machine: str
    process: int
    started: int

    @classmethod
    def this_process(cls) -> Self:
        """Return the process that asks."""
        started = _start_of(os.getpid()) if os.name == "posix" else None
        return cls(_machine(), os.getpid(), started or 0)

    @classmethod
    def read(cls, note: Any) -> Self | None:  # JSON
        """Return the owner in a note, or `None` where it names none."""
        try:
            return cls(str(note["machine"]), int(note["process"]), int(note["started"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def is_running(self, last_sign: float) -> bool:
        """Tell whether the process may still write. Of other machines, only the last change of its file is known."""
        if os.name == "posix" and self.machine == _machine():
            started = _start_of(self.process)
            return started is not None and started == self.started
        return is_recent(last_sign)


def is_recent(last_sign: float) -> bool:
    """Tell whether a file changed so lately that somebody may be writing it. A clock that was moved makes it old."""
    return abs(time.time() - last_sign) < SILENCE


def _start_of(process: int) -> int | None:
    """Return when a process started (0 if the system does not tell), or `None` if there is none."""
    if _SELF.is_dir():
        try:
            # The command, in parentheses, may hold anything; behind it are the state, and the start as 20th.
            fields = (_SELF.parent / str(process) / "stat").read_text(errors="replace").rpartition(")")[2].split()
            return None if fields[0] in "ZX" else int(fields[19])
        except (OSError, ValueError, IndexError):
            return None
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return None
    except PermissionError:
        pass
    return 0


@cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()
