"""People's own label maps: a folder of images, one of label maps of the same names, and the names of the classes.

images/**/NAME.jpg
labels/**/NAME.png
categories.txt, a name a line, or categories.json, a list: in the order of the classes' numbers
"""

import json
from pathlib import Path

from zoo_core.images import image_suffixes

from ._dataset import Dataset, DatasetError
from ._label_files import IGNORED, check_label_files
from ._missing import left_out
from .pixel_samples import LabelFileSample

_CATEGORIES = ("categories.txt", "categories.json")


def recognises(root: Path) -> bool:
    """Tell whether there are both folders, and label maps in the one."""
    return (root / "images").is_dir() and any((root / "labels").rglob("*.png"))


def read(root: Path) -> Dataset[LabelFileSample]:
    """Read the images that have a label map.

    Raises:
        DatasetError: There are none, they do not fit, or the classes are not named.
    """
    categories, file = _categories(root)
    images, labels = _by_stem(root / "images", image_suffixes()), _by_stem(root / "labels", frozenset({".png"}))
    samples = [
        LabelFileSample(name=path.relative_to(root / "images").as_posix(), paths=(path,), labels=labels[stem])
        for stem, path in images.items()
        if stem in labels
    ]
    if not samples:
        raise DatasetError(f"No image in {root / 'images'} has a label map of its name in {root / 'labels'}.")
    check_label_files(root, samples, len(categories))
    return Dataset(
        layout="label-map-folder",
        root=root,
        samples=tuple(samples),
        categories=categories,
        notes=left_out(sorted(images.keys() - labels.keys()), "images have no label map")
        + left_out(sorted(labels.keys() - images.keys()), "label maps have no image"),
        files=(file,),
    )


def _by_stem(folder: Path, suffixes: frozenset[str]) -> dict[str, Path]:
    """Return the files by their path without the suffix, sorted."""
    found = dict[str, Path]()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in found:
            raise DatasetError(f"{found[stem]} and {path} have the same name: which belongs to {stem}?")
        found[stem] = path
    return found


def _categories(root: Path) -> tuple[tuple[str, ...], Path]:
    """Return the names of the classes, and the file that has them."""
    for path in (root / name for name in _CATEGORIES):
        if path.is_file():
            return _checked(path, _names(path)), path
    raise DatasetError(
        f"{root} does not name its classes: expected {' or '.join(_CATEGORIES)} beside images/ and labels/, with the "
        "names in the order of their numbers in the label maps, from 0 on."
    )


def _names(path: Path) -> list[object]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".txt":
        return [line.strip() for line in text.split("\n") if line.strip()]
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DatasetError(f"{path} is not JSON: {error}.") from None
    if not isinstance(content, list):
        raise DatasetError(f"{path} should hold a list of names, found {type(content).__name__}.")
    return content


def _checked(path: Path, names: list[object]) -> tuple[str, ...]:
    known = tuple(name for name in names if isinstance(name, str))
    if len(known) < len(names) or not 1 <= len(known) <= IGNORED or len(set(known)) < len(known):
        raise DatasetError(
            f"{path} should have from 1 to {IGNORED} names, all different, found {len(names)}: {names[:5]}."
        )
    return known
