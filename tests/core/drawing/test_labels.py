"""Classes of pixels in colours, the colours, and their legend."""

import math
from itertools import combinations

import pytest
from PIL import Image, ImageChops, ImageDraw

from zoo_core.drawing import colour_of, with_labels, with_legend

RED, BLUE = (255, 0, 0), (0, 0, 255)


def halves(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Return labels: 1 on the left, 2 on the right."""
    labels = Image.new("L", size, 1)
    ImageDraw.Draw(labels).rectangle((size[0] // 2, 0, *size), fill=2)
    return labels


# Labels


def test_named_classes_are_blended_and_others_stay_as_they_are() -> None:
    drawn = with_labels(Image.new("RGB", (60, 40), (0, 200, 0)), halves(), {2: RED}, opacity=0.25)
    assert drawn.getpixel((10, 10)) == (0, 200, 0)
    assert drawn.getpixel((50, 10)) == pytest.approx((0.25 * 255, 0.75 * 200, 0), abs=1)


def test_the_edge_of_a_class_has_its_full_colour_on_every_side() -> None:
    labels = Image.new("L", (60, 40))
    ImageDraw.Draw(labels).rectangle((20, 10, 39, 29), fill=2)
    drawn = with_labels(Image.new("RGB", (60, 40)), labels, {2: RED}, opacity=0.25)
    for place in [(20, 20), (39, 20), (30, 10), (30, 29)]:
        assert drawn.getpixel(place) == RED
    for place in [(19, 20), (40, 20), (30, 9), (30, 30)]:
        assert drawn.getpixel(place) == (0, 0, 0)


def test_the_edge_of_the_image_is_no_edge_of_a_class() -> None:
    drawn = with_labels(Image.new("RGB", (60, 40)), Image.new("L", (60, 40), 1), {1: RED}, opacity=0.5)
    assert drawn.getcolors() == [(2400, (128, 0, 0))]


@pytest.mark.parametrize(("opacity", "expected"), [(0, (9, 9, 9)), (1, BLUE)])
def test_opacity_reaches_from_nothing_to_everything(opacity: float, expected: tuple[int, ...]) -> None:
    drawn = with_labels(Image.new("RGB", (5, 5), (9, 9, 9)), Image.new("L", (5, 5), 3), {3: BLUE}, opacity=opacity)
    assert drawn.getpixel((2, 2)) == expected


def test_the_image_stays_as_it_was() -> None:
    image = Image.new("RGB", (60, 40))
    with_labels(image, halves(), {1: RED, 2: BLUE})
    assert image.getbbox() is None


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_an_image_of_any_mode_is_drawn_on(mode: str) -> None:
    assert with_labels(Image.new(mode, (60, 40)), halves(), {1: RED}).mode == "RGB"


def test_labels_with_a_palette_count_by_their_numbers() -> None:
    labels = halves()
    labels.putpalette([7] * 768)
    plain = with_labels(Image.new("RGB", (60, 40)), halves(), {1: RED})
    drawn = with_labels(Image.new("RGB", (60, 40)), labels, {1: RED})
    assert ImageChops.difference(plain, drawn).getbbox() is None


@pytest.mark.parametrize(
    ("labels", "opacity", "message"),
    [
        (Image.new("RGB", (60, 40)), 0.5, "mode 'L' or 'P', one class a pixel, found 'RGB'"),
        (Image.new("L", (40, 60)), 0.5, "size of the image, 60 x 40, found 40 x 60"),
        (Image.new("L", (60, 40)), 1.5, r"opacity should be in \[0, 1\], found 1.5"),
    ],
)
def test_what_does_not_fit_is_refused(labels: Image.Image, opacity: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        with_labels(Image.new("RGB", (60, 40)), labels, {1: RED}, opacity=opacity)


# Colours


def test_colours_of_21_classes_are_far_from_each_other_and_from_black_and_white() -> None:
    colours = [(0, 0, 0), (255, 255, 255), *map(colour_of, range(21))]
    assert min(math.dist(one, other) for one, other in combinations(colours, 2)) > 50


def test_colours_of_200_classes_differ() -> None:
    assert len(set(map(colour_of, range(200)))) == 200


def test_a_class_below_zero_has_no_colour() -> None:
    with pytest.raises(ValueError, match="count from 0, found -1"):
        colour_of(-1)


# Legend


@pytest.mark.parametrize("size", [(8, 8), (40, 300), (640, 480), (3000, 900)])
@pytest.mark.parametrize("number", [1, 4, 21])
def test_image_is_whole_above_a_legend_with_every_colour(size: tuple[int, int], number: int) -> None:
    image = Image.new("RGB", size, (100, 100, 100))
    drawn = with_legend(image, [(f"class {index}", colour_of(index)) for index in range(number)])
    left = (drawn.width - size[0]) // 2
    assert ImageChops.difference(drawn.crop((left, 0, left + size[0], size[1])), image).getbbox() is None
    legend = drawn.crop((0, size[1], *drawn.size))
    colours = {colour: count for count, colour in legend.getcolors(legend.width * legend.height) or ()}
    assert all(colours.get(colour_of(index), 0) >= 100 for index in range(number))


def test_text_of_a_legend_can_be_read_on_a_tiny_image() -> None:
    drawn = with_legend(Image.new("RGB", (8, 8)), [("motorbike", RED)])
    text = drawn.crop((0, 8, *drawn.size)).convert("L").point(lambda value: 255 * (value < 128))
    assert text.getbbox() is not None
    assert text.getbbox()[2] - text.getbbox()[0] > 60


def test_a_text_that_is_too_long_is_cut_off_inside_the_image() -> None:
    drawn = with_legend(Image.new("RGB", (640, 480)), [("x" * 500, RED), ("cat", BLUE)])
    assert drawn.width == 640
    assert drawn.crop((632, 480, *drawn.size)).getextrema() == ((255, 255),) * 3


def test_no_entries_give_a_copy() -> None:
    image = Image.new("L", (5, 4), 7)
    assert with_legend(image, []).getpixel((0, 0)) == (7, 7, 7)
