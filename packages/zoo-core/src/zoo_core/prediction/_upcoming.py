"""What is left to be done in a run, looked at before it is taken; and whether making the model faster pays for it."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ._sources import Source

if TYPE_CHECKING:
    from torch import nn

CALLS = 18
"""How long optimising a model takes, in calls of it, and …"""
SECONDS = 0.5
"""… in seconds more."""
GAIN = 0.4
"""By which share calls are shorter afterwards. Measured on eight images of 64 to 224 pixels, on a CPU, all three."""
_MOST = 100_000
"""How many sources are listed ahead at most; for so many, it pays whatever the model."""


class Upcoming(Iterator[Source]):
    """Sources in their order, of which some can be asked for in advance.

    Args:
        sources: What there is. An error of theirs comes when its turn comes.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = iter(sources)
        self._listed: deque[Source] = deque()
        self._error: Exception | None = None

    def has(self, count: int) -> bool:
        """Tell whether so many are left at least; they are listed, and no more."""
        while len(self._listed) < count and self._error is None:
            try:
                self._listed.append(next(self._sources))
            except Exception as error:  # noqa: BLE001 # raised when its turn comes
                self._error = error
        return len(self._listed) >= count

    def __next__(self) -> Source:
        if self.has(1):
            return self._listed.popleft()
        assert self._error is not None
        raise self._error


def optimizing_pays(model: "nn.Module", example: tuple[Any, ...], at_once: int, upcoming: Upcoming) -> bool:
    """Tell whether a model that is optimised first is done sooner with what is upcoming.

    Few inputs are decided on by their number alone; for more, two calls are measured.

    Args:
        model: In evaluation mode.
        example: What it is called with.
        at_once: For how many inputs a call stands.
        upcoming: What is left to be predicted on.
    """
    if not upcoming.has(inputs_to_pay(at_once, math.inf)):
        return False
    import torch

    from zoo_core.inference._optimize import seconds_of_call

    with torch.inference_mode():
        seconds_of_call(model, example)
        seconds = seconds_of_call(model, example)
    return upcoming.has(inputs_to_pay(at_once, seconds))


def inputs_to_pay(at_once: int, seconds: float) -> int:
    """Return for how many inputs optimising takes as long as it saves.

    Args:
        at_once: How many inputs a call takes.
        seconds: How long it takes.

    Example:
        >>> from zoo_core.prediction._upcoming import inputs_to_pay
        >>> inputs_to_pay(8, 0.8), inputs_to_pay(8, 0.01)
        (373, 1360)
    """
    return min(_MOST, math.ceil(at_once * (CALLS + SECONDS / seconds) / GAIN))
