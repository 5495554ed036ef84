"""Charts as SVG, in the colours of the page, and as an image."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ._chart import HEIGHT, LETTERS, WIDTH, Anchor, Chart, Place, Role, draw_chart
from ._html import Markup, element

if TYPE_CHECKING:
    from PIL import Image

SCALE = 2
"""How many pixels of an image a pixel of a chart is."""
_COLOURS: Mapping[Role, str] = {
    "axis": "#555555",
    "grid": "#e4e4e4",
    "text": "#222222",
    "first": "#2f6fb5",
    "second": "#c2410c",
    "third": "#2e7d4f",
    "muted": "#8a8a8a",
}
_ANCHORS: Mapping[Anchor, str] = {"start": "lm", "middle": "mm", "end": "rm"}


def chart_svg(chart: Chart) -> Markup:
    """Return a chart as an SVG element; its colours are classes of the page's style."""
    canvas = _Svg()
    draw_chart(chart, canvas)
    label = f"{chart.y_label} over {chart.x_label}"
    return element("svg", *canvas.parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label)


def chart_image(chart: Chart) -> "Image.Image":
    """Return a chart as an RGB image of 1280 x 800 pixels."""
    canvas = _Picture()
    draw_chart(chart, canvas)
    return canvas.image


class _Svg:
    def __init__(self) -> None:
        self.parts: list[Markup] = []

    def line(self, points: Sequence[Place], role: Role, *, dashed: bool = False) -> None:
        told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(element("polyline", points=told, class_=f"line {role}{' dashed' if dashed else ''}"))

    def rectangle(self, start: Place, end: Place, role: Role) -> None:
        width, height = max(0.0, end[0] - start[0]), max(0.0, end[1] - start[1])
        x, y = (f"{value:.1f}" for value in start)
        self.parts.append(
            element("rect", x=x, y=y, width=f"{width:.1f}", height=f"{height:.1f}", class_=f"fill {role}")
        )

    def circle(self, middle: Place, radius: float, role: Role, *, filled: bool) -> None:
        x, y = (f"{value:.1f}" for value in middle)
        self.parts.append(element("circle", cx=x, cy=y, r=radius, class_=f"{'fill' if filled else 'line'} {role}"))

    def text(self, place: Place, text: str, anchor: Anchor, *, upright: bool = False) -> None:
        x, y = (f"{value:.1f}" for value in place)
        turned = f"rotate(-90 {x} {y})" if upright else None
        baseline = {"dominant_baseline": "central"}
        self.parts.append(element("text", text, x=x, y=y, text_anchor=anchor, transform=turned, **baseline))

    def width(self, text: str) -> float:
        return 0.6 * LETTERS * len(text)


class _Picture:
    def __init__(self) -> None:
        from PIL import Image, ImageDraw, ImageFont

        self.image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), "white")
        self._draw = ImageDraw.Draw(self.image)
        self._font = ImageFont.load_default(LETTERS * SCALE)

    def line(self, points: Sequence[Place], role: Role, *, dashed: bool = False) -> None:
        scaled = [_scaled(point) for point in points]
        width = SCALE if role in {"grid", "axis"} else 2 * SCALE
        for start, end in _dashes(scaled) if dashed else itertools.pairwise(scaled):
            self._draw.line((*start, *end), fill=_COLOURS[role], width=width)

    def rectangle(self, start: Place, end: Place, role: Role) -> None:
        if end[0] > start[0] and end[1] > start[1]:
            self._draw.rectangle((*_scaled(start), *_scaled(end)), fill=_COLOURS[role])

    def circle(self, middle: Place, radius: float, role: Role, *, filled: bool) -> None:
        colour = _COLOURS[role]
        self._draw.circle(
            _scaled(middle), radius * SCALE, fill=colour if filled else "white", outline=colour, width=2 * SCALE
        )

    def text(self, place: Place, text: str, anchor: Anchor, *, upright: bool = False) -> None:
        if not upright:
            self._draw.text(_scaled(place), text, fill=_COLOURS["text"], font=self._font, anchor=_ANCHORS[anchor])
            return
        from PIL import Image, ImageDraw

        size = (math.ceil(self._font.getlength(text)) + 2, LETTERS * SCALE * 2)
        written = Image.new("RGB", size, "white")
        middle = (size[0] / 2, size[1] / 2)
        ImageDraw.Draw(written).text(middle, text, fill=_COLOURS["text"], font=self._font, anchor="mm")
        turned = written.rotate(90, expand=True)
        x, y = _scaled(place)
        self.image.paste(turned, (max(0, round(x - turned.width / 2)), max(0, round(y - turned.height / 2))))

    def width(self, text: str) -> float:
        return self._font.getlength(text) / SCALE


def _scaled(place: Place) -> Place:
    return place[0] * SCALE, place[1] * SCALE


def _dashes(points: Sequence[Place]) -> list[tuple[Place, Place]]:
    """Cut lines into pieces with as long gaps between them."""
    found = []
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        count = max(1, round(math.dist((x1, y1), (x2, y2)) / (5 * SCALE)))
        at = [(x1 + (x2 - x1) * part / count, y1 + (y2 - y1) * part / count) for part in range(count + 1)]
        found += list(itertools.pairwise(at))[::2]
    return found
