"""Objects in images as Pascal VOC has them: a file of XML for each image.

JPEGImages/*.jpg
Annotations/*.xml
ImageSets/Main/val.txt
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from xml.etree import ElementTree as ET

from zoo_core.images import image_suffixes

from ._dataset import Dataset, DatasetError
from ._image_size import image_size
from ._missing import left_out
from ._problems import Problems
from .samples import ObjectsSample

_Annotated: TypeAlias = tuple[Path, tuple[int, int] | None, list[dict[str, Any]]]
"""An image, its height and width, and its objects with the names of their classes."""
_ANNOTATIONS, _IMAGES = ("Annotations", "annotations"), ("JPEGImages", "images", "Images", "")
_ADVICE = (
    "Each object needs a name, and a bndbox with xmin, ymin, xmax and ymax in pixels, from 1 on, inside the image."
)
_TOLERANCE = 1.0
"""By how many pixels a box may leave its image: files of other programs count from 0, or to the far edge."""


def recognises(root: Path) -> bool:
    """Tell whether there is a folder of annotations in XML, here or in `VOCdevkit/VOC2012`."""
    folder = _annotations(_devkit(root))
    return folder is not None and any(path.suffix == ".xml" for path in folder.iterdir())


def splits(root: Path) -> tuple[str, ...]:
    """Return the names of the lists."""
    return tuple(_lists(_devkit(root)))


def read(root: Path, *, split: str = "val") -> Dataset[ObjectsSample]:
    """Read the images of a list, or all that have annotations where there are no lists.

    Difficult objects count as crowds do in COCO: to find them is neither right nor wrong.

    Args:
        root: Has the folders, or `VOCdevkit/VOC2012` with them.
        split: The name of the list, in `ImageSets/Main`.

    Raises:
        DatasetError: There are no annotations, no such list or no images; or annotations cannot be understood.
    """
    devkit = _devkit(root)
    annotations = _annotations(devkit)
    if annotations is None:
        raise DatasetError(f"{root} has no folder Annotations with a file of XML for each image.")
    names, lists = _names(devkit, annotations, split)
    images = _image_folder(devkit, annotations)
    problems = Problems(root, "annotations", _ADVICE)
    known = Counter[str]()
    found, missing = list[_Annotated](), list[str]()
    for name in names:
        image, path = images.get(name), annotations / f"{name}.xml"
        if image is None or not path.is_file():
            missing.append(name)
        else:
            size = image_size(image)
            found.append((image, size, list(_objects(path, size, problems))))
            known.update(one["name"] for one in found[-1][2])
    problems.refuse()
    if not found:
        raise DatasetError(f"None of the {len(names)} images of {annotations} is there, such as {names[0]}.jpg.")
    if not known:
        raise DatasetError(f"{annotations} has no objects in any of {len(found)} images: nothing can be compared.")
    categories = tuple(sorted(known))
    return Dataset(
        layout="voc",
        root=root,
        samples=tuple(_samples(root, found, {name: place for place, name in enumerate(categories)})),
        categories=categories,
        category_ids=tuple(range(len(categories))),
        notes=left_out(missing, f"of {len(names)} images are missing, or their annotations"),
        files=lists,
    )


def _samples(root: Path, found: Sequence[_Annotated], places: Mapping[str, int]) -> Iterator[ObjectsSample]:
    count = 0
    for number, (image, size, objects) in enumerate(found, 1):
        height, width = size or (0, 0)
        numbered = []
        for one in objects:
            count += 1
            facts = {name: value for name, value in one.items() if name != "name"}
            numbered.append({"id": count, "category_id": places[one["name"]], **facts})
        yield ObjectsSample(
            name=image.relative_to(root).as_posix(),
            paths=(image,),
            image_id=number,
            height=height,
            width=width,
            objects=tuple(numbered),
        )


def _objects(path: Path, size: tuple[int, int] | None, problems: Problems) -> Iterator[dict[str, Any]]:
    """Yield the objects of an image with the names of their classes."""
    try:
        found = ET.parse(path).getroot().findall("object")  # noqa: S314 # expat bounds what entities grow to
    except (ET.ParseError, OSError, ValueError) as error:
        line = error.position[0] if isinstance(error, ET.ParseError) else "whole file"
        problems.add(path, line, f"no XML: {error}")
        return
    for number, one in enumerate(found, 1):
        try:
            yield _object(one, size)
        except ValueError as error:
            problems.add(path, f"object {number}", str(error))


def _object(one: ET.Element, size: tuple[int, int] | None) -> dict[str, Any]:
    """Return an object as COCO has it: the pixels `xmin` to `xmax`, both included, counted from 1."""
    name = (one.findtext("name") or "").strip()
    if not name:
        raise ValueError("it has no name")
    left, top, right, bottom = (_number(one, side) for side in ("xmin", "ymin", "xmax", "ymax"))
    if right < left or bottom < top:
        raise ValueError(f"its box of {name} goes from ({left:g}, {top:g}) back to ({right:g}, {bottom:g})")
    height, width = size or (math.inf, math.inf)
    if min(left, top) < 1 - _TOLERANCE or right > width + _TOLERANCE or bottom > height + _TOLERANCE:
        box = f"({left:g}, {top:g}) to ({right:g}, {bottom:g})"
        raise ValueError(f"its box of {name}, {box}, is not inside {width:g} x {height:g} pixels")
    across, down = right - left + 1, bottom - top + 1
    crowd = int((one.findtext("difficult") or "").strip() == "1")
    return {"name": name, "bbox": [left - 1, top - 1, across, down], "area": across * down, "iscrowd": crowd}


def _number(one: ET.Element, side: str) -> float:
    text = (one.findtext(f"bndbox/{side}") or "").strip()
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"its {side} is {text!r}, no number" if text else f"it has no {side}") from None
    if not math.isfinite(value):
        raise ValueError(f"its {side} is {text}")
    return value


def _names(devkit: Path, annotations: Path, split: str) -> tuple[list[str], tuple[Path, ...]]:
    """Return the names of the images, and the file that lists them, if there is one."""
    lists = devkit / "ImageSets" / "Main"
    path = lists / f"{split}.txt"
    if path.is_file():
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        return [line.split()[0] for line in lines if line.strip()], (path,)
    others = _lists(devkit)
    if others:
        raise DatasetError(f"There is no list {path}: choose a split that is there: {', '.join(others)}.")
    return sorted(path.stem for path in annotations.glob("*.xml")), ()


def _lists(devkit: Path) -> list[str]:
    return sorted(path.stem for path in (devkit / "ImageSets" / "Main").glob("*.txt") if "_" not in path.stem)


def _image_folder(devkit: Path, annotations: Path) -> dict[str, Path]:
    """Return the images by name, of the first folder that has some."""
    suffixes = image_suffixes()
    for folder in [*(devkit / name for name in _IMAGES), annotations]:
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        found = {path.stem: path for path in paths if path.suffix.lower() in suffixes}
        if found:
            return found
    return {}


def _annotations(devkit: Path) -> Path | None:
    return next((devkit / name for name in _ANNOTATIONS if (devkit / name).is_dir()), None)


def _devkit(root: Path) -> Path:
    """Return the folder that has the annotations: this one, or the last year's of a development kit."""
    below = [*root.glob("VOC20*"), *root.glob("VOCdevkit/VOC20*")]
    years = sorted((path for path in below if _annotations(path)), key=lambda path: path.name)
    return root if _annotations(root) is not None or not years else years[-1]
