"""PNG files of 16-bit RGB, which Pillow reads with 8 bits and does not write.

ISO/IEC 15948, Portable Network Graphics (PNG): Functional specification: chunks in chapter 11, filters in chapter 9.
"""

import math
import struct
import zlib
from collections.abc import Iterator

import torch
from torch import Tensor

from ._limits import check_size
from ._memory import to_bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXEL = 6
"""Bytes of a pixel: three channels of two."""
_RGB_OF_16_BITS = (16, 2)
"""Bit depth and colour type in the header."""
_PIXELS_OF_DIAGONALS = 1 << 22
"""How many pixels are unfiltered at a time."""


def decode(data: bytes) -> Tensor:
    """Return the pixels of a file, int32 `(3, H, W)` in 0..65535.

    Lines are inflated and unfiltered some at a time, so that what is in between takes some megabytes at most.

    Raises:
        ValueError: It is something else, damaged or truncated, or larger than `_limits` allows; the text says what.
    """
    if not data.startswith(_SIGNATURE):
        raise ValueError(f"it is no PNG file: it begins with {data[:8]!r}")
    header, *rest = _chunks(data)
    width, height = _size(*header)
    if not rest or rest[-1][0] != b"IEND":
        raise ValueError("it is truncated: there is no end chunk")
    unknown = {kind for kind, _ in rest if kind[:1].isupper()} - {b"IDAT", b"PLTE", b"IEND"}
    if unknown:
        raise ValueError(f"it has a chunk of an unknown kind, {min(unknown)!r}, without which it cannot be read")
    contents = (content for kind, content in rest if kind == b"IDAT")
    pixels = torch.empty(3, height, width, dtype=torch.int32)
    above = torch.zeros(width, _PIXEL, dtype=torch.uint8)
    rows = _rows_at_once(width)
    done = 0
    for lines in _inflated(contents, 1 + width * _PIXEL, height, rows):
        octets = _octets(lines, width, above)
        pixels[:, done : done + len(octets)] = _combined(octets)
        above, done = octets[-1], done + len(octets)
    return pixels


def _size(kind: bytes, content: bytes) -> tuple[int, int]:
    """Return width and height of an image that is of the one kind."""
    if kind != b"IHDR" or len(content) != 13:
        raise ValueError("its first chunk is no image header")
    width, height, depth, colour, compression, filters, interlace = struct.unpack(">IIBBBBB", content)
    if (depth, colour) != _RGB_OF_16_BITS or interlace:
        raise ValueError(
            f"expected RGB of 16 bits a channel, not interlaced (bit depth 16, colour type 2), found bit depth "
            f"{depth}, colour type {colour}{', interlaced' if interlace else ''}"
        )
    if compression or filters:
        raise ValueError(f"its compression or its filters are of an unknown kind, {compression} and {filters}")
    if not (width and height):
        raise ValueError(f"it has {width} x {height} pixels")
    check_size(width, height)
    return width, height


def encode(pixels: Tensor) -> bytes:
    """Return a PNG file of integers `(3, H, W)` in 0..65535."""
    _, height, width = pixels.shape
    channels = pixels.movedim(0, -1).to(torch.int32)
    octets = torch.stack([channels >> 8, channels & 255], dim=-1).reshape(height, width * _PIXEL).to(torch.uint8)
    lines = torch.cat([torch.zeros(height, 1, dtype=torch.uint8), octets], dim=1)  # filter 0: none
    header = struct.pack(">IIBBBBB", width, height, *_RGB_OF_16_BITS, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(to_bytes(lines))), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of each chunk up to the last."""
    position, kind = len(_SIGNATURE), b""
    while kind != b"IEND" and position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        content = data[position + 8 : position + 8 + length]
        checksum = data[position + 8 + length : position + 12 + length]
        if len(checksum) < 4:
            raise ValueError(f"it is truncated in the chunk {kind!r}, which should have {length} bytes")
        if int.from_bytes(checksum, "big") != zlib.crc32(kind + content):
            raise ValueError(f"it is damaged: the checksum of the chunk {kind!r} does not match")
        yield kind, content
        position += 12 + length
    if position == len(_SIGNATURE):
        raise ValueError("it is truncated: there is nothing behind the signature")


def _rows_at_once(width: int) -> int:
    """Return of how many rows `_unfiltered` holds the diagonals."""
    rows = (math.isqrt(width * width + 4 * _PIXELS_OF_DIAGONALS) - width) // 2  # rows * (rows + width) pixels
    return max(1, rows)


def _inflated(contents: Iterator[bytes], line: int, height: int, rows: int) -> Iterator[bytearray]:
    """Decompress the lines, some at a time, to as many bytes as there must be, and not to more."""
    size, done, compressed = line * height, 0, b""
    inflater = zlib.decompressobj()
    try:
        while done < size:
            wanted, lines = min(line * rows, size - done), bytearray()
            while len(lines) < wanted:
                found = inflater.decompress(compressed, wanted - len(lines))
                lines += found
                compressed = inflater.unconsumed_tail
                if not (found or compressed):
                    compressed = next(contents, b"")
                    if inflater.eof or not compressed:
                        raise ValueError(f"its pixels should be {size} bytes, found {done + len(lines)}")
            done += wanted
            yield lines
        if inflater.decompress(compressed + b"".join(contents), 1):
            raise ValueError(f"its pixels should be {size} bytes, found more")
    except zlib.error as error:
        raise ValueError(f"its pixels are damaged: {error}") from error
    if not inflater.eof:
        raise ValueError("its pixels are truncated: there is no checksum behind them")


def _octets(lines: bytearray, width: int, above: Tensor) -> Tensor:
    """Return the bytes of some lines' pixels, uint8 `(rows, W, 6)`, with the line above them."""
    table = torch.frombuffer(lines, dtype=torch.uint8).view(-1, 1 + width * _PIXEL)
    filters = table[:, :1]
    if filters.max() > 4:
        raise ValueError(f"its pixels are damaged: there is no filter {int(filters.max())}")
    octets = table[:, 1:].view(-1, width, _PIXEL)
    return octets if not filters.any() else _unfiltered(octets, filters, above)


def _combined(octets: Tensor) -> Tensor:
    """Return pixels `(3, rows, W)` of their bytes."""
    wide = octets.to(torch.int32)
    return (wide[..., ::2] * 256 + wide[..., 1::2]).movedim(-1, 0)


def _unfiltered(octets: Tensor, filters: Tensor, above: Tensor) -> Tensor:
    """Undo the filters, one for each line; a byte depends on those to the left, above, and above to the left.

    Along a diagonal, from the lower left to the upper right, no byte depends on another: these are computed together.
    In `diagonals[d + 2, y + 1]` is the pixel `(d - y, y)`, so that the three are in slices; above the first line is the
    last one of those before, and left of all there are zeros.
    """
    height, width, _ = octets.shape
    diagonals = torch.zeros(height + width + 1, height + 1, _PIXEL, dtype=torch.int16)
    x, y = torch.arange(width), torch.arange(height)[:, None]
    diagonals[x + y + 2, y + 1] = octets.to(torch.int16)
    diagonals[1 : width + 1, 0] = above.to(torch.int16)
    for line in range(2, len(diagonals)):
        left, upper, before = diagonals[line - 1, 1:], diagonals[line - 1, :-1], diagonals[line - 2, :-1]
        predicted = _predicted(filters, left, upper, before)
        diagonals[line, 1:] = (diagonals[line, 1:] + predicted) & 255
    return diagonals[x + y + 2, y + 1].to(torch.uint8)


def _predicted(filters: Tensor, left: Tensor, above: Tensor, before: Tensor) -> Tensor:
    """Return what each line's filter has subtracted: nothing, left, above, their mean, or the nearest to a plane."""
    plane = left + above - before
    to_left, to_above, to_before = ((plane - value).abs() for value in (left, above, before))
    nearest = torch.where(to_above <= to_before, above, before)
    nearest = torch.where((to_left <= to_above) & (to_left <= to_before), left, nearest)
    candidates = torch.stack([torch.zeros_like(left), left, above, (left + above) >> 1, nearest])
    return candidates.gather(0, filters.long().expand_as(left)[None])[0]
