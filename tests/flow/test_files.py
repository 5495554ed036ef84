"""Flow files: what is written is read again, files of other programs too, and damaged ones are refused."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.errors import MediaError
from zoo_flow import _png
from zoo_flow.files import read_flo, read_kitti, write_flo, write_kitti


@pytest.fixture
def flow() -> torch.Tensor:
    return torch.randn(2, 13, 17, generator=torch.Generator().manual_seed(0)) * 100


@pytest.fixture
def flo(tmp_path: Path, flow: torch.Tensor) -> Path:
    write_flo(tmp_path / "flow.flo", flow)
    return tmp_path / "flow.flo"


@pytest.fixture
def kitti(tmp_path: Path, flow: torch.Tensor) -> Path:
    write_kitti(tmp_path / "flow.png", flow)
    return tmp_path / "flow.png"


# Middlebury


def test_flo_files_keep_every_bit(flo: Path, flow: torch.Tensor) -> None:
    found = read_flo(flo)
    assert torch.equal(found, flow)
    assert found.is_contiguous()


def test_flo_files_have_the_published_form(tmp_path: Path) -> None:
    write_flo(tmp_path / "flow.flo", torch.tensor([[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]]))
    content = (tmp_path / "flow.flo").read_bytes()
    assert content == struct.pack("<fii6f", 202021.25, 3, 1, 1, 4, 2, 5, 3, 6)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", r"is no \.flo file: .* found b''"),
        (lambda data: data[::-1], r"is no \.flo file: expected it to begin with b'PIEH'"),
        (lambda data: data[:9], "is truncated: .* header of 12 bytes, found 9"),
        (lambda data: data[:-1], "is truncated: 17 x 13 pixels are 1780 bytes, found 1779"),
        (lambda data: data + b"0", "is too long: 17 x 13 pixels are 1780 bytes, found 1781"),
        (lambda data: data[:4] + struct.pack("<ii", 17, -13) + data[12:], "is damaged: its header says 17 x -13"),
        (lambda data: data[:4] + struct.pack("<ii", 2**30, 2**30) + data[12:], "is damaged: its header says"),
    ],
)
def test_what_is_no_whole_flo_file_is_refused(flo: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    flo.write_bytes(damage(flo.read_bytes()))
    with pytest.raises(MediaError, match=message):
        read_flo(flo)


# KITTI


def test_kitti_files_keep_a_64th_of_a_pixel(kitti: Path, flow: torch.Tensor) -> None:
    found, valid = read_kitti(kitti)
    assert torch.equal(found, (flow * 64).round() / 64)
    assert (valid.shape, valid.dtype) == (flow.shape[1:], torch.bool)
    assert valid.all()


def test_kitti_files_tell_which_pixels_are_known(tmp_path: Path, flow: torch.Tensor) -> None:
    valid = torch.rand(flow.shape[1:]) > 0.5
    flow[:, ~valid] = float("nan")
    write_kitti(tmp_path / "flow.png", flow, valid)
    found, known = read_kitti(tmp_path / "flow.png")
    assert torch.equal(known, valid)
    assert not found[:, ~valid].any()


def test_kitti_files_have_the_published_form(tmp_path: Path) -> None:
    write_kitti(tmp_path / "flow.png", torch.tensor([[[-512.0, 0.0]], [[1.0, 511.984375]]]))
    pixels = _png.decode((tmp_path / "flow.png").read_bytes())
    assert pixels[:, 0].t().tolist() == [[0, 2**15 + 64, 1], [2**15, 2**16 - 1, 1]]
    with Image.open(tmp_path / "flow.png") as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (2, 1))


@pytest.mark.parametrize("value", [512.0, -512.1, float("nan")])
def test_flow_that_kitti_files_cannot_hold_is_refused_unless_it_is_not_valid(tmp_path: Path, value: float) -> None:
    flow = torch.zeros(2, 1, 2)
    flow[0, 0, 1] = value
    with pytest.raises(ValueError, match="from -512 to below 512 pixels: mark what is beyond"):
        write_kitti(tmp_path / "flow.png", flow)
    assert not (tmp_path / "flow.png").exists()
    write_kitti(tmp_path / "flow.png", flow, torch.tensor([[True, False]]))


@pytest.mark.parametrize("mode", ["RGB", "L", "I;16"])
def test_other_images_are_no_kitti_files(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (8, 8)).save(tmp_path / "image.png")
    with pytest.raises(MediaError, match=r"image\.png cannot be read as a flow file of KITTI: expected RGB of 16 bits"):
        read_kitti(tmp_path / "image.png")


def repacked(data: bytes, change: Callable[[bytes, bytes], bytes]) -> bytes:
    """Change what the chunks hold, and give them the checksums that match."""
    chunks = [(kind, change(kind, content)) for kind, content in _png._chunks(data)]
    return data[:8] + b"".join(_png._chunk(*chunk) for chunk in chunks)


def with_header(position: int, value: int) -> Callable[[bytes], bytes]:
    def change(kind: bytes, content: bytes) -> bytes:
        return content[:position] + bytes([value]) + content[position + 1 :] if kind == b"IHDR" else content

    return lambda data: repacked(data, change)


def with_pixels(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda data: repacked(data, lambda kind, content: change(content) if kind == b"IDAT" else content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "it is no PNG file: it begins with b''"),
        (lambda data: b"\xff\xd8\xff" + data, "it is no PNG file"),
        (lambda data: data[:8], "it is truncated: there is nothing behind"),
        (lambda data: data[:20], "it is truncated in the chunk b'IHDR', which should have 13 bytes"),
        (lambda data: data[: len(data) // 2], "it is truncated in the chunk b'IDAT'"),
        (lambda data: data[:-12], "it is truncated: there is no end chunk"),
        (
            lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
            "it is damaged: the checksum of the chunk b'IDAT' does not",
        ),
        (lambda data: data[:8] + data[33:], "its first chunk is no image header"),
        (with_header(12, 1), "expected RGB of 16 bits .* interlaced$|interlaced\\."),
        (with_header(3, 0), "it has 0 x 13 pixels"),
        (with_header(7, 14), r"its pixels should be 1442 bytes, found 1339"),
        (with_header(7, 12), r"its pixels should be 1236 bytes, found more"),
        (with_pixels(lambda content: content[:-20]), "its pixels should be 1339 bytes, found"),
        (with_pixels(lambda content: b"no zlib"), "its pixels are damaged: Error"),
        (with_pixels(lambda content: zlib.compress(b"\x05" * 1339)), "its pixels are damaged: there is no filter 5"),
    ],
)
def test_what_is_no_whole_kitti_file_is_refused(kitti: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    kitti.write_bytes(damage(kitti.read_bytes()))
    with pytest.raises(MediaError, match=f"flow.png cannot be read as a flow file of KITTI: {message}"):
        read_kitti(kitti)


def test_a_small_file_cannot_fill_the_memory(kitti: Path) -> None:
    kitti.write_bytes(with_pixels(lambda content: zlib.compress(bytes(10**7)))(kitti.read_bytes()))
    with pytest.raises(MediaError, match="should be 1339 bytes, found more"):
        read_kitti(kitti)


def test_chunks_that_say_nothing_of_pixels_and_pixels_in_many_chunks_are_fine(kitti: Path) -> None:
    expected, _ = read_kitti(kitti)
    header, pixels, end = _png._chunks(kitti.read_bytes())
    parts = [(b"IDAT", pixels[1][start : start + 50]) for start in range(0, len(pixels[1]), 50)]
    chunks = [header, (b"tEXt", b"Comment\0hello"), *parts, end]
    kitti.write_bytes(_png._SIGNATURE + b"".join(_png._chunk(*chunk) for chunk in chunks) + b"trailing bytes")
    assert torch.equal(read_kitti(kitti)[0], expected)


def filtered(pixels: torch.Tensor, filters: list[int]) -> bytes:
    """Encode with one filter a line, byte by byte as the specification says."""
    octets = np.stack([(pixels >> 8).numpy(), (pixels & 255).numpy()], -1).transpose(1, 2, 0, 3)
    lines = octets.reshape(len(filters), -1).astype(int)
    out = bytearray()
    for y, kind in enumerate(filters):
        out.append(kind)
        for x in range(lines.shape[1]):
            left = lines[y, x - 6] if x >= 6 else 0
            above = lines[y - 1, x] if y else 0
            before = lines[y - 1, x - 6] if y and x >= 6 else 0
            plane = left + above - before
            paeth = min((left, above, before), key=lambda value: abs(plane - value))
            out.append((lines[y, x] - (0, left, above, (left + above) // 2, paeth)[kind]) % 256)
    return zlib.compress(bytes(out))


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, "mixed"])
def test_every_filter_is_undone(kitti: Path, kind: int | str) -> None:
    data = kitti.read_bytes()
    pixels = _png.decode(data)
    filters = [y * 7 % 5 for y in range(13)] if kind == "mixed" else [int(kind)] * 13
    assert torch.equal(_png.decode(with_pixels(lambda content: filtered(pixels, filters))(data)), pixels)


@pytest.mark.parametrize("prediction", ["none", "sub", "up", "avg", "paeth", "mixed"])
def test_files_of_another_encoder_are_read(tmp_path: Path, prediction: str) -> None:
    pixels = torch.randint(2**16, (3, 24, 32), generator=torch.Generator().manual_seed(0), dtype=torch.int32)
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt = 32, 24, "rgb48be"
    codec.time_base = 1  # type: ignore[assignment]
    codec.options = {"pred": prediction}
    array = pixels.permute(1, 2, 0).contiguous().numpy().astype(np.uint16)
    packets = [*codec.encode(av.VideoFrame.from_ndarray(array, format="rgb48le").reformat(format="rgb48be"))]
    packets += codec.encode(None)
    (tmp_path / "other.png").write_bytes(b"".join(bytes(packet) for packet in packets))
    assert torch.equal(_png.decode((tmp_path / "other.png").read_bytes()), pixels)


# Both


@pytest.mark.parametrize("write", [write_flo, write_kitti])
@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 5), (1, 2, 4, 5), (2, 0, 5)])
def test_other_shapes_are_not_written(tmp_path: Path, write: Callable[..., None], shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"flow should have shape \(2, H, W\) and at least one pixel"):
        write(tmp_path / "flow", torch.zeros(shape))


def test_a_mask_of_another_shape_or_dtype_is_refused(tmp_path: Path) -> None:
    for valid in (torch.ones(4, 6) > 0, torch.ones(4, 5)):
        with pytest.raises(ValueError, match=r"valid should be booleans of shape \[4, 5\]"):
            write_kitti(tmp_path / "flow.png", torch.zeros(2, 4, 5), valid)


@pytest.mark.parametrize("read", [read_flo, read_kitti])
def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path, read: Callable[..., object]) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")
