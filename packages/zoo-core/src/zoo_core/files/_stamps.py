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
from ._partial import replace_text

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
    what he did. They are kept apart from the files, so that read-only folders and caches of other libraries can be
    stamped too.

    Args:
        folder: Where the stamps are; it need not exist, and need not be writable.
    """

    folder: Path

    def sha256_of(self, path: Path) -> str:
        """Return the file's SHA-256: as stamped, else computed, and stamped for the next time.

        A file that changes while it is hashed gets no stamp.
        """
        stamp = self.find(path)
        if stamp is not None:
            with contextlib.suppress(OSError):  # when it was used last, for `zoo cache prune`
                os.utime(self._path(path))
            return stamp.sha256
        return self.renew(path)

    def renew(self, path: Path) -> str:
        """Hash the file again, in full, and stamp it."""
        before = _settled(path)
        sha256 = sha256_of(path)
        if _identity(path.stat()) == _identity(before):
            self._write(path, before, sha256, self._source(path, sha256))
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
        if _content(status) == _content(hashed):
            self._write(path, status, sha256, source)

    def find(self, path: Path) -> Stamp | None:
        """Return what is remembered of the file, if that still holds."""
        status = path.stat()
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
            replace_text(self._path(path), json.dumps(note))

    def _source(self, path: Path, sha256: str) -> str | None:
        stamp = _stamp(self._note(path) or {})
        return stamp.source if stamp and stamp.sha256 == sha256 else None

    def _note(self, path: Path) -> dict[str, Any] | None:  # JSON
        try:
            note = json.loads(self._path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return note if isinstance(note, dict) else None

    def _path(self, path: Path) -> Path:
        return self.folder / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"


def identity(path: Path) -> tuple[int, ...]:
    """Return by what a change of the file would be noticed."""
    return tuple(_identity(path.stat()).values())


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
