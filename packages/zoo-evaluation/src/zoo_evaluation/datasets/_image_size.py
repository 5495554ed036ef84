"""The size of an image from the header of its file: nothing is decoded."""

import warnings
from pathlib import Path

from PIL import Image
from PIL.ExifTags import Base

_TURNED = frozenset({5, 6, 7, 8})
"""The orientations of EXIF by which width and height change places."""


def image_size(path: Path) -> tuple[int, int] | None:
    """Return height and width in pixels of an image as it is shown, upright; `None` if the file does not tell.

    Example:
        >>> from pathlib import Path
        >>> from zoo_evaluation.datasets import image_size
        >>> image_size(Path("cat.jpg"))
        (128, 160)
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            width, height = image.size
            turned = image.format != "TIFF" and image.getexif().get(Base.Orientation, 1) in _TURNED
    except Exception:  # noqa: BLE001 # a damaged file says so, with its reason, when it is to be predicted on
        return None
    return (width, height) if turned else (height, width)
