"""Captions: the picture stays whole, and the text is under it."""

import pytest
from PIL import Image, ImageChops

from zoo_core.drawing import with_caption


@pytest.mark.parametrize("size", [(8, 8), (32, 200), (640, 480), (3000, 900)])
def test_image_is_whole_above_the_text(size):
    image = Image.effect_noise(size, 80).convert("RGB")
    drawn = with_caption(image, ["tabby 47.0%", "tiger cat 31.2%"])
    left = (drawn.width - size[0]) // 2
    assert ImageChops.difference(drawn.crop((left, 0, left + size[0], size[1])), image).getbbox() is None
    text = drawn.crop((0, size[1], *drawn.size)).convert("L").point(lambda value: 255 - value)
    assert text.getbbox() is not None


def test_line_that_is_too_long_is_cut_off_inside_the_image():
    drawn = with_caption(Image.new("RGB", (640, 480)), ["x" * 1000])
    assert drawn.width == 640
    assert drawn.crop((635, 480, *drawn.size)).getextrema() == ((255, 255),) * 3


def test_no_text_gives_a_copy():
    image = Image.new("L", (5, 4), 7)
    assert with_caption(image, []).getpixel((0, 0)) == (7, 7, 7)
