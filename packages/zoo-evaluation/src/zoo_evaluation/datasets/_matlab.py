"""Reads lists of records from MATLAB files of level 5, as ImageNet's development kit has them.

The MathWorks: MAT-File Level 5 File Format. Records, text and numbers are read, and nothing else of the format.
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import error as StructError
from struct import unpack_from
from typing import Any, TypeAlias

Record: TypeAlias = dict[str, Any]

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_STRUCT, _CHARACTERS = 2, 4
_FORMATS = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}
_TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_LARGEST = 1 << 26
"""Bytes that a compressed part may grow to: that of the development kit has less than one mebibyte."""


def read_records(path: Path, name: str) -> list[Record]:
    """Return the records of a variable that is an array of structs, in the file's order.

    Args:
        path: A MAT-file of level 5, which MATLAB writes as version 5 to 7.
        name: Of the variable.

    Raises:
        ValueError: The file is of another form, or has no such variable.
    """
    content = path.read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if len(content) < _HEADER or order is None or content.startswith(b"MATLAB 7.3"):
        raise ValueError(f"{path} is no MATLAB file of level 5.")
    try:
        for kind, data in _elements(content[_HEADER:], order):
            if kind == _MATRIX:
                found, value = _matrix(data, order)
                if found == name and isinstance(value, list):
                    return [one for one in value if isinstance(one, dict)]
    except (StructError, zlib.error, ValueError, LookupError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}.") from None
    raise ValueError(f"{path} has no array of records called {name!r}.")


@dataclass
class _Parts:
    """The parts of a matrix, one after the other."""

    elements: Iterator[tuple[int, bytes]]
    order: str

    def numbers(self) -> tuple[float, ...]:
        """Return the numbers of the next part."""
        kind, data = self._next()
        format_ = _FORMATS[kind]
        size = len(data) // {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4}.get(format_, 8)
        return unpack_from(f"{self.order}{size}{format_}", data)

    def text(self) -> str:
        """Return the characters of the next part."""
        kind, data = self._next()
        if kind in _TEXTS:
            ending = "" if kind == 16 else {"<": "-le", ">": "-be"}[self.order]
            return data.decode(_TEXTS[kind] + ending)
        width = 2 if kind in {3, 4} else 1
        return data.decode({1: "latin-1", 2: {"<": "utf-16-le", ">": "utf-16-be"}[self.order]}[width])

    def names(self) -> list[str]:
        """Return the names of the fields, each in so many bytes as the next part says."""
        (length,) = map(int, self.numbers())
        data = self._next()[1]
        pieces = [data[start : start + length] for start in range(0, len(data), max(1, length))]
        return [piece.split(b"\0")[0].decode("ascii") for piece in pieces]

    def matrix(self) -> tuple[str, Any]:
        """Return name and value of the next part."""
        return _matrix(self._next()[1], self.order)

    def _next(self) -> tuple[int, bytes]:
        found = next(self.elements, None)
        if found is None:
            raise ValueError("it ends too early")
        return found


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of each element; compressed ones are opened."""
    start = 0
    while start + 8 <= len(data):
        kind, size = unpack_from(f"{order}II", data, start)
        begin = start + 8
        if kind >> 16:  # few bytes stand in the tag itself
            kind, size, begin = kind & 0xFFFF, kind >> 16, start + 4
        if begin + size > len(data):
            raise ValueError("it ends too early")
        content = data[begin : begin + size]
        if kind == _COMPRESSED:
            yield from _elements(_inflated(content), order)
            start = begin + size
        else:
            yield kind, content
            start = begin + 4 if begin == start + 4 else begin + -(-size // 8) * 8


def _inflated(content: bytes) -> bytes:
    inflater = zlib.decompressobj()
    data = inflater.decompress(content, _LARGEST)
    if inflater.unconsumed_tail:
        raise ValueError("it holds more than expected")
    return data


def _matrix(data: bytes, order: str) -> tuple[str, Any]:
    """Return name and value: a list of records, a text, or a tuple of numbers; `None` of another kind."""
    if not data:
        return "", ()
    parts = _Parts(_elements(data, order), order)
    kind = int(parts.numbers()[0]) & 0xFF
    count = math.prod(map(int, parts.numbers()))
    name = parts.text()
    if kind == _STRUCT:
        fields = parts.names()
        return name, [{field: parts.matrix()[1] for field in fields} for _ in range(count)]
    if kind == _CHARACTERS:
        return name, parts.text() if count else ""
    return name, parts.numbers() if kind >= 6 else None
