"""Unfinished downloads: each has one owner, and what an owner that ended has left is resumed.

A partial is two files in a folder beside the finished ones: the bytes so far (`.part`), and a note (`.json`) that says
whose it is and what it is the beginning of. Nobody writes into another's partial: whoever goes on with one copies it.
"""

import contextlib
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from zoo_core.files.store._digest import StreamDigest
from zoo_core.files.store._paths import open_itself, read_itself, replace_file
from zoo_core.files.store._verify import Whole
from zoo_core.files.store._writers import is_ours_alone

from ._owner_process import Owner, is_recent
from ._work_folder import remove_work_file, work_files, work_folder

_BLOCK = 1 << 20

_LONGEST_NOTE = 1 << 16


@dataclass(frozen=True, slots=True)
class Origin:
    """What a partial is the beginning of.

    Args:
        key: Names the source and the file there.
        validator: The ETag or the date by which the server tells versions of it apart.
        size: Of the whole, in bytes, where the server announced it.
    """

    key: str
    validator: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Leftover:
    """A partial in a folder, perhaps in use, unless it was given up; its bytes may not be there yet, or no more.

    If it can be gone on with, `origin` says what it is the beginning of.
    """

    bytes_path: Path
    owner: Owner | None
    origin: Origin | None

    @property
    def note_path(self) -> Path:
        """The note beside the bytes."""
        return self.bytes_path.with_suffix(".json")

    @property
    def size(self) -> int:
        """The number of bytes so far."""
        try:
            return self.bytes_path.lstat().st_size
        except OSError:
            return 0

    @property
    def is_in_use(self) -> bool:
        """Whether its owner may still be writing it."""
        return self.owner is not None and self.owner.is_running(self._last_sign())

    def files(self) -> list[Path]:
        """Return those of its files that are there: the bytes, the note, and a note that was cut off."""
        folder = self.bytes_path.parent
        paths = work_files(folder.parent.parent, folder.name)
        return sorted((path for path in paths if path.name.startswith(f"{self.bytes_path.stem}.")), reverse=True)

    def remove(self) -> None:
        """Delete it, as far as that is allowed."""
        for path in self.files():
            with contextlib.suppress(OSError):
                remove_work_file(path)

    def _last_sign(self) -> float:
        return max((_time_of_change(path) for path in (self.bytes_path, self.note_path)), default=0.0)


class Partial:
    """A partial of this process; a context manager, behind which it is whole and moved away, given up, or gone.

    Until then, nobody else may read it or write to it. Where permissions count for nothing, a write of somebody else
    still moves the file's time, which is set after every write and looked at before the next.

    Args:
        folder: Where the finished file will be.
        name: The file's name.

    Attributes:
        path: The bytes so far.
        count: Their number.
        origin: What they are the beginning of, if that can be gone on with later.
        was_continued: Whether they came in more than one transfer.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.path = work_folder(folder, "partial") / f"{name}.{os.urandom(8).hex()}.part"
        self.origin: Origin | None = None
        self.count = 0
        self.was_continued = False
        self._write_note(Owner.this_process())
        try:
            self._file = open(self.path, "xb", buffering=0, opener=_open_private)  # noqa: SIM115
        except OSError:
            self._leftover().remove()
            raise
        self._is_certain = True
        self._mark()
        self._digest = StreamDigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._digest.close()
        self._file.close()
        # Where this disk failed, room is wanted more than a beginning.
        if error is None or self.origin is None or self.count == 0 or isinstance(error, OSError):
            self._leftover().remove()
            return
        try:
            self._write_note(None)
        except OSError:
            self._leftover().remove()

    def resume(self, key: str, *, at_most: int | None) -> None:
        """Go on with the longest fitting beginning of the same file that was given up, or whose owner ended."""
        name = self.path.name.rpartition(".part")[0].rpartition(".")[0]
        usable = [
            found
            for found in partials(self.folder, name)
            if found.origin and found.origin.key == key and not found.is_in_use
        ]
        for found in sorted(usable, key=lambda found: found.size, reverse=True):
            if self._copy(found, at_most):
                found.remove()
                return

    def begin(self, origin: Origin | None) -> None:
        """Say what the bytes to come are of; `None` if they could not be gone on with later."""
        if origin != self.origin:
            self.origin = origin
            self._write_note(Owner.this_process())

    def write(self, block: bytes) -> None:
        """Append bytes; they are hashed meanwhile."""
        self._look()
        self._digest.update(block)
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        self.count += len(block)
        self._mark()

    def restart(self) -> None:
        """Forget all bytes so far."""
        self._digest.close()
        self._digest = StreamDigest()
        self._file.seek(0)
        self._file.truncate()
        self.count = 0
        self._mark()
        self.origin = None
        self.was_continued = False

    def sha256(self) -> str:
        """Return the digest of all bytes so far."""
        return self._digest.hexdigest()

    def close(self) -> Whole:
        """Write no more: the bytes are all here. Nobody is to go on with them, and whom the folder is for may read."""
        sha256 = self.sha256()
        self._look()
        _protect(self._file.fileno(), self.folder)
        whole = Whole(self.path, self.folder, sha256, os.fstat(self._file.fileno()), self._is_certain)
        self._file.close()
        self.origin = None
        return whole

    def _copy(self, found: Leftover, at_most: int | None) -> bool:
        # A new file: should that owner be alive after all, it cannot write into this one.
        try:
            with open_itself(found.bytes_path) as beginning:
                status, announced = os.fstat(beginning.fileno()), found.origin.size if found.origin else None
                longest = min(size for size in (at_most, announced, status.st_size) if size is not None)
                if status.st_size > longest or not is_ours_alone(status):
                    return False  # it is no beginning of the file, or perhaps not what this user has written
                while block := beginning.read(min(_BLOCK, longest - self.count)):
                    self.write(block)
            self.begin(found.origin)
        except OSError:
            self.restart()
            return False
        self.was_continued = True
        return True

    def _mark(self) -> None:
        """Give the file a time that no other write can give it."""
        if os.utime in os.supports_fd:
            with contextlib.suppress(OSError):
                os.utime(self._file.fileno(), ns=(time.time_ns(),) * 2)
        self._marked = os.fstat(self._file.fileno()).st_mtime_ns

    def _look(self) -> None:
        """Note if somebody else may have written."""
        status = os.fstat(self._file.fileno())
        as_left = (status.st_size, status.st_mtime_ns) == (self.count, self._marked)
        self._is_certain &= as_left and is_ours_alone(status) and os.utime in os.supports_fd

    def _leftover(self) -> Leftover:
        return Leftover(self.path, None, None)

    def _write_note(self, owner: Owner | None) -> None:
        note = {"owner": owner and asdict(owner), "origin": self.origin and asdict(self.origin)}
        replace_file(self._leftover().note_path, json.dumps(note).encode())


def partials(folder: Path, name: str | None = None) -> Iterator[Leftover]:
    """Yield the partials of one file, or of all, that are to be moved to `folder` when they are whole."""
    there = work_files(folder, "partial")
    for stem in sorted({path.with_suffix("") for path in there if path.suffix in {".part", ".json"}}):
        if name is None or stem.name.rpartition(".")[0] == name:
            yield _read(stem.parent / f"{stem.name}.part")


def remove_unused_partials(folder: Path, name: str) -> None:
    """Delete the partials of a file that nobody is writing."""
    for found in partials(folder, name):
        if not found.is_in_use:
            found.remove()


def check_room(folder: Path, size: int) -> None:
    """Raise an `OSError` if the folder's disk has no room for so many bytes."""
    import errno

    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(errno.ENOSPC, f"{size:,} bytes are needed, {free:,} are free", str(folder))


def _read(bytes_path: Path) -> Leftover:
    found = Leftover(bytes_path, None, None)
    try:
        note = json.loads(read_itself(found.note_path, _LONGEST_NOTE))
        owner, origin = Owner.read(note["owner"]), _origin(note["origin"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        # No note: cut off while it was made. It is left alone as long as somebody may be at it.
        recent = is_recent(_time_of_change(bytes_path))
        return Leftover(bytes_path, Owner("unknown", 0, 0) if recent else None, None)
    return Leftover(bytes_path, owner, origin)


def _origin(note: Any) -> Origin | None:  # JSON
    if note is None:
        return None
    size = note["size"]
    return Origin(str(note["key"]), str(note["validator"]), None if size is None else int(size))


def _time_of_change(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _protect(descriptor: int, folder: Path) -> None:
    """Make a file readable for whom its folder is, and writable for nobody: models have it mapped into memory."""
    if os.name == "posix":
        readers = stat.S_IMODE(folder.stat().st_mode) & 0o044
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, 0o400 | readers)
