"""Reads the metadata of an ONNX file, and nothing else of it: no library is needed, and weights are skipped."""

from pathlib import Path
from typing import BinaryIO

from zoo_export._facts import ExportError

_METADATA = 14
"""The number of `metadata_props` in ONNX's `ModelProto`: pairs of `key`, 1, and `value`, 2."""
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_LARGEST = 2**26


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of an ONNX file.

    Raises:
        ExportError: It is no such file.
    """
    try:
        with path.open("rb") as file:
            return _metadata(file, path.stat().st_size)
    except (ValueError, EOFError) as error:
        raise ExportError(f"{path} cannot be read as ONNX: {error}.") from error


def _metadata(file: BinaryIO, size: int) -> dict[str, str]:
    found = {}
    while file.tell() < size:
        number, kind = divmod(_varint(file), 8)
        if kind != _BYTES:
            _skip(file, kind)
            continue
        length = _varint(file)
        end = file.tell() + length
        if end > size:
            raise EOFError("it ends in the middle")
        if number == _METADATA and length <= _LARGEST:
            pair = _pair(file, end)
            found[pair.get(1, "")] = pair.get(2, "")
        file.seek(end)
    return found


def _pair(file: BinaryIO, end: int) -> dict[int, str]:
    texts = {}
    while file.tell() < end:
        number, kind = divmod(_varint(file), 8)
        if kind != _BYTES:
            raise ValueError("its metadata are no texts")
        texts[number] = file.read(min(_varint(file), end - file.tell())).decode()
    return texts


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _VARINT:
        _varint(file)
    elif kind in {_EIGHT_BYTES, _FOUR_BYTES}:
        file.seek(8 if kind == _EIGHT_BYTES else 4, 1)
    else:
        raise ValueError("it is no protobuf message")


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise EOFError("it ends in the middle")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("it is no protobuf message")
