"""What comes with the pixels neither hinders reading them nor is misunderstood."""

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from zoo_core.images import ImageError, read_image, to_rgb

WHITE = (255, 255, 255)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    lines: list[bytes], width: int, depth: int, colour: int, *before: bytes, after: bytes = b"", interlace: int = 0
) -> bytes:
    header = struct.pack(">IIBBBBB", width, len(lines), depth, colour, 0, 0, interlace)
    pixels = zlib.compress(b"".join(b"\0" + line for line in lines))
    parts = (chunk(b"IHDR", header), *before, chunk(b"IDAT", pixels), after, chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def row(data: bytes) -> list[tuple[int, ...]]:
    image = read_image(data)
    assert image.mode == "RGB"
    return [image.getpixel((x, 0)) for x in range(image.width)]  # type: ignore[misc]


def photo() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8))


# Orientation


def with_tags(*extra: tuple[int, int, int, bytes]) -> bytes:
    """Return EXIF data that says "turn to the right", and more tags: number, type, count, and four bytes."""
    tags = sorted([(0x0112, 3, 1, struct.pack("<HH", 6, 0)), *extra])
    entries = b"".join(struct.pack("<HHI", *tag[:3]) + tag[3] for tag in tags)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    "tags",
    [
        [],
        [(0x010F, 99, 1, b"1234")],  # a type that does not exist
        [(0x010F, 2, 10**6, b"\xff\xff\xff\x7f")],  # a text beyond the end
        [(0x8769, 4, 1, b"\xff\xff\xff\x7f")],  # a folder of tags beyond the end
        [(0x8769, 4, 1, struct.pack("<I", 8))],  # one that is in itself
        [(0x0202, 3, 1, b"\x01\x00\x00\x00"), (0x9286, 7, 4, b"\x00\xd8\x00\xd8")],
        [(0x011A, 5, 1, b"\x08\x00\x00\x00")],
        [(0x0103, 13, 1, b"\xff\xff\xff\xff"), (0xC4A5, 12, 9, b"\x00\x00\x00\x00")],
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_is_applied_whatever_other_tags_hold(kind: str, tags: list) -> None:
    file = io.BytesIO()
    photo().save(file, kind, exif=with_tags(*tags))
    image = read_image(file.getvalue())
    plain = io.BytesIO()
    photo().save(plain, kind)
    assert image.tobytes() == read_image(plain.getvalue()).transpose(Image.Transpose.ROTATE_270).tobytes()


def test_the_orientation_is_applied_where_a_tag_cannot_be_written_back(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    photo().save(file, "PNG", exif=with_tags())

    def refuses(*_: object, **__: object) -> bytes:
        raise struct.error("'L' format requires 0 <= number <= 4294967295")

    monkeypatch.setattr(Image.Exif, "tobytes", refuses)
    with pytest.raises(struct.error):
        ImageOps.exif_transpose(Image.open(file))
    assert read_image(file).tobytes() == photo().transpose(Image.Transpose.ROTATE_270).tobytes()


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    file = io.BytesIO()
    photo().save(file, "PNG", exif=exif)
    assert read_image(file).tobytes() == photo().tobytes()


@pytest.mark.parametrize(
    "tag",
    [(0x0112, 2, 4, b"abc\0"), (0x0112, 5, 1, b"\0\0\0\0"), (0x0112, 3, 0, b"\6\0\0\0")],
    ids=["text", "fraction", "none"],
)
def test_an_orientation_of_another_type_is_upright(tag: tuple[int, int, int, bytes]) -> None:
    data = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHI", *tag[:3]) + tag[3] + bytes(4)
    file = io.BytesIO()
    photo().save(file, "PNG", exif=data)
    assert read_image(file).size == (6, 8)


# Transparent colours


def test_a_transparent_16_bit_grey_is_compared_with_all_16_bits() -> None:
    lines = [struct.pack(">4H", 0x1234, 0x1235, 0x1134, 0xFFFF)]
    grey = [round(value / 257) for value in (0x1234, 0x1235, 0x1134, 0xFFFF)]
    data = png(lines, 4, 16, 0, chunk(b"tRNS", struct.pack(">H", 0x1234)))
    assert row(data) == [WHITE, *((value,) * 3 for value in grey[1:])]


def test_a_transparent_16_bit_grey_that_is_also_one_of_8_bits_makes_nothing_else_transparent() -> None:
    data = png([struct.pack(">2H", 100, 100 * 257)], 2, 16, 0, chunk(b"tRNS", struct.pack(">H", 100)))
    assert row(data) == [WHITE, (100, 100, 100)]


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_transparent_16_bit_colour_is_compared_with_all_48_bits(interlace: int) -> None:
    colours = [(0x1234, 0x5678, 0x9ABC), (0x1234, 0x5678, 0x9ABD), (0x1234, 0x5778, 0x9ABC), (0x3412, 0x7856, 0xBC9A)]
    lines = [struct.pack(">3H", *colour) for colour in colours]  # one column: interlaced, one pixel a line, reordered
    if interlace:
        lines = [lines[0], lines[2], lines[1], lines[3]]
    data = png(lines, 1, 16, 2, chunk(b"tRNS", struct.pack(">3H", *colours[0])), interlace=interlace)
    image = read_image(data)
    high = [tuple(value >> 8 for value in colour) for colour in colours]
    assert [image.getpixel((0, y)) for y in range(4)] == [WHITE, *high[1:]]


@pytest.mark.parametrize(("depth", "scale"), [(1, 255), (2, 85), (4, 17), (8, 1)])
def test_a_transparent_grey_of_few_bits_is_compared_with_those(depth: int, scale: int) -> None:
    values = [1, 0]
    octet = sum(value << (8 - depth * (place + 1)) for place, value in enumerate(values) if depth < 8)
    line = bytes(values) if depth == 8 else bytes([octet])
    assert row(png([line], 2, depth, 0, chunk(b"tRNS", b"\0\1"))) == [WHITE, (0, 0, 0)]
    assert row(png([line], 2, depth, 0, chunk(b"tRNS", b"\0\0"))) == [(scale,) * 3, WHITE]


def test_a_picture_in_strips_becomes_what_it_becomes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 30, 4), dtype=np.uint8)
    pictures = [Image.fromarray(pixels).convert(mode) for mode in ("RGBA", "LA", "CMYK", "P", "L", "1", "I", "YCbCr")]
    pictures[3].info["transparency"] = bytes(range(256))
    whole = [to_rgb(picture) for picture in pictures]
    monkeypatch.setattr("zoo_core.images._rgb.STRIP_PIXELS", 30 * 7)
    for picture, expected in zip(pictures, whole, strict=True):
        assert to_rgb(picture).tobytes() == expected.tobytes()


# Texts


TEXTS: dict[str, Callable[[bytes], bytes]] = {
    "tEXt": lambda text: chunk(b"tEXt", b"Comment\0" + text),
    "zTXt": lambda text: chunk(b"zTXt", b"Comment\0\0" + zlib.compress(text)),
    "iTXt": lambda text: chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(text)),
    "iTXt, not packed": lambda text: chunk(b"iTXt", b"Comment\0\0\0\0\0" + text),
    "iCCP": lambda text: chunk(b"iCCP", b"Profile\0\0" + zlib.compress(text)),
}


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("kind", TEXTS)
def test_an_intact_png_with_megabytes_of_text_is_read(kind: str, place: str) -> None:
    texts = [TEXTS[kind](bytes([65 + number]) * (3 << 20)) for number in range(24)]  # above 64 MiB together
    before, after = ((), b"".join(texts)) if place == "after" else (texts, b"")
    assert row(png([b"\1\2\3"], 1, 8, 2, *before, after=after)) == [(1, 2, 3)]


def test_the_orientation_is_applied_beside_long_texts() -> None:
    long = TEXTS["zTXt"](bytes(3 << 20))
    xmp = b'<x tiff:Orientation="6"/>'
    for text in (chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp), chunk(b"eXIf", with_tags()[6:])):
        assert read_image(png([bytes(9), bytes(9)], 3, 8, 2, long, text)).size == (2, 3)


def test_metadata_that_is_too_long_itself_is_left_out() -> None:
    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(3 << 20)))
    assert row(png([b"\1\2\3"], 1, 8, 2, xmp)) == [(1, 2, 3)]


def test_a_png_cut_off_within_its_long_text_is_damaged() -> None:
    data = png([b"\1\2\3"], 1, 8, 2, TEXTS["zTXt"](bytes(3 << 20)), TEXTS["zTXt"](bytes(3 << 20)))
    with pytest.raises(ImageError):
        read_image(data[:3000])
    assert PngImagePlugin.MAX_TEXT_CHUNK == 1 << 20


# Warnings


def icon(picture: bytes) -> bytes:
    """Return an icon that states another size than its picture's."""
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(picture), 22) + picture


def jpeg(exif: bytes) -> bytes:
    file = io.BytesIO()
    photo().save(file, "JPEG", exif=exif)
    return file.getvalue()


WARNING_PICTURES = {
    "EXIF beyond the end": jpeg(with_tags((0x010F, 2, 10**6, b"\xff\xff\xff\x7f"))),
    "EXIF with two values for one": jpeg(with_tags((0x0128, 3, 2, b"\2\0\2\0"))),
    "no animation": png([b"\1\2\3"], 1, 8, 2, chunk(b"acTL", bytes(8))),
    "icon of another size": icon(png([b"\1\2\3"], 1, 8, 2)),
}


def _loaded_by_pillow(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        image.getexif().get(0x0128)


@pytest.mark.parametrize("data", WARNING_PICTURES.values(), ids=WARNING_PICTURES)
def test_nothing_warns_though_pillow_does(data: bytes) -> None:
    with pytest.warns(UserWarning, match=r"Truncated|Metadata|Invalid|expected size|larger than file"):
        _loaded_by_pillow(data)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        read_image(data)
    assert not warned


def test_reading_in_threads_leaves_the_warnings_as_they_were() -> None:
    data = WARNING_PICTURES["no animation"]
    with warnings.catch_warnings():
        before = list(warnings.filters)
        threads = [threading.Thread(target=lambda: [read_image(data) for _ in range(50)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert warnings.filters == before
        with pytest.warns(UserWarning, match="Invalid APNG"), Image.open(io.BytesIO(data)):
            pass
