"""A CSV file of paths and labels, with the header `path,label`: of images or of videos.

Paths are relative to the file's folder. Labels are names or, where all are whole numbers, places among the model's
classes.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from ._dataset import Dataset, DatasetError
from ._missing import left_out
from ._problems import Problems
from .samples import ClassSample

_DELIMITERS = ",;\t"


def recognises(root: Path) -> bool:
    """Tell whether this is such a file, or a folder with exactly one of them."""
    return len(_files(root)) == 1


def read(root: Path) -> Dataset[ClassSample]:
    """Read the rows whose files are there.

    Args:
        root: The file, or the folder that it is in.

    Raises:
        DatasetError: There is no such file, or several; lines cannot be understood; none of the files is there.
    """
    found = _files(root)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise DatasetError(
            f"{root}: expected one CSV file with the header path,label, found {names}. Give the file's own path."
        )
    path = found[0]
    rows = _rows(path)
    categories, places = _categories(path, [label for _, label in rows.values()])
    samples, missing = list[ClassSample](), list[str]()
    for name, (file, label) in rows.items():
        if file.is_file():
            samples.append(ClassSample(name=name, paths=(file,), label=places[label]))
        else:
            missing.append(name)
    if not samples:
        raise DatasetError(
            f"None of the {len(rows)} files of {path} is there, such as {missing[0]}: paths are relative to "
            f"{path.parent}."
        )
    return Dataset(
        layout="csv",
        root=root,
        samples=tuple(samples),
        categories=categories,
        notes=left_out(missing, f"of {len(rows)} files are listed and not there"),
        files=(path,),
    )


def _files(root: Path) -> list[Path]:
    if root.is_file():
        return [root] if root.suffix.lower() == ".csv" and _delimiter(root) else []
    return [path for path in sorted(root.glob("*.csv")) if _delimiter(path)]


def _delimiter(path: Path) -> str:
    """Return what separates path and label in the header; empty if the header is another."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline(1000)
    except (OSError, UnicodeDecodeError):
        return ""
    return next((each for each in _DELIMITERS if {"path", "label"} <= set(_header(header, each))), "")


def _header(line: str, delimiter: str) -> list[str]:
    return [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]


def _rows(path: Path) -> dict[str, tuple[Path, str]]:
    """Return file and label of each path."""
    found: dict[str, tuple[Path, str]] = {}
    problems = Problems(path.parent, "lines of CSV", "Each line needs the path of a file and its label.")
    for number, name, label in _lines(path, problems):
        if not (name and label):
            problems.add(path, number, f"no {'label' if name else 'path'}")
        elif found.get(name, ("", label))[1] != label:
            problems.add(path, number, f"{name} is {label!r} here and {found[name][1]!r} before")
        else:
            found[name] = (path.parent / _native(path.parent, name), label)
    problems.refuse()
    if not found:
        raise DatasetError(f"{path} has a header and no lines: expected one for each file.")
    return found


def _lines(path: Path, problems: Problems) -> Iterator[tuple[int, str, str]]:
    """Yield the number of each line, its path and its label."""
    delimiter = _delimiter(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        columns = _header(file.readline(), delimiter)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            for row in reader:
                if row:
                    named = dict(zip(columns, row, strict=False))
                    yield reader.line_num + 1, named.get("path", "").strip(), named.get("label", "").strip()
        except (csv.Error, UnicodeDecodeError) as error:
            problems.add(path, reader.line_num + 1, f"{error}")


def _native(folder: Path, name: str) -> Path:
    """Return a path; separators of Windows are understood anywhere."""
    return Path(name) if (folder / name).exists() else Path(name.replace("\\", "/"))


def _categories(path: Path, labels: list[str]) -> tuple[tuple[str, ...] | None, dict[str, int]]:
    """Return the names of the classes, if labels are names, and the place of each label."""
    different = sorted(set(labels))
    try:
        places = {label: int(label) for label in different}
    except ValueError:
        return tuple(different), {label: place for place, label in enumerate(different)}
    if min(places.values()) < 0:
        raise DatasetError(f"{path} has the label {min(places.values())}: numbers of classes count from 0.")
    return None, places
