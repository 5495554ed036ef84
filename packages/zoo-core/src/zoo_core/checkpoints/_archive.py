"""What a file of `torch.save` must be before torch reads it: nothing in it takes more memory than it has bytes.

PKWARE: .ZIP File Format Specification, sections 4.3 and 4.4; torch writes such archives without compression.
"""

import struct
import tarfile
from collections.abc import Collection
from typing import BinaryIO, NamedTuple

from ._pickles import LONGEST_PICKLE, check_pickle

_ZIP_MAGIC = b"PK\x03\x04"
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_MEMBER = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MOST_DIRECTORY = 64 << 20
_PICKLES_OF_THE_OLDER_FORM = 5
"""A magic number, the protocol, facts of the machine, the tensors, and the keys of the storages that follow."""


class _Member(NamedTuple):
    """A file in an archive."""

    name: bytes
    header: int
    """Where its local header begins."""
    size: int


def is_zip(file: BinaryIO) -> bool:
    """Tell whether a file has the newer form, as torch does it."""
    file.seek(0)
    return file.read(4) == _ZIP_MAGIC


class Archive:
    """An archive as torch writes it, read by its directory alone, as torch does.

    Args:
        file: The archive.

    Raises:
        ValueError: It is damaged, or has something compressed or encrypted, or a name twice.

    Example:
        >>> import io
        >>> import torch
        >>> from zoo_core.checkpoints import Archive
        >>> file = io.BytesIO()
        >>> torch.save({"weight": torch.ones(2)}, file)
        >>> "archive/data.pkl" in Archive(file).names
        True
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._members = {member.name.decode(): member for member in _members(file)}

    @property
    def names(self) -> tuple[str, ...]:
        """What is in it."""
        return tuple(self._members)

    def read(self, name: str, longest: int) -> bytes:
        """Return what is in it under a name.

        Args:
            name: One of `names`.
            longest: How many bytes that may have.

        Raises:
            ValueError: It has more, or is not where the directory says.
        """
        return _content(self._file, self._members[name], longest)


def check_tensors(file: BinaryIO, *, also: Collection[str] = ()) -> None:
    """Refuse what is no archive of `torch.save`, or holds more than tensors, however torch would read it.

    Args:
        file: What torch would read.
        also: What else its pickle may name, as `"module.name"`: calling that with anything has to be harmless.

    Raises:
        ValueError: It is; the text says how, and what it names.

    Example:
        >>> import io
        >>> import torch
        >>> from zoo_core.checkpoints import check_tensors
        >>> file = io.BytesIO()
        >>> torch.save({"weight": torch.ones(2), "printed": print}, file)
        >>> check_tensors(file)
        Traceback (most recent call last):
        ValueError: its pickle names __builtin__.print, of which no tensor is made
    """
    if not is_zip(file):
        raise ValueError("it is no archive of torch.save")
    require_tensors_alone(file)
    check_pickles(file, also)


def check_pickles(file: BinaryIO, also: Collection[str] = ()) -> None:
    """Refuse a file of `torch.save`, in either form, that is damaged, compressed, or holds more than tensors.

    Raises:
        ValueError: It is; the text says how.
    """
    if not is_zip(file):
        file.seek(0)
        beginning, position = file.read(LONGEST_PICKLE), 0
        for _ in range(_PICKLES_OF_THE_OLDER_FORM):
            position = check_pickle(beginning, position, also)
        return
    members = _members(file)
    pickles = [member for member in members if member.name.lower().endswith(b".pkl")]
    if not any(member.name.lower().endswith(b"/data.pkl") for member in pickles):
        raise ValueError("it is an archive without a pickle of torch.save")
    for member in pickles:
        content = _content(file, member)
        if check_pickle(content, 0, also) != len(content):
            raise ValueError("its pickle goes on behind its end")


def require_tensors_alone(file: BinaryIO) -> None:
    """Refuse programs and tar archives, which torch reads, too, unless it is told `weights_only`.

    Raises:
        ValueError: It is such a file.
    """
    if is_zip(file):
        if any(member.name.lower().endswith(b"constants.pkl") for member in _members(file)):
            raise ValueError("it is a program of TorchScript")
        return
    file.seek(0)
    if tarfile.is_tarfile(file):
        raise ValueError("it is a tar archive, in which torch has not saved for many years")


def _members(file: BinaryIO) -> list[_Member]:
    """Read the directory of an archive.

    Raises:
        ValueError: It does not fit the file, or a member is compressed or encrypted.
    """
    size, count, start, length = _directory(file)
    if length > _MOST_DIRECTORY or start + length > size or count * _MEMBER.size > length:
        raise ValueError("the directory of the archive does not fit the file: it is damaged or cut off")
    file.seek(start)
    directory, position, members = file.read(length), 0, []
    for _ in range(count):
        member, position = _member(directory, position)
        if member.header + _LOCAL.size + member.size > start:
            raise ValueError(f"{member.name!r} in the archive does not fit the file")
        members.append(member)
    if len({member.name.lower() for member in members}) < count:  # torch does not tell cases apart
        raise ValueError("a name is in the archive twice")
    if sum(member.size for member in members) > size:
        raise ValueError("the members of the archive overlap")
    return members


def _directory(file: BinaryIO) -> tuple[int, int, int, int]:
    """Return the size of the file, and how many members the directory has, where it begins, and its length."""
    size = file.seek(0, 2)
    tail_start = max(0, size - _END.size - _LOCATOR_64.size - _END_64.size)
    file.seek(tail_start)
    tail = file.read()
    if len(tail) < _END.size or tail[-_END.size :][:4] != b"PK\x05\x06":
        raise ValueError("the archive does not end with its directory: it is cut off, or something was added")
    _, disk, _, _, count, length, start, _ = _END.unpack(tail[-_END.size :])
    locator = tail[-_END.size - _LOCATOR_64.size : -_END.size]
    if locator[:4] != b"PK\x06\x07":
        if disk:
            raise ValueError("the archive is one of several")
        return size, count, start, length
    _, _, where, _ = _LOCATOR_64.unpack(locator)
    if where < tail_start or where + _END_64.size > size:
        raise ValueError("the directory of the archive is not where it should be")
    fields = _END_64.unpack_from(tail, where - tail_start)
    if fields[0] != b"PK\x06\x06":
        raise ValueError("the directory of the archive is damaged")
    return size, fields[7], fields[9], fields[8]


def _member(directory: bytes, position: int) -> tuple[_Member, int]:
    """Return the member whose entry begins there, and where the next begins."""
    if len(directory) - position < _MEMBER.size:
        raise ValueError("the directory of the archive is cut off")
    magic, _, _, flags, method, _, _, _, packed, size, name_length, extra_length, comment_length, _, _, _, header = (
        _MEMBER.unpack_from(directory, position)
    )
    end = position + _MEMBER.size + name_length + extra_length + comment_length
    if magic != b"PK\x01\x02" or end > len(directory):
        raise ValueError("the directory of the archive is damaged")
    name = directory[position + _MEMBER.size : position + _MEMBER.size + name_length]
    if 0xFFFFFFFF in (size, packed, header):
        extra = directory[position + _MEMBER.size + name_length :][:extra_length]
        size, packed, header = _with_64_bits(extra, size, packed, header)
    if method or flags & 1 or packed != size:
        raise ValueError(
            f"{name!r} in the archive is compressed or encrypted, which torch.save never does: unpacking it could take "
            "any amount of memory. Whoever trusts the file can pack it again without compression (zip -0)"
        )
    return _Member(name, header, size), end


def _with_64_bits(extra: bytes, *values: int) -> list[int]:
    """Return the sizes and the place of a member; those that 32 bits cannot hold are in the extra field."""
    wide = [value == 0xFFFFFFFF for value in values]
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1 and 8 * sum(wide) <= length <= len(extra) - 4:
            found = iter(struct.unpack_from(f"<{sum(wide)}Q", extra, 4))
            return [next(found) if is_wide else value for value, is_wide in zip(values, wide, strict=True)]
        extra = extra[4 + length :]
    raise ValueError("the directory of the archive lacks a size")


def _content(file: BinaryIO, member: _Member, longest: int = LONGEST_PICKLE) -> bytes:
    if member.size > longest:
        raise ValueError(f"{member.name!r} has {member.size:,} bytes, of at most {longest:,}")
    file.seek(member.header)
    fields = _LOCAL.unpack(file.read(_LOCAL.size))
    if fields[0] != _ZIP_MAGIC:
        raise ValueError(f"{member.name!r} in the archive is not where it should be")
    file.seek(fields[9] + fields[10], 1)
    return file.read(member.size)
