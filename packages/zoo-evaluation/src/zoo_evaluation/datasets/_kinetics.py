"""Kinetics-400: `val/CLASS/ID.mp4`, 400 folders; classes are found by their names, with spaces or underscores."""

from dataclasses import replace
from pathlib import Path

from zoo_core.prediction import VIDEO_SUFFIXES

from ._class_folders import read_folders, subfolders
from ._dataset import Dataset, DatasetError
from .samples import ClassSample

PUBLISHED = "Kinetics-400"
"""What weights entries call it."""
CLASSES = 400
VIDEOS = 19877
"""Of the validation split, when the published numbers were measured."""
_FIRST_AND_LAST = {"abseiling", "zumba"}


def recognises(root: Path) -> bool:
    """Tell whether there are 400 folders, of which the first and the last have the names of Kinetics' classes."""
    names = {folder.name.lower() for folder in subfolders(_split(root, "val"))}
    return len(names) == CLASSES and names >= _FIRST_AND_LAST


def splits(root: Path) -> tuple[str, ...]:
    """Return which of train and val have a folder."""
    return tuple(split for split in ("train", "val") if subfolders(root / split))


def read(root: Path, *, split: str = "val") -> Dataset[ClassSample]:
    """Read the videos of each class's folder; how many of those that once were are left is noted.

    Args:
        root: Has a folder with the split's name, or is that folder.
        split: `"val"` is what the published numbers are for.

    Raises:
        DatasetError: There are no videos, or more folders than classes.
    """
    folder = _split(root, split)
    classes = subfolders(folder)
    if len(classes) > CLASSES:
        raise DatasetError(
            f"{folder} has {len(classes)} folders, and Kinetics-400 has {CLASSES} classes: is it Kinetics-600 or 700? "
            "Keep the folders of the 400 classes, or choose --layout video-folder."
        )
    dataset = read_folders(
        folder,
        classes,
        VIDEO_SUFFIXES,
        layout="kinetics",
        what="videos",
        published=PUBLISHED if split == "val" else "",
    )
    notes = list(dataset.notes)
    if len(classes) < CLASSES:
        notes.append(f"{CLASSES - len(classes)} of Kinetics' {CLASSES} classes have no folder.")
    if split == "val":
        notes.append(f"{len(dataset)} of the {VIDEOS} videos of Kinetics-400's validation split are there.")
    return replace(dataset, root=root, notes=tuple(notes))


def _split(root: Path, split: str) -> Path:
    return root / split if (root / split).is_dir() else root
