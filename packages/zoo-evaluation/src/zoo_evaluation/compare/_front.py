"""Which of several are beaten by none of the others."""

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> tuple[int, ...]:
    """Return the places of the points that no other one beats: none costs as little and is as good, and better in one.

    Args:
        points: Of each, what it costs (less is better), and how good it is (more is better).

    Returns:
        Places, the cheapest first. Of equal points all are in it, or none.

    Example:
        >>> from zoo_evaluation.compare import pareto_front
        >>> pareto_front([(1.0, 70.0), (2.0, 80.0), (3.0, 75.0)])
        (0, 1)
    """
    order = sorted(range(len(points)), key=lambda place: (points[place][0], -points[place][1]))
    found = list[int]()
    for place in order:
        last = points[found[-1]] if found else None
        if last is None or points[place][1] > last[1] or points[place] == last:
            found.append(place)
    return tuple(found)
