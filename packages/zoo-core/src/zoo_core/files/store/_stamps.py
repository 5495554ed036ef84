"""Remembers which files have been verified, so that a file is hashed once and not at every load."""

import contextlib
import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._digest import sha256_of
from ._paths import replace_file
from ._writers import others_may_write

TICK = 0.011
"""Seconds within which two changes may get the same time: file systems take it from a clock that ticks."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is remembered of a file.

    Args:
        sha256: Its digest, computed on this machine.
        verified: When that was, in seconds since the epoch.
        source: Where zoo fetched the file from; `None` if somebody else put it there.
    """

    sha256: str
    verified: float
    source: str | None


@dataclass(frozen=True, slots=True)
class Stamps:
    """Digests of files, each good as long as the file stays as it was.

    A change is noticed by size, inode, and the times of modification and of the last change of status, compared for
    equality alone: a clock that was moved does not matter, and who sets the time of modification back does not hide
    what he did. None of them changes where somebody has a file mapped into memory and writes to it: what others may
    write to is hashed each time. They are kept apart from the files, so that read-only folders and caches of other
    libraries can be stamped too.

    Args:
        folder: Where the stamps are; it need not exist, and need not be writable.
    """

    folder: Path

    def sha256_of(self, path: Path) -> str:
        """Return the file's SHA-256: as stamped, else computed, and stamped for the next time.

        A file that changes while it is hashed gets no stamp.
        """
        status = path.stat()
        stamp = self._find(path, status)
        if stamp is not None and not others_may_write(status):
            with contextlib.suppress(OSError):  # when it was used last, for `zoo cache prune`
                os.utime(self._path(path))
            return stamp.sha256
        return self.renew(path)

    def renew(self, path: Path, source: str | None = None) -> str:
        """Hash the file again, in full, and stamp it; what it came from is, by default, as before."""
        before = _settled(path)
        sha256 = sha256_of(path)
        if _identity(path.stat()) == _identity(before):
            old = _stamp(self._note(path) or {})
            self._write(path, before, sha256, source or (old.source if old and old.sha256 == sha256 else None))
        return sha256

    def write(self, path: Path, sha256: str, hashed: os.stat_result, source: str | None) -> None:
        """Stamp a file whose digest was computed as it was written.

        Args:
            path: Where it is now.
            sha256: The digest.
            hashed: The state of the file then; if it was changed since, it gets no stamp.
            source: Where it came from.
        """
        status = _settled(path)
        if is_same(status, hashed):
            self._write(path, status, sha256, source)

    def find(self, path: Path) -> Stamp | None:
        """Return what is remembered of the file, if that still holds."""
        return self._find(path, path.stat())

    def _find(self, path: Path, status: os.stat_result) -> Stamp | None:
        note = self._note(path)
        if note is None or not ({"path": str(path)} | _identity(status)).items() <= note.items():
            return None
        return _stamp(note)

    def read(self, path: Path) -> str | None:
        """Return the digest that the file is stamped with, if the stamp still holds."""
        stamp = self.find(path)
        return stamp.sha256 if stamp else None

    def last_use(self, path: Path) -> float | None:
        """Return when the file was resolved last, in seconds since the epoch, where that is known."""
        try:
            return self._path(path).stat().st_mtime
        except OSError:
            return None

    def forget(self, path: Path) -> None:
        """Remove the file's stamp."""
        with contextlib.suppress(OSError):
            self._path(path).unlink()

    def _write(self, path: Path, status: os.stat_result, sha256: str, source: str | None) -> None:
        note = {"path": str(path), "sha256": sha256, "verified": time.time(), "source": source} | _identity(status)
        with contextlib.suppress(OSError):  # where that cannot be written, the next load hashes again
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(self._path(path), json.dumps(note).encode())

    def _note(self, path: Path) -> dict[str, Any] | None:  # JSON
        try:
            note = json.loads(self._path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return note if isinstance(note, dict) else None

    def _path(self, path: Path) -> Path:
        return self.folder / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"


def is_same(status: os.stat_result, before: os.stat_result) -> bool:
    """Tell whether a file that may have got another name and mode is the one that it was: its owner cannot be faked."""
    same_file = (status.st_dev, status.st_uid) == (before.st_dev, before.st_uid)
    return same_file and _content(status) == _content(before)


def identity(path: Path) -> tuple[int, ...]:
    """Return by what a change of the file would be noticed."""
    status = path.stat()
    return status.st_dev, *_identity(status).values()


def _stamp(note: dict[str, Any]) -> Stamp | None:  # JSON
    sha256, verified, source = (note.get(name) for name in ("sha256", "verified", "source"))
    if not (isinstance(sha256, str) and isinstance(verified, float) and isinstance(source, str | None)):
        return None
    return Stamp(sha256, verified, source)


def _settled(path: Path) -> os.stat_result:
    """Return the file's state, when a later change would certainly get another time."""
    status = path.stat()
    age = time.time() - max(status.st_mtime, status.st_ctime)
    if 0 <= age < TICK:
        time.sleep(TICK - age)
        status = path.stat()
    return status


def _identity(status: os.stat_result) -> dict[str, int]:
    return _content(status) | {"ctime_ns": status.st_ctime_ns}


def _content(status: os.stat_result) -> dict[str, int]:
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}
