"""Reads the one kind of tar archive that bundles are: plain files, nothing else, no extensions."""

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from zoo_core.errors import BundleError
from zoo_core.files.manifests._format import check_path

_BLOCK = tarfile.BLOCKSIZE
_NAMES = {
    tarfile.DIRTYPE: "a folder",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
}


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its path, which leads nowhere outside, where its bytes begin, and how many there are."""

    name: str
    offset: int
    size: int


def members_of(file: BinaryIO) -> Iterator[Member]:
    """Yield the members of an archive, in order. Only their headers are read, of which none can be large.

    Raises:
        BundleError: The archive is cut off, goes on behind its end, or has something that is not a plain file, a path
            that leads out of it, or a name twice.
    """
    end, position, seen = os.fstat(file.fileno()).st_size, 0, set[str]()
    while (header := _read_header(file, position)) is not None:
        member = _member(header, position + _BLOCK)
        if member.offset + member.size > end:
            raise BundleError(f"it is cut off: {member.name} has {member.size:,} bytes, of which some are missing")
        if member.name in seen:
            raise BundleError(f"it has {member.name} twice")
        seen.add(member.name)
        yield member
        position = member.offset + -(-member.size // _BLOCK) * _BLOCK
        file.seek(member.offset + member.size)
        if any(file.read(position - member.offset - member.size)):
            raise BundleError(f"it has something between {member.name} and what follows")
    file.seek(position)
    if end - position > 2 * tarfile.RECORDSIZE or any(file.read()):
        raise BundleError("it goes on behind its end")


def header_of(name: str, size: int) -> bytes:
    """Return the one header that a file has in a bundle: no owner, time, extensions. `ValueError`: it is too large."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.USTAR_FORMAT)


def blocks_of(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """Yield the bytes of a member."""
    file.seek(member.offset)
    left = member.size
    while left and (block := file.read(min(left, 1 << 20))):
        yield block
        left -= len(block)


def _read_header(file: BinaryIO, position: int) -> bytes | None:
    """Return the header at a position, or `None` at the end of the archive."""
    file.seek(position)
    header = file.read(_BLOCK)
    if len(header) < _BLOCK:
        raise BundleError("it is cut off, or no bundle")
    return header if any(header) else None


def _member(header: bytes, offset: int) -> Member:
    try:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    except (tarfile.TarError, ValueError) as error:
        raise BundleError(f"it is no bundle: {error}") from None
    if info.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or info.size < 0:
        raise BundleError(f"{info.name!r} is {_NAMES.get(info.type, 'of a kind')} that a bundle cannot have")
    try:
        check_path(info.name)
        expected = header_of(info.name, info.size)
    except ValueError as error:
        raise BundleError(str(error)) from None
    if header != expected:
        raise BundleError(f"{info.name!r} has a header that is not as in a bundle")
    return Member(info.name, offset, info.size)
