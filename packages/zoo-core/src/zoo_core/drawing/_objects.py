"""Objects that were found: boxes with texts, masks, and keypoints with what links them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from PIL import Image, ImageDraw

from zoo_core.images import to_rgb

from ._colours import Colour, with_labels
from ._label_places import LabelPlaces
from ._text import fitting, font_for

LEAST_SIDE, MOST_SIDE = 320, 1280
"""Small pictures are enlarged until their shorter side has the first number of pixels, or the longer the second."""
LETTERS_ACROSS = 60
"""How many letters a picture is wide, about."""
LINES_ACROSS = 350
"""Likewise of lines."""
MASKS_AT_ONCE = 255
"""How many masks a label map holds."""

_LIMBS = (
    ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear"),
    ("left_shoulder", "right_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"), ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"), ("left_hip", "right_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
)  # fmt: skip
"""Of the 17 keypoints of the COCO data set."""


@dataclass(frozen=True, slots=True)
class DrawnObject:
    """What is drawn of one object.

    Args:
        box: `(x1, y1, x2, y2)` in pixels; what lies outside of the picture is cut off.
        colour: Of everything, `colour_of` its class mostly.
        text: Beside the box; its class and score mostly.
        mask: Of the size of the picture, not zero where the object is; any mode of one band.
        keypoints: `(x, y)` in pixels, or `None` for a point that is not to be seen.
    """

    box: tuple[float, float, float, float]
    colour: Colour
    text: str = ""
    mask: Image.Image | None = None
    keypoints: Sequence[tuple[float, float] | None] = field(default=())


def with_objects(
    image: Image.Image,
    objects: Sequence[DrawnObject],
    *,
    skeleton: Sequence[tuple[int, int]] = (),
    opacity: float = 0.4,
) -> Image.Image:
    """Return a copy of an image with objects drawn on it; lines and letters are as large as suits its size.

    Args:
        image: Of any size. A small one is enlarged by a whole number, so that texts find room.
        objects: The first is drawn on top of the others, and its text is placed first.
        skeleton: Pairs of indices of keypoints that lines link; `skeleton_of` gives those of people.
        opacity: Of masks, in [0, 1].

    Returns:
        An RGB image.

    Raises:
        ValueError: A box holds what is no number, a mask has another size than the image, or `opacity` is out of range.

    Example:
        >>> from PIL import Image
        >>> from zoo_core.drawing import DrawnObject, with_objects
        >>> photo = Image.new("RGB", (640, 480), "white")
        >>> drawn = with_objects(photo, [DrawnObject((100, 50, 300, 400), (255, 0, 0), "cat 98%")])
        >>> drawn.size, drawn.getpixel((100, 200))
        ((640, 480), (255, 0, 0))
    """
    for number, item in enumerate(objects):
        _check(number, item, image)
    factor = max(1, min(math.ceil(LEAST_SIDE / min(image.size)), MOST_SIDE // max(image.size)))
    if factor > 1:
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)
        objects = [_enlarged(item, factor) for item in objects]
    canvas = _with_masks(to_rgb(image).copy(), objects, opacity)
    draw = ImageDraw.Draw(canvas)
    width = max(2, round(min(canvas.width, 2 * canvas.height) / LINES_ACROSS))
    for item in reversed(objects):
        _draw_box(draw, item, width, canvas.size)
    for item in reversed(objects):
        _draw_keypoints(draw, item, skeleton, width)
    _draw_texts(canvas, draw, objects, width)
    return canvas


def skeleton_of(keypoint_names: Sequence[str]) -> list[tuple[int, int]]:
    """Return which keypoints of a person lines link, as pairs of indices.

    Args:
        keypoint_names: Names as in the metadata of weights, `"left_elbow"` say. Others are linked to nothing.

    Example:
        >>> from zoo_core.drawing import skeleton_of
        >>> skeleton_of(["left_wrist", "nose", "left_elbow"])
        [(2, 0)]
    """
    places = {name: place for place, name in enumerate(keypoint_names)}
    return [(places[first], places[second]) for first, second in _LIMBS if first in places and second in places]


def _check(number: int, item: DrawnObject, image: Image.Image) -> None:
    if not all(map(math.isfinite, item.box)):
        raise ValueError(f"The box of object {number} should be four numbers, found {item.box}.")
    if item.mask is not None and item.mask.size != image.size:
        raise ValueError(
            f"The mask of object {number} should have the size of the image, {image.width} x {image.height}, "
            f"found {item.mask.width} x {item.mask.height}."
        )


def _enlarged(item: DrawnObject, factor: int) -> DrawnObject:
    left, top, right, bottom = (side * factor for side in item.box)
    mask = item.mask and item.mask.resize(
        (item.mask.width * factor, item.mask.height * factor), Image.Resampling.NEAREST
    )
    points = [point and (point[0] * factor, point[1] * factor) for point in item.keypoints]
    return replace(item, box=(left, top, right, bottom), mask=mask, keypoints=points)


def _with_masks(image: Image.Image, objects: Sequence[DrawnObject], opacity: float) -> Image.Image:
    """Colour masks as classes of pixels, the last object first, since each pixel is of one class."""
    masked = iter([(item.mask, item.colour) for item in reversed(objects) if item.mask is not None])
    while some := list(islice(masked, MASKS_AT_ONCE)):
        labels = Image.new("L", image.size)
        for label, (mask, _) in enumerate(some, start=1):
            labels.paste(label, mask=mask.convert("L").point(lambda value: 255 if value else 0))
        colours = {label: colour for label, (_, colour) in enumerate(some, start=1)}
        image = with_labels(image, labels, colours, opacity=opacity)
    return image


def _draw_box(draw: ImageDraw.ImageDraw, item: DrawnObject, width: int, size: tuple[int, int]) -> None:
    """Draw a frame, with a thin dark or light line around it that shows on any ground."""
    left, top, right, bottom = _clipped(item.box, size)
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_contrast(item.colour), width=1)
    draw.rectangle((left, top, right, bottom), outline=item.colour, width=width)


def _clipped(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return whole pixels within the picture, the smaller first."""
    across = sorted(min(max(round(side), 0), size[0] - 1) for side in (box[0], box[2]))
    down = sorted(min(max(round(side), 0), size[1] - 1) for side in (box[1], box[3]))
    return across[0], down[0], across[1], down[1]


def _draw_keypoints(
    draw: ImageDraw.ImageDraw, item: DrawnObject, skeleton: Sequence[tuple[int, int]], width: int
) -> None:
    points = item.keypoints
    ends = [(points[first], points[second]) for first, second in skeleton if max(first, second) < len(points)]
    lines = [(*start, *end) for start, end in ends if start is not None and end is not None]
    for colour, more in ((_contrast(item.colour), 2), (item.colour, 0)):
        for line in lines:
            draw.line(line, fill=colour, width=width + more)
    radius = width * 1.5
    for point in points:
        if point is not None:
            x, y = point
            around = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(around, fill=item.colour, outline=_contrast(item.colour))


def _draw_texts(canvas: Image.Image, draw: ImageDraw.ImageDraw, objects: Sequence[DrawnObject], width: int) -> None:
    """Write each text on a ground of the object's colour, where it hides no other, as far as there is room."""
    font, size = font_for(canvas, LETTERS_ACROSS)
    margin = max(2, size // 5)
    places = LabelPlaces(canvas.size)
    placed = []
    for item in objects:
        if item.text:
            text = fitting(item.text, font, canvas.width - 2 * margin)
            room = (math.ceil(font.getlength(text)) + 2 * margin, round(size * 1.25) + margin)
            placed.append((places.place(_clipped(item.box, canvas.size), room, width), room, text, item.colour))
    for (left, top), (across, down), text, colour in reversed(placed):
        draw.rectangle((left, top, left + across - 1, top + down - 1), fill=colour)
        position = (left + margin, top + down / 2)
        draw.text(position, text, fill=_contrast(colour), font=font, anchor="lm")


def _contrast(colour: Colour) -> str:
    """Return black or white, whichever can be read on a colour (ITU-R BT.601 luma)."""
    red, green, blue = colour
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"
