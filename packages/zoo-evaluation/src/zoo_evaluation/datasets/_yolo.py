"""Objects in images as YOLO's text files have them: `class cx cy w h` a line, in shares of the image, or a polygon.

images/val/*.jpg, labels/val/*.txt, data.yaml with the names of the classes, or classes.txt
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo_core.images import image_suffixes

from ._dataset import Dataset, DatasetError
from ._image_size import image_size
from ._missing import left_out
from ._problems import Problems
from ._yolo_line import object_of, parse_line
from ._yolo_names import Description, find_description
from .samples import ObjectsSample

_ADVICE = (
    "Each line is a class's number, from 0 on, and a box as centre x, centre y, width and height, or a polygon as x y "
    "of three points or more: all in shares of the image, 0 to 1. Correct the lines, or remove them."
)


def recognises(root: Path) -> bool:
    """Tell whether there are names of classes, and images with text files of labels."""
    description = find_description(root)
    return description is not None and any(
        True for split in ("val", "train") for _ in _label_files(_images(description, split)[0])
    )


def splits(root: Path) -> tuple[str, ...]:
    """Return which of train, val and test have images of their own."""
    description = find_description(root)
    if description is None:
        return ()
    looked = {split: _images(description, split) for split in ("train", "val", "test")}
    places = {split: place for split, (found, place) in looked.items() if found}
    shared = [_images(description, "")[1], *places.values()]  # without folders for splits, images/ is that of all
    return tuple(split for split, place in places.items() if shared.count(place) == 1)


def read(root: Path, *, split: str = "val") -> Dataset[ObjectsSample]:
    """Read the labels of each image; one without a file of labels has no objects.

    Args:
        root: The folder, or its `data.yaml`.
        split: Which images, where there are several folders of them.

    Raises:
        DatasetError: There are no names of classes, no images, or no labels; or labels cannot be understood.
    """
    description = find_description(root)
    if description is None:
        raise DatasetError(
            f"{root} has no names of classes: expected data.yaml with `names:`, or classes.txt with one a line."
        )
    base = root if root.is_dir() else root.parent
    images, where = _images(description, split)
    if not images:
        raise DatasetError(
            f"{where} has no images: expected images/{split}/*.jpg, or what `{split}:` of data.yaml names."
        )
    if not any(True for _ in _label_files(images)):
        raise DatasetError(
            f"None of the {len(images)} images in {where} has labels, such as {_labels_of(images[0])}: expected a text "
            "file of the same name, in a folder labels beside images."
        )
    problems = Problems(base, "lines of labels", _ADVICE)
    reader = _Reader(len(description.names), problems)
    samples = tuple(reader.sample(number, path, base) for number, path in enumerate(images, 1))
    _refuse_off_by_one(base, reader, description)
    problems.refuse()
    return Dataset(
        layout="yolo",
        root=root,
        samples=samples,
        categories=description.names,
        category_ids=tuple(range(len(description.names))),
        notes=(*_notes(reader, len(images)), *left_out(_without_image(images, base), "files of labels have no image")),
        files=(description.path,),
    )


@dataclass
class _Reader:
    """Reads labels, and counts what is noticed on the way."""

    num_classes: int
    problems: Problems
    objects: int = 0
    without_labels: int = 0
    labels: list[int] = field(default_factory=list)

    def sample(self, number: int, path: Path, base: Path) -> ObjectsSample:
        """Return an image with its objects."""
        size = image_size(path)
        labels = _labels_of(path)
        height, width = size or (1, 1)
        found = []
        if labels.is_file():
            for line, text in enumerate(_text(labels, self.problems).split("\n"), 1):
                one = self._object(labels, line, text, (height, width)) if text.strip() else None
                found += [] if one is None else [one]
        else:
            self.without_labels += 1
        name = path.relative_to(base) if path.is_relative_to(base) else path
        return ObjectsSample(
            name=name.as_posix(),
            paths=(path,),
            image_id=number,
            height=0 if size is None else height,
            width=0 if size is None else width,
            objects=tuple(found),
        )

    def _object(self, path: Path, line: int, text: str, size: tuple[int, int]) -> dict[str, Any] | None:
        """Return the object of a line, or note what is wrong with it."""
        try:
            label, shares = parse_line(text)
            self.labels.append(label)
            found = object_of(label, shares, self.num_classes, size)
        except ValueError as error:
            self.problems.add(path, line, str(error))
            return None
        self.objects += 1
        return {"id": self.objects, **found}


def _refuse_off_by_one(base: Path, reader: _Reader, description: Description) -> None:
    count = len(description.names)
    if reader.labels and max(reader.labels) == count and min(reader.labels) >= 1:
        raise DatasetError(
            f"{base}: the labels' classes go from {min(reader.labels)} to {count}, and {description.path} names "
            f"{count}, which count from 0 to {count - 1}. The labels are off by one: subtract 1, or name class 0."
        )


def _notes(reader: _Reader, images: int) -> tuple[str, ...]:
    if not reader.without_labels:
        return ()
    return (f"{reader.without_labels} of {images} images have no file of labels: they count as without objects.",)


def _images(description: Description, split: str) -> tuple[list[Path], Path]:
    """Return the images of a split, in order, and where they were looked for."""
    suffixes = image_suffixes()
    for place in description.places(split):
        if place.is_file():
            lines = place.read_text(encoding="utf-8", errors="replace").split("\n")
            named = [place.parent / line.strip() for line in lines if line.strip()]
            return sorted(path for path in named if path.is_file()), place
        found = sorted(path for path in place.rglob("*") if path.suffix.lower() in suffixes) if place.is_dir() else []
        if found:
            return found, place
    return [], description.root


def _labels_of(image: Path) -> Path:
    """Return where an image's labels are: beside it, or in the folder labels where the image is in images."""
    parts = list(image.parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            return Path(*parts).with_suffix(".txt")
    return image.with_suffix(".txt")


def _label_files(images: Sequence[Path]) -> Iterator[Path]:
    return (path for path in map(_labels_of, images) if path.is_file())


def _without_image(images: Sequence[Path], base: Path) -> list[str]:
    """Return the files of labels in the same folders that belong to no image."""
    known = {_labels_of(path) for path in images}
    folders = dict.fromkeys(path.parent for path in known)
    found = [path for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.txt"))]
    extra = [path for path in found if path not in known and path.name not in {"classes.txt", "notes.txt"}]
    return [(path.relative_to(base) if path.is_relative_to(base) else path).as_posix() for path in extra]


def _text(path: Path, problems: Problems) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        problems.add(path, "whole file", "no text in UTF-8")
        return ""
