"""Reads a constant text out of a `.pte` file, and nothing else of it: no library is needed, and weights are skipped."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from zoo_export._facts import ExportError

_IDENTIFIER = b"ET"
_PLANS = 1
"""The number of `execution_plan` in ExecuTorch's table `Program`."""
_NAME, _VALUES = 0, 2
"""Those of `name` and `values` in its table `ExecutionPlan`: a method of the program."""
_TYPE, _VALUE = 0, 1
"""Those of the union `val` in its table `EValue`."""
_STRING = 6
"""The place of the table `String` in that union; its text is its only field."""
_LARGEST = 2**26


def read_constant(path: Path, method: str) -> str | None:
    """Return the text that a method of a program of ExecuTorch gives; `None` if there is no such method.

    Raises:
        ExportError: It is no such file.
    """
    try:
        with path.open("rb") as file:
            reader = _Reader(file)
            if not reader.bytes_at(4, 4).startswith(_IDENTIFIER):
                raise ValueError("it has another identifier")
            program = reader.target(0)
            for plan in reader.tables(reader.field(program, _PLANS)):
                if reader.text(reader.field(plan, _NAME)) == method:
                    return _first_text(reader, plan)
    except (ValueError, struct.error) as error:
        raise ExportError(f"{path} cannot be read as a program of ExecuTorch: {error}.") from error
    return None


def _first_text(reader: "_Reader", plan: int) -> str | None:
    for value in reader.tables(reader.field(plan, _VALUES)):
        kind, place = reader.field(value, _TYPE), reader.field(value, _VALUE)
        if kind is not None and place is not None and reader.bytes_at(kind, 1)[0] == _STRING:
            return reader.text(reader.field(reader.target(place), 0))
    return None


class _Reader:
    """Follows offsets in a flatbuffer.

    Args:
        file: The file, which is read where it is looked at.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def bytes_at(self, place: int, count: int) -> bytes:
        if count > _LARGEST:
            raise ValueError("a text in it is too long")
        self._file.seek(place)
        found = self._file.read(count)
        if len(found) < count:
            raise ValueError("it ends in the middle")
        return found

    def target(self, place: int) -> int:
        """Return where the offset at a place leads."""
        return place + self._number("<I", place)

    def field(self, table: int, number: int) -> int | None:
        """Return where a field of a table is; `None` where it has its default."""
        numbers = table - self._number("<i", table)
        if numbers < 0:
            raise ValueError("an offset leads out of it")
        place = 4 + 2 * number
        if place + 2 > self._number("<H", numbers):
            return None
        offset = self._number("<H", numbers + place)
        return table + offset if offset else None

    def tables(self, place: int | None) -> Iterator[int]:
        """Yield where the tables of a vector are."""
        if place is not None:
            start = self.target(place)
            for number in range(self._number("<I", start)):
                yield self.target(start + 4 + 4 * number)

    def text(self, place: int | None) -> str:
        if place is None:
            return ""
        start = self.target(place)
        return self.bytes_at(start + 4, self._number("<I", start)).decode()

    def _number(self, form: str, place: int) -> int:
        (found,) = struct.unpack(form, self.bytes_at(place, struct.calcsize(form)))
        return int(found)
