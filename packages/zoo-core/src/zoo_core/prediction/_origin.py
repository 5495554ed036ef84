"""The way back from a prediction to what it was made of, so that it can be drawn."""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._inputs import in_memory, is_path, readable
from ._memory import bytes_of

if TYPE_CHECKING:
    from PIL import Image

    from ._predictor import Predictor
    from ._results import Prediction
    from ._sources import Source

MOST_KEPT = 256 * 2**20
"""How many bytes of inputs in memory a run keeps for drawing: the last ones."""


class Kept:
    """The inputs in memory that a run has seen last. Older ones are found as long as somebody else has them, too.

    Args:
        most: How many bytes are kept, of the last input at least.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._held = 0
        self._values: OrderedDict[int, tuple[object, int]] = OrderedDict()
        self._number = 0
        self._lock = threading.Lock()

    def keep(self, value: object) -> Callable[[], object | None]:
        """Keep an input, and return what gives it back, or `None` when it is gone."""
        size = len(value) if isinstance(value, bytes) else bytes_of(value)
        with self._lock:
            self._number += 1
            number = self._number
            self._values[number] = value, size
            self._held += size
            while self._held > self._most and len(self._values) > 1:
                _, (_, freed) = self._values.popitem(last=False)
                self._held -= freed
        try:
            elsewhere: Callable[[], object | None] = weakref.ref(value)
        except TypeError:  # bytes
            elsewhere = _nothing
        return lambda: self._values.get(number, (None, 0))[0] if number in self._values else elsewhere()


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Origin:
    """What a prediction was made of.

    Args:
        predictor: One that reads and draws, without its model.
        name: The source's.
        files: Paths, and what gives inputs in memory back.
    """

    predictor: "Predictor[Any, Any]"
    name: str
    files: tuple[Path | Callable[[], object | None], ...]

    @classmethod
    def of(cls, predictor: "Predictor[Any, Any]", source: "Source", kept: Kept) -> "Origin":
        """Note a source: its paths, wherever the process goes, or its contents."""
        files = tuple(file.absolute() if isinstance(file, Path) else kept.keep(file) for file in source.files)
        return cls(predictor, str(source), files)

    def draw(self, prediction: "Prediction", given: Any = None) -> "Image.Image":  # an input, or two
        """Draw a prediction, on what is given or on what it was made of.

        Raises:
            ValueError: The task has no pictures, or the input is gone.
            FileNotFoundError: The file is gone.
        """
        from ._predictor import Predictor

        if type(self.predictor).draw is Predictor.draw:
            raise ValueError(f"There is no picture of a {type(prediction).__qualname__}: its task draws none.")
        files = list(map(self._found, self.files)) if given is None else self._given(given)
        try:
            decoded = self.predictor.read([readable(file, self.predictor.media) for file in files])
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{self.name} is not there any more: give its image, prediction.draw(image), from where it is now."
            ) from error
        return self.predictor.draw(decoded, prediction)

    def _found(self, file: Path | Callable[[], object | None]) -> object:
        if isinstance(file, Path):
            return file
        content = file()
        if content is None:
            raise ValueError(
                f"{self.name} was in memory, of which a run keeps the last {MOST_KEPT >> 20} MiB, and is gone: draw it "
                "sooner, or give the image: prediction.draw(image)."
            )
        return content

    def _given(self, given: Any) -> list[object]:
        parts = given if isinstance(given, (tuple, list)) else (given,)
        if len(parts) != len(self.files):
            raise ValueError(f"{self.name} was made of {len(self.files)} inputs, and {len(parts)} are given.")
        files: list[object] = []
        for part in parts:
            if is_path(part):
                files.append(Path(part))
                continue
            found = in_memory(part, "what is given", self.predictor.media)
            if found.problem is not None:
                raise ValueError(found.problem)
            files.append(found.content)
        return files
