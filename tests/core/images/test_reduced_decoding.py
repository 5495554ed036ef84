"""JPEG files are decoded to a fraction where no more is asked for."""

import pytest
from PIL import Image

from zoo_core.images import read_image


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.radial_gradient("L").resize((400, 301)).convert("RGB").save(path)
    return path


@pytest.mark.parametrize(
    ("at_least", "size"), [(None, (400, 301)), (300, (400, 301)), (151, (400, 301)), (150, (200, 151)), (1, (50, 38))]
)
def test_no_side_falls_below_what_is_asked_for(photo, at_least, size):
    assert read_image(photo, at_least=at_least).size == size


def test_other_files_are_decoded_whole(tmp_path):
    Image.new("RGB", (400, 300)).save(tmp_path / "drawing.png")
    assert read_image(tmp_path / "drawing.png", at_least=10).size == (400, 300)
