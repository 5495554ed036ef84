"""Unfinished downloads: each has one owner, and what an owner that ended has left is taken over.

A partial is two files in a folder beside the finished ones: the bytes so far (`.part`), and a note (`.json`) that says
whose it is and what it is the beginning of. Nobody writes into another's partial: whoever goes on with one copies it.
"""

import contextlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ._digest import StreamDigest
from ._owners import Owner, is_recent

WORK_FOLDER = ".zoo"
"""Beside the downloads, so that a finished file can be moved into place by one rename: locks and partial files."""

_BLOCK = 1 << 20


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
    """A partial in a folder, perhaps in use.

    Args:
        bytes_path: The bytes so far; the file may not be there yet, or no more.
        owner: Whose it is; `None` if it was given up.
        origin: What it is the beginning of, if it can be gone on with.
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
            return self.bytes_path.stat().st_size
        except OSError:
            return 0

    @property
    def is_in_use(self) -> bool:
        """Whether its owner may still be writing it."""
        return self.owner is not None and self.owner.is_running(self._last_sign())

    def files(self) -> list[Path]:
        """Return those of its files that are there: the bytes, the note, and a note that was cut off."""
        try:
            paths = list(self.bytes_path.parent.iterdir())
        except OSError:
            return []
        return sorted((path for path in paths if path.name.startswith(f"{self.bytes_path.stem}.")), reverse=True)

    def remove(self) -> None:
        """Delete it, as far as that is allowed."""
        for path in self.files():
            with contextlib.suppress(OSError):
                path.unlink()

    def _last_sign(self) -> float:
        return max((_time_of_change(path) for path in (self.bytes_path, self.note_path)), default=0.0)


class Partial:
    """A partial of this process; a context manager, behind which it is whole and moved away, given up, or gone.

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
            self._file = self.path.open("xb", buffering=0)
        except OSError:
            self._leftover().remove()
            raise
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

    def take_over(self, key: str, *, at_most: int | None) -> None:
        """Go on with the longest beginning of the same file that was given up, or whose owner ended.

        Args:
            key: What the beginning must be of.
            at_most: The size of the whole in bytes, where known.
        """
        name = self.path.name.rpartition(".part")[0].rpartition(".")[0]
        usable = [
            found
            for found in partials(self.folder, name)
            if found.origin and found.origin.key == key and not found.is_in_use
        ]
        for found in sorted(usable, key=lambda found: found.size, reverse=True):
            if found.size <= (found.size if at_most is None else at_most) and self._copy(found):
                found.remove()
                return

    def begin(self, origin: Origin | None) -> None:
        """Say what the bytes to come are of; `None` if they could not be gone on with later."""
        if origin != self.origin:
            self.origin = origin
            self._write_note(Owner.this_process())

    def write(self, block: bytes) -> None:
        """Append bytes; they are hashed meanwhile."""
        self._digest.update(block)
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        self.count += len(block)

    def restart(self) -> None:
        """Forget all bytes so far."""
        self._digest.close()
        self._digest = StreamDigest()
        self._file.seek(0)
        self._file.truncate()
        self.count = 0
        self.origin = None
        self.was_continued = False

    def sha256(self) -> str:
        """Return the digest of all bytes so far."""
        return self._digest.hexdigest()

    def close(self) -> os.stat_result:
        """Write no more; return the state of the file that was hashed."""
        status = os.fstat(self._file.fileno())
        self._file.close()
        return status

    def _copy(self, found: Leftover) -> bool:
        # A new file: should that owner be alive after all, it cannot write into this one.
        try:
            with found.bytes_path.open("rb") as beginning:
                while block := beginning.read(_BLOCK):
                    self.write(block)
            self.begin(found.origin)
        except OSError:
            self.restart()
            return False
        self.was_continued = True
        return True

    def _leftover(self) -> Leftover:
        return Leftover(self.path, None, None)

    def _write_note(self, owner: Owner | None) -> None:
        note = {"owner": owner and asdict(owner), "origin": self.origin and asdict(self.origin)}
        replace_text(self._leftover().note_path, json.dumps(note))


def partials(folder: Path, name: str | None = None) -> Iterator[Leftover]:
    """Yield the partials of one file, or of all, that are to be moved to `folder` when they are whole."""
    work = folder / WORK_FOLDER / "partial"
    with contextlib.suppress(OSError):
        for stem in sorted({path.with_suffix("") for path in work.iterdir() if path.suffix in {".part", ".json"}}):
            if name is None or stem.name.rpartition(".")[0] == name:
                yield _read(stem.parent / f"{stem.name}.part")


def remove_unused_partials(folder: Path, name: str) -> None:
    """Delete the partials of a file that nobody is writing."""
    for found in partials(folder, name):
        if not found.is_in_use:
            found.remove()


def work_folder(folder: Path, kind: str) -> Path:
    """Return a folder of zoo's own beside the downloads, with the permissions that the downloads' folder has."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WORK_FOLDER / kind
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # somebody else made them, and has done the same
            for made in (path.parent, path):
                made.chmod(stat.S_IMODE(folder.stat().st_mode))
    return path


def check_room(folder: Path, size: int) -> None:
    """Raise an `OSError` if the folder's disk has no room for so many bytes."""
    import errno

    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(errno.ENOSPC, f"{size:,} bytes are needed, {free:,} are free", str(folder))


def replace_text(path: Path, text: str) -> None:
    """Write a small text file in one step."""
    replace_file(path, text.encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write a small file in one step: others see the old contents or the new."""
    temporary = path.with_name(f"{path.name}.{os.urandom(4).hex()}.new")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _read(bytes_path: Path) -> Leftover:
    found = Leftover(bytes_path, None, None)
    try:
        note = json.loads(found.note_path.read_text(encoding="utf-8"))
        owner, origin = Owner.read(note["owner"]), _origin(note["origin"])
    except (OSError, ValueError, KeyError, TypeError):
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
        return path.stat().st_mtime
    except OSError:
        return 0.0
