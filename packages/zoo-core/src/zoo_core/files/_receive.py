"""Takes in a stream of bytes: hashed as it arrives, and under its name only when it is whole and right."""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ._local import Verifier
from ._weights_file import WeightsFile

WORK_FOLDER = ".zoo"
"""Beside the downloads, so that a finished file can be moved into place by one rename: locks and partial files."""


class SourceError(Exception):
    """A source could not give a file; the text is the reason."""


def receive(
    blocks: Iterable[bytes], file: WeightsFile, folder: Path, verifier: Verifier, *, size: int | None, progress: bool
) -> tuple[Path, str]:
    """Write a stream to `folder` under the file's name, verified.

    Args:
        blocks: The bytes, in order.
        file: What they must be.
        folder: Where the file goes.
        verifier: Knows the expected digest's rules, the stamps and the quarantine.
        size: The number of bytes announced by the sender, where known.
        progress: Show a bar on stderr.

    Returns:
        The path, and the SHA-256 of what is there.

    Raises:
        SourceError: The stream ended early, or its bytes are wrong (they are then in the quarantine).
    """
    partial = partial_path(folder, file)
    try:
        sha256, count = _write(_shown(blocks, file, size, progress), partial)
        if size is not None and count != size:
            raise SourceError(f"the transfer broke off after {count:,} of {size:,} bytes")
        return _into_place(partial, sha256, file, folder, verifier), sha256
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def partial_path(folder: Path, file: WeightsFile) -> Path:
    """Return a path for unfinished bytes that no other process or thread uses."""
    partial = folder / WORK_FOLDER / "partial" / f"{file.name}.{os.getpid()}.{os.urandom(4).hex()}"
    partial.parent.mkdir(parents=True, exist_ok=True)
    return partial


def _write(blocks: Iterable[bytes], path: Path) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    with path.open("xb") as output:
        for block in blocks:
            digest.update(block)
            output.write(block)
            count += len(block)
    return digest.hexdigest(), count


def _into_place(partial: Path, sha256: str, file: WeightsFile, folder: Path, verifier: Verifier) -> Path:
    try:
        verifier.check(sha256, file, file.name)
    except OSError as error:
        kept = verifier.put_away(partial, file.name)
        raise SourceError(f"{error}; kept for a look at {kept}") from None
    path = (folder / file.name).absolute()
    partial.replace(path)
    verifier.stamps.write(path, sha256)
    return path


def _shown(blocks: Iterable[bytes], file: WeightsFile, size: int | None, progress: bool) -> Iterator[bytes]:
    if not progress:
        yield from blocks
        return
    with progress_bar(file.name, size) as bar:
        for block in blocks:
            yield block
            bar.update(len(block))


def progress_bar(name: str, size: int | None) -> Any:  # tqdm is imported where it is needed
    """Return a bar that counts bytes, on stderr."""
    from tqdm import tqdm

    return tqdm(total=size, desc=name, unit="B", unit_scale=True, unit_divisor=1024, leave=False)
