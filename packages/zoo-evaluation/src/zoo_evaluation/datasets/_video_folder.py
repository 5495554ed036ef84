"""A folder of videos for each class: a class's index is its place among the sorted names.

A file `dataset.json` beside the folders may say which published data set they are, as for images.
"""

from pathlib import Path

from zoo_core.prediction import VIDEO_SUFFIXES

from ._class_folders import hold_files, read_folders, subfolders
from ._dataset import Dataset
from ._image_folder import published_in
from .samples import ClassSample


def recognises(root: Path) -> bool:
    """Tell whether there are folders that hold videos."""
    return hold_files(subfolders(root), VIDEO_SUFFIXES)


def read(root: Path) -> Dataset[ClassSample]:
    """Read the videos of each class's folder, however deep.

    Raises:
        DatasetError: There are no classes, or no videos.
    """
    return read_folders(
        root,
        subfolders(root),
        VIDEO_SUFFIXES,
        layout="video-folder",
        what="videos",
        published=published_in(root),
    )
