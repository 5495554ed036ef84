"""Reading an image takes at most 20 bytes a pixel of it, whatever the file: docs/limits.md."""

from pathlib import Path

import pytest
from PIL import Image

from limited_memory import output_within

READ = """
import sys
from zoo_core.images import read_image
print(*read_image(sys.argv[1]).size)
"""


def test_a_photo_of_108_megapixels_is_read_and_turned_in_a_gibibyte(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (12_000, 9_000)).save(tmp_path / "photo.jpg", exif=exif)
    assert output_within(1, READ, tmp_path / "photo.jpg", with_torch=False) == "9000 12000\n"


@pytest.mark.parametrize(
    ("mode", "name", "options"),
    [
        ("RGB", "progressive.jpg", {"progressive": True, "subsampling": 0}),
        ("RGBA", "transparent.png", {"compress_level": 1}),
        ("RGBA", "transparent.webp", {"method": 0}),
        ("I;16", "deep.png", {"compress_level": 1}),
        ("P", "palette.gif", {}),
        ("CMYK", "print.tif", {"compression": "tiff_lzw"}),
        ("RGB", "wavelets.jp2", {}),
    ],
)
def test_a_photo_of_24_megapixels_is_read_in_half_a_gibibyte(
    tmp_path: Path, mode: str, name: str, options: dict
) -> None:
    Image.new(mode, (6_000, 4_000)).save(tmp_path / name, **options)
    assert output_within(0.5, READ, tmp_path / name, with_torch=False) == "6000 4000\n"


def test_what_needs_more_memory_than_there_is_is_an_error_of_that_image(tmp_path: Path) -> None:
    Image.new("L", (12_000, 9_000)).save(tmp_path / "photo.png", compress_level=1)
    code = READ.replace("print(", "try: print(") + "except ValueError as error: print(error)\n"
    assert "photo.png' needs more memory than there is: 12000 x 9000 pixels." in output_within(
        0.1, code, tmp_path / "photo.png", with_torch=False
    )


def test_a_file_of_kilobytes_with_a_billion_pixels_is_refused_at_once(tmp_path: Path) -> None:
    Image.new("1", (20_000, 50_000)).save(tmp_path / "bomb.png")
    code = READ.replace("print(", "try: print(") + "except ValueError as error: print(error)\n"
    assert "too large to be decoded" in output_within(0.1, code, tmp_path / "bomb.png", seconds=20, with_torch=False)
