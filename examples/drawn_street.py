"""A street that is drawn, with all that a model could find in it: to show how results are drawn."""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw
from torch import Tensor

from zoo_core.transforms import pil_to_tensor

WIDTH, HEIGHT = 480, 320
SMOOTH = 4
"""How many times larger things are drawn first."""
Painter = Callable[[ImageDraw.ImageDraw], None]


@dataclass(frozen=True)
class Thing:
    """Something in the street.

    Args:
        label: What it is, as the COCO data set calls it.
        image: Its colours, `"RGBA"`, of the size of the street.
        joints: Of a person: where its keypoints are, by name, in pixels.
    """

    label: str
    image: Image.Image
    joints: tuple[tuple[str, float, float], ...] = ()

    @property
    def mask(self) -> Tensor:
        """The pixels that it covers, `(HEIGHT, WIDTH)`."""
        return pil_to_tensor(self.image.getchannel("A"))[0] > 127


def painted(label: str, paint: Painter, joints: tuple[tuple[str, float, float], ...] = ()) -> Thing:
    """Return what a function paints, in coordinates of the street."""
    large = Image.new("RGBA", (WIDTH * SMOOTH, HEIGHT * SMOOTH))
    paint(ImageDraw.Draw(large))
    return Thing(label, large.resize((WIDTH, HEIGHT), Image.Resampling.BOX), joints)


def scaled(*points: tuple[float, float]) -> list[tuple[float, float]]:
    """Return points of the street as they are drawn."""
    return [(x * SMOOTH, y * SMOOTH) for x, y in points]


def car(x: float, y: float, colour: str) -> Thing:
    """Return a car; x and y are of its front wheel."""

    def paint(draw: ImageDraw.ImageDraw) -> None:
        draw.polygon(scaled((x - 100, y - 34), (x - 84, y - 66), (x - 24, y - 66), (x - 2, y - 34)), fill=colour)
        draw.rounded_rectangle(scaled((x - 122, y - 38), (x + 32, y)), radius=12 * SMOOTH, fill=colour)
        for left, right in ((x - 88, x - 58), (x - 52, x - 14)):
            draw.polygon(
                scaled((left, y - 38), (left + 6, y - 60), (right - 9, y - 60), (right, y - 38)), fill="#cfe3ee"
            )
        for wheel in (x - 88, x):
            draw.ellipse(scaled((wheel - 17, y - 17), (wheel + 17, y + 17)), fill="#22252a")
            draw.ellipse(scaled((wheel - 7, y - 7), (wheel + 7, y + 7)), fill="#9aa2ab")

    return painted("car", paint)


def person(x: float, y: float, colour: str) -> Thing:
    """Return somebody who walks to the left; x and y are between the feet."""
    head, hip = (x, y - 116), (x, y - 56)
    places = {
        "nose": (x - 9, y - 116), "left_eye": (x - 6, y - 120), "left_shoulder": (x - 11, y - 96),
        "right_shoulder": (x + 11, y - 96), "left_elbow": (x - 24, y - 78), "right_elbow": (x + 19, y - 76),
        "left_wrist": (x - 30, y - 60), "right_wrist": (x + 25, y - 56), "left_hip": (x - 8, y - 56),
        "right_hip": (x + 8, y - 56), "left_knee": (x - 17, y - 30), "right_knee": (x + 11, y - 28),
        "left_ankle": (x - 22, y - 4), "right_ankle": (x + 20, y - 5),
    }  # fmt: skip

    def paint(draw: ImageDraw.ImageDraw) -> None:
        def limb(names: str, fill: str, width: int) -> None:
            points = scaled(*(places[name] for name in names.split()))
            draw.line(points, fill=fill, width=width * SMOOTH, joint="curve")
            for px, py in points:
                radius = width * SMOOTH / 2
                draw.ellipse((px - radius, py - radius, px + radius, py + radius), fill=fill)

        limb("right_hip right_knee right_ankle", "#2c3e56", 13)
        limb("left_hip left_knee left_ankle", "#35496a", 13)
        limb("right_shoulder right_elbow right_wrist", "#c98f6b", 9)
        draw.rounded_rectangle(scaled((x - 16, y - 102), (x + 16, hip[1] + 6)), radius=9 * SMOOTH, fill=colour)
        limb("left_shoulder left_elbow left_wrist", "#d9a17c", 9)
        draw.ellipse(scaled((head[0] - 13, head[1] - 15), (head[0] + 13, head[1] + 14)), fill="#d9a17c")
        draw.pieslice(scaled((head[0] - 14, head[1] - 17), (head[0] + 14, head[1] + 11)), 180, 360, fill="#4a3426")

    return painted("person", paint, tuple((name, *place) for name, place in places.items()))


def dog(x: float, y: float, colour: str) -> Thing:
    """Return a dog; x and y are of its front paws."""

    def paint(draw: ImageDraw.ImageDraw) -> None:
        for leg in (x, x + 9, x + 38, x + 47):
            draw.rounded_rectangle(scaled((leg - 3, y - 22), (leg + 4, y)), radius=3 * SMOOTH, fill=colour)
        draw.rounded_rectangle(scaled((x - 6, y - 40), (x + 54, y - 17)), radius=11 * SMOOTH, fill=colour)
        draw.ellipse(scaled((x - 22, y - 56), (x + 7, y - 31)), fill=colour)
        draw.rounded_rectangle(scaled((x - 30, y - 46), (x - 8, y - 34)), radius=5 * SMOOTH, fill=colour)
        draw.polygon(scaled((x - 6, y - 52), (x + 8, y - 54), (x + 5, y - 33)), fill="#4f3a28")
        draw.line(scaled((x + 52, y - 36), (x + 66, y - 54)), fill=colour, width=5 * SMOOTH)

    return painted("dog", paint)


def background() -> Image.Image:
    """Return the street itself: sky, houses, pavement, road."""
    large = Image.new("RGB", (WIDTH * SMOOTH, HEIGHT * SMOOTH), "#bfd9ea")
    draw = ImageDraw.Draw(large)
    for left, right, top, colour in (
        (0, 96, 60, "#c9b49a"), (96, 210, 28, "#b98f7a"), (210, 300, 80, "#d8cdb8"), (300, 480, 46, "#a9a39b"),
    ):  # fmt: skip
        draw.rectangle(scaled((left, top), (right, 214)), fill=colour)
        for row in range(top + 14, 190, 38):
            for column in range(left + 14, right - 20, 30):
                draw.rectangle(scaled((column, row), (column + 14, row + 20)), fill="#64788a")
    draw.rectangle(scaled((0, 208), (WIDTH, 250)), fill="#b4b0a8")
    draw.rectangle(scaled((0, 248), (WIDTH, HEIGHT)), fill="#5d6167")
    for left in range(-20, WIDTH, 90):
        draw.rectangle(scaled((left, 304), (left + 46, 308)), fill="#e8e4d8")
    return large.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def street(moved: float = 0.0) -> tuple[Image.Image, list[Thing]]:
    """Return a picture, and what is in it, from the farthest to the nearest.

    Args:
        moved: Pixels that the car has driven to the right; the walkers have gone half as far to the left.
    """
    things = [
        person(92 - moved / 2, 252, "#b5483a"),
        dog(150 - moved / 2, 254, "#8a6342"),
        car(372 + moved, 290, "#2f6f9f"),
    ]
    picture = background()
    for thing in things:
        picture.paste(thing.image, mask=thing.image)
    return picture, things


def seen(things: list[Thing]) -> list[Tensor]:
    """Return the pixels of each thing that no nearer one hides, `(HEIGHT, WIDTH)`."""
    masks = [thing.mask for thing in things]
    for index, nearer in enumerate(masks):
        masks[:index] = [mask & ~nearer for mask in masks[:index]]
    return masks
