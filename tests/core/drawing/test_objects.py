"""Boxes, texts, masks and keypoints on pictures."""

import math

import pytest
from PIL import Image, ImageChops

from zoo_core.drawing import DrawnObject, colour_of, skeleton_of, with_objects

RED, BLUE = (255, 0, 0), (0, 0, 255)
SIZES = [(32, 32), (20, 200), (200, 24), (640, 480), (4000, 3000)]


def photo(size: tuple[int, int] = (640, 480)) -> Image.Image:
    return Image.new("RGB", size, "white")


def pixels(image: Image.Image, colour: tuple[int, int, int]) -> int:
    return sum(count for count, found in image.getcolors(1 << 24) if found == colour)  # type: ignore[misc]


def changed(drawn: Image.Image, box: tuple[int, int, int, int] | None = None) -> tuple[int, int, int, int] | None:
    """Return around what the picture is not white."""
    return ImageChops.invert(drawn.crop(box) if box else drawn).getbbox()


def test_a_frame_is_drawn_along_the_box():
    drawn = with_objects(photo(), [DrawnObject((100, 50, 300, 400), RED)])
    for point in ((100, 200), (300, 200), (200, 50), (200, 400)):
        assert drawn.getpixel(point) == RED
    assert drawn.getpixel((200, 200)) == (255, 255, 255)
    assert drawn.getpixel((90, 200)) == (255, 255, 255)


def test_the_image_itself_stays_as_it_is():
    image = photo()
    with_objects(image, [DrawnObject((100, 50, 300, 400), RED, "cat", Image.new("1", image.size, 1))])
    assert changed(image) is None


def test_nothing_found_gives_a_copy():
    image = photo()
    drawn = with_objects(image, [])
    assert drawn is not image
    assert changed(drawn) is None


@pytest.mark.parametrize("size", SIZES)
def test_a_text_can_be_read_at_any_size(size):
    box = (0.3 * size[0], 0.3 * size[1], 0.6 * size[0], 0.6 * size[1])
    plain, drawn = (with_objects(photo(size), [DrawnObject(box, RED, text)]) for text in ("", "cat 98%"))
    around = ImageChops.difference(plain, drawn).getbbox()
    assert around is not None
    assert around[3] - around[1] >= 14
    assert pixels(drawn.crop(around), (255, 255, 255)) > 0  # the letters
    assert min(drawn.size) >= min(320, 6 * min(size))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("corner", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_texts_stay_within_the_picture(size, corner):
    x, y = corner[0] * size[0], corner[1] * size[1]
    box = (x - 0.2 * size[0], y - 0.2 * size[1], x + 0.2 * size[0], y + 0.2 * size[1])
    inside = (0.3 * size[0], 0.3 * size[1], 0.6 * size[0], 0.6 * size[1])
    grounds = []
    for where in (box, inside):
        plain, drawn = (with_objects(photo(size), [DrawnObject(where, RED, text)]) for text in ("", "ox"))
        left, top, right, bottom = ImageChops.difference(plain, drawn).getbbox() or (0, 0, 0, 0)
        grounds.append((right - left, bottom - top))
    assert grounds[0] == pytest.approx(grounds[1], abs=16 * max(size) // 640 + 16)  # nothing of it is cut off


def test_texts_do_not_hide_each_other_while_there_is_room():
    box = (100.0, 50.0, 300.0, 400.0)
    alone = with_objects(photo(), [DrawnObject(box, RED, "cat")])
    both = with_objects(photo(), [DrawnObject(box, RED, "cat"), DrawnObject(box, BLUE, "dog")])
    ground = (100, 30, 120, 48)
    assert ImageChops.difference(alone.crop(ground), both.crop(ground)).getbbox() is None
    assert pixels(both, BLUE) > 200


def test_the_first_object_is_on_top():
    first, second = DrawnObject((100, 50, 300, 400), RED), DrawnObject((100, 50, 300, 400), BLUE)
    assert with_objects(photo(), [first, second]).getpixel((200, 400)) == RED
    assert with_objects(photo(), [second, first]).getpixel((200, 400)) == BLUE


def test_masks_are_blended_and_edged():
    mask = Image.new("L", (640, 480))
    mask.paste(1, (200, 100, 400, 300))
    drawn = with_objects(photo(), [DrawnObject((0, 0, 1, 1), RED, mask=mask)], opacity=0.4)
    assert drawn.getpixel((300, 200)) == (255, 153, 153)
    assert drawn.getpixel((200, 200)) == RED
    assert drawn.getpixel((100, 200)) == (255, 255, 255)


def test_more_masks_than_a_label_map_holds_are_all_drawn():
    objects = []
    for index in range(300):
        mask = Image.new("1", (640, 480))
        mask.paste(1, (index * 2, 100, index * 2 + 2, 200))
        objects.append(DrawnObject((0, 0, 1, 1), RED, mask=mask))
    drawn = with_objects(photo(), objects, opacity=1.0)
    assert pixels(drawn.crop((10, 110, 590, 190)), RED) == 580 * 80


def test_keypoints_are_linked_where_both_can_be_seen():
    points = [(100.0, 100.0), (300.0, 100.0), None]
    item = DrawnObject((500, 400, 510, 410), RED, keypoints=points)
    drawn = with_objects(photo(), [item], skeleton=[(0, 1), (1, 2), (1, 7)])
    assert drawn.getpixel((100, 100)) == RED
    assert drawn.getpixel((200, 100)) == RED
    assert changed(drawn, (0, 110, 450, 390)) is None


@pytest.mark.parametrize(
    "box", [(50.0, 60.0, 20.0, 30.0), (-1e9, -5.0, 1e9, 5.0), (7.0, 7.0, 7.0, 7.0), (900, 900, 950, 950)]
)
def test_odd_boxes_are_drawn_within_the_picture(box):
    drawn = with_objects(photo(), [DrawnObject(box, RED, "odd")])
    assert drawn.size == (640, 480)
    assert pixels(drawn, RED) > 0


def test_what_cannot_be_drawn_is_named():
    with pytest.raises(ValueError, match="box of object 1 should be four numbers"):
        with_objects(photo(), [DrawnObject((0, 0, 9, 9), RED), DrawnObject((0, 0, math.nan, 9), RED)])
    with pytest.raises(ValueError, match=r"mask of object 0 .* 640 x 480, found 5 x 5"):
        with_objects(photo(), [DrawnObject((0, 0, 9, 9), RED, mask=Image.new("L", (5, 5)))])


def test_letters_differ_from_their_ground_in_lightness():
    for colour in map(colour_of, range(72)):
        drawn = with_objects(photo(), [DrawnObject((100, 50, 300, 400), colour, "M" * 10)])
        ground = drawn.crop((101, 36, 200, 49)).convert("L").getextrema()
        assert ground[1] - ground[0] > 100


def test_limbs_link_the_keypoints_that_are_named():
    names = ["left_hip", "left_knee", "tail", "left_ankle"]
    assert skeleton_of(names) == [(0, 1), (1, 3)]
