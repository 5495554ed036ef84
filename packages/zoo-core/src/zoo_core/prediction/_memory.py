"""What a run of predictions holds in memory: what has been read, and waits for the model or for its picture."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass

MOST_BYTES = 2**30
"""How much may wait, read ahead and in the batch together. One input more may be there, however large it is."""


class Budget:
    """Lets reading ahead wait while too much has been read already.

    Inputs are numbered in the order in which they are asked for. The next one is always let in, so that a single input
    that takes more than all is predicted on, too.

    Args:
        most: How many bytes may be held.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self._held = 0
        self._next = 0
        self._changed = threading.Condition()

    def wait(self, number: int) -> None:
        """Return when the input of that number may be read."""
        with self._changed:
            self._changed.wait_for(lambda: self._held < self.most or number <= self._next)

    def ask_for(self, number: int) -> None:
        """Let the input of that number in, and those before it."""
        with self._changed:
            self._next = number
            self._changed.notify_all()

    def add(self, count: int) -> None:
        """Note bytes that are held from now on; a negative number, that they are not any more."""
        with self._changed:
            self._held += count
            self._changed.notify_all()


def bytes_of(*values: object) -> int:
    """Return how many bytes the tensors, arrays and images in values take, each once; what else there is is small.

    Example:
        >>> import torch
        >>> image = torch.zeros(3, 4, 4)
        >>> bytes_of((image, "its name"), image)
        192
    """
    found: dict[int, int] = {}
    _note(values, found)
    return sum(found.values())


def _note(value: object, found: dict[int, int]) -> None:
    if isinstance(value, (str, bytes, int, float)) or value is None or id(value) in found:
        return
    if isinstance(count := getattr(value, "nbytes", None), int):  # tensors and arrays
        found[id(value)] = count
    elif hasattr(value, "getbands") and hasattr(value, "size"):
        width, height = value.size
        found[id(value)] = width * height * (1 if len(value.getbands()) == 1 else 4)  # as Pillow has it in memory
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            _note(getattr(value, field.name), found)
    elif isinstance(value, Mapping):
        _note(tuple(value.values()), found)
    elif isinstance(value, Iterable) and isinstance(value, (tuple, list, set, frozenset)):
        for item in value:
            _note(item, found)
