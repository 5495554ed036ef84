"""Pictures of predictions, in a folder."""

import errno
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from ._output_names import OutputNames
from ._pipeline import Outcome
from ._predictor import Predictor
from ._results import Failure
from ._sources import Source
from ._stamp import SOFTWARE, stamp


def picture_drawn_from(path: Path) -> str | None:
    """Return which source zoo has drawn a picture of; `None` for whatever else there is under the path, links too."""
    from PIL import Image

    from zoo_core.images import most_pixels
    from zoo_core.images._pillow import lenient_pillow

    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with lenient_pillow(most_pixels()), Image.open(path, formats=("PNG",)) as picture:
            facts = picture.info
            return facts.get("Source") if facts.get("Software") == SOFTWARE else None
    except Exception:  # noqa: BLE001 # whatever a file holds that zoo has not drawn
        return None


class PictureFolder:
    """Saves a picture of each prediction, `photo.jpg` as `photo.png`.

    What is in the folder stays as it is, but for pictures that zoo has drawn of the same source before: under a name
    that anything else has, the picture gets another, such as `photo-2.png`.

    Args:
        folder: Where the pictures go; it is made when the first one is saved.
        predictor: Draws them.
        sources: What will be predicted on, if all is known and `names` are not.
        names: The names of the sources.
    """

    def __init__(
        self,
        folder: Path,
        predictor: Predictor[Any, Any],
        sources: Iterable[Source] = (),
        *,
        names: OutputNames | None = None,
    ) -> None:
        self.folder = folder
        self._predictor = predictor
        self._names = OutputNames() if names is None else names
        for _ in self._names.named(sources):
            pass

    def save(self, outcome: Outcome[Source, Any]) -> Path | None:
        """Draw an outcome and save it.

        Returns:
            The picture's path; `None` for a failure, of which there is none.

        Raises:
            OSError: It cannot be written.
        """
        if isinstance(outcome.prediction, Failure):
            return None
        path = self.folder / f"{self._names.of(outcome.source)}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = self._predictor.draw(outcome.decoded, outcome.prediction)
        temporary = path.parent / f".zoo-{os.urandom(8).hex()}.tmp"
        try:
            with temporary.open("xb") as file:
                picture.save(file, "PNG", pnginfo=stamp(str(outcome.source)))
            return place(temporary, path, str(outcome.source))
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()


def place(
    temporary: Path, path: Path, source: str, drawn_from: Callable[[Path], str | None] = picture_drawn_from
) -> Path:
    """Move a file to a name that is free, or that an older file has which zoo has drawn of the same source.

    Args:
        temporary: The file.
        path: Its name, if that is free; otherwise it gets a number.
        source: What it was drawn of.
        drawn_from: Tells of a path which source zoo has drawn a file of; for PNG files if not given.

    Returns:
        Where the file is then.
    """
    source = source.encode(errors="backslashreplace").decode()
    for number in count(1):
        numbered = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        if _move_without_replacing(temporary, numbered):
            return numbered
        if drawn_from(numbered) == source:
            temporary.replace(numbered)
            return numbered
    raise AssertionError("numbers do not end")


def _move_without_replacing(old: Path, new: Path) -> bool:
    """Give a file another name, unless that is taken; where it is, return `False`."""
    try:
        new.hardlink_to(old)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO}:
            raise
    else:
        return True
    try:  # a file system without links: an empty file takes the name first
        new.open("xb").close()
    except FileExistsError:
        return False
    old.replace(new)
    return True
