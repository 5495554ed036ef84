"""Telling whether a file ends before what it holds does: decoders leave out silently what is missing."""

from collections.abc import Callable

from ._container import VideoFile
from ._source import SourceFile

SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
MOST_ELEMENTS = 2**20


def is_cut_off(video: VideoFile) -> bool:
    """Tell whether the sizes that a file states of its parts go beyond its end. Formats without sizes are not cut off.

    Args:
        video: The open file, wound to any place.
    """
    source = video.source
    check = CHECKS.get(video.format.split(",")[0])
    if check is None or source.size is None:
        return False
    if check is _mov:
        index = video.stream.index_entries
        if len(index) > 1 and index[-1].pos + index[-1].size > source.size:
            return True
    return check(source, source.size)


def _mov(source: SourceFile, size: int) -> bool:
    position = 0
    for _ in range(MOST_ELEMENTS):
        header = source.read_at(position, 16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if len(kind) < 4 or length < 8 or not kind.isascii():
            return False
        position += length
        if position >= size:
            return position > size
    return False


def _avi(source: SourceFile, size: int) -> bool:
    position = 0
    for _ in range(MOST_ELEMENTS):
        header = source.read_at(position, 8)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] != b"RIFF" or length in {0, 2**32 - 1}:
            return False
        position += 8 + length + length % 2
        if position >= size:
            return position - length % 2 > size
    return False


def _matroska(source: SourceFile, size: int) -> bool:
    """Walk through the elements of the first level; of clusters without a size, through those within."""
    position = 0
    for _ in range(MOST_ELEMENTS):
        header = source.read_at(position, 12)
        kind, used = _vint(header, keeps_marker=True)
        length, more = _vint(header[used:], keeps_marker=False)
        if not used or not more:
            return False
        is_open = length == 2 ** (7 * more) - 1
        position += used + more
        if kind == SEGMENT or (kind == CLUSTER and is_open):
            if not is_open:
                return position + length > size
            continue
        if is_open:
            return False
        position += length
        if position >= size:
            return position > size
    return False


def _vint(data: bytes, *, keeps_marker: bool) -> tuple[int, int]:
    """Return a number of variable length, and how many bytes it took: none where there is no such number."""
    length = 9 - data[0].bit_length() if data else 9
    if length > min(8, len(data)):
        return 0, 0
    value = int.from_bytes(data[:length], "big")
    return (value if keeps_marker else value & (1 << 7 * length) - 1), length


def _flv(source: SourceFile, size: int) -> bool:
    """Compare the size that ends the last tag with the one in its header."""
    length = int.from_bytes(source.read_at(size - 4, 4), "big")
    if not 11 <= length <= size - 13:
        return True
    header = source.read_at(size - 4 - length, 11)
    return header[0] & 0x1F not in {8, 9, 18} or int.from_bytes(header[1:4], "big") + 11 != length


def _gif(source: SourceFile, size: int) -> bool:
    end = source.read_at(max(0, size - 1024), 1024).rstrip(b"\0\r\n")
    return not end.endswith(b"\x3b")


def _asf(source: SourceFile, size: int) -> bool:
    header = source.read_at(0, 64 * 1024)
    position = header.find(ASF_FILE_PROPERTIES)
    if position < 0 or len(header) < position + 92:
        return False
    is_broadcast = header[position + 88] & 1
    return not is_broadcast and int.from_bytes(header[position + 40 : position + 48], "little") > size


def _mpeg(source: SourceFile, size: int) -> bool:
    """Walk through the packets behind the last pack header."""
    start = max(0, size - 128 * 1024)
    end = source.read_at(start, size - start)
    position = end.rfind(b"\0\0\1\xba")
    if position < 0 or len(end) < position + 14:
        return True
    position += 14 + (end[position + 13] & 7) if end[position + 4] >> 6 == 1 else 12
    while end[position : position + 3] == b"\0\0\1" and end[position + 3 : position + 4] != b"\xb9":
        position += 6 + int.from_bytes(end[position + 4 : position + 6], "big")
    return position > len(end)


def _mpegts(source: SourceFile, size: int) -> bool:
    """Look for a part of a packet at the end. Their length is told by the bytes that begin them."""
    for length, offset in ((188, 0), (192, 4), (204, 0)):
        start = source.read_at(0, 5 * length)
        if all(start[offset + number * length : offset + number * length + 1] == b"\x47" for number in range(5)):
            return size % length != 0
    return False


def _ogg(source: SourceFile, size: int) -> bool:
    """Look whether the last page is whole: the table in its header states the sizes of what follows."""
    start = max(0, size - 128 * 1024)
    end = source.read_at(start, size - start)
    page = end.rfind(b"OggS")
    if page < 0:
        return True
    count = end[page + 26 : page + 27]
    table = end[page + 27 : page + 27 + count[0]] if count else b""
    return not count or len(table) < count[0] or page + 27 + count[0] + sum(table) > len(end)


def _jpegs(source: SourceFile, size: int) -> bool:
    end = source.read_at(max(0, size - 1024), 1024).rstrip(b"\0\r\n")
    return not end.endswith(b"\xff\xd9")


CHECKS: dict[str, Callable[[SourceFile, int], bool]] = {
    "asf": _asf, "avi": _avi, "flv": _flv, "gif": _gif, "jpeg_pipe": _jpegs, "matroska": _matroska, "mjpeg": _jpegs,
    "mov": _mov, "mpeg": _mpeg, "mpegts": _mpegts, "ogg": _ogg,
}  # fmt: skip
