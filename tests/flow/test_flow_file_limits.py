"""Flow files made to exhaust memory, or cut and changed anywhere: an error of one kind that names the file."""

import io
import random
import struct
import zlib
from pathlib import Path

import pytest
import torch

from limited_memory import output_within
from zoo_core.errors import MediaError
from zoo_flow import _png
from zoo_flow._limits import MOST_PIXELS
from zoo_flow.files import read_flo, read_kitti, write_flo, write_kitti

PAETH = b"\x04"


def kitti(width: int, height: int, *contents: bytes, header: bytes = bytes(3)) -> bytes:
    """Return a PNG of 16-bit RGB with this compressed content, in as many chunks."""
    chunks = [(b"IHDR", struct.pack(">IIBB", width, height, 16, 2) + header)]
    chunks += [(b"IDAT", content) for content in contents]
    return _png._SIGNATURE + b"".join(_png._chunk(*chunk) for chunk in [*chunks, (b"IEND", b"")])


def lines(width: int, height: int, kind: bytes = PAETH) -> bytes:
    return zlib.compress((kind + bytes([1, 2, 3, 4, 5, 6]) * width) * height)


READ = """
import sys
from zoo_core.errors import MediaError
from zoo_flow.files import read_flo, read_kitti
for path in sys.argv[1:]:
    try:
        found = read_flo(path) if path.endswith(".flo") else read_kitti(path)[0]
        print(tuple(found.shape))
    except MediaError as error:
        print(error)
"""


def test_narrow_files_take_little_memory_and_time(tmp_path: Path) -> None:
    for index, (width, height) in enumerate([(1, 30_000), (9_999, 3)]):
        (tmp_path / f"{index}.png").write_bytes(kitti(width, height, lines(width, height)))
    printed = output_within(1, READ, *(tmp_path / f"{index}.png" for index in range(2)), seconds=100)
    assert printed.split("\n")[:2] == ["(2, 30000, 1)", "(2, 3, 9999)"]


def test_small_files_that_state_many_pixels_are_refused_in_little_memory(tmp_path: Path) -> None:
    sizes = [(12_000, 12_000), (2**32 - 1, 1), (2**32 - 1, 2**32 - 1), (100_000, 1), (5_793, 5_793)]
    paths = []
    for index, (width, height) in enumerate(sizes):
        paths.append(tmp_path / f"{index}.png")
        paths[-1].write_bytes(kitti(width, height, zlib.compress(bytes(1 << 20))))
        paths.append(tmp_path / f"{index}.flo")
        paths[-1].write_bytes(b"PIEH" + struct.pack("<II", width, height) + bytes(100))
    printed = output_within(1, READ, *paths)
    assert printed.count("its header says") == len(paths)


def test_the_largest_file_is_read_in_the_stated_memory(tmp_path: Path) -> None:
    """Forty bytes a pixel, and torch."""
    width, height = 8_192, 4_096
    assert width * height == MOST_PIXELS
    (tmp_path / "0.png").write_bytes(kitti(width, height, lines(width, height, b"\0")))
    assert output_within(0.7 + 40 * MOST_PIXELS / 2**30, READ, tmp_path / "0.png") == f"(2, {height}, {width})\n"


def test_a_file_that_states_more_than_it_holds_takes_no_memory_for_it(tmp_path: Path) -> None:
    (tmp_path / "0.flo").write_bytes(b"PIEH" + struct.pack("<ii", 8_192, 4_096) + bytes(100))
    assert "0.flo is truncated: 8192 x 4096 pixels are 268435468 bytes, found 112" in output_within(
        0.8, READ, tmp_path / "0.flo"
    )


class Endless(io.RawIOBase):
    """Gives a beginning, and then zeros for ever."""

    def __init__(self, beginning: bytes) -> None:
        super().__init__()
        self.beginning = beginning

    def read(self, size: int = -1) -> bytes:
        assert size >= 0
        part, self.beginning = self.beginning[:size], self.beginning[size:]
        return part or bytes(size)


def test_streams_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo_flow.files._MOST_BYTES_OF_PNG", 1 << 21)
    with pytest.raises(MediaError, match="the file object is too long: 2 x 3 pixels are 60 bytes, found 61 or more"):
        read_flo(Endless(b"PIEH" + struct.pack("<ii", 2, 3)))  # type: ignore[arg-type]
    with pytest.raises(MediaError, match=r"the file object cannot be read .*: it has more than 2097152 bytes"):
        read_kitti(Endless(_png._SIGNATURE))  # type: ignore[arg-type]


def test_open_files_are_read_and_stay_open(tmp_path: Path) -> None:
    flow = torch.ones(2, 3, 4)
    write_flo(tmp_path / "a.flo", flow)
    write_kitti(tmp_path / "a.png", flow)
    with (tmp_path / "a.flo").open("rb") as flo, (tmp_path / "a.png").open("rb") as png:
        assert torch.equal(read_flo(flo), flow)
        assert torch.equal(read_kitti(png)[0], flow)
        assert not flo.closed
        assert not png.closed


@pytest.mark.parametrize("kind", ["none", "sub", "up", "average", "paeth"])
def test_lines_that_are_unfiltered_a_few_at_a_time_are_those_unfiltered_at_once(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    number = ["none", "sub", "up", "average", "paeth"].index(kind)
    data = random.Random(0).randbytes(20 * (1 + 6 * 11))
    table = bytes(number if place % 67 == 0 else octet for place, octet in enumerate(data))
    content = kitti(11, 20, zlib.compress(table))
    whole = _png.decode(content)
    for pixels in (1, 50, 100, 1000):
        monkeypatch.setattr(_png, "_PIXELS_OF_DIAGONALS", pixels)
        assert torch.equal(_png.decode(content), whole)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (kitti(2, 2)[:33], "it is truncated: there is no end chunk"),
        (kitti(2, 2), "its pixels should be 26 bytes, found 0"),
        (kitti(2, 2, b""), "its pixels should be 26 bytes, found 0"),
        (kitti(2, 2, lines(2, 2)[:-4]), "there is no checksum behind them"),
        (kitti(2, 2, lines(2, 2)[:-1] + b"\0"), "its pixels are damaged: Error -3"),
        (kitti(2, 2, lines(2, 2), lines(2, 2)), None),
        (kitti(2, 2, lines(2, 3)), "its pixels should be 26 bytes, found more"),
        (kitti(2, 2, lines(2, 2), header=b"\1\0\0"), "its compression or its filters are of an unknown kind"),
        (kitti(2, 2, lines(2, 2), header=b"\0\1\0"), "its compression or its filters are of an unknown kind"),
        (kitti(2, 2, lines(2, 2), header=b"\0\0\1"), "interlaced"),
        (kitti(2, 2, lines(2, 2)).replace(b"IDAT", b"IDAX"), "the checksum of the chunk b'IDAX'"),
        (_png._SIGNATURE + _png._chunk(b"IEND", b""), "its first chunk is no image header"),
        (
            kitti(2, 2, lines(2, 2))[:33] + _png._chunk(b"ABCD", b"") + kitti(2, 2, lines(2, 2))[33:],
            "it has a chunk of an unknown kind, b'ABCD', without which it cannot be read",
        ),
    ],
)
def test_what_is_damaged_is_told(tmp_path: Path, data: bytes, message: str | None) -> None:
    (tmp_path / "a.png").write_bytes(data)
    if message is None:  # what follows the compressed pixels says nothing
        assert read_kitti(tmp_path / "a.png")[0].shape == (2, 2, 2)
    else:
        with pytest.raises(MediaError, match=rf"a\.png cannot be read as a flow file of KITTI: .*{message}"):
            read_kitti(tmp_path / "a.png")


def test_a_file_cut_anywhere_is_a_media_error(tmp_path: Path) -> None:
    whole = kitti(3, 4, lines(3, 4)[:9], lines(3, 4)[9:])
    for end in range(len(whole)):
        (tmp_path / "a.png").write_bytes(whole[:end])
        with pytest.raises(MediaError, match=r"a\.png"):
            read_kitti(tmp_path / "a.png")


@pytest.mark.parametrize("content", [b"", b"\xff", bytes(8)])
def test_pixels_of_no_bytes_and_of_garbage_are_media_errors(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(kitti(3, 4, content))
    with pytest.raises(MediaError, match=r"a\.png"):
        read_kitti(tmp_path / "a.png")
