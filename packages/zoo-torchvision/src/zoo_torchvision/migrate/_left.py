"""What a migration leaves as it is, and why."""

from collections.abc import Iterable
from typing import NamedTuple


class Left(NamedTuple):
    """Something that has to do with torchvision and was left as it is.

    Args:
        line: Where, counted from 1; 0 stands for the whole file.
        names: What, as torchvision calls it, or as the program does.
        reason: Why, and what to do.
    """

    line: int
    names: tuple[str, ...]
    reason: str


def grouped(found: Iterable[Left]) -> tuple[Left, ...]:
    """Return these by line, those of one line and one reason as one."""
    groups: dict[tuple[int, str], dict[str, None]] = {}
    for line, names, reason in found:
        groups.setdefault((line, reason), {}).update(dict.fromkeys(names))
    return tuple(Left(line, tuple(names), reason) for (line, reason), names in sorted(groups.items()))
