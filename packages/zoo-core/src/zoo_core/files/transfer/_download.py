"""Brings bytes here, whole and verified: over HTTP, resumed where an earlier transfer broke off, or from any stream."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo_core._progress import show_progress
from zoo_core.errors import BrokenOffError, SourceError, WrongBytesError
from zoo_core.files._settings import Settings
from zoo_core.files.store._resolved_file import ResolvedFile
from zoo_core.files.store._verify import Place, Verifier
from zoo_core.files.store._weights_file import WeightsFile

from ._http import Address, open_download
from ._partial import Origin, Partial, check_room, remove_unused_partials

RESUMPTIONS = 3
"""How often a transfer that broke off, but had brought something, is resumed at once."""


def download(
    address: Address,
    file: WeightsFile,
    settings: Settings,
    *,
    progress: bool,
    source: str | None = None,
    folder: Path | None = None,
    place: Place | None = None,
) -> ResolvedFile:
    """Download a file, verified; what it is said to come from is, by default, the address.

    What a process that was killed has left of it, from the same address and of the same version, is not asked for
    again; it is hashed again, with all the rest. Unfinished bytes are kept beside the finished, in the folder for
    checkpoints or another; `place` puts a whole and right file there, by default under its name.

    Raises:
        SourceError: It cannot be had from there, or is wrong there (it is then in the quarantine).
        OSError: The file cannot be kept here; nothing of it is left.
    """
    if not address.url.lower().startswith(("http://", "https://")):
        raise SourceError("is not a URL that can be downloaded (expected https://…)")
    verifier = Verifier.of(settings)
    verifier.check_known(file)
    with Partial(folder or settings.checkpoints, file.name) as partial:
        partial.resume(address.name, at_most=file.size if _is_exact(file) else None)
        _download_rest(partial, address, file, progress=progress)
        if partial.was_continued and not _is_right(partial, file, verifier):
            partial.restart()  # parts that do not belong together
            _download_rest(partial, address, file, progress=progress)
        found = verifier.admit(partial.close(), file, source or address.name, place)
    remove_unused_partials(partial.folder, file.name)
    return found


def write_stream(
    blocks: Iterable[bytes], file: WeightsFile, settings: Settings, *, size: int | None, progress: bool, source: str
) -> ResolvedFile:
    """Write a stream, of `size` bytes as far as announced, into the folder for checkpoints, verified.

    Raises:
        SourceError: The stream ended early, or its bytes are wrong (they are then in the quarantine).
        OSError: The file cannot be kept here; nothing of it is left.
    """
    verifier = Verifier.of(settings)
    verifier.check_known(file)
    _check_size(file, size)
    with Partial(settings.checkpoints, file.name) as partial:
        if size is not None:
            check_room(partial.folder, size)
        _write(blocks, partial, file, size, is_shown=progress)
        found = verifier.admit(partial.close(), file, source)
    remove_unused_partials(partial.folder, file.name)
    return found


def _download_rest(partial: Partial, address: Address, file: WeightsFile, *, progress: bool) -> None:
    """Download what is missing; where the transfer breaks off, resume at once, as long as that brings something."""
    for _ in range(RESUMPTIONS):
        before = partial.count
        try:
            return _transfer(partial, address, file, progress=progress)
        except BrokenOffError:
            if partial.origin is None or partial.count <= before:
                raise
    return _transfer(partial, address, file, progress=progress)


def _transfer(partial: Partial, address: Address, file: WeightsFile, *, progress: bool) -> None:
    origin = partial.origin
    if origin is not None and partial.count == origin.size:
        return
    with open_download(address, start=partial.count, validator=origin.validator if origin else None) as answer:
        _check_size(file, answer.size)
        if answer.start == 0:
            partial.restart()
        partial.was_continued = partial.count > 0
        if answer.size is not None:
            check_room(partial.folder, answer.size - partial.count)
        partial.begin(Origin(address.name, answer.validator, answer.size) if answer.validator else None)
        _write(answer.blocks, partial, file, answer.size, is_shown=progress)


def _write(blocks: Iterable[bytes], partial: Partial, file: WeightsFile, size: int | None, *, is_shown: bool) -> None:
    """Append a stream to a partial; refuse one that ends before or behind the size announced or known."""
    expected = file.size if size is None and _is_exact(file) else size
    for block in _shown(blocks, file, expected, partial.count, is_shown=is_shown):
        if expected is not None and partial.count + len(block) > expected:
            raise SourceError(f"sent more than the {expected:,} bytes that the file has")
        if partial.count + len(block) > file.largest:
            raise SourceError(f"sent more than the {file.largest:,} bytes that the file can have")
        partial.write(block)
    if expected is not None and partial.count != expected:
        raise BrokenOffError(f"the transfer broke off after {partial.count:,} of {expected:,} bytes")


def _check_size(file: WeightsFile, announced: int | None) -> None:
    """Refuse another size than the catalogue's before a byte of it is read."""
    if announced is not None and file.size is not None and announced != file.size and _is_exact(file):
        raise SourceError(f"has another file: {announced:,} bytes, expected {file.size:,}")
    if announced is not None and announced > file.largest:
        raise SourceError(f"has another file: {announced:,} bytes, expected {file.largest:,} at most")


def _is_exact(file: WeightsFile) -> bool:
    """Tell whether a file that differs from what is known of it is certainly wrong."""
    return file.digest is None or file.digest.confirmed


def _is_right(partial: Partial, file: WeightsFile, verifier: Verifier) -> bool:
    try:
        verifier.check(partial.sha256(), file, file.name)
    except WrongBytesError:
        return False
    return True


def _shown(
    blocks: Iterable[bytes], file: WeightsFile, size: int | None, start: int, *, is_shown: bool
) -> Iterator[bytes]:
    with show_progress(file.name, total=size, done=start, unit="B", is_shown=is_shown) as shown:
        for block in blocks:
            yield block
            shown.update(len(block))
