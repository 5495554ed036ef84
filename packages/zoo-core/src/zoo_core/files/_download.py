"""Downloads a file over HTTP, whole and verified: goes on where it broke off, in this process or in an earlier one."""

from pathlib import Path

from zoo_core.errors import WrongBytesError

from ._http import Address, Download, open_download
from ._local import Verifier
from ._partial import Origin, Partial, check_room
from ._receive import BrokenOffError, Place, check_size, into_place, is_exact, place_in, take_in
from ._weights_file import WeightsFile

RESUMPTIONS = 3
"""How often a transfer that broke off, but had brought something, is gone on with at once."""


def download(
    address: Address,
    file: WeightsFile,
    folder: Path,
    verifier: Verifier,
    *,
    progress: bool,
    source: str | None = None,
    place: Place | None = None,
) -> tuple[Path, str]:
    """Bring a file to `folder`, verified.

    What a process that was killed has left of it there, from the same address and of the same version, is not asked for
    again; it is hashed again, with all the rest.

    Args:
        address: Where the file is.
        file: What it must be.
        folder: Where it goes; unfinished bytes are kept beside it.
        verifier: Knows the expected digest's rules, the stamps and the quarantine.
        progress: Show a bar on stderr.
        source: What the stamp names; by default the address.
        place: How a whole and right file is put into the folder; by default under its name.

    Returns:
        The path, and the SHA-256 of what is there.

    Raises:
        SourceError: It cannot be had from there, or is wrong there (it is then in the quarantine).
        OSError: The file cannot be kept here; nothing of it is left.
    """
    with Partial(folder, file.name) as partial:
        partial.take_over(address.name, at_most=file.size if is_exact(file) else None)
        _fill(partial, address, file, progress=progress)
        if partial.was_continued and not _is_right(partial, file, verifier):
            partial.restart()  # parts that do not belong together
            _fill(partial, address, file, progress=progress)
        return into_place(partial, file, verifier, place or place_in(folder, file), source or address.name)


def _fill(partial: Partial, address: Address, file: WeightsFile, *, progress: bool) -> None:
    """Get what is missing; where the transfer breaks off, go on at once, as long as that brings something."""
    for _ in range(RESUMPTIONS):
        before = partial.count
        try:
            return _append(partial, address, file, progress=progress)
        except BrokenOffError:
            if partial.origin is None or partial.count <= before:
                raise
    return _append(partial, address, file, progress=progress)


def _append(partial: Partial, address: Address, file: WeightsFile, *, progress: bool) -> None:
    origin = partial.origin
    if origin is not None and partial.count == origin.size:
        return
    with open_download(address, start=partial.count, validator=origin.validator if origin else None) as answer:
        check_size(file, answer.size)
        if answer.start == 0:
            partial.restart()
        partial.was_continued = partial.count > 0
        if answer.size is not None:
            check_room(partial.folder, answer.size - partial.count)
        partial.begin(_origin(address, answer))
        take_in(answer.blocks, partial, file, answer.size, progress=progress)


def _origin(address: Address, answer: Download) -> Origin | None:
    return None if answer.validator is None else Origin(address.name, answer.validator, answer.size)


def _is_right(partial: Partial, file: WeightsFile, verifier: Verifier) -> bool:
    try:
        verifier.check(partial.sha256(), file, file.name)
    except WrongBytesError:
        return False
    return True
