"""Where the texts of boxes are put."""

from collections.abc import Iterator

Place = tuple[int, int, int, int]


class LabelPlaces:
    """Finds a place for one text after the other: within the picture, at its box, and on no other text if possible."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._taken: list[Place] = []

    def place(self, box: Place, room: tuple[int, int], line_width: int) -> tuple[int, int]:
        """Return the upper left corner of a text of a size, `room` (width, height), beside a box (x1, y1, x2, y2).

        Example:
            >>> places = LabelPlaces((640, 480))
            >>> places.place((100, 50, 300, 400), (60, 16), 2), places.place((100, 50, 300, 400), (60, 16), 2)
            ((100, 34), (240, 34))
        """
        candidates = list(self._candidates(box, room, line_width))
        best = min(candidates, key=self._hidden)  # the first of the best
        self._taken.append(best)
        return best[0], best[1]

    def _candidates(self, box: Place, room: tuple[int, int], line_width: int) -> Iterator[Place]:
        """Yield places above the box, inside at its top, below it, inside at its bottom; left, then right."""
        left, top, right, bottom = box
        width, height = room
        inside = left + line_width, right - line_width - width
        rows = [
            (top - height, (left, right - width)),
            (top + line_width, inside),
            (bottom + 1, (left, right - width)),
            (bottom - line_width - height, inside),
        ]
        for y, columns in rows:
            for x in columns:
                if 0 <= y <= self._size[1] - height:
                    yield self._within(x, y, room)
        yield self._within(left, top, room)

    def _within(self, x: int, y: int, room: tuple[int, int]) -> Place:
        """Move a place into the picture."""
        x = max(0, min(x, self._size[0] - room[0]))
        y = max(0, min(y, self._size[1] - room[1]))
        return x, y, x + room[0], y + room[1]

    def _hidden(self, place: Place) -> int:
        """Return how many pixels of other texts it would hide."""
        return sum(
            max(0, min(place[2], other[2]) - max(place[0], other[0]))
            * max(0, min(place[3], other[3]) - max(place[1], other[1]))
            for other in self._taken
        )
