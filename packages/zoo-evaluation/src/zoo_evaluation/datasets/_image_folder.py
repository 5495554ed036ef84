"""A folder of images for each class: a class's index is its place among the sorted names.

A file `dataset.json` beside the folders may say which published data set they are: `{"published": "..."}`.
"""

import json
from pathlib import Path

from zoo_core.images import image_suffixes

from ._class_folders import hold_files, read_folders, subfolders
from ._dataset import Dataset, DatasetError
from .samples import ClassSample


def recognises(root: Path) -> bool:
    """Tell whether there are folders that hold images."""
    return hold_files(subfolders(root), image_suffixes())


def read(root: Path) -> Dataset[ClassSample]:
    """Read the images of each class's folder, however deep.

    Raises:
        DatasetError: There are no classes, or no images.
    """
    return read_folders(
        root,
        subfolders(root),
        image_suffixes(),
        layout="image-folder",
        what="images",
        published=published_in(root),
    )


def published_in(root: Path) -> str:
    """Return which published data set a folder says it is; empty if none.

    Raises:
        DatasetError: It says so in another form.
    """
    path = root / "dataset.json"
    if not path.is_file():
        return ""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["published"])
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f'{path} should hold {{"published": "..."}}, and cannot be read so: {error}.') from None
