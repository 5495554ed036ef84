"""Pictures of predictions, in a folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ._pipeline import Outcome
from ._predictor import Predictor
from ._results import Failure
from ._sources import Source


class PictureFolder:
    """Saves a picture of each prediction, `photo.jpg` as `photo.png`.

    Args:
        folder: Where the pictures go; it is made when the first one is saved.
        predictor: Draws them.
        sources: All that will be predicted on: names that would be given twice are told apart by a number.
    """

    def __init__(self, folder: Path, predictor: Predictor[Any, Any], sources: Iterable[Source]) -> None:
        self.folder = folder
        self._predictor = predictor
        self._names: dict[Source, str] = {}
        taken: set[str] = set()
        for source in sources:
            name = stem = source.paths[0].stem
            number = 1
            while name.lower() in taken:
                number += 1
                name = f"{stem}-{number}"
            taken.add(name.lower())
            self._names[source] = f"{name}.png"

    def save(self, outcome: Outcome[Source, Any]) -> Path | None:
        """Draw an outcome and save it.

        Returns:
            The picture's path; `None` for a failure, of which there is none.

        Raises:
            OSError: It cannot be written.
        """
        if isinstance(outcome.prediction, Failure):
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / self._names[outcome.source]
        self._predictor.draw(outcome.decoded, outcome.prediction).save(path)
        return path
