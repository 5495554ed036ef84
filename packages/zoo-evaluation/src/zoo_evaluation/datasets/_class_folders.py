"""A folder of files for each class: a class's index is its place among the sorted names."""

from collections.abc import Callable, Sequence, Set
from pathlib import Path

from ._dataset import Dataset, DatasetError
from ._missing import left_out
from .samples import ClassSample


def hold_files(folders: Sequence[Path], suffixes: Set[str]) -> bool:
    """Tell whether there are files with one of these suffixes, in lower case, however deep."""
    return any(_is_one(path, suffixes) for folder in folders for path in folder.rglob("*"))


def subfolders(root: Path) -> list[Path]:
    """Return the folders in a folder by name; none where there is no folder."""
    if not root.is_dir():
        return []
    folders = (path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    return sorted(folders, key=lambda path: path.name)


def read_folders(
    root: Path,
    folders: Sequence[Path],
    suffixes: Set[str],
    *,
    layout: str,
    what: str,
    published: str = "",
    label: Callable[[str], int] | None = None,
) -> Dataset[ClassSample]:
    """Read the files of each class's folder, however deep.

    Args:
        root: Where the folders are.
        folders: One for each class.
        suffixes: Of the files, in lower case.
        layout: The name of the layout.
        what: The files are, for people: `"images"`.
        published: Which published data set it is.
        label: Gives the label of a folder's name; by default its place among the sorted names, which become the
            categories.

    Raises:
        DatasetError: There are no classes, or no files.
    """
    names = sorted(folder.name for folder in folders)
    samples, empty = list[ClassSample](), list[str]()
    for folder in sorted(folders, key=lambda path: path.name):
        found = sorted(path for path in folder.rglob("*") if _is_one(path, suffixes))
        if not found:
            empty.append(folder.name)
        place = (label or names.index)(folder.name)
        samples += [ClassSample(name=path.relative_to(root).as_posix(), paths=(path,), label=place) for path in found]
    if not samples:
        raise DatasetError(f"{root} has no folders with {what}: expected one for each class.")
    beside = sorted(path.name for path in root.iterdir() if _is_one(path, suffixes) and not path.is_dir())
    notes = (f"{len(empty)} classes have no {what}: {', '.join(empty[:5])}.",) if empty else ()
    return Dataset(
        layout=layout,
        root=root,
        published=published,
        samples=tuple(samples),
        categories=tuple(names) if label is None else None,
        notes=(*notes, *left_out(beside, f"{what} are in no class's folder")),
    )


def _is_one(path: Path, suffixes: Set[str]) -> bool:
    return path.suffix.lower() in suffixes and not path.name.startswith(".")
