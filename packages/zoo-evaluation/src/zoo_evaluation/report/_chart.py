"""Charts: lines, columns and points over two axes, laid out once and drawn on any canvas."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

WIDTH, HEIGHT = 640, 400
"""Of the whole chart."""
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 52
"""Around the axes."""
LETTERS = 14
"""Their height."""

Role: TypeAlias = Literal["axis", "grid", "text", "first", "second", "third", "muted"]
Anchor: TypeAlias = Literal["start", "middle", "end"]
Place: TypeAlias = tuple[float, float]
_ROLES: tuple[Role, ...] = ("first", "second", "third")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Points that are linked; dashed and grey if it is there to compare with."""

    name: str
    points: Sequence[Place]
    dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column over a range of x, from 0 up to y."""

    start: float
    end: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point with its name; a marked one is filled."""

    name: str
    x: float
    y: float
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines, columns and points over two axes.

    Args:
        x_label: What is to the right, with its unit.
        y_label: What is upwards, with its unit.
        x_range: From and to; by default what is shown fits with some room.
        y_range: Likewise.
        lines: Drawn over the columns.
        columns: Drawn first.
        points: Drawn last.
    """

    x_label: str
    y_label: str
    x_range: Place | None = None
    y_range: Place | None = None
    lines: Sequence[Line] = ()
    columns: Sequence[Column] = ()
    points: Sequence[Point] = ()


class Canvas(Protocol):
    """What a chart is drawn on; places are in pixels from the upper left corner."""

    def line(self, points: Sequence[Place], role: Role, *, dashed: bool = False) -> None:
        """Link points."""

    def rectangle(self, start: Place, end: Place, role: Role) -> None:
        """Fill a rectangle."""

    def circle(self, middle: Place, radius: float, role: Role, *, filled: bool) -> None:
        """Draw a circle."""

    def text(self, place: Place, text: str, anchor: Anchor, *, upright: bool = False) -> None:
        """Write a text, its middle at that height; an upright one reads upwards."""

    def width(self, text: str) -> float:
        """Return how wide a text is."""


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round numbers within, about five of them."""
        step = 10 ** math.floor(math.log10((self.high - self.low) / 5))
        step = next(step * factor for factor in (1, 2, 5, 10) if (self.high - self.low) / (step * factor) <= 6)
        first = math.ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def draw_chart(chart: Chart, canvas: Canvas) -> None:
    """Draw a chart."""
    across = _Axis(*(chart.x_range or _fitting(_all(chart, 0))), LEFT, WIDTH - RIGHT)
    upwards = _Axis(*(chart.y_range or _fitting(_all(chart, 1))), HEIGHT - BOTTOM, TOP)
    _draw_axes(chart, canvas, across, upwards)
    for column in chart.columns:
        start, end = across.place(column.start) + 1, across.place(column.end) - 1
        canvas.rectangle((start, upwards.place(column.height)), (end, upwards.place(upwards.low)), "first")
    for number, line in enumerate(chart.lines):
        places = [(across.place(x), upwards.place(y)) for x, y in line.points]
        canvas.line(places, "muted" if line.dashed else _ROLES[number % len(_ROLES)], dashed=line.dashed)
    _draw_names(chart, canvas)
    _draw_points(chart, canvas, across, upwards)


def tick_text(value: float) -> str:
    """Return a round number as short as it can be written."""
    return f"{value:.6g}"


def _draw_axes(chart: Chart, canvas: Canvas, across: _Axis, upwards: _Axis) -> None:
    for tick in across.ticks():
        canvas.line([(across.place(tick), upwards.start), (across.place(tick), upwards.end)], "grid")
        canvas.text((across.place(tick), upwards.start + LETTERS), tick_text(tick), "middle")
    for tick in upwards.ticks():
        canvas.line([(across.start, upwards.place(tick)), (across.end, upwards.place(tick))], "grid")
        canvas.text((across.start - 6, upwards.place(tick)), tick_text(tick), "end")
    canvas.line([(across.start, upwards.end), (across.start, upwards.start), (across.end, upwards.start)], "axis")
    canvas.text(((across.start + across.end) / 2, HEIGHT - LETTERS), chart.x_label, "middle")
    canvas.text((LETTERS, (upwards.start + upwards.end) / 2), chart.y_label, "middle", upright=True)


def _draw_names(chart: Chart, canvas: Canvas) -> None:
    """Write what lines mean, in the upper left corner, where there are several."""
    if len(chart.lines) < 2:
        return
    for number, line in enumerate(chart.lines):
        height = TOP + LETTERS + number * LETTERS * 1.4
        role: Role = "muted" if line.dashed else _ROLES[number % len(_ROLES)]
        canvas.line([(LEFT + 10, height), (LEFT + 34, height)], role, dashed=line.dashed)
        canvas.text((LEFT + 40, height), line.name, "start")


def _draw_points(chart: Chart, canvas: Canvas, across: _Axis, upwards: _Axis) -> None:
    places = [(across.place(point.x), upwards.place(point.y)) for point in chart.points]
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    for point, (x, y) in zip(chart.points, places, strict=True):
        canvas.circle((x, y), 5, "second" if point.marked else "muted", filled=point.marked)
        width = canvas.width(point.name)
        candidates = list(_beside(x, y, width))
        free = (box for box in candidates if not any(_overlap(box, other) for other in taken))
        box = next(free, candidates[0])
        taken.append(box)
        canvas.text((box[0], (box[1] + box[3]) / 2), point.name, "start")


Box: TypeAlias = tuple[float, float, float, float]


def _beside(x: float, y: float, width: float) -> Iterable[Box]:
    """Yield boxes for a text near a point, the best first, all within the picture."""
    half = LETTERS * 0.6
    for down in (0, -1.3, 1.3, -2.6, 2.6, -3.9, 3.9):
        for left in (x + 9, x - 9 - width):
            if left >= 2 and left + width <= WIDTH - 2:
                middle = y + down * LETTERS
                yield left, middle - half, left + width, middle + half
    left = min(max(2.0, x - width / 2), max(2.0, WIDTH - 2 - width))
    yield left, y - 9 - 2 * half, left + width, y - 9


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _all(chart: Chart, axis: int) -> list[float]:
    points = [place for line in chart.lines for place in line.points] + [(point.x, point.y) for point in chart.points]
    columns = [(value, column.height) for column in chart.columns for value in (column.start, column.end)]
    return [place[axis] for place in (*points, *columns)]


def _fitting(values: Sequence[float]) -> Place:
    """Return a range around values, with a tenth of room on both sides; past 0 and 100 only where they are, too."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = (high - low) / 10 or abs(high) / 10 or 1.0
    return (max(0.0, low - room) if low >= 0 else low - room), (min(100.0, high + room) if high <= 100 else high + room)
