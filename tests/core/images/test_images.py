import io
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from zoo_core.images import IMAGE_SUFFIXES, ImageError, read_image, to_rgb

RED, WHITE = (255, 0, 0), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that states a size and has no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [(b"IHDR", header), (b"IDAT", b"")]
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def left_and_right(image: Image.Image) -> tuple[object, object]:
    assert image.mode == "RGB"
    return image.getpixel((0, 0)), image.getpixel((image.width - 1, 0))


# Sources


def test_a_path_given_as_text_is_read(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.png")
    assert read_image(str(tmp_path / "a.png")).tobytes() == noise().tobytes()


def test_a_path_object_is_read(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").tobytes() == noise().tobytes()


def test_bytes_are_read() -> None:
    assert read_image(encoded(noise())).tobytes() == noise().tobytes()


def test_a_file_object_is_read_from_its_beginning_and_stays_open() -> None:
    file = io.BytesIO(encoded(noise()))
    file.seek(100)
    assert read_image(file).tobytes() == noise().tobytes()
    assert not file.closed


def test_a_pipe_is_read() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation("seek")

    assert read_image(Pipe(encoded(noise()))).tobytes() == noise().tobytes()


def test_the_image_does_not_need_its_file_any_more(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    noise().save(path, save_all=True, append_images=[noise().rotate(90)])
    image = read_image(path)
    path.unlink()
    assert type(image) is Image.Image
    assert image.resize((2, 2)).size == (2, 2)


@pytest.mark.parametrize("source", [3, None, np.zeros((2, 2, 3))], ids=lambda value: type(value).__name__)
def test_another_source_is_a_type_error_that_names_its_type(source: Any) -> None:
    with pytest.raises(TypeError, match=rf"path, the bytes .* received .*{type(source).__name__}\."):
        read_image(source)


def test_a_file_opened_as_text_is_a_type_error(tmp_path: Path) -> None:
    noise().save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("r") as file, pytest.raises(TypeError, match=r"a\.png' is opened as text.*'rb'"):
        read_image(file)  # type: ignore[arg-type]


# Pixels


@pytest.mark.parametrize(
    ("mode", "pixel", "rgb"),
    [
        ("1", 1, WHITE),
        ("L", 7, (7, 7, 7)),
        ("P", 0, RED),
        ("RGB", (1, 2, 3), (1, 2, 3)),
        ("RGBX", (1, 2, 3, 4), (1, 2, 3)),
        ("CMYK", (0, 255, 255, 0), RED),
        ("YCbCr", (76, 85, 255), (254, 0, 0)),
        ("HSV", (0, 255, 255), RED),
    ],
)
def test_an_opaque_mode_becomes_rgb(mode: str, pixel: Any, rgb: tuple[int, int, int]) -> None:
    image = Image.new(mode, (2, 2), pixel)
    if mode == "P":
        image.putpalette(RED)
    assert left_and_right(to_rgb(image)) == (rgb, rgb)


@pytest.mark.parametrize(
    ("mode", "pixel", "rgb"),
    [
        ("RGBA", (255, 0, 0, 255), RED),
        ("RGBA", (255, 0, 0, 0), WHITE),
        ("RGBA", (255, 0, 0, 51), (255, 204, 204)),
        ("RGBa", (51, 0, 0, 51), (255, 204, 204)),
        ("LA", (0, 51), (204, 204, 204)),
        ("La", (0, 51), (204, 204, 204)),
        ("PA", (0, 51), (255, 204, 204)),
    ],
)
def test_transparency_is_laid_over_white(mode: str, pixel: Any, rgb: tuple[int, int, int]) -> None:
    if mode == "PA":
        image = Image.new("P", (2, 2), 0)
        image.putpalette(RED)
        image = image.convert("PA")
        image.putalpha(51)
    else:
        image = Image.new(mode, (2, 2), pixel)
    assert image.mode == mode
    assert left_and_right(to_rgb(image)) == (rgb, rgb)


@pytest.mark.parametrize(
    ("mode", "colour", "other"), [("P", 1, 0), ("L", 9, 200), ("RGB", (1, 2, 3), (4, 5, 6)), ("1", 0, 1)]
)
def test_a_transparent_colour_becomes_white(mode: str, colour: Any, other: Any) -> None:
    image = Image.new(mode, (2, 1), other)
    if mode == "P":
        image.putpalette([0, 0, 99, 0, 99, 0])
    image.putpixel((0, 0), colour)
    opaque = left_and_right(image.convert("RGB"))[1]
    assert left_and_right(read_image(encoded(image, transparency=colour))) == (WHITE, opaque)


def test_every_16_bit_grey_is_scaled_and_rounded() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = np.asarray(read_image(encoded(Image.fromarray(values))))
    assert np.array_equal(pixels[..., 0], np.rint(values / 257))
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


@pytest.mark.parametrize("mode", ["I", "I;16", "I;16L", "I;16B"])
def test_a_mode_of_16_bits_is_scaled(mode: str) -> None:
    assert to_rgb(Image.new(mode, (1, 1), 200 * 257)).getpixel((0, 0)) == (200, 200, 200)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_16_bit_tiff_is_scaled_in_either_byte_order(byteorder: str) -> None:
    pixels = np.array([[300, 60000]], dtype=f"{byteorder}u2")
    mode = "I;16" if byteorder == "<" else "I;16B"
    image = Image.frombytes(mode, (2, 1), pixels.tobytes())
    assert left_and_right(read_image(encoded(image, "TIFF"))) == ((1, 1, 1), (233, 233, 233))


@pytest.mark.parametrize("value", [-1, 65536])
def test_integers_that_16_bits_cannot_hold_are_an_error_with_their_range(value: int) -> None:
    data = encoded(Image.new("I", (2, 2), value), "TIFF")
    with pytest.raises(ImageError, match=rf"0\.\.65535, but are from {value} to {value}.*mode 'L'"):
        read_image(data)


def test_floating_point_pixels_are_an_error() -> None:
    with pytest.raises(ImageError, match=r"mode 'F'.*scale them to 0\.\.255"):
        read_image(encoded(Image.new("F", (2, 2), 0.5), "TIFF"))


def test_rgb_without_transparency_is_not_copied() -> None:
    image = noise()
    assert to_rgb(image) is image


def test_of_an_animation_the_first_frame_is_read() -> None:
    frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert left_and_right(read_image(data)) == (RED, RED)


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_the_orientation_is_applied(kind: str, orientation: int) -> None:
    upright = np.array([[[250, 0, 0], [0, 250, 0], [0, 0, 250]], [[9, 9, 9], [90, 90, 90], [200, 200, 200]]], np.uint8)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **options)
    assert np.array_equal(np.asarray(read_image(data)), upright)


def test_damaged_exif_data_does_not_stop_the_reading() -> None:
    data = encoded(noise(), exif=b"Exif\x00\x00no TIFF header")
    assert read_image(data).tobytes() == noise().tobytes()


# What is no image


def test_a_missing_file_is_a_file_not_found_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"a\.png"):
        read_image(tmp_path / "a.png")


def test_a_folder_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=f"{tmp_path.name}' is a folder"):
        read_image(tmp_path)


@pytest.mark.parametrize(
    ("data", "guess"),
    [
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html><p>Not found", "an HTML page"),
        (b"<html>", "an HTML page"),
        (b'<?xml version="1.0"?><svg/>', "SVG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b'{"error": 404}', "JSON"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"\x1f\x8b\x08\x00", "gzip data"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "a HEIC picture"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00", "a video"),
        (b"\xff\xd8\xff\xe0", "JPEG with a damaged header"),
        (b"nothing known", r"of no known kind \(it begins with b'nothing known'\)"),
    ],
)
def test_what_is_no_image_is_described(tmp_path: Path, data: bytes, guess: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=rf"a\.jpg' is not an image that Pillow can read: .*{guess}"):
        read_image(path)


def test_bytes_that_are_no_image_are_named_by_their_number() -> None:
    with pytest.raises(ImageError, match="the data of 7 bytes is not an image"):
        read_image(b"nothing")


def test_an_image_of_no_pixels_is_an_error() -> None:
    with pytest.raises(ImageError, match="PNG with a damaged header"):
        read_image(png_header(0, 5))


def test_postscript_is_not_run() -> None:
    with pytest.raises(ImageError, match="PostScript"):
        read_image(encoded(noise(), "EPS"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_an_error_that_names_it(tmp_path: Path, kind: str, share: float) -> None:
    data = encoded(noise(), kind)
    path = tmp_path / "cut.img"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageError, match=r"cut\.img"):
        read_image(path)


def test_a_truncated_file_is_told_from_what_is_no_image() -> None:
    with pytest.raises(ImageError, match="is a truncated or damaged JPEG image: "):
        read_image(encoded(noise(), "JPEG")[:1500])


# Size


def test_too_many_pixels_are_refused_from_the_header_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    monkeypatch.setattr(Image, "_decompression_bomb_check", lambda size: None)
    with pytest.raises(
        ImageError, match=r"40 x 30 = 1200 pixels; the limit is 1000 .* variable ZOO_MAX_PIXELS to as m"
    ):
        read_image(png_header(40, 30))


@pytest.mark.parametrize("action", ["error", "ignore"])
def test_pillows_own_error_is_the_same_error(
    monkeypatch: pytest.MonkeyPatch, action: Literal["error", "ignore"]
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        with pytest.raises(ImageError, match=r"\b1200 pixels.*the limit is 1000 pixels.*ZOO_MAX_PIXELS"):
            read_image(png_header(40, 30))


@pytest.mark.parametrize("action", ["error", "always"])
def test_where_pillow_would_warn_an_image_is_read_without_a_warning(
    monkeypatch: pytest.MonkeyPatch, action: Literal["error", "always"]
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48 // 2)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter(action)
        assert read_image(encoded(noise())).size == (64, 48)
    assert not warned


def test_an_image_at_the_limit_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48 / 2)
    assert read_image(encoded(noise())).size == (64, 48)


def test_without_a_limit_every_size_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read_image(encoded(noise())).size == (64, 48)


def test_the_environment_sets_the_limit_for_pillow_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    monkeypatch.setenv("ZOO_MAX_PIXELS", str(64 * 48))
    assert read_image(encoded(noise())).size == (64, 48)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_the_environment_lowers_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_MAX_PIXELS", "3_071")
    with pytest.raises(ImageError, match=r"64 x 48 = 3072 pixels; the limit is 3071 pixels"):
        read_image(encoded(noise()))


@pytest.mark.parametrize("value", ["0", "-1", "many", "1e9", "9" * 30])
def test_a_limit_that_is_no_number_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ZOO_MAX_PIXELS", value)
    with pytest.raises(ValueError, match=f"ZOO_MAX_PIXELS is .* expected a number, found '{value}'"):
        read_image(encoded(noise()))


def test_an_icon_that_holds_a_larger_picture_than_it_states_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = encoded(noise())
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(picture), 22)
    monkeypatch.setenv("ZOO_MAX_PIXELS", "1000")
    with pytest.raises(ImageError, match="too large to be decoded"):
        read_image(struct.pack("<HHH", 0, 1, 1) + entry + picture)


def test_a_stream_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            assert self.given < 10 << 20
            return bytes(size)

    monkeypatch.setattr("zoo_core.images._read.MOST_BYTES_OF_A_STREAM", 5 << 20)
    with pytest.raises(ImageError, match="the file object does not end: no image has more than 5242880 bytes"):
        read_image(Endless())  # type: ignore[arg-type]


def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(encoded(noise()),))
    writer.start()
    assert read_image(path).tobytes() == noise().tobytes()
    writer.join()


# The module


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"])
def test_the_usual_suffixes_are_collected(suffix: str) -> None:
    assert suffix in IMAGE_SUFFIXES


def test_reading_images_does_not_import_torch() -> None:
    code = "import sys, zoo_core.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
