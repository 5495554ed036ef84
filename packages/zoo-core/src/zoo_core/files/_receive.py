"""Takes in the bytes of a file: hashed as they arrive, and under its name only when it is whole and right."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from zoo_core.errors import WrongBytesError

from ._local import Verifier
from ._partial import Partial, check_room, remove_unused_partials
from ._weights_file import WeightsFile

Place = Callable[[Path], Path]
"""Moves a whole and right file to where it belongs, and returns that."""


class SourceError(Exception):
    """A source could not give a file; the text is the reason.

    Args:
        reason: The text.
        is_temporary: Whether it may work in a moment.
        retry_after: After how many seconds the source wants to be asked again, if it said so.
        is_busy: Whether the source answered that it has too much to do: then asking it again costs no time-out.
        status: The HTTP status that it answered with, if it was one.
    """

    def __init__(
        self,
        reason: str,
        *,
        is_temporary: bool = False,
        retry_after: float | None = None,
        is_busy: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.is_temporary = is_temporary
        self.retry_after = retry_after
        self.is_busy = is_busy
        self.status = status

    @property
    def says_absent(self) -> bool:
        """Whether the source works, and has no such file: object stores say 403 for that."""
        return self.status in {403, 404, 410}


class BrokenOffError(SourceError):
    """A transfer that had begun ended too early. It may work at once."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, is_temporary=True)


def receive(
    blocks: Iterable[bytes],
    file: WeightsFile,
    folder: Path,
    verifier: Verifier,
    *,
    size: int | None,
    progress: bool,
    source: str | None = None,
) -> tuple[Path, str]:
    """Write a stream, which can only be had from its beginning, to `folder` under the file's name, verified.

    Args:
        blocks: The bytes, in order.
        file: What they must be.
        folder: Where the file goes.
        verifier: Knows the expected digest's rules, the stamps and the quarantine.
        size: The number of bytes announced by the sender, where known.
        progress: Show a bar on stderr.
        source: Where they come from, for the stamp.

    Returns:
        The path, and the SHA-256 of what is there.

    Raises:
        SourceError: The stream ended early, or its bytes are wrong (they are then in the quarantine).
        OSError: The file cannot be kept here; nothing of it is left.
    """
    check_size(file, size)
    with Partial(folder, file.name) as partial:
        if size is not None:
            check_room(folder, size)
        take_in(blocks, partial, file, size, progress=progress)
        return into_place(partial, file, verifier, place_in(folder, file), source)


def take_in(blocks: Iterable[bytes], partial: Partial, file: WeightsFile, size: int | None, *, progress: bool) -> None:
    """Append a stream to a partial.

    Raises:
        SourceError: It ended before or behind the size announced or known.
    """
    expected = file.size if size is None and is_exact(file) else size
    for block in _shown(blocks, file, expected, partial.count, progress):
        if expected is not None and partial.count + len(block) > expected:
            raise SourceError(f"sent more than the {expected:,} bytes that the file has")
        partial.write(block)
    if expected is not None and partial.count != expected:
        raise BrokenOffError(f"the transfer broke off after {partial.count:,} of {expected:,} bytes")


def check_size(file: WeightsFile, announced: int | None) -> None:
    """Refuse another size than the catalogue's before a byte of it is read.

    Raises:
        SourceError: They differ.
    """
    if announced is not None and file.size is not None and announced != file.size and is_exact(file):
        raise SourceError(f"has another file: {announced:,} bytes, expected {file.size:,}")


def is_exact(file: WeightsFile) -> bool:
    """Tell whether a file that differs from what is known of it is certainly wrong."""
    return file.digest is None or file.digest.confirmed


def into_place(
    partial: Partial, file: WeightsFile, verifier: Verifier, place: Place, source: str | None
) -> tuple[Path, str]:
    """Verify a partial that is whole, and move it to where it belongs.

    Returns:
        The path, and the SHA-256 of what is there.

    Raises:
        SourceError: Its bytes are wrong; it is in the quarantine.
    """
    sha256, hashed = partial.sha256(), partial.close()
    try:
        verifier.check(sha256, file, file.name)
    except WrongBytesError as error:
        kept = verifier.put_away(partial.path, file.name, sha256)
        partial.origin = None  # nobody is to go on with it
        raise SourceError(f"{error}; kept for a look at {kept}") from None
    _protect(partial)
    path = place(partial.path).absolute()
    verifier.stamps.write(path, sha256, hashed, source)
    remove_unused_partials(partial.folder, file.name)
    return path, sha256


def place_in(folder: Path, file: WeightsFile) -> Place:
    """Return what moves a file into a folder, under its name."""

    def place(whole: Path) -> Path:
        return whole.replace(folder / file.name)

    return place


def _protect(partial: Partial) -> None:
    """Make a file readable for whom its folder is, and writable for nobody: models have it mapped into memory."""
    if os.name == "posix":
        readers = stat.S_IMODE(partial.folder.stat().st_mode) & 0o044
        with contextlib.suppress(OSError):
            partial.path.chmod(0o400 | readers)


def _shown(blocks: Iterable[bytes], file: WeightsFile, size: int | None, start: int, progress: bool) -> Iterator[bytes]:
    if not progress:
        yield from blocks
        return
    with progress_bar(file.name, size, start) as bar:
        for block in blocks:
            yield block
            bar.update(len(block))


def progress_bar(name: str, size: int | None, start: int = 0) -> Any:  # tqdm is imported where it is needed
    """Return a bar that counts bytes, on stderr."""
    from tqdm import tqdm

    return tqdm(total=size, initial=start, desc=name, unit="B", unit_scale=True, unit_divisor=1024, leave=False)
